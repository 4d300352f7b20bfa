// Package waldur reads monthly component usage from Waldur, the marketplace and billing system of
// research clouds (https://waldur.com), through its REST API: every row, exactly, in a stable
// order, or an error. It knows nothing of Terraform.
package waldur

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// maxRequests is the maximum number of concurrent requests of a client.
	maxRequests = 4

	defaultRequestTimeout = 30 * time.Second
	firstRetryWait        = 500 * time.Millisecond
	maxRetryWait          = 30 * time.Second
)

// Client reads from one Waldur server. Set its exported fields before the first request, and do not
// change them afterwards. It is safe for concurrent use; its reads share a limit of 4 requests.
type Client struct {
	URL                *url.URL // root of the API, as [ParseURL] returns it
	Token              Token    // sent with every request, like UserAgent and Headers
	UserAgent          string
	Headers            http.Header      // secret, for gateways in front of Waldur
	Proxy              *url.URL         // as [ProxyFromEnvironment] returns it; nil means none
	Certificate        *tls.Certificate // for servers that require one from clients; nil means none
	RootCAs            *x509.CertPool   // certificate authorities to trust; nil means the system's
	InsecureSkipVerify bool             // accepts any certificate of the server
	Logger             *slog.Logger     // logs attempts of requests, and reads, at debug level; nil means no log
	RequestTimeout     time.Duration    // limit of an attempt, with its whole response; 0 means 30 seconds

	// MaxRetries is the maximum number of retries of a request after a transient connection error,
	// a 408 or 429 response, or any 5xx response except 501.
	MaxRetries int

	// RetryWait is the wait before the first retry. It doubles with each further retry, up to 30
	// seconds, and varies at random. A Retry-After header of up to a minute replaces it, and delays
	// all requests of the client. A list whose data changed is read again after half of this wait.
	// That pause doubles with each further change, up to 16 times RetryWait. 0 means half a second.
	RetryWait time.Duration

	prepared  sync.Once // runs prepare
	transport *http.Transport
	logger    *slog.Logger
	redactor  *redactor
	cookies   http.CookieJar // for a load balancer that keeps a client at one replica
	slots     chan struct{}  // one element for each request in progress, or held back

	mu        sync.Mutex
	heldUntil time.Time // no request is sent earlier, because of a Retry-After header

	// fullDates is set once the server has accepted a month only as YYYY-MM-01.
	fullDates atomic.Bool
}

// Get sends a GET request for a path below the API's root, with retries. The error is an [*Error].
func (c *Client) Get(ctx context.Context, path string, query url.Values) (*Response, error) {
	c.prepared.Do(c.prepare)
	address := c.URL.JoinPath(path)
	address.RawQuery = query.Encode()
	request := Request{URL: address.String()}
	waits := exponential(cmp.Or(c.RetryWait, firstRetryWait), maxRetryWait, 0.5)
	var previous *Error
	for {
		queued := time.Now()
		if failed := c.acquire(ctx, previous); failed != nil {
			failed.Request = request
			return nil, failed
		}
		request.Attempts++
		started := time.Now()
		resp, failed := c.attempt(ctx, address, path, previous)
		<-c.slots
		c.logAttempt(ctx, request, time.Since(started), resp, failed)
		if failed == nil {
			resp.Request = request
			return resp, nil
		}
		failed.Request = request
		if waited := started.Sub(queued); failed.Cause == ReadTimedOut && previous == nil && waited > time.Since(started) {
			failed.Cause, failed.Text = NotSent, fmt.Sprintf("no response came in the time that was left after the request waited %s for others",
				waited.Round(time.Millisecond))
		}
		if !failed.Temporary || ctx.Err() != nil || request.Attempts > c.MaxRetries {
			return nil, failed
		}
		wait := waits.NextBackOff()
		if failed.RetryAfter > 0 {
			wait = failed.RetryAfter + jitter(failed.RetryAfter)
		}
		switch err := sleep(ctx, wait); {
		case err == nil:
			previous = failed
		case ctx.Err() == nil:
			failed.OutOfTime = true
			return nil, failed
		default:
			failed = ended(err, failed)
			failed.Request = request
			return nil, failed
		}
	}
}

