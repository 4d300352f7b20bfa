// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// tiedRows returns n rows of offerings of the same name, so that the rows of a
// month tie by threes in the server's default order, and by many in the others.
func tiedRows(n int) []waldurtest.Row {
	rows := make([]waldurtest.Row, n)
	for i := range rows {
		rows[i] = testRow(i%90, 0, fmt.Sprintf("%04d-%02d-01", 2026-i/90/12, 12-i/90%12))
		rows[i].OfferingName = fmt.Sprintf("Cluster %d", i%30)
		rows[i].TotalConsumed = fmt.Sprintf("%d.00", i%7)
	}
	return rows
}

// naiveWalk follows the pages as simple clients do, and returns the number
// of rows and of distinct rows that it receives.
func naiveWalk(t *testing.T, server *waldurtest.Server, query string) (received, distinct int) {
	t.Helper()
	keys := map[[3]string]bool{}
	for page := 1; ; page++ {
		rows, header := waldurtest.FetchPage[waldurtest.Row](t, server, "page="+strconv.Itoa(page)+"&"+query)
		received += len(rows)
		for _, row := range rows {
			keys[[3]string{row.OfferingUUID, row.ComponentType, row.BillingPeriod}] = true
		}
		if !strings.Contains(header.Get("Link"), `rel="next"`) {
			return received, len(keys)
		}
	}
}

func TestNaiveWalkLosesRowsWhereListDoesNot(t *testing.T) {
	t.Parallel()
	rows := tiedRows(12000)
	server := waldurtest.Start(t, rows)
	server.ShuffleTies(1)
	for _, query := range []string{"start=2000-01&page_size=100", "start=2000-01&page_size=300&o=-usage_percent"} {
		received, distinct := naiveWalk(t, server, query)
		if received != len(rows) || distinct >= len(rows) {
			t.Fatalf("%s: the naive walk receives %d rows, %d of them distinct: this server loses none", query, received, distinct)
		}
		t.Logf("%s: the naive walk loses %d of %d rows", query, received-distinct, received)
	}
	query := allMonths
	query.PageSize = 100
	got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	if diff := difference(got, expected(rows, nil), nil); diff != "" {
		t.Fatal(diff)
	}
}

// TestRequestsOfAnUndisturbedRead: a request for each page and, for a consistent
// read, as many again as the pages of the second reading need.
func TestRequestsOfAnUndisturbedRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rows, pageSize, plain, consistent int }{
		{0, 0, 1, 2}, {1, 0, 1, 2}, {282, 0, 1, 2}, {300, 0, 1, 3}, {301, 0, 2, 4}, {12000, 0, 40, 83},
		{10, 10, 1, 2}, {11, 10, 2, 3}, {7, 1, 7, 10},
	} {
		for consistent, requests := range map[bool]int{false: test.plain, true: test.consistent} {
			t.Run(fmt.Sprintf("%d rows by %d, consistent: %t", test.rows, test.pageSize, consistent), func(t *testing.T) {
				t.Parallel()
				server := waldurtest.Start(t, tiedRows(test.rows))
				query := allMonths
				query.PageSize, query.Consistent = test.pageSize, consistent
				got, total, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
				if err != nil || len(got) != test.rows || total != test.rows {
					t.Fatalf("got %d of %d rows, %v", len(got), total, err)
				}
				if n := len(server.Requests()); n != requests {
					t.Fatalf("%d requests, want %d", n, requests)
				}
			})
		}
	}
}

func TestListReadsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(5))
	query := allMonths
	query.Fields, query.OrderBy = columns([]string{"total_consumed"}), orderings([]string{"-limit_amount"})
	if _, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	got := server.Requests()[0].Query["field"]
	want := []string{"offering_uuid", "offering_name", "component_type", "component_name", "limit_amount", "billing_period", "total_consumed"}
	if !slices.Equal(got, want) {
		t.Fatalf("the requested fields are %v, want %v", got, want)
	}
}

// TestListUnderDrift changes rows before a request, and between its count and its
// selection. A consistent read returns what the server held before or after one of
// the changes, or an error. A read without it does so for one changed total.
func TestListUnderDrift(t *testing.T) {
	t.Parallel()
	t.Run("of a total", func(t *testing.T) {
		t.Parallel()
		checkDrift(t, false, 1, "total")
	})
	t.Run("of any kind, with a consistent read", func(t *testing.T) {
		t.Parallel()
		checkDrift(t, true, 4, "add", "remove", "total", "swap")
	})
}

