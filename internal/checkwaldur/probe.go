// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"terraform-provider-waldur/internal/waldur"
)

const (
	usagePath   = "marketplace-component-usage-monthly/"
	versionPath = "version/"

	requestTimeout = 30 * time.Second
)

// prober sends requests to the Waldur server to check, through the provider's
// client: one at a time, and each only once, so that facts share responses.
type prober struct {
	client    *waldur.Client
	thisMonth waldur.Month // by the clock of this machine

	// err is the first error that ends the check. It contains no text of the server,
	// no address and no token.
	err error

	// monthForm formats a month for a filter.
	monthForm func(waldur.Month) string

	responses map[string]*response // by query
}

// response is what a request for rows resulted in.
type response struct {
	status  int // 0 if there is none
	header  http.Header
	rows    []row             // nil if the body is not a JSON array of objects
	refused map[string]string // the server's text by query parameter, in a 400 response
	err     error             // nil if the status is 200
}

// row is a row by column.
type row map[string]jsontext.Value

func newProber(client *waldur.Client, thisMonth waldur.Month) *prober {
	return &prober{client: client, thisMonth: thisMonth, responses: map[string]*response{}}
}

// open reads the first rows, and finds out which form of months the server accepts.
func (p *prober) open() {
	p.err = problem(p.get("page_size=2").err)
	for _, form := range []func(waldur.Month) string{waldur.Month.String, waldur.Month.FirstDay} {
		if p.monthForm = form; p.firstPage().err == nil {
			return
		}
	}
	p.err = cmp.Or(p.err, errors.New("the server refuses months written YYYY-MM and YYYY-MM-01, or fails"))
}

// hasChanged reports whether the number of rows has changed since open.
func (p *prober) hasChanged() bool {
	before := p.firstPage().count()
	clear(p.responses)
	return p.firstPage().count() != before
}

// get requests rows, or returns the response to an earlier equal request. The
// response is empty after an error that ends the check.
func (p *prober) get(query string) *response {
	if p.err != nil {
		return &response{}
	}
	if p.responses[query] == nil {
		values, err := url.ParseQuery(query)
		if err != nil {
			panic(err) // a mistake in a fact
		}
		r := newResponse(p.client.Get(context.Background(), usagePath, values))
		p.responses[query] = r
		p.err = interruption(r.err)
	}
	return p.responses[query]
}

// list requests rows of all months.
func (p *prober) list(query string) *response { return p.get(p.allMonths(query)) }

func (p *prober) allMonths(query string) string {
	return "start=" + p.monthForm(waldur.NewMonth(2000, time.January)) + "&" + query
}

func (p *prober) firstPage() *response { return p.list("page_size=2") }

// page returns a page of the first page's size.
func (p *prober) page(number int) *response {
	return p.list("page_size=2&page=" + strconv.Itoa(number))
}

// largePage returns the first page of the provider's page size.
func (p *prober) largePage() *response {
	return p.list("page_size=" + strconv.Itoa(waldur.MaxPageSize))
}

// rows returns the rows of the large page and a few of the oldest months, each once.
func (p *prober) rows() []row {
	var rows []row
	known := map[[3]string]bool{}
	for _, r := range slices.Concat(p.largePage().rows, p.list("o=billing_period&page_size=10").rows) {
		if !known[r.key()] {
			rows = append(rows, r)
		}
		known[r.key()] = true
	}
	return rows
}

// months returns the first and the last month of the rows, or twice no month.
func (p *prober) months() (oldest, newest waldur.Month) {
	for _, r := range p.rows() {
		month := r.month()
		if oldest.IsZero() || month.Compare(oldest) < 0 && !month.IsZero() {
			oldest = month
		}
		if month.Compare(newest) > 0 {
			newest = month
		}
	}
	return oldest, newest
}

