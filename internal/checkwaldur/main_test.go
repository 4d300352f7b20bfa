// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// Package net/http must log nothing, because its log lines can contain rows.
func TestMain(m *testing.M) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	status := m.Run()
	if logged.Len() > 0 {
		fmt.Fprintf(os.Stderr, "package log was used: %s\n", &logged)
		status = 1
	}
	os.Exit(status)
}

// usage returns 450 rows of five months that show every fact. Their values do not
// occur in any output by chance.
func usage() []waldurtest.Row {
	var rows []waldurtest.Row
	limit, period, percent := int32(481516234), "xq-period", "4815.16"
	for month := range 5 {
		for offering := range 15 {
			for component := range 6 {
				row := waldurtest.Row{
					OfferingUUID:   fmt.Sprintf("0ffe%028x", offering),
					OfferingName:   fmt.Sprintf("xq-offering-%d", min(offering, 13)), // two have the same name
					OfferingType:   fmt.Sprintf("xq-type-%d", offering%2),
					CategoryUUID:   fmt.Sprintf("ca7e%028x", offering),
					CategoryTitle:  "xq-category",
					ComponentType:  fmt.Sprintf("xq-component-%d", component),
					ComponentName:  fmt.Sprintf("Xq Component %d", component),
					MeasuredUnit:   "xq-unit",
					BillingType:    fmt.Sprintf("xq-billing-%d", component%2),
					LimitAmount:    &limit,
					LimitPeriod:    &period,
					BillingPeriod:  fmt.Sprintf("2026-%02d-01", 7+month),
					TotalConsumed:  "2342.31",
					TotalAllocated: "4231.42",
					UsagePercent:   &percent,
				}
				if offering%3 > 0 {
					row.ServiceProviderUUID = fmt.Sprintf("5e4f%028x", offering%3)
					row.ServiceProviderName = "xq-provider"
				}
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func start(t *testing.T, rows []waldurtest.Row) *waldurtest.Server {
	t.Helper()
	server := waldurtest.Start(t, rows)
	server.SetNow(time.Date(2026, time.November, 11, 0, 0, 0, 0, time.UTC))
	return server
}

// usageValues returns the values in usage, as text.
var usageValues = sync.OnceValue(func() map[string]bool {
	texts := map[string]bool{}
	for _, row := range usage() {
		fields := reflect.ValueOf(row)
		for i := range fields.NumField() {
			if value := reflect.Indirect(fields.Field(i)); value.IsValid() && !value.IsZero() {
				texts[fmt.Sprint(value)] = true
			}
		}
	}
	return texts
})

// check runs the command. The output must not contain values of the rows, the
// address or the token.
func check(t *testing.T, address, token string) (status int, stdout, stderr string) {
	t.Helper()
	environment := map[string]string{urlVariable: address, tokenVariable: token}
	var out, errs bytes.Buffer
	status = run(func(name string) string { return environment[name] }, &out, &errs)
	secrets := slices.Collect(maps.Keys(usageValues()))
	for _, secret := range append(secrets, address, "127.0.0.1", token) {
		if secret != "" && strings.Contains(out.String()+errs.String(), secret) {
			t.Errorf("the output has %q in it:\n%s%s", secret, &out, &errs)
		}
	}
	return status, out.String(), errs.String()
}

var columnGap = regexp.MustCompile(` {2,}`)

// factsWith returns the names of the facts that have the verdict in the output.
func factsWith(output string, v verdict) []string {
	var names []string
	for line := range strings.Lines(output) {
		if cells := columnGap.Split(strings.TrimSpace(line), -1); len(cells) == 4 && cells[3] == string(v) {
			names = append(names, cells[0])
		}
	}
	return names
}

func TestServerThatHasAllThatTheProviderNeeds(t *testing.T) {
	t.Parallel()
	server := start(t, usage())
	status, output, stderr := check(t, server.URL, waldurtest.Token)
	if status != 0 || stderr != "" {
		t.Errorf("exit status %d, %q, want 0; output:\n%s", status, stderr, output)
	}
	var want []string
	for _, fact := range facts {
		if fact.name != "version of the server" {
			want = append(want, fact.name)
		}
	}
	if diff := cmp.Diff(want, factsWith(output, ok)); diff != "" {
		t.Errorf("ok (-want +got):\n%s\noutput:\n%s", diff, output)
	}
	if want := " 33 facts: 32 ok, 0 tolerated, 0 BROKEN, 1 not seen."; !strings.Contains(output, want) {
		t.Errorf("%q is not in the output:\n%s", want, output)
	}
	requests := server.Requests()
	if len(requests) > 33 {
		t.Errorf("%d requests, want a few", len(requests))
	}
	for _, request := range requests {
		if request.Method != http.MethodGet && request.Method != http.MethodHead {
			t.Errorf("the check is not read-only: %s", request.Method)
		}
	}
}

// has matches the requests whose parameter has the value.
func has(parameter, value string) func(int, *http.Request) bool {
	return func(_ int, r *http.Request) bool { return slices.Contains(r.URL.Query()[parameter], value) }
}

// with matches the requests with the parameter.
func with(parameter string) func(int, *http.Request) bool {
	return func(_ int, r *http.Request) bool { return r.URL.Query().Has(parameter) }
}

// isPage matches the requests for pages of the whole list, in any order.
func isPage(_ int, r *http.Request) bool {
	query := r.URL.Query()
	query.Del("page")
	query.Del("o")
	return query.Encode() == "page_size=2&start=2000-01"
}

func ignoring(parameter string) waldurtest.Fault {
	return waldurtest.EditQuery(func(query url.Values) {
		if query.Get(parameter) != "bad" {
			query.Del(parameter)
		}
	})
}

func editEach(edit func(row map[string]any)) waldurtest.Fault {
	return waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
		for _, row := range rows {
			edit(row)
		}
		return rows
	})
}

func dropRow(rows []map[string]any) []map[string]any { return rows[:max(len(rows), 1)-1] }

var refused = waldurtest.Status(http.StatusBadRequest, nil, `{"detail":"no"}`)

func TestBrokenFactIsNamed(t *testing.T) {
	t.Parallel()
	months := []string{"billing_period", "start", "end"}
	for name, tc := range map[string]struct {
		fault waldurtest.Fault
		want  []string // the facts that are broken
	}{
		"object with results": {waldurtest.Body("application/json", `{"results":[]}`), []string{
			"list is a JSON array in UTF-8", "X-Result-Count is the number of rows", "page past the last", "list without rows",
			"errors of bad filters"}},
		"HTML type": {waldurtest.On(func(_ int, r *http.Request) bool { return !r.URL.Query().Has("page") },
			waldurtest.SetHeader("Content-Type", "text/html")), []string{"Content-Type"}},
		"bytes that are not UTF-8": {waldurtest.On(has("page_size", "300"), waldurtest.Body("application/json", "[{\"a\":\"\xff\"}]")),
			[]string{"list is a JSON array in UTF-8", "columns and their types"}},
		"months refused": {waldurtest.On(func(_ int, r *http.Request) bool {
			query := r.URL.Query()
			return slices.ContainsFunc(months, func(m string) bool { return query.Has(m) && query.Get(m) != "bad" })
		}, refused), []string{"form of months in filters"}},
		"no count": {waldurtest.DropHeader("X-Result-Count"), []string{"X-Result-Count is the number of rows"}},
		"count that is not a number": {waldurtest.SetHeader("X-Result-Count", "many"),
			[]string{"X-Result-Count is the number of rows"}},
		"count that is too small": {waldurtest.On(isPage, waldurtest.SetHeader("X-Result-Count", "448")),
			[]string{"X-Result-Count is the number of rows"}},
		"count that is too large": {waldurtest.On(isPage, waldurtest.SetHeader("X-Result-Count", "452")),
			[]string{"X-Result-Count is the number of rows"}},
		"count of the page":    {waldurtest.OnPage(2, waldurtest.SetHeader("X-Result-Count", "2")), []string{"X-Result-Count is equal on all pages"}},
		"page with a row less": {waldurtest.OnPage(2, waldurtest.EditRows(dropRow)), []string{"page_size=2"}},
		"last page with a row less": {waldurtest.On(has("page", "225"), waldurtest.EditRows(dropRow)),
			[]string{"X-Result-Count is the number of rows"}},
		"months that fail":    {waldurtest.On(isPage, waldurtest.Status(http.StatusInternalServerError, nil, "{}")), []string{"form of months in filters"}},
		"large pages refused": {waldurtest.On(has("page_size", "300"), refused), []string{"page_size=300"}},
		"large pages empty":   {waldurtest.On(has("page_size", "300"), waldurtest.EditRows(func([]map[string]any) []map[string]any { return nil })), []string{"page_size=300"}},
		"HTML past the last page": {waldurtest.On(has("page", "1000000"), waldurtest.HTML(http.StatusNotFound)),
			[]string{"page past the last"}},
		"last page again past the last": {waldurtest.On(has("page", "1000000"), waldurtest.EditQuery(func(query url.Values) { query.Set("page", "225") })),
			[]string{"page past the last"}},
		"all months without a month": {waldurtest.EditQuery(func(query url.Values) {
			if !query.Has("billing_period") && !query.Has("start") && !query.Has("end") {
				query.Set("start", "")
			}
		}), []string{"list without a month has one month"}},
		"404 without rows": {waldurtest.On(has("billing_period", "1900-01"), waldurtest.Status(http.StatusNotFound, nil, `{"detail":"no"}`)),
			[]string{"list without rows"}},
		"count without rows": {waldurtest.On(has("billing_period", "1900-01"), waldurtest.SetHeader("X-Result-Count", "1")),
			[]string{"list without rows"}},
		"null without rows": {waldurtest.On(has("billing_period", "1900-01"), waldurtest.Body("application/json", "null")),
			[]string{"list without rows"}},
		"billing_period ignored": {waldurtest.EditQuery(func(query url.Values) {
			if month := query.Get("billing_period"); month != "" && month != "bad" && month != "1900-01" {
				query.Set("billing_period", "")
			}
		}), []string{"filter billing_period"}},
		"start ignored": {waldurtest.EditQuery(func(query url.Values) {
			if query.Get("start") == "2026-11" {
				query.Set("start", "")
			}
		}), []string{"filter start"}},
		"end ignored":           {ignoring("end"), []string{"filter end"}},
		"end without its month": {waldurtest.EditQuery(func(query url.Values) { shift(query, "end") }), []string{"filter end"}},
		"offering_uuid ignored": {ignoring("offering_uuid"), []string{"filter offering_uuid"}},
		"customer_uuid ignored": {ignoring("customer_uuid"), []string{"filter customer_uuid"}},
		"project_uuid ignored":  {ignoring("project_uuid"), []string{"filter project_uuid"}},
		"project_uuid that fails": {waldurtest.On(with("project_uuid"), waldurtest.On(
			func(_ int, r *http.Request) bool { return r.URL.Query().Get("project_uuid") != "bad" },
			waldurtest.Status(http.StatusInternalServerError, nil, "{}"))), []string{"filter project_uuid"}},
		"offering_type ignored":  {ignoring("offering_type"), []string{"filter offering_type"}},
		"component_type ignored": {ignoring("component_type"), []string{"filter component_type"}},
		"billing_type ignored":   {ignoring("billing_type"), []string{"filter billing_type"}},
		"billing_type refused":   {waldurtest.On(with("billing_type"), refused), []string{"filter billing_type"}},
		"offering_type that hides rows": {waldurtest.On(with("offering_type"), waldurtest.EditQuery(func(query url.Values) {
			query.Set("offering_uuid", fmt.Sprintf("0ffe%028x", 0))
		})), []string{"filter offering_type"}},
		"bad filters ignored": {waldurtest.On(has("start", "bad"), waldurtest.Body("application/json", "[]")), []string{"errors of bad filters"}},
		"bad filters without names": {waldurtest.On(has("start", "bad"), refused),
			[]string{"errors of bad filters"}},
		"bad filters without months": {waldurtest.On(has("start", "bad"),
			waldurtest.Status(http.StatusBadRequest, nil, `{"offering_uuid":["no"]}`)), []string{"errors of bad filters"}},
		"column missing": {editEach(func(row map[string]any) { delete(row, "measured_unit") }), []string{"columns and their types"}},
		"column null":    {editEach(func(row map[string]any) { row["category_title"] = nil }), []string{"columns and their types"}},
		"column of the wrong type": {editEach(func(row map[string]any) { row["limit_amount"] = "481516234" }),
			[]string{"columns and their types"}},
		"limit over 32 bits":     {editEach(func(row map[string]any) { row["limit_amount"] = json.Number("4815162342") }), []string{"columns and their types"}},
		"decimal that is a word": {editEach(func(row map[string]any) { row["usage_percent"] = "xq-amount" }), []string{"decimals"}},
		"decimal too long":       {editEach(func(row map[string]any) { row["total_consumed"] = strings.Repeat("9", 41) }), []string{"decimals"}},
		"key twice": {waldurtest.On(has("page_size", "300"), waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
			rows[1] = rows[0]
			return rows
		})), []string{"keys are unique"}},
		"last field alone": {waldurtest.EditQuery(func(query url.Values) {
			if fields := query["field"]; len(fields) == 3 {
				query["field"] = fields[2:]
			}
		}), []string{"field, repeated"}},
		"unknown field refused": {waldurtest.On(has("field", "no_such_column"), refused), []string{"field with an unknown column"}},
		"o refused": {waldurtest.On(has("o", "usage_percent,total_consumed,total_allocated,billing_period"), refused),
			[]string{"o with the provider's columns"}},
		"unknown o refused": {waldurtest.On(has("o", "no_such_column"), refused), []string{"o with an unknown column"}},
		"unknown o without rows": {waldurtest.On(has("o", "no_such_column"), waldurtest.Body("application/json", "[]")),
			[]string{"o with an unknown column"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t, usage())
			server.SetFaults(tc.fault)
			status, output, stderr := check(t, server.URL, waldurtest.Token)
			if status != 1 || stderr != "" {
				t.Errorf("exit status %d, %q, want 1", status, stderr)
			}
			if diff := cmp.Diff(tc.want, factsWith(output, broken)); diff != "" {
				t.Errorf("BROKEN (-want +got):\n%s\noutput:\n%s", diff, output)
			}
		})
	}
}

