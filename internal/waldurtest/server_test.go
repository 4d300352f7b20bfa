// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
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

// manyRows returns count rows: offerings that share five names, with 10 components
// each, in 12 months.
func manyRows(count int) []Row {
	rows := make([]Row, count)
	percent := "33.33"
	limit := int32(100)
	for i := range rows {
		offering, component, month := i/120, i/12%10, i%12+1
		rows[i] = Row{
			OfferingUUID:        fmt.Sprintf("%032x", offering),
			OfferingName:        fmt.Sprintf("Offering %d", offering%5),
			OfferingType:        "Marketplace.Basic",
			ServiceProviderUUID: fmt.Sprintf("%032x", offering%3),
			ServiceProviderName: "Provider",
			CategoryUUID:        fmt.Sprintf("%032x", 1),
			CategoryTitle:       "HPC",
			ComponentType:       fmt.Sprintf("component_%d", component),
			ComponentName:       fmt.Sprintf("Component %d", component),
			MeasuredUnit:        "hours",
			BillingType:         "usage",
			LimitAmount:         &limit,
			BillingPeriod:       fmt.Sprintf("2026-%02d-01", month),
			TotalConsumed:       fmt.Sprintf("%d.50", i%1000),
			TotalAllocated:      "1000.00",
			UsagePercent:        &percent,
		}
	}
	return rows
}

// walk reads all pages by number, as a client does that trusts the order. It returns
// X-Result-Count, the number of rows received and the number of distinct rows.
func walk(tb testing.TB, server *Server, query string, pageSize int) (total, received, distinct int) {
	tb.Helper()
	seen := map[string]bool{}
	for page := 1; page == 1 || received < total; page++ {
		response, body := get(tb, server, fmt.Sprintf("?start=2000-01&page_size=%d&page=%d%s", pageSize, page, query))
		if response.StatusCode != http.StatusOK {
			tb.Fatalf("%s: %s", response.Status, body)
		}
		total, _ = strconv.Atoi(response.Header.Get("X-Result-Count"))
		for row := range strings.SplitSeq(string(body[1:len(body)-1]), "},{") {
			seen[strings.Trim(row, "{}")] = true
			received++
		}
	}
	return total, received, len(seen)
}

func TestWalkLosesEqualRowsPlacedAnew(t *testing.T) {
	t.Parallel()
	server := Start(t, manyRows(3000))
	for _, order := range []string{"", "&o=-usage_percent", "&o=-billing_period"} {
		if total, received, distinct := walk(t, server, order, 73); received != total || distinct != total {
			t.Errorf("kept%s: %d of %d rows, %d distinct", order, received, total, distinct)
		}
	}
	server.ShuffleTies(1)
	for _, order := range []string{"", "&o=-usage_percent", "&o=-billing_period"} {
		if total, received, distinct := walk(t, server, order, 73); total != 3000 || received != total || distinct == total {
			t.Errorf("anew%s: %d of %d rows, %d distinct; want some lost", order, received, total, distinct)
		}
	}
}

func TestOnePageLosesNoRows(t *testing.T) {
	t.Parallel()
	server := Start(t, manyRows(300))
	server.ShuffleTies(1)
	if total, received, distinct := walk(t, server, "&o=usage_percent", 300); total != 300 || received != 300 || distinct != 300 {
		t.Errorf("%d of %d rows, %d distinct", received, total, distinct)
	}
}

func TestEqualRowsPlacedAnewStayInOrder(t *testing.T) {
	t.Parallel()
	server := Start(t, manyRows(600))
	server.ShuffleTies(7)
	previous := "9999-99-99"
	for page := 1; page <= 60; page++ {
		_, body := get(t, server, fmt.Sprintf("?start=2000-01&o=-billing_period&field=billing_period&page=%d", page))
		for _, row := range decodeArray(t, body) {
			if month := string(row[len(`{"billing_period":"`):][:10]); month > previous {
				t.Fatalf("page %d: %s after %s", page, month, previous)
			} else {
				previous = month
			}
		}
	}
}

func TestSameSeedSameOrder(t *testing.T) {
	t.Parallel()
	server := Start(t, manyRows(1000))
	pages := func(seed uint64) string {
		server.ShuffleTies(seed)
		_, first := get(t, server, "?start=2000-01&o=usage_percent")
		_, again := get(t, server, "?start=2000-01&o=usage_percent")
		if string(first) == string(again) {
			t.Error("two requests got the same order")
		}
		return string(first) + string(again)
	}
	once := pages(1)
	if pages(1) != once {
		t.Error("seed 1 is not deterministic")
	}
	if pages(2) == once {
		t.Error("seeds 1 and 2 are the same")
	}
}

