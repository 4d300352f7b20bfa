// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

func TestQueryIsSentAsParameters(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	id := uuid.NullUUID{UUID: uuid.MustParse("5c6eb065-f4e7-58f7-957c-e351ad5bfcea"), Valid: true}
	for _, test := range []struct {
		query waldur.Query
		want  string
	}{
		{waldur.Query{}, "page_size=300"},
		{waldur.Query{BillingPeriod: waldur.NewMonth(2026, 8), PageSize: 7}, "billing_period=2026-08&page_size=7"},
		{waldur.Query{Start: waldur.NewMonth(2026, 8), End: waldur.NewMonth(2026, 9)}, "end=2026-09&page_size=300&start=2026-08"},
		{waldur.Query{OfferingUUID: id}, "offering_uuid=5c6eb065f4e758f7957ce351ad5bfcea&page_size=300"},
		{waldur.Query{OfferingUUID: uuid.NullUUID{Valid: true}}, "offering_uuid=00000000000000000000000000000000&page_size=300"},
		{waldur.Query{CustomerUUID: id, ProjectUUID: id},
			"customer_uuid=5c6eb065f4e758f7957ce351ad5bfcea&page_size=300&project_uuid=5c6eb065f4e758f7957ce351ad5bfcea"},
		{waldur.Query{OfferingType: "a&b=c ü", ComponentType: "cores", BillingType: "limit"},
			"billing_type=limit&component_type=cores&offering_type=a%26b%3Dc+%C3%BC&page_size=300"},
	} {
		server.ResetRequests()
		if _, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), test.query); err != nil {
			t.Fatal(err)
		}
		if got := server.Requests()[0]; got.RawQuery != test.want || got.Method != http.MethodGet || got.Path != waldurtest.Path {
			t.Errorf("got %s %s?%s, want ?%s", got.Method, got.Path, got.RawQuery, test.want)
		}
	}
}

func TestRequestsCarryTheTokenAndTheUserAgent(t *testing.T) {
	t.Parallel()
	for _, token := range []waldur.Token{waldurtest.Token, "w_personal", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln"} {
		server := waldurtest.Start(t, waldurtest.ContractRows())
		server.SetToken(string(token), waldurtest.TokenActive)
		c := client(t, server)
		c.Token, c.UserAgent = token, "tests/1"
		if _, _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{}); err != nil {
			t.Errorf("%s: %v", string(token), err)
		}
		if got := server.Requests()[0].Header.Get("User-Agent"); got != "tests/1" {
			t.Errorf("the user agent is %q", got)
		}
	}
}

// failures are responses of a server, and parts of the expected error.
var failures = map[string]struct {
	fault waldurtest.Fault
	want  []string
}{
	"401":                           {waldurtest.Status(401, nil, `{"detail":"Token has expired."}`), []string{`responded with 401 Unauthorized: "Token has expired."`}},
	"401 that breaks off":           {waldurtest.Raw("HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\n{\"detail\""), []string{"401 Unauthorized"}},
	"401 without end":               {endless, []string{"401 Unauthorized", "no no"}},
	"101":                           {switching, []string{"101 Switching Protocols"}},
	"403":                           {waldurtest.Status(403, nil, `{"detail":"You do not have permission to perform this action."}`), []string{"403 Forbidden", "You do not have permission"}},
	"404":                           {waldurtest.Status(404, nil, `{"detail":"Not found."}`), []string{"404 Not Found", "Not found."}},
	"404 in HTML":                   {waldurtest.HTML(404), []string{"404 Not Found", "Waldur"}},
	"400 in HTML":                   {waldurtest.Status(400, http.Header{"Content-Type": {"text/html"}}, "<title>Bad &amp; wrong</title>"), []string{"400 Bad Request", "Bad & wrong"}},
	"400 of no form":                {waldurtest.Status(400, nil, `["no"]`), []string{"400 Bad Request", "no"}},
	"400 of two filters":            {waldurtest.Status(400, nil, `{"start":["Enter a valid date."],"color":["No.","Never."]}`), []string{`refused color: "No. Never."; start: "Enter a valid date."`}},
	"501":                           {waldurtest.Status(501, nil, ""), []string{"501 Not Implemented"}},
	"204":                           {waldurtest.Status(204, nil, ""), []string{"204 No Content"}},
	"302 to nowhere":                {waldurtest.Status(302, nil, ""), []string{"302 Found"}},
	"200 with HTML":                 {waldurtest.HTML(200), []string{`an HTML page, "Waldur", instead of JSON`}},
	"200 with undeclared HTML":      {waldurtest.Body("", "\n<html></html>"), []string{"an HTML page instead of JSON"}},
	"200 with an object":            {waldurtest.Body("application/json", `{"results":[]}`), []string{"not a JSON array", "results"}},
	"200 with a text":               {waldurtest.Body("text/plain", "it works"), []string{"not valid JSON", "it works"}},
	"200 with nothing":              {waldurtest.Body("application/json", ""), []string{"not valid JSON (unexpected EOF)"}},
	"200 with half an array":        {waldurtest.Body("application/json", `[{"offering_uuid":"`), []string{"not valid JSON (unexpected EOF)"}},
	"200 in chunks, with half":      {waldurtest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[{\r\n0\r\n\r\n"), []string{"not valid JSON (unexpected EOF)"}},
	"200 in gzip, with half":        {gzipped(waldurtest.Body("application/json", `[{`)), []string{"not valid JSON (unexpected EOF)"}},
	"200 with text that is HTML":    {waldurtest.Body("text/html", "Log in."), []string{"an HTML page instead of JSON"}},
	"200 of 8 MiB":                  {waldurtest.Body("application/json", "["+strings.Repeat(" ", 8<<20-2)+"]"), []string{"no X-Result-Count header"}},
	"200 with an open array":        {waldurtest.Body("application/json", `[`), []string{"not valid JSON (unexpected EOF)"}},
	"200 with an array and more":    {waldurtest.Body("application/json", `[] []`), []string{"not valid JSON", "more data after the array"}},
	"200 with two commas":           {waldurtest.Body("application/json", `[{},,{}]`), []string{"row 1: offering_uuid is missing"}},
	"200 that is not UTF-8":         {waldurtest.Body("application/json", "[{\"a\":\"\xff\"}]"), []string{"not valid JSON (invalid UTF-8)"}},
	"200 with a key twice":          {waldurtest.Body("application/json", `[{"offering_uuid":"1","offering_uuid":"2"}]`), []string{"row 1: offering_uuid comes twice"}},
	"200 with an escaped key twice": {waldurtest.Body("application/json", `[{"usage_percent":"1","usage\u005fpercent":"2"}]`), []string{"row 1: usage_percent comes twice"}},
	"200 with numbers for rows":     {waldurtest.Body("application/json", `[1]`), []string{"row 1: must be a JSON object; got 1"}},
	"200 with null for a row":       {waldurtest.Body("application/json", `[null]`), []string{"row 1: offering_uuid is missing or null"}},
	"200 with an empty row":         {waldurtest.Body("application/json", `[{}]`), []string{"row 1: offering_uuid is missing or null"}},
	"a count of 300 digits":         {waldurtest.SetHeader("X-Result-Count", strings.Repeat("9", 300)), []string{"counts " + strings.Repeat("9", 200) + "… rows"}},
	"200 that is too large":         {waldurtest.Body("application/json", "["+strings.Repeat(" ", 8<<20)+"]"), []string{"larger than 8 MiB"}},
	"200 that is not counted":       {waldurtest.DropHeader("X-Result-Count"), []string{"no X-Result-Count header"}},
}

// endless sends a body until the client leaves.
func endless(int, *http.Request, http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		for err := error(nil); err == nil && r.Context().Err() == nil; {
			_, err = w.Write([]byte(strings.Repeat("no ", 1<<10)))
		}
	})
}

// switching switches protocols and keeps the connection, which is the body then.
func switching(int, *http.Request, http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // the server speaks HTTP/1.1
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
		_, _ = conn.Read(make([]byte, 1)) // until the client leaves
	})
}

