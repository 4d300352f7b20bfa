package waldur

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The tests of this file run in synctest bubbles: all waits have their real lengths, and pass at
// once. The time in a bubble begins at midnight.
var midnight = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// pipes is a listener whose connections are in memory, since a bubble cannot see that a connection
// of the network waits.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, open := <-p; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p <- server
	return client, nil
}

// bubble runs a parallel subtest in a bubble.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

// inBubble prepares a client of a server, both within the bubble of the test.
func inBubble(t *testing.T, c *Client, serve http.HandlerFunc) *Client {
	t.Helper()
	connections, server := make(pipes), &http.Server{Handler: serve}
	go func() { _ = server.Serve(connections) }()
	c.URL, c.Token = &url.URL{Scheme: "http", Host: "waldur.example.com", Path: "/api/"}, "token"
	c.prepared.Do(c.prepare)
	c.transport.DialContext = connections.dial
	t.Cleanup(func() {
		time.Sleep(time.Hour) // what is left in the bubble then is left for good, and fails the test
		_ = server.Close()
	})
	return c
}

// sendRow sends a page of one row, which has the number of the page and an amount.
func sendRow(w http.ResponseWriter, r *http.Request, count, amount int) {
	w.Header().Set("X-Result-Count", fmt.Sprint(count))
	_, _ = fmt.Fprintf(w, `[{"offering_uuid":"%s","offering_name":"","offering_type":"","category_uuid":"","category_title":"","component_type":"","component_name":"",
		"measured_unit":"","billing_type":"","billing_period":"2026-10-01","total_consumed":"%d","total_allocated":"1"}]`, r.URL.Query().Get("page"), amount)
}

// hang sends no response.
func hang(r *http.Request) { <-r.Context().Done() }

// list reads the list of all months within a time, or without a limit if it is 0.
func list(ctx context.Context, c *Client, limit time.Duration) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	_, _, err := c.ListComponentUsageMonthly(ctx, Query{Start: NewMonth(1900, 1)})
	return err
}

// TestWaitsDoubleWithJitter up to the longest, jitter included.
func TestWaitsDoubleWithJitter(t *testing.T) {
	t.Parallel()
	a, b := exponential(time.Second, 8*time.Second, 0.2), exponential(time.Second, 8*time.Second, 0.2)
	differ := false
	for i, want := range []float64{1, 2, 4, 8 / 1.2, 8 / 1.2, 8 / 1.2} {
		x, y := a.NextBackOff().Seconds(), b.NextBackOff().Seconds()
		differ = differ || x != y
		if x < 0.79*want || x > 1.21*want {
			t.Errorf("wait %d is %.2f s, want about %.0f s", i, x, want)
		}
	}
	if !differ {
		t.Error("the waits of two requests are equal")
	}
}

