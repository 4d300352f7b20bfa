// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
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
