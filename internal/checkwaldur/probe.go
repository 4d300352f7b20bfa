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
// client, one at a time.
type prober struct {
	client    *waldur.Client
	thisMonth waldur.Month // by the clock of this machine

	// monthFormat formats a month for a filter.
	monthFormat func(waldur.Month) string

	firstPage   *response // two rows of all months
	largePage   *response // rows of all months, on a page of the provider's size
	rows        []row     // those of the large page and a few of the oldest months, each once
	oldestMonth waldur.Month
	newestMonth waldur.Month

	// err is the first error that ends the check. It contains no text of the server,
	// no address and no token.
	err error
}

// response is what a request for rows resulted in.
type response struct {
	status  int               // 0 if there is none
	count   int               // from X-Result-Count, or -1 if that is no number
	rows    []row             // nil if the body is not a JSON array of objects
	refused map[string]string // the server's text by query parameter, in a 400 response
	err     error             // nil if the status is 200
}

// row is a row by column.
type row map[string]jsontext.Value

// open finds out which month format the server accepts, and reads rows.
func (p *prober) open() {
	p.err = problem(p.get("page_size=2").err)
	for _, p.monthFormat = range []func(waldur.Month) string{waldur.Month.String, waldur.Month.FirstDay} {
		if p.firstPage = p.list("page_size=2"); p.firstPage.err == nil {
			break
		}
	}
	if p.firstPage.err != nil {
		p.err = cmp.Or(p.err, errors.New("the server refuses months written YYYY-MM and YYYY-MM-01, or fails"))
	}
	p.largePage = p.list(fmt.Sprint("page_size=", waldur.MaxPageSize))
	known := map[[3]string]bool{}
	for _, r := range slices.Concat(p.largePage.rows, p.list("o=billing_period&page_size=10").rows) {
		if known[r.key()] {
			continue
		}
		known[r.key()] = true
		p.rows = append(p.rows, r)
		month := r.month()
		if p.oldestMonth.IsZero() || month.Compare(p.oldestMonth) < 0 && !month.IsZero() {
			p.oldestMonth = month
		}
		if month.Compare(p.newestMonth) > 0 {
			p.newestMonth = month
		}
	}
}

// list requests rows of all months.
func (p *prober) list(query string) *response { return p.get(p.allMonths(query)) }

func (p *prober) allMonths(query string) string {
	return "start=" + p.monthFormat(waldur.NewMonth(2000, time.January)) + "&" + query
}

// get requests rows. After an error that has ended the check, it sends nothing and returns
// a response with status 0.
func (p *prober) get(query string) *response {
	r := &response{count: -1, err: p.err}
	if p.err != nil {
		return r
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		panic(err) // a mistake in a fact
	}
	resp, err := p.client.Get(context.Background(), usagePath, values)
	if err != nil {
		p.err = interruption(err)
		r.err, r.status = err, statusOf(err)
		if refusal, ok := errors.AsType[*waldur.FilterError](err); ok {
			r.refused = refusal.Problems
		}
		return r
	}
	r.status = http.StatusOK
	count, err := resp.Count()
	if tooMany, ok := errors.AsType[*waldur.TooManyRowsError](err); ok { // for one read, but the check is about all months
		count, err = strconv.Atoi(tooMany.Count)
	}
	if err == nil {
		r.count = count
	}
	// Like the provider, reject duplicate keys.
	if json.Unmarshal(bytes.TrimPrefix(resp.Body, []byte("\ufeff")), &r.rows) != nil {
		r.rows = nil
	}
	return r
}

// statusOf returns the status of the response that an error of the client is about, or 0.
func statusOf(err error) int {
	if status, ok := errors.AsType[*waldur.StatusError](err); ok {
		return status.StatusCode
	}
	if _, ok := errors.AsType[*waldur.FilterError](err); ok {
		return http.StatusBadRequest
	}
	return 0
}

// interruption returns the problem if an error says nothing about a fact: there is no
// response, the token is refused, or the server is not available now. A 500 response,
// even after the client's retries, says that the server fails for the query.
func interruption(err error) error {
	switch statusOf(err) {
	case 0, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return problem(err)
	}
	return nil
}

// problem says what is wrong and what to do if an error means that the server cannot
// be checked. It returns nil for other errors. It repeats no address and no text of the
// server, which most errors contain.
func problem(err error) error {
	request, failed := errors.AsType[*waldur.RequestError](err)
	if !failed {
		return nil
	}
	switch err := request.Err.(type) { //nolint:errorlint // the cause is not wrapped
	case *waldur.StatusError:
		return statusProblem(err.StatusCode, err.HTML)
	case *waldur.FilterError:
		return statusProblem(http.StatusBadRequest, false)
	case *waldur.HTMLError:
		return statusProblem(http.StatusOK, true)
	case *waldur.RedirectError:
		return fmt.Errorf("the server redirects to another address, which may be a login page. Set %s to the address of the API itself", urlVariable)
	case *waldur.SchemeError:
		return fmt.Errorf("%w. Correct %s", err, urlVariable)
	case *waldur.ClientCertificateError:
		return errors.New("the server requires a client certificate, which this check does not support")
	case *waldur.ProxyError:
		return fmt.Errorf("the proxy refused to connect (HTTP %d). Check the environment variables HTTPS_PROXY and NO_PROXY", err.StatusCode)
	case *waldur.ConnectionError:
		return connectionProblem(err)
	case *waldur.BodyError:
		if err.TooLarge || err.Encoded {
			return errors.New("a response is too large or has a wrong Content-Encoding. Check the server, and any proxy in front of it")
		}
	}
	return nil
}

func statusProblem(code int, html bool) error {
	switch {
	case code >= http.StatusInternalServerError, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
		return fmt.Errorf("the server is not available (HTTP %d). Run the check again later", code)
	case html:
		return fmt.Errorf("the response is an HTML page (HTTP %d). Set %s to the address of the API, not of a web front end; the API needs "+
			"Waldur 8.0.8 or later", code, urlVariable)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("the server refused the token (HTTP %d). Set %s to a valid token. A user's API token expires some time after its last use; "+
			"a personal access token may be limited to certain networks", code, tokenVariable)
	}
	return fmt.Errorf("the server refused to list rows (HTTP %d). It needs Waldur 8.0.8 or later; check %s, too", code, urlVariable)
}

func connectionProblem(err *waldur.ConnectionError) error {
	switch {
	case err.Proxy != "":
		return errors.New("cannot connect to the proxy. Check the environment variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY")
	case err.Untrusted():
		return fmt.Errorf("the certificate of the server is not trusted. If it comes from a private authority, set %s", caCertVariable)
	case err.TimedOut:
		return fmt.Errorf("no complete response within %s. Check that the server is running and that %s is correct", requestTimeout, urlVariable)
	case err.Partial:
		return errors.New("the connection ended during a response. Check the server, and any proxy in front of it")
	}
	return fmt.Errorf("the connection failed. Check that %s is correct, that its host name resolves and that the server is running", urlVariable)
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

// month returns the row's month, or the zero Month.
func (r row) month() waldur.Month {
	month, _ := waldur.ParseMonth(r.text("billing_period"))
	return month
}
