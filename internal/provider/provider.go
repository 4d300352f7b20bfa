// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Package provider is Terraform's side of the Waldur usage provider: schemas,
// validation, values and diagnostics. It reads Waldur only through package waldur.
package provider

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldur"
)

// The environment variables are those of Waldur's provider for its resources.
const (
	urlVariable   = "WALDUR_API_URL"
	tokenVariable = "WALDUR_ACCESS_TOKEN"
)

const defaultMaxRetries = 4

var _ provider.ProviderWithFunctions = &waldurProvider{}

// New returns a constructor of the provider, for any provider server. The server
// of [NewServer] is faster. The version becomes part of the user agent.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &waldurProvider{version: version} }
}

type waldurProvider struct{ version string }

type providerModel struct {
	URL            types.String `tfsdk:"url"`
	Token          types.String `tfsdk:"token"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
	MaxRetries     types.Number `tfsdk:"max_retries"`
	CACertPEM      types.String `tfsdk:"ca_cert_pem"`
	Insecure       types.Bool   `tfsdk:"insecure"`
}

func (p *waldurProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "waldur"
	resp.Version = p.version
}

func (p *waldurProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the monthly usage and allocation of each offering's components from the marketplace of [Waldur](https://waldur.com): every row, exactly, in a stable order, or an error that says what to do.",
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				Optional: true, Validators: []validator.String{parsedWith(waldur.ParseURL)},
				MarkdownDescription: "Address of the Waldur server, such as `https://waldur.example.com`, with or without a trailing `/` or `/api`. A path prefix is kept. You can set the environment variable `" + urlVariable + "` instead.",
			},
			"token": schema.StringAttribute{
				MarkdownDescription: "Token of the user to read as: an API token, a personal access token (`w_…`) or an OIDC access token. You can set the environment variable `" + tokenVariable + "` instead.",
				Optional:            true,
				Sensitive:           true,
				Validators:          []validator.String{parsedWith(waldur.ParseToken)},
			},
			"request_timeout": schema.StringAttribute{
				Optional: true, Validators: []validator.String{parsedWith(parseDuration)},
				MarkdownDescription: "Time limit of one attempt of a request, as a duration such as `\"30s\"` or `\"1m30s\"`. Default: `\"30s\"`.",
			},
			"max_retries": schema.NumberAttribute{
				Optional: true, Validators: []validator.Number{wholeNumberBetween(0, 10)},
				MarkdownDescription: "Maximum number of retries of a request after a connection error, a 429 response, or any 5xx response except 501, from 0 to 10. Waits start at half a second and grow. A `Retry-After` header of up to a minute takes precedence. Default: `4`.",
			},
			"ca_cert_pem": schema.StringAttribute{
				Optional: true, Validators: []validator.String{parsedWith(parseCertificates)},
				MarkdownDescription: "Certificates of a private certificate authority in PEM format, to trust in addition to the system's.",
			},
			"insecure": schema.BoolAttribute{
				Optional: true, MarkdownDescription: "Skip certificate verification. Anyone who intercepts the connection can then read the token. For tests only. Default: `false`.",
			},
		},
	}
}

func (p *waldurProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	refuseUnknown(req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var config providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := &waldur.Client{
		UserAgent:          fmt.Sprintf("Terraform/%s (+https://www.terraform.io) terraform-provider-waldur/%s", req.TerraformVersion, p.version),
		RequestTimeout:     parseArgument(config.RequestTimeout, path.Root("request_timeout"), parseDuration, &resp.Diagnostics),
		RootCAs:            parseArgument(config.CACertPEM, path.Root("ca_cert_pem"), parseCertificates, &resp.Diagnostics),
		MaxRetries:         defaultMaxRetries,
		InsecureSkipVerify: config.Insecure.ValueBool(),
		Logger:             slog.New(logHandler{slog.DiscardHandler}),
	}
	client.URL = setting(config.URL, "url", urlVariable, "Waldur address", waldur.ParseURL, &resp.Diagnostics)
	client.Token = setting(config.Token, "token", tokenVariable, "Waldur token", waldur.ParseToken, &resp.Diagnostics)
	if !config.MaxRetries.IsNull() {
		client.MaxRetries = wholeNumber(config.MaxRetries)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	warnOfTransport(client, &resp.Diagnostics)
	resp.DataSourceData = client
}

// refuseUnknown reports arguments whose values are known only after apply.
// Terraform configures providers during plan, and reads data sources then.
func refuseUnknown(req provider.ConfigureRequest, diags *diag.Diagnostics) {
	arguments := map[string]tftypes.Value{}
	if err := req.Config.Raw.As(&arguments); err != nil {
		diags.AddError("Invalid Provider Configuration", err.Error())
		return
	}
	variables := map[string]string{"url": urlVariable, "token": tokenVariable}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		if arguments[name].IsKnown() {
			continue
		}
		advice := "Set it to a value that is known during plan, such as a variable"
		if variable := variables[name]; variable != "" {
			advice += ", or leave it out and set the environment variable " + variable
		}
		diags.AddAttributeError(path.Root(name), "Unknown Value for "+name,
			fmt.Sprintf("The value of %s is known only after apply, but the provider needs it during plan.\n\n%s. Or first apply the resources that it depends on, with -target.", name, advice))
	}
}

// setting returns a required setting from its argument or, if that is not set,
// from an environment variable.
func setting[T any](argument types.String, name, variable, title string, parse func(string) (T, error), diags *diag.Diagnostics) (value T) {
	if !argument.IsNull() {
		return parseArgument(argument, path.Root(name), parse, diags)
	}
	text := strings.TrimSpace(os.Getenv(variable))
	if text == "" {
		diags.AddAttributeError(path.Root(name), "Missing "+title,
			fmt.Sprintf("The %s is not set.\n\nSet %s in the provider block, or set the environment variable %s.", title, name, variable))
		return value
	}
	value, err := parse(text)
	if err != nil {
		diags.AddAttributeError(path.Root(name), "Invalid Value for "+variable, fmt.Sprintf("The environment variable %s %s.", variable, err))
	}
	return value
}

// warnOfTransport warns if others can read the token.
func warnOfTransport(client *waldur.Client, diags *diag.Diagnostics) {
	if client.URL.Scheme == "http" && !isLoopback(client.URL.Hostname()) {
		diags.AddAttributeWarning(path.Root("url"), "Unencrypted Connection to Waldur",
			fmt.Sprintf("The address %s does not use TLS, so anyone on the network path can read the token.\n\nUse https.", client.URL))
	}
	if client.InsecureSkipVerify {
		diags.AddAttributeWarning(path.Root("insecure"), "Certificate Verification Is Off",
			"With insecure = true, any server can impersonate Waldur and read the token.\n\nIf the certificate comes from a private authority, set ca_cert_pem instead.")
	}
}

// isLoopback reports whether requests to a host stay on the machine. net/http can
// send requests to names such as x.localhost through a proxy.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// parseCertificates returns the system's certificate authorities and those in a
// PEM text.
func parseCertificates(pem string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, errors.New("must contain a certificate in PEM format, which begins with -----BEGIN CERTIFICATE-----; to read it from a file, use file(\"ca.pem\")")
	}
	return pool, nil
}

func (p *waldurProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &componentUsageMonthlyDataSource{} }}
}

func (p *waldurProvider) Resources(context.Context) []func() resource.Resource { return nil }

func (p *waldurProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		func() function.Function { return billingPeriodFunction{} },
		func() function.Function { return billingPeriodsFunction{} },
	}
}
