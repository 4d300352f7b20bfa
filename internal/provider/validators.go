// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// parsedWith returns a validator of strings that some function must be able to
// parse, so that what is accepted during validation is what can be used later.
// The errors of that function read on from "… cannot be used: ".
func parsedWith[T any](summary string, parse func(string) (T, error)) validator.String {
	return parsedValidator{summary: summary, parse: func(text string) error {
		_, err := parse(text)
		return err
	}}
}

type parsedValidator struct {
	summary string
	parse   func(string) error
}

func (v parsedValidator) Description(context.Context) string { return "" }

func (v parsedValidator) MarkdownDescription(context.Context) string { return "" }

func (v parsedValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := v.parse(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, v.summary, fmt.Sprintf("The argument %s cannot be used: %s.", req.Path, err))
	}
}

// parsed returns the value of an argument that parsedWith has checked, or the zero
// one if it is not set.
func parsed[T any](argument types.String, name string, parse func(string) (T, error), diags *diag.Diagnostics) (value T) {
	if argument.IsNull() {
		return value
	}
	value, err := parse(argument.ValueString())
	if err != nil {
		diags.AddAttributeError(path.Root(name), "Invalid Argument", fmt.Sprintf("The argument %s cannot be used: %s.", name, err))
	}
	return value
}

// wholeNumberBetween returns a validator of whole numbers from least to most.
// The framework's own types of whole numbers call a fraction a fault of the
// provider.
func wholeNumberBetween(least, most int) validator.Number {
	return wholeNumberValidator{least: least, most: most}
}

type wholeNumberValidator struct{ least, most int }

func (v wholeNumberValidator) Description(context.Context) string { return "" }

func (v wholeNumberValidator) MarkdownDescription(context.Context) string { return "" }

func (v wholeNumberValidator) ValidateNumber(_ context.Context, req validator.NumberRequest, resp *validator.NumberResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	n := req.ConfigValue.ValueBigFloat()
	if !n.IsInt() || n.Cmp(big.NewFloat(float64(v.least))) < 0 || n.Cmp(big.NewFloat(float64(v.most))) > 0 {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Number",
			fmt.Sprintf("The argument %s cannot be used: %s is not a whole number between %d and %d.", req.Path, n.Text('g', -1), v.least, v.most))
	}
}

// wholeNumber returns a number that has passed such a validator; 0 if it is null.
func wholeNumber(number types.Number) int {
	if number.IsNull() {
		return 0
	}
	n, _ := number.ValueBigFloat().Int64()
	return int(n)
}
