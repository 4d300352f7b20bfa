package waldur_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// allMonths selects all rows.
var allMonths = waldur.Query{Start: waldur.NewMonth(1900, time.January)}

func client(tb testing.TB, server *waldurtest.Server) *waldur.Client {
	tb.Helper()
	u, err := waldur.ParseURL(server.URL)
	if err != nil {
		tb.Fatal(err)
	}
	return &waldur.Client{URL: u, Token: waldurtest.Token, RetryWait: time.Millisecond}
}

// serve starts a server with faults and returns a client of it. A fault that is nil is none.
func serve(tb testing.TB, rows []waldurtest.Row, faults ...waldurtest.Fault) (*waldurtest.Server, *waldur.Client) {
	tb.Helper()
	server := waldurtest.Start(tb, rows)
	server.SetFaults(slices.DeleteFunc(slices.Clone(faults), func(fault waldurtest.Fault) bool { return fault == nil })...)
	return server, client(tb, server)
}

// fieldNumbers has the number of each column's field in a row of the server.
var fieldNumbers = func() map[string]int {
	numbers := map[string]int{}
	for i, field := range reflect.VisibleFields(reflect.TypeFor[waldurtest.Row]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		numbers[name] = i
	}
	return numbers
}()

// value returns the value of a column in a row of the server: a string, an int32, or nil for null.
// Decimals are strings without zeros at their end.
func value(row *waldurtest.Row, column string) any {
	field := reflect.ValueOf(row).Elem().Field(fieldNumbers[column])
	if field.Kind() == reflect.Pointer {
		field = field.Elem()
	}
	switch {
	case !field.IsValid(), strings.HasPrefix(column, "service_provider") && field.IsZero():
		return nil
	case waldur.ColumnByName(column).IsNumber && field.Kind() == reflect.String:
		return decimal.RequireFromString(field.String()).String()
	}
	return field.Interface()
}

// compareBy compares the values of two rows in an order as the documentation defines it.
func compareBy(order []string, x, y func(column string) any) (c int) {
	for _, text := range order {
		column, descending := strings.CutPrefix(text, "-")
		a, b := x(column), y(column)
		switch limit, isLimit := a.(int32); {
		case a == nil && b == nil:
			continue
		case a == nil:
			return 1
		case b == nil:
			return -1
		case isLimit:
			c = cmp.Compare(limit, b.(int32))
		case waldur.ColumnByName(column).IsNumber:
			c = rat(a.(string)).Cmp(rat(b.(string)))
		default:
			c = strings.Compare(a.(string), b.(string))
		}
		if c != 0 && descending {
			return -c
		} else if c != 0 {
			return c
		}
	}
	return 0
}

// expected returns rows in an order, and then in the default order.
func expected(rows []waldurtest.Row, orderBy []string) []waldurtest.Row {
	order := append(slices.Clone(orderBy), "-billing_period", "offering_name", "component_name", "offering_uuid", "component_type")
	return slices.SortedFunc(slices.Values(rows), func(x, y waldurtest.Row) int {
		return compareBy(order, func(column string) any { return value(&x, column) }, func(column string) any { return value(&y, column) })
	})
}

// difference describes the first difference between a list and the rows of the server, in the
// requested columns. It returns "" if there is no difference.
func difference(got []*waldur.ComponentUsage, want []waldurtest.Row, columns []string) string {
	if len(columns) == 0 {
		columns = waldur.ColumnNames(waldur.Columns)
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		for _, column := range columns {
			g, w := received(got[i], column), value(&want[i], column)
			if g != w {
				return fmt.Sprintf("row %d of %d has %s %v, want %v", i+1, len(want), column, g, w)
			}
		}
	}
	return ""
}

// received returns the value of a column in a received row, in the form of value.
func received(row *waldur.ComponentUsage, name string) any {
	column := waldur.ColumnByName(name)
	if column.IsNull(row) {
		return nil
	}
	switch value := column.Value(row).(type) {
	case *string:
		return *value
	case *int32:
		return *value
	case *waldur.Month:
		return value.FirstDay()
	case *waldur.Decimal:
		return value.String()
	default:
		panic(fmt.Sprintf("%s has a %T", name, value))
	}
}

