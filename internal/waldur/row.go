package waldur

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// ComponentUsage is a row of Waldur's monthly usage: how much of a component of an offering was
// consumed and allocated in a month, over all its resources. Its fields are those of
// ComponentUsageMonthly in Waldur's API reference; [Columns] describes each. A field is nil if it
// is null, was not read, or has no value in a group of rows.
type ComponentUsage struct {
	OfferingUUID        *string  `json:"offering_uuid"`
	OfferingName        *string  `json:"offering_name"`
	OfferingType        *string  `json:"offering_type"`
	ServiceProviderUUID *string  `json:"service_provider_uuid"`
	ServiceProviderName *string  `json:"service_provider_name"`
	CategoryUUID        *string  `json:"category_uuid"`
	CategoryTitle       *string  `json:"category_title"`
	ComponentType       *string  `json:"component_type"`
	ComponentName       *string  `json:"component_name"`
	MeasuredUnit        *string  `json:"measured_unit"`
	BillingType         *string  `json:"billing_type"`
	LimitAmount         *int32   `json:"limit_amount"`
	LimitPeriod         *string  `json:"limit_period"`
	BillingPeriod       *Month   `json:"billing_period"`
	TotalConsumed       *Decimal `json:"total_consumed"`
	TotalAllocated      *Decimal `json:"total_allocated"`
	UsagePercent        *Decimal `json:"usage_percent"`
}

// Columns are the fields of a row, in the API's order. All that depends on columns uses this table.
var Columns = []*Column{
	column("offering_uuid", required, "UUID of the offering, 32 hexadecimal digits without dashes.",
		func(u *ComponentUsage) **string { return &u.OfferingUUID }, strings.Compare),
	column("offering_name", required, "Name of the offering. Several offerings may have the same name.",
		func(u *ComponentUsage) **string { return &u.OfferingName }, strings.Compare),
	column("offering_type", required, "Plugin of the offering, such as `Marketplace.Slurm`.",
		func(u *ComponentUsage) **string { return &u.OfferingType }, strings.Compare),
	column("service_provider_uuid", nullable, "UUID of the organization that provides the offering. Null if there is none.",
		func(u *ComponentUsage) **string { return &u.ServiceProviderUUID }, strings.Compare),
	column("service_provider_name", nullable, "Name of the organization that provides the offering. Null if there is none.",
		func(u *ComponentUsage) **string { return &u.ServiceProviderName }, strings.Compare),
	column("category_uuid", required, "UUID of the offering's category in the marketplace.",
		func(u *ComponentUsage) **string { return &u.CategoryUUID }, strings.Compare),
	column("category_title", required, "Title of that category, such as `HPC`.",
		func(u *ComponentUsage) **string { return &u.CategoryTitle }, strings.Compare),
	column("component_type", required, "Identifier of the component within its offering, such as `cpu_k_hours`.",
		func(u *ComponentUsage) **string { return &u.ComponentType }, strings.Compare),
	column("component_name", required, "Display name of the component, such as `CPU k-hours`.",
		func(u *ComponentUsage) **string { return &u.ComponentName }, strings.Compare),
	column("measured_unit", required, "Unit of the amounts, such as `GB`. May be empty.",
		func(u *ComponentUsage) **string { return &u.MeasuredUnit }, strings.Compare),
	column("billing_type", required, "How the component is billed: `fixed` (a fixed price), `usage` (the amount used), `limit` (the amount reserved), "+
		"`one` (once, on activation) or `few` (on activation and on each change of plan).",
		func(u *ComponentUsage) **string { return &u.BillingType }, strings.Compare),
	column("limit_amount", nullable, "Limit of the component for **one** resource, a whole number. Null if none is set.",
		func(u *ComponentUsage) **int32 { return &u.LimitAmount }, cmp.Compare[int32]),
	column("limit_period", nullable, "Period that the limits hold for: `month`, `quarterly` (a calendar quarter), `annual` (a calendar year) or `total` "+
		"(the life of a resource). Null means `month`.",
		func(u *ComponentUsage) **string { return &u.LimitPeriod }, strings.Compare),
	column("billing_period", required, "Month, written as its first day, such as `2026-10-01`.",
		func(u *ComponentUsage) **Month { return &u.BillingPeriod }, Month.Compare),
	column("total_consumed", required, "Amount consumed in the month, over all resources. "+
		"With `usage_period = \"limit_period\"`, it is the amount consumed in the limit's period up to that month.",
		func(u *ComponentUsage) **Decimal { return &u.TotalConsumed }, Decimal.Cmp),
	column("total_allocated", required, "Sum of the limits of all resources, for their whole `limit_period`. Null for a group of several months.",
		func(u *ComponentUsage) **Decimal { return &u.TotalAllocated }, Decimal.Cmp),
	column("usage_percent", nullable, "`total_consumed` as a percentage of `total_allocated`, rounded half to even to two decimal places. Can exceed 100. "+
		"Null without a positive allocation.",
		func(u *ComponentUsage) **Decimal { return &u.UsagePercent }, Decimal.Cmp),
}

