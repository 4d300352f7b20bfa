// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

// undescribed is for validators whose rules are in the descriptions of arguments.
type undescribed struct{}

func (undescribed) Description(context.Context) string { return "" }

func (undescribed) MarkdownDescription(context.Context) string { return "" }

// parsedWith returns a validator that accepts the strings that parse accepts. An
// error of parse continues a sentence that begins with the name of the argument.
func parsedWith[T any](parse func(string) (T, error)) validator.String {
	return parsedValidator[T]{parse: parse}
}

type parsedValidator[T any] struct {
	undescribed
	parse func(string) (T, error)
}

func (v parsedValidator[T]) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !req.ConfigValue.IsUnknown() {
		parsed(req.ConfigValue, req.Path, v.parse, &resp.Diagnostics)
	}
}

// parsed returns the parsed value of an argument, or the zero value if it is not
// set. An error is reported at the argument.
func parsed[T any](argument types.String, at path.Path, parse func(string) (T, error), diags *diag.Diagnostics) (value T) {
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
func wholeNumberBetween(least, most int) validator.Number {
	return wholeNumberValidator{least: least, most: most}
}

type wholeNumberValidator struct {
	undescribed
	least, most int
}

func (v wholeNumberValidator) ValidateNumber(_ context.Context, req validator.NumberRequest, resp *validator.NumberResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	n := req.ConfigValue.ValueBigFloat()
	if n.IsInt() && n.Cmp(big.NewFloat(float64(v.least))) >= 0 && n.Cmp(big.NewFloat(float64(v.most))) <= 0 {
		return
	}
	bounds := fmt.Sprintf("between %d and %d", v.least, v.most)
	if v.most == math.MaxInt {
		bounds = fmt.Sprintf("of at least %d", v.least)
	}
	addInvalidValue(&resp.Diagnostics, req.Path, fmt.Errorf("must be a whole number %s; got %s", bounds, n.Text('g', 20)))
}

// wholeNumber returns a number that has passed such a validator, or 0 if it is null.
func wholeNumber(number types.Number) int {
	if number.IsNull() {
		return 0
	}
	n, _ := number.ValueBigFloat().Int64()
	return int(n)
}

// parseName parses the text of a filter. Waldur trims white space and ignores an
// empty filter, so a blank one would select all rows.
func parseName(text string) (string, error) {
	if text == "" || strings.TrimSpace(text) != text {
		return "", fmt.Errorf("must not be empty, and must not begin or end with white space; got %q. To select all rows, leave it out", text)
	}
	return text, nil
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
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("must be a duration greater than 0, such as \"30s\" or \"1m30s\"; got %q", text)
	}
	return d, nil
}

// parseColumn parses the name of a column. The error suggests the nearest one.
func parseColumn(name string) (*waldur.Column, error) {
	if column := waldur.ColumnByName(name); column != nil {
		return column, nil
	}
	nearest, least := "", len(name)
	for _, column := range waldur.ColumnNames() {
		if distance := levenshtein.Distance(name, column, nil); distance < min(least, len(column)/2) {
			nearest, least = column, distance
		}
	}
	if nearest == "" {
		return nil, fmt.Errorf("has %q, which is not a column; the columns are %s", name, strings.Join(waldur.ColumnNames(), ", "))
	}
	return nil, fmt.Errorf("has %q, which is not a column (did you mean %s?)", name, nearest)
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