// TestA400NamesAtMost10Problems with at most 200 bytes of each.
func TestA400NamesAtMost10Problems(t *testing.T) {
	t.Parallel()
	problems := map[string][]string{}
	for i := range 12 {
		problems[fmt.Sprintf("a_%02d", i)] = []string{strings.Repeat("no ", 1000)}
	}
	body, err := json.Marshal(problems)
	if err != nil {
		t.Fatal(err)
	}
	server := waldurtest.Start(t, nil)
	server.SetFaults(waldurtest.Status(400, nil, string(body)))
	_, _, err = client(t, server).ListComponentUsageMonthly(t.Context(), waldur.Query{})
	failed, ok := errors.AsType[*waldur.Error](err)
	if !ok || failed.Cause != waldur.FilterRefused || len(failed.Refused) != 10 || len(err.Error()) > 10*250+200 {
		t.Fatalf("got %v", err)
	}
}

func TestFailuresStateTheRequestAndTheResponse(t *testing.T) {
	t.Parallel()
	for name, test := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.SetFaults(test.fault)
			c := client(t, server)
			c.MaxRetries = 3
			_, _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(test.want, "GET "+server.URL+waldurtest.Path+"?page_size=300") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
			if strings.HasSuffix(err.Error(), ` ""`) {
				t.Errorf("the error ends with an empty quotation: %v", err)
			}
			if tooLarge := waldur.CauseOf(err) == waldur.ResponseTooLarge; tooLarge != strings.Contains(err.Error(), "is larger than") {
				t.Errorf("too large: %t, %v", tooLarge, err)
			}
			if n := len(server.Requests()); n != 1 {
				t.Errorf("%d requests, but a retry cannot help", n)
			}
		})
	}
}

// gzipped compresses the responses of a fault.
func gzipped(fault waldurtest.Fault) waldurtest.Fault {
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		return waldurtest.Gzip()(n, r, fault(n, r, next))
	}
}

func TestRowsOfWrongTypesAreNamed(t *testing.T) {
	t.Parallel()
	for field, values := range map[string]map[string]any{
		"offering_uuid":   {"is missing or null": nil, "must be a string; got 7": 7, "is missing or nul": "null"},
		"offering_name":   {"must be a string; got []": []any{}, "is missing or null": "null"},
		"limit_amount":    {"must be a whole number of 32 bits; got 2147483648": int64(1 << 31), `got "5"`: "5", "got 1.5": 1.5},
		"limit_period":    {"must be a string; got true": true},
		"billing_period":  {`got "2026-10-15"`: "2026-10-15", `must be the first day of a month such as "2026-10-01"; got "2026-10"`: "2026-10", "got 202610": 202610, "is missing": nil},
		"total_consumed":  {`must be a decimal of at most 40 digits with an exponent within ±40; got "much"`: "much", "got true": true, "of at most 40 digits": strings.Repeat("1", 41), `got "1e999999999"`: "1e999999999", "is missing or null": "null"},
		"total_allocated": {"is missing": nil, "got {}": map[string]any{}},
		"offering_type":   {"is missing": nil},
		"usage_percent":   {`must be a decimal`: "", "an exponent within": "1e-41"},
	} {
		for want, value := range values {
			t.Run(field+" "+want, func(t *testing.T) {
				t.Parallel()
				server := waldurtest.Start(t, tiedRows(3))
				server.SetFaults(waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
					switch value {
					case nil:
						delete(rows[1], field)
					case "null":
						rows[1][field] = nil
					default:
						rows[1][field] = value
					}
					return rows
				}))
				_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
				if failed, ok := errors.AsType[*waldur.Error](err); !ok || failed.Cause != waldur.BadRow || failed.Column != field || !strings.Contains(err.Error(), ": row 2: "+field+" ") || !strings.Contains(err.Error(), want) {
					t.Fatalf("got %v, want an error at row 2, %s: %s", err, field, want)
				}
			})
		}
	}
}

