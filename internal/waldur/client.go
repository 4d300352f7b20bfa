// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Package waldur reads the monthly component usage of a Waldur, the marketplace
// and billing system of research clouds (https://waldur.com), through its REST
// API: every row, exactly, in a stable order, or an error. It knows nothing of
// Terraform.
package waldur

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-cleanhttp"
	"github.com/hashicorp/go-retryablehttp"
)

const (
	// maxBodyBytes is the most that is read of an answer. A page of 300 rows has
	// some 200 KB.
	maxBodyBytes = 64 << 20

	defaultRequestTimeout = 30 * time.Second
	firstRetryWait        = 500 * time.Millisecond
	longestRetryWait      = 30 * time.Second
	maxRedirects          = 5
)

// Client reads from one Waldur. Its exported fields are set before the first
// request and not changed after it. It may be used by several goroutines.
type Client struct {
	// URL is the root of the API, as [ParseURL] returns it.
	URL *url.URL

	// Token is sent with every request: as Bearer if it is a personal access
	// token or a JWT, as Token if it is a user's API token.
	Token Token

	// UserAgent is sent with every request. Go's own if it is empty.
	UserAgent string

	// RequestTimeout is the time for one attempt of one request, from the
	// connection to the last byte of the answer. 30 seconds if it is 0.
	RequestTimeout time.Duration

	// MaxRetries is how often a request is sent again after a connection error
	// or an answer of 429, or of 5xx but 501.
	MaxRetries int

	// RetryWait is the time before the first retry, which doubles with each
	// further one up to 30 seconds, unless the server says in Retry-After how
	// long to wait. Half a second if it is 0.
	RetryWait time.Duration

	// RootCAs are the certificate authorities to trust. The system's if it is nil.
	RootCAs *x509.CertPool

	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool

	// Debug, if set, is told about each request and each read.
	Debug func(ctx context.Context, message string, fields ...map[string]any)

	prepared sync.Once // for the first request
	http     *http.Client
	redactor redactor

	// fullDates is set once this server has refused a month written YYYY-MM and
	// taken it written YYYY-MM-01.
	fullDates atomic.Bool
}

// ParseURL reads the address of a Waldur, http or https, and returns the root of
// its API. The address may end in "/", "/api" or "/api/", and may have a path
// prefix. User info, a query or a fragment is an error.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		if strings.Contains(text, "@") { // what err quotes of it may be a password
			return nil, errors.New("it cannot be read as an address; write it like https://waldur.example.com, without user info (the part before the @)")
		}
		inner := &url.Error{Err: err}
		errors.As(err, &inner) // its own text repeats the address
		return nil, fmt.Errorf("it cannot be read as an address: %w", inner.Err)
	}
	port, portErr := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme == "":
		return nil, errors.New("it has no scheme; it must begin with https:// (or http://)")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("its scheme is %s; it must begin with https:// (or http://)", u.Scheme)
	case u.User != nil:
		return nil, errors.New("it has user info (the part before the @), and Waldur takes only a token")
	case u.Hostname() == "":
		return nil, errors.New("it has no host; write it like https://waldur.example.com")
	case u.Port() != "" && (portErr != nil || port == 0):
		return nil, errors.New("its port is not one from 1 to 65535")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("it has a query (the part after the ?); write it without")
	case strings.Contains(text, "#"):
		return nil, errors.New("it has a fragment (the part after the #), as the addresses of Waldur's web pages do; write it without")
	}
	prefix := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(u.EscapedPath(), "/"), "/api"), "/")
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}).JoinPath(prefix, "api/"), nil
}

// answer is what the server sent to a request that it took.
type answer struct {
	Asked
	header  http.Header
	body    []byte
	elapsed time.Duration // of the last attempt
	client  *Client

	at        string // where a redirect led to, if there was one
	queryLost bool   // on the way there, or a part of it
}

