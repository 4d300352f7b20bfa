package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"terraform-provider-waldur/internal/waldurtest"
)

func init() { retryWait = time.Millisecond }

// usage returns 450 rows of five months, up to November 2026, that show every fact. Their
// texts begin with xq or end in 4815.16, so that they do not occur in any output by chance.
func usage() []waldurtest.Row {
	var rows []waldurtest.Row
	limit, percent := int32(481516234), "4815.16"
	periods := []string{"total", "annual", "quarterly", "month"}
	for i := range 450 {
		month, offering, component := i/90, i/6%15, i%6
		row := waldurtest.Row{
			OfferingUUID: fmt.Sprintf("0ffe%028x", offering), OfferingName: fmt.Sprintf("xq-offering-%d", min(offering, 13)),
			OfferingType: fmt.Sprintf("xq-type-%d", offering%2), CategoryUUID: fmt.Sprintf("ca7e%028x", offering), CategoryTitle: "xq-category",
			ComponentType: fmt.Sprintf("xq-component-%d", component), ComponentName: "xq-name", MeasuredUnit: "xq-unit",
			BillingType: fmt.Sprintf("xq-billing-%d", component%2), LimitAmount: &limit, LimitPeriod: &periods[offering%4],
			BillingPeriod: fmt.Sprintf("2026-%02d-01", 7+month), TotalConsumed: "234815.16", TotalAllocated: "424815.16", UsagePercent: &percent,
		}
		if offering%3 > 0 {
			row.ServiceProviderUUID, row.ServiceProviderName = fmt.Sprintf("5e4f%028x", offering%3), "xq-provider"
		}
		rows = append(rows, row)
	}
	return rows
}

func start(t *testing.T, rows []waldurtest.Row, faults ...waldurtest.Fault) *waldurtest.Server {
	t.Helper()
	server := waldurtest.Start(t, rows)
	server.SetNow(now)
	server.SetFaults(faults...)
	return server
}

var (
	now     = time.Date(2026, time.November, 11, 0, 0, 0, 0, time.UTC)
	private = regexp.MustCompile(`xq|4815|2026|0ffe|ca7e|5e4f|127\.0\.0\.1`)
)

// check runs the command with these variables. The output must not contain values of the
// rows, the address or the token.
func check(t *testing.T, variables map[string]string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(func(name string) string { return variables[name] }, now, &out, &errs)
	text := out.String() + errs.String()
	if found := private.FindString(text); found != "" || strings.Contains(text, waldurtest.Token) {
		t.Errorf("the output contains %q or the token:\n%s", found, text)
	}
	return status, out.String(), errs.String()
}

func checkServer(t *testing.T, server *waldurtest.Server) (status int, stdout, stderr string) {
	t.Helper()
	return check(t, map[string]string{urlVariable: server.URL, tokenVariable: waldurtest.Token})
}

// expectFacts runs the command and compares the facts that have a verdict.
func expectFacts(t *testing.T, server *waldurtest.Server, v string, want ...string) {
	t.Helper()
	status, output, stderr := checkServer(t, server)
	var names []string
	for _, match := range regexp.MustCompile(`(?m)^(\S+(?: \S+)*) {2,}.* `+v+`$`).FindAllStringSubmatch(output, -1) {
		names = append(names, match[1])
	}
	if diff := cmp.Diff(want, names); diff != "" || (status == 1) != (v == broken) || stderr != "" {
		t.Errorf("exit status %d, %q; %s (-want +got):\n%s\n%s", status, stderr, v, diff, output)
	}
}

// has matches the requests with that value of a parameter, or any value if it is empty.
func has(parameter, value string) func(int, *http.Request) bool {
	return func(_ int, r *http.Request) bool {
		values := r.URL.Query()[parameter]
		return slices.Contains(values, value) || value == "" && len(values) > 0
	}
}

// replacing is a proxy that replaces the value of a parameter, or removes it. It leaves the start
// of the list of all rows.
func replacing(parameter string, values ...string) waldurtest.Fault {
	return waldurtest.EditQuery(func(query url.Values) {
		if value := query.Get(parameter); value != "" && value != "2000-01" {
			query[parameter] = values
		}
	})
}

// setting is a proxy that sets a column of all rows.
func setting(column string, value any) waldurtest.Fault {
	return waldurtest.EditRows(func(rows []map[string]any) []map[string]any {
		for _, row := range rows {
			row[column] = value
		}
		return rows
	})
}

func TestServerThatHasAllThatTheProviderNeeds(t *testing.T) {
	t.Parallel()
	server := start(t, usage())
	expectFacts(t, server, notSeen, "version of the server")
	requests := server.Requests()
	if len(requests) > 40 || log.Writer() != io.Discard {
		t.Errorf("%d requests, want at most 40; package net/http logs to %v", len(requests), log.Writer())
	}
	for _, request := range requests {
		if request.Method != http.MethodGet {
			t.Errorf("the check is not read-only: %s", request.Method)
		}
	}
	server.ShuffleTies(1)
	server.TakeFullDates(true)
	server.SetFaults(waldurtest.Gzip())
	expectFacts(t, server, notSeen, "version of the server")
	expectFacts(t, start(t, nil), ok, "rows, columns and X-Result-Count", "page past the last")
}

