// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/uuid"
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

// TestBadArguments checks that bad arguments are errors at the argument, before any
// request.
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
		"a start after the end":         {arguments{"start": text("2026-10"), "end": text("2026-09-01")}, "start", "start must not be after end; got start 2026-10 and end 2026-09"},
		"an offering that is no UUID":   {arguments{"offering_uuid": text("lumi")}, "offering_uuid", "32 hexadecimal digits"},
		"a customer that is no UUID":    {arguments{"customer_uuid": text("{5c6eb065-f4e7-58f7-957c-e351ad5bfcea}")}, "customer_uuid", "32 hexadecimal digits"},
		"a project that is no UUID":     {arguments{"project_uuid": text("5c6eb065f4e758f7957ce351ad5bfceg")}, "project_uuid", "32 hexadecimal digits"},
		"a UUID with dashes elsewhere":  {arguments{"project_uuid": text("5c6eb065f-4e7-58f7-957c-e351ad5bfcea")}, "project_uuid", "8-4-4-4-12"},
		"an empty offering type":        {arguments{"offering_type": text("")}, "offering_type", "must not be empty"},
		"an empty component type":       {arguments{"component_type": text("")}, "component_type", "must not be empty"},
		"a blank component type":        {arguments{"component_type": text(" ")}, "component_type", "white space"},
		"a padded component type":       {arguments{"component_type": text("cores ")}, "component_type", "white space"},
		"an unknown billing type":       {arguments{"billing_type": text("usages")}, "billing_type", `must be fixed, usage, one, few or limit; got "usages" (did you mean usage?)`},
		"an unknown usage period":       {arguments{"usage_period": text("limit-period")}, "usage_period", `must be month or limit_period; got "limit-period" (did you mean limit_period?)`},
		"whole periods from a start":    {arguments{"usage_period": text("limit_period"), "start": text("2026-10")}, "usage_period", "usage_period and start cannot be set together."},
		"whole periods to an end":       {arguments{"usage_period": text("limit_period"), "end": text("2026-10")}, "usage_period", "usage_period and end cannot be set together."},
		"latest and a start":            {arguments{"billing_period": text("latest"), "start": text("2026-10")}, "billing_period", "billing_period and start cannot be set together."},
		"latest with a typo":            {arguments{"billing_period": text("Latest")}, "billing_period", `or "latest"; got "Latest"`},
		"groups by an amount":           {arguments{"group_by": set(text("total_consumed"))}, "group_by", `has "total_consumed", which is an amount; group by columns of text or by billing_period`},
		"groups by a limit":             {arguments{"group_by": set(text("limit_amount"))}, "group_by", `which is an amount`},
		"groups by a typo":              {arguments{"group_by": set(text("ofering_name"))}, "group_by", "(did you mean offering_name?)"},
		"groups by nothing":             {arguments{"group_by": set()}, "group_by", "must not be empty"},
		"groups with fields":            {arguments{"group_by": set(text("offering_name")), "fields": set(text("offering_name"))}, "group_by", "group_by and fields cannot be set together."},
		"groups ordered by no column":   {arguments{"group_by": set(text("offering_name")), "order_by": list(text("category_title"))}, "order_by", `has "category_title", which is null in every row with this group_by; the columns of its rows are offering_name, measured_unit, limit_period, total_consumed`},
		"a percentage beyond all":       {arguments{"min_usage_percent": number(1e30)}, "min_usage_percent", "must be between -1e+29 and 1e+29; got 1e+30"},
		"a percentage next to 0":        {arguments{"min_usage_percent": number(tiny)}, "min_usage_percent", "must be 0, or at least 0.0000000001 in size"},
		"a timeout beyond all bounds":   {arguments{"timeouts": timeoutsBlock("2562048h")}, "timeouts", `timeouts.read must be a duration in h, m, s and ms`},
		"an unknown field":              {arguments{"fields": set(text("color"))}, "fields", `has "color", which is not a column; the columns are offering_uuid, `},
		"a percentage of months":        {arguments{"group_by": set(text("offering_name")), "start": text("2026-01"), "min_usage_percent": number(80)}, "min_usage_percent", "min_usage_percent cannot be used here: groups of several months have neither a percentage nor an allocation; add billing_period to group_by, or read one month."},
		"a percentage up to a month":    {arguments{"group_by": set(text("offering_name")), "end": text("2026-01"), "min_usage_percent": number(80)}, "min_usage_percent", "add billing_period to group_by"},
		"a percentage of a quarter":     {arguments{"group_by": set(text("offering_name")), "start": text("2026-01"), "end": text("2026-03"), "min_usage_percent": number(80)}, "min_usage_percent", "or read one month"},
		"the fullest of months":         {arguments{"group_by": set(text("offering_name")), "start": text("2026-01"), "order_by": list(text("total_consumed"), text("-usage_percent"))}, "order_by", `order_by has "usage_percent", but groups of several months`},
		"the largest of months":         {arguments{"group_by": set(text("offering_name")), "start": text("2026-01"), "order_by": list(text("-total_allocated"))}, "order_by", `order_by has "total_allocated", but groups of several months`},
		"a field with a typo":           {arguments{"fields": set(text("usage_percnt"))}, "fields", `Invalid Value for fields: fields has "usage_percnt", which is not a column (did you mean usage_percent?).`},
		"an order with a typo":          {arguments{"order_by": list(text("-usage_percnt"))}, "order_by", `Invalid Value for order_by: order_by has "usage_percnt", which is not a column (did you mean usage_percent?).`},
		"a limit of no rows":            {arguments{"limit": number(0)}, "limit", "limit must be a whole number of at least 1; got 0"},
		"a limit below no rows":         {arguments{"limit": number(-1)}, "limit", "got -1"},
		"a limit in part":               {arguments{"limit": number(2.5)}, "limit", "got 2.5"},
		"no fields":                     {arguments{"fields": set()}, "fields", "must not be empty"},
		"a null field":                  {arguments{"fields": set(text("offering_name"), tftypes.NewValue(tftypes.String, nil))}, "fields", "null"},
		"an order by an unknown column": {arguments{"order_by": list(text("-color"))}, "order_by", "the columns are offering_uuid, "},
		"an order by two minuses":       {arguments{"order_by": list(text("--usage_percent"))}, "order_by", "which is not a column"},
		"a null order":                  {arguments{"order_by": list(tftypes.NewValue(tftypes.String, nil))}, "order_by", "null"},
		"a page too large":              {arguments{"page_size": number(301)}, "page_size", "between 1 and 300"},
		"a page too small":              {arguments{"page_size": number(0)}, "page_size", "between 1 and 300"},
		"a page of no whole number":     {arguments{"page_size": number(1.5)}, "page_size", "page_size must be a whole number between 1 and 300; got 1.5"},
		"a timeout of no time":          {arguments{"timeouts": timeoutsBlock("0s")}, "timeouts", `timeouts.read must be a duration greater than 0, such as "30s" or "1m30s"; got "0s"`},
		"a timeout of no unit":          {arguments{"timeouts": timeoutsBlock("30")}, "timeouts", `timeouts.read must be a duration in h, m, s and ms, such as "30s" or "1m30s"; got "30"`},
		"a timeout of no duration":      {arguments{"timeouts": timeoutsBlock("soon")}, "timeouts", "soon"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := c.read(t.Context(), test.arguments)
			if len(diags) != 1 || !reported(diags, tfprotov6.DiagnosticSeverityError, test.at, test.part) {
				t.Fatalf("want one error at %s with %q, got: %s", test.at, test.part, describe(diags))
			}
		})
	}
	t.Cleanup(func() {
		if n := len(server.Requests()); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

// TestGroupsOfOneMonthHavePercentages, and groups that have their month.
func TestGroupsOfOneMonthHavePercentages(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	unknown := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	for name, arguments := range map[string]map[string]tftypes.Value{
		"this month":       {"group_by": set(text("offering_name"))},
		"a month":          {"group_by": set(text("offering_name")), "billing_period": text("2026-10")},
		"a range of one":   {"group_by": set(text("offering_name")), "start": text("2026-10"), "end": text("2026-10-01")},
		"by month":         {"group_by": set(text("offering_name"), text("billing_period")), "start": text("2026-01")},
		"an unknown end":   {"group_by": set(text("offering_name")), "start": text("2026-01"), "end": unknown},
		"an unknown group": {"group_by": set(unknown), "start": text("2026-01")},
	} {
		arguments["min_usage_percent"] = tftypes.NewValue(tftypes.Number, 80)
		arguments["order_by"] = list(text("-usage_percent"), text("total_allocated"))
		resp, err := c.server.ValidateDataResourceConfig(t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{
			TypeName: dataSourceType, Config: c.config(c.schema.DataSourceSchemas[dataSourceType], arguments),
		})
		if err != nil || len(resp.Diagnostics) > 0 {
			t.Errorf("%s: got %s, %v", name, describe(resp.Diagnostics), err)
		}
	}
}

// TestUnknownArgumentsAreNoConflict: a module may pass several ways to select months
// through, and Terraform validates it before it knows them.
func TestUnknownArgumentsAreNoConflict(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	unknown := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	for name, arguments := range map[string]map[string]tftypes.Value{
		"months":            {"billing_period": unknown, "start": unknown, "end": unknown},
		"an unknown start":  {"billing_period": text("2026-10"), "start": unknown, "usage_period": text("limit_period")},
		"an unknown period": {"start": text("2026-10"), "usage_period": unknown, "billing_period": unknown},
		"unknown fields":    {"group_by": set(text("offering_name")), "fields": tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, tftypes.UnknownValue)},
		"an unknown group":  {"group_by": set(unknown), "order_by": list(text("category_title"))},
	} {
		resp, err := c.server.ValidateDataResourceConfig(t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{TypeName: dataSourceType,
			Config: c.config(c.schema.DataSourceSchemas[dataSourceType], arguments)})
		if err != nil || len(resp.Diagnostics) > 0 {
			t.Errorf("%s: %v, %s", name, err, describe(resp.Diagnostics))
		}
	}
}

func timeoutsBlock(read string) tftypes.Value {
	object := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"read": tftypes.String}}
	return tftypes.NewValue(object, map[string]tftypes.Value{"read": text(read)})
}

