// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

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

// UnmarshalJSON reads a decimal exactly, with an exponent or without, from a
// JSON string, as Waldur writes it, or from a JSON number. It is an error if the
// text is not a decimal or is out of bounds.
func (d *Decimal) UnmarshalJSON(text []byte) error {
	parsed, err := ParseDecimal(string(bytes.Trim(text, `"`)))
	if err != nil {
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[Decimal]()} // encoding/json adds the field
	}
	*d = parsed
	return nil
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