func TestNumbersMayComeAsJSONNumbers(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.SetFaults(waldurtest.SetHeader("X-Result-Count", "1"), waldurtest.Body("application/json", strings.ReplaceAll(
		`[{"offering_uuid":"a","offering_name":"","offering_type":"","category_uuid":"","category_title":"","component_type":"","component_name":"\u00fc",
		"measured_unit":"","billing_type":"","billing_period":"2026-10-01","total_consumed":999999999999999999.99,"total_allocated":1e2,"limit_amount":-1,"limit_period":null,"usage_percent":null}]`, "\n", "")))
	got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), waldur.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if row := got[0]; row.TotalConsumed.String() != "999999999999999999.99" || row.TotalAllocated.String() != "100" ||
		*row.LimitAmount != -1 || *row.ComponentName != "ü" || row.UsagePercent != nil || row.ServiceProviderName != nil {
		t.Fatalf("got %+v", row)
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	inTheSecond := http.Header{"Retry-After": {"1"}}
	untilDate := func(n int, r *http.Request, next http.Handler) http.Handler {
		date := time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat)
		return waldurtest.Status(503, http.Header{"Retry-After": {date}}, "")(n, r, next)
	}
	for name, test := range map[string]struct {
		fault    waldurtest.Fault
		requests int
		want     string
		atLeast  time.Duration
	}{
		"429 with Retry-After, then 200":     {waldurtest.First(1, waldurtest.Status(429, inTheSecond, "")), 2, "", time.Second},
		"503 with Retry-After, then 200":     {waldurtest.First(1, waldurtest.Status(503, inTheSecond, "")), 2, "", time.Second},
		"503 with a date, then 200":          {waldurtest.First(1, untilDate), 2, "", time.Second / 2},
		"429 with nonsense, then 200":        {waldurtest.First(1, waldurtest.Status(429, http.Header{"Retry-After": {"soon"}}, "")), 2, "", 0},
		"429 with a negative wait":           {waldurtest.First(1, waldurtest.Status(429, http.Header{"Retry-After": {"-1"}}, "")), 2, "", 0},
		"429 with a wait beyond all bounds":  {waldurtest.Status(429, http.Header{"Retry-After": {"99999999999999"}}, ""), 1, "429 Too Many Requests", 0},
		"500, 502 and 504, then 200":         {waldurtest.First(3, statuses(500, 502, 504)), 4, "", 0},
		"408, 425 and 599, then 200":         {waldurtest.First(3, statuses(408, 425, 599)), 4, "", 0},
		"429 for good":                       {waldurtest.Status(429, nil, `{"detail":"Request was throttled."}`), 4, `(4 attempts): the server responded with 429 Too Many Requests: "Request was throttled."`, 0},
		"503 for good":                       {waldurtest.Status(503, nil, ""), 4, "(4 attempts): the server responded with 503", 0},
		"a connection that is always closed": {waldurtest.HangUp(), 4, "(4 attempts): the connection failed: EOF", 0},
		"a wait of more than a minute":       {waldurtest.Status(429, http.Header{"Retry-After": {"61"}}, ""), 1, "429 Too Many Requests", 0},
		"a longer wait than the read has":    {waldurtest.Status(503, http.Header{"Retry-After": {"31"}}, ""), 1, "503 Service Unavailable", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.SetFaults(test.fault)
			c := client(t, server)
			c.MaxRetries = 3
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			started := time.Now()
			rows, _, err := c.ListComponentUsageMonthly(ctx, allMonths)
			if test.want == "" && (err != nil || len(rows) != 35) {
				t.Fatalf("got %d rows, %v", len(rows), err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			failed, _ := errors.AsType[*waldur.Error](err)
			if outOfTime := name == "a longer wait than the read has"; err != nil && (failed.OutOfTime != outOfTime || ctx.Err() != nil) {
				t.Errorf("out of time: %t, %v", failed.OutOfTime, ctx.Err())
			}
			// net/http itself repeats a request if a kept connection was closed meanwhile.
			if n := len(server.Requests()); n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
			if waited := time.Since(started); waited < test.atLeast {
				t.Errorf("waited only %s", waited)
			}
		})
	}
}

func statuses(codes ...int) waldurtest.Fault {
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		return waldurtest.Status(codes[n%len(codes)], nil, "")(n, r, next)
	}
}