// shift moves the month of a filter back.
func shift(query url.Values, parameter string) {
	if month, err := waldur.ParseMonth(query.Get(parameter)); err == nil {
		query.Set(parameter, month.Add(-1).String())
	}
}

func TestFactThatTheProviderToleratesIsTold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		misbehave func(*waldurtest.Server)
		want      []string // the facts that are tolerated
	}{
		"first days of months": {func(s *waldurtest.Server) { s.TakeFullDates(true) }, []string{"form of months in filters"}},
		"no Content-Type":      {faults(waldurtest.DropHeader("Content-Type")), []string{"Content-Type"}},
		"pages of 100": {faults(waldurtest.EditQuery(func(query url.Values) {
			if size := query.Get("page_size"); size == "300" || size == "400" {
				query.Set("page_size", "100")
			}
		})), []string{"page_size=300", "largest page"}},
		"pages of 10": {faults(waldurtest.EditQuery(func(query url.Values) { query.Del("page_size") })),
			[]string{"page_size=2", "page_size=300", "largest page"}},
		"pages of 400": {faults(waldurtest.On(has("page_size", "400"), waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
			return append(rows, make([]map[string]any, 100)...)
		}))), []string{"largest page"}},
		"empty page past the last": {faults(waldurtest.On(has("page", "1000000"), waldurtest.Body("application/json", "[]"))),
			[]string{"page past the last"}},
		"some bad filters": {faults(waldurtest.On(has("start", "bad"),
			waldurtest.Status(http.StatusBadRequest, nil, `{"start":["no"]}`))), []string{"errors of bad filters"}},
		"unknown project refused": {faults(waldurtest.On(with("project_uuid"), waldurtest.On(
			func(_ int, r *http.Request) bool { return r.URL.Query().Get("project_uuid") != "bad" }, refused))), []string{"filter project_uuid"}},
		"nullable column missing": {faults(editEach(func(row map[string]any) { delete(row, "limit_period") })), []string{"columns and their types"}},
		"decimals as numbers": {faults(editEach(func(row map[string]any) {
			if text, ok := row["total_consumed"].(string); ok {
				row["total_consumed"] = json.Number(text)
			}
		})), []string{"decimals"}},
		"all columns": {faults(waldurtest.EditQuery(func(query url.Values) { query.Del("field") })),
			[]string{"field, repeated", "field with an unknown column"}},
		"no HEAD": {faults(waldurtest.On(func(_ int, r *http.Request) bool { return r.Method == http.MethodHead },
			waldurtest.Status(http.StatusMethodNotAllowed, nil, "{}"))), []string{"HEAD"}},
		"other headers for HEAD": {faults(waldurtest.On(func(_ int, r *http.Request) bool { return r.Method == http.MethodHead },
			waldurtest.SetHeader("X-Result-Count", "0"))), []string{"HEAD"}},
		"no Link":             {faults(waldurtest.DropHeader("Link")), []string{"Link"}},
		"equal rows anew":     {func(s *waldurtest.Server) { s.ShuffleTies(1) }, []string{"order is total"}},
		"one column more":     {faults(editAll("xq_column", "xq-value")), []string{"columns that the provider does not know"}},
		"compressed by proxy": {faults(waldurtest.Gzip()), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t, usage())
			tc.misbehave(server)
			status, output, stderr := check(t, server.URL, waldurtest.Token)
			if status != 0 || stderr != "" {
				t.Errorf("exit status %d, %q, want 0", status, stderr)
			}
			if diff := cmp.Diff(tc.want, factsWith(output, tolerated)); diff != "" {
				t.Errorf("tolerated (-want +got):\n%s\noutput:\n%s", diff, output)
			}
			root, err := waldur.ParseURL(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			client := &waldur.Client{URL: root, Token: waldurtest.Token}
			list, _, err := client.ListComponentUsageMonthly(t.Context(), waldur.Query{Start: waldur.NewMonth(2000, time.January)})
			if err != nil || len(list) != len(server.Rows()) {
				t.Errorf("the provider reads %d rows and %v, want all rows", len(list), err)
			}
		})
	}
}