// TestReadErrors checks the errors of failed reads: the title, the cause, what to
// do, and the request.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	status := waldurtest.Status
	said := func(code int, detail string) waldurtest.Fault {
		return status(code, nil, fmt.Sprintf(`{"detail":%q}`, detail))
	}
	const personal, jwt = "w_5ecre7", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln"
	for name, test := range map[string]struct {
		fault     waldurtest.Fault
		token     string
		retries   int
		timeout   string // request_timeout
		arguments map[string]tftypes.Value
		at        string
		title     string
		parts     []string // in this order
		request   string   // in the request
		absent    string   // not in the error
	}{
		"no credentials": {fault: said(401, "Authentication credentials were not provided."), title: "Token Refused by Waldur",
			parts: []string{`The server responded with 401 Unauthorized: "Authentication credentials were not provided."`, "Waldur did not receive it", "removed the Authorization header"}},
		"unknown token": {fault: said(401, "Invalid token."), title: "Token Refused by Waldur",
			parts: []string{`"Invalid token."`, "expires 30 to 60 minutes after its last use", "For pipelines, create a personal access token"}},
		"expired token": {fault: said(401, "Token has expired."), title: "Token Refused by Waldur",
			parts: []string{`"Token has expired."`, "expires 30 to 60 minutes after its last use", "For pipelines, create a personal access token"}},
		"inactive user": {fault: said(401, "User inactive or deleted."), title: "Token Refused by Waldur", parts: []string{`"User inactive or deleted."`}},
		"refused personal access token": {fault: said(401, "Invalid token."), token: personal, title: "Token Refused by Waldur",
			parts: []string{`"Invalid token."`, "expired or been revoked", "not be allowed from this network", "its user may be inactive or may not use such tokens"}},
		"personal access tokens switched off": {fault: said(401, "Invalid JWT token."), token: personal, title: "Token Refused by Waldur",
			parts: []string{`"Invalid JWT token."`, "switched off on this server"}},
		"expired JWT": {fault: said(401, "Token has expired."), token: jwt, title: "Token Refused by Waldur", parts: []string{"Get a new one from the identity provider"}},
		"no introspection": {fault: said(401, "Introspection configuration is incomplete."), token: jwt, title: "Token Refused by Waldur",
			parts: []string{"does not accept tokens of this identity provider", "Ask its operator"}},
		"identity provider down": {fault: said(401, "Connection to introspection endpoint failed: timed out"), token: jwt, title: "Token Refused by Waldur",
			parts: []string{`"Connection to introspection endpoint failed: timed out"`, "identity provider, which may be temporarily down"}},
		"identity provider broken": {fault: said(401, "Introspection endpoint error."), token: jwt, title: "Token Refused by Waldur", parts: []string{"may be temporarily down"}},
		"never logged in": {fault: said(403, "Unable to impersonate user that does not have an active session."), token: jwt, title: "Access Denied by Waldur",
			parts: []string{"active session", "Log in to Waldur in a browser once"}},
		"a 403 for a JWT":           {fault: said(403, "You do not have permission to perform this action."), token: jwt, title: "Access Denied by Waldur", parts: []string{"its user may not read usage"}},
		"a count beyond all bounds": {fault: waldurtest.SetHeader("X-Result-Count", "99999999999999999999"), title: "Too Many Rows to Read", parts: []string{"narrow the filters"}},
		"a status beyond 599":       {fault: status(600, nil, ""), retries: 2, title: "Waldur Server Error", parts: []string{"600"}},
		"403":                       {fault: said(403, "No."), title: "Access Denied by Waldur", parts: []string{`403 Forbidden: "No."`, "role"}},
		"a proxy's refusal":         {fault: waldurtest.HTML(403), title: "Access Denied by a Proxy", parts: []string{`403 Forbidden: "Waldur"`, "The response is not JSON", "proxy or firewall"}},
		"404 as JSON":               {fault: said(404, "Not found."), title: "Waldur Usage Endpoint Not Found", parts: []string{"8.0.8", "Check url in the provider block."}},
		"404 as HTML":               {fault: waldurtest.HTML(404), title: "Waldur Usage Endpoint Not Found", parts: []string{"8.0.8", "Check url"}},
		"200 as HTML":               {fault: waldurtest.HTML(200), title: "HTML Page Instead of Waldur API", parts: []string{`an HTML page, "Waldur", instead of JSON`, "web front end", "Check url"}},
		"no array":                  {fault: waldurtest.Body("application/json", "{}"), title: "Unexpected Response from Waldur", parts: []string{"not a JSON array", "Check url"}},
		"a page too large":          {fault: waldurtest.Body("application/json", "["+strings.Repeat(" ", 8<<20)+"]"), title: "Response from Waldur Too Large", parts: []string{"larger than 8 MiB", "Lower page_size"}},
		"no count":                  {fault: waldurtest.DropHeader("X-Result-Count"), title: "No Usable X-Result-Count Header", parts: []string{"has no X-Result-Count header", "proxy may have changed it"}},
		"too many rows":             {fault: waldurtest.SetHeader("X-Result-Count", "1000000000"), title: "Too Many Rows to Read", parts: []string{"1000000000 rows, but the limit is 1000000 rows.", "narrow the filters"}},
		"a row":                     {fault: waldurtest.Body("application/json", `[{"offering_uuid":1}]`), title: "Unexpected Row from Waldur", parts: []string{"Row 1: offering_uuid must be a string; got 1", "operator"}},
		"an exponent":               {fault: waldurtest.EditRows(setField("usage_percent", "1e999999999")), title: "Unexpected Row from Waldur", parts: []string{"Row 1: usage_percent", "exponent"}},
		"a missing column":          {fault: waldurtest.EditRows(func(rows []map[string]any) []map[string]any { delete(rows[2], "total_consumed"); return rows }), title: "Unexpected Row from Waldur", parts: []string{"Row 3: total_consumed is missing"}},
		"a bad filter":              {fault: status(400, nil, `{"offering_type":["No such plugin."]}`), arguments: map[string]tftypes.Value{"offering_type": text("x")}, at: "offering_type", title: "Filter Refused by Waldur", parts: []string{`refused the value of offering_type: "No such plugin."`, "Correct the argument"}, request: "offering_type=x"},
		"bad months":                {fault: status(400, nil, `{"start":["Bad."],"end":["Worse."]}`), arguments: map[string]tftypes.Value{"start": text("2026-01"), "end": text("2026-02")}, at: "end", title: "Filter Refused by Waldur", parts: []string{"Worse."}, request: "end=2026-02"},
		"a bad parameter":           {fault: status(400, nil, `{"accept":["Bad."]}`), title: "Request Refused by Waldur", parts: []string{"value of accept", "Bad.", "may not be supported"}},
		"bad fields":                {fault: status(400, nil, `{"field":["Bad."]}`), arguments: map[string]tftypes.Value{"fields": set(text("component_type"))}, at: "fields", title: "Filter Refused by Waldur", parts: []string{"value of fields", "Bad."}},
		"ignored filters":           {fault: waldurtest.EditRows(setField("billing_period", "2026-10-01")), arguments: map[string]tftypes.Value{"billing_period": text("2026-11")}, title: "Filters Ignored by Waldur", parts: []string{`Row 1 does not match the filter billing_period: it has "2026-10"`, "proxy", "Check url"}},
		"429 to the end":            {fault: status(429, nil, ""), retries: 2, title: "Rate Limited by Waldur", parts: []string{"429 Too Many Requests", "max_retries"}, request: "(3 attempts)"},
		"503 to the end":            {fault: status(503, http.Header{"Retry-After": {"0"}}, ""), retries: 1, title: "Waldur Server Error", parts: []string{"503 Service Unavailable"}, request: "(2 attempts)"},
		"a long wait":               {fault: status(429, http.Header{"Retry-After": {"120"}}, ""), retries: 2, title: "Rate Limited by Waldur", parts: []string{"asked to wait until ", "which is longer than the provider waits", "after that time"}},
		"a very long wait":          {fault: status(429, http.Header{"Retry-After": {"720000"}}, ""), retries: 2, title: "Rate Limited by Waldur", parts: []string{"asked to wait until ", "longer than the provider waits"}},
		"a wait too long":           {fault: status(503, http.Header{"Retry-After": {"30"}}, ""), retries: 2, arguments: map[string]tftypes.Value{"timeouts": timeoutsBlock("20s")}, title: "Waldur Server Error", parts: []string{"503 Service Unavailable", "asked to wait until ", "Run the command again after that time. The read had no time left for another attempt: raise timeouts.read (now 20s)."}},
		"a 429 wait too long":       {fault: status(429, http.Header{"Retry-After": {"30"}}, ""), retries: 2, arguments: map[string]tftypes.Value{"timeouts": timeoutsBlock("20s")}, title: "Rate Limited by Waldur", parts: []string{"asked to wait until ", "Run the command again after that time. The read had no time left for another attempt: raise timeouts.read (now 20s)."}},
		"503 with a wait":           {fault: status(503, http.Header{"Retry-After": {"1"}}, ""), title: "Waldur Server Error", parts: []string{"503 Service Unavailable", "The server, or a proxy", "asked to wait until "}},
		"429 without retries":       {fault: status(429, nil, ""), title: "Rate Limited by Waldur", parts: []string{"Run the command again later, or raise max_retries in the provider block"}},
		"408":                       {fault: status(408, nil, ""), retries: 1, title: "Request to Waldur Timed Out", parts: []string{"408 Request Timeout", "lower page_size"}, request: "(2 attempts)"},
		"425":                       {fault: status(425, nil, ""), retries: 1, title: "Unexpected Response from Waldur", parts: []string{"425 Too Early", "Run the command again later"}, request: "(2 attempts)"},
		"a list of errors":          {fault: status(403, nil, `{"errors":["Unpaid invoices.","Ask us."]}`), title: "Access Denied by Waldur", parts: []string{`403 Forbidden: "Unpaid invoices. Ask us."`}},
		"a list of one detail":      {fault: status(403, nil, `{"detail":["Two-factor enrolment is required."]}`), title: "Access Denied by Waldur", parts: []string{`403 Forbidden: "Two-factor enrolment is required."`}},
		"maintenance":               {fault: status(503, nil, `{"errors":["Maintenance until 14:00 UTC."]}`), title: "Waldur Server Error", parts: []string{`503 Service Unavailable: "Maintenance until 14:00 UTC."`}},
		"an error of no field":      {fault: status(400, nil, `{"non_field_errors":["The query is too expensive."]}`), title: "Request Refused by Waldur", parts: []string{`400 Bad Request: "The query is too expensive."`}},
		"a body labelled gzip":      {fault: waldurtest.SetHeader("Content-Encoding", "gzip"), title: "Response in Unusable Encoding", parts: []string{`has the Content-Encoding "gzip", but is not compressed in that way`, "Content-Encoding"}},
		"a body in brotli":          {fault: waldurtest.SetHeader("Content-Encoding", "br"), title: "Response in Unusable Encoding", parts: []string{`has the Content-Encoding "br", which was not requested`}},
		"a limit period":            {fault: waldurtest.EditRows(setField("limit_period", "weekly")), arguments: map[string]tftypes.Value{"usage_period": text("limit_period")}, title: "Unknown Limit Period", parts: []string{`has the limit_period "weekly", which is not month, quarterly, annual or total.`, "Leave out usage_period"}},
		"a column that is needed":   {fault: waldurtest.EditRows(setField("component_type", 7)), title: "Unexpected Row from Waldur", parts: []string{"component_type must be a string; got 7.", "Report it to the operator of the Waldur server."}, absent: "leave it out"},
		"a column left out":         {fault: waldurtest.EditRows(setField("limit_amount", "7")), arguments: map[string]tftypes.Value{"fields": set(text("offering_name"))}, title: "Unexpected Row from Waldur", parts: []string{"limit_amount must be", "Report it to the operator of the Waldur server."}, absent: "leave it out"},
		"a column to leave out":     {fault: waldurtest.EditRows(setField("limit_amount", "7")), title: "Unexpected Row from Waldur", parts: []string{"limit_amount must be", "If you do not need the column, leave it out with fields."}},
		"a redirect":                {fault: waldurtest.Redirect(302, "https://elsewhere.example/api/"), title: "Redirect Not Followed", parts: []string{"302 Found, a redirect to https://elsewhere.example/api/", "The token was not sent", "login page"}},
		"another address":           {fault: waldurtest.Redirect(301, "https://elsewhere.example/up"+waldurtest.Path+"?page=1"), title: "Redirect Not Followed", parts: []string{`set url in the provider block to "https://elsewhere.example/up".`}},
		"a hanging server":          {fault: waldurtest.Hang(), arguments: map[string]tftypes.Value{"timeouts": timeoutsBlock("300ms")}, title: "Read from Waldur Timed Out", parts: []string{"No response within 300ms, the limit of the whole read (timeouts.read).", "timeouts.read, now 300ms", "raise it"}},
		"a hasty provider":          {fault: waldurtest.Delay(time.Minute), timeout: "700ms", title: "Request to Waldur Timed Out", parts: []string{"No complete response within 700ms", "Check that the server is running", "request_timeout"}},
		"a cut response":            {fault: waldurtest.CutBody(), title: "Incomplete Response from Waldur", parts: []string{"The response ended after ", "page_size"}},
		"a closed connection":       {fault: waldurtest.HangUp(), title: "Cannot Connect to Waldur", parts: []string{"The connection failed: EOF.", "Check that the server is running and that the address is correct."}},
		"a wrong count":             {fault: waldurtest.SetHeader("X-Result-Count", "11"), title: "Incomplete List from Waldur", parts: []string{"Received 10 rows; the server counts 11 (passes: 8,", "no rows are silently missing", "narrow the filters"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.SetNow(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
			server.SetFaults(test.fault)
			token := cmp.Or(test.token, waldurtest.Token)
			arguments := map[string]tftypes.Value{
				"token": text(token), "max_retries": tftypes.NewValue(tftypes.Number, test.retries),
			}
			if test.timeout != "" {
				arguments["request_timeout"] = text(test.timeout)
			}
			_, diags := configured(t, server, arguments).read(t.Context(), test.arguments)
			parts := slices.Concat(test.parts, []string{"\n\nRequest: GET " + server.URL + waldurtest.Path, test.request})
			if !reported(diags, tfprotov6.DiagnosticSeverityError, test.at, parts...) {
				t.Fatalf("want an error with %q, got: %s", parts, describe(diags))
			}
			if test.absent != "" && strings.Contains(describe(diags), test.absent) {
				t.Errorf("the error has %q: %s", test.absent, describe(diags))
			}
			for _, diag := range diags {
				checkAnatomy(t, diag)
			}
			if !slices.ContainsFunc(diags, func(diag *tfprotov6.Diagnostic) bool { return diag.Summary == test.title }) {
				t.Fatalf("want the title %q, got %s", test.title, describe(diags))
			}
			if shown := describe(diags); strings.Contains(shown, token) {
				t.Fatalf("the token shows: %s", shown)
			}
			t.Log(describe(diags))
		})
	}
}