func TestAServerThatNeverResponds(t *testing.T) {
	t.Parallel()
	hanging := func(t *testing.T) (*waldur.Client, *waldurtest.Server) {
		server := waldurtest.Start(t, tiedRows(2000))
		server.SetFaults(waldurtest.On(func(_ int, r *http.Request) bool { return r.URL.Query().Has("page") }, waldurtest.Hang()))
		return client(t, server), server
	}
	t.Run("ends with the request's time", func(t *testing.T) {
		t.Parallel()
		c, _ := hanging(t)
		c.RequestTimeout, c.MaxRetries = 50*time.Millisecond, 1
		_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
		if waldur.CauseOf(err) != waldur.RequestTimedOut || !strings.Contains(err.Error(), "(2 attempts)") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("ends with the request's time in a handshake", func(t *testing.T) {
		t.Parallel()
		silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and nobody accepts them
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }()
		c := &waldur.Client{URL: &url.URL{Scheme: "https", Host: silent.Addr().String(), Path: "/api/"}, RequestTimeout: 50 * time.Millisecond}
		_, _, err = c.ListComponentUsageMonthly(t.Context(), allMonths)
		if waldur.CauseOf(err) != waldur.RequestTimedOut || !strings.HasSuffix(err.Error(), "no complete response within 50ms") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("ends with the read's time", func(t *testing.T) {
		t.Parallel()
		c, server := hanging(t)
		server.SetFaults(waldurtest.Hang())
		c.MaxRetries = 1
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, _, err := c.ListComponentUsageMonthly(ctx, allMonths)
		failed, ok := errors.AsType[*waldur.Error](err)
		if !ok || failed.OutOfTime || !errors.Is(err, context.DeadlineExceeded) { // the deadline passed during the request, not during a wait
			t.Fatalf("got %v", err)
		}
	})
	t.Run("ends at once when canceled during a wait", func(t *testing.T) {
		t.Parallel()
		server := waldurtest.Start(t, nil)
		server.SetFaults(waldurtest.Status(500, nil, ""))
		c := client(t, server)
		c.MaxRetries, c.RetryWait = 1, time.Hour
		logger, log := logs()
		c.Logger = logger
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			log.await("500", 1)
			time.Sleep(200 * time.Millisecond) // until the wait has begun
			cancel()
		}()
		const want = "the read was canceled; the previous attempt failed: the server responded with 500 Internal Server Error"
		if _, _, err := c.ListComponentUsageMonthly(ctx, allMonths); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("ends with the read's time, and says what failed before", func(t *testing.T) {
		t.Parallel()
		server := waldurtest.Start(t, nil)
		server.SetFaults(waldurtest.First(1, waldurtest.Status(500, nil, "")), waldurtest.Hang())
		c := client(t, server)
		c.MaxRetries = 3
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		const want = "(2 attempts): no time was left for the request; the previous attempt failed: the server responded with 500 Internal Server Error"
		if _, _, err := c.ListComponentUsageMonthly(ctx, allMonths); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("ends at once when canceled", func(t *testing.T) {
		t.Parallel()
		c, server := hanging(t)
		logger, log := logs()
		c.Logger, c.MaxRetries = logger, 3
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for len(server.Requests()) < 5 { // page 1, and then 4 at a time
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		_, _, err := c.ListComponentUsageMonthly(ctx, allMonths)
		if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), "the read was canceled") {
			t.Fatalf("got %v", err)
		}
		if n := len(server.Requests()); n != 5 {
			t.Fatalf("%d requests, want the first and 4 at a time", n)
		}
		lines := strings.Join(log.texts, "")
		if n := len(log.texts); n != 6 || strings.Count(lines, "the read was canceled") != 4 {
			t.Fatalf("%d lines for 5 requests, of which 4 were canceled, and a read:\n%s", n, lines)
		}
	})
}

func TestTheFirstFailureEndsTheOtherPages(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(6000))
	server.SetFaults(waldurtest.OnPage(3, waldurtest.Status(403, nil, "")),
		waldurtest.On(func(_ int, r *http.Request) bool { return r.URL.Query().Has("page") }, waldurtest.Hang()))
	_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	if waldur.CauseOf(err) != waldur.Forbidden {
		t.Fatalf("got %v", err)
	}
	if n := len(server.Requests()); n > 6 {
		t.Fatalf("%d requests, though the third page failed", n)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	server := waldurtest.StartTLS(t, waldurtest.ContractRows())
	c := client(t, server)
	c.MaxRetries = 3
	_, _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{})
	if waldur.CauseOf(err) != waldur.UnknownAuthority || !strings.HasPrefix(err.Error(), "GET "+server.URL+waldurtest.Path+"?page_size=300: ") {
		t.Fatalf("got %v, want an untrusted certificate at the first attempt", err)
	}
	trusting := client(t, server)
	trusting.RootCAs = x509.NewCertPool()
	trusting.RootCAs.AppendCertsFromPEM([]byte(server.CACertPEM()))
	if _, _, err := trusting.ListComponentUsageMonthly(t.Context(), waldur.Query{}); err != nil {
		t.Fatal(err)
	}
	careless := client(t, server)
	careless.InsecureSkipVerify = true
	if _, _, err := careless.ListComponentUsageMonthly(t.Context(), waldur.Query{}); err != nil {
		t.Fatal(err)
	}
}

func TestRedirectsAreNeverFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := waldurtest.Start(t, waldurtest.ContractRows())
	for name, test := range map[string]struct {
		to       string
		location string
		root     string
	}{
		"to the same endpoint elsewhere": {to: elsewhere.URL + waldurtest.Path + "?token=" + waldurtest.Token, location: elsewhere.URL + waldurtest.Path + "?token=(token)"}, // without TLS
		"to https":                       {to: "https://waldur.example.com/up" + waldurtest.Path, root: "https://waldur.example.com/up"},
		"to an escaped path":             {to: "https://elsewhere.example/my%2Fprefix" + waldurtest.Path, root: "https://elsewhere.example/my%2Fprefix"},
		"to no host":                     {to: "https:" + waldurtest.Path},
		"within the server":              {to: waldurtest.Path + "?start=1900-01&page_size=300&session=1"},
		"to an address with the token":   {to: "https://elsewhere.example/" + waldurtest.Token + waldurtest.Path, location: "https://elsewhere.example/(token)" + waldurtest.Path},
		"to a login page":                {to: "https://login.example.com/realms/waldur"},
		"to an address that is none":     {to: "http://%zz/"},
		"to user info":                   {to: "https://me@elsewhere.example" + waldurtest.Path, root: "https://elsewhere.example"},
		"to a very long address":         {to: "https://elsewhere.example/" + strings.Repeat("long", 100), location: ("https://elsewhere.example/" + strings.Repeat("long", 100))[:200] + "…"},
		"to text from right to left":     {to: "https://elsewhere.example/\u202egnp.\u2066x", location: "https://elsewhere.example/ gnp. x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.StartTLS(t, waldurtest.ContractRows())
			server.SetFaults(waldurtest.Redirect(http.StatusTemporaryRedirect, test.to))
			c := client(t, server)
			c.InsecureSkipVerify, c.MaxRetries = true, 3
			_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			redirect, ok := errors.AsType[*waldur.Error](err)
			if !ok || !strings.HasSuffix(redirect.Text, ", a redirect to "+cmp.Or(test.location, test.to)) || len(server.Requests()) != 1 {
				t.Fatalf("got %v after %d requests", err, len(server.Requests()))
			}
			if want := map[bool]waldur.Cause{true: waldur.Moved, false: waldur.Redirected}[test.root != ""]; redirect.Cause != want {
				t.Errorf("the cause is %s, want %s", redirect.Cause, want)
			}
			if redirect.Address != test.root || !strings.Contains(err.Error(), "307 Temporary Redirect") {
				t.Fatalf("got %v with the address %q, want %q", err, redirect.Address, test.root)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(elsewhere.Requests()); n != 0 {
			t.Errorf("%d requests went elsewhere", n)
		}
	})
}

// TestRowsThatTheFiltersExcludeAreAnError: a proxy that drops the query would give
// the rows of another month, or of all offerings.
func TestRowsThatTheFiltersExcludeAreAnError(t *testing.T) {
	t.Parallel()
	dropped := waldurtest.EditQuery(func(query url.Values) {
		fields := query["field"]
		clear(query)
		query["field"] = fields
		query.Set("start", "") // all months
		query.Set("page_size", "300")
	})
	rows := waldurtest.ContractRows()
	id := func(text string) uuid.NullUUID { return uuid.NullUUID{UUID: uuid.MustParse(text), Valid: true} }
	all := waldur.NewMonth(1900, 1)
	for filter, test := range map[string]struct {
		query  waldur.Query
		column string
	}{
		"billing_period": {waldur.Query{BillingPeriod: waldur.NewMonth(2026, 8)}, "billing_period"},
		"start":          {waldur.Query{Start: waldur.NewMonth(2026, 10)}, "billing_period"},
		"end":            {waldur.Query{End: waldur.NewMonth(2026, 8)}, "billing_period"},
		"offering_uuid":  {waldur.Query{Start: all, OfferingUUID: id(rows[0].OfferingUUID)}, "offering_uuid"},
		"customer_uuid":  {waldur.Query{Start: all, CustomerUUID: id(rows[0].ServiceProviderUUID)}, "service_provider_uuid"},
		"component_type": {waldur.Query{Start: all, ComponentType: "ram"}, "component_type"},
		"offering_type":  {waldur.Query{Start: all, OfferingType: "OpenStack.Tenant"}, "offering_type"},
		"billing_type":   {waldur.Query{Start: all, BillingType: "limit"}, "billing_type"},
	} {
		t.Run(filter, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, rows)
			c := client(t, server)
			if _, _, err := c.ListComponentUsageMonthly(t.Context(), test.query); err != nil {
				t.Fatal(err)
			}
			server.SetFaults(dropped)
			for _, fields := range [][]*waldur.Column{nil, columns([]string{test.column}), columns([]string{"total_consumed"})} {
				test.query.Fields = fields
				got, _, err := c.ListComponentUsageMonthly(t.Context(), test.query)
				if waldur.CauseOf(err) != waldur.FilterIgnored || !strings.Contains(err.Error(), "does not match the filter "+filter+":") {
					t.Errorf("with %d fields: got %d rows, %v", len(fields), len(got), err)
				}
			}
		})
	}
}

// TestRowsOfNoProviderDoNotMatchAProvider: the columns of a service provider are
// missing where an offering belongs to no organization.
func TestRowsOfNoProviderDoNotMatchAProvider(t *testing.T) {
	t.Parallel()
	rows := waldurtest.ContractRows()
	server := waldurtest.Start(t, rows)
	server.SetFaults(waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
		delete(rows[0], "service_provider_uuid")
		return rows
	}))
	query := allMonths
	query.CustomerUUID = uuid.NullUUID{UUID: uuid.MustParse(rows[0].ServiceProviderUUID), Valid: true}
	_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
	if waldur.CauseOf(err) != waldur.FilterIgnored || !strings.HasSuffix(err.Error(), `row 1 does not match the filter customer_uuid: it has null`) {
		t.Fatalf("got %v", err)
	}
}