// tiedRows returns n rows of offerings of the same name, so that the rows of a month tie by threes
// in the server's default order, and by many in the others.
func tiedRows(n int) []waldurtest.Row {
	rows := make([]waldurtest.Row, n)
	for i := range rows {
		rows[i] = testRow(i%90, 0, fmt.Sprintf("%04d-%02d-01", 2026-i/90/12, 12-i/90%12))
		rows[i].OfferingName = fmt.Sprintf("Cluster %d", i%30)
		rows[i].TotalConsumed = fmt.Sprintf("%d.00", i%7)
	}
	return rows
}

// drawRows draws rows with many ties: few names, few totals, many nulls.
func drawRows(t *rapid.T, most int) []waldurtest.Row {
	n := rapid.IntRange(0, most).Draw(t, "rows")
	offerings := rapid.IntRange(1, 40).Draw(t, "offerings")
	names := rapid.IntRange(1, 5).Draw(t, "names")
	totals := rapid.SampledFrom([]int{1, 3, 1000}).Draw(t, "totals")
	random := rapid.Uint64().Draw(t, "values")
	next := func(n int) int { // splitmix64: cheaper than a draw for each value
		random += 0x9e3779b97f4a7c15
		z := (random ^ (random >> 30)) * 0xbf58476d1ce4e5b9
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb
		return int((z ^ (z >> 31)) % uint64(n))
	}
	rows := make([]waldurtest.Row, n)
	for i := range rows {
		offering, component := i%offerings, i/offerings%7
		month := waldur.NewMonth(2026, time.November).Add(int64(-i / offerings / 7))
		rows[i] = testRow(offering, component, month.FirstDay())
		rows[i].OfferingName = fmt.Sprintf("offering %d", offering%names)
		rows[i].ComponentName = fmt.Sprintf("component %d", component%3)
		rows[i].TotalConsumed = fmt.Sprintf("%d.%02d", next(totals)-totals/4, next(2)*50)
		rows[i].TotalAllocated = fmt.Sprintf("%d.00", next(totals))
		if next(3) > 0 {
			percent := fmt.Sprintf("%d.00", next(totals))
			rows[i].UsagePercent = &percent
		}
		if next(3) > 0 {
			amount := int32(next(totals))
			rows[i].LimitAmount = &amount
		}
		if next(3) > 0 {
			period := []string{"month", "quarterly", "annual", "total"}[next(4)]
			rows[i].LimitPeriod = &period
		}
	}
	return rows
}

// testRow returns a row of a component of an offering, both by number.
func testRow(offering, component int, firstDay string) waldurtest.Row {
	return waldurtest.Row{
		OfferingUUID: fmt.Sprintf("%032x", offering+1), OfferingName: "Cluster", OfferingType: "Marketplace.Slurm",
		ServiceProviderUUID: fmt.Sprintf("%032x", 1<<20), ServiceProviderName: "Centre",
		CategoryUUID: fmt.Sprintf("%032x", 1<<21), CategoryTitle: "HPC",
		ComponentType: fmt.Sprintf("type_%d", component), ComponentName: "CPU", MeasuredUnit: "hours",
		BillingType: "usage", BillingPeriod: firstDay, TotalConsumed: "1.00", TotalAllocated: "2.00",
	}
}

func drawColumns(t *rapid.T, label string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(waldur.ColumnNames(waldur.Columns)), 0, 17, rapid.ID).Draw(t, label)
}

func drawOrder(t *rapid.T) []string {
	order := drawColumns(t, "order_by")
	if len(order) > 3 {
		order = order[:3]
	}
	for i := range order {
		order[i] = rapid.SampledFrom([]string{"", "-"}).Draw(t, "direction") + order[i]
	}
	return order
}

func orderings(order []string) (orderings []waldur.Ordering) {
	for _, text := range order {
		name, descending := strings.CutPrefix(text, "-")
		orderings = append(orderings, waldur.Ordering{Column: waldur.ColumnByName(name), Descending: descending})
	}
	return orderings
}

func columns(names []string) (columns []*waldur.Column) {
	for _, name := range names {
		columns = append(columns, waldur.ColumnByName(name))
	}
	return columns
}