// TestReadErrorsAfterSeveralResponses checks the advice for what failed before. The waits
// after changes of the data are 0.25, 0.5, 1, 2, 4 and then 6.7 seconds, each up to a fifth
// longer or shorter. Five waits take at most 9.3 seconds and six at least 11.5, so the sixth
// does not fit into the 10.5 seconds of the read.
func TestReadErrorsAfterSeveralResponses(t *testing.T) {
	t.Parallel()
	failsFirst := waldurtest.First(1, waldurtest.Status(500, nil, ""))
	for name, test := range map[string]struct {
		faults []waldurtest.Fault
		grows  bool
		title  string
		parts  []string
	}{
		"a first page that hangs after a failure": {faults: []waldurtest.Fault{failsFirst, waldurtest.Hang()}, title: "Read from Waldur Timed Out",
			parts: []string{"No time was left for the request; the previous attempt failed: the server responded with 500 Internal Server Error.", "timeouts.read, now 10.5s. Earlier attempts failed: fix the cause of the failure first.", "(2 attempts)"}},
		"a later page that hangs": {faults: []waldurtest.Fault{waldurtest.OnPage(2, waldurtest.Hang())}, title: "Read from Waldur Timed Out",
			parts: []string{"Received 7 rows; the server counts 10", "If the server is slow, raise it", "page=2"}},
		"a later page that hangs after a failure": {faults: []waldurtest.Fault{waldurtest.OnPage(2, failsFirst), waldurtest.OnPage(2, waldurtest.Hang())}, title: "Read from Waldur Timed Out",
			parts: []string{"Received 7 rows; the server counts 10", "the previous attempt failed: the server responded with 500", "Earlier attempts failed", "page=2", "(2 attempts)"}},
		"a page that hangs after changes": {faults: []waldurtest.Fault{waldurtest.SetHeader("X-Result-Count", "3"), waldurtest.On(func(n int, _ *http.Request) bool { return n >= 2 }, waldurtest.Hang())}, title: "Waldur Data Keeps Changing",
			parts: []string{"Received 7 rows; the server counts 3 (passes: 1, changes of the data: 2): no time was left for the request.", "Waldur may be writing usage"}},
		"data that keeps changing": {grows: true, title: "Waldur Data Keeps Changing",
			parts: []string{"the number of rows changed from ", "no rows are silently missing. Waldur may be writing usage: run the command again later, or raise timeouts.read (now 10.5s)."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := recorded(t)
			server.SetFaults(test.faults...)
			if test.grows {
				server.AfterCount(func(n int) {
					server.Update(func(rows []waldurtest.Row) []waldurtest.Row {
						row := rows[0]
						row.OfferingUUID, row.BillingPeriod = fmt.Sprintf("%032x", n+1), "2026-11-01"
						return append(rows, row)
					})
				})
			}
			_, diags := configured(t, server, map[string]tftypes.Value{"max_retries": tftypes.NewValue(tftypes.Number, 3)}).read(t.Context(), map[string]tftypes.Value{
				"page_size": tftypes.NewValue(tftypes.Number, 7), "timeouts": timeoutsBlock("10.5s"),
			})
			if !reported(diags, tfprotov6.DiagnosticSeverityError, "", append([]string{test.title}, test.parts...)...) {
				t.Fatalf("want an error with %q, got: %s", test.parts, describe(diags))
			}
			checkAnatomy(t, diags[0])
		})
	}
}

