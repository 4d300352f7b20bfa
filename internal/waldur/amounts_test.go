package waldur_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// The expected values of these tests come from fractions, and not from the client's decimals.

func rat(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}

// percent returns consumed as a percentage of allocated, in hundredths rounded half to even, or nil
// without a positive allocation.
func percent(consumed, allocated *big.Rat) any {
	if allocated == nil || allocated.Sign() <= 0 {
		return nil
	}
	hundredths := new(big.Rat).Quo(new(big.Rat).Mul(consumed, big.NewRat(10000, 1)), allocated)
	floor := new(big.Int).Div(hundredths.Num(), hundredths.Denom()) // Euclidean: rounds down
	switch rest := new(big.Rat).Sub(hundredths, new(big.Rat).SetInt(floor)); rest.Cmp(big.NewRat(1, 2)) {
	case 1:
		floor.Add(floor, big.NewInt(1))
	case 0:
		if floor.Bit(0) == 1 {
			floor.Add(floor, big.NewInt(1))
		}
	}
	return decimal.NewFromBigInt(floor, -2).String()
}

func exact(r *big.Rat) string { return decimal.RequireFromString(r.FloatString(2)).String() }

// answer is a row of an answer by column, in the form of value. It lacks null columns.
type answer map[string]any

func answerOf[Row any](row *Row, value func(*Row, string) any) answer {
	a := answer{}
	for _, column := range waldur.ColumnNames(waldur.Columns) {
		if v := value(row, column); v != nil {
			a[column] = v
		}
	}
	return a
}

// inMonth returns the rows of a month and, with wholePeriods, the consumption of the whole periods
// of their limits.
func inMonth(rows []waldurtest.Row, month string, wholePeriods bool) []answer {
	var answers []answer
	for i := range rows {
		row := &rows[i]
		if row.BillingPeriod != month {
			continue
		}
		a := answerOf(row, value)
		answers = append(answers, a)
		period := "month"
		if row.LimitPeriod != nil {
			period = *row.LimitPeriod
		}
		from := map[string]string{
			"month": month, "total": "0001-01-01", "annual": month[:4] + "-01-01",
			"quarterly": month[:5] + []string{"01", "04", "07", "10"}[(int(month[5]-'0')*10+int(month[6]-'0')-1)/3] + "-01",
		}[period]
		if from == month || !wholePeriods {
			continue
		}
		consumed := new(big.Rat)
		for _, other := range rows {
			if other.OfferingUUID == row.OfferingUUID && other.ComponentType == row.ComponentType && other.BillingPeriod >= from && other.BillingPeriod <= month {
				consumed.Add(consumed, rat(other.TotalConsumed))
			}
		}
		a["total_consumed"] = exact(consumed)
		delete(a, "usage_percent")
		if p := percent(consumed, rat(row.TotalAllocated)); p != nil {
			a["usage_percent"] = p
		}
	}
	return answers
}

// grouped returns the groups of rows, by their columns as a text.
func grouped(rows []answer, groupBy []string) map[string]answer {
	groupBy = append(slices.Clone(groupBy), "measured_unit", "limit_period")
	groups := map[string][]answer{}
	for _, row := range rows {
		var key strings.Builder
		for _, column := range groupBy {
			fmt.Fprintf(&key, "%q ", fmt.Sprint(row[column]))
		}
		groups[key.String()] = append(groups[key.String()], row)
	}
	answers := map[string]answer{}
	for key, members := range groups {
		consumed, allocated, months := new(big.Rat), new(big.Rat), map[any]bool{}
		a := answer{}
		for _, row := range members {
			consumed.Add(consumed, rat(row["total_consumed"].(string)))
			allocated.Add(allocated, rat(row["total_allocated"].(string)))
			months[row["billing_period"]] = true
			for _, column := range groupBy {
				if row[column] != nil {
					a[column] = row[column]
				}
			}
		}
		a["total_consumed"] = exact(consumed)
		if len(months) == 1 {
			a["total_allocated"] = exact(allocated)
			if p := percent(consumed, allocated); p != nil {
				a["usage_percent"] = p
			}
		}
		answers[key] = a
	}
	return answers
}

