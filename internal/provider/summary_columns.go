// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"math"
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/shopspring/decimal"

	"terraform-provider-waldur/internal/waldur"
)

// summaryAttributes returns the attributes of a summary: one for each column.
func summaryAttributes() map[string]schema.Attribute {
	attributes := make(map[string]schema.Attribute, len(waldur.Columns))
	for _, column := range waldur.Columns {
		attributes[column.Name] = summaryAttribute(column)
	}
	return attributes
}

func summaryAttribute(column *waldur.Column) schema.Attribute {
	switch column.Kind {
	case waldur.WholeNumber:
		return schema.Int32Attribute{Computed: true, MarkdownDescription: column.Description}
	case waldur.Number:
		return schema.NumberAttribute{Computed: true, MarkdownDescription: column.Description}
	default:
		return schema.StringAttribute{Computed: true, MarkdownDescription: column.Description}
	}
}

// summaryTypes are Terraform's types of a column's values.
var summaryTypes = map[waldur.Kind]tftypes.Type{
	waldur.Text:        tftypes.String,
	waldur.WholeNumber: tftypes.Number,
	waldur.Number:      tftypes.Number,
}

// summariesType is the type of the list of rows.
func summariesType() tftypes.List {
	attributes := make(map[string]tftypes.Type, len(waldur.Columns))
	for _, column := range waldur.Columns {
		attributes[column.Name] = summaryTypes[column.Kind]
	}
	return tftypes.List{ElementType: tftypes.Object{AttributeTypes: attributes}}
}

// summariesValue returns rows as Terraform's list of objects. Columns that are
// not among fields are null, unless fields is empty, which means all.
func summariesValue(rows []*waldur.ComponentUsage, fields []*waldur.Column) tftypes.Value {
	listType := summariesType()
	summaries := make([]tftypes.Value, len(rows))
	for i, row := range rows {
		values := make(map[string]tftypes.Value, len(waldur.Columns))
		for _, column := range waldur.Columns {
			var value any
			if len(fields) == 0 || slices.Contains(fields, column) {
				value = terraformValue(column.Value(row))
			}
			values[column.Name] = tftypes.NewValue(summaryTypes[column.Kind], value)
		}
		summaries[i] = tftypes.NewValue(listType.ElementType, values)
	}
	return tftypes.NewValue(listType, summaries)
}

// terraformValue returns a column's value as one that tftypes takes.
func terraformValue(value any) any {
	switch value := value.(type) {
	case decimal.Decimal:
		return exactFloat(value)
	default:
		return value
	}
}

// Terraform reads numbers with 512 bits. Fewer are enough, and much faster to
// print on the wire, as long as no decimal is rounded to its neighbour, nor to a
// float64, which would be sent in place of its digits.
const (
	fullPrecision  = 512
	shortPrecision = 128
)

// exactFloat returns a decimal as a float of such a precision that its shortest
// decimal text is the decimal's own.
//
// Two decimals of d digits differ by more than a part in 10^d, so 128 bits tell
// apart those of 37 digits. A decimal of s digits after the point that is not a
// float64 differs from each float64 by more than a part in 2^53 × 10^s, so 128
// bits keep it apart from those with 21 digits after the point.
func exactFloat(d decimal.Decimal) *big.Float {
	precision := uint(shortPrecision)
	if d.NumDigits()+max(0, int(d.Exponent())) > 37 || d.Exponent() < -21 {
		precision = fullPrecision
	}
	f := new(big.Float).SetPrec(precision).SetInt(d.Coefficient())
	power := new(big.Float).SetPrec(precision).SetInt(powerOfTen(d.Exponent()))
	if d.Exponent() < 0 {
		return f.Quo(f, power)
	}
	return f.Mul(f, power)
}

// powerOfTen returns 10 to the absolute value of an exponent.
func powerOfTen(exponent int32) *big.Int {
	n := int64(math.Abs(float64(exponent)))
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil)
}