// TestNoRowsNamesTheReasons that can be true, in the order of their likelihood.
func TestNoRowsNamesTheReasons(t *testing.T) {
	t.Parallel()
	const firstDay, rebuilt, role = "the first day of a month has no rows", "unless its operator has rebuilt them", "The token's user may see no offerings"
	id := uuid.NullUUID{UUID: uuid.MustParse("5c6eb065-f4e7-58f7-957c-e351ad5bfcea"), Valid: true}
	month := waldur.NewMonth
	types := map[string]string{"gpu_hours": "GPU-hours", "cpu_k_hours": "CPU k-hours"}
	for name, test := range map[string]struct {
		query waldur.Query
		day   int // of November 2026
		types map[string]string
		want  []string
	}{
		"this month":             {waldur.Query{}, 28, nil, []string{role}},
		"this month, by name":    {waldur.Query{BillingPeriod: month(2026, 11)}, 28, nil, []string{role}},
		"the first of the month": {waldur.Query{}, 1, nil, []string{firstDay, role}},
		"a range from then":      {waldur.Query{Start: month(2026, 11)}, 1, nil, []string{firstDay, role}},
		"the first, latest":      {waldur.Query{Latest: true}, 1, nil, []string{role}},
		"a coming month":         {waldur.Query{BillingPeriod: month(2027, 2)}, 1, nil, []string{"2027-02 is in the future: this month is 2026-11 in UTC."}},
		"a closed month":         {waldur.Query{BillingPeriod: month(2019, 3)}, 1, nil, []string{rebuilt, role}},
		"a range up to now":      {waldur.Query{Start: month(2019, 3), End: month(2026, 11)}, 28, nil, []string{role}},
		"a closed range":         {waldur.Query{End: month(2019, 3)}, 28, nil, []string{rebuilt, role}},
		"a component's name":     {waldur.Query{ComponentType: "gpu-hours"}, 1, types, []string{`component_type is the identifier of a component: set it to "gpu_hours" (GPU-hours).`}},
		"a component's typo":     {waldur.Query{ComponentType: "gpu_hour"}, 1, types, []string{"there are rows of these components: cpu_k_hours, gpu_hours (did you mean gpu_hours?)."}},
		"no components at all":   {waldur.Query{ComponentType: "gpu_hour"}, 28, nil, []string{role}},
		"an organization":        {waldur.Query{CustomerUUID: id, OfferingType: "x", BillingType: "limit"}, 28, nil, []string{"customer_uuid is the organization that provides", "The filter offering_type may be wrong.", "The filter billing_type may be wrong.", role}},
		"a project":              {waldur.Query{ProjectUUID: id, OfferingUUID: id}, 28, nil, []string{"project_uuid is the project that the offering itself", "The filter offering_uuid may be wrong.", role}},
	} {
		f := readFailure{query: test.query}
		got := strings.Split(f.adviseNoRows(&waldur.Error{Types: test.types}, time.Date(2026, 11, test.day, 12, 0, 0, 0, time.UTC)), "\n\n")
		if len(got) != len(test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
			continue
		}
		for i := range test.want {
			if !strings.Contains(got[i], test.want[i]) {
				t.Errorf("%s: got %q, want %q", name, got, test.want)
			}
		}
	}
}

