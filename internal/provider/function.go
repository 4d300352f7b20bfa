package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

// providerFunction is a function of the provider. Each is in a file of its own.
type providerFunction struct {
	name       string
	run        func(context.Context, function.ArgumentsData) (attr.Value, *function.FuncError)
	definition function.Definition
}

func (f providerFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = f.name
}

func (f providerFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = f.definition
}

func (f providerFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var result attr.Value
	if result, resp.Error = f.run(ctx, req.Arguments); resp.Error == nil {
		resp.Result = function.NewResultData(result)
	}
}

// parsed returns the parsed value of an argument. The first error of a call is set in failed.
func parsed[T, V any](argument T, position int64, name string, parse func(T) (V, error), failed **function.FuncError) (value V) {
	if *failed != nil {
		return value
	}
	value, err := parse(argument)
	if err != nil {
		*failed = function.NewArgumentFuncError(position, name+" "+err.Error())
	}
	return value
}

// numberResult returns a number, or null, as the result of a function. It is a string of digits, as
// in encodeRows: the framework would send most numbers as binary floats of 53 bits, and Terraform
// would store and print too few of their digits.
func numberResult(number *waldur.Decimal) attr.Value {
	if number == nil {
		return types.StringNull()
	}
	return types.StringValue(number.String())
}