// Column is a field of a [ComponentUsage].
type Column struct {
	Name        string // in Waldur's API
	Description string // in Markdown
	IsNumber    bool
	Nullable    bool   // the field may be null or missing in a response
	want        string // describes the values that a response may have

	Value  func(*ComponentUsage) any      // a *string, *int32, *Decimal or *Month, nil if the field is
	IsNull func(*ComponentUsage) bool     // whether the field is nil
	copy   func(to, from *ComponentUsage) // sets the field to the value of another row

	// compare returns a negative number if a comes before b, a positive number if a comes after b,
	// and 0 if both have the same value. Nil comes last in both directions.
	compare func(a, b *ComponentUsage, descending bool) int
}

const required, nullable = false, true

// column returns the column whose values are at field, and are ordered by compare.
func column[T any](name string, nullable bool, description string, field func(*ComponentUsage) **T, compare func(a, b T) int) *Column {
	want, isNumber := "a string", false
	switch any(*new(T)).(type) {
	case int32:
		want, isNumber = "a whole number of 32 bits", true
	case Decimal:
		want, isNumber = wantDecimal, true
	case Month:
		want = `the first day of a month such as "2026-10-01"`
	}
	return &Column{
		Name: name, Description: description, IsNumber: isNumber, Nullable: nullable, want: want,
		Value:  func(u *ComponentUsage) any { return *field(u) },
		IsNull: func(u *ComponentUsage) bool { return *field(u) == nil },
		copy:   func(to, from *ComponentUsage) { *field(to) = *field(from) },
		compare: func(a, b *ComponentUsage, descending bool) int {
			x, y := *field(a), *field(b)
			switch {
			case x == y: // both nil, or the same row
				return 0
			case x == nil:
				return 1
			case y == nil:
				return -1
			case descending:
				return compare(*y, *x)
			}
			return compare(*x, *y)
		},
	}
}

// text returns a row's value for an error message, in quotes unless it is null.
func (c *Column) text(u *ComponentUsage) string {
	if c.IsNull(u) {
		return "null"
	}
	return fmt.Sprintf("%q", reflect.ValueOf(c.Value(u)).Elem())
}

// ColumnByName returns the column with a name, or nil if no column has it.
func ColumnByName(name string) *Column {
	if i := slices.IndexFunc(Columns, func(c *Column) bool { return c.Name == name }); i >= 0 {
		return Columns[i]
	}
	return nil
}

// ColumnNames returns the names of columns.
func ColumnNames(columns []*Column) []string {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.Name
	}
	return names
}

// columnsByName returns the columns with these names, which must exist.
func columnsByName(names ...string) []*Column {
	columns := make([]*Column, len(names))
	for i, name := range names {
		if columns[i] = ColumnByName(name); columns[i] == nil {
			panic("no column " + name)
		}
	}
	return columns
}

// inOrder returns columns in the API's order, each once.
func inOrder(columns []*Column) []*Column {
	return slices.DeleteFunc(slices.Clone(Columns), func(c *Column) bool { return !slices.Contains(columns, c) })
}

// rowKey identifies a row: the server's database keeps it unique.
type rowKey struct {
	offeringUUID  string
	componentType string
	billingPeriod Month
}

// key returns the row's key, whose columns are always read.
func (u *ComponentUsage) key() rowKey {
	return rowKey{*u.OfferingUUID, *u.ComponentType, *u.BillingPeriod}
}

// equal reports whether two rows have the same values in all columns.
func (u *ComponentUsage) equal(other *ComponentUsage) bool {
	return !slices.ContainsFunc(Columns, func(c *Column) bool { return c.compare(u, other, false) != 0 })
}

// Ordering is a column to order rows by. Rows without a value come last in either direction.
type Ordering struct {
	Column     *Column
	Descending bool
}

// orderBy returns an order by columns: months descending, all others ascending.
func orderBy(columns []*Column) []Ordering {
	order := make([]Ordering, len(columns))
	for i, column := range columns {
		order[i] = Ordering{Column: column, Descending: column.Name == "billing_period"}
	}
	return order
}

// sortRows puts rows into an order.
func sortRows(rows []*ComponentUsage, order []Ordering) {
	slices.SortFunc(rows, func(a, b *ComponentUsage) int { return compareRows(order, a, b) })
}

func compareRows(order []Ordering, a, b *ComponentUsage) int {
	for _, ordering := range order {
		if c := ordering.Column.compare(a, b, ordering.Descending); c != 0 {
			return c
		}
	}
	return 0
}
