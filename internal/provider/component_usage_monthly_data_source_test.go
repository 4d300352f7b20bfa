package provider

import (
	"fmt"
	"math"
	"math/big"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

func list(elements ...tftypes.Value) tftypes.Value {
	return tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, elements)
}

func set(elements ...tftypes.Value) tftypes.Value {
	return tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, elements)
}

// TestBadArguments checks that bad arguments are errors at the argument, before any request.
func TestBadArguments(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	c := configured(t, server, nil)
	number := func(n any) tftypes.Value { return tftypes.NewValue(tftypes.Number, n) }
	months := `must be a month such as "2026-10"`
	tiny, _, err := big.ParseFloat("1e-400", 10, 512, big.ToNearestEven)
	if err != nil {
		t.Fatal(err)
	}
	const subtraction = "Put the month in quotes: without them, 2026-10 is a subtraction."
	const total = "which is not a column: each row is a total over all consumers and their resources. The organization that provides the offering is in service_provider_name"
	type arguments = map[string]tftypes.Value
	for name, test := range map[string]struct {
		arguments arguments
		at        string
		part      string
		absent    string
	}{
		"an impossible month":            {arguments{"billing_period": text("2026-13")}, "billing_period", months, ""},
		"a bad start":                    {arguments{"start": text("2026")}, "start", months, ""},
		"a bad end":                      {arguments{"end": text("2026-1")}, "end", months, ""},
		"a month and a start":            {arguments{"billing_period": text("2026-10"), "start": text("2026-10")}, "billing_period", "start", ""},
		"a month and an end":             {arguments{"billing_period": text("2026-10"), "end": text("2026-10")}, "billing_period", "end", ""},
		"a start after the end":          {arguments{"start": text("2026-10"), "end": text("2026-09-01")}, "start", "start must not be after end; got start 2026-10 and end 2026-09", ""},
		"an offering that is no UUID":    {arguments{"offering_uuid": text("{5c6eb065-f4e7-58f7-957c-e351ad5bfcea}")}, "offering_uuid", "32 hexadecimal digits", ""},
		"a project that is no UUID":      {arguments{"project_uuid": text("5c6eb065f4e758f7957ce351ad5bfceg")}, "project_uuid", "32 hexadecimal digits", ""},
		"a UUID with dashes elsewhere":   {arguments{"project_uuid": text("5c6eb065f-4e7-58f7-957c-e351ad5bfcea")}, "project_uuid", "8-4-4-4-12", ""},
		"an empty offering type":         {arguments{"offering_type": text("")}, "offering_type", "must not be empty", ""},
		"an empty component type":        {arguments{"component_type": text("")}, "component_type", "must not be empty", ""},
		"a blank component type":         {arguments{"component_type": text(" ")}, "component_type", "white space", ""},
		"a padded component type":        {arguments{"component_type": text("cores ")}, "component_type", "white space", ""},
		"an unknown billing type":        {arguments{"billing_type": text("USAGES")}, "billing_type", `must be fixed, usage, one, few or limit; got "USAGES" (did you mean usage?)`, ""},
		"an unknown usage period":        {arguments{"usage_period": text("limit-period")}, "usage_period", `must be month or limit_period; got "limit-period" (did you mean limit_period?)`, ""},
		"whole periods from a start":     {arguments{"usage_period": text("limit_period"), "start": text("2026-10")}, "usage_period", "usage_period and start cannot be set together.", ""},
		"whole periods to an end":        {arguments{"usage_period": text("limit_period"), "end": text("2026-10")}, "usage_period", "usage_period and end cannot be set together.", ""},
		"latest and a start":             {arguments{"billing_period": text("latest"), "start": text("2026-10")}, "billing_period", "billing_period and start cannot be set together.", ""},
		"latest with a typo":             {arguments{"billing_period": text("Latest")}, "billing_period", `or "latest"; got "Latest"`, ""},
		"groups by an amount":            {arguments{"group_by": set(text("total_consumed"))}, "group_by", `has "total_consumed", which is an amount; group by text columns or billing_period`, ""},
		"groups by a limit":              {arguments{"group_by": set(text("limit_amount"))}, "group_by", `which is an amount`, ""},
		"groups by a typo":               {arguments{"group_by": set(text("ofering_name"))}, "group_by", "(did you mean offering_name?)", ""},
		"groups by nothing":              {arguments{"group_by": set()}, "group_by", "must not be empty", ""},
		"groups with fields":             {arguments{"group_by": set(text("offering_name")), "fields": set(text("offering_name"))}, "group_by", "group_by and fields cannot be set together.", ""},
		"groups ordered by no column":    {arguments{"group_by": set(text("offering_name")), "order_by": list(text("category_title"))}, "order_by", `has "category_title", which is null in every row with this group_by; the columns with values are offering_name, measured_unit, limit_period, total_consumed`, ""},
		"a percentage beyond all":        {arguments{"min_usage_percent": number(1e30)}, "min_usage_percent", "must be between -1e+29 and 1e+29; got 1e+30", ""},
		"a percentage next to 0":         {arguments{"min_usage_percent": number(tiny)}, "min_usage_percent", "must be 0, or differ from 0 by at least 0.0000000001", ""},
		"a timeout beyond all bounds":    {arguments{"timeouts": timeoutsBlock("2562048h")}, "timeouts", `timeouts.read must be a duration in h, m, s and ms`, ""},
		"a percentage of months":         {arguments{"group_by": set(text("offering_name")), "start": text("2026-01"), "min_usage_percent": number(80)}, "min_usage_percent", "min_usage_percent cannot be used here: groups of several months have neither a percentage nor an allocation; add billing_period to group_by, or read one month.", ""},
		"a percentage up to a month":     {arguments{"group_by": set(text("offering_name")), "end": text("2026-01"), "min_usage_percent": number(80)}, "min_usage_percent", "add billing_period to group_by", ""},
		"a percentage of a quarter":      {arguments{"group_by": set(text("offering_name")), "start": text("2026-01"), "end": text("2026-03"), "min_usage_percent": number(80)}, "min_usage_percent", "or read one month", ""},
		"the fullest of months":          {arguments{"group_by": set(text("offering_name")), "start": text("2026-01"), "order_by": list(text("total_consumed"), text("-usage_percent"))}, "order_by", `order_by has "usage_percent", but groups of several months`, ""},
		"the largest of months":          {arguments{"group_by": set(text("offering_name")), "start": text("2026-01"), "order_by": list(text("-total_allocated"))}, "order_by", `order_by has "total_allocated", but groups of several months`, ""},
		"an order with a typo":           {arguments{"order_by": list(text("-usage_percnt"))}, "order_by", `Invalid Value for order_by: order_by has "usage_percnt", which is not a column (did you mean usage_percent?).`, ""},
		"a limit of no rows":             {arguments{"limit": number(0)}, "limit", "limit must be a whole number between 1 and 2147483647; got 0", ""},
		"a limit in part":                {arguments{"limit": number(2.5)}, "limit", "got 2.5", ""},
		"no fields":                      {arguments{"fields": set()}, "fields", "must not be empty", ""},
		"a null field":                   {arguments{"fields": set(text("offering_name"), tftypes.NewValue(tftypes.String, nil))}, "fields", "null", ""},
		"an order by two minuses":        {arguments{"order_by": list(text("--usage_percent"))}, "order_by", "which is not a column", ""},
		"a null order":                   {arguments{"order_by": list(tftypes.NewValue(tftypes.String, nil))}, "order_by", "null", ""},
		"a page too large":               {arguments{"page_size": number(301)}, "page_size", "between 1 and 300", ""},
		"a page too small":               {arguments{"page_size": number(0)}, "page_size", "between 1 and 300", ""},
		"a page of no whole number":      {arguments{"page_size": number(1.5)}, "page_size", "page_size must be a whole number between 1 and 300; got 1.5", ""},
		"a timeout of no time":           {arguments{"timeouts": timeoutsBlock("0s")}, "timeouts", `timeouts.read must be a duration greater than 0, such as "30s" or "1m30s"; got "0s"`, ""},
		"a timeout of no unit":           {arguments{"timeouts": timeoutsBlock("30")}, "timeouts", `timeouts.read must be a duration in h, m, s and ms, such as "30s" or "1m30s"; got "30"`, ""},
		"a timeout of no duration":       {arguments{"timeouts": timeoutsBlock("soon")}, "timeouts", "soon", ""},
		"a control character at the end": {arguments{"offering_type": text("Marketplace.Slurm\x1f")}, "offering_type", "offering_type must not have control characters; it has U+001F.", ""},
		"a control character alone":      {arguments{"component_type": text("\x1c")}, "component_type", "component_type must not have control characters; it has U+001C.", ""},
		"a NUL":                          {arguments{"component_type": text("c\x00pu")}, "component_type", "it has U+0000.", ""},
		"a control character of Latin-1": {arguments{"component_type": text("cpu\u0085")}, "component_type", "it has U+0085.", ""},
		"the name of an organization":    {arguments{"customer_uuid": text("Nordic Supercomputing")}, "customer_uuid", "got \"Nordic Supercomputing\".\n\nCopy it from the column service_provider_uuid", ""},
		"the name of an offering":        {arguments{"offering_uuid": text("Puhti")}, "offering_uuid", "got \"Puhti\".\n\nCopy it from the address of the offering's page in Waldur, or from", ""},
		"the name of a project":          {arguments{"project_uuid": text("Puhti")}, "project_uuid", "got \"Puhti\".\n\nNo column has it. Copy it from the address of the project's page in Waldur's web interface.", ""},
		"groups by consumer":             {arguments{"group_by": set(text("customer_name"))}, "group_by", `group_by has "customer_name", ` + total, "did you mean"},
		"groups by project":              {arguments{"group_by": set(text("project_name"))}, "group_by", total, "did you mean"},
		"groups by organization":         {arguments{"group_by": set(text("organization"))}, "group_by", total, "did you mean"},
		"groups by organisation":         {arguments{"group_by": set(text("organisation_uuid"))}, "group_by", total, "did you mean"},
		"groups by user":                 {arguments{"group_by": set(text("user_name"))}, "group_by", total, "did you mean"},
		"fields of a consumer":           {arguments{"fields": set(text("customer_name"))}, "fields", "fields has \"customer_name\", " + total, "did you mean"},
		"an order by consumer":           {arguments{"order_by": list(text("-customer_name"))}, "order_by", "order_by has \"customer_name\", " + total, "did you mean"},
		"groups by what is no column":    {arguments{"group_by": set(text("color"))}, "group_by", "the columns are offering_uuid, ", "total_consumed"},
		"groups by what is near to none": {arguments{"group_by": set(text("color"))}, "group_by", "billing_period", "limit_amount"},
		"groups near to an amount":       {arguments{"group_by": set(text("usage_percnt"))}, "group_by", `has "usage_percnt", which is not a column`, "did you mean usage_percent"},
		"fields that are no columns":     {arguments{"fields": set(text("color"))}, "fields", "billing_period, total_consumed, total_allocated, usage_percent.", ""},
		"a month of one digit":           {arguments{"billing_period": text("2026-9")}, "billing_period", months + `, or "latest"; got "2026-9". Write "2026-09".`, ""},
		"a start of one digit":           {arguments{"start": text("2026-9")}, "start", months + `; got "2026-9". Write "2026-09".`, ""},
		"a month without quotes":         {arguments{"billing_period": text("2017")}, "billing_period", `, or "latest"; got "2017". ` + subtraction, ""},
		"an end without quotes":          {arguments{"end": text("2016")}, "end", months + `; got "2016". ` + subtraction, ""},
		"a timestamp":                    {arguments{"billing_period": text("2026-10-31T12:00:00Z")}, "billing_period", `got "2026-10-31T12:00:00Z". To convert a timestamp, use provider::waldur::billing_period(…).`, ""},
		"a day":                          {arguments{"billing_period": text("2026-10-15")}, "billing_period", `got "2026-10-15".`, "Write"},
		"white space around a filter's":  {arguments{"component_type": text("cpu ")}, "component_type", `got "cpu ". To select all rows, leave it out.`, ""},
	} {
		_, diags := c.read(t.Context(), test.arguments)
		if len(diags) != 1 || !reported(diags, tfprotov6.DiagnosticSeverityError, test.at, test.part) || test.absent != "" && strings.Contains(describe(diags), test.absent) {
			t.Errorf("%s: want one error at %s with %q without %q, got: %s", name, test.at, test.part, test.absent, describe(diags))
		}
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestArgumentsThatFit each other are accepted: groups of one month have percentages, and values
// that are not known yet are no conflict. A module may pass several ways to select months through.
func TestArgumentsThatFit(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	unknown, group := tftypes.NewValue(tftypes.String, tftypes.UnknownValue), set(text("offering_name"))
	unknownSet := tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, tftypes.UnknownValue)
	percents := []string{"-usage_percent", "total_allocated"}
	for name, test := range map[string]struct {
		percents  []string // to order by, and to keep
		arguments map[string]tftypes.Value
	}{
		"this month":              {percents, map[string]tftypes.Value{"group_by": group}},
		"a month":                 {percents, map[string]tftypes.Value{"group_by": group, "billing_period": text("2026-10")}},
		"a range of one":          {percents, map[string]tftypes.Value{"group_by": group, "start": text("2026-10"), "end": text("2026-10-01")}},
		"by month":                {percents, map[string]tftypes.Value{"group_by": set(text("offering_name"), text("billing_period")), "start": text("2026-01")}},
		"an unknown end":          {percents, map[string]tftypes.Value{"group_by": group, "start": text("2026-01"), "end": unknown}},
		"an unknown group":        {percents, map[string]tftypes.Value{"group_by": set(unknown), "start": text("2026-01")}},
		"unknown months":          {nil, map[string]tftypes.Value{"billing_period": unknown, "start": unknown, "end": unknown}},
		"an unknown start":        {nil, map[string]tftypes.Value{"billing_period": text("2026-10"), "start": unknown, "usage_period": text("limit_period")}},
		"an unknown period":       {nil, map[string]tftypes.Value{"start": text("2026-10"), "usage_period": unknown, "billing_period": unknown}},
		"unknown fields":          {nil, map[string]tftypes.Value{"group_by": group, "fields": unknownSet}},
		"an order by the unknown": {nil, map[string]tftypes.Value{"group_by": set(unknown), "order_by": list(text("category_title"))}},
	} {
		if test.percents != nil {
			test.arguments["min_usage_percent"] = tftypes.NewValue(tftypes.Number, 80)
			test.arguments["order_by"] = list(text(test.percents[0]), text(test.percents[1]))
		}
		if diags := c.validate(test.arguments); len(diags) > 0 {
			t.Errorf("%s: got %s", name, describe(diags))
		}
	}
}

func timeoutsBlock(read string) tftypes.Value {
	object := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"read": tftypes.String}}
	return tftypes.NewValue(object, map[string]tftypes.Value{"read": text(read)})
}

