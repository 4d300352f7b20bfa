// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"errors"
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

// parseDecimal reads a decimal exactly, with an exponent or without. It is an
// error if the text is no decimal or lies beyond the bounds.
func parseDecimal(text string) (decimal.Decimal, error) {
	if len(text) > maxDecimalText {
		return decimal.Decimal{}, fmt.Errorf("has more than %d digits", maxDecimalDigits)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Decimal{}, errors.New("is not a decimal")
	}
	if d.NumDigits() > maxDecimalDigits {
		return decimal.Decimal{}, fmt.Errorf("has more than %d digits", maxDecimalDigits)
	}
	if d.Exponent() < -maxDecimalExponent || d.Exponent() > maxDecimalExponent {
		return decimal.Decimal{}, fmt.Errorf("has an exponent beyond ±%d", maxDecimalExponent)
	}
	return d, nil
}
