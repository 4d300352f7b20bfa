// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"math/big"
	"os"
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
	if got := shown(got); got != want {
		t.Errorf("%s(%s) is %s, want %s", name, arguments, got, want)
	}
}

// shown formats a text, a number, null, or a list of them with spaces between.
func shown(value tftypes.Value) string {
	var text *string
	var number *big.Float
	var list []tftypes.Value
	switch {
	case value.IsNull():
		return "null"
	case value.As(&text) == nil:
		return *text
	case value.As(&number) == nil:
		return number.Text('f', -1)
	}
	_ = value.As(&list)
	var texts []string
	for _, element := range list {
		texts = append(texts, shown(element))
	}
	return strings.Join(texts, " ")
}

// TestNullArgumentsFromOpenTofu are empty values.
func TestNullArgumentsFromOpenTofu(t *testing.T) {
	t.Parallel()
	resp, err := NewServer("test")().CallFunction(t.Context(), &tfprotov6.CallFunctionRequest{Name: "percent", Arguments: []*tfprotov6.DynamicValue{{}, {}}})
	if err != nil || resp.Error != nil {
		t.Fatal(err, resp.Error)
	}
	if null, err := resp.Result.IsNull(); err != nil || !null {
		t.Errorf("got %x, want null", resp.Result.MsgPack)
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

// TestAccNumbersOfFunctions in a plan, in the apply of the saved plan, in the state and in
// the next plan are equal to literals.
func TestAccNumbersOfFunctions(t *testing.T) {
	if os.Getenv("TF_ACC") != "" {
		skipWithoutFunctions(t)
	}
	tf := newTerraform(t, settings(recorded(t))+`
data "waldur_component_usage_monthly" "this" {
  billing_period = "2026-11"
  usage_period   = "limit_period"
}

locals {
  sums = [
    { sum = provider::waldur::sum([0.1, 0.2]), literal = 0.3 },
    { sum = provider::waldur::sum([10000.1, -9999.8]), literal = 0.3 },
    { sum = provider::waldur::sum([]), literal = 0 },
    { sum = provider::waldur::sum([1.25, -0.75]), literal = 0.5 },
    { sum = provider::waldur::sum([1, "2"]), literal = 3 },
    { sum = provider::waldur::sum(toset([1, 2, 2])), literal = 3 },
    { sum = provider::waldur::sum([0.01, -0.02]), literal = -0.01 },
    { sum = provider::waldur::sum([1e15]), literal = 1000000000000000 },
    { sum = provider::waldur::sum([2251799813685248, -0.25]), literal = 2251799813685247.75 },
    { sum = provider::waldur::sum([9223372036854775807, 1]), literal = 9223372036854775808 },
    { sum = provider::waldur::sum([1e18, -0.01]), literal = 999999999999999999.99 },
    { sum = provider::waldur::percent(1, 3), literal = 33.33 },
    { sum = provider::waldur::percent(0.6 * 100, 100), literal = 60 },
    { sum = provider::waldur::elapsed_percent("2026-11", null, "2026-11-16T00:00:00Z"), literal = 50 },
  ]
  rows = [for s in data.waldur_component_usage_monthly.this.summaries : {
    name    = provider::waldur::label(s.service_provider_name, null, s.component_name)
    left    = provider::waldur::sum([s.total_allocated, -s.total_consumed])
    heading = provider::waldur::percent(s.usage_percent, provider::waldur::elapsed_percent(s.billing_period, s.limit_period, "2026-11-23T12:00:00Z"))
  }]
}

# In a saved plan, Terraform keeps 53 bits of 2251799813685247.75, also of the literal.
resource "terraform_data" "sum" {
  for_each = toset([for s in local.sums : tostring(s.sum) if s.literal != 2251799813685247.75])
  input    = provider::waldur::sum([tonumber(each.key)])
}

resource "terraform_data" "rows" {
  input = local.rows
}

resource "terraform_data" "known_after_apply" {
  input = provider::waldur::sum([terraform_data.sum["0.3"].output, 0.1])
}

resource "terraform_data" "quotients" {
  input = [for s in local.sums : s.sum / local.sums[4].sum if s.literal != 2251799813685247.75]
}

output "different" {
  value = [for i, s in local.sums : i if s.sum != s.literal || jsonencode(s.sum) != jsonencode(s.literal) || s.sum / local.sums[4].sum != s.literal / 3]
}

output "null" {
  value = provider::waldur::percent(null, 1) == null && provider::waldur::percent(1, null) == null && provider::waldur::elapsed_percent("2026-11", "total", plantimestamp()) == null
}

output "row" {
  value = jsonencode([for r in local.rows : r if r.left < -100])
}

output "later" {
  value = terraform_data.known_after_apply.output == 0.4
}
`)
	if out, err := tf.run("plan", "-out=saved"); err != nil {
		t.Fatalf("plan: %v\n%s", err, out)
	}
	out, err := tf.run("apply", "saved")
	if err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
	for _, want := range []string{"different = []", "null = true", "later = true", `{\"heading\":302.67,\"left\":-380,\"name\":\"CSC – IT Center for Science, Storage\"}`} {
		if !strings.Contains(out, want) {
			t.Errorf("apply lacks %s:\n%s", want, out)
		}
	}
	if out, err := tf.run("plan", "-detailed-exitcode"); err != nil {
		t.Fatalf("a second plan: %v\n%s", err, out)
	}
}