// TestListIsExactOrAnError holds for any data, page size, order and fields, on servers that keep,
// shuffle or shift rows that sort equally. It is an error only if the server never showed a row.
func TestListIsExactOrAnError(t *testing.T) {
	t.Parallel()
	server, c := serve(t, nil)
	var lists, errs int
	rapid.Check(t, func(rt *rapid.T) {
		rows := drawRows(rt, rapid.SampledFrom([]int{1, 20, 300, 1500}).Draw(rt, "most"))
		order, fields := drawOrder(rt), drawColumns(rt, "fields")
		query := allMonths
		query.PageSize = rapid.IntRange(max(1, len(rows)/100), waldur.MaxPageSize).Draw(rt, "page_size")
		query.OrderBy, query.Fields, query.Consistent = orderings(order), columns(fields), rapid.Bool().Draw(rt, "consistent")
		server.SetRows(rows)
		if rapid.Bool().Draw(rt, "shuffle") {
			server.ShuffleTies(rapid.Uint64().Draw(rt, "seed"))
		} else {
			server.ShiftTies(rapid.SampledFrom(shifts).Draw(rt, "shift"))
		}
		hides := rapid.IntRange(0, 4).Draw(rt, "hides a row") == 4
		shown := record(server, len(rows), hides)

		got, _, err := c.ListComponentUsageMonthly(rt.Context(), query)
		if waldur.CauseOf(err) == waldur.RowsMissing {
			if n := len(shown); n == len(rows) || !strings.Contains(err.Error(), fmt.Sprintf("received %d rows; the server counts %d (passes: ", n, len(rows))) || !strings.Contains(err.Error(), ", changes of the data: 0)") {
				rt.Fatalf("the server showed %d of %d rows: %v", n, len(rows), err)
			}
			if !hides {
				errs++
			}
			return
		}
		if err != nil || hides && len(rows) > 0 {
			rt.Fatalf("a row is hidden: %t; got %d rows, %v", hides, len(got), err)
		}
		lists++
		if diff := difference(got, expected(rows, order), fields); diff != "" {
			rt.Fatal(diff)
		}
		for _, column := range waldur.Columns {
			if len(fields) > 0 && !slices.Contains(fields, column.Name) && slices.ContainsFunc(got, func(u *waldur.ComponentUsage) bool { return !column.IsNull(u) }) {
				rt.Fatalf("%s is not among the fields %q, but has values", column.Name, fields)
			}
		}
	})
	if lists < 9*errs {
		t.Fatalf("only %d lists, %d errors", lists, errs)
	}
	t.Logf("%d lists, %d errors", lists, errs)
}

// shifts are percentages for [waldurtest.Server.ShiftTies].
var shifts = []int{0, 100, 99, 73, 50, -30}

// record returns the keys of the rows that the server shows in a reading, of count rows. When it
// has shown all, the next pass begins another reading. The server can hide a row.
func record(server *waldurtest.Server, count int, hides bool) map[string]bool {
	var mu sync.Mutex
	var hidden string
	shown := map[string]bool{}
	key := func(row map[string]any) string {
		return fmt.Sprint(row["offering_uuid"], row["component_type"], row["billing_period"])
	}
	server.SetFaults(func(n int, r *http.Request, next http.Handler) http.Handler {
		return waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
			mu.Lock()
			defer mu.Unlock()
			if !r.URL.Query().Has("page") && len(shown) == count {
				clear(shown)
			}
			if hides && hidden == "" && len(rows) > 0 {
				hidden = key(rows[0])
			}
			rows = slices.DeleteFunc(rows, func(row map[string]any) bool { return key(row) == hidden })
			for _, row := range rows {
				shown[key(row)] = true
			}
			return rows
		})(n, r, next)
	})
	return shown
}

// TestRowsThatTieTakeFewRequests: pages grow with each pass, and orders change. Where all rows tie
// in all orders, only the last page size may show them all.
func TestRowsThatTieTakeFewRequests(t *testing.T) {
	t.Parallel()
	oneName, oneAmount := tiedRows(3000), tiedRows(249)
	for i := range oneName {
		oneName[i] = testRow(i, 0, "2026-11-01")
		oneName[i].TotalConsumed = fmt.Sprintf("%d.00", i/2)
	}
	for i := range oneAmount {
		oneAmount[i] = testRow(i, 0, "2026-11-01")
	}
	check := func(name string, rows []waldurtest.Row, place func(*waldurtest.Server), pageSize int) {
		for readings, consistent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, %d at %d, consistent: %t", name, len(rows), pageSize, consistent), func(t *testing.T) {
				t.Parallel()
				server := waldurtest.Start(t, rows)
				place(server)
				query := allMonths
				query.PageSize, query.Consistent = pageSize, consistent
				got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
				if diff := difference(got, expected(rows, nil), nil); err != nil || diff != "" {
					t.Fatal(err, diff)
				}
				if n, most := len(server.Requests()), (readings+1)*(3*len(rows)/pageSize+15); n > most {
					t.Errorf("%d requests, want at most %d", n, most)
				}
			})
		}
	}
	shuffle := func(server *waldurtest.Server) { server.ShuffleTies(1) }
	check("ties by threes", tiedRows(3000), shuffle, 100)
	check("one name", oneName, shuffle, 100)
	for _, pageSize := range []int{1, 7, 20, 50, 300} {
		check("one amount, shuffled", oneAmount, shuffle, pageSize)
		for _, percent := range shifts {
			check(fmt.Sprintf("one amount, shifted %d %%", percent), oneAmount, func(server *waldurtest.Server) { server.ShiftTies(percent) }, pageSize)
		}
	}
}

