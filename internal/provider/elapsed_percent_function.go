// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"terraform-provider-waldur/internal/waldur"
)

var elapsedPercentFunction = providerFunction{"elapsed_percent", runElapsedPercent, function.Definition{
	Summary: "Percentage of a limit period that is over",
	MarkdownDescription: "Returns how much of a row's limit period is over at a given time, as a percentage rounded half to even to two decimal places. " +
		"A time after the row's month counts as the end of that month, because the row's consumption ends there. " +
		"The result is 0 before the period begins, and null for `total`, which has no end. " +
		"Periods are calendar months, quarters and years in UTC.\n\n" +
		"For rows read with `usage_period = \"limit_period\"`, the example calculates where each limit is heading. " +
		"This is arithmetic, not a forecast: it assumes that consumption goes on as before. " +
		"It is useful only for amounts that accumulate, such as hours. It can be null, so compare `coalesce(x, 0)`.",
	Parameters: []function.Parameter{
		function.StringParameter{Name: "billing_period", MarkdownDescription: "Month of the row, as `YYYY-MM` or `YYYY-MM-01`."},
		function.StringParameter{
			Name: "limit_period", AllowNullValue: true,
			MarkdownDescription: "Limit period of the row: `month`, `quarterly`, `annual` or `total`. Null is a month.",
		},
		function.StringParameter{Name: "timestamp", MarkdownDescription: "RFC 3339 timestamp, such as `plantimestamp()`."},
	},
	Return: function.NumberReturn{},
}}

func runElapsedPercent(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var billingPeriod, timestamp string
	var limitPeriod *string
	resp.Error = req.Arguments.Get(ctx, &billingPeriod, &limitPeriod, &timestamp)
	if resp.Error != nil {
		return
	}
	month, err := waldur.ParseMonth(billingPeriod)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, "billing_period "+err.Error())
		return
	}
	t, err := parseTimestamp(timestamp)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(2, "timestamp "+err.Error())
		return
	}
	percent, err := waldur.ElapsedPercent(month, limitPeriod, t)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(1, "limit_period "+err.Error())
		return
	}
	resp.Result = numberResult(percent)
}