// get asks for a resource below the root of the API, with retries, and returns
// the answer if its status is 200. The errors are those of errors.go.
func (c *Client) get(ctx context.Context, path string, query url.Values) (*answer, error) {
	c.prepared.Do(c.prepare)
	address := *c.URL.JoinPath(path)
	address.RawQuery = query.Encode()
	x := &exchange{client: c, Asked: Asked{Method: http.MethodGet, URL: c.redactor.redact(address.String())}}
	if err := ctx.Err(); err != nil {
		return nil, &ConnectionError{Asked: x.Asked, Err: err}
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, x.Method, address.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", c.Token.authorization())
	if c.UserAgent != "" {
		req.Header.Set("User-Agent", c.UserAgent)
	}
	return x.do(req)
}

// exchange is one request with its retries.
type exchange struct {
	Asked
	client  *Client
	started time.Time     // when the last attempt began
	code    int           // the last attempt's status, 0 until there is one
	body    []byte        // the last attempt's, nil until it is read
	before  string        // what the attempt before ended with
	current string        // what the last attempt ended with, if not well
	logged  int           // the last attempt that a debug line told of
	wait    time.Duration // that the last answer asked for
}

func (x *exchange) do(req *retryablehttp.Request) (*answer, error) {
	ctx := req.Context()
	req.SetResponseHandler(x.readBody)
	retrying := retryablehttp.Client{
		HTTPClient:     x.client.http,
		RetryMax:       x.client.MaxRetries,
		RequestLogHook: x.startAttempt,
		CheckRetry:     x.shouldRetry,
		Backoff:        x.backoff,
		ErrorHandler:   retryablehttp.PassthroughErrorHandler,
	}
	resp, err := retrying.Do(req)
	if resp != nil {
		defer func() { _ = resp.Body.Close() }()
	}
	if err == nil && x.body == nil { // a status to retry, at the last attempt
		err = x.readBody(resp)
	}
	if err != nil {
		err = x.connectionError(ctx, err)
	} else if resp.StatusCode != http.StatusOK {
		err = x.statusError(resp)
	}
	if err != nil {
		x.debugFailure(ctx, err)
		return nil, err
	}
	a := &answer{Asked: x.Asked, header: resp.Header, body: x.body, elapsed: time.Since(x.started), client: x.client}
	if at := resp.Request.URL; at.String() != req.URL.String() {
		a.at = x.client.redactor.redact(at.Redacted())
		for parameter, values := range req.URL.Query() {
			a.queryLost = a.queryLost || !slices.Equal(at.Query()[parameter], values)
		}
	}
	return a, nil
}

func (x *exchange) startAttempt(_ retryablehttp.Logger, _ *http.Request, _ int) {
	x.Attempts++
	x.started = time.Now()
	x.code, x.body = 0, nil
	x.before, x.current = x.current, ""
}

// shouldRetry is asked after each attempt, and again after its body was read.
func (x *exchange) shouldRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	retry, _ := retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	var redirect *RedirectError
	if errors.As(err, &redirect) || errors.Is(err, errBodyTooLarge) {
		return false, nil
	}
	x.wait = 0
	if resp != nil {
		x.code = resp.StatusCode
		if x.code != http.StatusOK {
			x.current = x.client.redactor.excerpt([]byte(resp.Status))
		}
		x.wait = retryAfter(resp.Header)
	}
	if err != nil && ctx.Err() == nil {
		x.current = x.words(err).Error()
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < x.wait {
		return false, nil // to wait would only end in an error that tells less
	}
	if retry && x.Attempts <= x.client.MaxRetries {
		if err == nil {
			err = errors.New(resp.Status)
		}
		x.debugFailure(ctx, err)
	}
	return retry, nil
}

func (x *exchange) backoff(_, _ time.Duration, retries int, _ *http.Response) time.Duration {
	if x.wait > 0 {
		return x.wait
	}
	return retryablehttp.DefaultBackoff(cmp.Or(x.client.RetryWait, firstRetryWait), longestRetryWait, retries, nil)
}

// retryAfter returns how long a server asks to wait, in seconds or until a date
// (RFC 9110, section 10.2.3), or 0 if it does not.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}

var errBodyTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxBodyBytes>>20)

