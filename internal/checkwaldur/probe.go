package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"terraform-provider-waldur/internal/waldur"
)

const (
	usagePath = "marketplace-component-usage-monthly/"
	largePage = "start=&page_size=300" // rows of all months, on a page of the provider's size
)

// prober sends requests to the Waldur server to check, through the provider's client.
type prober struct {
	client    *waldur.Client
	thisMonth waldur.Month // by the clock of this machine

	large  *response                // of largePage
	start  waldur.Month             // before all months, or the newest but one if these have too many rows
	rows   []*waldur.ComponentUsage // from then on
	sample finding                  // about the list of these rows

	blamed map[string]finding // by the name of the fact that made other checks fail
	failed *waldur.Error      // ended the check
}

// open reads the rows that show the facts. An error of its first request ends the check,
// unless it breaks a fact that any list shows.
func (p *prober) open() {
	if first := p.get("page_size=1"); first.failed != nil && causes[first.failed.Cause] == "" {
		p.failed = first.failed
	}
	p.large = p.get(largePage)
	p.start = waldur.NewMonth(2000, time.January)
	if p.large.count > 10*waldur.MaxPageSize && len(p.large.rows) > 0 {
		p.start = p.large.rows[0].month().Add(-1)
	}
	p.rows, p.sample = p.list(waldur.Query{Start: p.start})
}

// response is the result of a request for rows.
type response struct {
	failed  *waldur.Error
	refused map[string]string // the server's text by parameter, in a 400 response
	count   int               // from X-Result-Count, or -1
	rows    []row
}

// row is a row as it was received, by column.
type row map[string]any

// key returns the columns that no two rows share.
func (r row) key() []string {
	text := func(column string) string { text, _ := r[column].(string); return text }
	return []string{text("offering_uuid"), text("component_type"), text("billing_period")}
}

func (r row) month() waldur.Month { return parseMonth(r.key()[2]) }

// get sends a request as it is, for what the client never sends or does not report. After
// an error that ended the check, get and list send nothing.
func (p *prober) get(query string) *response {
	r := &response{failed: p.failed, count: -1}
	if r.failed != nil {
		return r
	}
	values, _ := url.ParseQuery(query)
	resp, err := p.client.Get(context.Background(), usagePath, values)
	if err != nil {
		r.failed = p.note(err)
		r.refused = r.failed.Refused
		return r
	}
	if count, err := strconv.Atoi(resp.Header.Get("X-Result-Count")); err == nil {
		r.count = count
	}
	if err := json.Unmarshal(bytes.TrimPrefix(resp.Body, []byte("\ufeff")), &r.rows); err != nil || r.rows == nil {
		r.failed, r.rows = &waldur.Error{Cause: waldur.NotRows}, nil
	}
	return r
}

// list reads a list as the provider does. The client checks that it is a JSON array of
// rows with the right columns and values, that it has as many rows as the server counts,
// each with its own key, and that they match the filters.
func (p *prober) list(query waldur.Query) ([]*waldur.ComponentUsage, finding) {
	if found := p.blamed[countFact]; found.verdict == broken { // the client would read each list many times
		return nil, finding{notSeen, found.text}
	}
	failed := p.failed
	if failed == nil {
		rows, _, err := p.client.ListComponentUsageMonthly(context.Background(), query)
		if err == nil {
			return rows, p.find(ok, nil, len(rows))
		}
		failed = p.note(err)
	}
	return nil, p.find(broken, failed, 0)
}

// find returns a finding with the cause of an error or the number of rows. If the cause
// breaks another fact, it is that one.
func (p *prober) find(v verdict, failed *waldur.Error, rows int) finding {
	if failed == nil {
		return finding{v, fmt.Sprint("rows: ", rows)}
	}
	text := string(failed.Cause)
	if waldur.ColumnByName(failed.Column) != nil {
		text = failed.Column + ": " + text
	}
	if fact := causes[failed.Cause]; fact != "" {
		p.blamed[fact], v = finding{broken, text}, notSeen
	}
	return finding{v, text}
}

// causes are those that break a fact: the one in this table or, if that is empty, the one
// that the request is for.
var causes = map[waldur.Cause]string{
	waldur.NotRows: arrayFact, waldur.BadRow: columnsFact, waldur.NoCount: countFact, waldur.RowsMissing: countFact, waldur.DataChanges: countFact,
	waldur.FilterIgnored: "", waldur.FilterRefused: "", waldur.BadRequest: "", waldur.HostRefused: "", waldur.NotFound: "", waldur.PageNotFound: "",
	waldur.OtherStatus: "", waldur.TooManyRows: "", waldur.TooManyPages: "",
}

// note ends the check if an error has another cause. A server error breaks a fact if the
// server still responds to the first request.
func (p *prober) note(err error) *waldur.Error {
	failed, _ := errors.AsType[*waldur.Error](err)
	_, breaks := causes[failed.Cause]
	if failed.Cause == waldur.ServerError {
		_, err = p.client.Get(context.Background(), usagePath, url.Values{"page_size": {"1"}})
		breaks = err == nil
	}
	if !breaks {
		p.failed = failed
	}
	return failed
}

// advice says what to do about an error that ended the check.
func advice(cause waldur.Cause) string {
	switch cause {
	case waldur.Unauthorized, waldur.Forbidden:
		return "Set " + tokenVariable + " to a valid token"
	case waldur.WrongHost, waldur.Expired, waldur.NotYetValid, waldur.NoAuthorities, waldur.NoIntermediate, waldur.UnknownAuthority:
		return "The certificate of the server is not trusted. If it comes from a private authority, set " + caCertVariable
	case waldur.ServerError, waldur.RateLimited, waldur.StatusTimeout, waldur.ResponseCut:
		return "Run the check again later"
	}
	if strings.HasPrefix(string(cause), "proxy") {
		return "Check the environment variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
	}
	return "Check that the server is running, and that " + urlVariable + " is the address of the API of Waldur 8.0.8 or later, " +
		"not of a web front end or a login page"
}
