package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

var billingPeriodsFunction = providerFunction{"billing_periods", runBillingPeriods, function.Definition{
	Summary: "Billing periods of a range",
	MarkdownDescription: "Returns all months from `start` to `end`, including both, as a list of `YYYY-MM`, the earliest first. Use it for reports that " +
		"need a value for every month: Waldur has no row for a month without usage.",
	Parameters: []function.Parameter{
		function.StringParameter{Name: "start", MarkdownDescription: "First month, as `YYYY-MM` or `YYYY-MM-01`."},
		function.StringParameter{Name: "end", MarkdownDescription: "Last month, as `YYYY-MM` or `YYYY-MM-01`, not before `start`."},
	},
	Return: function.ListReturn{ElementType: types.StringType},
}}

func runBillingPeriods(ctx context.Context, arguments function.ArgumentsData) (attr.Value, *function.FuncError) {
	var first, last string
	failed := arguments.Get(ctx, &first, &last)
	start := parsed(first, 0, "start", waldur.ParseMonth, &failed)
	end := parsed(last, 1, "end", waldur.ParseMonth, &failed)
	if failed == nil && start.Compare(end) > 0 {
		failed = function.NewArgumentFuncError(1, fmt.Sprintf("end must not be before start; got start %s and end %s", start, end))
	}
	var periods []attr.Value
	for month := start; failed == nil && month.Compare(end) <= 0; month = month.Add(1) {
		periods = append(periods, types.StringValue(month.String()))
	}
	return types.ListValueMust(types.StringType, periods), failed
}
