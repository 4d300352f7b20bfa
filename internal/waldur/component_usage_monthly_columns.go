// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Columns are the fields of a row, in the API's order. Decoding, ordering
// and descriptions all come from this table.
var Columns = []*Column{
	text("offering_uuid", "UUID of the offering, 32 hexadecimal digits without dashes.",
		func(u *ComponentUsage) *string { return &u.OfferingUUID }),
	text("offering_name", "Name of the offering. Several offerings may have the same name.",
		func(u *ComponentUsage) *string { return &u.OfferingName }),
	text("offering_type", "Plugin that the offering is provided by, such as `Marketplace.Slurm` or `OpenStack.Tenant`.",
		func(u *ComponentUsage) *string { return &u.OfferingType }),
	optionalText("service_provider_uuid", "UUID of the organization that provides the offering, 32 hexadecimal digits without dashes. Null if the offering belongs to no organization.", true,
		func(u *ComponentUsage) **string { return &u.ServiceProviderUUID }),
	optionalText("service_provider_name", "Name of the organization that provides the offering. Null if the offering belongs to no organization.", true,
		func(u *ComponentUsage) **string { return &u.ServiceProviderName }),
	text("category_uuid", "UUID of the offering's category in the marketplace, 32 hexadecimal digits without dashes.",
		func(u *ComponentUsage) *string { return &u.CategoryUUID }),
	text("category_title", "Title of the offering's category in the marketplace, such as `HPC`.",
		func(u *ComponentUsage) *string { return &u.CategoryTitle }),
	text("component_type", "Identifier of the component within its offering, such as `cpu_k_hours`.",
		func(u *ComponentUsage) *string { return &u.ComponentType }),
	text("component_name", "Name of the component as people see it, such as `CPU k-hours`.",
		func(u *ComponentUsage) *string { return &u.ComponentName }),
	text("measured_unit", "Unit of `total_consumed`, `total_allocated` and `limit_amount`, such as `GB`. May be empty.",
		func(u *ComponentUsage) *string { return &u.MeasuredUnit }),
	text("billing_type", "How the component is billed: `fixed` (a fixed price), `usage` (what was used), `limit` (what was reserved), `one` (once, on activation) or `few` (on activation and on each change of plan).",
		func(u *ComponentUsage) *string { return &u.BillingType }),
	wholeNumber("limit_amount", "Most that may be used of the component in a `limit_period`, in `measured_unit`. Null if no limit is set.",
		func(u *ComponentUsage) **int32 { return &u.LimitAmount }),
	optionalText("limit_period", "Period that `limit_amount` holds for: `month`, `quarterly`, `annual` or `total`. Null on servers that do not set one.", false,
		func(u *ComponentUsage) **string { return &u.LimitPeriod }),
	month("billing_period", "The month, written as its first day, such as `2026-10-01`. Waldur's months are in UTC.",
		func(u *ComponentUsage) *Month { return &u.BillingPeriod }),
	number("total_consumed", "Sum of what was consumed in the month, in `measured_unit`. Exact, with two digits after the point. May be negative where usage was corrected.",
		func(u *ComponentUsage) *decimal.Decimal { return &u.TotalConsumed }),
	number("total_allocated", "Sum of what was allocated in the month, in `measured_unit`. Exact, with two digits after the point.",
		func(u *ComponentUsage) *decimal.Decimal { return &u.TotalAllocated }),
	optionalNumber("usage_percent", "What was consumed in percent of what was allocated, as the server rounds it to two digits after the point. May be over 100. Null if nothing was allocated.",
		func(u *ComponentUsage) *decimal.NullDecimal { return &u.UsagePercent }),
}

// defaultOrder is the order that a list has unless a query asks for another,
// and that breaks the ties of that one: the server's default order, which is
// not total, and then the key.
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

// The kinds of columns, with the type that [Column.Value] gives.
const (
	Text        Kind = iota // string
	WholeNumber             // int32
	Number                  // decimal.Decimal, exact
)

// Column is a field of a [ComponentUsage].
type Column struct {
	Name        string // in Waldur's API
	Description string // in Markdown
	Kind        Kind

	// Value returns the field's value in a row: a string, int32 or
	// decimal.Decimal as Kind says, or nil if it is null.
	Value func(*ComponentUsage) any

	// compare orders two rows by the field, ascending; null is never asked for.
	compare func(a, b *ComponentUsage) int
	// decode sets the field in a row from JSON that is not null. Its error reads
	// on from the field's name.
	decode func(*ComponentUsage, json.RawMessage, *rowDecoder) error
	// nullable columns may be null in the server's answer.
	nullable bool
	// omittable columns may be missing in it: the Django REST framework leaves a
	// field out whose way there ends in nothing.
	omittable bool
}