// drawAmounts returns rows of many months with random limits: gaps, nulls, negative amounts and
// amounts of 18 digits.
func drawAmounts(t *rapid.T, periods ...string) []waldurtest.Row {
	amount := rapid.Custom(func(t *rapid.T) string {
		digits := rapid.SampledFrom([]int64{1, 10, 999, 99_999, 999_999_999_999_999_999}).Draw(t, "digits")
		whole := rapid.Int64Range(-digits/10, digits).Draw(t, "whole")
		return fmt.Sprintf("%d.%02d", whole, rapid.IntRange(0, 99).Draw(t, "hundredths"))
	})
	months := rapid.IntRange(1, 34).Draw(t, "months")
	var rows []waldurtest.Row
	for component := range rapid.IntRange(1, 12).Draw(t, "components") {
		period := rapid.SampledFrom(periods).Draw(t, "limit_period")
		unit := rapid.SampledFrom([]string{"", "GB", "hours"}).Draw(t, "measured_unit")
		provider := rapid.SampledFrom([]string{"", "Centre", "University"}).Draw(t, "provider")
		for m := range months {
			if rapid.IntRange(0, 3).Draw(t, "gap") == 0 {
				continue
			}
			row := testRow(component/2, component, waldur.NewMonth(2024, time.January).Add(int64(m)).FirstDay())
			row.MeasuredUnit, row.ServiceProviderName = unit, provider
			row.OfferingName = fmt.Sprintf("Cluster %d", component%3)
			if period != "null" {
				row.LimitPeriod = &period
			}
			row.TotalConsumed, row.TotalAllocated = amount.Draw(t, "consumed"), amount.Draw(t, "allocated")
			if rapid.Bool().Draw(t, "percentage") { // one that does not follow from the amounts, as after a limit was rounded
				row.UsagePercent = new("33.33")
			}
			rows = append(rows, row)
		}
	}
	return rows
}

var anyPeriod = []string{"month", "quarterly", "annual", "total", "null"}

// TestWholeLimitPeriodsAndGroups compares the answers with fractions.
func TestWholeLimitPeriodsAndGroups(t *testing.T) {
	t.Parallel()
	server, c := serve(t, nil)
	textColumns := slices.DeleteFunc(waldur.ColumnNames(waldur.Columns), func(name string) bool {
		return waldur.ColumnByName(name).IsNumber
	})
	rapid.Check(t, func(rt *rapid.T) {
		rows := drawAmounts(rt, anyPeriod...)
		server.SetRows(rapid.Permutation(rows).Draw(rt, "rows"))
		month := waldur.NewMonth(2024, time.January).Add(rapid.Int64Range(0, 33).Draw(rt, "month"))
		groupBy := rapid.SliceOfNDistinct(rapid.SampledFrom(textColumns), 0, 4, rapid.ID).Draw(rt, "group_by")
		query := waldur.Query{BillingPeriod: month, WholeLimitPeriods: rapid.Bool().Draw(rt, "whole periods"), GroupBy: columns(groupBy)}
		want := inMonth(rows, month.FirstDay(), query.WholeLimitPeriods)
		if !query.WholeLimitPeriods && rapid.Bool().Draw(rt, "all months") {
			query.BillingPeriod, query.Start = waldur.Month{}, waldur.NewMonth(2000, 1)
			want = nil
			for i := range rows {
				want = append(want, answerOf(&rows[i], value))
			}
		}
		total, order := len(want), []string{"-billing_period", "offering_name", "component_name", "offering_uuid", "component_type"}
		if len(groupBy) > 0 {
			want = slices.Collect(maps.Values(grouped(want, groupBy)))
			order = slices.Concat(order[:3], slices.DeleteFunc(waldur.ColumnNames(waldur.Columns), func(name string) bool {
				return !slices.Contains(append(groupBy, "measured_unit", "limit_period"), name)
			}))
		}
		check := func(query waldur.Query, want []answer, order []string) {
			slices.SortFunc(want, func(x, y answer) int {
				return compareBy(order, func(column string) any { return x[column] }, func(column string) any { return y[column] })
			})
			if query.Limit > 0 {
				want = want[:min(query.Limit, len(want))]
			}
			rows, gotTotal, err := c.ListComponentUsageMonthly(t.Context(), query)
			var got []answer
			for _, row := range rows {
				got = append(got, answerOf(row, received))
			}
			if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || gotTotal != total || diff != "" {
				rt.Fatalf("%v; selected %d rows, want %d; %s", err, gotTotal, total, diff)
			}
		}
		check(query, want, order)
		threshold := rapid.SampledFrom([]string{"-5", "0", "33.33", "100"}).Draw(rt, "min_usage_percent")
		query.MinUsagePercent, query.OrderBy = &waldur.Decimal{Decimal: decimal.RequireFromString(threshold)}, orderings([]string{"-usage_percent", "total_consumed"})
		query.Limit = rapid.IntRange(0, 3).Draw(rt, "limit")
		want = slices.DeleteFunc(want, func(a answer) bool {
			return a["usage_percent"] == nil || rat(a["usage_percent"].(string)).Cmp(rat(threshold)) < 0
		})
		check(query, want, append([]string{"-usage_percent", "total_consumed"}, order...))
	})
}