// readBody reads the answer within the attempt, so that a connection that breaks
// in the middle of it is retried like one that could not be made.
func (x *exchange) readBody(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBodyBytes+1))
	switch {
	case err == nil && len(body) > maxBodyBytes:
		return errBodyTooLarge
	case err == nil && endsWithConnection(resp) && isJSON(resp.Header) && !json.Valid(body):
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("the answer broke off after %d bytes: %w", len(body), err)
	}
	x.body = body
	return nil
}

// endsWithConnection reports whether only the end of the connection marks the
// end of the body, so that HTTP itself does not notice a cut.
func endsWithConnection(resp *http.Response) bool {
	return resp.ProtoMajor == 1 && resp.ContentLength < 0 && !resp.Uncompressed && !slices.Contains(resp.TransferEncoding, "chunked")
}

func isJSON(header http.Header) bool {
	return strings.HasPrefix(header.Get("Content-Type"), "application/json")
}

// isHTML goes by the body as well: not every front end declares its pages.
func isHTML(header http.Header, body []byte) bool {
	return strings.HasPrefix(header.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

func (x *exchange) connectionError(ctx context.Context, err error) error {
	var redirect *RedirectError
	if errors.As(err, &redirect) {
		redirect.Asked = x.Asked
		return redirect
	}
	if errors.Is(err, errBodyTooLarge) {
		return &BodyError{Asked: x.Asked, Problem: err.Error(), TooLarge: true}
	}
	if ctx.Err() != nil {
		return &ConnectionError{Asked: x.Asked, Err: ctx.Err(), Before: cmp.Or(x.current, x.before)}
	}
	words := x.words(err)
	return &ConnectionError{Asked: x.Asked, Err: words, TimedOut: errors.Is(words, errNoAnswer)}
}

var errNoAnswer = errors.New("no whole answer")

// words returns an error of an attempt without what is said elsewhere of it.
func (x *exchange) words(err error) error {
	limit := cmp.Or(x.client.RequestTimeout, defaultRequestTimeout)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() && time.Since(x.started) >= limit {
		return fmt.Errorf("%w within %s", errNoAnswer, limit)
	}
	var inner *url.Error
	if errors.As(err, &inner) { // its text repeats the method and the address
		err = inner.Err
	}
	if text := x.client.redactor.excerpt([]byte(err.Error())); text != err.Error() { // it quotes the server
		return &quotingError{text, err}
	}
	return err
}

// quotingError is an error whose own text is not to be shown as it is.
type quotingError struct {
	text string
	err  error
}

func (e *quotingError) Error() string { return e.text }

func (e *quotingError) Unwrap() error { return e.err }

func (x *exchange) statusError(resp *http.Response) error {
	redactor := x.client.redactor
	detail, problems := redactor.problem(x.body)
	if resp.StatusCode == http.StatusBadRequest && len(problems) > 0 {
		return &FilterError{Asked: x.Asked, Problems: problems}
	}
	e := &StatusError{Asked: x.Asked, StatusCode: resp.StatusCode, Status: redactor.excerpt([]byte(resp.Status)), Detail: detail, RetryAfter: x.wait}
	if e.HTML = isHTML(resp.Header, x.body); e.HTML {
		e.Detail = redactor.pageTitle(x.body)
	}
	return e
}

// problem reads what the Django REST framework says in the body of an error:
// {"detail": "…"}, or {"PARAMETER": ["…"], …} for parameters that it refuses.
func (r redactor) problem(body []byte) (detail string, problems map[string][]string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return r.excerpt(body), nil
	}
	if json.Unmarshal(object["detail"], &detail) == nil {
		return r.excerpt([]byte(detail)), nil
	}
	problems = map[string][]string{}
	for parameter, raw := range object {
		var texts []string
		if json.Unmarshal(raw, &texts) != nil {
			return r.excerpt(body), nil
		}
		for i := range texts {
			texts[i] = r.excerpt([]byte(texts[i]))
		}
		problems[r.excerpt([]byte(parameter))] = texts
	}
	return "", problems
}

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// pageTitle returns the title of an HTML page, if it has one.
func (r redactor) pageTitle(body []byte) string {
	if match := titleTag.FindSubmatch(body[:min(len(body), maxSearched)]); match != nil {
		return r.excerpt([]byte(html.UnescapeString(string(match[1]))))
	}
	return ""
}

// prepare makes the client for single attempts, whose connections are kept for
// the next page, and what keeps the token out of texts.
func (c *Client) prepare() {
	c.redactor = c.Token.redactor()
	transport := cleanhttp.DefaultPooledTransport()
	transport.MaxIdleConnsPerHost = parallelPages
	// RequestTimeout is the limit of all that an attempt does.
	transport.DialContext = (&net.Dialer{}).DialContext
	transport.TLSHandshakeTimeout = 0
	transport.TLSClientConfig = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            c.RootCAs,
		InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // asked for by the user, and warned about
	}
	c.http = &http.Client{
		Transport:     readableRedirects{transport, c.redactor},
		Timeout:       cmp.Or(c.RequestTimeout, defaultRequestTimeout),
		CheckRedirect: c.checkRedirect,
	}
}

