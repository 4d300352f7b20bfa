// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

var billingPeriodsFunction = providerFunction{"billing_periods", runBillingPeriods, function.Definition{
	Summary: "Billing periods of a range",
	MarkdownDescription: "Returns all months from `start` to `end`, including both, as a list of `YYYY-MM`, the earliest first. " +
		"Use it for reports that need a value for every month: Waldur has no row for a month without usage.",
	Parameters: []function.Parameter{
		function.StringParameter{Name: "start", MarkdownDescription: "First month, as `YYYY-MM` or `YYYY-MM-01`."},
		function.StringParameter{Name: "end", MarkdownDescription: "Last month, as `YYYY-MM` or `YYYY-MM-01`, not before `start`."},
	},
	Return: function.ListReturn{ElementType: types.StringType},
}}

func runBillingPeriods(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var bounds [2]string
	resp.Error = req.Arguments.Get(ctx, &bounds[0], &bounds[1])
	if resp.Error != nil {
		return
	}
	var months [2]waldur.Month
	for i, name := range []string{"start", "end"} {
		month, err := waldur.ParseMonth(bounds[i])
		if err != nil {
			resp.Error = function.NewArgumentFuncError(int64(i), name+" "+err.Error())
			return
		}
		months[i] = month
	}
	start, end := months[0], months[1]
	if start.Compare(end) > 0 {
		resp.Error = function.NewArgumentFuncError(1, fmt.Sprintf("end must not be before start; got start %s and end %s", start, end))
		return
	}
	var periods []string
	for month := start; month.Compare(end) <= 0; month = month.Add(1) {
		periods = append(periods, month.String())
	}
	resp.Error = resp.Result.Set(ctx, periods)
}