// ColumnByName returns a column by its name, or nil if there is none.
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

// ParseOrdering reads the name of a column, with a "-" before it for descending.
func ParseOrdering(text string) (Ordering, error) {
	name, descending := strings.CutPrefix(text, "-")
	column := ColumnByName(name)
	if column == nil {
		return Ordering{}, fmt.Errorf("%q is not a column: want one of %s, with a \"-\" before it for descending",
			text, strings.Join(ColumnNames(), ", "))
	}
	return Ordering{Column: column, Descending: descending}, nil
}

func (o Ordering) compare(a, b *ComponentUsage) int {
	if o.Column.nullable {
		aNull, bNull := o.Column.Value(a) == nil, o.Column.Value(b) == nil
		switch {
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

func text(name, description string, field func(*ComponentUsage) *string) *Column {
	return &Column{
		Name: name, Description: description, Kind: Text,
		Value:   func(u *ComponentUsage) any { return *field(u) },
		compare: func(a, b *ComponentUsage) int { return cmp.Compare(*field(a), *field(b)) },
		decode: func(u *ComponentUsage, raw json.RawMessage, d *rowDecoder) (err error) {
			*field(u), err = d.string(raw)
			return err
		},
	}
}

func optionalText(name, description string, omittable bool, field func(*ComponentUsage) **string) *Column {
	return &Column{
		Name: name, Description: description, Kind: Text, nullable: true, omittable: omittable,
		Value:   func(u *ComponentUsage) any { return valueOrNil(*field(u)) },
		compare: func(a, b *ComponentUsage) int { return cmp.Compare(**field(a), **field(b)) },
		decode: func(u *ComponentUsage, raw json.RawMessage, d *rowDecoder) error {
			text, err := d.string(raw)
			*field(u) = &text
			return err
		},
	}
}

func wholeNumber(name, description string, field func(*ComponentUsage) **int32) *Column {
	return &Column{
		Name: name, Description: description, Kind: WholeNumber, nullable: true,
		Value:   func(u *ComponentUsage) any { return valueOrNil(*field(u)) },
		compare: func(a, b *ComponentUsage) int { return cmp.Compare(**field(a), **field(b)) },
		decode: func(u *ComponentUsage, raw json.RawMessage, d *rowDecoder) error {
			n, err := strconv.ParseInt(string(raw), 10, 32)
			amount := int32(n)
			*field(u) = &amount
			if err != nil {
				return d.problem(raw, "want a whole number of 32 bits")
			}
			return nil
		},
	}
}

func month(name, description string, field func(*ComponentUsage) *Month) *Column {
	return &Column{
		Name: name, Description: description, Kind: Text,
		Value:   func(u *ComponentUsage) any { return field(u).FirstDay() },
		compare: func(a, b *ComponentUsage) int { return field(a).Compare(*field(b)) },
		decode: func(u *ComponentUsage, raw json.RawMessage, d *rowDecoder) error {
			text, err := d.string(raw)
			if err != nil {
				return err
			}
			if *field(u), err = ParseMonth(text); err != nil || text != field(u).FirstDay() {
				return d.problem(raw, "want a month written YYYY-MM-01")
			}
			return nil
		},
	}
}

func number(name, description string, field func(*ComponentUsage) *decimal.Decimal) *Column {
	return &Column{
		Name: name, Description: description, Kind: Number,
		Value:   func(u *ComponentUsage) any { return *field(u) },
		compare: func(a, b *ComponentUsage) int { return field(a).Cmp(*field(b)) },
		decode: func(u *ComponentUsage, raw json.RawMessage, d *rowDecoder) error {
			return d.number(raw, field(u))
		},
	}
}

func optionalNumber(name, description string, field func(*ComponentUsage) *decimal.NullDecimal) *Column {
	return &Column{
		Name: name, Description: description, Kind: Number, nullable: true,
		Value: func(u *ComponentUsage) any {
			if !field(u).Valid {
				return nil
			}
			return field(u).Decimal
		},
		compare: func(a, b *ComponentUsage) int { return field(a).Decimal.Cmp(field(b).Decimal) },
		decode: func(u *ComponentUsage, raw json.RawMessage, d *rowDecoder) error {
			field(u).Valid = true
			return d.number(raw, &field(u).Decimal)
		},
	}
}

func valueOrNil[T any](value *T) any {
	if value == nil {
		return nil
	}
	return *value
}
