package provider

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldur"
)

// causes returns the causes that package waldur declares.
func causes(t *testing.T) (all []waldur.Cause) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "waldur", "error.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok && fmt.Sprint(spec.Type) == "Cause" {
			cause, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, waldur.Cause(cause))
		}
		return true
	})
	return all
}

// failureOf returns a failed read of an address with a token.
func failureOf(address string, token waldur.Token) *readFailure {
	server, err := waldur.ParseURL(address)
	if err != nil {
		panic(err)
	}
	client := &waldur.Client{URL: server, Token: token, Proxy: &url.URL{Scheme: "http", Host: "proxy.example.com:3128"}}
	return &readFailure{
		connection: &connection{client: client, urlSource: "url in the provider block", renewToken: "The token came from a test."},
		timeout:    5 * time.Minute,
	}
}

// explain returns the only error that is reported.
func (f *readFailure) explain(t *testing.T, failed *waldur.Error) diag.Diagnostic {
	t.Helper()
	var diags diag.Diagnostics
	failed.Request.URL, failed.Request.Attempts = "https://waldur.example.com/api/", max(failed.Request.Attempts, 1)
	if failed.Text == "" {
		failed.Text = "it failed"
	}
	f.report(failed, &diags)
	if len(diags) != 1 {
		t.Fatalf("%s: got %v", failed.Cause, diags)
	}
	return diags[0]
}