// In PostgreSQL, null is the greatest value.
func TestNullsAreLastAscendingAndFirstDescending(t *testing.T) {
	t.Parallel()
	percent := func(text string) *string { return &text }
	server := Start(t, []Row{
		{OfferingName: "null"},
		{OfferingName: "ten", UsagePercent: percent("10.00")},
		{OfferingName: "nine", UsagePercent: percent("9.00")},
		{OfferingName: "minus", UsagePercent: percent("-0.50")},
		{OfferingName: "more", UsagePercent: percent("99999999.99")},
	})
	if got := offerings(t, server, "start=&o=usage_percent"); got != "minus nine ten more null" {
		t.Errorf("ascending: %s", got)
	}
	if got := offerings(t, server, "start=&o=-usage_percent"); got != "null more ten nine minus" {
		t.Errorf("descending: %s", got)
	}
}

func TestTextSortsByCodePoint(t *testing.T) {
	t.Parallel()
	server := Start(t, []Row{{OfferingName: "ä"}, {OfferingName: "b"}, {OfferingName: "Z"}, {OfferingName: "😀"}, {OfferingName: "�"}})
	if got := offerings(t, server, "start="); got != "Z b ä � 😀" {
		t.Error(got)
	}
}

func TestCurrentMonthIsInUTC(t *testing.T) {
	t.Parallel()
	server := Start(t, []Row{
		{OfferingName: "October", BillingPeriod: "2026-10-01"},
		{OfferingName: "November", BillingPeriod: "2026-11-01"},
	})
	west := time.FixedZone("west", -5*60*60)
	server.SetNow(time.Date(2026, 10, 31, 23, 30, 0, 0, west))
	if got := offerings(t, server, ""); got != "November" {
		t.Errorf("after midnight in UTC: %s", got)
	}
	server.SetNow(time.Date(2026, 10, 31, 18, 30, 0, 0, west))
	if got := offerings(t, server, "end"); got != "November October" {
		t.Errorf("with a parameter present: %s", got)
	}
	if got := offerings(t, server, ""); got != "October" {
		t.Errorf("before midnight in UTC: %s", got)
	}
}

func TestFullDates(t *testing.T) {
	t.Parallel()
	server := Start(t, ContractRows())
	server.TakeFullDates(true)
	response, body := get(t, server, "?start=2026-10-01&end=2026-10-01")
	if got := response.Header.Get("X-Result-Count"); got != "8" {
		t.Errorf("full date: %s rows, %s", got, body)
	}
	response, body = get(t, server, "?billing_period=2026-10&offering_uuid=lumi")
	const refused = `{"billing_period":["Enter a valid date."],"offering_uuid":["Enter a valid UUID."]}`
	if response.StatusCode != http.StatusBadRequest || string(body) != refused {
		t.Errorf("month: %s %s", response.Status, body)
	}
	server.TakeFullDates(false)
	if response, body = get(t, server, "?billing_period=2026-10"); response.StatusCode != http.StatusOK {
		t.Errorf("month again: %s %s", response.Status, body)
	}
}

func TestEmptyResultHasOnePage(t *testing.T) {
	t.Parallel()
	server := Start(t, nil)
	response, body := get(t, server, "?page=1")
	if response.StatusCode != http.StatusOK || string(body) != "[]" || response.Header.Get("X-Result-Count") != "0" {
		t.Errorf("%s %s", response.Status, body)
	}
}

func TestHeadHasTheHeadersOfGet(t *testing.T) {
	t.Parallel()
	server := Start(t, ContractRows())
	request := newRequest(t, server, "?start=")
	request.Method = http.MethodHead
	response, body := do(t, server, request)
	if len(body) != 0 || response.Header.Get("X-Result-Count") != "35" || response.Header.Get("Link") == "" {
		t.Errorf("%s %v %s", response.Status, response.Header, body)
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	t.Parallel()
	server := Start(t, nil)
	request := newRequest(t, server, "")
	request.URL.Path = "/api/marketplace-component-usages/"
	response, body := do(t, server, request)
	if response.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "<h1>Not Found</h1>") {
		t.Errorf("%s %s", response.Status, body)
	}
	if got := response.Header.Get("Content-Type"); got != contentHTML {
		t.Error(got)
	}
}

func TestFieldsOfNoOrganizationAreLeftOut(t *testing.T) {
	t.Parallel()
	server := Start(t, []Row{{}})
	const query = "?start=&field=category_uuid&field=service_provider_uuid&field=service_provider_name&field=billing_type"
	if _, body := get(t, server, query); string(body) != `[{"category_uuid":"","billing_type":""}]` {
		t.Errorf("%s", body)
	}
}

