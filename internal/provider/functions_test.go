// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	acctest "github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
)

// call calls a function as Terraform does.
func (c *protocolClient) call(name string, arguments ...tftypes.Value) (tftypes.Value, *tfprotov6.FunctionError) {
	c.tb.Helper()
	definition := c.schema.Functions[name]
	values := make([]*tfprotov6.DynamicValue, len(arguments))
	for i, argument := range arguments {
		value, err := tfprotov6.NewDynamicValue(argument.Type(), argument)
		if err != nil {
			c.tb.Fatal(err)
		}
		values[i] = &value
	}
	resp, err := c.server.CallFunction(c.tb.Context(), &tfprotov6.CallFunctionRequest{Name: name, Arguments: values})
	if err != nil {
		c.tb.Fatal(err)
	}
	if resp.Error != nil {
		return tftypes.Value{}, resp.Error
	}
	result, err := resp.Result.Unmarshal(definition.Return.Type)
	if err != nil {
		c.tb.Fatal(err)
	}
	return result, nil
}

func TestBillingPeriodFunction(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	for _, test := range []struct {
		timestamp string
		offsets   []any
		want      string // or a part of the error, after the number of the argument
	}{
		{"2026-11-23T12:00:00Z", nil, "2026-11"},
		{"2026-11-23T12:00:00Z", []any{0}, "2026-11"},
		{"2026-11-23T12:00:00Z", []any{-1}, "2026-10"},
		{"2026-01-31T00:00:00Z", []any{1}, "2026-02"},
		{"2026-01-31T00:00:00Z", []any{-1}, "2025-12"},
		{"2026-11-23T12:00:00Z", []any{-12, 3}, "2026-02"},
		{"2026-10-31T23:30:00-02:00", nil, "2026-11"},
		{"2026-11-01T01:30:00+02:00", nil, "2026-10"},
		{"2026-11-23T12:00:00.999Z", []any{14}, "2028-01"},
		{"0001-01-01T00:00:00Z", nil, "0001-01"},
		{"9999-12-31T23:59:59Z", nil, "9999-12"},
		{"9999-12-31T23:59:59-01:00", nil, "0: must be within the years 0001 to 9999"},
		{"9999-12-31T23:59:59-01:00", []any{-1}, "9999-12"},
		{"2026-11-23T12:00:00Z", []any{200000, -200001}, "2026-10"},
		{"2026-11-23T12:00:00Z", []any{1.5}, "1: offset_months must be a whole number between -1000000000 and 1000000000; got 1.5"},
		{"2026-11-23T12:00:00Z", []any{0, nil}, "2: null"},
		{"2026-11-23T12:00:00Z", []any{1e9, 1e9, 1e9, 1e9, 294967296}, "1: must be within the years 0001 to 9999; got 4294967296 months from 2026-11"},
		{"2026-11-23T12:00:00Z", []any{1e9, 1e9, 1e9, -1e9, -1e9, -1e9, -1}, "2026-10"},
		{"2026-11-23", nil, "0: RFC 3339"},
		{"", nil, "0: RFC 3339"},
		{"now", []any{1}, "0: RFC 3339"},
		{"2026-11-23T12:00:00Z", []any{0, 100000}, "1: must be within the years 0001 to 9999; got 100000 months from 2026-11"},
		{"2026-11-23T12:00:00Z", []any{int64(-9223372036854775808)}, "1: offset_months must be a whole number between"},
	} {
		arguments := []tftypes.Value{text(test.timestamp)}
		for _, offset := range test.offsets {
			arguments = append(arguments, tftypes.NewValue(tftypes.Number, offset))
		}
		got, failure := c.call("billing_period", arguments...)
		checkCall(t, "billing_period", arguments, got, failure, test.want)
	}
}

func TestBillingPeriodsFunction(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	for _, test := range []struct{ start, end, want string }{
		{"2026-10", "2026-10", "2026-10"},
		{"2025-11", "2026-02-01", "2025-11 2025-12 2026-01 2026-02"},
		{"2026-11", "2026-10", "1: end must not be before start; got start 2026-11 and end 2026-10"},
		{"2026-13", "2026-10", `0: start must be a month such as "2026-10"; got "2026-13"`},
		{"2026-10", "October", `1: end must be a month such as "2026-10"; got "October"`},
		{"", "2026-10", "0: start must be a month"},
	} {
		arguments := []tftypes.Value{text(test.start), text(test.end)}
		got, failure := c.call("billing_periods", arguments...)
		checkCall(t, "billing_periods", arguments, got, failure, test.want)
	}
}

// checkCall compares a result, or an error and its argument, with the expected one.
func checkCall(t *testing.T, name string, arguments []tftypes.Value, got tftypes.Value, failure *tfprotov6.FunctionError, want string) {
	t.Helper()
	if argument, message, isError := strings.Cut(want, ": "); isError {
		if failure == nil || failure.FunctionArgument == nil || string(rune('0'+*failure.FunctionArgument)) != argument || !strings.Contains(failure.Text, message) {
			t.Errorf("%s(%s): got %s, %+v; want an error of argument %s with %q", name, arguments, got, failure, argument, message)
		}
		return
	}
	if failure != nil {
		t.Errorf("%s(%s): %s", name, arguments, failure.Text)
		return
	}
	var one string
	var many []tftypes.Value
	if got.As(&one) != nil {
		if err := got.As(&many); err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, value := range many {
			_ = value.As(&one)
			texts = append(texts, one)
		}
		one = strings.Join(texts, " ")
	}
	if one != want {
		t.Errorf("%s(%s) is %s, want %s", name, arguments, one, want)
	}
}

// withFunctions skips a test if the engine does not support provider functions.
func withFunctions() []tfversion.TerraformVersionCheck {
	return []tfversion.TerraformVersionCheck{tfversion.SkipBelow(firstWithFunctions())}
}

func firstWithFunctions() *version.Version {
	if isOpenTofu() {
		return tfversion.Version1_7_0
	}
	return tfversion.Version1_8_0
}

func skipWithoutFunctions(t *testing.T) {
	t.Helper()
	if engineVersion().LessThan(firstWithFunctions()) {
		t.Skip("this version has no functions of providers")
	}
}

func TestAccFunctions(t *testing.T) {
	config := settings(recorded(t)) + `
data "waldur_component_usage_monthly" "last_month" {
  billing_period = provider::waldur::billing_period("2026-11-23T12:00:00Z", -1)
}
output "rows" {
  value = length(data.waldur_component_usage_monthly.last_month.summaries)
}
output "this_month_is_known_during_plan" {
  value = length(provider::waldur::billing_periods(provider::waldur::billing_period(plantimestamp(), -11), provider::waldur::billing_period(plantimestamp())))
}
output "no_offset" {
  value = provider::waldur::billing_period("2026-11-23T12:00:00Z")
}
`
	acctest.Test(t, acctest.TestCase{
		TerraformVersionChecks:   withFunctions(),
		ProtoV6ProviderFactories: factories(),
		Steps: []acctest.TestStep{
			{
				Config:      strings.Replace(config, `"2026-11-23T12:00:00Z", -1`, `"yesterday"`, 1),
				ExpectError: inLines(`Invalid value for "timestamp" parameter`, `timestamp must be an RFC 3339 timestamp such as "2026-10-31T12:00:00Z"; got "yesterday"`),
			},
			{
				Config: config,
				ConfigStateChecks: []statecheck.StateCheck{
					output("rows", exactly(8)), output("this_month_is_known_during_plan", exactly(12)), output("no_offset", stringsExact("2026-11")[0]),
				},
			},
		},
	})
}