// inOrder reports whether a text has all the parts, in their order.
func inOrder(text string, parts ...string) bool {
	for _, part := range parts {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return true
}

// checkAnatomy checks that an error of a request has a title of three to six words, the cause, what
// to do, and the request, and that no placeholder is left.
func checkAnatomy(t *testing.T, title, detail string) {
	t.Helper()
	words, paragraphs := len(strings.Fields(title)), strings.Split(detail, "\n\n")
	if words < 3 || words > 6 || len(paragraphs) != 3 || strings.Contains(paragraphs[0], "http://127") || !strings.HasPrefix(paragraphs[2], "Request: GET ") {
		t.Errorf("an error of another form: %s\n%s", title, detail)
		return
	}
	for _, paragraph := range paragraphs[:2] {
		if !strings.HasSuffix(strings.TrimSuffix(paragraph, `"`), ".") || strings.Contains(paragraph, "..") || strings.Contains(paragraph, `.".`) || !unicode.IsUpper([]rune(paragraph)[0]) {
			t.Errorf("a paragraph that is not sentences: %s", paragraph)
		}
	}
	if strings.ContainsAny(strings.ReplaceAll(paragraphs[1], `timeouts { read = "15m" }`, ""), "{}") || strings.Contains(paragraphs[1], "  ") {
		t.Errorf("the advice is not complete: %s", paragraphs[1])
	}
}

// TestEveryCauseIsExplained by a title and by what to do.
func TestEveryCauseIsExplained(t *testing.T) {
	t.Parallel()
	const (
		url        = "Check url in the provider block. If a proxy"
		gateway    = "headers of its own, set headers"
		running    = "Check that the server is running"
		proxy      = "set by HTTPS_PROXY or HTTP_PROXY"
		less       = "narrow the filters"
		stopped    = "no rows are silently missing"
		untrusted  = "Server Certificate Not Trusted"
		authority  = "private authority"
		pem        = "set ca_cert_pem in the provider block to that authority's certificate"
		refusal    = "Proxy Refused to Connect"
		unexpected = "Unexpected Response from Waldur"
		timedOut   = "Read from Waldur Timed Out"
		again      = "Run the command again later"
	)
	tests := map[waldur.Cause][]string{
		waldur.Canceled:        {"Read from Waldur Canceled", "Run the command again."},
		waldur.ReadTimedOut:    {timedOut, "It failed.", "timeouts.read, now 5m0s. If the server is slow, raise that limit"},
		waldur.NotSent:         {timedOut, "now 5m0s. All data blocks of a provider block share 4 requests", "-parallelism"},
		waldur.HeldBack:        {timedOut, "again after that time, or raise timeouts.read (now 5m0s)"},
		waldur.RequestTimedOut: {"Request to Waldur Timed Out", running, "raise request_timeout", "lower page_size"},

		waldur.UnknownHost:      {"Cannot Connect to Waldur", "No server has this name: check the host in url in the provider block.", "VPN"},
		waldur.ConnectionFailed: {"Cannot Connect to Waldur", running},
		waldur.ConnectionClosed: {"Cannot Connect to Waldur", running, "begin the address with https"},
		waldur.ProxyUnreachable: {"Cannot Connect to Proxy", "Check that the proxy proxy.example.com:3128 is running and that its address is correct. The proxy is", proxy},
		waldur.ProxyNoTLS:       {"Cannot Connect to Proxy", "the proxy itself must speak TLS", "begin the address with http.", proxy},
		waldur.ProxyUntrusted:   {"Cannot Connect to Proxy", "the certificate of the proxy", "set ca_cert_pem", proxy},
		waldur.ProxyLogin:       {refusal, "requires a user and a password", "percent-encode", proxy},
		waldur.ProxyOtherLogin:  {refusal, "only the login method Basic", "local proxy", proxy},
		waldur.ProxyRefused:     {refusal, "It failed.\n\nThe proxy is " + proxy},
		waldur.ProxyFailed:      {"Proxy Cannot Reach Waldur", "3128 and the server are running", proxy},

		waldur.NoTLS:             {"Wrong Scheme in Waldur Address", "Check the port in url in the provider block", "begin the address with http, which"},
		waldur.WantsTLS:          {"Wrong Scheme in Waldur Address", "Begin url in the provider block with https"},
		waldur.TLSInterrupted:    {"TLS Handshake Interrupted", "may not speak TLS at this port", "Troubleshooting", running},
		waldur.TLSUnusable:       {"TLS Handshake Failed", "TLS 1.2 or later", "negative serial number", "Troubleshooting"},
		waldur.TLSRefused:        {"TLS Handshake Refused by Server", "other versions of TLS", "client_key_pem", "Troubleshooting"},
		waldur.WrongHost:         {untrusted, "does not name the host in the address. Correct url in the provider block"},
		waldur.Expired:           {untrusted, "has expired: its owner must renew it", "correct the clock"},
		waldur.NotYetValid:       {untrusted, "not valid yet. The clock"},
		waldur.NoAuthorities:     {untrusted, "ca-certificates", authority, pem},
		waldur.NoIntermediate:    {untrusted, "the intermediate certificate is missing", "full chain", authority, pem},
		waldur.UnknownAuthority:  {untrusted, "It failed.\n\nIf the certificate comes from a private authority", "inspects connections", pem},
		waldur.ClientCertificate: {"Client Certificate Not Accepted", "Set client_cert_pem", "not expired", "client_key_pem to its key", "must trust the authority"},

		waldur.Unauthorized:    {"Token Refused by Waldur", "An API token expires", "The token came from a test."},
		waldur.Forbidden:       {"Access Denied by Waldur", "its user is not allowed to read usage", "role"},
		waldur.BadRequest:      {"Request Refused by Waldur", "This version of Waldur may not be supported"},
		waldur.NotFound:        {"Waldur Usage Endpoint Not Found", "Either Waldur is older than 8.0.8", url},
		waldur.RateLimited:     {"Rate Limited by Waldur", again + ", or raise max_retries in the provider block, or narrow the filters."},
		waldur.StatusTimeout:   {"Request to Waldur Timed Out", again + ", or lower page_size."},
		waldur.ServerError:     {"Waldur Server Error", "The server, or a proxy in front of it, failed. " + again + ", or ask the operator", "lower page_size."},
		waldur.OtherStatus:     {unexpected, "It failed.\n\n" + url},
		waldur.PageDenied:      {"Access Denied by a Proxy", "not JSON", "proxy or firewall", url, gateway},
		waldur.PageNotFound:    {"Waldur Usage Endpoint Not Found", "The address is wrong, or Waldur is older", "Leave out the path of a page", url},
		waldur.HostRefused:     {"Request Refused Before Waldur", "does not come from Waldur's API", "ALLOWED_HOSTS", "client_cert_pem", url, gateway},
		waldur.HeadersTooLarge: {"Request Headers Too Large", "If the token is long", "shorter headers", "operator"},
		waldur.HTMLPage:        {"HTML Page Instead of Waldur API", "web interface", url, gateway},

		waldur.Moved:            {"Redirect Not Followed", "The token was not sent to the new address. If Waldur has moved there, set url in the provider block to \"https://new.example.com\"."},
		waldur.RedirectLoop:     {"Redirect to Itself", "X-Forwarded-Proto", "slash", "cookies"},
		waldur.Redirected:       {"Redirect Not Followed", "The token was not sent to the new address. That address may be a login page, or may not use TLS.", url, gateway},
		waldur.NotHTTP:          {"Unreadable Response from Waldur", "HTTP/1.1", url},
		waldur.ResponseCut:      {"Incomplete Response from Waldur", "Run the command again.", "load balancer", "lower page_size"},
		waldur.ResponseTooLarge: {"Response from Waldur Too Large", "Lower page_size", "fields"},
		waldur.BadEncoding:      {"Response in Unusable Encoding", "gzip", "Content-Encoding", url},
		waldur.NotRows:          {unexpected, "not the list of rows", url},
		waldur.BadRow:           {"Unexpected Row from Waldur", "cannot be trusted. Report it to the operator of the Waldur server. If you do not need the column, try to leave it out with fields."},
		waldur.FilterIgnored:    {"Filters Ignored by Waldur", "may have removed the query", url},
		waldur.NoCount:          {"No Usable X-Result-Count Header", "whether rows are missing", "pass it on", url},

		waldur.TooManyRows:        {"Too Many Rows to Read", "It failed.\n\nRead less: " + less},
		waldur.TooManyPages:       {"Too Many Rows to Read", "It failed.\n\nRead less: " + less},
		waldur.RowsMissing:        {"Incomplete List from Waldur", stopped + ". Read less: " + less},
		waldur.DataChanges:        {"Waldur Data Keeps Changing", stopped, "may be writing usage", "run the command again later"},
		waldur.NoRows:             {"No Rows in Waldur", "The token's user possibly sees no offerings"},
		waldur.UnknownLimitPeriod: {"Unknown Limit Period", "a guess could give a wrong number", "Leave out usage_period"},
	}
	for _, cause := range causes(t) {
		if cause == waldur.FilterRefused { // reported at its arguments
			continue
		}
		got := failureOf("https://waldur.example.com", "5ecre7").explain(t, &waldur.Error{Cause: cause, Address: "https://new.example.com"})
		if want := tests[cause]; len(want) == 0 || got.Summary() != want[0] || !inOrder(got.Detail(), want[1:]...) {
			t.Errorf("%s: want %q, got %s\n%s", cause, want, got.Summary(), got.Detail())
		}
		checkAnatomy(t, got.Summary(), got.Detail())
		delete(tests, cause)
	}
	if len(tests) > 0 {
		t.Errorf("package waldur has no %q", slices.Collect(maps.Keys(tests)))
	}
}

// TestAdvice that depends on more than the cause.
func TestAdvice(t *testing.T) {
	t.Parallel()
	const http, https, personal, jwt = "http://waldur.example.com", "https://waldur.example.com", waldur.Token("w_5ecre7"), waldur.Token("eyJhbGciOiJub25lIn0.e30.c2ln")
	const replace, noTime = "replace it", " The read had no time left for another attempt: raise timeouts.read (now 5m0s)."
	const again, asked = "Run the command again after ", ", as the server asked"
	type failed = waldur.Error
	said := func(detail string) failed { return failed{Cause: waldur.Unauthorized, Detail: detail} }
	previous := &failed{Text: "it was busy"}
	now := time.Now().UTC()
	for name, test := range map[string]struct {
		failed failed
		url    string
		token  waldur.Token
		set    string
		parts  []string
		absent string
	}{
		"after a failure":            {failed: failed{Cause: waldur.ReadTimedOut, Previous: previous}, parts: []string{"It failed; the previous attempt failed: it was busy.", "now 5m0s. Earlier attempts failed", "Check that the server is running"}, absent: "raise that limit"},
		"small pages":                {failed: failed{Cause: waldur.TooManyPages}, set: "page_size", parts: []string{"Raise page_size, or leave it out. Or read less: "}},
		"small pages, rows missing":  {failed: failed{Cause: waldur.RowsMissing}, set: "page_size", parts: []string{"silently missing. Raise page_size, or leave it out. Or read less: "}},
		"moved, unencrypted":         {failed: failed{Cause: waldur.Moved}, url: http, parts: []string{"If Waldur has moved", "This request sent the token without encryption", replace}},
		"redirected, unencrypted":    {failed: failed{Cause: waldur.Redirected}, url: http, parts: []string{"That address", replace}},
		"moved":                      {failed: failed{Cause: waldur.Moved}, absent: replace},
		"another scheme":             {failed: failed{Cause: waldur.WantsTLS}, url: http, parts: []string{"correct its port. This request sent the token without encryption", replace}},
		"another scheme of loopback": {failed: failed{Cause: waldur.WantsTLS}, url: "http://127.0.0.1:80", absent: replace},
		"never logged in":            {failed: failed{Cause: waldur.Forbidden, Detail: "Unable to impersonate user that does not have an active session."}, parts: []string{"Log in to Waldur in a browser once"}, absent: "role"},

		"no credentials":           {failed: said("Authentication credentials were not provided."), parts: []string{"Waldur did not receive it", "Authorization header"}, absent: "The token came from"},
		"inactive user":            {failed: said("User inactive or deleted."), parts: []string{"The user is deactivated in Waldur", "The token came from"}},
		"no introspection":         {failed: said("Introspection configuration is incomplete."), token: jwt, parts: []string{"does not accept tokens of this identity provider", "The token came from"}},
		"no identifier":            {failed: said("The identifier field is missing."), token: jwt, parts: []string{"does not accept tokens of this identity provider"}},
		"identity provider down":   {failed: said("Connection to introspection endpoint failed: timed out"), token: jwt, parts: []string{"may be temporarily down", "The token came from"}},
		"identity provider broken": {failed: said("Introspection endpoint error."), token: jwt, parts: []string{"may be temporarily down"}},
		"switched off":             {failed: said("Invalid JWT token."), token: personal, parts: []string{"may be switched off on this server", "The token came from"}},
		"a JWT":                    {failed: said("Invalid JWT token."), token: jwt, parts: []string{"The OIDC access token may have expired", "identity provider", "The token came from"}},
		"a personal access token":  {failed: said("Invalid token."), token: personal, parts: []string{"expired or been revoked", "not be allowed from this network", "its user may be inactive", "The token came from"}},
		"one that has expired":     {failed: said("Invalid token."), token: "w_1700000000_5ecre7", parts: []string{"expired on Tue, 14 Nov 2023 22:13:20 UTC. Create a new one", "The token came from"}},
		"one of tomorrow":          {failed: said("Invalid token."), token: waldur.Token(fmt.Sprintf("w_%d_5ecre7", now.Add(24*time.Hour).Unix())), parts: []string{"expired or been revoked"}},
		"an API token":             {failed: said("Token has expired."), parts: []string{"30 to 60 minutes after its last use", "For pipelines", "The token came from"}},

		"a long wait":            {failed: failed{Cause: waldur.RateLimited, RetryAfter: time.Hour}, parts: []string{again + now.Add(time.Hour).Local().Format("Mon, 02 Jan 2006"), asked + "."}, absent: "max_retries"},
		"a wait":                 {failed: failed{Cause: waldur.ServerError, RetryAfter: time.Second, Temporary: true}, parts: []string{"failed. " + again, asked + ", or ask the operator", "lower page_size."}},
		"a wait without time":    {failed: failed{Cause: waldur.RateLimited, RetryAfter: time.Second, Temporary: true, OutOfTime: true}, parts: []string{again, asked + "." + noTime}, absent: "max_retries"},
		"no time":                {failed: failed{Cause: waldur.ServerError, Temporary: true, OutOfTime: true}, parts: []string{"Run the command again later." + noTime}, absent: "operator"},
		"no time, another cause": {failed: failed{Cause: waldur.ConnectionFailed, Temporary: true, OutOfTime: true}, parts: []string{"check that too." + noTime}},
		"a page of a read":       {failed: failed{Cause: waldur.RateLimited, Request: waldur.Request{Attempts: 3}}, parts: []string{"Request: GET https://waldur.example.com/api/ (3 attempts)"}},
	} {
		f := failureOf(map[string]string{"": https}[test.url]+test.url, test.token)
		f.arguments = arguments(test.set)
		got := f.explain(t, &test.failed)
		if !inOrder(got.Detail(), test.parts...) || test.absent != "" && strings.Contains(got.Detail(), test.absent) || strings.Contains(got.Detail(), "5ecre7") {
			t.Errorf("%s: want %q without %q, got %s", name, test.parts, test.absent, got.Detail())
		}
		checkAnatomy(t, got.Summary(), got.Detail())
	}
}

// TestOtherReports of failed reads.
func TestOtherReports(t *testing.T) {
	t.Parallel()
	f := failureOf("https://waldur.example.com", "5ecre7")
	var diags diag.Diagnostics
	f.report(errors.New("a plain error"), &diags)
	if len(diags) != 1 || diags[0].Summary() != "Unexpected Read Error" || diags[0].Detail() != "A plain error.\n\nThis is a bug in the provider. Please report it to its authors." {
		t.Errorf("got %v", diags)
	}
	f.interrupted, f.connection.client.Proxy = true, nil
	if got := f.explain(t, &waldur.Error{Cause: waldur.ConnectionFailed}); got.Summary() != "Read from Waldur Canceled" {
		t.Errorf("interrupted: got %v", got)
	}
	for text, want := range map[string]string{
		"ärger": "Ärger.", "it ended.": "It ended.", `it said "No."`: `It said "No."`, `it said "No!"`: `It said "No!"`, `it said "No?"`: `It said "No?"`, `it said "No"`: `It said "No".`,
	} {
		if got := sentence(text); got != want {
			t.Errorf("sentence(%q) is %q", text, got)
		}
	}
}

// arguments are those that are set.
func arguments(set ...string) map[string]tftypes.Value {
	values := map[string]tftypes.Value{"order_by": tftypes.NewValue(tftypes.String, nil)}
	for _, name := range set {
		values[name] = tftypes.NewValue(tftypes.String, "x")
	}
	return values
}

// TestRefusedFilters are reported at their arguments, if these are set.
func TestRefusedFilters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ parameter, at string }{
		"a filter": {"offering_type", "offering_type"}, "the columns": {"field", "fields"}, "a month of the provider": {"start", ""},
		"no argument": {"accept", ""}, "an argument that is not set": {"order_by", ""},
	} {
		f := failureOf("https://waldur.example.com", "5ecre7")
		f.arguments = arguments("offering_type", "fields")
		got := f.explain(t, &waldur.Error{Cause: waldur.FilterRefused, Refused: map[string]string{test.parameter: "No."}})
		title, advice := "Request Refused by Waldur", "may not be supported"
		at, isAttribute := got.(diag.DiagnosticWithPath)
		if test.at != "" {
			title, advice = "Filter Refused by Waldur", "Correct the argument, or leave it out."
		}
		if isAttribute != (test.at != "") || isAttribute && !at.Path().Equal(path.Root(test.at)) || got.Summary() != title ||
			!inOrder(got.Detail(), "The server refused the value of "+test.parameter, `: "No."`, advice) {
			t.Errorf("%s: got %v", name, got)
		}
		checkAnatomy(t, got.Summary(), got.Detail())
	}
	var diags diag.Diagnostics
	failureOf("https://waldur.example.com", "").report(&waldur.Error{Cause: waldur.FilterRefused, Refused: map[string]string{"start": "Bad.", "end": "Worse."}}, &diags)
	if len(diags) != 2 || !strings.Contains(diags[0].Detail(), "Worse.") {
		t.Errorf("two filters: got %v", diags)
	}
}

