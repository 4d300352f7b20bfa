// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// Bounds of the decimals that are read. Waldur stores 20 digits with 2 of them
// after the point; the bounds leave room for a later Waldur, and keep a text
// such as 1e999999999 from growing into a number of that many digits.
const (
	maxDecimalDigits   = 40
	maxDecimalExponent = 40
	// maxDecimalText is longer than any decimal within the bounds need be.
	maxDecimalText = 100
)

var errDecimal = fmt.Errorf("want a decimal of at most %d digits and an exponent within ±%d", maxDecimalDigits, maxDecimalExponent)

// parseDecimal reads a decimal exactly, with an exponent or without. It is an
// error if the text is no decimal or lies beyond the bounds.
func parseDecimal(text string) (decimal.Decimal, error) {
	if len(text) > maxDecimalText {
		return decimal.Decimal{}, errDecimal
	}
	d, err := decimal.NewFromString(text)
	if err != nil || d.NumDigits() > maxDecimalDigits || d.Exponent() < -maxDecimalExponent || d.Exponent() > maxDecimalExponent {
		return decimal.Decimal{}, errDecimal
	}
	return d, nil
}
