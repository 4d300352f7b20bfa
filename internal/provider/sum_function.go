package provider

import (
	"context"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

var sumFunction = providerFunction{"sum", runSum, function.Definition{
	Summary: "Exact sum",
	MarkdownDescription: "Returns the exact sum of numbers: `sum([10000.1, -9999.8])` is `0.3`. Terraform itself calculates in binary, where `10000.1 - " +
		"9999.8` is a little less. For a difference, use `sum([s.total_allocated, -s.total_consumed])`. The sum of an empty list is 0.",
	Parameters: []function.Parameter{
		function.ListParameter{
			Name: "numbers", ElementType: types.NumberType,
			MarkdownDescription: "Numbers to add, each rounded to ten decimal places first. Null is not allowed. In a set, equal numbers count once.",
		},
	},
	Return: function.NumberReturn{},
}}

func runSum(ctx context.Context, arguments function.ArgumentsData) (attr.Value, *function.FuncError) {
	var numbers []*big.Float
	failed := arguments.Get(ctx, &numbers)
	var sum waldur.Decimal
	for i, number := range numbers {
		sum = sum.Add(parsed(number, 0, fmt.Sprintf("numbers[%d]", i), parseNumber, &failed))
	}
	return numberResult(&sum), failed
}
