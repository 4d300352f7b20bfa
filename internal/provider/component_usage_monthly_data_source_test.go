// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/shopspring/decimal"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"terraform-provider-waldur/internal/waldurtest"
)

func list(elements ...tftypes.Value) tftypes.Value {
	return tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, elements)
}

func set(elements ...tftypes.Value) tftypes.Value {
	return tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, elements)
}

// TestBadArguments are errors at the argument, before any request.
func TestBadArguments(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	c := configured(t, server, nil)
	number := func(n any) tftypes.Value { return tftypes.NewValue(tftypes.Number, n) }
	months := "YYYY-MM or YYYY-MM-01"
	type arguments = map[string]tftypes.Value
	for name, test := range map[string]struct {
		arguments arguments
		at        string
		part      string
	}{
		"an impossible month":           {arguments{"billing_period": text("2026-13")}, "billing_period", months},
		"a day within a month":          {arguments{"billing_period": text("2026-10-15")}, "billing_period", months},
		"a month's name":                {arguments{"billing_period": text("October")}, "billing_period", months},
		"an empty month":                {arguments{"billing_period": text("")}, "billing_period", months},
		"a bad start":                   {arguments{"start": text("2026")}, "start", months},
		"a bad end":                     {arguments{"end": text("2026-1")}, "end", months},
		"a month and a start":           {arguments{"billing_period": text("2026-10"), "start": text("2026-10")}, "billing_period", "start"},
		"a month and an end":            {arguments{"billing_period": text("2026-10"), "end": text("2026-10")}, "billing_period", "end"},
		"a start after the end":         {arguments{"start": text("2026-10"), "end": text("2026-09-01")}, "start", "2026-10, is after end, 2026-09"},
		"an offering that is no UUID":   {arguments{"offering_uuid": text("lumi")}, "offering_uuid", "32 hexadecimal digits"},
		"a customer that is no UUID":    {arguments{"customer_uuid": text("{5c6eb065-f4e7-58f7-957c-e351ad5bfcea}")}, "customer_uuid", "32 hexadecimal digits"},
		"a project that is no UUID":     {arguments{"project_uuid": text("5c6eb065f4e758f7957ce351ad5bfceg")}, "project_uuid", "32 hexadecimal digits"},
		"a UUID with dashes elsewhere":  {arguments{"project_uuid": text("5c6eb065f-4e7-58f7-957c-e351ad5bfcea")}, "project_uuid", "8-4-4-4-12"},
		"an empty offering type":        {arguments{"offering_type": text("")}, "offering_type", "is empty"},
		"an empty component type":       {arguments{"component_type": text("")}, "component_type", "is empty"},
		"a blank component type":        {arguments{"component_type": text(" ")}, "component_type", "white space"},
		"a padded component type":       {arguments{"component_type": text("cores ")}, "component_type", "white space"},
		"an unknown billing type":       {arguments{"billing_type": text("never")}, "billing_type", `"usage"`},
		"an unknown field":              {arguments{"fields": set(text("color"))}, "fields", "offering_uuid"},
		"no fields":                     {arguments{"fields": set()}, "fields", "at least 1"},
		"a null field":                  {arguments{"fields": set(text(""), tftypes.NewValue(tftypes.String, nil))}, "fields", "null"},
		"an order by an unknown column": {arguments{"order_by": list(text("-color"))}, "order_by", "offering_uuid"},
		"an order by two minuses":       {arguments{"order_by": list(text("--usage_percent"))}, "order_by", "is not a column"},
		"a null order":                  {arguments{"order_by": list(tftypes.NewValue(tftypes.String, nil))}, "order_by", "null"},
		"a page too large":              {arguments{"page_size": number(301)}, "page_size", "between 1 and 300"},
		"a page too small":              {arguments{"page_size": number(0)}, "page_size", "between 1 and 300"},
		"a page of no whole number":     {arguments{"page_size": number(1.5)}, "page_size", "1.5 is not a whole number between 1 and 300"},
		"a timeout of no time":          {arguments{"timeouts": timeoutsBlock("0s")}, "timeouts", "greater than 0"},
		"a timeout of no duration":      {arguments{"timeouts": timeoutsBlock("soon")}, "timeouts", "soon"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := c.read(t.Context(), test.arguments)
			if !reported(diags, tfprotov6.DiagnosticSeverityError, test.at, test.part) {
				t.Fatalf("want an error at %s with %q, got: %s", test.at, test.part, describe(diags))
			}
		})
	}
	t.Cleanup(func() {
		if n := len(server.Requests()); n != 0 {
			t.Errorf("%d requests were made all the same", n)
		}
	})
}