// TestConnectingTakesAPartOfTheTime, so that some is left for a second address of the host.
func TestConnectingTakesAPartOfTheTime(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]time.Duration{3 * time.Second: 2 * time.Second, time.Minute: 10 * time.Second} {
		if got := newDialer(timeout).Timeout; got != want {
			t.Errorf("%s of %s", got, timeout)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	date := func(after time.Duration) string { return midnight.Add(after).Format(http.TimeFormat) }
	for name, test := range map[string]struct {
		header http.Header
		wait   time.Duration // a tenth longer at most; 0 for half a second, varied by half; negative for no retry
	}{
		"none":                    {nil, 0},
		"seconds":                 {http.Header{"Retry-After": {"1"}}, time.Second},
		"a minute":                {http.Header{"Retry-After": {"60"}}, time.Minute},
		"more than a minute":      {http.Header{"Retry-After": {"61"}}, -1},
		"beyond all bounds":       {http.Header{"Retry-After": {"99999999999999"}}, -1},
		"no number":               {http.Header{"Retry-After": {"soon"}}, 0},
		"a negative number":       {http.Header{"Retry-After": {"-1"}}, 0},
		"a date":                  {http.Header{"Retry-After": {date(2 * time.Second)}}, 2 * time.Second},
		"a date without a Date":   {http.Header{"Retry-After": {date(2 * time.Second)}, "Date": nil}, 2 * time.Second},
		"a date that has passed":  {http.Header{"Retry-After": {date(-time.Hour)}}, 0},
		"a clock that is ahead":   {http.Header{"Retry-After": {date(901 * time.Second)}, "Date": {date(900 * time.Second)}}, time.Second},
		"a clock that is behind":  {http.Header{"Retry-After": {date(-899 * time.Second)}, "Date": {date(-900 * time.Second)}}, time.Second},
		"a date of a later clock": {http.Header{"Retry-After": {date(961 * time.Second)}, "Date": {date(900 * time.Second)}}, -1},
	} {
		bubble(t, name, func(t *testing.T) {
			if got := parseRetryAfter(test.header); got != test.wait && test.wait >= 0 {
				t.Errorf("read as %s", got)
			}
			var times []time.Duration
			c := inBubble(t, &Client{MaxRetries: 1}, func(w http.ResponseWriter, r *http.Request) {
				times = append(times, time.Since(midnight))
				if len(times) > 1 {
					sendRow(w, r, 1, 1)
					return
				}
				maps.Copy(w.Header(), test.header)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			switch err := list(t.Context(), c, 0); {
			case test.wait < 0 && (CauseOf(err) != RateLimited || len(times) != 1 || time.Since(midnight) > 0):
				t.Errorf("got %v after %d requests", err, len(times))
			case test.wait == 0 && (err != nil || times[1] < time.Second/4 || times[1] > 3*time.Second/4):
				t.Errorf("got %v; the requests are at %s", err, times)
			case test.wait > 0 && (err != nil || times[1] <= test.wait || times[1] > test.wait*11/10):
				t.Errorf("got %v; the requests are at %s", err, times)
			}
		})
	}
}

// TestRetryAfterHoldsBackAllRequests of a client until the latest time that a response asked for.
// They then continue at different times.
func TestRetryAfterHoldsBackAllRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var times []time.Duration
		c := inBubble(t, &Client{MaxRetries: 1}, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			n := len(times)
			times = append(times, time.Since(midnight))
			mu.Unlock()
			if n > 2 {
				sendRow(w, r, 1, 1)
				return
			}
			time.Sleep([]time.Duration{time.Second, 5 * time.Second, 6 * time.Second}[n])
			w.Header().Set("Retry-After", []string{"10", "20", "1"}[n])
			w.WriteHeader(http.StatusTooManyRequests)
		})
		var reads sync.WaitGroup
		for i := range 5 {
			reads.Go(func() {
				time.Sleep([]time.Duration{0, 0, 0, 2 * time.Second, 7 * time.Second}[i])
				if err := list(t.Context(), c, 0); err != nil {
					t.Error(err)
				}
			})
		}
		reads.Wait()
		later := slices.Clone(times[3:])
		if len(later) != 5 || later[0] < 25*time.Second || later[4] > 27*time.Second || len(slices.Compact(later)) < maxRequests {
			t.Errorf("the requests are at %s", times)
		}
	})
}

// TestReadsAfterARefusal are held back only by a Retry-After header that the client obeys, and say
// so if they have less time than that.
func TestReadsAfterARefusal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status     int
		retryAfter string
		limit      time.Duration // of the second read
		cause      Cause
		text       string
	}{
		"a status that is not retried": {http.StatusForbidden, "50", 0, "", ""},
		"a wait that is too long":      {http.StatusTooManyRequests, "3600", 0, "", ""},
		"more than the read's time":    {http.StatusTooManyRequests, "50", 20 * time.Second, HeldBack, "a Retry-After header of the server holds back all requests for another 50s"},
	} {
		bubble(t, name, func(t *testing.T) {
			var requests int
			c := inBubble(t, &Client{}, func(w http.ResponseWriter, r *http.Request) {
				if requests++; requests > 1 {
					sendRow(w, r, 1, 1)
					return
				}
				w.Header().Set("Retry-After", test.retryAfter)
				w.WriteHeader(test.status)
			})
			if err := list(t.Context(), c, 0); err == nil {
				t.Error("no error of the first read")
			}
			canceled, cancel := context.WithCancel(t.Context())
			cancel()
			for range maxRequests + 1 { // each leaves its place to others
				if err := list(canceled, c, 0); CauseOf(err) != Canceled || !strings.HasSuffix(err.Error(), ": the read was canceled") {
					t.Errorf("canceled: got %v", err)
				}
			}
			err := list(t.Context(), c, test.limit)
			if CauseOf(err) != test.cause || err != nil && !strings.HasSuffix(err.Error(), test.text) || time.Since(midnight) > 0 {
				t.Errorf("got %v after %s", err, time.Since(midnight))
			}
		})
	}
}

