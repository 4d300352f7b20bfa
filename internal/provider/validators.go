// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"golang.org/x/net/http/httpguts"

	"terraform-provider-waldur/internal/waldur"
)

// undescribed is for validators whose rules are in the descriptions of arguments.
type undescribed struct{}

func (undescribed) Description(context.Context) string { return "" }

func (undescribed) MarkdownDescription(context.Context) string { return "" }

// isKnown reports whether an argument is set to a known value.
func isKnown(argument attr.Value) bool { return !argument.IsNull() && !argument.IsUnknown() }

// acceptedBy returns a validator of a string, or of a list or a set of strings, that
// parse accepts. A set must not be empty. An error of parse continues a sentence that
// begins with the name of the argument.
func acceptedBy[T any](parse func(string) (T, error)) parseValidator[T] {
	return parseValidator[T]{parse: parse}
}

type parseValidator[T any] struct {
	undescribed
	parse func(string) (T, error)
}

func (v parseValidator[T]) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !req.ConfigValue.IsUnknown() {
		parseArgument(req.ConfigValue, req.Path, v.parse, &resp.Diagnostics)
	}
}

func (v parseValidator[T]) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	v.validateElements(req.ConfigValue.Elements(), req.Path, &resp.Diagnostics)
}

func (v parseValidator[T]) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
	if isKnown(req.ConfigValue) && len(req.ConfigValue.Elements()) == 0 {
		addInvalidValue(&resp.Diagnostics, req.Path, errors.New("must not be empty; leave it out instead"))
	}
	v.validateElements(req.ConfigValue.Elements(), req.Path, &resp.Diagnostics)
}

func (v parseValidator[T]) validateElements(elements []attr.Value, at path.Path, diags *diag.Diagnostics) {
	for _, element := range elements {
		text, ok := element.(types.String)
		switch {
		case !ok || text.IsNull():
			addInvalidValue(diags, at, errors.New("must not contain null"))
		case !text.IsUnknown():
			parseArgument(text, at, v.parse, diags)
		}
	}
}

// parseArgument returns the parsed value of an argument, or the zero value if it is
// not set. An error is reported at the argument.
func parseArgument[T any](argument types.String, at path.Path, parse func(string) (T, error), diags *diag.Diagnostics) (value T) {
	if argument.IsNull() {
		return value
	}
	value, err := parse(argument.ValueString())
	if err != nil {
		addInvalidValue(diags, at, err)
	}
	return value
}

// addInvalidValue reports an error that continues the name of its argument.
func addInvalidValue(diags *diag.Diagnostics, at path.Path, err error) {
	name := argumentName(at)
	diags.AddAttributeError(at, "Invalid Value for "+name, fmt.Sprintf("%s %s.", name, err))
}

// addConflict reports two arguments that cannot be set together.
func addConflict(diags *diag.Diagnostics, argument, other, advice string) {
	diags.AddAttributeError(path.Root(argument), "Invalid Combination of Arguments",
		fmt.Sprintf("%s and %s cannot be set together.\n\n%s", argument, other, advice))
}

// argumentName returns a path without indices of lists and values of sets, such as
// "timeouts.read".
func argumentName(at path.Path) string {
	var names []string
	for _, step := range at.Steps() {
		if name, ok := step.(path.PathStepAttributeName); ok {
			names = append(names, string(name))
		}
	}
	return strings.Join(names, ".")
}

// wholeNumberBetween returns a validator of whole numbers from least to most. The
// framework's own types of whole numbers report a fraction as a bug in the
// provider.
func wholeNumberBetween(least, most int64) validator.Number {
	return wholeNumberValidator{least: least, most: most}
}

// wholeNumberAtLeast returns a validator of whole numbers without an upper bound.
func wholeNumberAtLeast(least int64) validator.Number {
	return wholeNumberValidator{least: least, most: math.MaxInt64}
}

type wholeNumberValidator struct {
	undescribed
	least, most int64
}

