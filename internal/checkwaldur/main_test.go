// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
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
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		_ = os.Unsetenv(name)
	}
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
	limit, percent := int32(481516234), "4815.16"
	periods := []string{"total", "annual", "quarterly", "month"}
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
					LimitPeriod:    &periods[offering%4],
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

// now is in the last month of usage.
var now = time.Date(2026, time.November, 11, 0, 0, 0, 0, time.UTC)

func start(t *testing.T, rows []waldurtest.Row) *waldurtest.Server {
	t.Helper()
	server := waldurtest.Start(t, rows)
	server.SetNow(now)
	return server
}

// usageValues returns the values in usage, as text, but for limit_period: its four
// words are Waldur's own.
var usageValues = sync.OnceValue(func() map[string]bool {
	texts := map[string]bool{}
	for _, row := range usage() {
		row.LimitPeriod = nil
		fields := reflect.ValueOf(row)
		for _, field := range fields.Fields() {
			if value := reflect.Indirect(field); value.IsValid() && !value.IsZero() {
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
	return checkWith(t, map[string]string{urlVariable: address, tokenVariable: token})
}

// checkWith runs the command with these variables.
func checkWith(t *testing.T, environment map[string]string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(func(name string) string { return environment[name] }, now, &out, &errs)
	secrets := slices.Collect(maps.Keys(usageValues()))
	for _, secret := range append(secrets, environment[urlVariable], "127.0.0.1", environment[tokenVariable], environment[caCertVariable]) {
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
	if want := " 24 facts: 23 ok, 0 tolerated, 0 BROKEN, 1 not seen."; !strings.Contains(output, want) {
		t.Errorf("%q is not in the output:\n%s", want, output)
	}
	requests := server.Requests()
	if len(requests) > 33 {
		t.Errorf("%d requests, want about 30", len(requests))
	}
	for _, request := range requests {
		if request.Method != http.MethodGet {
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

// isLargePage matches the requests for the first rows of the whole list.
func isLargePage(_ int, r *http.Request) bool {
	return r.URL.Query().Encode() == "page_size=300&start=2000-01"
}

func ignoring(parameter string) waldurtest.Fault {
	return waldurtest.EditQuery(func(query url.Values) {
		if value := query.Get(parameter); value != "bad" && value != "1900-01" {
			query.Del(parameter)
		}
	})
}

// emptying is a server on which an empty value takes the place of a filter's.
func emptying(parameter string) waldurtest.Fault {
	return waldurtest.EditQuery(func(query url.Values) {
		if value := query.Get(parameter); value != "" && value != "bad" && value != "1900-01" {
			query.Set(parameter, "")
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

const orderValue = "usage_percent,total_consumed,total_allocated,billing_period,no_such_column"

func TestBrokenFactIsNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault waldurtest.Fault
		want  []string // the facts that are broken
	}{
		"object with results": {waldurtest.Body("application/json", `{"results":[]}`), []string{
			"list is a JSON array", "X-Result-Count is the number of rows", "page past the last", "list without rows",
			"errors of bad filters"}},
		"bytes that are not UTF-8": {waldurtest.On(isLargePage, waldurtest.Body("application/json", "[{\"a\":\"\xff\"}]")),
			[]string{"list is a JSON array", "page_size=300"}},
		"column that comes twice": {waldurtest.On(isLargePage, waldurtest.Body("application/json", `[{"a":1,"a":2}]`)),
			[]string{"list is a JSON array", "page_size=300"}},
		"no count": {waldurtest.DropHeader("X-Result-Count"), []string{"X-Result-Count is the number of rows", "list without rows"}},
		"count that is not a number": {waldurtest.SetHeader("X-Result-Count", "many"),
			[]string{"X-Result-Count is the number of rows", "list without rows"}},
		"count that is too small": {waldurtest.On(isPage, waldurtest.SetHeader("X-Result-Count", "448")),
			[]string{"X-Result-Count is the number of rows"}},
		"count that is too large": {waldurtest.On(isPage, waldurtest.SetHeader("X-Result-Count", "452")),
			[]string{"X-Result-Count is the number of rows"}},
		"count of the page":    {waldurtest.OnPage(2, waldurtest.SetHeader("X-Result-Count", "2")), []string{"X-Result-Count is the number of rows"}},
		"page with a row less": {waldurtest.OnPage(2, waldurtest.EditRows(dropRow)), []string{"X-Result-Count is the number of rows"}},
		"last page with a row less": {waldurtest.On(has("page", "225"), waldurtest.EditRows(dropRow)),
			[]string{"X-Result-Count is the number of rows"}},
		"large pages refused": {waldurtest.On(isLargePage, refused), []string{"page_size=300"}},
		"large pages empty":   {waldurtest.On(isLargePage, waldurtest.EditRows(func([]map[string]any) []map[string]any { return nil })), []string{"page_size=300"}},
		"HTML past the last page": {waldurtest.On(has("page", "1000000"), waldurtest.HTML(http.StatusNotFound)),
			[]string{"page past the last"}},
		"last page again past the last": {waldurtest.On(has("page", "1000000"), waldurtest.EditQuery(func(query url.Values) { query.Set("page", "225") })),
			[]string{"page past the last"}},
		"all months without a month": {waldurtest.EditQuery(func(query url.Values) {
			if !query.Has("billing_period") && !query.Has("start") && !query.Has("end") {
				query.Set("start", "")
			}
		}), []string{"list without a month has this month"}},
		"month of another time zone": {waldurtest.EditQuery(func(query url.Values) {
			if !query.Has("billing_period") && !query.Has("start") && !query.Has("end") {
				query.Set("billing_period", "2026-10")
			}
		}), []string{"list without a month has this month"}},
		"oldest month first": {waldurtest.EditQuery(func(query url.Values) {
			if query.Get("o") == "-billing_period" {
				query.Set("o", "billing_period")
			}
		}), []string{"newest month first"}},
		"newest month refused": {waldurtest.On(has("o", "-billing_period"), refused), []string{"newest month first"}},
		"404 without rows": {waldurtest.On(has("billing_period", "1900-01"), waldurtest.Status(http.StatusNotFound, nil, `{"detail":"no"}`)),
			[]string{"list without rows"}},
		"count without rows": {waldurtest.On(has("billing_period", "1900-01"), waldurtest.SetHeader("X-Result-Count", "1")),
			[]string{"list without rows"}},
		"null without rows": {waldurtest.On(has("billing_period", "1900-01"), waldurtest.Body("application/json", "null")),
			[]string{"list without rows"}},
		"billing_period empty":   {emptying("billing_period"), []string{"filter billing_period"}},
		"billing_period ignored": {ignoring("billing_period"), []string{"filter billing_period"}},
		"start empty": {waldurtest.EditQuery(func(query url.Values) {
			if query.Get("start") == "2026-08" {
				query.Set("start", "")
			}
		}), []string{"filter start"}},
		"start ignored": {waldurtest.EditQuery(func(query url.Values) {
			if query.Get("start") == "2026-08" {
				query.Del("start")
			}
		}), []string{"filter start"}},
		"end empty":             {emptying("end"), []string{"filter end"}},
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
		"decimal that is a word": {editEach(func(row map[string]any) { row["usage_percent"] = "xq-amount" }), []string{"columns and their types"}},
		"decimal too long":       {editEach(func(row map[string]any) { row["total_consumed"] = strings.Repeat("9", 41) }), []string{"columns and their types"}},
		"key twice": {waldurtest.On(isLargePage, waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
			rows[1] = rows[0]
			return rows
		})), []string{"keys are unique"}},
		"unknown limit_period": {waldurtest.On(has("page_size", "10"), editEach(func(row map[string]any) { row["limit_period"] = "xq-period" })),
			[]string{"values of limit_period"}},
		"last field alone": {waldurtest.EditQuery(func(query url.Values) {
			if fields := query["field"]; len(fields) == 4 {
				query["field"] = fields[2:]
			}
		}), []string{"field, with an unknown column"}},
		"unknown field refused": {waldurtest.On(has("field", "no_such_column"), refused), []string{"field, with an unknown column"}},
		"o refused":             {waldurtest.On(has("o", orderValue), refused), []string{"o, with an unknown column"}},
		"o without rows": {waldurtest.On(has("o", orderValue), waldurtest.Body("application/json", "[]")),
			[]string{"o, with an unknown column"}},
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
		"first days of months": {func(s *waldurtest.Server) { s.TakeFullDates(true) }, []string{"month format in filters"}},
		"no Content-Type":      {faults(waldurtest.DropHeader("Content-Type")), nil},
		"pages of 100": {faults(waldurtest.EditQuery(func(query url.Values) {
			if query.Get("page_size") == "300" {
				query.Set("page_size", "100")
			}
		})), []string{"page_size=300"}},
		"pages of 10": {faults(waldurtest.EditQuery(func(query url.Values) { query.Del("page_size") })),
			[]string{"page_size=300"}},
		"empty page past the last": {faults(waldurtest.On(has("page", "1000000"), waldurtest.Body("application/json", "[]"))),
			[]string{"page past the last"}},
		"some bad filters": {faults(waldurtest.On(has("start", "bad"),
			waldurtest.Status(http.StatusBadRequest, nil, `{"start":["no"]}`))), []string{"errors of bad filters"}},
		"unknown project refused": {faults(waldurtest.On(with("project_uuid"), waldurtest.On(
			func(_ int, r *http.Request) bool { return r.URL.Query().Get("project_uuid") != "bad" }, refused))), []string{"filter project_uuid"}},
		"nullable column missing": {faults(editEach(func(row map[string]any) { delete(row, "limit_amount") })), nil},
		"decimals as numbers": {faults(editEach(func(row map[string]any) {
			if text, ok := row["total_consumed"].(string); ok {
				row["total_consumed"] = json.Number(text)
			}
		})), []string{"columns and their types"}},
		"all columns": {faults(waldurtest.EditQuery(func(query url.Values) { query.Del("field") })),
			[]string{"field, with an unknown column"}},
		"equal rows anew":     {func(s *waldurtest.Server) { s.ShuffleTies(1) }, nil},
		"byte order mark":     {faults(byteOrderMark()), nil},
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

// byteOrderMark is a server that puts one before each list.
func byteOrderMark() waldurtest.Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			response := httptest.NewRecorder()
			next.ServeHTTP(response, r)
			maps.Copy(w.Header(), response.Header())
			w.Header().Del("Content-Length")
			w.WriteHeader(response.Code)
			if response.Code == http.StatusOK {
				_, _ = io.WriteString(w, "\ufeff")
			}
			_, _ = w.Write(response.Body.Bytes())
		})
	}
}

func faults(fault waldurtest.Fault) func(*waldurtest.Server) {
	return func(s *waldurtest.Server) { s.SetFaults(fault) }
}

func TestServerWithoutRowsIsNotSeen(t *testing.T) {
	t.Parallel()
	server := start(t, nil)
	status, output, stderr := check(t, server.URL, waldurtest.Token)
	if status != 0 || stderr != "" {
		t.Errorf("exit status %d, %q, want 0", status, stderr)
	}
	want := []string{"list is a JSON array", "month format in filters", "X-Result-Count is the number of rows",
		"page past the last", "list without rows", "errors of bad filters"}
	if diff := cmp.Diff(want, factsWith(output, ok)); diff != "" {
		t.Errorf("ok (-want +got):\n%s\noutput:\n%s", diff, output)
	}
	if want := "18 not seen. The token of a user who may see more offerings and months may show more."; !strings.Contains(output, want) {
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
		`{"version":"8.1.3"}`:                                             "8.1.3",
		`{"version":"8.1.3-rc.2"}`:                                        "8.1.3-rc.2",
		`{"version":"8.1.3-rc.16+5.gb6fab9572"}`:                          "8.1.3-rc.16+5.gb6fab9572",
		`{"version":"8.1.3-rc.7.dev.20260901180117.270"}`:                 "8.1.3-rc.7.dev.20260901180117.270",
		`{"version":"127.0.0.1 8.1.3"}`:                                   "the server does not say",
		`{"version":"8.1.3-xqsecret"}`:                                    "the server does not say",
		`{"version":"8.1.3+5.gc0ffee0000000000000000000000000000000000"}`: "the server does not say",
		"{\"version\":\"8.1.3\\n\"}":                                      "the server does not say",
		`{"version":"xq-secret"}`:                                         "the server does not say",
		`{"version":8}`:                                                   "the server does not say",
		`<html>`:                                                          "the server does not say",
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

// afterFirst applies the fault to all requests but the first.
func afterFirst(fault waldurtest.Fault) waldurtest.Fault {
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		if n == 0 {
			return next
		}
		return fault(n, r, next)
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
		"HTML type":     {waldurtest.SetHeader("Content-Type", "text/html"), "is an HTML page (HTTP 200). Set WALDUR_API_URL"},
		"other address": {waldurtest.HTML(http.StatusNotFound), "is an HTML page (HTTP 404). Set WALDUR_API_URL"},
		"gateway":       {waldurtest.HTML(http.StatusBadGateway), "not available (HTTP 502). Run the check again later"},
		"old server":    {json(http.StatusNotFound), "refused to list rows (HTTP 404). It needs Waldur 8.0.8"},
		"bad request":   {json(http.StatusBadRequest), "refused to list rows (HTTP 400)"},
		"bad parameter": {waldurtest.Status(http.StatusBadRequest, nil, `{"page_size":["xq-secret"]}`), "refused to list rows (HTTP 400)"},
		"redirect": {waldurtest.Redirect(http.StatusFound, "http://127.0.0.1:1/xq-secret"),
			"redirects to another address, which may be a login page. Set"},
		"failure":    {json(http.StatusInternalServerError), "not available (HTTP 500). Run the check again later"},
		"rate limit": {waldurtest.On(with("o"), json(http.StatusTooManyRequests)), "not available (HTTP 429). Run the check again later"},
		"failure without rows": {waldurtest.On(has("billing_period", "1900-01"), json(http.StatusServiceUnavailable)),
			"not available (HTTP 503). Run the check again"},
		"expired token":      {waldurtest.On(with("field"), json(http.StatusUnauthorized)), "refused the token (HTTP 401)"},
		"expired at the end": {waldurtest.On(isPage, afterFirst(json(http.StatusUnauthorized))), "refused the token (HTTP 401)"},
		"months refused":     {waldurtest.On(with("start"), refused), "refuses months written YYYY-MM and YYYY-MM-01"},
		"months that fail":   {waldurtest.On(isPage, json(http.StatusInternalServerError)), "refuses months written YYYY-MM and YYYY-MM-01, or fails"},
		"cut body":           {waldurtest.CutBody(), "the connection ended during a response. Check the server"},
		"no response":        {waldurtest.HangUp(), "the connection failed. Check that WALDUR_API_URL is correct"},
		"too large":          {waldurtest.Body("application/json", strings.Repeat(" ", 9<<20)), "a response is too large"},
		"compressed twice":   {waldurtest.SetHeader("Content-Encoding", "br"), "has a wrong Content-Encoding"},
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
	secure, plain := waldurtest.StartTLS(t, nil), start(t, nil)
	for address, want := range map[string]string{
		strings.Replace(plain.URL, "http:", "https:", 1): "the address begins with https, but the server does not speak TLS at this port. Correct WALDUR_API_URL",
		"http://127.0.0.1:1":                             "the connection failed. Check that WALDUR_API_URL is correct",
		"https://waldur-xq.invalid":                      "the connection failed. Check that WALDUR_API_URL is correct, that its host name resolves",
		secure.URL:                                       "the certificate of the server is not trusted. If it comes from a private authority, set WALDUR_CA_CERT_FILE",
	} {
		status, output, stderr := check(t, address, waldurtest.Token)
		if status != 1 || output != "" || !strings.Contains(stderr, want) {
			t.Errorf("exit status %d, %q and output %q, want 1 and %q", status, stderr, output, want)
		}
	}
}

// TestProblemsOfConnections covers the problems that a test server cannot cause.
func TestProblemsOfConnections(t *testing.T) {
	t.Parallel()
	for want, cause := range map[string]error{
		"no complete response within 30s":                      &waldur.ConnectionError{Text: "http://waldur.test", TimedOut: true},
		"the proxy refused to connect (HTTP 407)":              &waldur.ProxyError{Proxy: "waldur.test", StatusCode: 407, Status: "407 waldur.test"},
		"the server requires a client certificate, which this": &waldur.ClientCertificateError{Reason: "waldur.test"},
	} {
		if err := problem(&waldur.RequestError{Err: cause}); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "waldur.test") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestProxyOfTheEnvironment(t *testing.T) {
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	for proxy, want := range map[string]string{
		refusing.URL:         "the proxy refused to connect (HTTP 404). Check the environment variables HTTPS_PROXY",
		"http://127.0.0.1:1": "cannot connect to the proxy. Check the environment variables HTTPS_PROXY",
	} {
		t.Setenv("HTTPS_PROXY", proxy)
		status, output, stderr := check(t, "https://waldur.test", waldurtest.Token)
		if status != 1 || output != "" || !strings.Contains(stderr, want) {
			t.Errorf("exit status %d, %q and output %q, want 1 and %q", status, stderr, output, want)
		}
	}
	t.Setenv("HTTPS_PROXY", "http://user:pass%@proxy.test")
	if status, _, stderr := check(t, "https://waldur.test", waldurtest.Token); status != 2 || !strings.HasPrefix(stderr, "the environment variable HTTPS_PROXY is not the URL") {
		t.Errorf("exit status %d, %q", status, stderr)
	}
}

func TestListsThatAreTooLongForOneReadAreCounted(t *testing.T) {
	t.Parallel()
	server := start(t, usage())
	server.SetFaults(waldurtest.On(isPage, waldurtest.SetHeader("X-Result-Count", "1000001")))
	_, output, stderr := check(t, server.URL, waldurtest.Token)
	if want := "not the number of rows, or not the same on all pages"; stderr != "" || !strings.Contains(output, want) {
		t.Errorf("%q is not in the output:\n%s%s", want, output, stderr)
	}
}

func TestFailureThatPassesBreaksNoFact(t *testing.T) {
	t.Parallel()
	server := start(t, usage())
	server.SetFaults(waldurtest.On(with("field"), waldurtest.First(1, waldurtest.Status(http.StatusInternalServerError, nil, "{}"))))
	if status, output, stderr := check(t, server.URL, waldurtest.Token); status != 0 || stderr != "" {
		t.Errorf("exit status %d, %q, want 0; output:\n%s", status, stderr, output)
	}
}

func TestPrivateAuthority(t *testing.T) {
	t.Parallel()
	server := waldurtest.StartTLS(t, usage())
	server.SetNow(now)
	file := filepath.Join(t.TempDir(), "xq-ca.pem")
	if err := os.WriteFile(file, []byte(server.CACertPEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "xq-empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		variable, value string
		status          int
		stderr          string
	}{
		{caCertVariable, file, 0, ""},
		{caCertVariable, file + "x", 2, "WALDUR_CA_CERT_FILE must be the path of a file that can be read."},
		{caCertVariable, empty, 2, "WALDUR_CA_CERT_FILE must be the path of a file with a certificate in PEM format"},
		{insecureVariable, "true", 0, "Certificate verification is off"},
		{insecureVariable, "false", 1, "The check stopped: the certificate of the server is not trusted."},
		{insecureVariable, "xq-maybe", 2, "WALDUR_INSECURE must be true or false."},
	} {
		status, _, stderr := checkWith(t, map[string]string{urlVariable: server.URL, tokenVariable: waldurtest.Token, tc.variable: tc.value})
		if status != tc.status || !strings.HasPrefix(stderr, tc.stderr) || strings.Contains(stderr, "xq-") || (tc.stderr == "" && stderr != "") {
			t.Errorf("%s=%s: exit status %d and %q, want %d and %q", tc.variable, tc.value, status, stderr, tc.status, tc.stderr)
		}
	}
}

func TestEnvironmentThatIsNotSet(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ address, token, want string }{
		{"", "xq-token", "WALDUR_API_URL must not be empty."},
		{"https://waldur.test", "", "WALDUR_ACCESS_TOKEN must not be empty."},
		{"https://waldur.test", `"xq-token"`, "WALDUR_ACCESS_TOKEN must not be in quotes"},
		{"waldur.test", "xq-token", "WALDUR_API_URL must begin with https://"},
	} {
		status, output, stderr := check(t, tc.address, tc.token)
		if status != 2 || output != "" || !strings.HasPrefix(stderr, tc.want) {
			t.Errorf("exit status %d, %q and output %q, want 2 and %q", status, stderr, output, tc.want)
		}
	}
}