// TestReadsShareTheLimitOfRequests: 20 requests of a second each take five seconds.
func TestReadsShareTheLimitOfRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, &Client{}, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			sendRow(w, r, 1, 1)
		})
		var reads sync.WaitGroup
		for range 20 {
			reads.Go(func() {
				if err := list(t.Context(), c, 0); err != nil {
					t.Error(err)
				}
			})
		}
		if reads.Wait(); time.Since(midnight) != 5*time.Second {
			t.Errorf("the requests took %s", time.Since(midnight))
		}
	})
}

// TestARequestThatWaitsForOthers says so, if the read's time ends before or soon after.
func TestARequestThatWaitsForOthers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fails    bool          // the first attempt, before the others
		others   time.Duration // how long they take
		attempts int
		cause    Cause
		problem  string
	}{
		"for all its time":      {others: 20 * time.Second, cause: NotSent, problem: "the request was not sent, because 4 others were in progress"},
		"for most of its time":  {others: 6 * time.Second, attempts: 1, cause: NotSent, problem: "no response came in the time that was left after the request waited 6s for others"},
		"for some of its time":  {others: 4 * time.Second, attempts: 1, cause: ReadTimedOut, problem: "no complete response came in time"},
		"with a second attempt": {fails: true, others: 20 * time.Second, attempts: 1, cause: ReadTimedOut, problem: "no complete response came in time; the previous attempt failed: the server responded with 500 Internal Server Error"},
		"with a later second":   {fails: true, others: 6 * time.Second, attempts: 2, cause: ReadTimedOut, problem: "no complete response came in time; the previous attempt failed: the server responded with 500 Internal Server Error"},
	} {
		bubble(t, name, func(t *testing.T) {
			fails, result := test.fails, make(chan error)
			c := inBubble(t, &Client{MaxRetries: 1}, func(w http.ResponseWriter, r *http.Request) {
				if fails {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				hang(r)
			})
			read := func() { result <- list(t.Context(), c, 10*time.Second) }
			if fails {
				go read()
				synctest.Wait() // until it waits for its second attempt
				fails = false
			}
			var others sync.WaitGroup
			for range maxRequests {
				others.Go(func() { _ = list(t.Context(), c, test.others) })
			}
			synctest.Wait()
			if !test.fails {
				go read()
			}
			failed, ok := errors.AsType[*Error](<-result)
			if !ok || failed.Cause != test.cause || failed.Problem() != test.problem || failed.Request.Attempts != test.attempts || time.Since(midnight) != 10*time.Second {
				t.Errorf("got %v after %s", failed, time.Since(midnight))
			}
			others.Wait()
		})
	}
}

// TestARequestAfterTheTime of its read blames no others, because there are none.
func TestARequestAfterTheTime(t *testing.T) {
	t.Parallel()
	bubble(t, "", func(t *testing.T) {
		c := inBubble(t, &Client{}, func(http.ResponseWriter, *http.Request) {})
		ctx, cancel := context.WithDeadline(t.Context(), midnight.Add(-time.Second))
		defer cancel()
		for range 20 { // select takes one of two ways at random
			if _, err := c.Get(ctx, "version/", nil); CauseOf(err) != ReadTimedOut {
				t.Fatalf("got %s, %v", CauseOf(err), err)
			}
		}
	})
}

