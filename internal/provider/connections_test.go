// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldurtest"
)

// listening returns the address of a server that reads what the client sends first,
// sends the text, and closes the connection.
func listening(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = conn.Read(make([]byte, 64<<10))
				_, _ = conn.Write([]byte(text))
			}()
		}
	}()
	return listener.Addr().String()
}

// speaks returns an HTTP response.
func speaks(status, header, body string) string {
	return "HTTP/1.1 " + status + "\r\nConnection: close\r\n" + header + "\r\n" + body
}

// TestConnectionErrors says what is wrong between the provider and Waldur. It sets
// environment variables, so it does not run in parallel.
func TestConnectionErrors(t *testing.T) {
	const down = "127.0.0.1:1" // nothing listens there
	ca := newAuthority(t, "Lab")
	negative := bytes.Replace(ca.certificate.Raw, serial, append([]byte{0x81}, serial[1:]...), 1)
	unreadable, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{negative}, PrivateKey: ca.key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unreadable.Close() }()
	go func() {
		for conn, err := unreadable.Accept(); err == nil; conn, err = unreadable.Accept() {
			go func() { _ = conn.(*tls.Conn).Handshake() }()
		}
	}()
	plain, secure := waldurtest.Start(t, nil), waldurtest.StartTLS(t, nil)
	nginx := listening(t, speaks("400 Bad Request", "Content-Type: text/html\r\n", "<title>400 The plain HTTP request was sent to HTTPS port</title>"))
	forbids := listening(t, speaks("403 Forbidden", "Content-Length: 0\r\n", ""))
	login := listening(t, speaks("407 bot:s3c/ret refused", "Content-Length: 0\r\n", ""))
	busy := listening(t, speaks("503 Service Unavailable", "Content-Length: 0\r\n", ""))
	moves := listening(t, speaks("301 Moved Permanently", "Content-Length: 0\r\nLocation: https://waldur.example.com"+waldurtest.Path+"\r\n", ""))
	const server, insecureServer = "https://waldur.example.com", "http://waldur.example.com"
	const proxies = "The proxy is set by HTTPS_PROXY or HTTP_PROXY. If Waldur needs no proxy, add its host to NO_PROXY."
	for name, test := range map[string]struct {
		url      string
		variable string
		proxy    string
		parts    []string // title first
		attempts string
		absent   string
	}{
		"a proxy that forbids": {url: server, variable: "HTTPS_PROXY", proxy: "http://" + forbids,
			parts: []string{"Proxy Refused to Connect: The proxy " + forbids + " responded with 403 Forbidden.", proxies}},
		"a lower-case variable": {url: server, variable: "https_proxy", proxy: forbids, parts: []string{"Proxy Refused to Connect: The proxy " + forbids + " responded with 403 Forbidden.", proxies}},
		"a proxy that wants a login": {url: server, variable: "HTTPS_PROXY", proxy: "http://bot:s3c%2Fret@" + login,
			parts: []string{"Proxy Refused to Connect: The proxy " + login + " responded with 407 (proxy credentials) refused.", "The proxy requires a user and a password, or does not accept those that it got.", "percent-encode", proxies}},
		"a proxy that wants a login for http": {url: insecureServer, variable: "HTTP_PROXY", proxy: "http://bot:s3c%2Fret@" + login,
			parts: []string{"Proxy Refused to Connect: The server responded with 407 (proxy credentials) refused.", "The proxy requires a user and a password", proxies}},
		"a busy proxy": {url: server, variable: "HTTPS_PROXY", proxy: "http://" + busy, parts: []string{"Proxy Refused to Connect: The proxy " + busy + " responded with 503 Service Unavailable.", proxies}, attempts: " (2 attempts)"},
		"a proxy that is down": {url: server, variable: "HTTPS_PROXY", proxy: "http://" + down,
			parts: []string{"Cannot Connect to Proxy: The connection failed: ", "Check that the proxy " + down + " is running. " + proxies}, attempts: " (2 attempts)", absent: "server is running"},
		"a proxy that is down for http": {url: insecureServer, variable: "HTTP_PROXY", proxy: "http://" + down,
			parts: []string{"Cannot Connect to Proxy: The connection failed: ", "Check that the proxy " + down + " is running. " + proxies}, attempts: " (2 attempts)", absent: "server is running"},
		"a proxy that speaks no TLS": {url: server, variable: "HTTPS_PROXY", proxy: "https://" + forbids,
			parts: []string{"Cannot Connect to Proxy: The connection failed: ", "the proxy itself must speak TLS. If it does not, as with most proxies, begin the address with http.", proxies}},
		"a proxy that is not trusted": {url: server, variable: "HTTPS_PROXY", proxy: secure.URL,
			parts: []string{"Cannot Connect to Proxy: ", "certificate", "If the certificate of the proxy comes from a private authority, set ca_cert_pem", proxies}},
		"https to http": {url: strings.Replace(plain.URL, "http:", "https:", 1),
			parts: []string{"Wrong Scheme in Waldur Address: The address begins with https, but the server does not speak TLS at this port.", "Check the port in url in the provider block. If the server has no TLS, begin the address with http"}},
		"http to https": {url: strings.Replace(secure.URL, "https:", "http:", 1),
			parts: []string{"Wrong Scheme in Waldur Address: The address begins with http, but the server speaks TLS at this port.", "Begin url in the provider block with https, or correct its port."}, absent: "replace it"},
		"http to https, beyond loopback": {url: insecureServer, variable: "HTTP_PROXY", proxy: "http://" + nginx,
			parts: []string{"Wrong Scheme in Waldur Address: ", "The token was sent without encryption: anyone on the network path could read it, so replace it."}},
		"http that moved to https": {url: "http://" + moves,
			parts: []string{"Redirect Not Followed: The server responded with 301 Moved Permanently", "The token was not sent to the new address. If Waldur has moved there, set url in the provider block to \"https://waldur.example.com\"."}, absent: "replace it"},
		"http that moved to https, beyond loopback": {url: insecureServer, variable: "HTTP_PROXY", proxy: "http://" + moves,
			parts: []string{"Redirect Not Followed: ", "The token was not sent to the new address. But it was sent to the old address without encryption: anyone on the network path could read it, so replace it. If Waldur has moved there, set url"}},
		"http to a server that only closes": {url: "http://" + listening(t, ""),
			parts: []string{"Cannot Connect to Waldur: The connection failed: EOF.", "Check that the server is running", "If the server speaks TLS at this port, begin the address with https."}, attempts: " (2 attempts)"},
		"http to nothing": {url: "http://" + down, parts: []string{"Cannot Connect to Waldur: ", "Check that the server is running"}, attempts: " (2 attempts)", absent: "speaks TLS"},
		"https that only closes": {url: "https://" + listening(t, ""),
			parts: []string{"TLS Handshake Interrupted: The connection failed: EOF.", "The server may not speak TLS at this port. Or an old firewall ended the connection: see Troubleshooting"}, attempts: " (2 attempts)"},
		"https that refuses": {url: "https://" + listening(t, "\x15\x03\x03\x00\x02\x02\x28"),
			parts: []string{"TLS Handshake Refused by Server: The connection failed: remote error: tls: handshake failure.", "client_cert_pem and client_key_pem", "only other TLS versions"}},
		"a certificate that Go refuses": {url: "https://" + unreadable.Addr().String(),
			parts: []string{"Server Certificate Not Readable: The connection failed: ", "negative serial number", "Ask the operator of the Waldur server", "See Troubleshooting"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
				t.Setenv(variable, "")
			}
			if test.variable != "" {
				t.Setenv(test.variable, test.proxy)
			}
			c := newProtocolClient(t)
			diags := c.configure(map[string]tftypes.Value{"url": text(test.url), "token": text(waldurtest.Token), "max_retries": tftypes.NewValue(tftypes.Number, 1)})
			if hasError(diags) {
				t.Fatal(describe(diags))
			}
			_, diags = c.read(t.Context(), nil)
			shown := describe(diags)
			if !reported(diags, tfprotov6.DiagnosticSeverityError, "", test.parts...) || !strings.HasSuffix(shown, "page_size=300"+test.attempts) {
				t.Errorf("want %q, got %s", test.parts, shown)
			}
			if strings.Contains(shown, "s3c") || test.absent != "" && strings.Contains(shown, test.absent) {
				t.Errorf("shows what it must not: %s", shown)
			}
			for _, diag := range diags {
				checkAnatomy(t, diag)
			}
		})
	}
}

