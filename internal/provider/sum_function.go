// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

var sumFunction = providerFunction{"sum", runSum, function.Definition{
	Summary: "Exact sum",
	MarkdownDescription: "Returns the exact sum of numbers: `sum([10000.1, -9999.8])` is `0.3`. Terraform itself calculates in binary, where " +
		"`10000.1 - 9999.8` is a little less. For a difference, use `sum([s.total_allocated, -s.total_consumed])`. The sum of an empty list is 0.",
	Parameters: []function.Parameter{
		function.ListParameter{
			Name: "numbers", ElementType: types.NumberType,
			MarkdownDescription: "Numbers to add, each rounded to ten decimal places first. None may be null. " +
				"In a set, equal numbers count once.",
		},
	},
	Return: function.NumberReturn{},
}}

func runSum(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var numbers []*big.Float
	resp.Error = req.Arguments.Get(ctx, &numbers)
	if resp.Error != nil {
		return
	}
	var sum waldur.Decimal
	for i, number := range numbers {
		if number == nil {
			resp.Error = function.NewArgumentFuncError(0, fmt.Sprintf("numbers[%d] must not be null", i))
			return
		}
		n, err := parseNumber(number)
		if err != nil {
			resp.Error = function.NewArgumentFuncError(0, fmt.Sprintf("numbers[%d] %s", i, err))
			return
		}
		sum = sum.Add(n)
	}
	resp.Result = numberResult(&sum)
}