func (v wholeNumberValidator) ValidateNumber(_ context.Context, req validator.NumberRequest, resp *validator.NumberResponse) {
	if !isKnown(req.ConfigValue) {
		return
	}
	f := req.ConfigValue.ValueBigFloat()
	if n, _ := f.Int64(); f.IsInt() && n >= v.least && n <= v.most { // Int64 returns the nearest bound of its type
		return
	}
	bounds := fmt.Sprintf("between %d and %d", v.least, v.most)
	if v.most == math.MaxInt64 {
		bounds = fmt.Sprintf("of at least %d", v.least)
	}
	addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("must be a whole number %s; got %s", bounds, shortNumber(f)))
}

// shortNumber returns a number with at most 20 digits. It takes no time for numbers
// with extreme exponents.
func shortNumber(f *big.Float) string {
	switch exponent := f.MantExp(nil); {
	case exponent > maxExponent:
		return "a number too large to show"
	case exponent < -maxExponent:
		return "a number too small to show"
	}
	return f.Text('g', 20)
}

// maxExponent is the largest power of 2 that shortNumber writes out.
const maxExponent = 1000

// wholeNumber returns a number that has passed such a validator, or 0 if it is null.
func wholeNumber(number types.Number) int {
	if number.IsNull() {
		return 0
	}
	n, _ := number.ValueBigFloat().Int64()
	return int(min(n, math.MaxInt))
}

// percentValidator refuses numbers that round to 0, but are not 0.
type percentValidator struct{ undescribed }

func (percentValidator) ValidateNumber(_ context.Context, req validator.NumberRequest, resp *validator.NumberResponse) {
	if !isKnown(req.ConfigValue) {
		return
	}
	f := req.ConfigValue.ValueBigFloat()
	if f.Sign() != 0 && (f.MantExp(nil) < -maxExponent || percentThreshold(req.ConfigValue).IsZero()) {
		addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("must be 0, or at least 0.0000000001 in size; got %s", shortNumber(f)))
	}
}

// percentThreshold returns a number as a decimal with ten decimal places, or nil if
// it is null. Terraform calculates in binary: its product 0.6 * 100 is slightly more
// than 60. A number beyond all percentages becomes another such number.
func percentThreshold(number types.Number) *waldur.Decimal {
	if number.IsNull() {
		return nil
	}
	most := big.NewFloat(1e29) // with the decimal places, it has as many digits as a decimal may have
	f := number.ValueBigFloat()
	switch {
	case f.Cmp(most) > 0:
		f = most
	case f.Cmp(new(big.Float).Neg(most)) < 0:
		f = new(big.Float).Neg(most)
	}
	d, err := waldur.ParseDecimal(f.Text('f', 10))
	if err != nil {
		panic(err) // it is within the bounds of decimals
	}
	return &d
}

// reservedHeaders cannot be set: HTTP needs them for the connection, or the
// provider for reading completely.
var reservedHeaders = []string{
	"Authorization", "Proxy-Authorization", "Proxy-Connection", "Host", "Content-Length", "Content-Type", "Transfer-Encoding",
	"Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Expect", "Accept", "Accept-Encoding", "Cache-Control", "Range",
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
}

// headersValidator accepts names and values that can be sent as HTTP headers. Its
// errors do not show values, which are secret.
type headersValidator struct{ undescribed }

func (headersValidator) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	known := map[string]bool{}
	elements := req.ConfigValue.Elements()
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		value, _ := elements[name].(types.String)
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has %q, which is not the name of an HTTP header", name))
		case slices.Contains(reservedHeaders, canonical):
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has %q, which cannot be set: HTTP or the provider itself needs it", name))
		case known[canonical]:
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has %q twice, in different cases", canonical))
		case value.IsNull():
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has no value for %q", name))
		case !value.IsUnknown() && !httpguts.ValidHeaderFieldValue(value.ValueString()):
			addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("has a value for %q with a line break or another character that HTTP does not allow; "+
				"trimspace() removes a line break at the end", name))
		}
		known[canonical] = true
	}
}

