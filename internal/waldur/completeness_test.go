// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur_test

import (
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

// naiveWalk follows the pages as clients of this API do, and returns the number
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
	server.PlaceEqualRowsAnew(1)
	for _, query := range []string{"start=2000-01&page_size=100", "start=2000-01&page_size=300&o=-usage_percent"} {
		received, distinct := naiveWalk(t, server, query)
		if received != len(rows) || distinct >= len(rows) {
			t.Fatalf("%s: the naive walk receives %d rows, %d of them distinct: this server loses none", query, received, distinct)
		}
		t.Logf("%s: the naive walk loses %d of %d rows", query, received-distinct, received)
	}
	query := allMonths
	query.PageSize = 100
	got, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	if diff := difference(got, expected(rows, nil), nil); diff != "" {
		t.Fatal(diff)
	}
}

func TestRequestsOfAnUndisturbedRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rows, pageSize, requests int }{
		{0, 0, 1}, {1, 0, 1}, {300, 0, 1}, {301, 0, 2}, {12000, 0, 40}, {10, 10, 1}, {11, 10, 2}, {7, 1, 7},
	} {
		t.Run(fmt.Sprintf("%d rows by %d", test.rows, test.pageSize), func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, tiedRows(test.rows))
			query := allMonths
			query.PageSize = test.pageSize
			got, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
			if err != nil || len(got) != test.rows {
				t.Fatalf("got %d rows, %v", len(got), err)
			}
			if requests := len(server.Requests()); requests != test.requests {
				t.Fatalf("%d requests, want %d", requests, test.requests)
			}
		})
	}
}

func TestListReadsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(5))
	query := allMonths
	query.Fields, query.OrderBy = columns([]string{"total_consumed"}), orderings(t, []string{"-limit_amount"})
	if _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	got := server.Requests()[0].Query["field"]
	want := []string{"offering_uuid", "offering_name", "component_type", "component_name", "limit_amount", "billing_period", "total_consumed"}
	if !slices.Equal(got, want) {
		t.Fatalf("the fields asked for are %v, want %v", got, want)
	}
}

// TestListUnderDrift changes a row before a request now and then: the list is
// what the server held before or after one of the changes, or an error. Without
// Consistent that holds for changes that the answers show at all: in the number
// of rows, or in a single total.
func TestListUnderDrift(t *testing.T) {
	t.Parallel()
	t.Run("of the number of rows", func(t *testing.T) {
		t.Parallel()
		checkDrift(t, false, 3, "add", "remove")
	})
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
		changes := rapid.MapOfN(rapid.IntRange(1, 14), rapid.SampledFrom(kinds), 1, most).Draw(rt, "changes before requests")
		place := rapid.IntRange(0, 400).Draw(rt, "place")
		server.SetRows(rows)
		server.PlaceEqualRowsAnew(rapid.Uint64().Draw(rt, "seed"))
		var faults []waldurtest.Fault
		if rapid.Bool().Draw(rt, "without count") {
			faults = append(faults, waldurtest.DropHeader("X-Result-Count"))
		}
		var mu sync.Mutex
		held := [][]waldurtest.Row{slices.Clone(rows)}
		server.Misbehave(append(faults, func(n int, _ *http.Request, next http.Handler) http.Handler {
			mu.Lock()
			defer mu.Unlock()
			if change, ok := changes[n]; ok {
				server.Update(func(rows []waldurtest.Row) []waldurtest.Row { return drift(rows, change, place*n, len(held)) })
				held = append(held, server.Rows())
			}
			return next
		})...)
		query := allMonths
		query.Consistent = consistent
		query.PageSize = rapid.IntRange(max(1, len(rows)/20), 100).Draw(rt, "page_size")
		got, err := c.ListComponentUsageMonthly(t.Context(), query)
		server.Misbehave()
		var incomplete *waldur.IncompleteError
		if errors.As(err, &incomplete) {
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

// TestConsistentReads changes rows between the first page and the others so that
// their number stays. A read of each page once cannot tell; a consistent one does.
func TestConsistentReads(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func([]waldurtest.Row) []waldurtest.Row{
		"a row goes and another comes": func(rows []waldurtest.Row) []waldurtest.Row {
			return append(rows[1:], testRow(1000, 0, "1999-01-01"))
		},
		"two totals change": func(rows []waldurtest.Row) []waldurtest.Row {
			rows[0].TotalConsumed, rows[999].TotalConsumed = "7.77", "7.77"
			return rows
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := func(consistent bool) (got []*waldur.ComponentUsage, held [][]waldurtest.Row, requests int) {
				server := waldurtest.Start(t, tiedRows(1000))
				before := server.Rows()
				var once sync.Once
				server.Misbehave(func(n int, _ *http.Request, next http.Handler) http.Handler {
					if n > 0 {
						once.Do(func() { server.Update(change) })
					}
					return next
				})
				query := allMonths
				query.Consistent = consistent
				got, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
				if err != nil {
					t.Fatal(err)
				}
				return got, [][]waldurtest.Row{before, server.Rows()}, len(server.Requests())
			}
			got, held, requests := read(false)
			if requests != 4 || difference(got, expected(held[0], nil), nil) == "" || difference(got, expected(held[1], nil), nil) == "" {
				t.Fatalf("a plain read takes %d requests, and tells: this change shows nothing", requests)
			}
			got, held, requests = read(true)
			if diff := difference(got, expected(held[1], nil), nil); diff != "" || requests != 12 {
				t.Fatalf("after %d requests: %s", requests, diff)
			}
		})
	}
	t.Run("nothing changes", func(t *testing.T) {
		t.Parallel()
		for rows, requests := range map[int]int{0: 1, 300: 1, 301: 4, 1000: 8} {
			server := waldurtest.Start(t, tiedRows(rows))
			query := allMonths
			query.Consistent = true
			got, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
			if n := len(server.Requests()); err != nil || len(got) != rows || n != requests {
				t.Errorf("%d of %d rows after %d requests, want %d, %v", len(got), rows, n, requests, err)
			}
		}
	})
}

// TestListUnitesOnlyRowsThatWereThereTogether: the first pass lacks a row, then
// one goes and another comes, and the second pass lacks that one. Together they
// have as many rows as the server counts, and not those that it has.
func TestListUnitesOnlyRowsThatWereThereTogether(t *testing.T) {
	t.Parallel()
	rows := tiedRows(1000)
	server := waldurtest.Start(t, rows)
	fresh := testRow(1000, 0, rows[0].BillingPeriod)
	lacking := func(row waldurtest.Row) waldurtest.Fault {
		return waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
			return slices.DeleteFunc(rows, func(r map[string]any) bool {
				return r["offering_uuid"] == row.OfferingUUID && r["billing_period"] == row.BillingPeriod
			})
		})
	}
	var once sync.Once
	server.Misbehave(func(n int, r *http.Request, next http.Handler) http.Handler {
		switch {
		case n < 4:
			return lacking(rows[500])(n, r, next)
		case n < 8:
			once.Do(func() {
				server.Update(func(rows []waldurtest.Row) []waldurtest.Row { return append(rows[1:], fresh) })
			})
			return lacking(fresh)(n, r, next)
		}
		return next
	})
	got, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
	if err != nil {
		t.Fatal(err)
	}
	if diff := difference(got, expected(server.Rows(), nil), nil); diff != "" {
		t.Fatal(diff)
	}
}

