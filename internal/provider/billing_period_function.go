// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"terraform-provider-waldur/internal/waldur"
)

func newBillingPeriodFunction() function.Function { return &billingPeriodFunction{} }

type billingPeriodFunction struct{}

func (f *billingPeriodFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "billing_period"
}

func (f *billingPeriodFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Billing period of a timestamp",
		MarkdownDescription: "Returns the month of a timestamp in UTC as `YYYY-MM`, moved by the sum of the offsets in months: " +
			"`billing_period(plantimestamp(), -1)` is last month.",
		Parameters: []function.Parameter{
			function.StringParameter{
				Name: "timestamp",
				MarkdownDescription: "Timestamp in the form of RFC 3339, such as `2026-10-31T23:30:00-02:00`. " +
					"`plantimestamp()` is known during plan; `timestamp()` only during apply.",
			},
		},
		VariadicParameter: function.NumberParameter{
			Name:                "offset_months",
			MarkdownDescription: "Number of months to move by, negative for earlier ones.",
		},
		Return: function.StringReturn{},
	}
}

func (f *billingPeriodFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var timestamp string
	var offsets []*big.Float
	resp.Error = req.Arguments.Get(ctx, &timestamp, &offsets)
	if resp.Error != nil {
		return
	}
	t, err := time.Parse(time.RFC3339, timestamp)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, fmt.Sprintf("%q is not a timestamp in the form of RFC 3339, such as %q", timestamp, "2026-10-31T12:00:00Z"))
		return
	}
	month := waldur.MonthOf(t)
	if !month.InRange() {
		resp.Error = function.NewArgumentFuncError(0, fmt.Sprintf("%q is in UTC in no month of the years 0001 to 9999", timestamp))
		return
	}
	for i, offset := range offsets {
		months, exact := offset.Int64()
		if exact != big.Exact {
			resp.Error = function.NewArgumentFuncError(int64(i)+1, fmt.Sprintf("%s is not a whole number of months", offset.Text('g', 20)))
			return
		}
		if max(months, -months) > maxOffsetMonths || months == math.MinInt64 || !month.Add(int(months)).InRange() {
			resp.Error = function.NewArgumentFuncError(int64(i)+1, fmt.Sprintf("the month %d months from %s lies outside the years 0001 to 9999", months, month))
			return
		}
		month = month.Add(int(months))
	}
	resp.Error = resp.Result.Set(ctx, month.String())
}

// maxOffsetMonths is more than lie between any two months that can be written.
const maxOffsetMonths = 10000 * 12