func faults(fault waldurtest.Fault) func(*waldurtest.Server) {
	return func(s *waldurtest.Server) { s.SetFaults(fault) }
}

func editAll(column string, value any) waldurtest.Fault {
	return waldurtest.On(func(_ int, r *http.Request) bool { return !r.URL.Query().Has("field") },
		editEach(func(row map[string]any) { row[column] = value }))
}

func TestServerWithoutRowsIsNotSeen(t *testing.T) {
	t.Parallel()
	server := start(t, nil)
	status, output, stderr := check(t, server.URL, waldurtest.Token)
	if status != 0 || stderr != "" {
		t.Errorf("exit status %d, %q, want 0", status, stderr)
	}
	want := []string{"list is a JSON array in UTF-8", "Content-Type", "form of months in filters", "X-Result-Count is the number of rows",
		"page past the last", "list without rows", "errors of bad filters", "HEAD", "Link"}
	if diff := cmp.Diff(want, factsWith(output, ok)); diff != "" {
		t.Errorf("ok (-want +got):\n%s\noutput:\n%s", diff, output)
	}
	if want := "24 not seen. The token of a user who may see more offerings and months may show the rest."; !strings.Contains(output, want) {
		t.Errorf("%q is not in the output:\n%s", want, output)
	}
}

func TestFilterIsJudgedByASingleRow(t *testing.T) {
	t.Parallel()
	for _, parameter := range []string{"billing_period", "start", "end", "offering_uuid", "customer_uuid", "project_uuid",
		"offering_type", "component_type", "billing_type"} {
		server := start(t, usage()[449:])
		if status, output, stderr := check(t, server.URL, waldurtest.Token); status != 0 || stderr != "" {
			t.Errorf("exit status %d, %q, want 0; output:\n%s", status, stderr, output)
		}
		server.SetFaults(waldurtest.EditQuery(func(query url.Values) {
			if value := query.Get(parameter); value != "" && value != "bad" && value != "1900-01" {
				query.Set(parameter, "")
			}
		}))
		status, output, stderr := check(t, server.URL, waldurtest.Token)
		if diff := cmp.Diff([]string{"filter " + parameter}, factsWith(output, broken)); diff != "" || status != 1 {
			t.Errorf("exit status %d, %q; BROKEN (-want +got):\n%s\noutput:\n%s", status, stderr, diff, output)
		}
	}
}