func TestOutput(t *testing.T) {
	t.Parallel()
	json := func(body string) waldurtest.Fault { return waldurtest.Body("application/json", body) }
	version := func(body string) waldurtest.Fault {
		return waldurtest.On(func(_ int, r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/api/version/") }, json(body))
	}
	late := func(n int, r *http.Request) bool { return n > 20 && has("o", "-billing_period")(n, r) }
	const unknown = `version of the server +the server does not say +no +not seen`
	for _, tc := range []struct {
		fault waldurtest.Fault
		want  string // a line
	}{
		{json(`{"results":[]}`), `rows, columns and X-Result-Count +not rows +yes +BROKEN`},
		{json(`[{"xq":1,"xq":2}]`), `rows, columns and X-Result-Count +bad row +yes +BROKEN`},
		{setting("category_title", nil), `rows, columns and X-Result-Count +category_title: bad row +yes +BROKEN`},
		{waldurtest.DropHeader("X-Result-Count"), `rows, columns and X-Result-Count +no count +yes +BROKEN`},
		{waldurtest.DropHeader("X-Result-Count"), `filter end +no count +yes +not seen`},
		{waldurtest.On(has("page", "2"), waldurtest.SetHeader("X-Result-Count", "150")), `rows, columns and X-Result-Count +data changes +yes +BROKEN`},
		{waldurtest.On(late, waldurtest.SetHeader("X-Result-Count", "449")), `The rows changed during the check\. .*`},
		{version(`{"version":"8.1.3"}`), `version of the server +8\.1\.3 +no +ok`},
		{version(`{"version":"8.1.3-rc.16+5.gb6fab9572","build":1}`), `version of the server +8\.1\.3-rc\.16\+5\.gb6fab9572 +no +ok`},
		{version(`{"version":"8.1.3-rc.7.dev.20250901180117.270"}`), `version of the server +8\.1\.3-rc\.7\.dev\.20250901180117\.270 +no +ok`},
		{version(`{"version":"8.1.3+5.g` + other + `"}`), unknown},
		{version("{\"version\":\"8.1.3\\nxq-secret\"}"), unknown},
	} {
		_, output, stderr := checkServer(t, start(t, usage(), tc.fault))
		if !regexp.MustCompile(`(?m)^`+tc.want+`$`).MatchString(output) || stderr != "" {
			t.Errorf("%s; %q is not in the output:\n%s", stderr, tc.want, output)
		}
	}
}

func TestFactThatAProxyBreaksIsNamed(t *testing.T) {
	t.Parallel()
	on, edit, body := waldurtest.On, waldurtest.EditQuery, func(text string) waldurtest.Fault { return waldurtest.Body("application/json", text) }
	status := func(code int, text string) waldurtest.Fault { return waldurtest.Status(code, nil, text) }
	list, past, fields := has("page_size", "300"), has("page", "1000000"), has("field", "")
	byDefault := func(parameter, value string) waldurtest.Fault {
		return edit(func(query url.Values) {
			if !query.Has("billing_period") && !query.Has("start") && !query.Has("end") {
				query.Set(parameter, value)
			}
		})
	}
	for name, tc := range map[string]struct {
		fault         waldurtest.Fault
		verdict, want string // the facts with this verdict
	}{
		"large pages of 100":      {on(list, replacing("page_size", "100")), tolerated, "page_size=300"},
		"HTML past the last page": {on(past, waldurtest.HTML(404)), broken, "page past the last"},
		"no rows past the last":   {on(past, body("[]")), tolerated, "page past the last"},
		"all months by default":   {byDefault("start", ""), broken, "list without a month has this month"},
		"no rows by default":      {byDefault("billing_period", "1999-01"), broken, "list without a month has this month"},
		"oldest month first":      {on(has("o", "-billing_period"), replacing("o", "billing_period")), broken, "newest month first"},
		"404 without rows":        {on(has("billing_period", "1900-01"), status(404, "{}")), broken, "filter billing_period"},
		"end without its month":   {replacing("end", "2026-06"), broken, "filter end"},
		"filter that fails":       {on(has("project_uuid", other), status(500, "{}")), broken, "filter project_uuid"},
		"filter that hides rows":  {on(has("offering_type", ""), edit(func(query url.Values) { query.Set("end", "2026-07") })), broken, "filter offering_type"},
		"unknown limit_period":    {setting("limit_period", "xq-period"), broken, "values of limit_period"},
		"limit_period empty":      {setting("limit_period", ""), notSeen, "values of limit_period; version of the server"},
		"last fields alone":       {edit(func(query url.Values) { query["field"] = query["field"][len(query["field"])/2:] }), broken, "field, with an unknown column"},
		"null past the last":      {on(past, body("null")), broken, "page past the last"},
		"null as a row":           {on(fields, body("[null]")), broken, "field, with an unknown column"},
		"all columns":             {replacing("field", ""), notSeen, "version of the server"},
		"failure that passes":     {on(fields, waldurtest.First(1, status(500, "{}"))), notSeen, "version of the server"},
		"unknown order refused":   {on(has("o", "usage_percent,total_consumed,other"), status(400, `{"detail":"xq"}`)), broken, "o, with an unknown column"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectFacts(t, start(t, usage(), tc.fault), tc.verdict, strings.Split(tc.want, "; ")...)
		})
	}
}

func TestIgnoredFilterIsNamed(t *testing.T) {
	t.Parallel()
	for _, parameter := range []string{"billing_period", "start", "end", "offering_uuid", "customer_uuid", "project_uuid", "offering_type", "component_type", "billing_type"} {
		for _, rows := range [][]waldurtest.Row{usage(), usage()[449:]} {
			expectFacts(t, start(t, rows, replacing(parameter)), broken, "filter "+parameter)
			expectFacts(t, start(t, rows, replacing(parameter, "")), broken, "filter "+parameter)
		}
	}
}

func TestManyRowsAreReadFromTheTwoNewestMonths(t *testing.T) {
	t.Parallel()
	rows := usage()
	for i := range 3000 {
		row := rows[i%90]
		row.OfferingUUID = fmt.Sprintf("0ffe%028x", 100+i)
		rows = append(rows, row)
	}
	server := start(t, rows)
	expectFacts(t, server, notSeen, "version of the server")
	for _, request := range server.Requests() {
		if month := request.Query.Get("start"); month == "2000-01" || strings.HasPrefix(month, "2026-") && month < "2026-10" {
			t.Errorf("request for rows from %s on", month)
		}
	}
}

func TestServerThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	const token, address, later = "Set WALDUR_ACCESS_TOKEN to a valid token.", "and that WALDUR_API_URL is the address of the API of Waldur 8.0.8 or later", "Run the check again later."
	code := func(code int) waldurtest.Fault { return waldurtest.Status(code, nil, `{"detail":"xq-secret"}`) }
	fromThenOn := func(status int) waldurtest.Fault {
		return waldurtest.On(func(n int, _ *http.Request) bool { return n > 4 }, code(status))
	}
	for name, tc := range map[string]struct {
		fault       waldurtest.Fault
		cause, want string
	}{
		"wrong token":          {code(401), "unauthorized", token},
		"web front end":        {waldurtest.HTML(200), "HTML page", address},
		"redirect":             {waldurtest.Redirect(302, "http://127.0.0.1:1/xq-secret"), "redirected", address},
		"failure from then on": {fromThenOn(503), "server error", later},
		"rate limit":           {fromThenOn(429), "rate limited", later},
		"cut body":             {waldurtest.CutBody(), "response cut", later},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, output, stderr := checkServer(t, start(t, usage(), tc.fault))
			if status != 1 || output != "" || !strings.HasPrefix(stderr, "The check stopped: "+tc.cause+". ") || !strings.Contains(stderr, tc.want) {
				t.Errorf("exit status %d, %q and output %q, want 1, %q and %q", status, stderr, output, tc.cause, tc.want)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	server := waldurtest.StartTLS(t, usage())
	server.SetNow(now)
	server.SetToken("w_xq-personal", waldurtest.TokenActive)
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	file := filepath.Join(t.TempDir(), "xq-ca.pem")
	if err := os.WriteFile(file, []byte(server.CACertPEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		variable, value string
		status          int
		stderr          string
	}{
		{caCertVariable, file, 0, ""},
		{caCertVariable, "main.go", 2, "WALDUR_CA_CERT_FILE must be the path of a file with a certificate in PEM format"},
		{insecureVariable, "true", 0, "Certificate verification is off"},
		{insecureVariable, "false", 1, "The check stopped: unknown authority. The certificate of the server is not trusted."},
		{insecureVariable, "xq-maybe", 2, "WALDUR_INSECURE must be true or false."},
		{urlVariable, "", 2, "WALDUR_API_URL must not be empty."},
		{urlVariable, "http://127.0.0.1:1", 1, "The check stopped: connection failed. Check that the server is running"},
		{tokenVariable, `"xq-token"`, 2, "WALDUR_ACCESS_TOKEN must not be in quotes"},
		{tokenVariable, "w_xq-personal", 0, ""},
		{"https_proxy", refusing.URL, 1, "The check stopped: proxy refused. Check the environment variables HTTPS_PROXY"},
		{"https_proxy", "http://user:xq%@proxy.test", 2, "The environment variable "}, // whose name has no case on Windows
	} {
		variables := map[string]string{urlVariable: server.URL, tokenVariable: waldurtest.Token}
		switch tc.variable {
		case tokenVariable:
			variables[caCertVariable] = file
		case "https_proxy": // which takes precedence over HTTPS_PROXY
			t.Setenv(tc.variable, tc.value)
			variables[urlVariable] = "https://waldur.test"
		}
		variables[tc.variable] = tc.value
		status, _, stderr := check(t, variables)
		if status != tc.status || !strings.HasPrefix(stderr, tc.stderr) || tc.stderr == "" && stderr != "" {
			t.Errorf("%s=%s: exit status %d and %q, want %d and %q", tc.variable, tc.value, status, stderr, tc.status, tc.stderr)
		}
	}
}