// TestReadsShareTheLimitOfRequests: 20 reads at a time, from a server that takes
// no more than 4 requests.
func TestReadsShareTheLimitOfRequests(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(1000))
	var underWay, refused atomic.Int64
	server.SetFaults(func(n int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if underWay.Add(1) > 4 {
				refused.Add(1)
				next = waldurtest.Status(429, nil, "")(n, r, next)
			}
			time.Sleep(2 * time.Millisecond)
			underWay.Add(-1) // before the response, after which the client may send another request
			next.ServeHTTP(w, r)
		})
	})
	c := client(t, server)
	var reads sync.WaitGroup
	for range 20 {
		reads.Go(func() {
			if rows, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil || len(rows) != 1000 {
				t.Errorf("got %d rows, %v", len(rows), err)
			}
		})
	}
	reads.Wait()
	if n := refused.Load(); n > 0 {
		t.Errorf("%d of %d requests were refused", n, len(server.Requests()))
	}
}

// TestRetryAfterDelaysAllRequests of a client, including those of other reads.
func TestRetryAfterDelaysAllRequests(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(1000))
	var mu sync.Mutex
	var refusedAt time.Time
	var early int
	server.SetFaults(func(n int, r *http.Request, next http.Handler) http.Handler {
		mu.Lock()
		defer mu.Unlock()
		if n == 4 {
			refusedAt = time.Now()
			return waldurtest.Status(429, http.Header{"Retry-After": {"1"}}, "")(n, r, next)
		}
		if !refusedAt.IsZero() && time.Since(refusedAt) < 950*time.Millisecond {
			early++
		}
		return waldurtest.Delay(100*time.Millisecond)(n, r, next)
	})
	c := client(t, server)
	c.MaxRetries = 1
	var reads sync.WaitGroup
	for range 10 {
		reads.Go(func() {
			if rows, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil || len(rows) != 1000 {
				t.Errorf("got %d rows, %v", len(rows), err)
			}
		})
	}
	reads.Wait()
	if early > 3 { // three others were under way
		t.Errorf("%d requests did not wait", early)
	}
}

