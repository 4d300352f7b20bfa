package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"

	"terraform-provider-waldur/internal/waldur"
)

var elapsedPercentFunction = providerFunction{"elapsed_percent", runElapsedPercent, function.Definition{
	Summary: "Percentage of a limit period that is over",
	MarkdownDescription: "Returns how much of a row's limit period is over at a given time, as a percentage rounded half to even to two decimal places. A " +
		"time after the row's month counts as the end of that month, because the row's consumption ends there. The result is 0 before the period begins, " +
		"and null for `total`, which has no end. Periods are calendar months, quarters and years in UTC.\n\nFor rows read with `usage_period = " +
		"\"limit_period\"`, the example calculates where each limit is heading. This is arithmetic, not a forecast: it assumes that consumption goes on as " +
		"before. It is useful only for amounts that accumulate, such as hours. The value can be null, so compare `coalesce(value, 0)`.",
	Parameters: []function.Parameter{
		function.StringParameter{Name: "billing_period", MarkdownDescription: "Month of the row, as `YYYY-MM` or `YYYY-MM-01`."},
		function.StringParameter{
			Name: "limit_period", AllowNullValue: true,
			MarkdownDescription: "Limit period of the row: `month`, `quarterly`, `annual` or `total`. Null means `month`.",
		},
		function.StringParameter{Name: "timestamp", MarkdownDescription: "RFC 3339 timestamp, such as `plantimestamp()`."},
	},
	Return: function.NumberReturn{},
}}

func runElapsedPercent(ctx context.Context, arguments function.ArgumentsData) (attr.Value, *function.FuncError) {
	var billingPeriod, timestamp string
	var limitPeriod *string
	failed := arguments.Get(ctx, &billingPeriod, &limitPeriod, &timestamp)
	month := parsed(billingPeriod, 0, "billing_period", waldur.ParseMonth, &failed)
	t := parsed(timestamp, 2, "timestamp", parseTimestamp, &failed)
	percent := parsed(limitPeriod, 1, "limit_period", func(period *string) (*waldur.Decimal, error) { return waldur.ElapsedPercent(month, period, t) }, &failed)
	return numberResult(percent), failed
}