func TestRowsThatChangeAreTold(t *testing.T) {
	t.Parallel()
	server := start(t, usage())
	server.AfterCount(func(n int) {
		if n == 10 {
			server.SetRows(usage()[1:])
		}
	})
	_, output, _ := check(t, server.URL, waldurtest.Token)
	if want := "The rows changed during the check."; !strings.Contains(output, want) {
		t.Errorf("%q is not in the output:\n%s", want, output)
	}
}

func TestVersionOfTheServer(t *testing.T) {
	t.Parallel()
	isVersion := func(_ int, r *http.Request) bool { return r.URL.Path == "/api/version/" }
	for body, want := range map[string]string{
		`{"version":"8.1.3"}`:      "8.1.3",
		`{"version":"8.1.3-rc.2"}`: "8.1.3-rc.2",
		`{"version":"xq-secret"}`:  "the server does not say",
		`{"version":8}`:            "the server does not say",
		`<html>`:                   "the server does not say",
	} {
		server := start(t, usage())
		server.SetFaults(waldurtest.On(isVersion, waldurtest.Body("application/json", body)))
		status, output, _ := check(t, server.URL, waldurtest.Token)
		line := regexp.MustCompile(`(?m)^version of the server +(.*?)  +no `).FindStringSubmatch(output)
		if status != 0 || line == nil || line[1] != want {
			t.Errorf("%s: exit status %d and %q, want 0 and %q", body, status, line, want)
		}
	}
}

