// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
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
		if attribute.NestedType != nil && len(attribute.NestedType.Attributes) != 17 {
			t.Errorf("%s has %d attributes, want the 17 columns", attribute.Name, len(attribute.NestedType.Attributes))
		}
	}
}

// TestProviderArguments configures the provider with and without environment
// variables, so it does not run in parallel.
func TestProviderArguments(t *testing.T) {
	const goodURL, goodToken = "https://waldur.example.com", "c0ffee"
	good := map[string]tftypes.Value{"url": text(goodURL), "token": text(goodToken)}
	with := func(name string, value tftypes.Value) map[string]tftypes.Value {
		arguments := map[string]tftypes.Value{name: value}
		for other, value := range good {
			if other != name {
				arguments[other] = value
			}
		}
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
		"all well":                        {arguments: good},
		"from the environment":            {env: map[string]string{urlVariable: goodURL, tokenVariable: goodToken + "\n"}},
		"arguments before environment":    {env: map[string]string{urlVariable: "nonsense", tokenVariable: "a b"}, arguments: good},
		"no url":                          {env: map[string]string{tokenVariable: goodToken}}, // an error of reads
		"no token":                        {env: map[string]string{urlVariable: goodURL}},
		"empty url":                       {arguments: with("url", text("")), errorAt: "url", parts: []string{"must not be empty"}},
		"empty token":                     {arguments: with("token", text("")), errorAt: "token", parts: []string{"must not be empty"}},
		"bad url in the environment":      {env: map[string]string{urlVariable: "waldur.example.com", tokenVariable: goodToken}, errorAt: "url", parts: []string{"environment variable " + urlVariable + " must begin with https://"}},
		"unknown url":                     {arguments: with("url", unknown), errorAt: "url", parts: []string{"known only after apply", urlVariable}},
		"unknown token":                   {arguments: with("token", unknown), errorAt: "token", parts: []string{"known only after apply", tokenVariable}},
		"unknown ca_cert_pem":             {arguments: with("ca_cert_pem", unknown), errorAt: "ca_cert_pem", parts: []string{"known only after apply"}},
		"url without scheme":              {arguments: with("url", text("waldur.example.com")), errorAt: "url", parts: []string{"url must begin with https://"}},
		"url of ftp":                      {arguments: with("url", text("ftp://waldur.example.com")), errorAt: "url", parts: []string{"must begin with https://"}},
		"url with user info":              {arguments: with("url", text("https://a:b@waldur.example.com")), errorAt: "url", parts: []string{"user info"}},
		"url with query":                  {arguments: with("url", text("https://waldur.example.com?a=b")), errorAt: "url", parts: []string{"query"}},
		"url with white space":            {arguments: with("url", text(" https://waldur.example.com\n"))},
		"blanks in the environment":       {env: map[string]string{urlVariable: " \n", tokenVariable: goodToken}},
		"token with its scheme":           {arguments: with("token", text("Token abc")), errorAt: "token", parts: []string{"word Token"}},
		"retries in part":                 {arguments: with("max_retries", tftypes.NewValue(tftypes.Number, 1.5)), errorAt: "max_retries", parts: []string{"must be a whole number between 0 and 10; got 1.5"}},
		"url with fragment":               {arguments: with("url", text("https://waldur.example.com/#/")), errorAt: "url", parts: []string{"fragment"}},
		"http to another host":            {arguments: with("url", text("http://waldur.example.com")), warningAt: "url", parts: []string{"does not use TLS"}},
		"http to loopback":                {arguments: with("url", text("http://127.0.0.9:8080"))},
		"http to loopback of IPv6":        {arguments: with("url", text("http://[::1]:8080/api/"))},
		"http to a host below localhost":  {arguments: with("url", text("http://x.localhost")), warningAt: "url", parts: []string{"does not use TLS"}},
		"url in quotes":                   {arguments: with("url", text(`"https://waldur.example.com"`)), errorAt: "url", parts: []string{"must begin with https://"}},
		"url of an IP address and a port": {arguments: with("url", text("127.0.0.1:39615")), errorAt: "url", parts: []string{"must begin with https://"}},
		"the longest token":               {arguments: with("token", text(strings.Repeat("t", 16<<10)))},
		"a token too long":                {arguments: with("token", text(strings.Repeat("t", 16<<10+1))), errorAt: "token", parts: []string{"longer than 16 KiB"}},
		"http to localhost":               {arguments: with("url", text("http://localhost"))},
		"token with a line break":         {arguments: with("token", text("c0f\nfee")), errorAt: "token", parts: []string{"must have only letters, digits and the characters - . _ ~"}},
		"insecure":                        {arguments: with("insecure", tftypes.NewValue(tftypes.Bool, true)), warningAt: "insecure", parts: []string{"ca_cert_pem"}},
		"request_timeout of no unit":      {arguments: with("request_timeout", text("30")), errorAt: "request_timeout", parts: []string{"30s"}},
		"request_timeout of nothing":      {arguments: with("request_timeout", text("0s")), errorAt: "request_timeout", parts: []string{"greater than 0"}},
		"too many retries":                {arguments: with("max_retries", tftypes.NewValue(tftypes.Number, 11)), errorAt: "max_retries", parts: []string{"between 0 and 10"}},
		"negative retries":                {arguments: with("max_retries", tftypes.NewValue(tftypes.Number, -1)), errorAt: "max_retries", parts: []string{"between 0 and 10"}},
		"certificates":                    {arguments: with("ca_cert_pem", text(server.CACertPEM()))},
		"certificates that are none":      {arguments: with("ca_cert_pem", text("ca.pem")), errorAt: "ca_cert_pem", parts: []string{"not the name of a file", `file("NAME")`}},
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

func TestProviderTrustsTheCertificatesItIsGiven(t *testing.T) {
	t.Parallel()
	server := waldurtest.StartTLS(t, waldurtest.ContractRows())
	_, diags := configured(t, server, nil).read(t.Context(), nil)
	if !reported(diags, tfprotov6.DiagnosticSeverityError, "", "Server Certificate Not Trusted", "ca_cert_pem", server.URL) {
		t.Fatalf("got %s", describe(diags))
	}
	trusting := configured(t, server, map[string]tftypes.Value{"ca_cert_pem": text(server.CACertPEM())})
	if _, diags := trusting.read(t.Context(), nil); hasError(diags) {
		t.Fatal(describe(diags))
	}
}
