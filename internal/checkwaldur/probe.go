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

	count int                      // of all rows
	start waldur.Month             // before all months, or the newest but one if these have too many rows
	rows  []*waldur.ComponentUsage // from then on
	read  finding                  // about the list of these rows

	stopped *waldur.Error // ended the check
}

// open reads the rows that show the facts.
func (p *prober) open() {
	newest := p.get(newestRow)
	p.count, p.start = newest.count, waldur.NewMonth(2000, time.January)
	if p.count > 10*waldur.MaxPageSize && len(newest.rows) > 0 {
		p.start = month(newest.rows[0]).Add(-1)
	}
	if p.stopped == nil {
		p.rows, p.read = p.list(waldur.Query{Start: p.start})
	}
}

// list reads a list as the provider does. The client checks that it is a JSON array of rows with
// the right columns and values, that it has as many rows as the server counts, each with its own
// key, and that they match the filters.
func (p *prober) list(query waldur.Query) ([]*waldur.ComponentUsage, finding) {
	rows, _, err := p.client.ListComponentUsageMonthly(context.Background(), query)
	if err != nil {
		return nil, finding{broken, p.cause(err)}
	}
	return rows, finding{ok, fmt.Sprint("rows: ", len(rows))}
}

// response is the result of a request for a page of rows.
type response struct {
	rows  []*waldur.ComponentUsage // any column may be missing
	count int                      // from X-Result-Count, or 0
	err   error
	text  string // the number of rows, or the cause of the error
}

// get sends a request as it is, for what the client never sends.
func (p *prober) get(query string) *response {
	values, _ := url.ParseQuery(query)
	resp, err := p.client.Get(context.Background(), usagePath, values)
	if err != nil {
		return &response{err: err, text: p.cause(err)}
	}
	r := &response{}
	r.count, _ = resp.Count()
	if json.Unmarshal(resp.Body, &r.rows) != nil || r.rows == nil || slices.Contains(r.rows, nil) {
		return &response{err: &waldur.Error{Cause: waldur.NotRows}, text: string(waldur.NotRows)}
	}
	r.text = fmt.Sprint("rows: ", len(r.rows))
	return r
}

// cause returns the cause of an error and the column that it is about. The check stops at a web
// front end, and if a simple request fails as well: the error then says nothing about a fact.
func (p *prober) cause(err error) string {
	failed, _ := errors.AsType[*waldur.Error](err)
	if failed.Cause == waldur.HTMLPage {
		p.stopped = failed
	} else if _, err := p.client.Get(context.Background(), usagePath, url.Values{"page_size": {"1"}}); err != nil {
		p.stopped, _ = errors.AsType[*waldur.Error](err)
	}
	if waldur.ColumnByName(failed.Column) != nil {
		return failed.Column + ": " + string(failed.Cause)
	}
	return string(failed.Cause)
}

// month returns the month of a row, or the zero Month.
func month(row *waldur.ComponentUsage) waldur.Month {
	return *cmp.Or(row.BillingPeriod, &waldur.Month{})
}