func timeoutsBlock(read string) tftypes.Value {
	object := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"read": tftypes.String}}
	return tftypes.NewValue(object, map[string]tftypes.Value{"read": text(read)})
}

// TestReadErrors are what the person at the terminal reads when a read fails:
// what was asked, what came back, and what to do.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	status := waldurtest.Status
	token := []string{"Set a valid token", tokenVariable}
	for name, test := range map[string]struct {
		fault     waldurtest.Fault
		retries   int
		arguments map[string]tftypes.Value
		at        string
		parts     []string
	}{
		"no credentials":     {fault: status(401, nil, `{"detail":"Authentication credentials were not provided."}`), parts: append(token, "credentials were not provided")},
		"unknown token":      {fault: status(401, nil, `{"detail":"Invalid token."}`), parts: append(token, "Invalid token.")},
		"expired token":      {fault: status(401, nil, `{"detail":"Token has expired."}`), parts: append(token, "Token has expired.")},
		"inactive user":      {fault: status(401, nil, `{"detail":"User inactive or deleted."}`), parts: append(token, "User inactive")},
		"403":                {fault: status(403, nil, `{"detail":"No."}`), parts: []string{"403 Forbidden (No.)", "role"}},
		"404 as JSON":        {fault: status(404, nil, `{"detail":"Not found."}`), parts: []string{"8.0.8", "Check url", urlVariable}},
		"404 as HTML":        {fault: waldurtest.HTML(404), parts: []string{"8.0.8", "web front end", "Check url"}},
		"200 as HTML":        {fault: waldurtest.HTML(200), parts: []string{"web front end and not the API", "Check url"}},
		"no array":           {fault: waldurtest.Body("application/json", "{}"), parts: []string{"not a JSON array", "Check url"}},
		"a row":              {fault: waldurtest.Body("application/json", `[{"offering_uuid":1}]`), parts: []string{"row 1: offering_uuid is 1, want a string"}},
		"an exponent":        {fault: waldurtest.EditRows(setField("usage_percent", "1e999999999")), parts: []string{"row 1: usage_percent", "exponent"}},
		"a bad filter":       {fault: status(400, nil, `{"offering_type":["No such plugin."]}`), arguments: map[string]tftypes.Value{"offering_type": text("x")}, at: "offering_type", parts: []string{"No such plugin.", "offering_type=x"}},
		"bad months":         {fault: status(400, nil, `{"start":["Bad."],"end":["Worse."]}`), arguments: map[string]tftypes.Value{"start": text("2026-01"), "end": text("2026-02")}, at: "end", parts: []string{"Worse.", "end=2026-02"}},
		"a bad parameter":    {fault: status(400, nil, `{"accept":["Bad."]}`), parts: []string{"accept", "Bad.", "Check the filters"}},
		"bad fields":         {fault: status(400, nil, `{"field":["Bad."]}`), arguments: map[string]tftypes.Value{"fields": set(text("component_type"))}, at: "fields", parts: []string{"value of fields", "Bad."}},
		"a lost query":       {fault: waldurtest.EditRows(setField("billing_period", "2026-10-01")), arguments: map[string]tftypes.Value{"billing_period": text("2026-11")}, parts: []string{"Filters Lost", "row 1 is of the month 2026-10, which was not asked for", "Check url"}},
		"a redirect circle":  {fault: waldurtest.Redirect(302, waldurtest.Path), retries: 3, parts: []string{"Redirect Refused", "it comes after 5 others", "Check url"}},
		"a redirect to /%zz": {fault: waldurtest.Redirect(302, "/%zz"), retries: 3, parts: []string{"Redirect Refused", "/%zz: it is no address", "Check url"}},
		"429 to the end":     {fault: status(429, nil, ""), retries: 2, parts: []string{"(sent 3 times): 429 Too Many Requests", "max_retries"}},
		"503 to the end":     {fault: status(503, http.Header{"Retry-After": {"0"}}, ""), retries: 1, parts: []string{"(sent 2 times): 503 Service Unavailable"}},
		"a long wait":        {fault: status(429, http.Header{"Retry-After": {"7200"}}, ""), retries: 2, parts: []string{"429", "asks to wait 2h0m0s, which is longer than the read has left"}},
		"a redirect":         {fault: waldurtest.Redirect(302, "https://elsewhere.example/api/"), parts: []string{"https://elsewhere.example/api/", "token was not sent", "login page"}},
		"another Waldur":     {fault: waldurtest.Redirect(302, "https://elsewhere.example/up"+waldurtest.Path+"?page=1"), parts: []string{urlVariable + ") to https://elsewhere.example/up."}},
		"a login page":       {fault: login, parts: []string{"after a redirect to http://127.0.0.1", "/login", "web front end"}},
		"a proxy's refusal":  {fault: waldurtest.HTML(403), parts: []string{"something in front of it"}},
		"a slow failure":     {fault: status(500, nil, ""), retries: 9, arguments: map[string]tftypes.Value{"timeouts": timeoutsBlock("900ms")}, parts: []string{"no time is left", "ended with: 500 Internal Server Error", "see to that first"}},
		"a missing percent":  {fault: waldurtest.EditRows(func(rows []map[string]any) []map[string]any { delete(rows[2], "usage_percent"); return rows }), parts: []string{"row 3: usage_percent is missing"}},
		"a hanging server":   {fault: waldurtest.Hang(), arguments: map[string]tftypes.Value{"timeouts": timeoutsBlock("300ms")}, parts: []string{"may take 300ms", "timeouts"}},
		"a hasty provider":   {fault: waldurtest.Delay(time.Minute), parts: []string{"no whole answer within 700ms", "request_timeout"}},
		"a cut answer":       {fault: waldurtest.CutBody(), parts: []string{"Broke Off", "after ", "page_size"}},
		"a hang-up":          {fault: waldurtest.HangUp(), parts: []string{"Cannot Be Reached", "EOF"}},
		"a wrong count":      {fault: waldurtest.SetHeader("X-Result-Count", "11"), parts: []string{"10 distinct rows after 6 passes", "counts 11", "Narrow the filters"}},
		"a redirected page":  {fault: waldurtest.Redirect(301, "http://127.0.0.1:1/"), parts: []string{"http://127.0.0.1:1/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.SetNow(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
			server.Misbehave(test.fault)
			c := configured(t, server, map[string]tftypes.Value{
				"max_retries": tftypes.NewValue(tftypes.Number, test.retries), "request_timeout": text("700ms"),
			})
			_, diags := c.read(t.Context(), test.arguments)
			parts := slices.Concat(test.parts, []string{"GET " + server.URL + waldurtest.Path})
			if !reported(diags, tfprotov6.DiagnosticSeverityError, test.at, parts...) {
				t.Fatalf("want an error with %q, got: %s", parts, describe(diags))
			}
			if shown := describe(diags); strings.Contains(shown, waldurtest.Token) {
				t.Fatalf("the token shows: %s", shown)
			}
		})
	}
}

