package provider

import (
	"context"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
)

var percentFunction = providerFunction{"percent", runPercent, function.Definition{
	Summary: "Percentage, rounded as Waldur rounds",
	MarkdownDescription: "Returns `part` as a percentage of `whole`, rounded half to even to two decimal places, as Waldur rounds `usage_percent`. The " +
		"result is null if `part` or `whole` is null, or if `whole` is 0 or negative. Both are first rounded to ten decimal places.",
	Parameters: []function.Parameter{
		function.NumberParameter{Name: "part", AllowNullValue: true, MarkdownDescription: "Number to express as a percentage."},
		function.NumberParameter{Name: "whole", AllowNullValue: true, MarkdownDescription: "Number that is 100 %."},
	},
	Return: function.NumberReturn{},
}}

func runPercent(ctx context.Context, arguments function.ArgumentsData) (attr.Value, *function.FuncError) {
	var part, whole *big.Float
	failed := arguments.Get(ctx, &part, &whole)
	if part == nil || whole == nil {
		return numberResult(nil), failed
	}
	numerator := parsed(part, 0, "part", parseNumber, &failed)
	denominator := parsed(whole, 1, "whole", parseNumber, &failed)
	if denominator.Sign() <= 0 {
		return numberResult(nil), failed
	}
	return numberResult(new(numerator.PercentOf(denominator))), failed
}