func checkDrift(t *testing.T, consistent bool, most int, kinds ...string) {
	server := waldurtest.Start(t, nil)
	c := client(t, server)
	lists := 0
	rapid.Check(t, func(rt *rapid.T) {
		rows := drawRows(rt, 400)
		// A request has two moments: 2n is before request n, 2n+1 is after its count.
		changes := rapid.MapOfN(rapid.IntRange(1, 28), rapid.SampledFrom(kinds), 1, most).Draw(rt, "changes by moment")
		place := rapid.IntRange(0, 400).Draw(rt, "place")
		server.SetRows(rows)
		server.ShuffleTies(rapid.Uint64().Draw(rt, "seed"))
		var mu sync.Mutex
		held := [][]waldurtest.Row{slices.Clone(rows)}
		change := func(moment int) {
			mu.Lock()
			defer mu.Unlock()
			if kind, ok := changes[moment]; ok {
				server.Update(func(rows []waldurtest.Row) []waldurtest.Row { return drift(rows, kind, place*moment, len(held)) })
				held = append(held, server.Rows())
			}
		}
		server.SetFaults(func(n int, _ *http.Request, next http.Handler) http.Handler {
			change(2 * n)
			return next
		})
		server.AfterCount(func(n int) { change(2*n + 1) })
		query := allMonths
		query.Consistent = consistent
		query.PageSize = rapid.IntRange(max(1, len(rows)/20), 100).Draw(rt, "page_size")
		got, _, err := c.ListComponentUsageMonthly(t.Context(), query)
		server.SetFaults()
		server.AfterCount(nil)
		if failed, ok := errors.AsType[*waldur.Error](err); ok && failed.Partial {
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		lists++
		var diff string
		for _, rows := range held {
			if diff = difference(got, expected(rows, nil), nil); diff == "" {
				return
			}
		}
		rt.Fatalf("a list of rows that the server never held: %s", diff)
	})
	if lists == 0 {
		t.Fatal("nothing but errors")
	}
	t.Logf("%d lists", lists)
}

func drift(rows []waldurtest.Row, change string, place, times int) []waldurtest.Row {
	switch {
	case change == "add":
		return slices.Insert(rows, place%(len(rows)+1), testRow(1000+times, 0, "2026-09-01"))
	case len(rows) == 0:
		return rows
	case change == "remove":
		return slices.Delete(rows, place%len(rows), place%len(rows)+1)
	case change == "swap":
		other := place * 7 % len(rows)
		month := rows[other].BillingPeriod
		return slices.Insert(slices.Delete(rows, place%len(rows), place%len(rows)+1), other, testRow(1000+times, 0, month))
	}
	rows[place%len(rows)].TotalConsumed = fmt.Sprintf("777.%02d", times)
	return rows
}

// TestConsistentReads changes rows so that nothing in the pages of a single reading
// shows it: between the first page and the others, or between the count and the
// selection of the only page. A consistent read notices.
func TestConsistentReads(t *testing.T) {
	t.Parallel()
	replace := func(rows []waldurtest.Row) []waldurtest.Row {
		return append(rows[1:], testRow(1000, 0, "1999-01-01"))
	}
	for name, test := range map[string]struct {
		rows       int
		afterCount bool
		change     func([]waldurtest.Row) []waldurtest.Row
	}{
		"a row goes and another comes": {rows: 1000, change: replace},
		"two totals change": {rows: 1000, change: func(rows []waldurtest.Row) []waldurtest.Row {
			rows[0].TotalConsumed, rows[999].TotalConsumed = "7.77", "7.77"
			return rows
		}},
		"a row comes on the only page": {rows: 250, afterCount: true, change: func(rows []waldurtest.Row) []waldurtest.Row {
			return append(rows, testRow(1000, 0, "2030-01-01"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := func(consistent bool) (got []*waldur.ComponentUsage, held [][]waldurtest.Row, requests int) {
				server := waldurtest.Start(t, tiedRows(test.rows))
				before := server.Rows()
				var once sync.Once
				update := func() { once.Do(func() { server.Update(test.change) }) }
				if test.afterCount {
					server.AfterCount(func(int) { update() })
				} else {
					server.SetFaults(func(n int, _ *http.Request, next http.Handler) http.Handler {
						if n > 0 {
							update()
						}
						return next
					})
				}
				query := allMonths
				query.Consistent = consistent
				got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
				if err != nil {
					t.Fatal(err)
				}
				return got, [][]waldurtest.Row{before, server.Rows()}, len(server.Requests())
			}
			pages := (test.rows-1)/waldur.MaxPageSize + 1
			got, held, requests := read(false)
			if requests != pages || difference(got, expected(held[0], nil), nil) == "" || difference(got, expected(held[1], nil), nil) == "" {
				t.Fatalf("a plain read takes %d requests, and is consistent", requests)
			}
			got, held, requests = read(true)
			if diff := difference(got, expected(held[1], nil), nil); diff != "" || requests < 3*pages || requests > 4*pages {
				t.Fatalf("after %d requests: %s", requests, diff)
			}
		})
	}
}

// write adds and removes a row repeatedly, for that time.
func write(t *testing.T, server *waldurtest.Server, long time.Duration) {
	t.Helper()
	var writer sync.WaitGroup
	ctx, stop := context.WithTimeout(t.Context(), long)
	t.Cleanup(func() { stop(); writer.Wait() })
	writer.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			server.Update(func(rows []waldurtest.Row) []waldurtest.Row {
				if n%2 == 0 {
					return append(rows, testRow(1000, 0, "2030-01-01"))
				}
				return rows[:len(rows)-1]
			})
		}
	})
}