func TestAnAnswerLargerThanIsRead(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.Misbehave(waldurtest.Body("application/json", "["+strings.Repeat(" ", 64<<20)+"]"))
	_, diags := configured(t, server, nil).read(t.Context(), nil)
	if !reported(diags, tfprotov6.DiagnosticSeverityError, "", "Too Large", "larger than 64 MiB", "lower page_size") {
		t.Fatalf("got %s", describe(diags))
	}
}

// login redirects within the server to a page for people.
func login(_ int, r *http.Request, _ http.Handler) http.Handler {
	if r.URL.Path == "/login" {
		return waldurtest.HTML(200)(0, r, nil)
	}
	return http.RedirectHandler("/login", http.StatusFound)
}

func setField(name string, value any) func([]map[string]any) []map[string]any {
	return func(rows []map[string]any) []map[string]any {
		rows[0][name] = value
		return rows
	}
}

func TestReadEndsWhenTerraformIsInterrupted(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.Misbehave(waldurtest.Hang())
	c := configured(t, server, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for len(server.Requests()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, diags := c.read(ctx, nil); !reported(diags, tfprotov6.DiagnosticSeverityError, "", "Canceled") {
		t.Fatalf("got %s", describe(diags))
	}
}

func TestConsistentReadReadsAllPagesTwice(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		arguments map[string]tftypes.Value
		requests  int
	}{
		{map[string]tftypes.Value{"page_size": tftypes.NewValue(tftypes.Number, 20)}, 2},
		{map[string]tftypes.Value{"page_size": tftypes.NewValue(tftypes.Number, 20), "consistent_read": tftypes.NewValue(tftypes.Bool, true)}, 4},
		{map[string]tftypes.Value{"consistent_read": tftypes.NewValue(tftypes.Bool, true)}, 1},
	} {
		server := waldurtest.Start(t, waldurtest.ContractRows())
		test.arguments["start"] = text("2000-01")
		_, diags := configured(t, server, nil).read(t.Context(), test.arguments)
		if n := len(server.Requests()); hasError(diags) || n != test.requests {
			t.Errorf("%d requests, want %d: %s", n, test.requests, describe(diags))
		}
	}
}

func TestEmptyListIsEmptyAndNotNull(t *testing.T) {
	t.Parallel()
	state, diags := configured(t, waldurtest.Start(t, nil), nil).read(t.Context(), map[string]tftypes.Value{"order_by": list()})
	var summaries []tftypes.Value
	if hasError(diags) || state["summaries"].IsNull() || state["summaries"].As(&summaries) != nil || len(summaries) != 0 {
		t.Fatalf("got %s, %s", state["summaries"], describe(diags))
	}
}

// TestDecimalsReachTerraformExactly compares what Terraform makes of the bytes
// that it is sent, with 512 bits, with what it makes of the decimal in HCL.
func TestDecimalsReachTerraformExactly(t *testing.T) {
	t.Parallel()
	for _, digits := range []string{
		"0.00", "0.01", "-12.50", "33.33", "0.10", "0.30", "99999999.99", "999999999999999999.99", "-999999999999999999.99",
		"100000000000000000000000000000000000000.1", "1.000000000000000000000000000000000000001", "9007199254740993", "9007199254740993.01",
		"0.1000000000000000055511151231257827021181", "1e40", "-1e40", "1e-40", "1234567890123456789012345678901234567890",
		"1234567890123456789012345678901234567890e40", "0.3333333333333333333333333333333333333333", "18014398509481985e-40",
	} {
		want, _, err := big.ParseFloat(digits, 10, 512, big.ToNearestEven)
		if err != nil {
			t.Fatal(err)
		}
		row := waldurtest.ContractRows()[0]
		row.TotalConsumed = digits
		server := waldurtest.Start(t, []waldurtest.Row{row})
		state, diags := configured(t, server, nil).read(t.Context(), map[string]tftypes.Value{"billing_period": text("2026-08")})
		if hasError(diags) {
			t.Fatal(describe(diags))
		}
		if got := numberOf(t, state, "total_consumed"); got.Cmp(want) != 0 {
			t.Errorf("%s arrives as %s", digits, got.Text('g', 60))
		}
	}
}

// numberOf returns a number of the first summary.
func numberOf(t *testing.T, state map[string]tftypes.Value, column string) *big.Float {
	t.Helper()
	var summaries []tftypes.Value
	var row map[string]tftypes.Value
	var number *big.Float
	if err := state["summaries"].As(&summaries); err != nil || len(summaries) == 0 {
		t.Fatal(summaries, err)
	}
	if err := summaries[0].As(&row); err != nil {
		t.Fatal(err)
	}
	if err := row[column].As(&number); err != nil {
		t.Fatal(err)
	}
	return number
}

// TestAnyDecimalIsSentExactly looks at the bytes for Terraform, for any decimal
// that the client lets through.
func TestAnyDecimalIsSentExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		digits := rapid.StringMatching(`[1-9]([0-9]{0,39}|0{0,39}|9{0,39}|0{0,38}1)`).Draw(rt, "digits")
		exponent := rapid.OneOf(rapid.Just(-2), rapid.IntRange(-40, 40)).Draw(rt, "exponent")
		d := decimal.RequireFromString(fmt.Sprintf("%s%se%d", rapid.SampledFrom([]string{"", "-"}).Draw(rt, "sign"), digits, exponent))
		sent, err := tfprotov6.NewDynamicValue(tftypes.Number, tftypes.NewValue(tftypes.Number, exactFloat(d)))
		if err != nil {
			rt.Fatal(err)
		}
		var arrived any
		if err := msgpack.Unmarshal(sent.MsgPack, &arrived); err != nil {
			rt.Fatal(err)
		}
		var got decimal.Decimal
		switch arrived := arrived.(type) {
		case string:
			got = decimal.RequireFromString(arrived)
		case float64:
			got = exactDecimal(arrived)
		default:
			got = decimal.RequireFromString(fmt.Sprint(arrived))
		}
		if !got.Equal(d) {
			rt.Fatalf("%s is sent as %v", d, arrived)
		}
	})
}

// exactDecimal returns a float64 with all its digits.
func exactDecimal(f float64) decimal.Decimal {
	return decimal.RequireFromString(new(big.Float).SetFloat64(f).Text('f', 1100))
}