// TestRowsThatComeLate: a reading ends after eight passes, unless one of the last four found a row.
func TestRowsThatComeLate(t *testing.T) {
	t.Parallel()
	for last, want := range map[int]string{9: "", 10: "received 2 rows; the server counts 3 (passes: 9,"} {
		rows := tiedRows(3)
		from := map[any]int{rows[1].OfferingUUID: 5, rows[2].OfferingUUID: last} // passes
		pass, server := 0, waldurtest.Start(t, rows)
		server.SetFaults(waldurtest.OnPage(1, waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
			pass++
			return slices.DeleteFunc(rows, func(row map[string]any) bool { return pass < from[row["offering_uuid"]] })
		})))
		_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("the last row comes in pass %d: got %v", last, err)
		}
	}
}

// TestRequestsOfAnUndisturbedRead: a request for each page and, for a consistent read, as many
// again as the pages of the second reading need.
func TestRequestsOfAnUndisturbedRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rows, pageSize, plain, consistent int }{
		{0, 0, 1, 2}, {1, 0, 1, 2}, {282, 0, 1, 2}, {300, 0, 1, 3}, {301, 0, 2, 4}, {3000, 0, 10, 21},
		{10, 10, 1, 2}, {11, 10, 2, 3}, {7, 1, 7, 10},
	} {
		for consistent, requests := range map[bool]int{false: test.plain, true: test.consistent} {
			server := waldurtest.Start(t, tiedRows(test.rows))
			query := allMonths
			query.PageSize, query.Consistent = test.pageSize, consistent
			got, total, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
			if n := len(server.Requests()); err != nil || len(got) != test.rows || total != test.rows || n != requests {
				t.Errorf("%d rows by %d, consistent: %t: got %d of %d rows after %d requests, want %d: %v", test.rows, test.pageSize, consistent, len(got), total, n, requests, err)
			}
		}
	}
}

// TestListUnderDrift changes rows before a request, and between its count and its selection. A
// consistent read returns what the server held before or after one of the changes, or an error. A
// read without it does so for one changed total.
func TestListUnderDrift(t *testing.T) {
	t.Parallel()
	for consistent, kinds := range map[bool][]string{false: {"total"}, true: {"add", "remove", "total", "swap"}} {
		t.Run(fmt.Sprintf("consistent: %t", consistent), func(t *testing.T) {
			t.Parallel()
			checkDrift(t, consistent, kinds)
		})
	}
}