func TestAWriterThatStopsCostsOnlyTime(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{250, 900} {
		t.Run(fmt.Sprintf("%d rows", rows), func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, tiedRows(rows))
			server.SetFaults(waldurtest.Delay(time.Millisecond))
			write(t, server, 2*time.Second)
			c := client(t, server)
			c.ChangeWait = 0
			query := allMonths
			query.Consistent = true
			got, _, err := c.ListComponentUsageMonthly(t.Context(), query)
			if err != nil || len(got) < rows || len(got) > rows+1 {
				t.Fatalf("got %d rows, %v", len(got), err)
			}
		})
	}
}

func TestAWriterThatNeverStopsIsAnErrorWithinTheReadsTime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		changeWait time.Duration
		changes    int
	}{
		"10 changes":                      {time.Millisecond, 10},
		"a longer wait than the read has": {time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, tiedRows(900))
			server.AfterCount(func(n int) {
				server.Update(func(rows []waldurtest.Row) []waldurtest.Row {
					return append(rows, testRow(1000+n, 0, "2030-01-01"))
				})
			})
			c := client(t, server)
			c.ChangeWait = test.changeWait
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			_, _, err := c.ListComponentUsageMonthly(ctx, allMonths)
			if waldur.CauseOf(err) != waldur.DataChanges || !strings.Contains(err.Error(), fmt.Sprintf("changes of the data: %d)", test.changes)) || ctx.Err() != nil {
				t.Fatalf("got %v, want %d changes", err, test.changes)
			}
		})
	}
}

// TestTheEndOfTheReadsTime within a reading: the error has both numbers, the request
// under way, its attempts and what failed before.
func TestTheEndOfTheReadsTime(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(1000))
	failsFirst := waldurtest.First(1, waldurtest.Status(500, nil, `{"detail":"Out of memory."}`))
	server.SetFaults(waldurtest.OnPage(4, failsFirst), waldurtest.OnPage(4, waldurtest.Hang()))
	c := client(t, server)
	c.MaxRetries = 4
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := c.ListComponentUsageMonthly(ctx, allMonths)
	if waldur.CauseOf(err) != waldur.ReadTimedOut || !strings.Contains(err.Error(), "received 900 rows; the server counts 1000") || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"&page=4&", "(2 attempts)", `the previous attempt failed: the server responded with 500 Internal Server Error: "Out of memory."`} {
		if !strings.Contains(strings.ReplaceAll(err.Error(), "?page=4", "&page=4"), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

// TestAShortFirstPageCostsFewRequests: the number of pages follows from the rows on
// the first page, until a page is past the end.
func TestAShortFirstPageCostsFewRequests(t *testing.T) {
	t.Parallel()
	rows := tiedRows(12000)
	server := waldurtest.Start(t, rows)
	server.SetFaults(waldurtest.OnPage(1, waldurtest.First(1, firstRows(1))))
	got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	if err != nil {
		t.Fatal(err)
	}
	if diff := difference(got, expected(rows, nil), nil); diff != "" {
		t.Fatal(diff)
	}
	if n := len(server.Requests()); n > 90 {
		t.Fatalf("%d requests for 40 pages", n)
	}

	rows = tiedRows(3000)
	server.SetRows(rows)
	server.SetFaults(waldurtest.OnPage(1, waldurtest.First(1, firstRows(1))))
	server.ResetRequests()
	got, _, err = client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	if diff := difference(got, expected(rows, nil), nil); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	if n := len(server.Requests()); n > 30 {
		t.Fatalf("%d requests for 10 pages", n)
	}
}

func firstRows(n int) waldurtest.Fault {
	return waldurtest.EditRows(func(rows []map[string]any) []map[string]any { return rows[:min(n, len(rows))] })
}

// TestAListOfTooManyPagesIsAnErrorAtOnce, with both numbers.
func TestAListOfTooManyPagesIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(1000))
	server.SetFaults(waldurtest.SetHeader("X-Result-Count", "1000000"), firstRows(1))
	_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	const want = "the server counts 1000000 rows, but the limit is 10000 pages as small as the first (rows: 1)"
	if waldur.CauseOf(err) != waldur.TooManyPages || !strings.HasSuffix(err.Error(), want) || len(server.Requests()) != 2 {
		t.Fatalf("got %v after %d requests", err, len(server.Requests()))
	}
}