// TestNoRowsNamesTheReasons that can be true, in the order of their likelihood.
func TestNoRowsNamesTheReasons(t *testing.T) {
	t.Parallel()
	const firstDay, rebuilt, role = "a new month has no rows", "unless its operator has rebuilt them", "The token's user possibly sees no offerings"
	month := waldur.NewMonth
	many := map[string]string{}
	for i := range 21 {
		many[fmt.Sprintf("c%02d", i)] = ""
	}
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
		"a component's case":     {waldur.Query{ComponentType: "GPU_Hours"}, 1, types, []string{`set it to "gpu_hours" (GPU-hours).`}},
		"many components":        {waldur.Query{ComponentType: "?"}, 1, many, []string{", c18, c19 and others."}},
		"a range without an end": {waldur.Query{Start: month(2019, 3)}, 28, nil, []string{role}},
		"a component's typo":     {waldur.Query{ComponentType: "gpu_hour"}, 1, types, []string{"there are rows of these types: cpu_k_hours, gpu_hours (did you mean gpu_hours?)."}},
		"no components at all":   {waldur.Query{ComponentType: "gpu_hour"}, 28, nil, []string{role}},
		"an organization":        {waldur.Query{}, 28, nil, []string{"customer_uuid is the organization that provides", "The filter offering_type may be wrong.", "The filter billing_type may be wrong.", role}},
		"a project":              {waldur.Query{}, 28, nil, []string{"project_uuid is the project that the offering itself", "The filter offering_uuid may be wrong.", role}},
	} {
		f := readFailure{query: test.query}
		switch name {
		case "an organization":
			f.arguments = arguments("customer_uuid", "offering_type", "billing_type")
		case "a project":
			f.arguments = arguments("project_uuid", "offering_uuid")
		}
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
