// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"terraform-provider-waldur/internal/waldur"
)

const (
	usagePath   = "marketplace-component-usage-monthly/"
	versionPath = "version/"

	requestTimeout = 30 * time.Second
	maxBodyBytes   = 8 << 20
)

// server is the Waldur server to check. It sends one request at a time, and each
// only once: facts share responses.
type server struct {
	root  *url.URL
	token waldur.Token

	// err is the first error that ends the check. It contains no text of the
	// server, no address and no token.
	err error

	// monthForm formats a month for a filter. It is nil if the server refuses both
	// forms.
	monthForm func(waldur.Month) string

	responses map[string]*response
}

// response is a response with any status.
type response struct {
	status int
	header http.Header
	body   []byte
	rows   []row // nil if the body is not a JSON array of objects
}

// row is a row by column.
type row map[string]json.RawMessage

func newServer(root *url.URL, token waldur.Token) *server {
	return &server{root: root, token: token, responses: map[string]*response{}}
}

// open reads the first rows, and finds out which form of months the server accepts.
func (s *server) open() {
	if first := s.get("page_size=2"); s.err == nil {
		s.err = first.problem()
	}
	for _, form := range []func(waldur.Month) string{waldur.Month.String, waldur.Month.FirstDay} {
		s.monthForm = form
		if s.err != nil || s.allMonths("page_size=2").status == http.StatusOK {
			return
		}
	}
	s.monthForm = nil
}

// hasChanged reports whether the number of rows has changed since open.
func (s *server) hasChanged() bool {
	before := s.allMonths("page_size=2").count()
	clear(s.responses)
	return s.allMonths("page_size=2").count() != before
}

// get requests rows.
func (s *server) get(query string) *response { return s.request(http.MethodGet, query) }

// allMonths requests rows of all months, or of the current month if the server
// refuses months.
func (s *server) allMonths(query string) *response { return s.get(s.allMonthsQuery(query)) }

func (s *server) allMonthsQuery(query string) string {
	if s.monthForm == nil {
		return query
	}
	return "start=" + s.monthForm(waldur.NewMonth(2000, time.January)) + "&" + query
}

// request requests rows, or returns the response to an earlier equal request. The
// response is empty if the request fails, now or earlier.
func (s *server) request(method, query string) *response {
	key := method + query
	if s.err != nil {
		return &response{}
	}
	if s.responses[key] == nil {
		r, err := s.send(method, usagePath, query)
		s.responses[key], s.err = r, err
		switch r.status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			s.err = r.problem()
		}
	}
	return s.responses[key]
}

// send sends a request and follows no redirect. The response is empty after an
// error.
func (s *server) send(method, path, query string) (*response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	address := s.root.JoinPath(path)
	address.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, method, address.String(), nil)
	if err != nil {
		return &response{}, connectionProblem(err)
	}
	scheme := "Bearer"
	if s.token.Kind() == waldur.APIToken {
		scheme = "Token"
	}
	// A server may send a body after HEAD. It must not be read as the next response,
	// and net/http must not log it.
	req.Close = true
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", scheme+" "+string(s.token))
	req.Header.Set("User-Agent", "terraform-provider-waldur-check")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return &response{}, connectionProblem(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBodyBytes))
	if err != nil {
		return &response{}, connectionProblem(err)
	}
	r := &response{status: resp.StatusCode, header: resp.Header, body: body}
	if json.Unmarshal(body, &r.rows) != nil {
		r.rows = nil
	}
	return r, nil
}

// connectionProblem says why there is no response. It does not repeat the error,
// because errors of package net contain addresses.
func connectionProblem(err error) error {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &name):
		return fmt.Errorf("the name of the server was not found. Check %s and the DNS", urlVariable)
	case errors.As(err, &certificate):
		return errors.New("the certificate of the server is not trusted. Add its certificate authority to those of this system")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("the connection was refused. Check that the server is running and that %s is correct", urlVariable)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("no complete response within %s. Check that the server is running and that %s is correct", requestTimeout, urlVariable)
	}
	return fmt.Errorf("the connection failed. Check that the server is running and that %s and %s are correct", urlVariable, tokenVariable)
}

// problem says why a response has no rows and what to do, or returns nil.
func (r *response) problem() error {
	switch {
	case r.status == http.StatusUnauthorized, r.status == http.StatusForbidden:
		return fmt.Errorf("the server refused the token (HTTP %d). Set %s to a valid token; users' API tokens expire some time after their last use", r.status, tokenVariable)
	case r.status == http.StatusTooManyRequests, r.status >= http.StatusInternalServerError:
		return fmt.Errorf("the server is not available (HTTP %d). Run the check again later", r.status)
	case r.status/100 == 3:
		return fmt.Errorf("the server redirects to another address (HTTP %d). Set %s to the address of the API itself", r.status, urlVariable)
	case bytes.HasPrefix(bytes.TrimSpace(r.body), []byte("<")):
		return fmt.Errorf("the response is an HTML page (HTTP %d). Set %s to the address of the API, not of a web front end; the API needs Waldur 8.0.8 or later", r.status, urlVariable)
	case r.status == http.StatusNotFound:
		return fmt.Errorf("the server has no monthly usage (HTTP 404). It needs Waldur 8.0.8 or later; check %s, too", urlVariable)
	case r.status != http.StatusOK:
		return fmt.Errorf("the server refused to list rows (HTTP %d). Check %s", r.status, urlVariable)
	}
	return nil
}

// count returns the number in X-Result-Count, or -1 without a valid number.
func (r *response) count() int {
	count, err := strconv.ParseUint(r.header.Get("X-Result-Count"), 10, 31)
	if err != nil {
		return -1
	}
	return int(count)
}

// mediaType returns the Content-Type without its parameters.
func (r *response) mediaType() string {
	mediaType, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	return mediaType
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

// hex returns a UUID in the form that the provider sends.
func hex(uuid string) string { return strings.ToLower(strings.ReplaceAll(uuid, "-", "")) }
