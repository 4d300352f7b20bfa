// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
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
		if _, err := client(t, server).ListComponentUsageMonthly(t.Context(), test.query); err != nil {
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
		if _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{}); err != nil {
			t.Errorf("%s: %v", string(token), err)
		}
		if got := server.Requests()[0].Header.Get("User-Agent"); got != "tests/1" {
			t.Errorf("the user agent is %q", got)
		}
	}
}

// failures are what a server may answer, and what the error says of it.
var failures = map[string]struct {
	fault waldurtest.Fault
	want  []string
}{
	"401":                        {waldurtest.Status(401, nil, `{"detail":"Token has expired."}`), []string{"401 Unauthorized", "Token has expired."}},
	"403":                        {waldurtest.Status(403, nil, `{"detail":"You do not have permission to perform this action."}`), []string{"403 Forbidden", "You do not have permission"}},
	"404":                        {waldurtest.Status(404, nil, `{"detail":"Not found."}`), []string{"404 Not Found", "Not found."}},
	"404 in HTML":                {waldurtest.HTML(404), []string{"404 Not Found", "Waldur"}},
	"400 in HTML":                {waldurtest.Status(400, http.Header{"Content-Type": {"text/html"}}, "<title>Bad &amp; wrong</title>"), []string{"400 Bad Request", "Bad & wrong"}},
	"400 of no form":             {waldurtest.Status(400, nil, `["no"]`), []string{"400 Bad Request", `["no"]`}},
	"400 of two filters":         {waldurtest.Status(400, nil, `{"start":["Enter a valid date."],"color":["No.","Never."]}`), []string{"color: No. Never.; start: Enter a valid date."}},
	"501":                        {waldurtest.Status(501, nil, ""), []string{"501 Not Implemented"}},
	"204":                        {waldurtest.Status(204, nil, ""), []string{"204 No Content"}},
	"200 with HTML":              {waldurtest.HTML(200), []string{"200 OK with an HTML page (Waldur) instead of JSON"}},
	"200 with undeclared HTML":   {waldurtest.Body("", "\n<html></html>"), []string{"an HTML page"}},
	"200 with an object":         {waldurtest.Body("application/json", `{"results":[]}`), []string{"not a JSON array", `{"results":[]}`}},
	"200 with a text":            {waldurtest.Body("text/plain", "it works"), []string{"not JSON", "it works"}},
	"200 with nothing":           {waldurtest.Body("application/json", ""), []string{"not JSON: unexpected end of JSON input, after 0 bytes"}},
	"200 with half an array":     {waldurtest.Body("application/json", `[{"offering_uuid":"`), []string{"not JSON: unexpected end of JSON input, after 19 bytes"}},
	"200 with an array and more": {waldurtest.Body("application/json", `[] []`), []string{"not JSON", "after top-level value"}},
	"200 that is no UTF-8":       {waldurtest.Body("application/json", "[{\"a\":\"\xff\"}]"), []string{"not UTF-8"}},
	"200 with numbers for rows":  {waldurtest.Body("application/json", `[1]`), []string{"row 1 is 1, want an object"}},
	"200 with null for a row":    {waldurtest.Body("application/json", `[null]`), []string{"row 1 is null, want an object"}},
	"200 with a field twice":     {waldurtest.Body("application/json", `[{"offering_uuid":"1","offering_uuid":null}]`), []string{"row 1: offering_uuid comes twice"}},
	"200 with an empty row":      {waldurtest.Body("application/json", `[{}]`), []string{"row 1: offering_uuid is missing"}},
}

func TestFailuresSayWhatWasAskedAndWhatCameBack(t *testing.T) {
	t.Parallel()
	for name, test := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.Misbehave(test.fault)
			c := client(t, server)
			c.MaxRetries = 3
			_, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(test.want, "GET "+server.URL+waldurtest.Path+"?page_size=300") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
			if n := len(server.Requests()); n != 1 {
				t.Errorf("%d requests for what no retry can mend", n)
			}
		})
	}
}