// TestReadsThatEnd say why, and what failed before. No attempt leaves a goroutine behind.
func TestReadsThatEnd(t *testing.T) {
	t.Parallel()
	const refused, timeout = "the server responded with 500 Internal Server Error", "no complete response within 30s"
	const previous = "; the previous attempt failed: " + refused
	for name, test := range map[string]struct {
		retries   int
		timeout   time.Duration // of a request, 30 s if it is 0
		retryWait time.Duration
		failures  int           // 500 responses, before the server hangs
		after     string        // their Retry-After header
		deadline  time.Duration // of the read
		cancel    time.Duration // of the read
		silent    bool          // the server does not even take part in a TLS handshake
		proxy     bool
		accepts   bool // the connection

		cause       Cause
		problem     string
		attempts    int
		least, most time.Duration // the time that the read took
	}{
		"with the request's time":       {retries: 1, cause: RequestTimedOut, problem: timeout, attempts: 2, least: 60 * time.Second, most: 61 * time.Second},
		"with a shorter time":           {timeout: 7 * time.Second, cause: RequestTimedOut, problem: "no complete response within 7s", attempts: 1, least: 7 * time.Second},
		"in a handshake":                {silent: true, cause: RequestTimedOut, problem: timeout, attempts: 1, least: 30 * time.Second},
		"at a proxy":                    {silent: true, proxy: true, cause: ProxyUnreachable, problem: timeout, attempts: 1, least: 30 * time.Second},
		"behind a proxy":                {proxy: true, cause: RequestTimedOut, problem: timeout, attempts: 1, least: 30 * time.Second},
		"at a proxy that accepts":       {silent: true, proxy: true, accepts: true, cause: ProxyFailed, problem: timeout, attempts: 1, least: 30 * time.Second},
		"with the read's time":          {retries: 1, deadline: 9 * time.Second, cause: ReadTimedOut, problem: "no complete response came in time", attempts: 1, least: 9 * time.Second},
		"after a failure":               {retries: 1, failures: 1, deadline: 9 * time.Second, cause: ReadTimedOut, problem: "no complete response came in time" + previous, attempts: 2, least: 9 * time.Second},
		"without time for a wait":       {retries: 1, retryWait: time.Minute, failures: 1, deadline: 9 * time.Second, cause: ServerError, problem: refused, attempts: 1},
		"without time for Retry-After":  {retries: 1, failures: 1, after: "9", deadline: 9 * time.Second, cause: ServerError, problem: refused, attempts: 1},
		"canceled":                      {retries: 1, cancel: time.Second, cause: Canceled, problem: "the read was canceled", attempts: 1, least: time.Second},
		"canceled in a wait":            {retries: 1, retryWait: time.Hour, failures: 1, cancel: time.Second, cause: Canceled, problem: "the read was canceled" + previous, attempts: 1, least: time.Second},
		"canceled after a failure":      {retries: 1, failures: 1, cancel: time.Second, cause: Canceled, problem: "the read was canceled" + previous, attempts: 2, least: time.Second},
		"with the last of its failures": {retries: 2, failures: 9, cause: ServerError, problem: refused, attempts: 3, least: 750 * time.Millisecond, most: 2250 * time.Millisecond},
	} {
		bubble(t, name, func(t *testing.T) {
			requests := 0
			c := &Client{RequestTimeout: test.timeout, MaxRetries: test.retries, RetryWait: test.retryWait}
			if test.proxy {
				c.Proxy = &url.URL{Scheme: "http", Host: "proxy.example.com"}
			}
			inBubble(t, c, func(w http.ResponseWriter, r *http.Request) {
				if requests++; requests > test.failures {
					hang(r)
				}
				w.Header().Set("Retry-After", test.after)
				w.WriteHeader(http.StatusInternalServerError)
			})
			if test.silent {
				c.URL.Scheme = "https"
				silent, _ := net.Pipe()
				c.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					if test.accepts {
						httptrace.ContextClientTrace(ctx).ConnectDone("", "", nil)
					}
					return silent, nil
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.cancel > 0 {
				time.AfterFunc(test.cancel, cancel)
			}
			err := list(ctx, c, test.deadline)
			failed, ok := errors.AsType[*Error](err)
			if !ok || failed.Cause != test.cause || failed.Problem() != test.problem || failed.Request.Attempts != test.attempts {
				t.Fatalf("got %s, %v", CauseOf(err), err)
			}
			if failed.OutOfTime != strings.HasPrefix(name, "without time") {
				t.Errorf("out of time: %t", failed.OutOfTime)
			}
			if errors.Is(err, context.DeadlineExceeded) != (test.cause == ReadTimedOut) || errors.Is(err, context.Canceled) != (test.cause == Canceled) {
				t.Errorf("it wraps %v", errors.Unwrap(err))
			}
			if took := time.Since(midnight); took < test.least || took > max(test.least, test.most) {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestReadsThatEndWithinAList have its numbers. The requests of the other pages end at once.
func TestReadsThatEndWithinAList(t *testing.T) {
	t.Parallel()
	const received, late = "received 1 rows; the server counts %d (passes: 1, changes of the data: 0): ", "no complete response came in time"
	for name, test := range map[string]struct {
		rows     int           // each on a page of its own
		failures int           // of page 2, before it hangs
		status   int           // of these failures
		cancel   time.Duration // of the read
		requests int           // pages that were requested
		cause    Cause
		problem  string
	}{
		"with the read's time": {9, 0, 0, 0, 5, ReadTimedOut, fmt.Sprintf(received, 9) + late},
		"after a failure":      {2, 1, 500, 0, 2, ReadTimedOut, fmt.Sprintf(received, 2) + late + "; the previous attempt failed: the server responded with 500 Internal Server Error"},
		"held back":            {2, 0, 0, 0, 1, HeldBack, fmt.Sprintf(received, 2) + "a Retry-After header of the server holds back all requests for another 1m0s"},
		"canceled":             {9, 0, 0, time.Second, 5, Canceled, "the read was canceled"},
		"with a refusal":       {9, 1, 403, 0, 5, PageDenied, "the server responded with 403 Forbidden"},
	} {
		bubble(t, name, func(t *testing.T) {
			var mu sync.Mutex
			requests := map[string]int{} // by page
			c := &Client{MaxRetries: 1}
			inBubble(t, c, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				page := r.URL.Query().Get("page")
				requests[page]++
				refused := page == "2" && requests[page] <= test.failures
				mu.Unlock()
				switch {
				case page == "":
					if test.cause == HeldBack { // by another read
						c.hold(time.Minute)
					}
					sendRow(w, r, test.rows, 1)
				case refused:
					time.Sleep(time.Second) // until others are in progress
					w.WriteHeader(test.status)
				default:
					hang(r)
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.cancel > 0 {
				time.AfterFunc(test.cancel, cancel)
			}
			err := list(ctx, c, 10*time.Second)
			failed, ok := errors.AsType[*Error](err)
			if !ok || failed.Cause != test.cause || failed.Problem() != test.problem {
				t.Fatalf("got %s, %v", CauseOf(err), err)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(requests) != test.requests || test.failures > 0 && failed.Request.Attempts != requests["2"] {
				t.Errorf("got %v after requests for %v", err, requests)
			}
		})
	}
}

// TestDataThatChanges is read again after waits that double, ten times at most.
func TestDataThatChanges(t *testing.T) {
	t.Parallel()
	const numbers = "received %d rows; the server counts 1 (passes: %d, changes of the data: %d): "
	const changed, late = numbers + "two consecutive reads returned different rows", numbers + "no complete response came in time"
	for name, test := range map[string]struct {
		writes      time.Duration // how long the data changes
		failsAt     time.Duration // when a request fails, and all later ones hang
		retryWait   time.Duration
		deadline    time.Duration
		cause       Cause
		problem     string
		least, most time.Duration
	}{
		"for a while":          {writes: 20 * time.Second, least: 20 * time.Second, most: 40 * time.Second},
		"for good":             {writes: time.Hour, cause: DataChanges, problem: fmt.Sprintf(changed, 1, 2, 10), least: 27 * time.Second, most: 42 * time.Second},
		"longer than the read": {writes: time.Hour, retryWait: 2 * time.Hour, deadline: time.Minute, cause: DataChanges, problem: fmt.Sprintf(changed, 1, 2, 1), most: time.Second},
		"until the read ends":  {writes: time.Hour, deadline: 950 * time.Millisecond, cause: DataChanges, problem: fmt.Sprintf(late, 0, 1, 1), least: 950 * time.Millisecond, most: 950 * time.Millisecond},
		"until a reading ends": {writes: time.Hour, deadline: 750 * time.Millisecond, cause: DataChanges, problem: fmt.Sprintf(late, 1, 2, 1), least: 750 * time.Millisecond, most: 750 * time.Millisecond},
		"until a failure": {writes: time.Hour, failsAt: 500 * time.Millisecond, deadline: 5 * time.Second, cause: ReadTimedOut, least: 5 * time.Second, most: 5 * time.Second,
			problem: fmt.Sprintf(late, 1, 2, 1) + "; the previous attempt failed: the server responded with 500 Internal Server Error"},
	} {
		bubble(t, name, func(t *testing.T) {
			failed := false
			c := inBubble(t, &Client{RetryWait: test.retryWait, MaxRetries: 1}, func(w http.ResponseWriter, r *http.Request) {
				switch time.Sleep(200 * time.Millisecond); {
				case failed:
					hang(r)
				case test.failsAt > 0 && time.Since(midnight) > test.failsAt:
					failed = true
					w.WriteHeader(http.StatusInternalServerError)
				default:
					sendRow(w, r, 1, int(min(time.Since(midnight), test.writes)))
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(test.deadline, time.Hour))
			defer cancel()
			_, _, err := c.ListComponentUsageMonthly(ctx, Query{Start: NewMonth(1900, 1), Consistent: true})
			if got, ok := errors.AsType[*Error](err); CauseOf(err) != test.cause || ok && got.Problem() != test.problem {
				t.Errorf("got %s, %v", CauseOf(err), err)
			}
			if took := time.Since(midnight); took < test.least || took > test.most {
				t.Errorf("it took %s", took)
			}
		})
	}
}
