package waldur

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"
)

// Bounds of the decimals that are read. Waldur stores 20 digits, 2 of them after the point. The
// bounds keep a text such as 1e999999999 from becoming a number with that many digits.
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

// Add returns the exact sum.
func (d Decimal) Add(other Decimal) Decimal { return Decimal{d.Decimal.Add(other.Decimal)} }

// PercentOf returns d as a percentage of whole, which is not 0, rounded half to even to two decimal
// places. Waldur rounds in this way, with Python's Decimal.
//
// It rounds twice, which is wrong only if the first rounding turns a percentage that is not a tie
// into one. A tie is m/200 for an odd m. It differs from 100*d/whole by 0, or by at least
// 10^-maxDecimalExponent/(200*whole), which quotientPlaces do not round away.
func (d Decimal) PercentOf(whole Decimal) Decimal {
	return Decimal{d.Shift(2).DivRound(whole.Decimal, quotientPlaces).RoundBank(2)}
}

// quotientPlaces are enough for decimals within the bounds and for sums of 10^8 of them.
const quotientPlaces = 2 + maxDecimalExponent + (maxDecimalDigits + maxDecimalExponent + 8)

// UnmarshalJSONFrom reads a decimal exactly from a JSON string, as Waldur writes it, or number.
func (d *Decimal) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	text, err := decoder.ReadValue()
	if err != nil {
		return err
	}
	*d, err = ParseDecimal(string(bytes.Trim(text, `"`)))
	return err
}

// ParseDecimal reads a decimal of at most 40 digits exactly, with an exponent within ±40.
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