// checkRedirect refuses to leave the origin (RFC 6454) that the token is for.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	redirect := &RedirectError{Location: c.redactor.redact(req.URL.Redacted())}
	switch {
	case origin(req.URL) != origin(c.URL):
		redirect.Problem, redirect.Elsewhere = "its scheme, host or port is another", true
		if root, _, found := strings.Cut(req.URL.Path, "/api/"+componentUsageMonthlyPath); found {
			redirect.Root = c.redactor.redact(req.URL.Scheme + "://" + req.URL.Host + root)
		}
	case len(via) > maxRedirects:
		redirect.Problem = fmt.Sprintf("it comes after %d others", maxRedirects)
	default:
		return nil
	}
	return redirect
}

// readableRedirects makes a redirect to what is no address an error of its own,
// which net/http describes in words alone.
type readableRedirects struct {
	*http.Transport
	redactor redactor
}

// RoundTrip sends a request, and looks at where the answer redirects to.
func (r readableRedirects) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.Transport.RoundTrip(req)
	if err != nil || resp.StatusCode/100 != 3 {
		return resp, err
	}
	if _, err := resp.Location(); err == nil || errors.Is(err, http.ErrNoLocation) {
		return resp, nil
	}
	_ = resp.Body.Close()
	return nil, &RedirectError{Location: r.redactor.excerpt([]byte(resp.Header.Get("Location"))), Problem: "it is no address"}
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// debugFailure tells of the last attempt, if it brought no rows, once.
func (x *exchange) debugFailure(ctx context.Context, err error) {
	if x.logged == x.Attempts {
		return
	}
	x.logged = x.Attempts
	x.client.debugRequest(ctx, x.Asked, time.Since(x.started), map[string]any{
		"status": x.code, "rows": 0, "error": x.client.redactor.redact(err.Error()),
	})
}

// debugRequest tells of one attempt of one request.
func (c *Client) debugRequest(ctx context.Context, asked Asked, elapsed time.Duration, fields map[string]any) {
	if c.Debug == nil {
		return
	}
	fields["method"], fields["address"] = asked.Method, asked.URL
	fields["attempt"], fields["milliseconds"] = asked.Attempts, elapsed.Milliseconds()
	c.Debug(ctx, "Waldur request", fields)
}