// TestProxyVariablesThatAreNoURL are errors before anything is sent.
func TestProxyVariablesThatAreNoURL(t *testing.T) {
	server := waldurtest.Start(t, nil)
	for name, value := range map[string]string{
		"%": "http://bot:s3c%ret@proxy.example:3128", "/": "bot:s3c/ret@proxy.example:3128", `\`: `http://DOMAIN\bot:s3cret@proxy.example:3128`, "#": "http://bot:s3c#ret@proxy.example:3128",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HTTPS_PROXY", value)
			arguments := map[string]tftypes.Value{"url": text("https://waldur.example.com"), "token": text(waldurtest.Token)}
			diags := newProtocolClient(t).configure(arguments)
			if !reported(diags, tfprotov6.DiagnosticSeverityError, "", "Invalid Proxy Variable: The environment variable HTTPS_PROXY is not the URL of a proxy.", "percent-encode", "NO_PROXY") || strings.Contains(describe(diags), "s3c") {
				t.Errorf("got %s", describe(diags))
			}
			t.Setenv("NO_PROXY", "example.com")
			if diags := newProtocolClient(t).configure(arguments); len(diags) > 0 {
				t.Errorf("with NO_PROXY: %s", describe(diags))
			}
			t.Setenv("NO_PROXY", "")
			if _, diags := configured(t, server, nil).read(t.Context(), nil); hasError(diags) {
				t.Errorf("of loopback: %s", describe(diags))
			}
		})
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
		"a name with a colon":    {map[string]any{"X-Key:": "5ecre7"}, `which is not the name of an HTTP header.`},
		"an empty name":          {map[string]any{"": "5ecre7"}, `headers has "", which is not the name of an HTTP header.`},
		"a name with a line":     {map[string]any{"X\nKey": "5ecre7"}, `headers has "X\nKey", which is not the name of an HTTP header.`},
		"a name of HTTP/2":       {map[string]any{":authority": "5ecre7"}, `which is not the name of an HTTP header.`},
		"a name with an umlaut":  {map[string]any{"Schlüssel": "5ecre7"}, `which is not the name of an HTTP header.`},
		"a value with a line":    {map[string]any{"X-Key": "5ecre7\n"}, `headers has a value for "X-Key" with a line break or another character that HTTP does not allow; trimspace() removes a line break at the end.`},
		"a value with a header":  {map[string]any{"X-Key": "5ecre7\r\nAuthorization: Token x"}, `headers has a value for "X-Key" with a line break`},
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
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			diags := newProtocolClient(t).configure(map[string]tftypes.Value{"url": text("https://waldur.example.com"), "token": text(waldurtest.Token), "headers": headers(test.headers)})
			if !reported(diags, tfprotov6.DiagnosticSeverityError, "headers", test.part) || strings.Contains(describe(diags), "5ecre7") {
				t.Errorf("want %q, got %s", test.part, describe(diags))
			}
		})
	}
}