// TestALongRetryAfterEndsOnlyItsRead: one of more than a minute does not hold back
// other requests.
func TestALongRetryAfterEndsOnlyItsRead(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(10))
	server.SetFaults(waldurtest.First(1, waldurtest.Status(429, http.Header{"Retry-After": {"3600"}}, "")))
	c := client(t, server)
	c.MaxRetries = 3
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err == nil {
		t.Fatal("no error")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if rows, _, err := c.ListComponentUsageMonthly(ctx, allMonths); err != nil || len(rows) != 10 {
		t.Fatalf("got %d rows, %v", len(rows), err)
	}
}

// TestErrorsAreReadToALimit: the rest of an endless text is left on the server.
func TestErrorsAreReadToALimit(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	var sent atomic.Int64
	server := waldurtest.Start(t, nil)
	server.SetFaults(func(int, *http.Request, http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			for text := bytes.Repeat([]byte("x"), 1<<20); sent.Load() < size; {
				n, err := w.Write(text)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	})
	_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	if waldur.CauseOf(err) != waldur.Forbidden || sent.Load() >= size {
		t.Fatalf("got %v after %d bytes", err, sent.Load())
	}
}

// TestOnlyAStatusThatIsRetriedDelaysRequests: a 403 response does not, whatever it has.
func TestOnlyAStatusThatIsRetriedDelaysRequests(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(10))
	server.SetFaults(waldurtest.First(1, waldurtest.Status(403, http.Header{"Retry-After": {"50"}}, "")))
	c := client(t, server)
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err == nil {
		t.Fatal("no error")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	if _, _, err := c.ListComponentUsageMonthly(ctx, allMonths); err != nil {
		t.Fatal(err)
	}
}

// TestAReadThatIsHeldBackSaysWhy, if it has less time than that.
func TestAReadThatIsHeldBackSaysWhy(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(10))
	server.SetFaults(waldurtest.First(1, waldurtest.Status(429, http.Header{"Retry-After": {"50"}}, "")))
	c := client(t, server)
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err == nil {
		t.Fatal("no error")
	}
	canceled, stop := context.WithCancel(t.Context())
	stop()
	for range 10 { // more reads than the client has slots
		if _, _, err := c.ListComponentUsageMonthly(canceled, allMonths); err == nil || !strings.HasSuffix(err.Error(), ": the read was canceled") {
			t.Fatalf("got %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, _, err := c.ListComponentUsageMonthly(ctx, allMonths)
	held := regexp.MustCompile(`: a Retry-After header holds back all requests for another \d+s$`)
	if waldur.CauseOf(err) != waldur.HeldBack || !held.MatchString(err.Error()) || ctx.Err() != nil {
		t.Fatalf("got %v", err)
	}
}

// TestWaitsAfterRetryAfterDiffer, so that requests which waited for the same time
// are not sent at the same time.
func TestWaitsAfterRetryAfterDiffer(t *testing.T) {
	t.Parallel()
	waits := make([]time.Duration, 8)
	var reads sync.WaitGroup
	for i := range waits {
		server := waldurtest.Start(t, tiedRows(1))
		server.SetFaults(waldurtest.First(1, waldurtest.Status(429, http.Header{"Retry-After": {"1"}}, "")))
		c := client(t, server)
		c.MaxRetries, c.RetryWait = 1, time.Hour // which the header replaces
		reads.Go(func() {
			started := time.Now()
			if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil {
				t.Error(err)
			}
			waits[i] = time.Since(started)
		})
	}
	reads.Wait()
	if slices.Max(waits)-slices.Min(waits) < 10*time.Millisecond { // they differ by up to a tenth of a second
		t.Errorf("waits of %s", waits)
	}
}

// TestRequestsUseHTTP1, whatever the server offers.
func TestRequestsUseHTTP1(t *testing.T) {
	t.Parallel()
	var protocols sync.Map
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocols.Store(r.Proto, true)
		w.Header().Set("X-Result-Count", "0")
		_, _ = w.Write([]byte("[]"))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	u, err := waldur.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &waldur.Client{URL: u, InsecureSkipVerify: true}
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil {
		t.Fatal(err)
	}
	protocols.Range(func(protocol, _ any) bool {
		if protocol != "HTTP/1.1" {
			t.Errorf("a request in %s", protocol)
		}
		return true
	})
}

// TestAnHTMLPageIsNoPagePastTheEnd: a 404 of a proxy on a later page is an error.
func TestAnHTMLPageIsNoPagePastTheEnd(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(1000))
	server.SetFaults(waldurtest.OnPage(3, waldurtest.HTML(404)))
	_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	if waldur.CauseOf(err) != waldur.PageNotFound {
		t.Fatalf("got %v", err)
	}
}

// TestSilentServersLeaveNothingBehind: an attempt that ends leaves no goroutine.
func TestSilentServersLeaveNothingBehind(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts connections, and sends nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	before := runtime.NumGoroutine()
	c := &waldur.Client{URL: &url.URL{Scheme: "https", Host: silent.Addr().String(), Path: "/api/"}, RequestTimeout: 20 * time.Millisecond, RetryWait: time.Millisecond, MaxRetries: 9}
	if _, _, err = c.ListComponentUsageMonthly(t.Context(), allMonths); err == nil {
		t.Fatal("no error")
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// TestResponsesThatAreOnlyAStatus: a redirect has a redirect's status and a Location, and
// only a 400 response is about filters or certificates.
func TestResponsesThatAreOnlyAStatus(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]waldurtest.Fault{
		"no Location":     waldurtest.Status(302, nil, ""),
		"no redirect":     waldurtest.Status(403, http.Header{"Location": {"https://elsewhere.example/login"}}, ""),
		"no filter":       waldurtest.Status(403, nil, `{"start":["No."]}`),
		"no certificate":  waldurtest.Status(403, nil, "No required SSL certificate was sent"),
		"unreadable text": waldurtest.SetHeader("Content-Encoding", "br"),
	} {
		server := waldurtest.Start(t, nil)
		server.SetFaults(fault, waldurtest.Status(403, nil, "secret"))
		_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
		if cause := waldur.CauseOf(err); cause != waldur.Forbidden && cause != waldur.OtherStatus || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
		if name == "no filter" && !strings.HasSuffix(err.Error(), `403 Forbidden: "start: No."`) {
			t.Errorf("got %v", err)
		}
	}
}

func TestMonthsAreSentAsDatesWhereMonthsAreRefused(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, waldurtest.ContractRows())
	server.TakeFullDates(true)
	c := client(t, server)
	query := waldur.Query{Start: waldur.NewMonth(2026, 8), End: waldur.NewMonth(2026, 9), PageSize: 5}
	for range 2 {
		if rows, _, err := c.ListComponentUsageMonthly(t.Context(), query); err != nil || len(rows) != 16 {
			t.Fatalf("got %d rows, %v", len(rows), err)
		}
	}
	var refused int
	for _, request := range server.Requests() {
		if request.Query.Get("start") == "2026-08" {
			refused++
		} else if request.Query.Get("start") != "2026-08-01" || request.Query.Get("end") != "2026-09-01" {
			t.Errorf("sent %s", request.RawQuery)
		}
	}
	if n := len(server.Requests()); refused != 1 || n != 9 {
		t.Fatalf("%d of %d requests sent months, want the first of 9", refused, n)
	}
}

// TestAMonthFormatIsKeptOnceItIsAccepted: another error does not count as acceptance.
func TestAMonthFormatIsKeptOnceItIsAccepted(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, waldurtest.ContractRows())
	server.TakeFullDates(true)
	isFull := func(_ int, r *http.Request) bool { return r.URL.Query().Get("start") == "2026-08-01" }
	server.SetFaults(waldurtest.On(isFull, waldurtest.First(1, waldurtest.Status(403, nil, ""))))
	c := client(t, server)
	query := waldur.Query{Start: waldur.NewMonth(2026, 8)}
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), query); err == nil {
		t.Fatal("no error")
	}
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	var sent []string
	for _, request := range server.Requests() {
		sent = append(sent, request.Query.Get("start"))
	}
	if want := []string{"2026-08", "2026-08-01", "2026-08", "2026-08-01"}; !slices.Equal(sent, want) {
		t.Fatalf("sent %v, want %v", sent, want)
	}
	server.SetFaults(waldurtest.Status(400, nil, `{"start":["No."]}`))
	server.ResetRequests()
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), query); err == nil || len(server.Requests()) != 1 {
		t.Fatalf("got %v after %d requests, want one", err, len(server.Requests()))
	}
}