// TestConsistentReadBehindACache stores responses by address, as some proxies do,
// whatever a request says. A list that mixes moments shows in other pages.
func TestConsistentReadBehindACache(t *testing.T) {
	t.Parallel()
	for name, obedient := range map[string]bool{"that obeys Cache-Control": true, "that obeys nothing": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, tiedRows(600))
			var mu sync.Mutex
			stored := map[string]*httptest.ResponseRecorder{}
			server.SetFaults(func(_ int, r *http.Request, next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					if stored[r.URL.RawQuery] == nil || obedient && r.Header.Get("Cache-Control") == "no-cache" {
						stored[r.URL.RawQuery] = httptest.NewRecorder()
						next.ServeHTTP(stored[r.URL.RawQuery], r)
						server.Update(func(rows []waldurtest.Row) []waldurtest.Row { // only after the first response
							for i := range rows {
								rows[i].TotalConsumed = "90.00"
							}
							return rows
						})
					}
					response := stored[r.URL.RawQuery]
					maps.Copy(w.Header(), response.Header())
					_, _ = w.Write(response.Body.Bytes())
				})
			})
			query := allMonths
			query.Consistent = true
			got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
			if err == nil {
				if diff := difference(got, expected(server.Rows(), nil), nil); diff != "" {
					t.Fatal(diff)
				}
			}
			if obedient && err != nil || err != nil && waldur.CauseOf(err) != waldur.DataChanges {
				t.Fatal(err)
			}
		})
	}
}

// TestTiedRowsTakeFewPasses bounds the passes over rows that tie. With offerings
// of one name, a whole month ties in the server's default order, so that passes in
// that order alone do not find all rows.
func TestTiedRowsTakeFewPasses(t *testing.T) {
	t.Parallel()
	oneName := tiedRows(3000)
	for i := range oneName {
		oneName[i].OfferingUUID = fmt.Sprintf("%032x", i+1)
		oneName[i].OfferingName, oneName[i].BillingPeriod = "Cluster", "2026-11-01"
		oneName[i].TotalConsumed = fmt.Sprintf("%d.00", i/2)
	}
	for name, rows := range map[string][]waldurtest.Row{"ties by threes": tiedRows(12000), "one name": oneName} {
		for times, consistent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, consistent: %t", name, consistent), func(t *testing.T) {
				t.Parallel()
				server := waldurtest.Start(t, rows)
				server.ShuffleTies(1)
				query := allMonths
				query.PageSize, query.Consistent = 100, consistent
				got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
				if err != nil {
					t.Fatal(err)
				}
				if diff := difference(got, expected(rows, nil), nil); diff != "" {
					t.Fatal(diff)
				}
				passes := float64(len(server.Requests())) / float64(len(rows)/100)
				if passes > 5*float64(times+1) {
					t.Fatalf("requests for %.1f passes", passes)
				}
				t.Logf("requests for %.1f passes", passes)
			})
		}
	}
}

// TestPassesHaveOtherPages: a server may place equal rows in the same way in equal
// requests, so that these always leave out the same row.
func TestPassesHaveOtherPages(t *testing.T) {
	t.Parallel()
	for _, size := range []int{7, 300} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			rows := tiedRows(3 * size)
			server := waldurtest.Start(t, rows)
			server.SetFaults(waldurtest.On(func(_ int, r *http.Request) bool {
				return r.URL.Query().Get("page_size") == strconv.Itoa(size)
			}, waldurtest.OnPage(1, waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
				rows[len(rows)-1] = rows[0]
				return rows
			}))))
			query := allMonths
			query.PageSize = size
			got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(got, expected(rows, nil), nil); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

