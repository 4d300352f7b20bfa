// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
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
	return &waldur.Client{URL: u, Token: waldurtest.Token, RetryWait: time.Millisecond, ChangeWait: time.Millisecond}
}

// value returns the value of a column in a row of the server: a string, an int32, or
// nil for null. Decimals are strings without zeros at their end.
func value(row *waldurtest.Row, column string) any {
	number := func(text string) any { return decimal.RequireFromString(text).String() }
	switch column {
	case "offering_uuid":
		return row.OfferingUUID
	case "offering_name":
		return row.OfferingName
	case "offering_type":
		return row.OfferingType
	case "service_provider_uuid":
		if row.ServiceProviderUUID != "" {
			return row.ServiceProviderUUID
		}
	case "service_provider_name":
		if row.ServiceProviderName != "" {
			return row.ServiceProviderName
		}
	case "category_uuid":
		return row.CategoryUUID
	case "category_title":
		return row.CategoryTitle
	case "component_type":
		return row.ComponentType
	case "component_name":
		return row.ComponentName
	case "measured_unit":
		return row.MeasuredUnit
	case "billing_type":
		return row.BillingType
	case "limit_amount":
		if row.LimitAmount != nil {
			return *row.LimitAmount
		}
	case "limit_period":
		if row.LimitPeriod != nil {
			return *row.LimitPeriod
		}
	case "billing_period":
		return row.BillingPeriod
	case "total_consumed":
		return number(row.TotalConsumed)
	case "total_allocated":
		return number(row.TotalAllocated)
	case "usage_percent":
		if row.UsagePercent != nil {
			return number(*row.UsagePercent)
		}
	default:
		panic("no column " + column)
	}
	return nil
}

// compareValues orders two values that are not null.
func compareValues(column string, a, b any) int {
	switch column {
	case "limit_amount":
		return cmp.Compare(a.(int32), b.(int32))
	case "total_consumed", "total_allocated", "usage_percent":
		x, _ := new(big.Rat).SetString(a.(string))
		y, _ := new(big.Rat).SetString(b.(string))
		return x.Cmp(y)
	}
	return strings.Compare(a.(string), b.(string))
}

// expected returns rows in an order as the documentation defines it.
func expected(rows []waldurtest.Row, orderBy []string) []waldurtest.Row {
	order := append(slices.Clone(orderBy), "-billing_period", "offering_name", "component_name", "offering_uuid", "component_type")
	return slices.SortedFunc(slices.Values(rows), func(x, y waldurtest.Row) int {
		for _, text := range order {
			column, descending := strings.CutPrefix(text, "-")
			a, b := value(&x, column), value(&y, column)
			var c int
			switch {
			case a == nil && b == nil:
			case a == nil:
				c = 1
			case b == nil:
				c = -1
			case descending:
				c = compareValues(column, b, a)
			default:
				c = compareValues(column, a, b)
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}

// difference describes the first difference between a list and the rows of the
// server, in the requested columns. It returns "" if there is no difference.
func difference(got []*waldur.ComponentUsage, want []waldurtest.Row, columns []string) string {
	if len(columns) == 0 {
		columns = waldur.ColumnNames()
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

func TestListReadsTheRecordedRows(t *testing.T) {
	t.Parallel()
	rows := waldurtest.ContractRows()
	got, _, err := client(t, waldurtest.Start(t, rows)).ListComponentUsageMonthly(t.Context(), allMonths)
	if err != nil {
		t.Fatal(err)
	}
	if diff := difference(got, expected(rows, nil), nil); diff != "" {
		t.Fatal(diff)
	}
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
	return rapid.SliceOfNDistinct(rapid.SampledFrom(waldur.ColumnNames()), 0, 17, rapid.ID).Draw(t, label)
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

// TestListIsExactOrAnError holds for any data, page size, order and fields, on a
// server that shuffles equal rows in every request.
func TestListIsExactOrAnError(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	c := client(t, server)
	var lists, errs int
	rapid.Check(t, func(rt *rapid.T) {
		rows := drawRows(rt, rapid.SampledFrom([]int{1, 20, 400, 3000}).Draw(rt, "most"))
		order, fields := drawOrder(rt), drawColumns(rt, "fields")
		query := allMonths
		query.PageSize = rapid.IntRange(max(1, len(rows)/100), waldur.MaxPageSize).Draw(rt, "page_size")
		query.OrderBy, query.Fields = orderings(order), columns(fields)
		server.SetRows(rows)
		server.ShuffleTies(rapid.Uint64().Draw(rt, "seed"))

		got, _, err := c.ListComponentUsageMonthly(t.Context(), query)
		if waldur.CauseOf(err) == waldur.RowsMissing {
			if !strings.Contains(err.Error(), fmt.Sprintf("rows; the server counts %d (passes: ", len(rows))) || !strings.Contains(err.Error(), ", changes of the data: 0)") {
				rt.Fatalf("the error has the wrong numbers for %d rows: %v", len(rows), err)
			}
			errs++
			return
		}
		if err != nil {
			rt.Fatal(err)
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
	if lists < errs {
		t.Fatalf("only %d lists, %d errors", lists, errs)
	}
	t.Logf("%d lists, %d errors", lists, errs)
}
