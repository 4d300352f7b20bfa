// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Asked says what was asked of the server. Every error of a request carries it.
type Asked struct {
	Method   string
	URL      string // with its query, never with credentials
	Attempts int    // how often the request was sent
}

func (a Asked) String() string {
	if a.Attempts > 1 {
		return fmt.Sprintf("%s %s (sent %d times)", a.Method, a.URL, a.Attempts)
	}
	return a.Method + " " + a.URL
}

// StatusError is an answer with a status other than 200, after all retries.
type StatusError struct {
	Asked
	StatusCode int
	Status     string        // such as "401 Unauthorized"
	Detail     string        // the server's own words, or the title of its page
	HTML       bool          // it was a page, of a web front end or a proxy
	RetryAfter time.Duration // how long the server asks to wait, 0 if it does not say
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: %s%s", e.Asked, e.Status, parenthesized(e.Detail))
}

// FilterError is an answer of 400 that names the query parameters which the
// server refuses, all at once, as Django's forms do.
type FilterError struct {
	Asked
	Problems map[string][]string // by query parameter
}

func (e *FilterError) Error() string {
	var problems []string
	for _, parameter := range slices.Sorted(maps.Keys(e.Problems)) {
		problems = append(problems, parameter+": "+strings.Join(e.Problems[parameter], " "))
	}
	return fmt.Sprintf("%s: the server refuses %s", e.Asked, strings.Join(problems, "; "))
}

// Refuses reports whether the server refuses a query parameter.
func (e *FilterError) Refuses(parameter string) bool {
	_, refused := e.Problems[parameter]
	return refused
}

// HTMLError is an answer of 200 in HTML: a web front end or a proxy, and not
// Waldur's API.
type HTMLError struct {
	Asked
	Title string // of the page, if it has one
	At    string // its address, if a redirect led to another than was asked for
}

func (e *HTMLError) Error() string {
	redirected := ""
	if e.At != "" {
		redirected = ", after a redirect to " + e.At
	}
	return fmt.Sprintf("%s: 200 OK with an HTML page%s instead of JSON%s", e.Asked, parenthesized(e.Title), redirected)
}

// BodyError is an answer of 200 whose body is not a JSON array of rows, or more
// than is read of one.
type BodyError struct {
	Asked
	Problem  string
	TooLarge bool
}

func (e *BodyError) Error() string { return fmt.Sprintf("%s: %s", e.Asked, e.Problem) }

// RowError is a row that breaks the format which Waldur's API documents.
type RowError struct {
	Asked
	Row     int    // its number on the page, from 1
	Field   string // such as "total_consumed"; empty if the row is no object
	Problem string
}

func (e *RowError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s: row %d %s", e.Asked, e.Row, e.Problem)
	}
	return fmt.Sprintf("%s: row %d: %s %s", e.Asked, e.Row, e.Field, e.Problem)
}

// RedirectError is a redirect that was not followed: to another scheme, host or
// port, so that the token stays with the address that it was given for, or one
// that leads nowhere.
type RedirectError struct {
	Asked
	Location  string
	Problem   string // why it was not followed
	Elsewhere bool   // it is to another scheme, host or port
	// Root is the address of the Waldur there, as [ParseURL] takes it, if the
	// location is that of the same endpoint.
	Root string
}

func (e *RedirectError) Error() string {
	return fmt.Sprintf("%s: refused a redirect to %s: %s", e.Asked, e.Location, e.Problem)
}

// LostQueryError is an answer of 200 to something else than was asked, because
// the query, or a part of it, did not reach the Waldur.
type LostQueryError struct {
	Asked
	Problem string
}

func (e *LostQueryError) Error() string { return fmt.Sprintf("%s: %s", e.Asked, e.Problem) }

// ConnectionError is a request without an answer: no connection, no trust in
// the certificate, a connection that broke, or no time left.
type ConnectionError struct {
	Asked
	Err      error
	TimedOut bool   // an attempt had no whole answer within [Client.RequestTimeout]
	Before   string // what the attempt before ended with, if there was one
}

func (e *ConnectionError) Error() string {
	text := e.Err.Error()
	switch {
	case errors.Is(e.Err, context.Canceled):
		text = "interrupted"
	case errors.Is(e.Err, context.DeadlineExceeded) && !e.TimedOut:
		text = "no time is left for the read"
	}
	if e.Before != "" {
		text += "; an attempt before ended with: " + e.Before
	}
	return fmt.Sprintf("%s: %s", e.Asked, text)
}

func (e *ConnectionError) Unwrap() error { return e.Err }

// Untrusted reports whether the server's certificate was not accepted.
func (e *ConnectionError) Untrusted() bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	return errors.As(e.Err, &verification) || errors.As(e.Err, &authority)
}

// IncompleteError says that the server did not hand out all rows, however often
// it was asked.
type IncompleteError struct {
	Asked
	Rows   int // distinct rows received in the last pass, or gathered in the last passes
	Count  int // rows that there are, in the server's words; -1 if it did not say
	Passes int
	Reason string // what the last pass met
}

func (e *IncompleteError) Error() string {
	if e.Count < 0 {
		return fmt.Sprintf("%s: %d distinct rows after %d passes, and the server does not say how many there are: %s",
			e.Asked, e.Rows, e.Passes, e.Reason)
	}
	return fmt.Sprintf("%s: %d distinct rows after %d passes, where the server counts %d: %s",
		e.Asked, e.Rows, e.Passes, e.Count, e.Reason)
}

func parenthesized(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