// TestReadErrors shows errors of each kind as Terraform receives them: at the argument, with where
// the address came from, and with the request.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	status := waldurtest.Status
	type arguments = map[string]tftypes.Value
	for name, test := range map[string]struct {
		fault     waldurtest.Fault
		provider  arguments
		arguments arguments
		at        string
		parts     []string // in this order
	}{
		"a refused token": {fault: status(401, nil, `{"detail":"Invalid token."}`),
			parts: []string{`Token Refused by Waldur: The server responded with 401 Unauthorized: "Invalid token."`, "The token came from the provider block. To replace it, set a new one there."}},
		"a refused filter": {fault: status(400, nil, `{"offering_type":["No such plugin."]}`), arguments: arguments{"offering_type": text("x")}, at: "offering_type",
			parts: []string{`Filter Refused by Waldur: The server refused the value of offering_type: "No such plugin."`}},
		"refused fields": {fault: status(400, nil, `{"field":["Bad."]}`), arguments: arguments{"fields": set(text("component_type"))}, at: "fields", parts: []string{"value of fields"}},
		"a page":         {fault: waldurtest.HTML(200), parts: []string{`HTML Page Instead of Waldur API: The server responded with an HTML page, "Waldur", instead of JSON.`, "Check url in the provider block."}},
		"a long wait": {fault: status(429, http.Header{"Retry-After": {"720000"}}, ""), provider: arguments{"max_retries": tftypes.NewValue(tftypes.Number, 2)},
			parts: []string{"Rate Limited by Waldur: ", "again after ", ", as the server asked"}},
		"a wait too long": {fault: status(503, http.Header{"Retry-After": {"30"}}, ""), provider: arguments{"max_retries": tftypes.NewValue(tftypes.Number, 2)}, arguments: arguments{"timeouts": timeoutsBlock("20s")},
			parts: []string{"Waldur Server Error: ", "again after ", ", as the server asked", "raise timeouts.read (now 20s)."}},
		"a redirect": {fault: waldurtest.Redirect(301, "https://elsewhere.example/up"+waldurtest.Path+"?page=1"),
			parts: []string{"Redirect Not Followed: ", "The token was not sent", `set url in the provider block to "https://elsewhere.example/up".`}},
		"a row": {fault: waldurtest.EditRows(setField("limit_amount", "7")), parts: []string{"Unexpected Row from Waldur: Row 1: limit_amount must be", "leave it out with fields."}},
		"a limit period": {fault: waldurtest.EditRows(setField("limit_period", "weekly")), arguments: arguments{"usage_period": text("limit_period")},
			parts: []string{`Unknown Limit Period: `, `has the limit_period "weekly"`, "Leave out usage_period"}},
		"a wrong count":    {fault: waldurtest.SetHeader("X-Result-Count", "11"), parts: []string{"Incomplete List from Waldur: Received 10 rows; the server counts 11 (passes: 8,", "narrow the filters"}},
		"a hanging server": {fault: waldurtest.Hang(), arguments: arguments{"timeouts": timeoutsBlock("300ms")}, parts: []string{"Read from Waldur Timed Out: No complete response came in time."}},
		"a hasty provider": {fault: waldurtest.Hang(), provider: arguments{"request_timeout": text("300ms")}, parts: []string{"Request to Waldur Timed Out: No complete response within 300ms.", "request_timeout"}},
		"too many rows":    {fault: waldurtest.SetHeader("X-Result-Count", "1000000000"), arguments: arguments{"page_size": tftypes.NewValue(tftypes.Number, 300)}, parts: []string{"Too Many Rows to Read: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := recorded(t)
			server.SetFaults(test.fault)
			_, diags := configured(t, server, test.provider).read(t.Context(), test.arguments)
			parts := slices.Concat(test.parts, []string{"\n\nRequest: GET " + server.URL + waldurtest.Path})
			if len(diags) != 1 || !reported(diags, tfprotov6.DiagnosticSeverityError, test.at, parts...) {
				t.Fatalf("want an error with %q, got: %s", parts, describe(diags))
			}
			checkAnatomy(t, diags[0].Summary, diags[0].Detail)
			if strings.Contains(diags[0].Detail, waldurtest.Token) {
				t.Errorf("the token shows: %s", describe(diags))
			}
		})
	}
}

