// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

// providerFunction is a function of the provider. Each is in a file of its own.
type providerFunction struct {
	name       string
	run        func(context.Context, function.RunRequest, *function.RunResponse)
	definition function.Definition
}

func (f providerFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = f.name
}

func (f providerFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = f.definition
}

func (f providerFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	f.run(ctx, req, resp)
}

// numberResult returns a number, or null, as the result of a function. It is a string of
// digits, as in encodeRows: the framework would send most numbers as binary floats of 53
// bits, of which Terraform stores and prints fewer digits than they have.
func numberResult(number *waldur.Decimal) function.ResultData {
	if number == nil {
		return function.NewResultData(types.StringNull())
	}
	return function.NewResultData(types.StringValue(number.String()))
}
