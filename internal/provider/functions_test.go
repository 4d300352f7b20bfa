package provider

import (
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"pgregory.net/rapid"
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

// number is a literal in HCL.
func number(literal string) *big.Float {
	f, _, err := big.ParseFloat(literal, 10, 512, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	return f
}

func numberList(elements ...any) tftypes.Value {
	values := make([]tftypes.Value, len(elements))
	for i, element := range elements {
		values[i] = tftypes.NewValue(tftypes.Number, element)
	}
	return tftypes.NewValue(tftypes.List{ElementType: tftypes.Number}, values)
}

// TestFunctions calls each with arguments: texts, numbers, nulls and lists.
func TestFunctions(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	const huge, noon = "99999999999999999999999999999.9999999999", "2026-11-23T12:00:00Z"
	type arguments = []any
	for _, test := range []struct {
		name      string
		arguments arguments
		want      string // or a part of the error, after the number of the argument
	}{
		{"billing_period", arguments{noon}, "2026-11"},
		{"billing_period", arguments{noon, 0}, "2026-11"},
		{"billing_period", arguments{noon, -1}, "2026-10"},
		{"billing_period", arguments{"2026-01-31T00:00:00Z", 1}, "2026-02"},
		{"billing_period", arguments{"2026-01-31T00:00:00Z", -1}, "2025-12"},
		{"billing_period", arguments{noon, -12, 3}, "2026-02"},
		{"billing_period", arguments{"2026-10-31T23:30:00-02:00"}, "2026-11"},
		{"billing_period", arguments{"2026-11-01T01:30:00+02:00"}, "2026-10"},
		{"billing_period", arguments{"9999-12-31T23:59:59Z"}, "9999-12"},
		{"billing_period", arguments{"9999-12-31T23:59:59-01:00"}, "0: must be within the years 0001 to 9999"},
		{"billing_period", arguments{"9999-12-31T23:59:59-01:00", -1}, "9999-12"},
		{"billing_period", arguments{noon, 200000, -200001}, "2026-10"},
		{"billing_period", arguments{noon, 1.5}, "1: offset_months must be a whole number between -1000000000 and 1000000000; got 1.5"},
		{"billing_period", arguments{noon, 0, nil}, "2: null"},
		{"billing_period", arguments{noon, 1e9, 1e9, 1e9, 1e9, 294967296}, "1: must be within the years 0001 to 9999; got 4294967296 months from 2026-11"},
		{"billing_period", arguments{noon, 1e9, 1e9, 1e9, -1e9, -1e9, -1e9, -1}, "2026-10"},
		{"billing_period", arguments{"2026-11-23"}, "0: RFC 3339"},
		{"billing_period", arguments{"now", 1}, "0: RFC 3339"},
		{"billing_period", arguments{noon, 0, 100000}, "1: must be within the years 0001 to 9999; got 100000 months from 2026-11"},
		{"billing_period", arguments{noon, int64(-9223372036854775808)}, "1: offset_months must be a whole number between"},

		{"billing_periods", arguments{"2026-10", "2026-10"}, "2026-10"},
		{"billing_periods", arguments{"2025-11", "2026-02-01"}, "2025-11 2025-12 2026-01 2026-02"},
		{"billing_periods", arguments{"2026-11", "2026-10"}, "1: end must not be before start; got start 2026-11 and end 2026-10"},
		{"billing_periods", arguments{"2026-13", "2026-10"}, `0: start must be a month such as "2026-10"; got "2026-13"`},
		{"billing_periods", arguments{"2026-10", "October"}, `1: end must be a month such as "2026-10"; got "October"`},

		{"elapsed_percent", arguments{"2026-11-01", nil, "2026-11-16T00:00:00Z"}, "50"},
		{"elapsed_percent", arguments{"2026-11", "quarterly", noon}, "58.15"}, // 53.5 of 92 days
		{"elapsed_percent", arguments{"2026-11", "total", noon}, "null"},
		{"elapsed_percent", arguments{"2026-13", "month", noon}, `0: billing_period must be a month such as "2026-10"; got "2026-13"`},
		{"elapsed_percent", arguments{"2026-11", "yearly", noon}, `1: limit_period must be month, quarterly, annual or total; got "yearly"`},
		{"elapsed_percent", arguments{"2026-11", "total", "2026-11-16"}, `2: timestamp must be an RFC 3339 timestamp such as "2026-10-31T12:00:00Z"; got "2026-11-16"`},

		{"percent", arguments{5140.4, 4000}, "128.51"},
		{"percent", arguments{number("0.6"), 1}, "60"},
		{"percent", arguments{number("1e-10"), number("1e29")}, "0"},
		{"percent", arguments{nil, 1}, "null"},
		{"percent", arguments{1, nil}, "null"},
		{"percent", arguments{1, 0}, "null"},
		{"percent", arguments{1, number("1e-11")}, "null"},
		{"percent", arguments{1, -1}, "null"},
		{"percent", arguments{number("1e30"), 1}, "0: part must be between -1e+29 and 1e+29; got 1e+30"},
		{"percent", arguments{1, number("1e30")}, "1: whole must be between -1e+29 and 1e+29; got 1e+30"},

		{"sum", arguments{arguments{}}, "0"},
		{"sum", arguments{arguments{0.1, 0.2}}, "0.3"},
		{"sum", arguments{arguments{number(huge), number(huge)}}, "199999999999999999999999999999.9999999998"},
		{"sum", arguments{arguments{number("0.00000000005"), number("0.00000000015")}}, "0.0000000002"}, // half to even, as a binary number
		{"sum", arguments{arguments{number("1e-999999999"), number("-1e-11")}}, "0"},
		{"sum", arguments{arguments{1, nil, 2}}, "0: numbers[1] must not be null"},
		{"sum", arguments{arguments{number("1e30")}}, "0: numbers[0] must be between -1e+29 and 1e+29; got 1e+30"},
		{"sum", arguments{arguments{1, number("-1e999999999")}}, "0: numbers[1] must be between -1e+29 and 1e+29; got -Inf"},
	} {
		parameters := c.schema.Functions[test.name].Parameters
		var values []tftypes.Value
		for i, argument := range test.arguments {
			if elements, isList := argument.(arguments); isList {
				values = append(values, numberList(elements...))
			} else if i < len(parameters) {
				values = append(values, tftypes.NewValue(parameters[i].Type, argument))
			} else {
				values = append(values, tftypes.NewValue(tftypes.Number, argument))
			}
		}
		got, failure := c.call(test.name, values...)
		checkCall(t, test.name, values, got, failure, test.want)
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

// TestSumsAreExact compares sums with fractions. Each equals its literal, and has as many bits.
func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	rapid.Check(t, func(rt *rapid.T) {
		for range 100 {
			var numbers []any
			want := new(big.Rat)
			for range rapid.IntRange(0, 5).Draw(rt, "numbers") {
				places := rapid.IntRange(0, 10).Draw(rt, "places")
				literal := new(big.Rat).SetFrac(
					new(big.Int).Mul(big.NewInt(rapid.Int64().Draw(rt, "digits")), big.NewInt(rapid.Int64Range(1, 100_000_000).Draw(rt, "factor"))),
					new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
				numbers = append(numbers, number(literal.FloatString(places)))
				want.Add(want, literal)
			}
			result, failure := c.call("sum", numberList(numbers...))
			var got *big.Float
			if failure != nil || result.As(&got) != nil {
				rt.Fatalf("sum(%s): %v %v", numbers, result, failure)
			}
			if literal := number(want.FloatString(10)); got.Cmp(literal) != 0 || got.Prec() != literal.Prec() {
				rt.Fatalf("sum(%s) is %s with %d bits, want %s", numbers, got.Text('f', -1), got.Prec(), want.FloatString(10))
			}
		}
	})
}

func (c *protocolClient) label(texts ...any) string {
	c.tb.Helper()
	var arguments []tftypes.Value
	for _, text := range texts {
		arguments = append(arguments, tftypes.NewValue(tftypes.String, text))
	}
	got, failure := c.call("label", arguments...)
	if failure != nil {
		c.tb.Fatalf("label(%q): %s", texts, failure.Text)
	}
	return shown(got)
}

func TestLabelFunction(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	for want, texts := range map[string][]any{
		"":                              nil,
		"EENet":                         {"EENet"},
		"EENet, Archive, Bytes":         {"EENet", "Archive", "Bytes"},
		"EENet, Bytes":                  {nil, "EENet", "", " \t\u3000", "\u200b", ":", nil, " Bytes\n"},
		"CPU k-hours: 80 %":             {"CPU k-hours: 80 %"},
		"stop-commands x, [error] y":    {"::stop-commands::x", "##[error] y"},
		"[31mred  32m":                  {"\x1b[31mred\r\u009b32m"},
		"Søn 日本語 ☃, =1+1, /approve":     {"Søn 日本語 ☃", "=1+1", "```\n/approve\n~~~"},
		"no, colon, at either, end":     {"no:", ":colon", "at either: :\u200b:", "\u202e:\u00a0: end"},
		"the name of   a row, with end": {"the name of \u2028\u2029a row", "with end"},
	} {
		if got := c.label(texts...); got != want {
			t.Errorf("label(%q): got %q, want %q", texts, got, want)
		}
	}
}

// TestLabelsAreSafe beside colons, in any number, and do not change when labelled again.
func TestLabelsAreSafe(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	unsafe := regexp.MustCompile("[\\pC\\p{Zl}\\p{Zp}]|::|##|```|~~~")
	pieces := rapid.SliceOfN(rapid.SampledFrom([]string{":", "#", "`", "~", " ", "\n", "\u00a0", "\u200b", "\u2028", "\x1b", "a", ","}), 0, 9)
	rapid.Check(t, func(rt *rapid.T) {
		for range 100 {
			texts := make([]any, rapid.IntRange(1, 3).Draw(rt, "texts"))
			for i := range texts {
				texts[i] = strings.Join(pieces.Draw(rt, "pieces"), "")
			}
			got := c.label(texts...)
			if found := unsafe.FindString(got); found != "" || strings.Trim(got, ":") != got {
				rt.Fatalf("label(%q) is %q, which is not safe", texts, got)
			}
			if again := c.label(got); len(texts) == 1 && again != got {
				rt.Fatalf("label(%q) is %q", got, again)
			}
		}
	})
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

// TestAccNumbersOfFunctions in a plan, in the apply of the saved plan, in the state and in the next
// plan are equal to literals.
func TestAccNumbersOfFunctions(t *testing.T) {
	skipWithoutFunctions(t)
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
	tf.succeed("plan -out=saved")
	tf.succeed("apply saved", "different = []", "null = true", "later = true", `{\"heading\":302.67,\"left\":-380,\"name\":\"CSC – IT Center for Science, Storage\"}`)
	tf.succeed("plan -detailed-exitcode")
}