func checkDrift(t *testing.T, consistent bool, kinds []string) {
	server, c := serve(t, nil)
	lists := 0
	rapid.Check(t, func(rt *rapid.T) {
		rows := drawRows(rt, 150)
		// A request has two moments: 2n is before request n, 2n+1 is after its count.
		changes := rapid.MapOfN(rapid.IntRange(1, 28), rapid.SampledFrom(kinds), 1, len(kinds)).Draw(rt, "changes by moment")
		place := rapid.IntRange(0, 150).Draw(rt, "place")
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
		if cause := waldur.CauseOf(err); cause == waldur.DataChanges || cause == waldur.RowsMissing {
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

// TestAShortFirstPageCostsFewRequests: the number of pages follows from the distinct rows on the
// first page, until a page is past the end. If they are too many, that page is read again.
func TestAShortFirstPageCostsFewRequests(t *testing.T) {
	t.Parallel()
	short := []waldurtest.Fault{waldurtest.OnPage(1, waldurtest.First(1, firstRows(1)))}
	repeated := []waldurtest.Fault{waldurtest.EditRows(repeat), waldurtest.EditQuery(func(query url.Values) { query.Set("page_size", "150") })}
	for most, test := range map[int]struct {
		count  int
		faults []waldurtest.Fault
	}{30: {3000, short}, 35: {10200, short}, 7: {1000, repeated}} {
		rows := tiedRows(test.count)
		server, c := serve(t, rows, test.faults...)
		got, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
		if diff := difference(got, expected(rows, nil), nil); err != nil || diff != "" || len(server.Requests()) > most {
			t.Errorf("%d requests for %d rows: %v, %s", len(server.Requests()), test.count, err, diff)
		}
	}
}

func repeat(rows []map[string]any) []map[string]any { return append(rows, rows...) }

func firstRows(n int) waldurtest.Fault {
	return waldurtest.EditRows(func(rows []map[string]any) []map[string]any { return rows[:min(n, len(rows))] })
}

// TestANewMonthIsAChange: without a month in the query, the server returns the current month, which
// may change between two pages.
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

// TestListStaysExactUnderFaults reads 1,000 rows by 300 from a server with a fault, or with another
// configuration: the list is complete, or the error says what is wrong.
func TestListStaysExactUnderFaults(t *testing.T) {
	t.Parallel()
	type fault = waldurtest.Fault
	first, onPage, status, edit := waldurtest.First, waldurtest.OnPage, waldurtest.Status, waldurtest.EditRows
	count := func(count string) fault { return waldurtest.SetHeader("X-Result-Count", count) }
	another := func(count string) fault {
		return edited(func(r *httptest.ResponseRecorder) { r.Header().Add("X-Result-Count", count) })
	}
	gone := status(404, nil, `{"detail":"Invalid page."}`)
	const noCount, tooMany = "the response has no X-Result-Count header", " rows, but at most 1000000 rows are read"
	for name, test := range map[string]struct {
		faults []fault
		cause  waldur.Cause
		want   string // in the error
	}{
		"a page with two 500 responses":        {faults: []fault{onPage(2, first(2, status(500, nil, "")))}},
		"a connection cut in a body":           {faults: []fault{onPage(3, first(2, waldurtest.CutBody()))}},
		"a body that is always cut":            {faults: []fault{onPage(3, waldurtest.CutBody())}, cause: waldur.ResponseCut, want: "(3 attempts): the response ended after"},
		"a connection closed without response": {faults: []fault{onPage(4, first(2, waldurtest.HangUp()))}},
		"gzip":                                 {faults: []fault{waldurtest.Gzip()}},
		"gzip, cut":                            {faults: []fault{onPage(2, first(1, waldurtest.CutBody())), waldurtest.Gzip()}},
		"a byte order mark":                    {faults: []fault{edited(func(r *httptest.ResponseRecorder) { r.Body = bytes.NewBufferString("\ufeff" + r.Body.String()) })}},
		"links to another host":                {faults: []fault{waldurtest.SetHeader("Link", `<http://elsewhere.example/?page=2>; rel="next"`)}},
		"no count":                             {faults: []fault{waldurtest.DropHeader("X-Result-Count")}, cause: waldur.NoCount, want: noCount},
		"a count on the first page alone":      {faults: []fault{onPage(2, waldurtest.DropHeader("X-Result-Count"))}, cause: waldur.NoCount, want: noCount},
		"an empty count":                       {faults: []fault{count("")}, cause: waldur.NoCount, want: noCount},
		"a negative count":                     {faults: []fault{count("-5")}, cause: waldur.NoCount, want: `X-Result-Count header "-5", which is not a number of rows`},
		"a count that is no number":            {faults: []fault{count("many")}, cause: waldur.NoCount, want: `X-Result-Count header "many"`},
		"two counts":                           {faults: []fault{another("1")}, cause: waldur.NoCount, want: `X-Result-Count header "1000, 1"`},
		"a count twice":                        {faults: []fault{another("1000")}},
		"a count beyond all bounds":            {faults: []fault{count("99999999999999999999")}, cause: waldur.TooManyRows, want: "counts 99999999999999999999" + tooMany},
		"a count too large":                    {faults: []fault{count("1000001")}, cause: waldur.TooManyRows, want: "counts 1000001" + tooMany},
		"a count of too many pages":            {faults: []fault{count("1000000"), firstRows(1)}, cause: waldur.TooManyPages, want: "the server counts 1000000 rows, but at most 10000 pages as small as the first (rows: 1) are read"},
		"a count of nothing":                   {faults: []fault{count("0")}, cause: waldur.DataChanges, want: "received 300 rows; the server counts 0 (passes: 1, changes of the data: 10): there are more rows than the server counts"},
		"a count one too small":                {faults: []fault{count("999")}, cause: waldur.DataChanges, want: "more rows than the server counts"},
		"a count one too large":                {faults: []fault{count("1001")}, cause: waldur.RowsMissing, want: "received 1000 rows; the server counts 1001 (passes: 8, changes of the data: 0): the pages repeat"},
		"a count that changes":                 {faults: []fault{onPage(2, count("1001"))}, cause: waldur.DataChanges, want: "the number of rows changed from 1000 to 1001"},
		"a row that changes":                   {faults: []fault{onPage(1, edit(setFirst("total_consumed", "9"))), waldurtest.EditQuery(func(query url.Values) { query.Del("page") })}, cause: waldur.DataChanges, want: "a row changed"},
		"rows twice on a page":                 {faults: []fault{onPage(2, edit(repeat))}},
		"rows twice on the first page":         {faults: []fault{onPage(1, edit(repeat))}},
		"an empty page":                        {faults: []fault{onPage(2, firstRows(0))}},
		"an empty page for once":               {faults: []fault{onPage(2, first(1, firstRows(0)))}},
		"an empty first page":                  {faults: []fault{onPage(1, firstRows(0))}, cause: waldur.RowsMissing, want: "received 0 rows; the server counts 1000 (passes: 8,"},
		"an empty first page for once":         {faults: []fault{onPage(1, first(1, firstRows(0)))}},
		"a page that lacks a row":              {faults: []fault{onPage(2, first(1, firstRows(299)))}},
		"a first page of one row for once":     {faults: []fault{onPage(1, first(1, firstRows(1)))}},
		"one page for all numbers":             {faults: []fault{waldurtest.EditQuery(func(query url.Values) { query.Del("page") })}, cause: waldur.RowsMissing, want: "rows; the server counts 1000 (passes: "},
		"a page gone in the middle":            {faults: []fault{onPage(3, first(1, gone))}},
		"a page gone for good":                 {faults: []fault{onPage(3, gone)}},
		"pages of 99 rows at most":             {faults: []fault{waldurtest.EditQuery(func(query url.Values) { query.Set("page_size", "99") })}},
		"pages of 299 rows at most":            {faults: []fault{waldurtest.EditQuery(func(query url.Values) { query.Set("page_size", "299") })}},
		"a page of HTML":                       {faults: []fault{onPage(3, waldurtest.HTML(404))}, cause: waldur.PageNotFound, want: "404 Not Found"},
	} {
		for _, consistent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, consistent: %t", name, consistent), func(t *testing.T) {
				t.Parallel()
				rows := tiedRows(1000)
				_, c := serve(t, rows, test.faults...)
				c.MaxRetries = 2
				query := allMonths
				query.Consistent = consistent
				got, _, err := c.ListComponentUsageMonthly(t.Context(), query)
				if waldur.CauseOf(err) != test.cause || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got %s, %v", waldur.CauseOf(err), err)
				}
				if diff := difference(got, expected(rows, nil), nil); err == nil && diff != "" {
					t.Fatal(diff)
				}
			})
		}
	}
}

