// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"
)

// Bounds of the decimals that are read. Waldur stores 20 digits, 2 of them after
// the point. The bounds leave room for later versions, and keep a text such as
// 1e999999999 from becoming a number with that many digits.
const (
	maxDecimalDigits   = 40
	maxDecimalExponent = 40
	// maxDecimalText is enough for any decimal within the bounds.
	maxDecimalText = 100
)

// Decimal is an exact decimal number.
type Decimal struct{ decimal.Decimal }

// Cmp returns -1, 0 or 1 as d is less than, equal to or greater than other.
func (d Decimal) Cmp(other Decimal) int { return d.Decimal.Cmp(other.Decimal) }

// add returns the exact sum.
func (d Decimal) add(other Decimal) Decimal { return Decimal{d.Add(other.Decimal)} }

// percentOf returns d as a percentage of whole, which is not 0, rounded half to even
// to two decimal places. Waldur rounds in this way, with Python's Decimal.
func (d Decimal) percentOf(whole Decimal) Decimal {
	hundred := decimal.New(100, 0)
	percent, rest := d.Mul(hundred).QuoRem(whole.Decimal, 2) // truncated
	half := rest.Abs().Mul(decimal.New(2, 0)).Cmp(whole.Abs().Mul(decimal.New(1, -2)))
	odd := percent.Mul(hundred).Mod(decimal.New(2, 0)).Sign() != 0
	if half > 0 || half == 0 && odd {
		step := decimal.New(1, -2)
		if d.Sign()*whole.Sign() < 0 {
			step = step.Neg()
		}
		percent = percent.Add(step)
	}
	return Decimal{percent}
}

// UnmarshalJSONFrom reads a decimal exactly, with an exponent or without, from a
// JSON string, as Waldur writes it, or from a JSON number. It is an error if the
// text is not a decimal or is out of bounds.
func (d *Decimal) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	text, err := decoder.ReadValue()
	if err != nil {
		return err
	}
	*d, err = ParseDecimal(string(bytes.Trim(text, `"`)))
	return err
}

// ParseDecimal reads a decimal exactly. It is an error if the text is not a
// decimal, has more than 40 digits, or has an exponent beyond ±40.
func ParseDecimal(text string) (Decimal, error) {
	if len(text) <= maxDecimalText {
		d, err := decimal.NewFromString(text)
		if err == nil && d.NumDigits() <= maxDecimalDigits && d.Exponent() >= -maxDecimalExponent && d.Exponent() <= maxDecimalExponent {
			return Decimal{d}, nil
		}
	}
	return Decimal{}, fmt.Errorf("must be %s; got %.100q", wantDecimal, text)
}

var wantDecimal = fmt.Sprintf("a decimal of at most %d digits with an exponent within ±%d", maxDecimalDigits, maxDecimalExponent)
