// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"cmp"
	"strings"
)

// Columns are the fields of a row, in the API's order. Decoding, ordering
// and descriptions all come from this table.
var Columns = []*Column{
	column("offering_uuid", required, "UUID of the offering, 32 hexadecimal digits without dashes.",
		func(u *ComponentUsage) *string { return u.OfferingUUID }, strings.Compare),
	column("offering_name", required, "Name of the offering. Several offerings may have the same name.",
		func(u *ComponentUsage) *string { return u.OfferingName }, strings.Compare),
	column("offering_type", required, "Plugin that provides the offering, such as `Marketplace.Slurm` or `OpenStack.Tenant`.",
		func(u *ComponentUsage) *string { return u.OfferingType }, strings.Compare),
	column("service_provider_uuid", nullable, "UUID of the organization that provides the offering, 32 hexadecimal digits without dashes. Null if the offering belongs to no organization.",
		func(u *ComponentUsage) *string { return u.ServiceProviderUUID }, strings.Compare),
	column("service_provider_name", nullable, "Name of the organization that provides the offering. Null if the offering belongs to no organization.",
		func(u *ComponentUsage) *string { return u.ServiceProviderName }, strings.Compare),
	column("category_uuid", required, "UUID of the offering's category in the marketplace, 32 hexadecimal digits without dashes.",
		func(u *ComponentUsage) *string { return u.CategoryUUID }, strings.Compare),
	column("category_title", required, "Title of the offering's category in the marketplace, such as `HPC`.",
		func(u *ComponentUsage) *string { return u.CategoryTitle }, strings.Compare),
	column("component_type", required, "Identifier of the component within its offering, such as `cpu_k_hours`.",
		func(u *ComponentUsage) *string { return u.ComponentType }, strings.Compare),
	column("component_name", required, "Display name of the component, such as `CPU k-hours`.",
		func(u *ComponentUsage) *string { return u.ComponentName }, strings.Compare),
	column("measured_unit", required, "Unit of `total_consumed`, `total_allocated` and `limit_amount`, such as `GB`. May be empty.",
		func(u *ComponentUsage) *string { return u.MeasuredUnit }, strings.Compare),
	column("billing_type", required, "How the component is billed: `fixed` (a fixed price), `usage` (the amount used), `limit` (the amount reserved), `one` (once, on activation) or `few` (on activation and on each change of plan).",
		func(u *ComponentUsage) *string { return u.BillingType }, strings.Compare),
	column("limit_amount", nullable, "Maximum usage of the component in a `limit_period`, in `measured_unit`. Null if no limit is set.",
		func(u *ComponentUsage) *int32 { return u.LimitAmount }, cmp.Compare[int32]),
	column("limit_period", nullable, "Period that `limit_amount` applies to: `month`, `quarterly`, `annual` or `total`. Null on servers that do not set one.",
		func(u *ComponentUsage) *string { return u.LimitPeriod }, strings.Compare),
	column("billing_period", required, "The month, written as its first day, such as `2026-10-01`. Waldur's months are in UTC.",
		func(u *ComponentUsage) *Month { return u.BillingPeriod }, Month.Compare),
	column("total_consumed", required, "Total amount consumed in the month, in `measured_unit`. Exact, with two decimal places. Can be negative after a correction.",
		func(u *ComponentUsage) *Decimal { return u.TotalConsumed }, Decimal.Cmp),
	column("total_allocated", required, "Total amount allocated in the month, in `measured_unit`. Exact, with two decimal places.",
		func(u *ComponentUsage) *Decimal { return u.TotalAllocated }, Decimal.Cmp),
	column("usage_percent", nullable, "`total_consumed` as a percentage of `total_allocated`, rounded by the server to two decimal places. Can exceed 100. Null if nothing was allocated.",
		func(u *ComponentUsage) *Decimal { return u.UsagePercent }, Decimal.Cmp),
}

// defaultOrder is the order of a list if the query has none. It also breaks the
// ties of the query's order. It is the server's default order, which is not
// total, followed by the key.
var defaultOrder = []Ordering{
	{Column: mustColumn("billing_period"), Descending: true},
	{Column: mustColumn("offering_name")},
	{Column: mustColumn("component_name")},
	{Column: mustColumn("offering_uuid")},
	{Column: mustColumn("component_type")},
}

// keyColumns are the columns of [Key].
var keyColumns = []*Column{mustColumn("offering_uuid"), mustColumn("component_type"), mustColumn("billing_period")}

// Kind is the type of a column's values.
type Kind int

// The kinds of columns, each with the type that [Column.Value] returns.
const (
	Text        Kind = iota // *string
	WholeNumber             // *int32
	Number                  // *Decimal
	FirstDay                // *Month, written as its first day
)

// Column is a field of a [ComponentUsage].
type Column struct {
	Name        string // in Waldur's API
	Description string // in Markdown
	Kind        Kind
	Nullable    bool // the field may be null or missing in a response

	// Value returns a pointer to the field's value in a row, of Kind's
	// type. The pointer is nil if the value is null or was not read.
	Value func(*ComponentUsage) any

	// IsNull reports whether the field is null in a row, or was not read.
	IsNull func(*ComponentUsage) bool

	// compare orders two rows by the field, ascending. It is never called with null.
	compare func(a, b *ComponentUsage) int
}

const (
	required = false
	nullable = true
)

// column returns the column whose values are at field, and are ordered by compare.
func column[T any](name string, nullable bool, description string, field func(*ComponentUsage) *T, compare func(a, b T) int) *Column {
	kind := Text
	switch any(*new(T)).(type) {
	case int32:
		kind = WholeNumber
	case Decimal:
		kind = Number
	case Month:
		kind = FirstDay
	}
	return &Column{
		Name: name, Description: description, Kind: kind, Nullable: nullable,
		Value:   func(u *ComponentUsage) any { return field(u) },
		IsNull:  func(u *ComponentUsage) bool { return field(u) == nil },
		compare: func(a, b *ComponentUsage) int { return compare(*field(a), *field(b)) },
	}
}

// want describes the values that a response may have in the column.
func (c *Column) want() string {
	switch c.Kind {
	case WholeNumber:
		return "a whole number of 32 bits"
	case Number:
		return wantDecimal
	case FirstDay:
		return `a first day of a month such as "2026-10-01"`
	default:
		return "a string"
	}
}

// ColumnByName returns the column with a name, or nil if no column has it.
func ColumnByName(name string) *Column {
	for _, column := range Columns {
		if column.Name == name {
			return column
		}
	}
	return nil
}

func mustColumn(name string) *Column {
	if column := ColumnByName(name); column != nil {
		return column
	}
	panic("no column " + name)
}

// ColumnNames returns the names of [Columns], in their order.
func ColumnNames() []string {
	names := make([]string, len(Columns))
	for i, column := range Columns {
		names[i] = column.Name
	}
	return names
}

// Ordering is a column to order rows by. Rows without a value come last in
// either direction.
type Ordering struct {
	Column     *Column
	Descending bool
}

// compare returns a negative number if a comes before b, a positive number
// if a comes after b, and 0 if both have the same value.
func (o Ordering) compare(a, b *ComponentUsage) int {
	if o.Column.Nullable {
		switch aNull, bNull := o.Column.IsNull(a), o.Column.IsNull(b); {
		case aNull && bNull:
			return 0
		case aNull:
			return 1
		case bNull:
			return -1
		}
	}
	if o.Descending {
		return o.Column.compare(b, a)
	}
	return o.Column.compare(a, b)
}
