package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"terraform-provider-waldur/internal/waldur"
)

const (
	usagePath = "marketplace-component-usage-monthly/"
	newestRow = "start=&o=-billing_period&page_size=1" // of all months
)

// prober sends requests to the Waldur server to check, through the provider's client.
type prober struct {
	client    *waldur.Client
	thisMonth waldur.Month // by the clock of this machine

	count int          // of the rows of all months
	start waldur.Month // before all months, or the newest but one if these have too many rows
	known *response    // the list from then on, whose rows show the facts

	stopped *waldur.Error // ended the check
}

// response has the rows of a page or a list. Its finding is ok with the number of rows, or broken
// with the cause of an error.
type response struct {
	finding
	rows  []*waldur.ComponentUsage
	count int // from X-Result-Count, or 0
}

// open reads the rows that show the facts.
func (p *prober) open() {
	newest := p.get(newestRow)
	p.count, p.start = newest.count, waldur.NewMonth(2000, time.January)
	if p.count > 10*waldur.MaxPageSize && len(newest.rows) > 0 {
		p.start = month(newest.rows[0]).Add(-1)
	}
	if p.stopped == nil {
		p.known = p.list(waldur.Query{Start: p.start})
	}
}

// list reads a list as the provider does. The client checks that it is a JSON array of rows with
// the right columns and values, that it has as many rows as the server counts, each with its own
// key, and that they match the filters.
func (p *prober) list(query waldur.Query) *response {
	rows, count, err := p.client.ListComponentUsageMonthly(context.Background(), query)
	return p.response(rows, count, err)
}

// get sends a request as it is, for what the client never sends. Columns may be missing.
func (p *prober) get(query string) *response {
	var rows []*waldur.ComponentUsage
	count := 0
	values, _ := url.ParseQuery(query)
	resp, err := p.client.Get(context.Background(), usagePath, values)
	if err == nil {
		count, _ = resp.Count()
		if json.Unmarshal(resp.Body, &rows) != nil || rows == nil || slices.Contains(rows, nil) {
			err = &waldur.Error{Cause: waldur.NotRows}
		}
	}
	return p.response(rows, count, err)
}

// response ends the check if the response is an HTML page, or if a simple request fails as well:
// the error then says nothing about a fact.
func (p *prober) response(rows []*waldur.ComponentUsage, count int, err error) *response {
	if err == nil {
		return &response{finding{ok, fmt.Sprint("rows: ", len(rows))}, rows, count}
	}
	failed, _ := errors.AsType[*waldur.Error](err)
	if failed.Cause == waldur.HTMLPage {
		p.stopped = failed
	} else if _, err := p.client.Get(context.Background(), usagePath, url.Values{"page_size": {"1"}}); err != nil {
		p.stopped, _ = errors.AsType[*waldur.Error](err)
	}
	text := string(failed.Cause)
	if waldur.ColumnByName(failed.Column) != nil {
		text = failed.Column + ": " + text
	}
	return &response{finding: finding{broken, text}}
}

// month returns the month of a row, or the zero Month.
func month(row *waldur.ComponentUsage) waldur.Month {
	return *cmp.Or(row.BillingPeriod, &waldur.Month{})
}