// TestRequestsOfWholeLimitPeriods: one more list, with the same filters, from the earliest month
// that a row needs, and with no more columns than it needs.
func TestRequestsOfWholeLimitPeriods(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		month   waldur.Month
		periods []string
		want    []string // the months of each further request
	}{
		"monthly limits":                  {waldur.NewMonth(2026, 5), []string{"month", "null"}, nil},
		"a quarter that begins":           {waldur.NewMonth(2026, 4), []string{"quarterly"}, nil},
		"a year that begins":              {waldur.NewMonth(2026, 1), []string{"annual", "quarterly", "month"}, nil},
		"a quarter":                       {waldur.NewMonth(2026, 6), []string{"quarterly", "month"}, []string{"start=2026-04 end=2026-05"}},
		"a year":                          {waldur.NewMonth(2026, 6), []string{"quarterly", "annual"}, []string{"start=2026-01 end=2026-05"}},
		"all months":                      {waldur.NewMonth(2026, 6), []string{"quarterly", "annual", "total"}, []string{"start= end=2026-05"}},
		"all months, in a first January":  {waldur.NewMonth(2026, 1), []string{"total"}, []string{"start= end=2025-12"}},
		"all months, in the first of all": {waldur.NewMonth(1, 1), []string{"total", "annual"}, nil},
	} {
		var rows []waldurtest.Row
		for i, period := range test.periods {
			row := testRow(i, 0, test.month.FirstDay())
			if period != "null" {
				row.LimitPeriod = &period
			}
			rows = append(rows, row)
		}
		server := waldurtest.Start(t, rows)
		query := waldur.Query{BillingPeriod: test.month, OfferingType: "Marketplace.Slurm", WholeLimitPeriods: true, PageSize: 50}
		got, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), query)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, row := range got { // the server sent none
			if total := row.LimitPeriod != nil && *row.LimitPeriod == "total"; total && received(row, "usage_percent") != "50" {
				t.Errorf("%s: %s has %v %%", name, *row.ComponentType, received(row, "usage_percent"))
			}
		}
		var further []string
		for _, request := range server.Requests()[1:] {
			further = append(further, "start="+request.Query.Get("start")+" end="+request.Query.Get("end"))
			if request.Query.Get("offering_type") != "Marketplace.Slurm" || request.Query.Get("page_size") != "50" || request.Query.Has("billing_period") {
				t.Errorf("%s: the filters are %s", name, request.RawQuery)
			}
			if got := request.Query["field"]; len(got) != 5 { // the key, the amount and the filter's
				t.Errorf("%s: the columns are %v", name, got)
			}
		}
		if !slices.Equal(further, test.want) {
			t.Errorf("%s: the further requests are %q, want %q", name, further, test.want)
		}
	}
}

