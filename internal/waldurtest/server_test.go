package waldurtest

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// do sends a request without following redirects. It returns the response and its body.
func do(tb testing.TB, server *Server, request *http.Request) (*http.Response, []byte) {
	tb.Helper()
	client := *server.http.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return response, body
}

// newRequest returns a request for Path and the query with the active token.
func newRequest(tb testing.TB, server *Server, query string) *http.Request {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, server.URL+Path+query, nil)
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+Token)
	return request
}

func get(tb testing.TB, server *Server, query string) (*http.Response, []byte) {
	tb.Helper()
	return do(tb, server, newRequest(tb, server, query))
}

// offerings returns the names of the offerings in the response, in order, for example
// "LUMI Archive".
func offerings(t *testing.T, server *Server, query string) string {
	t.Helper()
	rows, _ := FetchPage[Row](t, server, query)
	return names(rows)
}

func names(rows []Row) string {
	var names []string
	for _, row := range rows {
		names = append(names, row.OfferingName)
	}
	return strings.Join(names, " ")
}

// Only rows that sort equally change places, and a client that reads page by page
// receives as many rows as there are.
func TestTies(t *testing.T) {
	t.Parallel()
	rows := make([]Row, 60)
	for i := range rows {
		rows[i] = Row{OfferingName: []string{"a", "b"}[i/30], ComponentType: fmt.Sprintf("%02d", i)}
	}
	server := Start(t, rows)
	walk := func(pageSize int) (types []string, lost int) {
		var names []string
		for page := range (60 + pageSize - 1) / pageSize {
			rows, _ := FetchPage[Row](t, server, fmt.Sprintf("start=&page_size=%d&page=%d", pageSize, page+1))
			for _, row := range rows {
				names, types = append(names, row.OfferingName), append(types, row.ComponentType)
			}
		}
		if len(names) != 60 || !slices.IsSorted(names) {
			t.Errorf("%d rows of %v", len(names), names)
		}
		return types, 60 - len(slices.Compact(slices.Sorted(slices.Values(types))))
	}
	for _, test := range []struct {
		place       func()
		loses, same bool // between two walks
	}{
		{func() {}, false, true},
		{func() { server.ShuffleTies(1) }, true, false},
		{func() { server.ShiftTies(100) }, true, true},
		{func() { server.ShiftTies(-30) }, true, true},
		{func() { server.ShiftTies(0) }, false, true},
	} {
		test.place()
		types, lost := walk(7)
		if again, _ := walk(7); lost > 0 != test.loses || slices.Equal(types, again) != test.same {
			t.Errorf("%d lost, %v, then %v", lost, types, again)
		}
		if _, lost := walk(60); lost != 0 {
			t.Errorf("%d lost on one page", lost)
		}
		test.place()
		if again, _ := walk(7); !slices.Equal(types, again) {
			t.Errorf("%v, then, from the beginning, %v", types, again)
		}
	}
}