// TestOnlyARefusedMonthIsSentAsADate: another refused filter says nothing of months.
func TestOnlyARefusedMonthIsSentAsADate(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.SetFaults(waldurtest.Status(400, nil, `{"offering_type":["No."]}`))
	if _, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths); err == nil || len(server.Requests()) != 1 {
		t.Fatalf("got %v after %d requests, want one", err, len(server.Requests()))
	}
}

// TestReadsAtATimeLearnTheFormOfMonths: several data sources share a client.
func TestReadsAtATimeLearnTheFormOfMonths(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, waldurtest.ContractRows())
	server.TakeFullDates(true)
	c := client(t, server)
	var reads sync.WaitGroup
	for range 8 {
		reads.Go(func() {
			if rows, _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{Start: waldur.NewMonth(2026, 8), PageSize: 7}); err != nil || len(rows) != 34 {
				t.Errorf("got %d rows, %v", len(rows), err)
			}
		})
	}
	reads.Wait()
}

func TestMonthsThatAreRefusedInBothForms(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.SetFaults(waldurtest.Status(400, nil, `{"start":["Too early."]}`))
	_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	if waldur.CauseOf(err) != waldur.FilterRefused || !strings.Contains(err.Error(), "start=1900-01:") || len(server.Requests()) != 2 {
		t.Fatalf("got %v after %d requests", err, len(server.Requests()))
	}
}