// edited changes responses before they are sent.
func edited(edit func(*httptest.ResponseRecorder)) waldurtest.Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			response := httptest.NewRecorder()
			next.ServeHTTP(response, r)
			edit(response)
			maps.Copy(w.Header(), response.Header())
			w.Header().Del("Content-Length")
			_, _ = response.Body.WriteTo(w)
		})
	}
}

// TestCookiesKeepAReadAtOneReplica behind a load balancer, beside a cookie of the headers.
func TestCookiesKeepAReadAtOneReplica(t *testing.T) {
	t.Parallel()
	for _, consistent := range []bool{false, true} {
		rows := tiedRows(100)
		server, c := serve(t, rows, waldurtest.StickyReplicas(waldurtest.Start(t, tiedRows(99)))) // behind by one row
		c.Headers = http.Header{"Cookie": {"gate=1"}}
		query := allMonths
		query.PageSize, query.Consistent = 20, consistent
		got, _, err := c.ListComponentUsageMonthly(t.Context(), query)
		if diff := difference(got, expected(rows, nil), nil); err != nil || diff != "" {
			t.Errorf("consistent: %t: %v, %s", consistent, err, diff)
		}
		for i, request := range server.Requests() {
			if got, want := request.Header["Cookie"], map[bool]string{true: "gate=1", false: "gate=1; replica=0"}[i == 0]; len(got) != 1 || got[0] != want {
				t.Errorf("request %d has the cookies %q, want %q", i, got, want)
			}
		}
	}
}