// TestRequiredRows are an error with the existing component types, and not by default.
func TestRequiredRows(t *testing.T) {
	t.Parallel()
	c := configured(t, recorded(t), nil)
	arguments := map[string]tftypes.Value{"component_type": text("CPU"), "require_rows": tftypes.NewValue(tftypes.Bool, true)}
	_, diags := c.read(t.Context(), arguments)
	if len(diags) != 1 || !reported(diags, tfprotov6.DiagnosticSeverityError, "", "No Rows in Waldur", "Waldur has no row for component_type=CPU.", "there are rows of these components: ", "\n\nRequest: GET ") {
		t.Fatalf("got %s", describe(diags))
	}
	delete(arguments, "require_rows")
	if state, diags := c.read(t.Context(), arguments); hasError(diags) || len(summaries(t, state)) != 0 {
		t.Fatalf("without require_rows: %s", describe(diags))
	}
}

// TestALowPercentageIsAWarning, since 0.8 means 0.8 %.
func TestALowPercentageIsAWarning(t *testing.T) {
	t.Parallel()
	c := newProtocolClient(t)
	for percent, warned := range map[float64]bool{-1: false, 0: false, 0.57: true, 0.8: true, 0.99: true, 1: false, 80: false} {
		resp, err := c.server.ValidateDataResourceConfig(t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{TypeName: dataSourceType,
			Config: c.config(c.schema.DataSourceSchemas[dataSourceType], map[string]tftypes.Value{"min_usage_percent": tftypes.NewValue(tftypes.Number, percent)})})
		if err != nil {
			t.Fatal(err)
		}
		got := reported(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning, "min_usage_percent", "Low Value for min_usage_percent")
		if got != warned || len(resp.Diagnostics) > 1 {
			t.Errorf("%g: %s", percent, describe(resp.Diagnostics))
		}
		if percent == 0.57 && !strings.HasSuffix(resp.Diagnostics[0].Detail, "For 57 %, set it to 57.") {
			t.Errorf("the advice is %s", resp.Diagnostics[0].Detail)
		}
		if percent == 0.8 && !strings.HasSuffix(resp.Diagnostics[0].Detail, "For 80 %, set it to 80.") {
			t.Errorf("the advice is %s", resp.Diagnostics[0].Detail)
		}
	}
}