// acquire waits until the client may send a request, and takes a slot for it.
func (c *Client) acquire(ctx context.Context, previous *Error) *Error {
	var err error
	queued := len(c.slots) == maxRequests
	select {
	case c.slots <- struct{}{}:
		err = ctx.Err()
		for held := c.heldFor(); held > 0 && err == nil; held = c.heldFor() {
			err = sleep(ctx, held+jitter(held))
		}
		if err == nil {
			return nil
		}
		<-c.slots
	case <-ctx.Done():
		err = ctx.Err()
	}
	failed := ended(err, previous)
	switch held := c.heldFor(); {
	case failed.Cause != ReadTimedOut:
	case held > 0:
		failed.Cause, failed.Text = HeldBack, fmt.Sprintf("a Retry-After header of the server holds back all requests for another %s", held.Round(time.Second))
	case previous == nil && queued:
		failed.Cause, failed.Text = NotSent, fmt.Sprintf("the request was not sent, because %d others were in progress", maxRequests)
	}
	return failed
}

// hold delays all requests of the client for the time in a Retry-After header.
func (c *Client) hold(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := time.Now().Add(wait); until.After(c.heldUntil) {
		c.heldUntil = until
	}
}

func (c *Client) heldFor() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.heldUntil)
}

// attempt sends a request once and reads its response. previous is the error of the one before.
func (c *Client) attempt(ctx context.Context, address *url.URL, path string, previous *Error) (*Response, *Error) {
	limit := cmp.Or(c.RequestTimeout, defaultRequestTimeout)
	attemptCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var reached progress
	failure := func(err error) *Error {
		switch {
		case ctx.Err() != nil:
			return ended(ctx.Err(), previous)
		case attemptCtx.Err() != nil:
			cause := RequestTimedOut
			if c.Proxy != nil && !reached.pastProxy() {
				cause = reached.proxyCause()
			}
			return &Error{Cause: cause, Text: fmt.Sprintf("no complete response within %s", limit), Temporary: true}
		}
		return c.connectionError(err, &reached)
	}
	req, err := http.NewRequestWithContext(reached.traced(attemptCtx), http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, failure(err)
	}
	maps.Copy(req.Header, c.Headers)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", c.Token.authorization())
	req.Header.Set("Cache-Control", "no-cache")
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.UserAgent)
	}
	cookies := c.cookies.Cookies(req.URL)
	for _, cookie := range cookies {
		req.AddCookie(cookie)
	}
	resp, err := c.transport.RoundTrip(req) // unlike http.Client, it follows no redirect
	if err != nil {
		return nil, failure(err)
	}
	defer func() { _ = resp.Body.Close() }()
	c.cookies.SetCookies(req.URL, resp.Cookies())
	if resp.StatusCode != http.StatusOK {
		failed := c.statusError(resp, path)
		if failed.RetryAfter <= maxRetryAfter {
			c.hold(failed.RetryAfter)
		}
		// A load balancer may set its cookie with a redirect, and wait for it.
		failed.Temporary = failed.Temporary || failed.Cause == RedirectLoop && len(c.cookies.Cookies(req.URL)) > len(cookies)
		return nil, failed
	}
	body, err := readBody(resp, c.redactor)
	if err != nil {
		return nil, failure(err)
	}
	return &Response{Header: resp.Header, Body: body, redactor: c.redactor}, nil
}

// exponential returns waits that double from first to longest, and vary by the fraction jitter.
func exponential(first, longest time.Duration, jitter float64) *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: first, MaxInterval: time.Duration(float64(longest) / (1 + jitter)), Multiplier: 2, RandomizationFactor: jitter,
	}
}

// jitter returns up to a tenth of a wait at random, so that requests are not all sent together.
func jitter(wait time.Duration) time.Duration {
	return rand.N(wait/10 + 1) //nolint:gosec // not a secret
}

// sleep waits. It returns an error at once if the context's deadline comes before the end of the
// wait. If the context is canceled during the wait, it returns the context's error.
func sleep(ctx context.Context, wait time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return context.DeadlineExceeded
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare sets the fields that requests share.
func (c *Client) prepare() {
	c.redactor = newRedactor(c.Token, c.Headers, c.Proxy)
	c.cookies, _ = cookiejar.New(nil) // which returns no error
	c.slots = make(chan struct{}, maxRequests)
	c.transport = c.newTransport()
	c.logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
}

// logAttempt logs one attempt of a request.
func (c *Client) logAttempt(ctx context.Context, request Request, elapsed time.Duration, resp *Response, failed *Error) {
	outcome := []any{"method", http.MethodGet, "url", request.URL, "attempt", request.Attempts, "milliseconds", elapsed.Milliseconds()}
	if failed != nil {
		outcome = append(outcome, "error", failed.Problem())
	} else {
		outcome = append(outcome, "status", http.StatusOK, "bytes", len(resp.Body))
	}
	c.logger.DebugContext(ctx, "Waldur request", outcome...)
}