// newResponse takes what [waldur.Client.Get] returns.
func newResponse(resp *waldur.Response, err error) *response {
	r := &response{err: err}
	if resp != nil {
		r.status, r.header = http.StatusOK, resp.Header
		// As the provider does, so a key that comes twice is an error, too.
		if json.Unmarshal(bytes.TrimPrefix(resp.Body, []byte("\ufeff")), &r.rows) != nil {
			r.rows = nil
		}
	} else if status, ok := errors.AsType[*waldur.StatusError](err); ok {
		r.status = status.StatusCode
	} else if refusal, ok := errors.AsType[*waldur.FilterError](err); ok {
		r.status, r.refused = http.StatusBadRequest, refusal.Problems
	}
	return r
}

// interruption returns the problem if an error says nothing about a fact: there is no
// response, the token is refused, or the server is not available now. A 500 response,
// even after the client's retries, says that the server fails for the query.
func interruption(err error) error {
	switch newResponse(nil, err).status {
	case 0, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return problem(err)
	}
	return nil
}

// problem says what is wrong and what to do if an error means that the server cannot
// be checked. It returns nil for other errors. It does not repeat the error, which
// has addresses and text of the server.
func problem(err error) error {
	var (
		status     *waldur.StatusError
		refusal    *waldur.FilterError
		page       *waldur.HTMLError
		redirect   *waldur.RedirectError
		connection *waldur.ConnectionError
		body       *waldur.BodyError
	)
	switch {
	case errors.As(err, &status):
		return statusProblem(status.StatusCode, status.HTML)
	case errors.As(err, &refusal):
		return statusProblem(http.StatusBadRequest, false)
	case errors.As(err, &page):
		return statusProblem(http.StatusOK, true)
	case errors.As(err, &redirect):
		return fmt.Errorf("the server redirects to another address, which may be a login page. Set %s to the address of the API itself", urlVariable)
	case errors.As(err, &connection) && connection.Untrusted():
		return fmt.Errorf("the certificate of the server is not trusted. If it comes from a private authority, set %s", caCertVariable)
	case errors.As(err, &connection) && connection.TimedOut:
		return fmt.Errorf("no complete response within %s. Check that the server is running and that %s is correct", requestTimeout, urlVariable)
	case errors.As(err, &connection) && connection.Partial:
		return errors.New("the connection ended during a response. Check the server, and any proxy in front of it")
	case errors.As(err, &connection):
		return fmt.Errorf("the connection failed. Check that %s is correct, that the DNS knows its host and that the server is running", urlVariable)
	case errors.As(err, &body) && (body.TooLarge || body.Encoded):
		return errors.New("a response is too large or has a wrong Content-Encoding. Check the server, and any proxy in front of it")
	}
	return nil
}

func statusProblem(code int, html bool) error {
	switch {
	case code >= http.StatusInternalServerError, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
		return fmt.Errorf("the server is not available (HTTP %d). Run the check again later", code)
	case html:
		return fmt.Errorf("the response is an HTML page (HTTP %d). Set %s to the address of the API, not of a web front end; the API needs "+
			"Waldur 8.0.8 or later",
			code, urlVariable)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("the server refused the token (HTTP %d). Set %s to a valid token. A user's API token expires some time after its last use; "+
			"a personal access token may be limited to certain networks", code, tokenVariable)
	}
	return fmt.Errorf("the server refused to list rows (HTTP %d). It needs Waldur 8.0.8 or later; check %s, too", code, urlVariable)
}

// count returns the number in X-Result-Count, or -1 without a valid number.
func (r *response) count() int {
	count, err := strconv.ParseUint(strings.Join(slices.Compact(slices.Clone(r.header.Values("X-Result-Count"))), ", "), 10, 31)
	if err != nil {
		return -1
	}
	return int(count)
}

// text returns a text column, or "" if it is missing or not a string.
func (r row) text(column string) string {
	var text string
	if json.Unmarshal(r[column], &text) != nil {
		return ""
	}
	return text
}

// key returns the columns that no two rows share.
func (r row) key() [3]string {
	return [3]string{r.text("offering_uuid"), r.text("component_type"), r.text("billing_period")}
}

// lacksKey reports whether a column of the key is missing or empty.
func (r row) lacksKey() bool {
	key := r.key()
	return slices.Contains(key[:], "")
}

// month returns the row's month, or the zero Month.
func (r row) month() waldur.Month {
	month, _ := waldur.ParseMonth(r.text("billing_period"))
	return month
}