// TestTokensInQuotes are refused before they are sent, as docker run --env-file passes
// them on.
func TestTokensInQuotes(t *testing.T) {
	server := waldurtest.Start(t, nil)
	for _, quoted := range []string{`"5ecre7"`, `'5ecre7'`, `"5ecre7`, `5ecre7"`} {
		for argument, want := range map[bool]string{true: "Invalid Value for token: token must not be in quotes; some tools, such as docker run --env-file,", false: "Invalid Value for WALDUR_ACCESS_TOKEN: The environment variable WALDUR_ACCESS_TOKEN must not be in quotes"} {
			arguments := map[string]tftypes.Value{"url": text(server.URL)}
			if argument {
				arguments["token"] = text(quoted)
			} else {
				t.Setenv(tokenVariable, quoted)
			}
			diags := newProtocolClient(t).configure(arguments)
			if !reported(diags, tfprotov6.DiagnosticSeverityError, "token", want) || strings.Contains(describe(diags), "5ecre7") {
				t.Errorf("%s: got %s", quoted, describe(diags))
			}
		}
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestTheEndpointsOwnAddress is accepted, as the address of the API is.
func TestTheEndpointsOwnAddress(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	for _, suffix := range []string{"", "/", "/api", "/api/", waldurtest.Path, strings.TrimSuffix(waldurtest.Path, "/")} {
		server.ResetRequests()
		if _, diags := configured(t, server, map[string]tftypes.Value{"url": text(server.URL + suffix)}).read(t.Context(), nil); hasError(diags) || server.Requests()[0].Path != waldurtest.Path {
			t.Errorf("%s: got %s", suffix, describe(diags))
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