// parseBillingPeriod parses a month. It returns the zero Month for "latest".
func parseBillingPeriod(text string) (waldur.Month, error) {
	if text == latest {
		return waldur.Month{}, nil
	}
	month, err := waldur.ParseMonth(text)
	if err != nil {
		return month, fmt.Errorf("must be a month such as \"2026-10\", or \"latest\"; got %q", text)
	}
	return month, nil
}

// parseFilterText parses the text of a filter. Waldur trims white space and ignores
// an empty filter, so a blank one would select all rows.
func parseFilterText(text string) (string, error) {
	if text == "" || strings.TrimSpace(text) != text {
		return "", fmt.Errorf("must not be empty, and must not begin or end with white space; got %q. To select all rows, leave it out", text)
	}
	return text, nil
}

// oneOf returns a parser of some words.
func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("must be %s or %s; got %q%s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1], text, suggestion(text, words))
		}
		return text, nil
	}
}

// parseUUID parses a UUID in one of the two forms that Waldur accepts.
func parseUUID(text string) (uuid.NullUUID, error) {
	if len(text) == 32 || len(text) == 36 { // uuid.Parse accepts other forms as well
		if id, err := uuid.Parse(text); err == nil {
			return uuid.NullUUID{UUID: id, Valid: true}, nil
		}
	}
	return uuid.NullUUID{}, fmt.Errorf("must be a UUID of 32 hexadecimal digits, with dashes (8-4-4-4-12) or without; got %q", text)
}

// parseDuration parses a duration greater than 0.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil && durationForm.MatchString(text):
		return 0, fmt.Errorf("is too long; got %q", text)
	case err != nil:
		return 0, fmt.Errorf("must be a duration in h, m, s and ms, such as \"30s\" or \"1m30s\"; got %q", text)
	case d <= 0:
		return 0, fmt.Errorf("must be a duration greater than 0, such as \"30s\" or \"1m30s\"; got %q", text)
	}
	return d, nil
}

// durationForm is the form of durations, whether or not they are within bounds.
var durationForm = regexp.MustCompile(`^(\d+(\.\d+)?(h|m|s|ms))+$`)

// parseColumn parses the name of a column. The error suggests the nearest one.
func parseColumn(name string) (*waldur.Column, error) {
	if column := waldur.ColumnByName(name); column != nil {
		return column, nil
	}
	names := waldur.ColumnNames()
	if nearest := suggestion(name, names); nearest != "" {
		return nil, fmt.Errorf("has %q, which is not a column%s", name, nearest)
	}
	return nil, fmt.Errorf("has %q, which is not a column; the columns are %s", name, strings.Join(names, ", "))
}

// suggestion returns a question for the nearest of some words, or "" if none is near.
func suggestion(text string, words []string) string {
	nearest, least := "", len(text)
	for _, word := range words {
		if distance := levenshtein.Distance(text, word, nil); distance < min(least, max(2, len(word)/2)) {
			nearest, least = word, distance
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", nearest)
}

// parseGroupColumn parses the name of a column whose values can be equal.
func parseGroupColumn(name string) (*waldur.Column, error) {
	column, err := parseColumn(name)
	if err == nil && column.Kind != waldur.TextKind && column.Kind != waldur.MonthKind {
		return nil, fmt.Errorf("has %q, which is an amount; group by columns of text or by billing_period", name)
	}
	return column, err
}

// parseOrdering parses the name of a column, with a "-" before it for descending.
func parseOrdering(text string) (waldur.Ordering, error) {
	name, descending := strings.CutPrefix(text, "-")
	column, err := parseColumn(name)
	if err != nil {
		return waldur.Ordering{}, err
	}
	return waldur.Ordering{Column: column, Descending: descending}, nil
}

// columnNames returns the names of columns as a text.
func columnNames(columns []*waldur.Column) string {
	var names []string
	for _, column := range columns {
		names = append(names, column.Name)
	}
	return strings.Join(names, ", ")
}