func TestBodyAfterHeadIsIgnored(t *testing.T) {
	t.Parallel()
	server := start(t, usage())
	server.SetFaults(waldurtest.On(func(_ int, r *http.Request) bool { return r.Method == http.MethodHead },
		func(int, *http.Request, http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				defer conn.Close()
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nX-Result-Count: 450\r\nContent-Length: 9\r\n\r\nxq-secret")
				<-time.After(50 * time.Millisecond)
			})
		}))
	if status, output, stderr := check(t, server.URL, waldurtest.Token); status != 0 {
		t.Errorf("exit status %d, %q, want 0; output:\n%s", status, stderr, output)
	}
}

func TestEachKindOfTokenIsAccepted(t *testing.T) {
	t.Parallel()
	server := start(t, usage())
	for _, token := range []string{"w_personal-access", "eyJh.eyJz.c2ln"} {
		server.SetToken(token, waldurtest.TokenActive)
		if status, _, stderr := check(t, server.URL, token); status != 0 {
			t.Errorf("%s: exit status %d, %q, want 0", token, status, stderr)
		}
	}
}

func TestServerThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	json := func(code int) waldurtest.Fault { return waldurtest.Status(code, nil, `{"detail":"xq-secret"}`) }
	for name, tc := range map[string]struct {
		fault waldurtest.Fault
		want  string
	}{
		"wrong token":   {json(http.StatusUnauthorized), "refused the token (HTTP 401). Set WALDUR_ACCESS_TOKEN"},
		"no permission": {json(http.StatusForbidden), "refused the token (HTTP 403)"},
		"web front end": {waldurtest.HTML(http.StatusOK), "is an HTML page (HTTP 200). Set WALDUR_API_URL"},
		"other address": {waldurtest.HTML(http.StatusNotFound), "is an HTML page (HTTP 404). Set WALDUR_API_URL"},
		"old server":    {json(http.StatusNotFound), "no monthly usage (HTTP 404). It needs Waldur 8.0.8"},
		"bad request":   {json(http.StatusBadRequest), "refused to list rows (HTTP 400)"},
		"redirect":      {waldurtest.Redirect(http.StatusFound, "http://127.0.0.1:1/xq-secret"), "redirects to another address (HTTP 302). Set WALDUR_API_URL"},
		"failure":       {json(http.StatusInternalServerError), "not available (HTTP 500). Run the check again later"},
		"rate limit":    {waldurtest.On(with("o"), json(http.StatusTooManyRequests)), "not available (HTTP 429). Run the check again later"},
		"expired token": {waldurtest.On(with("field"), json(http.StatusUnauthorized)), "refused the token (HTTP 401)"},
		"cut body":      {waldurtest.CutBody(), "the connection failed. Check that the server is running"},
		"no response":   {waldurtest.HangUp(), "the connection failed. Check that the server is running"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t, usage())
			server.SetFaults(tc.fault)
			status, output, stderr := check(t, server.URL, waldurtest.Token)
			if status != 1 || output != "" || !strings.Contains(stderr, tc.want) || strings.Contains(stderr, "xq-secret") {
				t.Errorf("exit status %d, %q and output %q, want 1 and %q", status, stderr, output, tc.want)
			}
		})
	}
}