// In PostgreSQL, null is the greatest value, and texts sort by code point.
func TestOrder(t *testing.T) {
	t.Parallel()
	percent := func(name, text string) Row { return Row{OfferingName: name, UsagePercent: &text} }
	server := Start(t, []Row{
		{OfferingName: "null"}, percent("Ten", "10.00"), percent("nine", "9.00"), percent("ä", "-0.50"), percent("😀", "99999999.99"), percent("�", "0.00"),
	})
	for query, want := range map[string]string{
		"start=":                  "Ten nine null ä � 😀",
		"start=&o=usage_percent":  "ä � nine Ten 😀 null",
		"start=&o=-usage_percent": "null 😀 Ten nine � ä",
	} {
		if got := offerings(t, server, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// What the recordings do not have.
func TestParameters(t *testing.T) {
	t.Parallel()
	server := Start(t, slices.Repeat([]Row{{ComponentType: "cores"}, {ComponentType: "ram"}}, 200))
	for query, want := range map[string]int{
		"start=&page_size=301":                                 300,
		"start=&page_size=301&page=last":                       100,
		"start=&page_size=300&component_type=%1Fcores%1C":      200,
		"start=&page_size=300&component_type=%20%1D":           300,
		"start=&page_size=300&component_type=x&component_type": 300,
	} {
		if rows, _ := FetchPage[Row](t, server, query); len(rows) != want {
			t.Errorf("%s: %d rows, want %d", query, len(rows), want)
		}
	}
	if response, body := get(t, server, "?format=xml"); response.StatusCode != 404 || string(body) != `{"detail":"Not found."}` {
		t.Errorf("%s %s", response.Status, body)
	}
	server.TakeFullDates(true)
	for query, want := range map[string]int{"?start=2026-10-01": 200, "?start=2026-10": 400} {
		if response, body := get(t, server, query); response.StatusCode != want {
			t.Errorf("%s: %s %s", query, response.Status, body)
		}
	}
}

func TestCurrentMonthIsInUTC(t *testing.T) {
	t.Parallel()
	server := Start(t, []Row{{OfferingName: "October", BillingPeriod: "2026-10-01"}, {OfferingName: "November", BillingPeriod: "2026-11-01"}})
	for _, test := range []struct{ now, query, want string }{
		{"2026-10-31T23:30:00-05:00", "", "November"},
		{"2026-10-31T18:30:00-05:00", "", "October"},
		{"2026-10-31T18:30:00-05:00", "end", "November October"},
	} {
		now, err := time.Parse(time.RFC3339, test.now)
		if err != nil {
			t.Fatal(err)
		}
		server.SetNow(now)
		if got := offerings(t, server, test.query); got != test.want {
			t.Errorf("%s at %s: %s, want %s", test.query, test.now, got, test.want)
		}
	}
}

// The header has the count of one moment, and the body has rows of a later one, at most
// as many as were counted.
func TestChangeAfterCountTearsThePage(t *testing.T) {
	t.Parallel()
	add := func(rows []Row) []Row { return append(rows, Row{OfferingName: "a"}) }
	removeFirst := func(rows []Row) []Row { return rows[1:] }
	for name, test := range map[string]struct {
		change      func(rows []Row) []Row
		query, want string
	}{
		"row added":                {add, "start=", "a b c d"},
		"row added, last page":     {add, "start=&page_size=3&page=2", "d"},
		"row removed":              {removeFirst, "start=", "c d e"},
		"row removed, page 1":      {removeFirst, "start=&page_size=3", "c d e"},
		"row removed, last page":   {removeFirst, "start=&page_size=3&page=2", ""},
		"all rows removed, page 2": {func([]Row) []Row { return nil }, "start=&page_size=2&page=2", ""},
		"row renamed":              {func(rows []Row) []Row { rows[3].OfferingName = "a"; return rows }, "start=&page_size=1&page=2", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := Start(t, []Row{{OfferingName: "b"}, {OfferingName: "c"}, {OfferingName: "d"}, {OfferingName: "e"}})
			_, undisturbed := FetchPage[Row](t, server, test.query)
			server.AfterCount(func(n int) {
				if n == 1 {
					server.Update(test.change)
				}
			})
			get(t, server, "?page=99") // does not reach it
			get(t, server, "?start=")
			rows, header := FetchPage[Row](t, server, test.query)
			if got := names(rows); got != test.want {
				t.Errorf("body: %q, want %q", got, test.want)
			}
			for _, name := range []string{"X-Result-Count", "Link"} {
				if got, want := header.Get(name), undisturbed.Get(name); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
		})
	}
}

func TestRowsAreCopies(t *testing.T) {
	t.Parallel()
	rows := ContractRows()
	server := Start(t, rows)
	*rows[0].UsagePercent = "0.00"
	*server.Rows()[0].UsagePercent = "0.00"
	if got := *server.Rows()[0].UsagePercent; got != "18.00" {
		t.Errorf("usage_percent %s", got)
	}
	server.SetRows(rows[:2])
	server.Update(func(rows []Row) []Row { return append(rows, rows[0]) })
	if got := len(server.Rows()); got != 3 {
		t.Errorf("%d rows after SetRows and Update", got)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server := StartTLS(t, nil)
	if _, header := FetchPage[Row](t, server, ""); !strings.HasPrefix(header.Get("Link"), "<"+server.URL+Path+">") {
		t.Errorf("Link: %s", header.Get("Link"))
	}
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(server.CACertPEM())) || Start(t, nil).CACertPEM() != "" {
		t.Errorf("a certificate, and for a plain server none: %q", server.CACertPEM())
	}
}

func TestConcurrentRequestsAndChanges(t *testing.T) {
	t.Parallel()
	server := Start(t, slices.Repeat(ContractRows(), 10))
	server.ShuffleTies(1)
	server.AfterCount(func(int) { server.Rows() })
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for page := range 5 {
				query := fmt.Sprintf("?start=2000-01&page=%d&o=%s", page+1, []string{"", "usage_percent"}[i%2])
				if response, _ := get(t, server, query); response.StatusCode != http.StatusOK {
					t.Error(response.Status)
				}
			}
		})
		group.Go(func() {
			server.Update(func(rows []Row) []Row { return slices.Insert(rows, 0, rows[i]) })
			server.SetFaults(Delay(time.Microsecond))
			server.Requests()
		})
	}
	group.Wait()
	if got := len(server.Rows()); got != 358 {
		t.Errorf("%d rows", got)
	}
}
