// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"terraform-provider-waldur/internal/waldur"
)

var percentFunction = providerFunction{"percent", runPercent, function.Definition{
	Summary: "Percentage, rounded as Waldur rounds",
	MarkdownDescription: "Returns `part` as a percentage of `whole`, rounded half to even to two decimal places, as Waldur rounds `usage_percent`. " +
		"The result is null if `part` or `whole` is null, or if `whole` is 0 or negative. " +
		"Both are first rounded to ten decimal places.",
	Parameters: []function.Parameter{
		function.NumberParameter{Name: "part", AllowNullValue: true, MarkdownDescription: "Number to express as a percentage."},
		function.NumberParameter{Name: "whole", AllowNullValue: true, MarkdownDescription: "Number that is 100 %."},
	},
	Return: function.NumberReturn{},
}}

func runPercent(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var arguments [2]*big.Float
	resp.Error = req.Arguments.Get(ctx, &arguments[0], &arguments[1])
	if resp.Error != nil {
		return
	}
	resp.Result = numberResult(nil)
	if arguments[0] == nil || arguments[1] == nil {
		return
	}
	var numbers [2]waldur.Decimal
	for i, name := range []string{"part", "whole"} {
		number, err := parseNumber(arguments[i])
		if err != nil {
			resp.Error = function.NewArgumentFuncError(int64(i), name+" "+err.Error())
			return
		}
		numbers[i] = number
	}
	if part, whole := numbers[0], numbers[1]; whole.Sign() > 0 {
		resp.Result = numberResult(new(part.PercentOf(whole)))
	}
}
