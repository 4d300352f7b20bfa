package provider

import (
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldurtest"
)

func TestProviderSchemaIsValid(t *testing.T) {
	c := newProtocolClient(t)
	if c.schema.DataSourceSchemas[dataSourceType] == nil || len(c.schema.Functions) != 6 {
		t.Fatal("the data source or a function is missing")
	}
	for _, attribute := range c.schema.DataSourceSchemas[dataSourceType].Block.Attributes {
		if attribute.Description == "" {
			t.Errorf("%s has no description", attribute.Name)
		}
	}
}

// TestProviderArguments configures the provider with and without environment variables, so it does
// not run in parallel.
func TestProviderArguments(t *testing.T) {
	const goodURL, goodToken = "https://waldur.example.com", "c0ffee"
	good := map[string]tftypes.Value{"url": text(goodURL), "token": text(goodToken)}
	with := func(name string, value tftypes.Value) map[string]tftypes.Value {
		arguments := maps.Clone(good)
		arguments[name] = value
		return arguments
	}
	unknown := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	server := waldurtest.StartTLS(t, nil)
	for name, test := range map[string]struct {
		env       map[string]string
		arguments map[string]tftypes.Value
		errorAt   string
		warningAt string
		parts     []string
	}{
		"all well":                       {arguments: good},
		"from the environment":           {env: map[string]string{urlVariable: goodURL, tokenVariable: goodToken + "\n"}},
		"arguments before environment":   {env: map[string]string{urlVariable: "nonsense", tokenVariable: "a b"}, arguments: good},
		"no url":                         {env: map[string]string{tokenVariable: goodToken}}, // an error of reads
		"no token":                       {env: map[string]string{urlVariable: goodURL}},
		"empty url":                      {arguments: with("url", text("")), errorAt: "url", parts: []string{"must not be empty"}},
		"unknown url":                    {arguments: with("url", unknown), errorAt: "url", parts: []string{"known only after apply", urlVariable}},
		"unknown token":                  {arguments: with("token", unknown), errorAt: "token", parts: []string{"known only after apply", tokenVariable}},
		"unknown ca_cert_pem":            {arguments: with("ca_cert_pem", unknown), errorAt: "ca_cert_pem", parts: []string{"known only after apply"}},
		"url without scheme":             {arguments: with("url", text("waldur.example.com")), errorAt: "url", parts: []string{"url must begin with https://"}},
		"token with an invisible one":    {arguments: with("token", text(goodToken+"\u200b"+goodToken)), errorAt: "token", parts: []string{"token has an invisible character (U+200B) after character 6."}},
		"blanks in the environment":      {env: map[string]string{urlVariable: " \n", tokenVariable: goodToken}},
		"http to another host":           {arguments: with("url", text("http://waldur.example.com")), warningAt: "url", parts: []string{"does not use TLS"}},
		"http to loopback":               {arguments: with("url", text("http://127.0.0.9:8080"))},
		"http to loopback of IPv6":       {arguments: with("url", text("http://[::1]:8080/api/"))},
		"http to a host below localhost": {arguments: with("url", text("http://x.localhost")), warningAt: "url", parts: []string{"does not use TLS"}},
		"http to localhost":              {arguments: with("url", text("http://localhost"))},
		"insecure":                       {arguments: with("insecure", tftypes.NewValue(tftypes.Bool, true)), warningAt: "insecure", parts: []string{"ca_cert_pem"}},
		"request_timeout of no unit":     {arguments: with("request_timeout", text("30")), errorAt: "request_timeout", parts: []string{"30s"}},
		"request_timeout of nothing":     {arguments: with("request_timeout", text("0s")), errorAt: "request_timeout", parts: []string{"greater than 0"}},
		"too many retries":               {arguments: with("max_retries", tftypes.NewValue(tftypes.Number, 11)), errorAt: "max_retries", parts: []string{"between 0 and 10"}},
		"certificates":                   {arguments: with("ca_cert_pem", text(server.CACertPEM()))},
		"certificates that are none":     {arguments: with("ca_cert_pem", text("ca.pem")), errorAt: "ca_cert_pem", parts: []string{"not the name of a file", `file("NAME")`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(urlVariable, test.env[urlVariable])
			t.Setenv(tokenVariable, test.env[tokenVariable])
			diags := newProtocolClient(t).configure(test.arguments)
			switch {
			case test.errorAt != "" && !reported(diags, tfprotov6.DiagnosticSeverityError, test.errorAt, test.parts...):
				t.Errorf("want an error at %s with %q, got: %s", test.errorAt, test.parts, describe(diags))
			case test.warningAt != "" && (hasError(diags) || !reported(diags, tfprotov6.DiagnosticSeverityWarning, test.warningAt, test.parts...)):
				t.Errorf("want a warning at %s with %q, got: %s", test.warningAt, test.parts, describe(diags))
			case test.errorAt == "" && test.warningAt == "" && len(diags) > 0:
				t.Errorf("want nothing, got: %s", describe(diags))
			}
			if shown := describe(diags); strings.Contains(shown, goodToken) || strings.Contains(shown, "c0f\n") {
				t.Errorf("the token shows: %s", shown)
			}
		})
	}
}

// TestUnknownArgumentsDefer reads where Terraform can do so, and are errors elsewhere.
func TestUnknownArgumentsDefer(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	c := newProtocolClient(t)
	configure := func(token tftypes.Value, deferring bool) *tfprotov6.ConfigureProviderResponse {
		resp, err := c.server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{
			Config:             c.config(c.schema.Provider, map[string]tftypes.Value{"url": text(server.URL), "token": token}),
			ClientCapabilities: &tfprotov6.ConfigureProviderClientCapabilities{DeferralAllowed: deferring},
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	read := func() *tfprotov6.ReadDataSourceResponse {
		resp, err := c.server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{
			TypeName: dataSourceType, Config: c.config(c.schema.DataSourceSchemas[dataSourceType], nil),
			ClientCapabilities: &tfprotov6.ReadDataSourceClientCapabilities{DeferralAllowed: true},
		})
		if err != nil || len(resp.Diagnostics) > 0 {
			t.Fatal(err, describe(resp.Diagnostics))
		}
		return resp
	}
	unknown := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	if resp := configure(unknown, false); !reported(resp.Diagnostics, tfprotov6.DiagnosticSeverityError, "token", "known only after apply") {
		t.Errorf("without deferral: got %s", describe(resp.Diagnostics))
	}
	if resp := configure(unknown, true); len(resp.Diagnostics) > 0 {
		t.Errorf("with deferral: got %s", describe(resp.Diagnostics))
	}
	if resp := read(); resp.Deferred == nil || resp.Deferred.Reason != tfprotov6.DeferredReasonProviderConfigUnknown {
		t.Errorf("the read is not deferred: %v", resp.Deferred)
	}
	if resp := configure(text(waldurtest.Token), true); len(resp.Diagnostics) > 0 {
		t.Errorf("with known values: got %s", describe(resp.Diagnostics))
	}
	if resp := read(); resp.Deferred != nil || len(server.Requests()) != 1 {
		t.Errorf("deferred as %v with known values, after %d requests", resp.Deferred, len(server.Requests()))
	}
}

func TestProviderTellsItsVersionAndTerraforms(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	if _, diags := configured(t, server, nil).read(t.Context(), nil); hasError(diags) {
		t.Fatal(describe(diags))
	}
	got := server.Requests()[0].Header.Get("User-Agent")
	if !strings.Contains(got, "Terraform/1.11.4 ") || !strings.HasSuffix(got, " terraform-provider-waldur/test") {
		t.Fatalf("the user agent is %q", got)
	}
}
