// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"math/big"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"pgregory.net/rapid"
)

// number is a literal in HCL.
func number(literal string) *big.Float {
	f, _, err := big.ParseFloat(literal, 10, 512, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	return f
}

func numberList(elements ...any) tftypes.Value {
	values := make([]tftypes.Value, len(elements))
	for i, element := range elements {
		values[i] = tftypes.NewValue(tftypes.Number, element)
	}
	return tftypes.NewValue(tftypes.List{ElementType: tftypes.Number}, values)
}

func TestSumFunction(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	const huge = "99999999999999999999999999999.9999999999"
	for _, test := range []struct {
		numbers []any
		want    string
	}{
		{nil, "0"},
		{[]any{number("0.1"), number("0.2")}, "0.3"},
		{[]any{0.1, 0.2}, "0.3"},
		{[]any{number("10000.1"), number("-9999.8")}, "0.3"},
		{[]any{number("3500.55"), number("-4640.95")}, "-1140.4"},
		{[]any{number("999999999999999999.99"), number("0.01")}, "1000000000000000000"},
		{[]any{number(huge), number(huge)}, "199999999999999999999999999999.9999999998"},
		{[]any{number("0.00000000005"), number("0.00000000015")}, "0.0000000002"}, // half to even, as a binary number
		{[]any{number("1e-999999999"), number("-1e-11")}, "0"},
		{[]any{1, nil, 2}, "0: numbers[1] must not be null"},
		{[]any{number("1e30")}, "0: numbers[0] must be between -1e+29 and 1e+29; got 1e+30"},
		{[]any{1, number("-1e999999999")}, "0: numbers[1] must be between -1e+29 and 1e+29; got -Inf"},
	} {
		list := numberList(test.numbers...)
		got, failure := c.call("sum", list)
		checkCall(t, "sum", []tftypes.Value{list}, got, failure, test.want)
	}
}

// TestSumsAreExact compares sums with fractions. Each equals its literal, and has as many
// bits.
func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	rapid.Check(t, func(rt *rapid.T) {
		for range 100 {
			var numbers []any
			want := new(big.Rat)
			for range rapid.IntRange(0, 5).Draw(rt, "numbers") {
				places := rapid.IntRange(0, 10).Draw(rt, "places")
				literal := new(big.Rat).SetFrac(
					new(big.Int).Mul(big.NewInt(rapid.Int64().Draw(rt, "digits")), big.NewInt(rapid.Int64Range(1, 100_000_000).Draw(rt, "factor"))),
					new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
				numbers = append(numbers, number(literal.FloatString(places)))
				want.Add(want, literal)
			}
			result, failure := c.call("sum", numberList(numbers...))
			var got *big.Float
			if failure != nil || result.As(&got) != nil {
				rt.Fatalf("sum(%s): %v %v", numbers, result, failure)
			}
			if literal := number(want.FloatString(10)); got.Cmp(literal) != 0 || got.Prec() != literal.Prec() {
				rt.Fatalf("sum(%s) is %s with %d bits, want %s", numbers, got.Text('f', -1), got.Prec(), want.FloatString(10))
			}
		}
	})
}