func TestServerThatCannotBeReached(t *testing.T) {
	t.Parallel()
	closed := waldurtest.NewServer(nil)
	closed.Close()
	secure := waldurtest.StartTLS(t, nil)
	for address, want := range map[string]string{
		closed.URL: "the connection was refused. Check that the server is running",
		secure.URL: "the certificate of the server is not trusted",
	} {
		status, output, stderr := check(t, address, waldurtest.Token)
		if status != 1 || output != "" || !strings.Contains(stderr, want) {
			t.Errorf("exit status %d, %q and output %q, want 1 and %q", status, stderr, output, want)
		}
	}
}

func TestFailureOfAConnectionIsToldInPlainWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{Err: "no such host", Name: "waldur.test"}, "the name of the server was not found"},
		{fmt.Errorf("http://waldur.test: %w", context.DeadlineExceeded), "no complete response within 30s"},
		{errors.New("http://waldur.test: EOF"), "the connection failed"},
	} {
		text := connectionProblem(tc.err).Error()
		if !strings.HasPrefix(text, tc.want) || strings.Contains(text, "waldur.test") {
			t.Errorf("%v: %q, want %q", tc.err, text, tc.want)
		}
	}
}

func TestEnvironmentThatIsNotSet(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ address, token, want string }{
		{"", "xq-token", "WALDUR_API_URL is not set."},
		{"https://waldur.test", "", "WALDUR_ACCESS_TOKEN is not set."},
		{"waldur.test", "xq-token", "WALDUR_API_URL must begin with https://"},
	} {
		status, output, stderr := check(t, tc.address, tc.token)
		if status != 2 || output != "" || !strings.HasPrefix(stderr, tc.want) {
			t.Errorf("exit status %d, %q and output %q, want 2 and %q", status, stderr, output, tc.want)
		}
	}
}
