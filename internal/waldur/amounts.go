package waldur

import (
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"
)

var (
	keyColumns    = columnsByName("offering_uuid", "component_type", "billing_period")
	totalColumns  = columnsByName("total_consumed", "total_allocated")
	percentColumn = ColumnByName("usage_percent")

	// unitColumns are part of every group: amounts of different units or periods cannot be added.
	unitColumns = columnsByName("measured_unit", "limit_period")
)

// limitPeriod returns the limit period that contains a month: its first month and its number of
// months. Both are zero for the life of a resource, which includes all months. Waldur's own
// limit_usage of a resource counts in the same periods.
func limitPeriod(period *string, month Month) (start Month, months int64, err error) {
	switch {
	case period == nil, *period == "", *period == "month": // components from before Waldur 8.0.8 may have none
		return month, 1, nil
	case *period == "quarterly":
		return month.firstOf(3), 3, nil
	case *period == "annual":
		return month.firstOf(12), 12, nil
	case *period == "total":
		return Month{}, 0, nil
	}
	return Month{}, 0, fmt.Errorf("must be month, quarterly, annual or total; got %q", *period)
}

// ElapsedPercent returns how much of the limit period that contains a month is over at a time, as a
// percentage from 0 to 100. It does not count time after that month, because the consumption
// in a row of the month ends there. It is nil for the life of a resource. An unknown period is an
// error, which continues a sentence that begins with the name of the setting.
func ElapsedPercent(month Month, period *string, t time.Time) (*Decimal, error) {
	start, months, err := limitPeriod(period, month)
	if err != nil || months == 0 {
		return nil, err
	}
	begin, end := start.firstDay(), start.Add(months).firstDay()
	if monthEnd := month.Add(1).firstDay(); t.After(monthEnd) {
		t = monthEnd
	}
	elapsed := Decimal{decimal.NewFromInt(int64(max(0, t.Sub(begin))))}
	return new(elapsed.PercentOf(Decimal{decimal.NewFromInt(int64(end.Sub(begin)))})), nil
}

// limitPeriodStarts returns the first month of the limit period of each row for which it is not the
// row's month. If the limit period of a row is unknown, it returns only that row.
func limitPeriodStarts(rows []*ComponentUsage) (starts map[*ComponentUsage]Month, unknown *ComponentUsage) {
	starts = map[*ComponentUsage]Month{}
	for _, row := range rows {
		start, _, err := limitPeriod(row.LimitPeriod, *row.BillingPeriod)
		if err != nil {
			return nil, row
		}
		if start != *row.BillingPeriod {
			starts[row] = start
		}
	}
	return starts, nil
}

// addEarlierMonths adds the earlier consumption of the same offering and component to the rows of a
// month, from the start of each row's limit period on. Then it calculates their percentages.
func addEarlierMonths(month Month, starts map[*ComponentUsage]Month, earlier []*ComponentUsage) {
	byKey := map[rowKey]*ComponentUsage{}
	for row := range starts {
		byKey[row.key()] = row
	}
	for _, e := range earlier {
		row := byKey[rowKey{*e.OfferingUUID, *e.ComponentType, month}]
		if row != nil && e.BillingPeriod.Compare(starts[row]) >= 0 {
			row.TotalConsumed = new(row.TotalConsumed.Add(*e.TotalConsumed))
		}
	}
	for row := range starts {
		row.setUsagePercent()
	}
}

// setUsagePercent calculates the percentage, which is null without a positive allocation.
func (u *ComponentUsage) setUsagePercent() {
	u.UsagePercent = nil
	if u.TotalAllocated != nil && u.TotalAllocated.Sign() > 0 {
		u.UsagePercent = new(u.TotalConsumed.PercentOf(*u.TotalAllocated))
	}
}

// GroupColumns returns the columns that have values in rows of groups, in the API's order: those to
// group by, measured_unit and limit_period, and the amounts.
func GroupColumns(groupBy []*Column) []*Column {
	return inOrder(slices.Concat(groupBy, unitColumns, totalColumns, []*Column{percentColumn}))
}

// sharedColumns returns the columns whose values the rows of a group share.
func sharedColumns(groupBy []*Column) []*Column { return inOrder(slices.Concat(groupBy, unitColumns)) }

// groupRows makes one row of all rows that are equal in the columns, in measured_unit and in
// limit_period. Its consumption is the exact sum. Its allocation is the sum if all rows are of one
// month, and otherwise null: a limit of several months is not the sum of their limits. Its
// percentage follows from the sums. Its other columns are null.
func groupRows(rows []*ComponentUsage, groupBy []*Column) []*ComponentUsage {
	shared := sharedColumns(groupBy)
	order := orderBy(shared)
	sortRows(rows, order) // so that the rows of a group follow each other
	var groups []*ComponentUsage
	for first := 0; first < len(rows); {
		end := first + 1
		for end < len(rows) && compareRows(order, rows[first], rows[end]) == 0 {
			end++
		}
		groups = append(groups, sumRows(rows[first:end], shared))
		first = end
	}
	return groups
}

// sumRows returns the row of a group, whose rows share the values of some columns.
func sumRows(rows []*ComponentUsage, shared []*Column) *ComponentUsage {
	total := &ComponentUsage{TotalConsumed: new(Decimal), TotalAllocated: new(Decimal)}
	for _, column := range shared {
		column.copy(total, rows[0])
	}
	for _, row := range rows {
		*total.TotalConsumed = total.TotalConsumed.Add(*row.TotalConsumed)
		if total.TotalAllocated != nil {
			*total.TotalAllocated = total.TotalAllocated.Add(*row.TotalAllocated)
		}
		if *row.BillingPeriod != *rows[0].BillingPeriod {
			total.TotalAllocated = nil
		}
	}
	total.setUsagePercent()
	return total
}