// TestListStaysExactUnderFaults reads 1,000 rows by 300 from a server with a
// fault: the list is whole, or the error says what is wrong.
func TestListStaysExactUnderFaults(t *testing.T) {
	t.Parallel()
	type fault = waldurtest.Fault
	firstRows := func(n int) fault {
		return waldurtest.EditRows(func(rows []map[string]any) []map[string]any { return rows[:min(n, len(rows))] })
	}
	onePage := waldurtest.EditQuery(func(query url.Values) { query.Del("page") })
	// linesOfLinks sends each link of an answer in a header of its own.
	linesOfLinks := func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			maps.Copy(w.Header(), answer.Header())
			w.Header()["Link"] = append([]string{`</help>; rel="help"`}, strings.Split(answer.Header().Get("Link"), ", ")...)
			_, _ = w.Write(answer.Body.Bytes())
		})
	}
	repeated := waldurtest.EditRows(func(rows []map[string]any) []map[string]any { return append(rows, rows...) })
	for name, test := range map[string]struct {
		faults []fault
		want   string // in the error, or empty for the whole list
	}{
		"a page that answers 500 twice":         {faults: []fault{waldurtest.OnPage(2, waldurtest.First(2, waldurtest.Status(500, nil, "")))}},
		"a connection cut in a body":            {faults: []fault{waldurtest.OnPage(3, waldurtest.First(2, waldurtest.CutBody()))}},
		"a body that is always cut":             {faults: []fault{waldurtest.OnPage(3, waldurtest.CutBody())}, want: "broke off after"},
		"a connection closed without an answer": {faults: []fault{waldurtest.OnPage(4, waldurtest.First(2, waldurtest.HangUp()))}},
		"gzip":                                  {faults: []fault{waldurtest.Gzip()}},
		"gzip, cut":                             {faults: []fault{waldurtest.OnPage(2, waldurtest.First(1, waldurtest.CutBody())), waldurtest.Gzip()}},
		"no count":                              {faults: []fault{waldurtest.DropHeader("X-Result-Count")}},
		"an empty count":                        {faults: []fault{waldurtest.SetHeader("X-Result-Count", "")}},
		"a negative count":                      {faults: []fault{waldurtest.SetHeader("X-Result-Count", "-5")}},
		"a count that is no number":             {faults: []fault{waldurtest.SetHeader("X-Result-Count", "many")}},
		"a count beyond all bounds":             {faults: []fault{waldurtest.SetHeader("X-Result-Count", "99999999999999999999")}},
		"neither count nor links":               {faults: []fault{waldurtest.DropHeader("X-Result-Count"), waldurtest.DropHeader("Link")}},
		"no links":                              {faults: []fault{waldurtest.DropHeader("Link")}},
		"a count too small":                     {faults: []fault{waldurtest.SetHeader("X-Result-Count", "600")}, want: "counts 600"},
		"a count as small as a page":            {faults: []fault{waldurtest.SetHeader("X-Result-Count", "300")}, want: "counts 300"},
		"a count of nothing":                    {faults: []fault{waldurtest.SetHeader("X-Result-Count", "0")}, want: "counts 0"},
		"a count too large":                     {faults: []fault{waldurtest.SetHeader("X-Result-Count", "2000000000")}, want: "counts 2000000000"},
		"a count one too large":                 {faults: []fault{waldurtest.SetHeader("X-Result-Count", "1001")}, want: "1000 distinct rows after 6 passes, where the server counts 1001"},
		"a count on the first page alone": {faults: []fault{waldurtest.On(func(_ int, r *http.Request) bool { return r.URL.Query().Has("page") },
			waldurtest.DropHeader("X-Result-Count"))}, want: "counted 1000 rows at first, and no on page"},
		"rows twice on a page":             {faults: []fault{waldurtest.OnPage(2, repeated)}},
		"rows twice on the first page":     {faults: []fault{waldurtest.OnPage(1, repeated)}},
		"an empty page":                    {faults: []fault{waldurtest.OnPage(2, firstRows(0))}, want: "has none on page 2"},
		"an empty page for once":           {faults: []fault{waldurtest.OnPage(2, waldurtest.First(1, firstRows(0)))}},
		"an empty first page":              {faults: []fault{waldurtest.OnPage(1, firstRows(0))}, want: "after 6 passes, where the server counts 1000"},
		"an empty first page for once":     {faults: []fault{waldurtest.OnPage(1, waldurtest.First(1, firstRows(0)))}},
		"a page that lacks a row":          {faults: []fault{waldurtest.OnPage(2, waldurtest.First(1, firstRows(299)))}},
		"a first page of one row for once": {faults: []fault{waldurtest.OnPage(1, waldurtest.First(1, firstRows(1)))}},
		"one page for all numbers":         {faults: []fault{onePage}, want: "300 distinct rows after 6 passes, where the server counts 1000"},
		"one page for all numbers, without a count": {faults: []fault{
			waldurtest.DropHeader("X-Result-Count"), waldurtest.SetHeader("Link", `</?page=2>; rel="next"`), onePage,
		}, want: "it sends the same rows on every page"},
		"a next page without end":         {faults: []fault{waldurtest.SetHeader("Link", `</?page=2>; rel="next"`)}},
		"a next page in the third header": {faults: []fault{waldurtest.DropHeader("X-Result-Count"), linesOfLinks}},
		"links to another host":           {faults: []fault{waldurtest.SetHeader("Link", `<http://elsewhere.example/?page=2>; rel="next"`)}},
		"a page gone in the middle":       {faults: []fault{waldurtest.OnPage(3, waldurtest.First(1, waldurtest.Status(404, nil, `{"detail":"Invalid page."}`)))}},
		"a page gone for good":            {faults: []fault{waldurtest.OnPage(3, waldurtest.Status(404, nil, `{"detail":"Invalid page."}`))}, want: "has none on page 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := tiedRows(1000)
			server := waldurtest.Start(t, rows)
			server.Misbehave(test.faults...)
			c := client(t, server)
			c.MaxRetries = 2
			got, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got %d rows and the error %v, want one with %q", len(got), err, test.want)
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

// TestAPageThatNothingSaysIsTheOnlyOne: where neither a count nor links tell that
// there are no more rows, one that moved off an empty second page is not missed.
func TestAPageThatNothingSaysIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func([]waldurtest.Row) []waldurtest.Row{
		"nothing changes": func(rows []waldurtest.Row) []waldurtest.Row { return rows },
		"a row goes":      func(rows []waldurtest.Row) []waldurtest.Row { return rows[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, tiedRows(301))
			if name == "nothing changes" {
				server.SetRows(tiedRows(300))
			}
			server.Misbehave(waldurtest.DropHeader("X-Result-Count"), waldurtest.DropHeader("Link"),
				waldurtest.OnPage(2, func(n int, _ *http.Request, next http.Handler) http.Handler {
					if n == 0 {
						server.Update(change)
					}
					return next
				}))
			got, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(got, expected(server.Rows(), nil), nil); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

// TestListWithOtherPagesThanAskedFor: a Waldur may be set up to serve fewer
// rows on a page than 300, or more.
func TestListWithOtherPagesThanAskedFor(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 99, 100, 299, 301, 700} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			rows := tiedRows(1000)
			if size == 1 {
				rows = rows[:20]
			}
			server := waldurtest.Start(t, rows)
			server.Misbehave(waldurtest.EditQuery(func(query url.Values) {
				query.Set("page_size", strconv.Itoa(min(size, waldur.MaxPageSize)))
			}))
			got, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(got, expected(rows, nil), nil); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}
