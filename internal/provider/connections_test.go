package provider

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldurtest"
)

// TestProxyOfTheEnvironment sets an environment variable, so it does not run in parallel. A value
// that is not a URL is an error before anything is sent.
func TestProxyOfTheEnvironment(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(proxy.Close)
	host, c := strings.TrimPrefix(proxy.URL, "http://"), newProtocolClient(t)
	for user, parts := range map[string][]string{
		"bot:s3c%2Fret": {"Proxy Refused to Connect: The proxy " + host + " responded with 403 Forbidden.", "The proxy is set by HTTPS_PROXY or HTTP_PROXY.", "page_size=300"},
		"bot:s3c%ret":   {"Invalid Proxy Variable: The environment variable HTTPS_PROXY is not the URL of a proxy.", "NO_PROXY"},
	} {
		t.Setenv("HTTPS_PROXY", "http://"+user+"@"+host)
		if diags := c.configure(map[string]tftypes.Value{"url": text("https://waldur.example.com"), "token": text(waldurtest.Token)}); len(diags) > 0 {
			t.Fatal(describe(diags))
		}
		_, diags := c.read(t.Context(), nil)
		if !reported(diags, tfprotov6.DiagnosticSeverityError, "", parts...) || strings.Contains(describe(diags), "s3c") {
			t.Errorf("want %q, got %s", parts, describe(diags))
		}
	}
}

func headers(values map[string]any) tftypes.Value {
	elements := map[string]tftypes.Value{}
	for name, value := range values {
		elements[name] = tftypes.NewValue(tftypes.String, value)
	}
	return tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, elements)
}

func TestHeadersAreSent(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	c := configured(t, server, map[string]tftypes.Value{"headers": headers(map[string]any{"cf-access-client-id": "robot.access", "X-Empty": "", "User-Agent": "gate/1", "Cookie": "a=b; c=\"d\""})})
	if _, diags := c.read(t.Context(), nil); hasError(diags) {
		t.Fatal(describe(diags))
	}
	got := server.Requests()[0].Header
	for name, want := range map[string]string{"CF-Access-Client-Id": "robot.access", "User-Agent": "gate/1", "Cookie": `a=b; c="d"`, "Authorization": "Token " + waldurtest.Token} {
		if len(got.Values(name)) != 1 || got.Get(name) != want {
			t.Errorf("%s is %q", name, got.Values(name))
		}
	}
}

// TestHeadersThatAreRefused are errors at the argument, without their values.
func TestHeadersThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		headers map[string]any
		part    string
	}{
		"a name with a space":    {map[string]any{"X Key": "5ecre7"}, `headers has "X Key", which is not the name of an HTTP header.`},
		"an empty name":          {map[string]any{"": "5ecre7"}, `headers has "", which is not the name of an HTTP header.`},
		"a name with a line":     {map[string]any{"X\nKey": "5ecre7"}, `headers has "X\nKey", which is not the name of an HTTP header.`},
		"a value with a line":    {map[string]any{"X-Key": "5ecre7\n"}, `headers has a value for "X-Key" with a line break or another character that HTTP does not allow; trimspace() removes a line break at the end.`},
		"a value with a zero":    {map[string]any{"X-Key": "5ecre7\x00"}, `headers has a value for "X-Key" with a line break or another character`},
		"a name twice":           {map[string]any{"X-Key": "5ecre7", "x-key": "5ecre7"}, `headers has "X-Key" twice, in different cases.`},
		"null":                   {map[string]any{"X-Key": nil}, `headers has no value for "X-Key".`},
		"a value known too late": {map[string]any{"X-Key": tftypes.UnknownValue}, `The value of headers is known only after apply`},
	}
	for _, name := range []string{
		"Authorization", "authorization", "Proxy-Authorization", "Proxy-Connection", "Host", "HOST", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection",
		"Keep-Alive", "TE", "Trailer", "Upgrade", "Expect", "Accept", "accept-encoding", "Cache-Control", "Range", "If-None-Match", "If-Modified-Since",
	} {
		tests[name] = struct {
			headers map[string]any
			part    string
		}{map[string]any{name: "5ecre7"}, `headers has "` + name + `", which cannot be set: HTTP or the provider itself needs it.`}
	}
	for name, test := range tests {
		diags := newProtocolClient(t).configure(map[string]tftypes.Value{"url": text("https://waldur.example.com"), "token": text(waldurtest.Token), "headers": headers(test.headers)})
		if !reported(diags, tfprotov6.DiagnosticSeverityError, "headers", test.part) || strings.Contains(describe(diags), "5ecre7") {
			t.Errorf("%s: want %q, got %s", name, test.part, describe(diags))
		}
	}
}

// TestAReadHasFiveMinutesByDefault, as the schema says.
func TestAReadHasFiveMinutesByDefault(t *testing.T) {
	t.Parallel()
	var diags diag.Diagnostics
	if got := new(componentUsageMonthlyModel).readTimeout(&diags); got != 5*time.Minute || len(diags) > 0 {
		t.Errorf("got %s, %v", got, diags)
	}
}

func TestAReadRetriesFourTimesByDefault(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.SetFaults(waldurtest.Status(503, http.Header{"Retry-After": {"0"}}, ""))
	c := newProtocolClient(t)
	if diags := c.configure(map[string]tftypes.Value{"url": text(server.URL), "token": text(waldurtest.Token)}); len(diags) > 0 {
		t.Fatal(describe(diags))
	}
	if _, diags := c.read(t.Context(), nil); len(server.Requests()) != 5 || !strings.HasSuffix(describe(diags), "(5 attempts)") {
		t.Errorf("%d requests: %s", len(server.Requests()), describe(diags))
	}
}
