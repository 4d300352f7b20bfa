// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"terraform-provider-waldur/internal/waldur"
)

var billingPeriodFunction = providerFunction{"billing_period", runBillingPeriod, function.Definition{
	Summary: "Billing period of a timestamp",
	MarkdownDescription: "Returns the month of a timestamp in UTC as `YYYY-MM`, plus the sum of the offsets in months. " +
		"For example, `billing_period(plantimestamp(), -1)` is last month.",
	Parameters: []function.Parameter{
		function.StringParameter{
			Name: "timestamp",
			MarkdownDescription: "RFC 3339 timestamp, such as `2026-10-31T23:30:00-02:00`. " +
				"Use `plantimestamp()`, which is known during plan. `timestamp()` is known only during apply.",
		},
	},
	VariadicParameter: function.NumberParameter{Name: "offset_months", MarkdownDescription: "Number of months to add. Negative for earlier months."},
	Return:            function.StringReturn{},
}}

func runBillingPeriod(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var timestamp string
	var offsets []*big.Float
	resp.Error = req.Arguments.Get(ctx, &timestamp, &offsets)
	if resp.Error != nil {
		return
	}
	t, err := parseTimestamp(timestamp)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, "timestamp "+err.Error())
		return
	}
	sum := int64(0)
	for i, offset := range offsets {
		if offset == nil { // Terraform itself refuses null
			resp.Error = function.NewArgumentFuncError(int64(i)+1, "offset_months must not be null")
			return
		}
		months, exact := offset.Int64()
		if exact != big.Exact || months < -maxOffsetMonths || months > maxOffsetMonths {
			resp.Error = function.NewArgumentFuncError(int64(i)+1, fmt.Sprintf("offset_months must be a whole number between %d and %d; got %s",
				-maxOffsetMonths, maxOffsetMonths, shortNumber(offset)))
			return
		}
		sum += months
	}
	month := waldur.MonthOf(t).Add(sum)
	if !month.InRange() {
		resp.Error = function.NewArgumentFuncError(int64(min(len(offsets), 1)),
			fmt.Sprintf("the result must be within the years 0001 to 9999; got %d months from %s", sum, timestamp))
		return
	}
	resp.Error = resp.Result.Set(ctx, month.String())
}

// maxOffsetMonths bounds each offset, so that their sum is exact.
const maxOffsetMonths = 1_000_000_000
