package provider

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// randomRow draws a row with any text, nulls, and decimals of up to 40 digits.
func randomRow(t *rapid.T, i int) waldurtest.Row {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "CPU", "Järve \"x\" & <y>", strings.Repeat("long ", 60)}))
	decimal := rapid.Custom(func(t *rapid.T) string {
		digits := rapid.StringMatching(`[1-9]([0-9]{0,39}|0{0,39}|9{0,39}|0{0,38}1)`).Draw(t, "digits")
		exponent := rapid.OneOf(rapid.Just(-2), rapid.IntRange(-40, 40)).Draw(t, "exponent")
		return fmt.Sprintf("%s%se%d", rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign"), digits, exponent)
	})
	row := waldurtest.Row{
		OfferingUUID: fmt.Sprintf("%032x", i), OfferingName: text.Draw(t, "name"), OfferingType: text.Draw(t, "type"),
		ServiceProviderUUID: fmt.Sprintf("%032x", 7), ServiceProviderName: text.Draw(t, "provider"),
		CategoryUUID: "c", CategoryTitle: text.Draw(t, "category"), ComponentType: "cores", ComponentName: text.Draw(t, "component"),
		MeasuredUnit: text.Draw(t, "unit"), BillingType: "limit", BillingPeriod: "2026-10-01",
		TotalConsumed: decimal.Draw(t, "consumed"), TotalAllocated: decimal.Draw(t, "allocated"),
		LimitAmount: rapid.Ptr(rapid.Int32(), true).Draw(t, "limit"), LimitPeriod: rapid.Ptr(text, true).Draw(t, "period"),
		UsagePercent: rapid.Ptr(decimal, true).Draw(t, "percent"),
	}
	return row
}

// TestBothWaysHandOverTheSameRows compares what Terraform gets from the provider's own server and
// from the framework's, for random rows and fields.
func TestBothWaysHandOverTheSameRows(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	clients := ways(t, server)
	rapid.Check(t, func(rt *rapid.T) {
		rows := make([]waldurtest.Row, rapid.IntRange(0, 5).Draw(rt, "rows"))
		for i := range rows {
			rows[i] = randomRow(rt, i)
		}
		server.SetRows(rows)
		arguments := map[string]tftypes.Value{"start": text("2000-01")}
		if fields := rapid.SliceOfNDistinct(rapid.SampledFrom(waldur.ColumnNames(waldur.Columns)), 0, 17, rapid.ID).Draw(rt, "fields"); len(fields) > 0 {
			var names []tftypes.Value
			for _, field := range fields {
				names = append(names, text(field))
			}
			arguments["fields"] = set(names...)
		}
		own, diags := clients["own server"].read(t.Context(), arguments)
		framework, otherDiags := clients["framework server"].read(t.Context(), arguments)
		if hasError(diags) || hasError(otherDiags) {
			rt.Fatal(describe(append(diags, otherDiags...)))
		}
		for name, value := range own {
			if !value.Equal(framework[name]) {
				rt.Fatalf("%s differs: %s, and %s", name, value, framework[name])
			}
		}
		if got := len(summaries(t, own)); got != len(rows) {
			rt.Fatalf("%d rows, want %d", got, len(rows))
		}
	})
}

// TestDecimalsAreSentAsTheirDigits checks the bytes that Terraform receives.
func TestDecimalsAreSentAsTheirDigits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		digits := randomRow(rt, 0).TotalConsumed
		d, err := waldur.ParseDecimal(digits)
		if err != nil {
			rt.Fatal(err)
		}
		encoded, err := encodeRows([]*waldur.ComponentUsage{{TotalConsumed: &d}}, 1)
		if err != nil {
			rt.Fatal(err)
		}
		var rows []map[string]any
		if err := msgpack.Unmarshal(encoded["summaries"], &rows); err != nil {
			rt.Fatal(err)
		}
		sent, ok := rows[0]["total_consumed"].(string)
		want, _ := new(big.Rat).SetString(digits)
		if got, valid := new(big.Rat).SetString(sent); !ok || !valid || got.Cmp(want) != 0 {
			rt.Fatalf("%s is sent as %v", digits, rows[0]["total_consumed"])
		}
	})
}

// TestAListTooLargeForTheProtocolIsReported before gRPC refuses it. It lowers the limit, so it does
// not run in parallel.
func TestAListTooLargeForTheProtocolIsReported(t *testing.T) {
	server := recorded(t)
	limit := maxSummaries
	t.Cleanup(func() { maxSummaries = limit })
	for way, c := range ways(t, server) {
		maxSummaries = limit
		if state, diags := c.read(t.Context(), nil); hasError(diags) || len(summaries(t, state)) != 10 {
			t.Errorf("%s: %s", way, describe(diags))
		}
		maxSummaries = 1000
		_, diags := c.read(t.Context(), nil)
		if !reported(diags, tfprotov6.DiagnosticSeverityError, "", "List Too Large for the Plugin Protocol: The encoded list of 10 rows", "256 MiB", "narrow the filters, or set group_by, min_usage_percent, limit or fields") {
			t.Errorf("%s: %s", way, describe(diags))
		}
	}
}
