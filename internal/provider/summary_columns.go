// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"math"
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/shopspring/decimal"

	"terraform-provider-waldur/internal/waldur"
)

// summaryObject returns the schema of a summary: an attribute for each column.
func summaryObject() schema.NestedAttributeObject {
	attributes := make(map[string]schema.Attribute, len(waldur.Columns))
	for _, column := range waldur.Columns {
		attributes[column.Name] = summaryAttribute(column)
	}
	return schema.NestedAttributeObject{Attributes: attributes}
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

// summariesValue returns rows as Terraform's list of objects. Columns that are
// not among fields are null, unless fields is empty, which means all.
func summariesValue(ctx context.Context, rows []*waldur.ComponentUsage, fields []*waldur.Column) tftypes.Value {
	columnTypes := make(map[string]tftypes.Type, len(waldur.Columns))
	for _, column := range waldur.Columns {
		columnTypes[column.Name] = summaryAttribute(column).GetType().TerraformType(ctx)
	}
	objectType := tftypes.Object{AttributeTypes: columnTypes}
	texts := map[string]tftypes.Value{} // most texts stand in many rows
	summaries := make([]tftypes.Value, len(rows))
	for i, row := range rows {
		values := make(map[string]tftypes.Value, len(waldur.Columns))
		for _, column := range waldur.Columns {
			var value any
			if len(fields) == 0 || slices.Contains(fields, column) {
				value = column.Value(row)
			}
			values[column.Name] = terraformValue(value, columnTypes[column.Name], texts)
		}
		summaries[i] = tftypes.NewValue(objectType, values)
	}
	return tftypes.NewValue(tftypes.List{ElementType: objectType}, summaries)
}

// terraformValue returns a column's value, or null, as one of that type. Equal
// texts share a value.
func terraformValue(value any, as tftypes.Type, texts map[string]tftypes.Value) tftypes.Value {
	switch value := value.(type) {
	case string:
		shared, ok := texts[value]
		if !ok {
			shared = tftypes.NewValue(as, value)
			texts[value] = shared
		}
		return shared
	case decimal.Decimal:
		return tftypes.NewValue(as, exactFloat(value))
	default:
		return tftypes.NewValue(as, value)
	}
}

type precision struct {
	bits           uint
	digits, places int
}

// precisions are the bits that a decimal is sent with, by the digits that it has
// at most, in all and after the point. Terraform reads numbers with 512 bits, but
// fewer are enough as long as the shortest text that stands for the float is the
// decimal's own, and the float is no float64, which would be sent in place of the
// text. They are much faster to print.
//
// Two decimals of d digits differ by more than a part in 10^d. A decimal with s
// digits after the point that is not a float64 differs from any by more than a
// part in 10^d or in 2^53 × 10^s. Rounding to p bits moves it by less than a part
// in 2^p, so p must be over d × log2(10) and over 53 + s × log2(10).
var precisions = []precision{
	{64, 18, 3},
	{128, 38, 22},
	{512, math.MaxInt, math.MaxInt}, // the client's bounds are 80 digits, and 40 after the point
}

// exactFloat returns a decimal as a float that Terraform is sent the decimal's
// own digits for.
func exactFloat(d decimal.Decimal) *big.Float {
	digits, places := d.NumDigits()+max(0, int(d.Exponent())), -int(d.Exponent())
	tier := slices.IndexFunc(precisions, func(p precision) bool { return digits <= p.digits && places <= p.places })
	f := new(big.Float).SetPrec(precisions[tier].bits)
	if digits <= 18 {
		f.SetInt64(d.CoefficientInt64())
	} else {
		f.SetInt(d.Coefficient())
	}
	if places > 0 {
		return f.Quo(f, powersOfTen[places])
	}
	return f.Mul(f, powersOfTen[-places])
}

// powersOfTen are exact, and as many as the client lets decimals have.
var powersOfTen = func() (powers [41]*big.Float) {
	power := big.NewInt(1)
	for i := range powers {
		powers[i] = new(big.Float).SetInt(power)
		power.Mul(power, big.NewInt(10))
	}
	return powers
}()