// The header has the count of one moment, and the body has rows of a later one, at most
// as many as were counted.
func TestChangeAfterCountTearsThePage(t *testing.T) {
	t.Parallel()
	add := func(name string) func([]Row) []Row {
		return func(rows []Row) []Row { return append(rows, Row{OfferingName: name}) }
	}
	removeFirst := func(rows []Row) []Row { return rows[1:] }
	for name, test := range map[string]struct {
		change      func(rows []Row) []Row
		query, want string
	}{
		"nothing":                    {func(rows []Row) []Row { return rows }, "start=", "b c d e"},
		"row added":                  {add("a"), "start=", "a b c d"},
		"row added at the end":       {add("f"), "start=", "b c d e"},
		"row added, page 1":          {add("a"), "start=&page_size=3", "a b c"},
		"row added, last page":       {add("a"), "start=&page_size=3&page=2", "d"},
		"row removed":                {removeFirst, "start=", "c d e"},
		"row removed, page 1":        {removeFirst, "start=&page_size=3", "c d e"},
		"row removed, last page":     {removeFirst, "start=&page_size=3&page=2", ""},
		"all rows removed, page 2":   {func([]Row) []Row { return nil }, "start=&page_size=2&page=2", ""},
		"row replaced":               {func(rows []Row) []Row { return add("f")(rows[1:]) }, "start=", "c d e f"},
		"row replaced, middle page":  {func(rows []Row) []Row { return add("f")(rows[1:]) }, "start=&page_size=1&page=2", "d"},
		"row replaced, only by name": {func(rows []Row) []Row { rows[3].OfferingName = "a"; return rows }, "start=", "a b c d"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := Start(t, []Row{{OfferingName: "b"}, {OfferingName: "c"}, {OfferingName: "d"}, {OfferingName: "e"}})
			_, undisturbed := FetchPage[Row](t, server, test.query)
			server.AfterCount(func(int) { server.Update(test.change) })
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

func TestAfterCountNumbersTheListRequests(t *testing.T) {
	t.Parallel()
	server := Start(t, ContractRows())
	var numbers []int
	record := func(n int) { numbers = append(numbers, n) }
	get(t, server, "?start=")
	server.AfterCount(record)
	for _, query := range []string{"?start=", "?start=&page=99", "?start=soon", "?start=&page=2"} {
		get(t, server, query)
	}
	server.AfterCount(record)
	get(t, server, "?start=")
	server.AfterCount(nil)
	get(t, server, "?start=")
	if !slices.Equal(numbers, []int{0, 1, 0}) {
		t.Errorf("%v", numbers)
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
	if got := len(ContractRows()); got != 35 {
		t.Errorf("%d contract rows", got)
	}
}

func TestRequestsAreInOrder(t *testing.T) {
	t.Parallel()
	server := Start(t, nil)
	get(t, server, "?page=1&o=a%20b")
	get(t, server, "?page=2")
	requests := server.Requests()
	if len(requests) != 2 || requests[1].RawQuery != "page=2" {
		t.Fatalf("%v", requests)
	}
	first := requests[0]
	if first.Method != http.MethodGet || first.Path != Path || first.Query.Get("o") != "a b" ||
		first.Header.Get("Authorization") != "Token "+Token || "http://"+first.Host != server.URL {
		t.Errorf("%v", first)
	}
	server.ResetRequests()
	if got := server.Requests(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server := StartTLS(t, nil)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(server.CACertPEM())) {
		t.Fatalf("no certificate: %q", server.CACertPEM())
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(newRequest(t, server, ""))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := response.Header.Get("Link"); !strings.HasPrefix(got, "<"+server.URL+Path+">") || !strings.HasPrefix(got, "<https:") {
		t.Errorf("Link: %s", got)
	}
	if got := Start(t, nil).CACertPEM(); got != "" {
		t.Errorf("plain server has a certificate: %s", got)
	}
}

func TestConcurrentRequestsAndChanges(t *testing.T) {
	t.Parallel()
	server := Start(t, manyRows(600))
	server.ShuffleTies(1)
	server.AfterCount(func(int) { server.Rows() })
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for page := 1; page <= 5; page++ {
				response, _ := get(t, server, fmt.Sprintf("?start=2000-01&page=%d&o=%s", page, []string{"", "usage_percent"}[i%2]))
				if response.StatusCode != http.StatusOK {
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
	if got := len(server.Rows()); got != 608 {
		t.Errorf("%d rows", got)
	}
}