func TestAnUnknownLimitPeriodIsAnError(t *testing.T) {
	t.Parallel()
	row := testRow(0, 0, "2026-01-01")
	row.LimitPeriod = new("weekly")
	query := waldur.Query{BillingPeriod: waldur.NewMonth(2026, 1)}
	for whole, want := range map[bool]string{false: "", true: `component "type_0" of offering ` + row.OfferingUUID + ` has the limit_period "weekly", which is not month, quarterly, annual or total`} {
		query.WholeLimitPeriods = whole
		_, _, err := client(t, waldurtest.Start(t, []waldurtest.Row{row})).ListComponentUsageMonthly(t.Context(), query)
		if failed, ok := errors.AsType[*waldur.Error](err); ok != whole || ok && (failed.Cause != waldur.UnknownLimitPeriod || failed.Text != want || !strings.Contains(failed.Request.URL, "billing_period=2026-01")) {
			t.Errorf("whole: %t: got %v", whole, err)
		}
	}
}

// TestPercentOf compares percentages with fractions. Half of them are halfway between two results,
// or as near to it as a decimal can be.
func TestPercentOf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		for range 100 {
			whole := drawDecimal(rt, "whole", 1, -35)
			part := drawDecimal(rt, "part", math.MinInt64, -40)
			if rapid.Bool().Draw(rt, "halfway") {
				odd := 2*rapid.Int64Range(-100_000, 100_000).Draw(rt, "half of odd") + 1
				part = whole.Mul(decimal.New(5*odd, -5)).Add(decimal.New(rapid.Int64Range(-1, 1).Draw(rt, "off"), -40))
			}
			got, want := waldur.Decimal{Decimal: part}.PercentOf(waldur.Decimal{Decimal: whole}), percent(part.Rat(), whole.Rat())
			if got.String() != want {
				rt.Fatalf("%s of %s is %s %%, want %s", part, whole, got, want)
			}
		}
	})
}

// drawDecimal returns a decimal of up to 40 digits with an exponent from leastExponent to 40.
func drawDecimal(t *rapid.T, label string, least int64, leastExponent int32) decimal.Decimal {
	digits := decimal.New(rapid.Int64Min(least).Draw(t, label), 0)
	if rapid.Bool().Draw(t, label+" is long") {
		digits = digits.Shift(20).Add(decimal.New(rapid.Int64Min(1).Draw(t, label+" continued"), 0))
	}
	return digits.Shift(rapid.Int32Range(leastExponent, 40).Draw(t, label+" exponent"))
}

// TestElapsedPercent compares percentages with the calendar of package time: near the first moments
// of months, quarters and years, and anywhere, in any zone.
func TestElapsedPercent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		for range 100 {
			year, month := rapid.IntRange(1, 9999).Draw(rt, "year"), rapid.IntRange(1, 12).Draw(rt, "month")
			period := rapid.SampledFrom([]string{"", "month", "quarterly", "annual"}).Draw(rt, "period")
			first, months := month, 1
			switch period {
			case "quarterly":
				first, months = []int{1, 1, 1, 4, 4, 4, 7, 7, 7, 10, 10, 10}[month-1], 3
			case "annual":
				first, months = 1, 12
			}
			begin := time.Date(year, time.Month(first), 1, 0, 0, 0, 0, time.UTC)
			whole := begin.AddDate(0, months, 0).Sub(begin)
			most := begin.AddDate(0, month-first+1, 0).Sub(begin)

			moment := begin.AddDate(0, rapid.IntRange(-2, 14).Draw(rt, "months later"), 0)
			switch rapid.IntRange(0, 2).Draw(rt, "distance") {
			case 1:
				moment = moment.Add(time.Duration(rapid.IntRange(-1, 1).Draw(rt, "nanoseconds")))
			case 2:
				moment = moment.Add(time.Duration(rapid.Int64Range(0, int64(31*24*time.Hour)).Draw(rt, "time in the month")))
			}
			elapsed := min(max(0, moment.Sub(begin)), most)
			zoned := moment.In(time.FixedZone("", rapid.IntRange(-14*60, 14*60).Draw(rt, "zone")*60))

			got, err := waldur.ElapsedPercent(waldur.NewMonth(year, time.Month(month)), &period, zoned)
			want := percent(new(big.Rat).SetInt64(int64(elapsed)), new(big.Rat).SetInt64(int64(whole)))
			if err != nil || got.String() != want {
				rt.Fatalf("%d-%02d, %q, at %s: got %s, %v; want %s", year, month, period, zoned, got, err, want)
			}
		}
	})
}
