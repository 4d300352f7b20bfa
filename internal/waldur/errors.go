// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

// Request describes a request to the server.
type Request struct {
	Method   string
	URL      string // with its query, never with credentials
	Attempts int    // 0 if the request was never sent
}

// String returns the method and the URL, and the number of attempts if there
// were several.
func (r Request) String() string {
	if r.Attempts > 1 {
		return fmt.Sprintf("%s %s (%d attempts)", r.Method, r.URL, r.Attempts)
	}
	return r.Method + " " + r.URL
}

// RequestError reports a request that failed, or whose rows cannot be used. Every
// failed read returns one. Err is the cause: one of the other types in this file.
type RequestError struct {
	Request Request
	Err     error
	// OutOfTime reports that the request was not retried because the context's
	// deadline would have passed before the next attempt.
	OutOfTime bool
}

func (e *RequestError) Error() string { return fmt.Sprintf("%s: %s", e.Request, e.Err) }

func (e *RequestError) Unwrap() error { return e.Err }

// StatusError reports a response with a status other than 200.
type StatusError struct {
	StatusCode int
	Status     string        // such as "401 Unauthorized"
	Detail     string        // the server's text, or the title of an HTML page
	HTML       bool          // the body is an HTML page, of a web front end or a proxy
	Encoding   string        // the body's Content-Encoding, if that cannot be decoded
	RetryAfter time.Duration // from the Retry-After header, or 0
}

func (e *StatusError) Error() string {
	switch {
	case e.Encoding != "":
		return fmt.Sprintf("the server responded with %s and a body that cannot be read: its Content-Encoding is %q", e.Status, e.Encoding)
	case e.Detail == "":
		return "the server responded with " + e.Status
	}
	return fmt.Sprintf("the server responded with %s: %q", e.Status, e.Detail)
}

// FilterError reports a 400 response that names the refused query parameters, in
// the form of Django's form errors.
type FilterError struct {
	Problems map[string]string // the server's text by query parameter, 10 at most
}

func (e *FilterError) Error() string {
	var problems []string
	for _, parameter := range slices.Sorted(maps.Keys(e.Problems)) {
		problems = append(problems, fmt.Sprintf("%s: %q", parameter, e.Problems[parameter]))
	}
	return "the server refused " + strings.Join(problems, "; ")
}

// HTMLError reports a 200 response with an HTML page: it comes from a web front end
// or a proxy, not from Waldur's API.
type HTMLError struct {
	Title string // empty if the page has none
}

func (e *HTMLError) Error() string {
	if e.Title == "" {
		return "the server responded with an HTML page instead of JSON"
	}
	return fmt.Sprintf("the server responded with an HTML page, %q, instead of JSON", e.Title)
}

// BodyError reports a response whose body is not a JSON array of rows, is too large
// or cannot be decoded.
type BodyError struct {
	Problem  string
	TooLarge bool
	Encoded  bool // its Content-Encoding is wrong or was not requested
}

func (e *BodyError) Error() string { return "the response " + e.Problem }

// RowError reports a row that does not have the format that Waldur's API documents.
type RowError struct {
	Row     int    // its number on the page, from 1
	Field   string // empty if the row is not an object
	Problem string
}

func (e *RowError) Error() string {
	return fmt.Sprintf("row %d: %s", e.Row, strings.TrimSpace(e.Field+" "+e.Problem))
}

// FilterIgnoredError reports a row that the filters of the query exclude.
type FilterIgnoredError struct {
	Row       int    // its number on the page, from 1
	Parameter string // the query parameter that the row does not match
	Value     string // the row's value
}

func (e *FilterIgnoredError) Error() string {
	return fmt.Sprintf("row %d does not match the filter %s: it has %q", e.Row, e.Parameter, e.Value)
}

// LimitPeriodError reports a row whose limit holds for a period that this package
// does not know, so that its months cannot be added up.
type LimitPeriodError struct {
	OfferingUUID  string
	ComponentType string
	LimitPeriod   string
}

func (e *LimitPeriodError) Error() string {
	return fmt.Sprintf("component %q of offering %s has the limit_period %q, which is not month, quarterly, annual or total",
		e.ComponentType, e.OfferingUUID, e.LimitPeriod)
}

// NoRowsError reports a query whose filters select no row, if it requires one.
type NoRowsError struct {
	Filters []string // as query parameters, such as "component_type=cpu"
}

func (e *NoRowsError) Error() string {
	if len(e.Filters) == 0 {
		return "Waldur has no row for the current month"
	}
	return "Waldur has no row for " + strings.Join(e.Filters, ", ")
}

// CountError reports a response without a valid X-Result-Count header. The header
// is needed to tell whether a list is complete.
type CountError struct {
	Value string // of the header, empty if it is missing
}