// TestTheTokenIsInNoErrorAndNoLog reads from servers that repeat it, in all the
// places that an error shows.
func TestTheTokenIsInNoErrorAndNoLog(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{
		"a key": "s3cret-of-forty-characters-and-some-more",
		"a JWT": "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("claims", 60) + ".c2lnbmF0dXJl",
	}
	for kind, secret := range secrets {
		page := "<title>" + strings.Repeat("-", 190) + secret + "</title>"
		firstRow := `[{"offering_uuid":"1","offering_name":"","offering_type":"","category_uuid":%s}]`
		for place, fault := range map[string]waldurtest.Fault{
			"a detail":                 waldurtest.Status(403, nil, `{"detail":"`+secret+`"}`),
			"a list of details":        waldurtest.Status(403, nil, `{"errors":["`+secret+`"]}`),
			"a filter":                 waldurtest.Status(400, nil, `{"start":["`+secret+`"]}`),
			"a filter's name":          waldurtest.Status(400, nil, `{"`+secret+`":["no"]}`),
			"an object":                waldurtest.Status(400, nil, `{"a":{"b":"`+secret+`"}}`),
			"a title":                  waldurtest.Status(500, http.Header{"Content-Type": {"text/html"}}, page),
			"a text":                   waldurtest.Status(418, nil, strings.Repeat("-", 190)+secret),
			"a redirect":               waldurtest.Status(302, http.Header{"Location": {"http://elsewhere.example/" + secret}}, ""),
			"a redirect's query":       waldurtest.Status(302, http.Header{"Location": {"http://elsewhere.example/?next=" + secret}}, ""),
			"a redirect's host":        waldurtest.Status(302, http.Header{"Location": {"http://" + secret + waldurtest.Path}}, ""),
			"a redirect to no address": waldurtest.Status(302, http.Header{"Location": {"http://%zz/" + secret}}, ""),
			"a response without a row": waldurtest.Body("application/json", `{"token":"`+secret+`"}`),
			"a response of one text":   waldurtest.Body("application/json", `"`+secret+`"`),
			"a response that is cut":   waldurtest.Body("application/json", `["`+secret),
			"a page":                   waldurtest.Body("text/html", page),
			"a field":                  waldurtest.Body("application/json", fmt.Sprintf(firstRow, `{"t":"`+secret+`"}`)),
			"a field that comes twice": waldurtest.Body("application/json", `[{"`+secret+`":1,"`+secret+`":2}]`),
			"a number":                 waldurtest.Body("application/json", `[{"total_consumed":"`+secret+`"}]`),
			"a row of another month":   waldurtest.EditRows(setFirst("billing_period", secret)),
			"a row of another kind":    waldurtest.EditRows(setFirst("component_type", secret)),
			"a row of another period":  waldurtest.EditRows(setFirst("limit_period", secret)),
			"a count":                  waldurtest.SetHeader("X-Result-Count", secret),
			"an encoding":              waldurtest.SetHeader("Content-Encoding", secret),
			"a reason":                 waldurtest.Raw("HTTP/1.1 403 " + secret + "\r\nContent-Length: 0\r\n\r\n"),
			"a reason to try again":    waldurtest.Raw("HTTP/1.1 500 " + secret + "\r\nContent-Length: 0\r\n\r\n"),
			"a malformed status":       waldurtest.Raw("HTTP/1.1 " + secret + "\r\n\r\n"),
			"a malformed header":       waldurtest.Raw("HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n"),
		} {
			t.Run(kind+" in "+place, func(t *testing.T) {
				t.Parallel()
				server := waldurtest.Start(t, waldurtest.ContractRows())
				server.SetToken(secret, waldurtest.TokenActive)
				server.SetFaults(fault)
				c := client(t, server)
				c.Token, c.MaxRetries = waldur.Token(secret), 1
				logger, log := logs()
				c.Logger = logger
				query := waldur.Query{BillingPeriod: waldur.NewMonth(2026, time.August), ComponentType: "cores", WholeLimitPeriods: true}
				_, _, err := c.ListComponentUsageMonthly(t.Context(), query)
				if err == nil || len(log.texts) == 0 {
					t.Fatalf("got the error %v and %d lines", err, len(log.texts))
				}
				for _, text := range append(log.texts, err.Error(), fmt.Sprintf("%+v", err)) {
					if strings.Contains(text, secret[:8]) {
						t.Errorf("the token shows: %s", text)
					}
				}
			})
		}
	}
}

// TestPrintingAClientShowsNoToken, however it is printed and whether or not it was
// used.
func TestPrintingAClientShowsNoToken(t *testing.T) {
	t.Parallel()
	c := client(t, waldurtest.Start(t, nil))
	for range 2 {
		encoded, err := json.Marshal(map[string]any{"client": c, "token": c.Token})
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("printed", "client", c, "token", c.Token)
		slog.New(slog.NewTextHandler(&log, nil)).Info("printed", "client", c, "token", c.Token)
		for _, text := range []string{
			fmt.Sprint(c), fmt.Sprintf("%+v %#v %s %q %x", c, c, c, c, c), fmt.Sprintf("%+v %#v %d", c.Token, c.Token, c.Token),
			fmt.Sprintf("%x %q", c.Token, struct{ T waldur.Token }{c.Token}), string(encoded), log.String(),
		} {
			if strings.Contains(text, waldurtest.Token) || strings.Contains(text, hex.EncodeToString([]byte(waldurtest.Token))) {
				t.Errorf("the token shows: %s", text)
			}
		}
		if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil {
			t.Fatal(err)
		}
	}
}

func setFirst(field string, value any) func([]map[string]any) []map[string]any {
	return func(rows []map[string]any) []map[string]any {
		rows[0][field] = value
		return rows
	}
}

// logs returns a logger, and what it has logged: a line for each record.
func logs() (*slog.Logger, *lines) {
	l := &lines{}
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})), l
}

type lines struct {
	mu    sync.Mutex
	texts []string
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts = append(l.texts, string(line))
	return len(line), nil
}

// count returns the number of lines that contain a text.
func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(strings.Join(l.texts, ""), text)
}

// await waits for lines that contain a text.
func (l *lines) await(text string, count int) {
	for l.count(text) < count {
		time.Sleep(time.Millisecond)
	}
}

func TestEachAttemptAndEachReadIsLogged(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(500))
	server.SetFaults(waldurtest.First(1, waldurtest.Status(503, nil, "")))
	c := client(t, server)
	c.MaxRetries = 1
	logger, log := logs()
	c.Logger = logger
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"Waldur request", "method=GET", server.URL, "attempt=1", "503 Service Unavailable", "milliseconds="},
		{"Waldur request", "attempt=2", "status=200", "bytes="},
		{"Waldur request", "attempt=1", "status=200", "page=2"},
		{"Waldur read", "rows=500", "count=500", "passes=1", "complete=true"},
	} {
		if !slices.ContainsFunc(log.texts, func(line string) bool {
			return !slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(line, part) })
		}) {
			t.Errorf("no line has all of %q in:\n%s", want, strings.Join(log.texts, ""))
		}
	}
	if len(log.texts) != 4 {
		t.Errorf("%d lines, want 4:\n%s", len(log.texts), strings.Join(log.texts, ""))
	}
}