// TestNullConfigurationsAreErrors: Terraform itself never sends them.
func TestNullConfigurationsAreErrors(t *testing.T) {
	t.Parallel()
	c := configured(t, waldurtest.Start(t, nil), nil)
	null := func(schema *tfprotov6.Schema) *tfprotov6.DynamicValue {
		config, err := tfprotov6.NewDynamicValue(schema.ValueType(), tftypes.NewValue(schema.ValueType(), nil))
		if err != nil {
			t.Fatal(err)
		}
		return &config
	}
	config := null(c.schema.DataSourceSchemas[dataSourceType])
	validated, err := c.server.ValidateDataResourceConfig(t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{TypeName: dataSourceType, Config: config})
	if err != nil || !hasError(validated.Diagnostics) {
		t.Errorf("validating a data source: %v", err)
	}
	if resp, err := c.server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: dataSourceType, Config: config}); err != nil || !hasError(resp.Diagnostics) {
		t.Errorf("reading a data source: %v", err)
	}
	configured, err := c.server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: null(c.schema.Provider)})
	if err != nil || !hasError(configured.Diagnostics) {
		t.Errorf("configuring the provider: %v", err)
	}
}

// checkAnatomy checks that an error of a request has a title of three to six words,
// the cause, what to do, and the request.
func checkAnatomy(t *testing.T, diag *tfprotov6.Diagnostic) {
	t.Helper()
	words, paragraphs := len(strings.Fields(diag.Summary)), strings.Split(diag.Detail, "\n\n")
	if words < 3 || words > 6 || len(paragraphs) != 3 || strings.Contains(paragraphs[0], "http://127") || !strings.HasPrefix(paragraphs[2], "Request: GET ") {
		t.Errorf("an error of another form: %s\n%s", diag.Summary, diag.Detail)
	}
	for _, paragraph := range paragraphs[:2] {
		if !strings.HasSuffix(strings.TrimSuffix(paragraph, `"`), ".") || strings.Contains(paragraph, "..") || strings.Contains(paragraph, `.".`) || !unicode.IsUpper([]rune(paragraph)[0]) {
			t.Errorf("a paragraph that is not sentences: %s", paragraph)
		}
	}
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
	server.SetFaults(waldurtest.Hang())
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
		{map[string]tftypes.Value{"page_size": tftypes.NewValue(tftypes.Number, 20), "consistent_read": tftypes.NewValue(tftypes.Bool, true)}, 3}, // 40 a page in the second reading
		{map[string]tftypes.Value{"consistent_read": tftypes.NewValue(tftypes.Bool, true)}, 2},
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

// TestKeptRows applies min_usage_percent and limit.
func TestKeptRows(t *testing.T) {
	t.Parallel()
	server := recorded(t)
	number := func(digits string) tftypes.Value {
		n, _, err := big.ParseFloat(digits, 10, 512, big.ToNearestEven)
		if err != nil {
			t.Fatal(err)
		}
		return tftypes.NewValue(tftypes.Number, n)
	}
	for _, test := range []struct {
		percent, limit string
		fields         string
		want           string
	}{
		{want: "99999999.99 200 102 100 100 81 75 50.59 null null"},
		{percent: "100", want: "99999999.99 200 102 100 100"},
		{percent: "100.01", want: "99999999.99 200 102"},
		{percent: "50.59", want: "99999999.99 200 102 100 100 81 75 50.59"},
		{percent: "50.5900000000000000000000000000000000000001", want: "99999999.99 200 102 100 100 81 75 50.59"},
		{percent: "50.5900000001", want: "99999999.99 200 102 100 100 81 75"},
		{percent: "-1", want: "99999999.99 200 102 100 100 81 75 50.59"},
		{percent: "99999999.99", want: "99999999.99"},
		{percent: "1e29", want: ""},
		{limit: "3", want: "99999999.99 200 102"},
		{percent: "-1e29", want: "99999999.99 200 102 100 100 81 75 50.59"},
		{limit: "1e19", want: "99999999.99 200 102 100 100 81 75 50.59 null null"},
		{percent: "100", limit: "4", want: "99999999.99 200 102 100"},
		{percent: "81", limit: "6", want: "99999999.99 200 102 100 100 81"},
		{percent: "100", fields: "offering_name", want: "null null null null null"},
		{percent: "100", fields: "usage_percent", want: "99999999.99 200 102 100 100"},
	} {
		arguments := map[string]tftypes.Value{"order_by": list(text("-usage_percent"))}
		if test.percent != "" {
			arguments["min_usage_percent"] = number(test.percent)
		}
		if test.limit != "" {
			arguments["limit"] = number(test.limit)
		}
		if test.fields != "" {
			arguments["fields"] = set(text(test.fields))
		}
		for way, c := range ways(t, server) {
			state, diags := c.read(t.Context(), arguments)
			if hasError(diags) {
				t.Fatal(describe(diags))
			}
			var percents []string
			for _, row := range summaries(t, state) {
				var percent *big.Float
				if err := row["usage_percent"].As(&percent); err != nil {
					t.Fatal(err)
				}
				if percent == nil {
					percents = append(percents, "null")
				} else {
					percents = append(percents, percent.Text('f', -1))
				}
			}
			var total big.Float
			if err := state["total_count"].As(&total); err != nil || total.Cmp(big.NewFloat(10)) != 0 {
				t.Errorf("total_count is %s, %v", &total, err)
			}
			if got := strings.Join(percents, " "); got != test.want {
				t.Errorf("%s: %+v: got %s", way, test, got)
			}
		}
	}
}

// summaries returns the rows of a state.
func summaries(t *testing.T, state map[string]tftypes.Value) (rows []map[string]tftypes.Value) {
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

// TestKeptRowsReadThePercentage: min_usage_percent reads usage_percent even if
// fields leaves it out.
func TestKeptRowsReadThePercentage(t *testing.T) {
	t.Parallel()
	server := recorded(t)
	c := configured(t, server, nil)
	for _, test := range []struct {
		percent bool
		reads   bool
	}{{true, true}, {false, false}} {
		server.ResetRequests()
		arguments := map[string]tftypes.Value{"fields": set(text("offering_name"))}
		if test.percent {
			arguments["min_usage_percent"] = tftypes.NewValue(tftypes.Number, 80)
		}
		if _, diags := c.read(t.Context(), arguments); hasError(diags) {
			t.Fatal(describe(diags))
		}
		if got := slices.Contains(server.Requests()[0].Query["field"], "usage_percent"); got != test.reads {
			t.Errorf("reads usage_percent: %t", got)
		}
	}
}