// TestALowPercentageIsAWarning, since 0.8 means 0.8 %.
func TestALowPercentageIsAWarning(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	c := newProtocolClient(t)
	c.configure(map[string]tftypes.Value{"url": text(server.URL), "token": text(waldurtest.Token)})
	for percent, warned := range map[float64]bool{-1: false, 0: false, 0.57: true, 0.8: true, 0.99: true, 1: false, 80: false} {
		_, diags := c.read(t.Context(), map[string]tftypes.Value{"min_usage_percent": tftypes.NewValue(tftypes.Number, percent)})
		advice := fmt.Sprintf("For %[1]g %%, set it to %[1]g.", math.Round(percent*100))
		if got := reported(diags, tfprotov6.DiagnosticSeverityWarning, "min_usage_percent", "Low Value for min_usage_percent", advice); got != warned || hasError(diags) || len(diags) > 1 {
			t.Errorf("%g: %s", percent, describe(diags))
		}
	}
}

func setField(name string, value any) func([]map[string]any) []map[string]any {
	return func(rows []map[string]any) []map[string]any {
		rows[0][name] = value
		return rows
	}
}

// TestArgumentsOfTheQuery: each argument reaches the query, with all digits of a percentage.
func TestArgumentsOfTheQuery(t *testing.T) {
	t.Parallel()
	id := func(digit string) uuid.NullUUID {
		return uuid.NullUUID{UUID: uuid.MustParse(strings.Repeat(digit, 32)), Valid: true}
	}
	texts := func(elements ...string) (values []attr.Value) {
		for _, element := range elements {
			values = append(values, types.StringValue(element))
		}
		return values
	}
	percent, err := waldur.ParseDecimal("99999999999999999999999999999.9999999999")
	if err != nil {
		t.Fatal(err)
	}
	month, column := waldur.NewMonth, waldur.ColumnByName
	model := componentUsageMonthlyModel{
		BillingPeriod: types.StringValue("2026-10-01"), Start: types.StringValue("2026-01"), End: types.StringValue("2026-02"),
		OfferingUUID: types.StringValue(strings.Repeat("1", 32)), CustomerUUID: types.StringValue(strings.Repeat("2", 32)), ProjectUUID: types.StringValue(strings.Repeat("3", 32)),
		OfferingType: types.StringValue("Marketplace.Slurm"), ComponentType: types.StringValue("cores"), BillingType: types.StringValue("limit"),
		RequireRows: types.BoolValue(true), UsagePeriod: types.StringValue("limit_period"), GroupBy: types.SetValueMust(types.StringType, texts("offering_name")),
		MinUsagePercent: types.NumberValue(number(percent.String() + "0000000001")), OrderBy: types.ListValueMust(types.StringType, texts("-usage_percent", "offering_name")),
		Limit: types.NumberValue(number("2147483647")), Fields: types.SetValueMust(types.StringType, texts("component_type")), Consistent: types.BoolValue(true),
		PageSize: types.NumberValue(number("7")),
	}
	want := waldur.Query{
		BillingPeriod: month(2026, 10), Start: month(2026, 1), End: month(2026, 2), OfferingUUID: id("1"), CustomerUUID: id("2"), ProjectUUID: id("3"),
		OfferingType: "Marketplace.Slurm", ComponentType: "cores", BillingType: "limit", RequireRows: true, WholeLimitPeriods: true,
		GroupBy: []*waldur.Column{column("offering_name")}, MinUsagePercent: &percent, Limit: math.MaxInt32, Fields: []*waldur.Column{column("component_type")},
		OrderBy:    []waldur.Ordering{{Column: column("usage_percent"), Descending: true}, {Column: column("offering_name")}},
		Consistent: true, PageSize: 7,
	}
	var diags diag.Diagnostics
	if got := model.query(t.Context(), &diags); !reflect.DeepEqual(got.MinUsagePercent.Rat(), percent.Rat()) {
		t.Errorf("got min_usage_percent %s", got.MinUsagePercent)
	} else if got.MinUsagePercent = &percent; !reflect.DeepEqual(got, want) || len(diags) > 0 {
		t.Errorf("got %+v, %v, want %+v", got, diags, want)
	}
	set := types.SetNull(types.StringType)
	none := componentUsageMonthlyModel{BillingPeriod: types.StringValue("latest"), GroupBy: set, Fields: set, OrderBy: types.ListNull(types.StringType)}
	if got := none.query(t.Context(), &diags); !reflect.DeepEqual(got, waldur.Query{Latest: true}) || len(diags) > 0 {
		t.Errorf("got %+v, %v", got, diags)
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

// summaries returns the rows of a state.
func summaries(t testing.TB, state map[string]tftypes.Value) (rows []map[string]tftypes.Value) {
	t.Helper()
	var values []tftypes.Value
	if err := state["summaries"].As(&values); err != nil {
		t.Fatal(err)
	}
	for _, value := range values {
		var row map[string]tftypes.Value
		if err := value.As(&row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}