func (e *CountError) Error() string {
	if e.Value == "" {
		return "the response has no X-Result-Count header"
	}
	return fmt.Sprintf("the response has the X-Result-Count header %q, which is not a number of rows", e.Value)
}

// TooManyRowsError reports a list that is too large to read.
type TooManyRowsError struct {
	Count string // of rows, by X-Result-Count
	Limit string // that the list exceeds, such as "1000000 rows"
}

func (e *TooManyRowsError) Error() string {
	return fmt.Sprintf("the server counts %s rows, but the limit is %s", e.Count, e.Limit)
}

// RedirectError reports a redirect. Redirects are never followed, so that the token
// is sent only to the configured address.
type RedirectError struct {
	Status   string // such as "301 Moved Permanently"
	Location string
	// Root is the address to configure instead, if Location is the same endpoint
	// elsewhere; otherwise empty.
	Root string
}

func (e *RedirectError) Error() string {
	return fmt.Sprintf("the server responded with %s, a redirect to %s", e.Status, e.Location)
}

// ProxyError reports a proxy that refused to connect to the server.
type ProxyError struct {
	Proxy      string // host and port
	StatusCode int
	Status     string // such as "403 Forbidden"
}

func (e *ProxyError) Error() string {
	return fmt.Sprintf("the proxy %s responded with %s", e.Proxy, e.Status)
}

// SchemeError reports a server that does not speak TLS where the address begins with
// https, or speaks TLS where it begins with http.
type SchemeError struct {
	Scheme string // of the address
}

func (e *SchemeError) Error() string {
	if e.Scheme == "https" {
		return "the address begins with https, but the server does not speak TLS at this port"
	}
	return "the address begins with http, but the server speaks TLS at this port"
}

// ClientCertificateError reports a server that requires a certificate of the client
// and got none, or does not accept the one that it got.
type ClientCertificateError struct {
	Reason string // the server's words, such as "certificate required"
	Sent   bool   // the client has a certificate
}

func (e *ClientCertificateError) Error() string {
	if e.Sent {
		return fmt.Sprintf("the server did not accept the client certificate: %q", e.Reason)
	}
	return fmt.Sprintf("the server requires a client certificate: %q", e.Reason)
}

// ConnectionError reports a request without a complete, undamaged response: the
// connection failed, the certificate was not trusted, or time ran out.
type ConnectionError struct {
	Err       error  // from net/http, maybe with text of the server, or from the context
	Text      string // the text to show
	TimedOut  bool   // the attempt took longer than [Client.RequestTimeout]
	ReadEnded bool   // the deadline of the context passed, or would pass before the next attempt
	Held      bool   // a Retry-After header of another response holds the request back
	Partial   bool   // the connection ended during the response, or damaged it
	Handshake bool   // the connection failed in the TLS handshake
	Alert     string // the server's TLS alert, such as "handshake failure", or empty
	Proxy     string // host and port of the proxy that could not be reached, or empty
	Previous  error  // the error of the previous attempt, or nil
}

func (e *ConnectionError) Error() string {
	if e.Previous != nil {
		return fmt.Sprintf("%s; the previous attempt failed: %s", e.Text, e.Previous)
	}
	return e.Text
}

func (e *ConnectionError) Unwrap() error { return e.Err }

// canceled returns the error of a request that the context ended.
func canceled(err, previous error) *ConnectionError {
	text := "no time was left for the request"
	if errors.Is(err, context.Canceled) {
		text = "the read was canceled"
	}
	return &ConnectionError{Err: err, Text: text, ReadEnded: errors.Is(err, context.DeadlineExceeded), Previous: previous}
}

// Untrusted reports whether the server's certificate was not accepted.
func (e *ConnectionError) Untrusted() bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](e.Err)
	return untrusted
}

// Unreadable reports whether package crypto/tls refused something in the TLS handshake,
// such as the form of the server's certificate.
func (e *ConnectionError) Unreadable() bool {
	err := e.Err
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op == "proxyconnect" {
		err = operation.Err
	}
	return e.Handshake && err != nil && strings.HasPrefix(err.Error(), "tls: ")
}

// mayPass reports whether another attempt may succeed.
func (e *ConnectionError) mayPass() bool {
	return !e.Untrusted() && !e.Unreadable() && (e.Alert == "" || e.Alert == "internal error")
}

// IncompleteError reports a list that could not be read completely: the data
// changed again and again, the pages did not add up, or time ran out.
type IncompleteError struct {
	Rows    int   // distinct rows received in the last reading
	Count   int   // rows by its X-Result-Count
	Passes  int   // number of times that all pages were read
	Changes int   // number of times that the data changed
	Err     error // what ended the last reading
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("received %d of the %d rows that the server counts (passes: %d, changes of the data: %d): %s",
		e.Rows, e.Count, e.Passes, e.Changes, e.Err)
}

func (e *IncompleteError) Unwrap() error { return e.Err }
