// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Package provider is Terraform's side of the Waldur usage provider: schemas,
// checks, values and diagnostics. How Waldur is read is not its business; that
// is package waldur.
package provider

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

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
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"terraform-provider-waldur/internal/waldur"
)

// The environment variables are those of Waldur's provider for its resources.
const (
	urlVariable   = "WALDUR_API_URL"
	tokenVariable = "WALDUR_ACCESS_TOKEN"
)

const defaultMaxRetries = 4

var (
	_ provider.Provider              = &waldurProvider{}
	_ provider.ProviderWithFunctions = &waldurProvider{}
)

// New returns a constructor of the provider. The version is told to Waldur.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &waldurProvider{version: version} }
}

type waldurProvider struct {
	version string
}

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
		MarkdownDescription: "Reads how much of each offering's components was consumed and allocated in a month, from the marketplace of a [Waldur](https://waldur.com): every row, exactly, in a stable order, or an error that says what to do.",
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				MarkdownDescription: "Address of the Waldur, such as `https://waldur.example.com`, with or without a trailing `/` or `/api`. A path prefix is kept, white space around it is dropped. May be set with the environment variable `" + urlVariable + "` instead.",
				Optional:            true,
				Validators:          []validator.String{parsedWith("Invalid Waldur Address", parseAddress)},
			},
			"token": schema.StringAttribute{
				MarkdownDescription: "Token of the user to read as: an API token, a personal access token (`w_…`) or an OIDC access token. White space around it is dropped. May be set with the environment variable `" + tokenVariable + "` instead.",
				Optional:            true,
				Sensitive:           true,
				Validators:          []validator.String{parsedWith("Invalid Waldur Token", parseToken)},
			},
			"request_timeout": schema.StringAttribute{
				MarkdownDescription: "Time for one attempt of one request, as a duration such as `\"30s\"` or `\"1m30s\"`. Default: `\"30s\"`.",
				Optional:            true,
				Validators:          []validator.String{parsedWith("Invalid Duration", parseRequestTimeout)},
			},
			"max_retries": schema.NumberAttribute{
				MarkdownDescription: "How often a request is sent again after a connection error or an answer of 429, 500, 502, 503, 504 or another 5xx but 501, from 0 to 10. The waits grow from half a second, and follow the server's `Retry-After`. Default: `4`.",
				Optional:            true,
				Validators:          []validator.Number{wholeNumberBetween(0, 10)},
			},
			"ca_cert_pem": schema.StringAttribute{
				MarkdownDescription: "Certificates of a private certificate authority in PEM, to be trusted besides the system's.",
				Optional:            true,
				Validators:          []validator.String{parsedWith("Invalid Certificates", parseCertificates)},
			},
			"insecure": schema.BoolAttribute{
				MarkdownDescription: "Accept any certificate of the server, so that others can read the token on its way. Gives a warning; meant for tests. Default: `false`.",
				Optional:            true,
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
		RequestTimeout:     parsed(config.RequestTimeout, "request_timeout", parseRequestTimeout, &resp.Diagnostics),
		RootCAs:            parsed(config.CACertPEM, "ca_cert_pem", parseCertificates, &resp.Diagnostics),
		MaxRetries:         defaultMaxRetries,
		InsecureSkipVerify: config.Insecure.ValueBool(),
		Debug:              tflog.Debug,
	}
	client.URL = setting(config.URL, "url", urlVariable, "Waldur Address", parseAddress, &resp.Diagnostics)
	client.Token = setting(config.Token, "token", tokenVariable, "Waldur Token", parseToken, &resp.Diagnostics)
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
		diags.AddError("Unreadable Provider Configuration", err.Error())
		return
	}
	variables := map[string]string{"url": urlVariable, "token": tokenVariable}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		if arguments[name].IsKnown() {
			continue
		}
		advice := "Set it from a variable or as text"
		if variable := variables[name]; variable != "" {
			advice += ", or leave it out and set the environment variable " + variable
		}
		diags.AddAttributeError(path.Root(name), "Unknown Provider Argument",
			fmt.Sprintf("The value of %s is known only after apply, and the provider needs it during plan, to read Waldur.\n\n"+
				"%s; or first apply what it depends on, with -target.", name, advice))
	}
}

// setting returns a required setting from its argument or, if that is not
// set, from an environment variable.
func setting[T any](argument types.String, name, variable, title string, parse func(string) (T, error), diags *diag.Diagnostics) T {
	text, source := argument.ValueString(), "The argument "+name
	if argument.IsNull() {
		text, source = strings.TrimSpace(os.Getenv(variable)), "The environment variable "+variable
	}
	var value T
	if text == "" {
		diags.AddAttributeError(path.Root(name), "Missing "+title,
			fmt.Sprintf("There is no %s to read from Waldur with. Set %s in the provider block, or the environment variable %s.", name, name, variable))
		return value
	}
	value, err := parse(text)
	if err != nil {
		diags.AddAttributeError(path.Root(name), "Invalid "+title, fmt.Sprintf("%s cannot be used: %s.", source, err))
	}
	return value
}

// warnOfTransport warns if others can read the token on its way.
func warnOfTransport(client *waldur.Client, diags *diag.Diagnostics) {
	if client.URL.Scheme == "http" && !isLoopback(client.URL.Hostname()) {
		diags.AddAttributeWarning(path.Root("url"), "Unencrypted Connection to Waldur",
			fmt.Sprintf("The address %s is plain http: the token travels unencrypted, and anyone on the way can read it. Use https.", client.URL))
	}
	if client.InsecureSkipVerify {
		diags.AddAttributeWarning(path.Root("insecure"), "Certificate Not Checked",
			"With insecure = true any server can pose as the Waldur and read the token. If its certificate comes from an authority of your own, set ca_cert_pem instead.")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}

func parseAddress(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("it is empty; to use the environment variable " + urlVariable + ", leave it out")
	}
	return waldur.ParseURL(text)
}

// parseToken reads a token. The error does not show it.
func parseToken(text string) (waldur.Token, error) {
	token := strings.TrimSpace(text)
	if token == "" {
		return "", errors.New("it is empty; to use the environment variable " + tokenVariable + ", leave it out")
	}
	if scheme, _, found := strings.Cut(token, " "); found && (strings.EqualFold(scheme, "Token") || strings.EqualFold(scheme, "Bearer")) {
		return "", fmt.Errorf("it begins with the word %s, which the provider adds by itself: leave that out", scheme)
	}
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return "", errors.New("it holds a character that no token has, such as a space or a line break in its middle")
		}
	}
	return waldur.Token(token), nil
}

func parseRequestTimeout(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration greater than 0, such as \"30s\" or \"1m30s\"", text)
	}
	return d, nil
}

// parseCertificates returns the system's certificate authorities and those in a
// PEM text.
func parseCertificates(pem string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, errors.New("it holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----; to read it from a file, use file(\"ca.pem\")")
	}
	return pool, nil
}

func (p *waldurProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{newComponentUsageMonthlyDataSource}
}

func (p *waldurProvider) Resources(context.Context) []func() resource.Resource { return nil }

func (p *waldurProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{newBillingPeriodFunction, newBillingPeriodsFunction}
}
