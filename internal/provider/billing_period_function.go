package provider

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

var billingPeriodFunction = providerFunction{"billing_period", runBillingPeriod, function.Definition{
	Summary:             "Billing period of a timestamp",
	MarkdownDescription: "Returns the month of a timestamp in UTC as `YYYY-MM`, plus offsets in months: `billing_period(plantimestamp(), -1)` is last month.",
	Parameters: []function.Parameter{
		function.StringParameter{
			Name:                "timestamp",
			MarkdownDescription: "RFC 3339 timestamp, such as `2026-10-31T23:30:00-02:00`. Use `plantimestamp()`: `timestamp()` is not known during plan.",
		},
	},
	VariadicParameter: function.NumberParameter{Name: "offset_months", MarkdownDescription: "Number of months to add. Negative for earlier months."},
	Return:            function.StringReturn{},
}}

func runBillingPeriod(ctx context.Context, arguments function.ArgumentsData) (attr.Value, *function.FuncError) {
	var timestamp string
	var offsets []*big.Float
	failed := arguments.Get(ctx, &timestamp, &offsets)
	t := parsed(timestamp, 0, "timestamp", parseTimestamp, &failed)
	sum := int64(0)
	for i, offset := range offsets {
		sum += parsed(offset, int64(i)+1, "offset_months", parseOffset, &failed)
	}
	month := waldur.MonthOf(t).Add(sum)
	if failed == nil && !month.InRange() {
		failed = function.NewArgumentFuncError(int64(min(len(offsets), 1)),
			fmt.Sprintf("the result must be within the years 0001 to 9999; got %d months from %s", sum, timestamp))
	}
	return types.StringValue(month.String()), failed
}

// parseOffset returns a number of months. Its bounds keep sums of them exact.
func parseOffset(offset *big.Float) (int64, error) {
	if offset == nil { // Terraform itself refuses null
		return 0, errors.New("must not be null")
	}
	return wholeNumberBetween(-1_000_000_000, 1_000_000_000).parse(offset)
}