func TestRowsOfWrongTypesAreNamed(t *testing.T) {
	t.Parallel()
	for field, values := range map[string]map[string]any{
		"offering_uuid":   {"is missing": nil, "is 7, want a string": 7, "is null": "null"},
		"offering_name":   {"is [], want a string": []any{}, "is null": "null"},
		"limit_amount":    {"is 2147483648, want a whole number of 32 bits": 1 << 31, `is "5"`: "5", "is 1.5": 1.5},
		"limit_period":    {"is true": true},
		"billing_period":  {`is "2026-10-15", want a month`: "2026-10-15", `is "2026-10", want a month written YYYY-MM-01`: "2026-10", "is 202610": 202610, "is missing": nil},
		"total_consumed":  {`is "much", want a decimal`: "much", "is true": true, "of at most 40 digits": strings.Repeat("1", 41), "an exponent within ±40": "1e999999999", "is null": "null"},
		"total_allocated": {"is missing": nil, "is {}": map[string]any{}},
		"offering_type":   {"is missing": nil},
		"usage_percent":   {"is missing": nil, `is "", want a decimal`: "", "an exponent within": "1e-41"},
	} {
		for want, value := range values {
			t.Run(field+" "+want, func(t *testing.T) {
				t.Parallel()
				server := waldurtest.Start(t, tiedRows(3))
				server.Misbehave(waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
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
				_, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
				var row *waldur.RowError
				if !errors.As(err, &row) || row.Row != 2 || row.Field != field || !strings.Contains(err.Error(), want) {
					t.Fatalf("got %v, want an error at row 2, %s, that it %s", err, field, want)
				}
			})
		}
	}
}

func TestNumbersMayComeAsJSONNumbers(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.Misbehave(waldurtest.SetHeader("X-Result-Count", "1"), waldurtest.Body("application/json", strings.ReplaceAll(
		`[{"offering_uuid":"a","offering_name":"","offering_type":"","category_uuid":"","category_title":"","component_type":"","component_name":"\u00fc",
		"measured_unit":"","billing_type":"","billing_period":"2026-10-01","total_consumed":999999999999999999.99,"total_allocated":1e2,"limit_amount":-1,"limit_period":null,"usage_percent":null}]`, "\n", "")))
	got, err := client(t, server).ListComponentUsageMonthly(t.Context(), waldur.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if row := got[0]; row.TotalConsumed.String() != "999999999999999999.99" || row.TotalAllocated.String() != "100" ||
		*row.LimitAmount != -1 || row.ComponentName != "ü" || row.UsagePercent.Valid || row.ServiceProviderName != nil {
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
		"429 with Retry-After, then well":    {waldurtest.First(1, waldurtest.Status(429, inTheSecond, "")), 2, "", time.Second},
		"503 with Retry-After, then well":    {waldurtest.First(1, waldurtest.Status(503, inTheSecond, "")), 2, "", time.Second},
		"503 with a date, then well":         {waldurtest.First(1, untilDate), 2, "", time.Second / 2},
		"429 with nonsense, then well":       {waldurtest.First(1, waldurtest.Status(429, http.Header{"Retry-After": {"soon"}}, "")), 2, "", 0},
		"429 with a negative wait":           {waldurtest.First(1, waldurtest.Status(429, http.Header{"Retry-After": {"-1"}}, "")), 2, "", 0},
		"429 with a wait beyond all bounds":  {waldurtest.First(1, waldurtest.Status(429, http.Header{"Retry-After": {"99999999999999"}}, "")), 2, "", 0},
		"500, 502 and 504, then well":        {waldurtest.First(3, statuses(500, 502, 504)), 4, "", 0},
		"429 for good":                       {waldurtest.Status(429, nil, `{"detail":"Request was throttled."}`), 4, "(sent 4 times): 429 Too Many Requests (Request was throttled.)", 0},
		"503 for good":                       {waldurtest.Status(503, nil, ""), 4, "(sent 4 times): 503", 0},
		"a connection that is always closed": {waldurtest.HangUp(), 4, "(sent 4 times): EOF", 0},
		"a longer wait than the read has":    {waldurtest.Status(429, http.Header{"Retry-After": {"3600"}}, ""), 1, "429 Too Many Requests", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.Misbehave(test.fault)
			c := client(t, server)
			c.MaxRetries = 3
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			started := time.Now()
			rows, err := c.ListComponentUsageMonthly(ctx, allMonths)
			if test.want == "" && (err != nil || len(rows) != 35) {
				t.Fatalf("got %d rows, %v", len(rows), err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			// net/http itself repeats a request on a kept connection that was closed under it.
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

func TestAServerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	hanging := func(t *testing.T) (*waldur.Client, *waldurtest.Server) {
		server := waldurtest.Start(t, tiedRows(2000))
		server.Misbehave(waldurtest.On(func(_ int, r *http.Request) bool { return r.URL.Query().Has("page") }, waldurtest.Hang()))
		return client(t, server), server
	}
	t.Run("ends with the request's time", func(t *testing.T) {
		t.Parallel()
		c, _ := hanging(t)
		c.RequestTimeout, c.MaxRetries = 50*time.Millisecond, 1
		_, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
		var connection *waldur.ConnectionError
		if !errors.As(err, &connection) || !connection.TimedOut || connection.Attempts != 2 {
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
		_, err = c.ListComponentUsageMonthly(t.Context(), allMonths)
		var connection *waldur.ConnectionError
		if !errors.As(err, &connection) || !connection.TimedOut || !strings.HasSuffix(err.Error(), "no whole answer within 50ms") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("ends with the read's time", func(t *testing.T) {
		t.Parallel()
		c, _ := hanging(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := c.ListComponentUsageMonthly(ctx, allMonths); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("ends at once when canceled", func(t *testing.T) {
		t.Parallel()
		c, server := hanging(t)
		log := &debugLog{}
		c.Debug, c.MaxRetries = log.add, 3
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for len(server.Requests()) < 5 { // page 1, and then 4 at a time
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		_, err := c.ListComponentUsageMonthly(ctx, allMonths)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		if n := len(server.Requests()); n != 5 {
			t.Fatalf("%d requests, want the first and 4 at a time", n)
		}
		if n := len(log.lines); n != 6 {
			t.Fatalf("%d lines for 5 requests and a read:\n%s", n, strings.Join(log.lines, "\n"))
		}
	})
}

func TestTheFirstFailureEndsTheOtherPages(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(6000))
	server.Misbehave(waldurtest.OnPage(3, waldurtest.Status(403, nil, "")),
		waldurtest.On(func(_ int, r *http.Request) bool { return r.URL.Query().Has("page") }, waldurtest.Hang()))
	_, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	var status *waldur.StatusError
	if !errors.As(err, &status) || status.StatusCode != 403 {
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
	_, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{})
	var connection *waldur.ConnectionError
	if !errors.As(err, &connection) || !connection.Untrusted() || connection.Attempts != 1 {
		t.Fatalf("got %v, want an untrusted certificate at the first attempt", err)
	}
	trusting := client(t, server)
	trusting.RootCAs = x509.NewCertPool()
	trusting.RootCAs.AppendCertsFromPEM([]byte(server.CACertPEM()))
	if _, err := trusting.ListComponentUsageMonthly(t.Context(), waldur.Query{}); err != nil {
		t.Fatal(err)
	}
	careless := client(t, server)
	careless.InsecureSkipVerify = true
	if _, err := careless.ListComponentUsageMonthly(t.Context(), waldur.Query{}); err != nil {
		t.Fatal(err)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	rows := waldurtest.ContractRows()
	elsewhere := waldurtest.Start(t, rows)
	for name, redirecting := range map[string]*waldurtest.Server{"another port": waldurtest.Start(t, rows), "from https to http": waldurtest.StartTLS(t, rows)} {
		redirecting.Misbehave(waldurtest.Redirect(http.StatusTemporaryRedirect, elsewhere.URL+waldurtest.Path+"?token="+waldurtest.Token))
		c := client(t, redirecting)
		c.InsecureSkipVerify, c.MaxRetries = true, 3
		_, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{})
		var redirect *waldur.RedirectError
		if !errors.As(err, &redirect) || redirect.Location != elsewhere.URL+waldurtest.Path+"?token=(token)" || redirect.Attempts != 1 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if n := len(elsewhere.Requests()); n != 0 {
		t.Fatalf("%d requests went elsewhere", n)
	}
}

func TestRedirectsWithinTheServer(t *testing.T) {
	t.Parallel()
	same := waldurtest.Path + "?page_size=300&start=1900-01"
	type lost = *waldur.LostQueryError
	type refused = *waldur.RedirectError
	for name, test := range map[string]struct {
		fault    waldurtest.Fault
		requests int
		as       any // what the error is, or nil for all rows
		want     string
	}{
		"with the query":             {waldurtest.First(1, waldurtest.Redirect(http.StatusFound, same)), 2, nil, ""},
		"with more in the query":     {waldurtest.First(1, waldurtest.Redirect(http.StatusFound, waldurtest.Path+"?session=1&start=1900-01&page_size=300")), 2, nil, ""},
		"without the query":          {waldurtest.First(1, waldurtest.Redirect(http.StatusFound, waldurtest.Path)), 2, new(lost), "a redirect led to http://127.0.0.1:"},
		"to another month":           {waldurtest.First(1, waldurtest.Redirect(http.StatusFound, waldurtest.Path+"?start=2026-08&page_size=300")), 2, new(lost), "start=2026-08&page_size=300, without the query or with another"},
		"in a circle":                {waldurtest.Redirect(http.StatusFound, same), 6, new(refused), "it comes after 5 others"},
		"to what is no address":      {waldurtest.Redirect(http.StatusFound, "http://%zz/"), 1, new(refused), "redirect to http://%zz/: it is no address"},
		"to a user at the address":   {waldurtest.Redirect(http.StatusFound, "http://me:word@elsewhere.example/"), 1, new(refused), "http://me:xxxxx@elsewhere.example/"},
		"without saying where it is": {waldurtest.Status(http.StatusFound, nil, ""), 1, new(*waldur.StatusError), "302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.Misbehave(test.fault)
			c := client(t, server)
			c.MaxRetries = 3
			rows, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			if test.as == nil {
				if err != nil || len(rows) != 35 {
					t.Fatalf("got %d rows, %v", len(rows), err)
				}
			} else if err == nil || !errors.As(err, test.as) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want a %T with %q", err, test.as, test.want)
			}
			if n := len(server.Requests()); n != test.requests {
				t.Fatalf("%d requests, want %d", n, test.requests)
			}
		})
	}
}

// TestFiltersThatDoNotReachTheServer: a proxy that drops the query would give
// the rows of another month, or of all offerings.
func TestFiltersThatDoNotReachTheServer(t *testing.T) {
	t.Parallel()
	dropped := waldurtest.EditQuery(func(query url.Values) {
		clear(query)
		query.Set("start", "") // all months
		query.Set("page_size", "300")
	})
	id := uuid.NullUUID{UUID: uuid.MustParse(waldurtest.ContractRows()[0].OfferingUUID), Valid: true}
	for _, test := range []struct {
		query waldur.Query
		want  string
	}{
		{waldur.Query{BillingPeriod: waldur.NewMonth(2026, 8)}, "is of the month 2026-"},
		{waldur.Query{Start: waldur.NewMonth(2026, 10)}, "is of the month 2026-0"},
		{waldur.Query{End: waldur.NewMonth(2026, 8)}, "is of the month 2026-"},
		{waldur.Query{Start: waldur.NewMonth(1900, 1), OfferingUUID: id}, "is of the offering "},
		{waldur.Query{Start: waldur.NewMonth(1900, 1), ComponentType: "ram"}, "is of the component "},
	} {
		server := waldurtest.Start(t, waldurtest.ContractRows())
		c := client(t, server)
		if _, err := c.ListComponentUsageMonthly(t.Context(), test.query); err != nil {
			t.Fatal(err)
		}
		server.Misbehave(dropped)
		rows, err := c.ListComponentUsageMonthly(t.Context(), test.query)
		var lost *waldur.LostQueryError
		if !errors.As(err, &lost) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %d rows, %v; want an error with %q", len(rows), err, test.want)
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
		if rows, err := c.ListComponentUsageMonthly(t.Context(), query); err != nil || len(rows) != 16 {
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

// TestReadsAtATimeLearnTheFormOfMonths: several data sources share a client.
func TestReadsAtATimeLearnTheFormOfMonths(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, waldurtest.ContractRows())
	server.TakeFullDates(true)
	c := client(t, server)
	var reads sync.WaitGroup
	for range 8 {
		reads.Go(func() {
			if rows, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{Start: waldur.NewMonth(2026, 8), PageSize: 7}); err != nil || len(rows) != 34 {
				t.Errorf("got %d rows, %v", len(rows), err)
			}
		})
	}
	reads.Wait()
}

func TestMonthsThatAreRefusedInBothForms(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.Misbehave(waldurtest.Status(400, nil, `{"start":["Too early."]}`))
	_, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	var filter *waldur.FilterError
	if !errors.As(err, &filter) || !filter.Refuses("start") || !strings.Contains(err.Error(), "start=1900-01:") || len(server.Requests()) != 2 {
		t.Fatalf("got %v after %d requests", err, len(server.Requests()))
	}
}

// TestTheTokenIsInNoErrorAndNoLog reads from servers that repeat it, in all the
// places that an error shows.
func TestTheTokenIsInNoErrorAndNoLog(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{
		"a key":  "s3cret-of-forty-characters-and-some-more",
		"a JWT":  "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("claims", 60) + ".c2lnbmF0dXJl",
		"a text": `+se/cr\"et=?&`,
	}
	for kind, secret := range secrets {
		var escaped strings.Builder
		for i := range len(secret) {
			fmt.Fprintf(&escaped, `\u%04X`, secret[i])
		}
		quoted, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		inJSON := string(quoted[1 : len(quoted)-1])
		page := "<title>" + strings.Repeat("-", 190) + html.EscapeString(secret) + "</title>"
		firstRow := `[{"offering_uuid":"1","offering_name":"","offering_type":"","category_uuid":%s}]`
		for place, fault := range map[string]waldurtest.Fault{
			"a detail":                 waldurtest.Status(403, nil, `{"detail":"`+inJSON+`"}`),
			"a detail in escapes":      waldurtest.Status(403, nil, `{"detail":"`+escaped.String()+`"}`),
			"a filter":                 waldurtest.Status(400, nil, `{"start":["`+inJSON+`"]}`),
			"a filter in escapes":      waldurtest.Status(400, nil, `{"start":["`+escaped.String()+`"]}`),
			"a filter's name":          waldurtest.Status(400, nil, `{"`+inJSON+`":["no"]}`),
			"an object in escapes":     waldurtest.Status(400, nil, `{"a":{"b":"`+escaped.String()+`"}}`),
			"a title":                  waldurtest.Status(500, http.Header{"Content-Type": {"text/html"}}, page),
			"a text":                   waldurtest.Status(418, nil, strings.Repeat("-", 190)+secret),
			"a redirect":               waldurtest.Status(302, http.Header{"Location": {"http://elsewhere.example/" + url.PathEscape(secret)}}, ""),
			"a redirect's query":       waldurtest.Status(302, http.Header{"Location": {"http://elsewhere.example/?next=" + url.QueryEscape(secret)}}, ""),
			"a redirect to no address": waldurtest.Status(302, http.Header{"Location": {"http://%zz/" + secret}}, ""),
			"an answer that is no row": waldurtest.Body("application/json", `{"token":"`+inJSON+`"}`),
			"an answer of one text":    waldurtest.Body("application/json", `"`+escaped.String()+`"`),
			"a page":                   waldurtest.Body("text/html", page),
			"a field":                  waldurtest.Body("application/json", fmt.Sprintf(firstRow, `{"t":"`+inJSON+`"}`)),
			"a number":                 waldurtest.Body("application/json", fmt.Sprintf(`[{"total_consumed":"%s"}]`, escaped.String())),
			"a row of another month":   waldurtest.EditRows(setFirst("billing_period", secret)),
			"a row of another kind":    waldurtest.EditRows(setFirst("component_type", secret)),
			"a reason":                 waldurtest.Raw("HTTP/1.1 403 " + secret + "\r\nContent-Length: 0\r\n\r\n"),
			"a reason to try again":    waldurtest.Raw("HTTP/1.1 500 " + secret + "\r\nContent-Length: 0\r\n\r\n"),
			"a malformed status":       waldurtest.Raw("HTTP/1.1 " + secret + "\r\n\r\n"),
			"a malformed header":       waldurtest.Raw("HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n"),
		} {
			t.Run(kind+" in "+place, func(t *testing.T) {
				t.Parallel()
				server := waldurtest.Start(t, waldurtest.ContractRows())
				server.SetToken(secret, waldurtest.TokenActive)
				server.Misbehave(fault)
				c := client(t, server)
				c.Token, c.MaxRetries = waldur.Token(secret), 1
				log := &debugLog{}
				c.Debug = log.add
				query := allMonths
				query.ComponentType = "cores"
				_, err := c.ListComponentUsageMonthly(t.Context(), query)
				if err == nil || len(log.lines) == 0 {
					t.Fatalf("got the error %v and %d lines", err, len(log.lines))
				}
				for _, text := range append(log.lines, err.Error(), fmt.Sprintf("%+v", err)) {
					for _, part := range []string{secret, inJSON, url.QueryEscape(secret), escaped.String()[:60], secret[:8]} {
						if strings.Contains(text, part) {
							t.Errorf("the token shows: %s", text)
						}
					}
				}
			})
		}
	}
}

func setFirst(field string, value any) func([]map[string]any) []map[string]any {
	return func(rows []map[string]any) []map[string]any {
		rows[0][field] = value
		return rows
	}
}

// debugLog collects what [waldur.Client.Debug] is told.
type debugLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *debugLog) add(_ context.Context, message string, fields ...map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprint(message, fields))
}

func TestDebugTellsOfEachRequestAndEachRead(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(500))
	server.Misbehave(waldurtest.First(1, waldurtest.Status(503, nil, "")))
	c := client(t, server)
	c.MaxRetries = 1
	log := &debugLog{}
	c.Debug = log.add
	if _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"Waldur request", "method:GET", "address:" + server.URL, "attempt:1", "status:503", "rows:0", "milliseconds:"},
		{"Waldur request", "attempt:2", "status:200", "rows:300"},
		{"Waldur request", "attempt:1", "status:200", "rows:200", "page=2"},
		{"Waldur read", "rows:500", "pages:2", "passes:1"},
	} {
		if !slices.ContainsFunc(log.lines, func(line string) bool {
			return !slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(line, part) })
		}) {
			t.Errorf("no line has all of %q in:\n%s", want, strings.Join(log.lines, "\n"))
		}
	}
	if len(log.lines) != 4 {
		t.Errorf("%d lines, want 4:\n%s", len(log.lines), strings.Join(log.lines, "\n"))
	}
}