// TestANewMonthIsAChange: without a month in the query, the server returns the
// current month, which may change between two pages.
func TestANewMonthIsAChange(t *testing.T) {
	t.Parallel()
	rows := tiedRows(180)
	server := waldurtest.Start(t, rows)
	server.SetNow(time.Date(2026, time.November, 30, 23, 59, 59, 0, time.UTC))
	server.SetFaults(waldurtest.OnPage(2, func(_ int, _ *http.Request, next http.Handler) http.Handler {
		server.SetNow(time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC))
		return next
	}))
	got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), waldur.Query{PageSize: 50})
	if err != nil || len(got) != 90 || got[0].BillingPeriod.String() != "2026-12" || got[89].BillingPeriod.String() != "2026-12" {
		t.Fatalf("got %d rows, %v", len(got), err)
	}
}

// TestListStaysExactUnderFaults reads 1,000 rows by 300 from a server with a
// fault: the list is complete, or the error says what is wrong.
func TestListStaysExactUnderFaults(t *testing.T) {
	t.Parallel()
	for name, consistent := range map[string]bool{"plain": false, "consistent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listUnderFaults(t, consistent)
		})
	}
}

func listUnderFaults(t *testing.T, consistent bool) {
	type fault = waldurtest.Fault
	onePage := waldurtest.EditQuery(func(query url.Values) { query.Del("page") })
	repeated := waldurtest.EditRows(func(rows []map[string]any) []map[string]any { return append(rows, rows...) })
	for name, test := range map[string]struct {
		faults []fault
		want   string // in the error, or empty for the whole list
	}{
		"a page with two 500 responses":        {faults: []fault{waldurtest.OnPage(2, waldurtest.First(2, waldurtest.Status(500, nil, "")))}},
		"a connection cut in a body":           {faults: []fault{waldurtest.OnPage(3, waldurtest.First(2, waldurtest.CutBody()))}},
		"a body that is always cut":            {faults: []fault{waldurtest.OnPage(3, waldurtest.CutBody())}, want: "the response ended after"},
		"a connection closed without response": {faults: []fault{waldurtest.OnPage(4, waldurtest.First(2, waldurtest.HangUp()))}},
		"gzip":                                 {faults: []fault{waldurtest.Gzip()}},
		"gzip, cut":                            {faults: []fault{waldurtest.OnPage(2, waldurtest.First(1, waldurtest.CutBody())), waldurtest.Gzip()}},
		"no count":                             {faults: []fault{waldurtest.DropHeader("X-Result-Count")}, want: "no X-Result-Count header"},
		"a count on the first page alone": {faults: []fault{waldurtest.On(func(_ int, r *http.Request) bool { return r.URL.Query().Has("page") },
			waldurtest.DropHeader("X-Result-Count"))}, want: "no X-Result-Count header"},
		"an empty count":            {faults: []fault{waldurtest.SetHeader("X-Result-Count", "")}, want: "no X-Result-Count header"},
		"a negative count":          {faults: []fault{waldurtest.SetHeader("X-Result-Count", "-5")}, want: `X-Result-Count header "-5"`},
		"a count that is no number": {faults: []fault{waldurtest.SetHeader("X-Result-Count", "many")}, want: `X-Result-Count header "many"`},
		"a count beyond all bounds": {faults: []fault{waldurtest.SetHeader("X-Result-Count", "99999999999999999999")}, want: "counts 99999999999999999999 rows, but the limit is 1000000 rows"},
		"two counts":                {faults: []fault{addHeader("X-Result-Count", "1")}, want: `X-Result-Count header "1000, 1"`},
		"a count twice":             {faults: []fault{addHeader("X-Result-Count", "1000")}},
		"a byte order mark":         {faults: []fault{prefixed("\ufeff")}},
		"no links":                  {faults: []fault{waldurtest.DropHeader("Link")}},
		"a count of nothing":        {faults: []fault{waldurtest.SetHeader("X-Result-Count", "0")}, want: "received 300 rows; the server counts 0 (passes: 1, changes of the data: 10)"},
		"a count that fits no page": {faults: []fault{waldurtest.SetHeader("X-Result-Count", "200")}, want: "more rows than the server counts"},
		"a count one too small":     {faults: []fault{waldurtest.SetHeader("X-Result-Count", "999")}, want: "more rows than the server counts"},
		"a count too large":         {faults: []fault{waldurtest.SetHeader("X-Result-Count", "1000001")}, want: "counts 1000001 rows, but the limit is 1000000 rows"},
		"a count one too large on one page": {faults: []fault{waldurtest.SetHeader("X-Result-Count", "1001"), waldurtest.EditQuery(func(query url.Values) { query.Set("billing_period", "2026-12") })},
			want: "received 90 rows; the server counts 1001 (passes: 8, changes of the data: 0)"},
		"a count one too large":            {faults: []fault{waldurtest.SetHeader("X-Result-Count", "1001")}, want: "received 1000 rows; the server counts 1001 (passes: 8,"},
		"rows twice on a page":             {faults: []fault{waldurtest.OnPage(2, repeated)}},
		"rows twice on the first page":     {faults: []fault{waldurtest.OnPage(1, repeated)}},
		"an empty page":                    {faults: []fault{waldurtest.OnPage(2, firstRows(0))}},
		"an empty page for once":           {faults: []fault{waldurtest.OnPage(2, waldurtest.First(1, firstRows(0)))}},
		"an empty first page":              {faults: []fault{waldurtest.OnPage(1, firstRows(0))}, want: "received 0 rows; the server counts 1000"},
		"an empty first page for once":     {faults: []fault{waldurtest.OnPage(1, waldurtest.First(1, firstRows(0)))}},
		"a page that lacks a row":          {faults: []fault{waldurtest.OnPage(2, waldurtest.First(1, firstRows(299)))}},
		"a first page of one row for once": {faults: []fault{waldurtest.OnPage(1, waldurtest.First(1, firstRows(1)))}},
		"one page for all numbers":         {faults: []fault{onePage}, want: "rows; the server counts 1000 (passes: 8,"},
		"links to another host":            {faults: []fault{waldurtest.SetHeader("Link", `<http://elsewhere.example/?page=2>; rel="next"`)}},
		"a page gone in the middle":        {faults: []fault{waldurtest.OnPage(3, waldurtest.First(1, waldurtest.Status(404, nil, `{"detail":"Invalid page."}`)))}},
		"a page gone for good":             {faults: []fault{waldurtest.OnPage(3, waldurtest.Status(404, nil, `{"detail":"Invalid page."}`))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := tiedRows(1000)
			server := waldurtest.Start(t, rows)
			server.SetFaults(test.faults...)
			c := client(t, server)
			c.MaxRetries = 2
			query := allMonths
			query.Consistent = consistent
			got, _, err := c.ListComponentUsageMonthly(t.Context(), query)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got %d rows and the error %v, want one with %q", len(got), err, test.want)
				}
				if cut := waldur.CauseOf(err) == waldur.ResponseCut; cut != strings.Contains(err.Error(), "the response ended") {
					t.Errorf("cut: %t, %v", cut, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(got, expected(rows, nil), nil); diff != "" {
				t.Fatal(diff)
			}
			for _, request := range server.Requests() {
				if "http://"+request.Host != server.URL {
					t.Fatalf("a request went to %s", request.Host)
				}
			}
		})
	}
}

// addHeader adds a header to the response, beside those of the same name.
func addHeader(name, value string) waldurtest.Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			response := httptest.NewRecorder()
			next.ServeHTTP(response, r)
			maps.Copy(w.Header(), response.Header())
			w.Header().Add(name, value)
			_, _ = w.Write(response.Body.Bytes())
		})
	}
}

// prefixed writes a prefix before the body of the response.
func prefixed(prefix string) waldurtest.Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			response := httptest.NewRecorder()
			next.ServeHTTP(response, r)
			maps.Copy(w.Header(), response.Header())
			w.Header().Del("Content-Length")
			_, _ = w.Write(append([]byte(prefix), response.Body.Bytes()...))
		})
	}
}

// TestListWithOtherPagesThanRequested: a Waldur server may be configured for fewer
// than 300 rows on a page, or for more.
func TestListWithOtherPagesThanRequested(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 99, 100, 299, 301, 700} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			rows := tiedRows(1000)
			if size == 1 {
				rows = rows[:20]
			}
			server := waldurtest.Start(t, rows)
			server.SetFaults(waldurtest.EditQuery(func(query url.Values) {
				query.Set("page_size", strconv.Itoa(min(size, waldur.MaxPageSize)))
			}))
			got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(got, expected(rows, nil), nil); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}
