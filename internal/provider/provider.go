// Package provider is Terraform's side of the Waldur usage provider: schemas, validation, values
// and diagnostics. It reads Waldur only through package waldur.
package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"

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

const defaultMaxRetries = 4

var _ provider.ProviderWithFunctions = &waldurProvider{}

// New returns a constructor of the provider, for any provider server. The server of [NewServer] is
// faster. The version becomes part of the user agent.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &waldurProvider{version: version} }
}

type waldurProvider struct{ version string }

type providerModel struct {
	URL            types.String `tfsdk:"url"`
	Token          types.String `tfsdk:"token"`
	Profile        types.String `tfsdk:"profile"`
	Headers        types.Map    `tfsdk:"headers"`
	ClientCertPEM  types.String `tfsdk:"client_cert_pem"`
	ClientKeyPEM   types.String `tfsdk:"client_key_pem"`
	CACertPEM      types.String `tfsdk:"ca_cert_pem"`
	Insecure       types.Bool   `tfsdk:"insecure"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
	MaxRetries     types.Number `tfsdk:"max_retries"`
}

func (p *waldurProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "waldur"
	resp.Version = p.version
}

func (p *waldurProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	text := func(description string, valid validator.String) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Optional: true, Validators: []validator.String{valid}}
	}
	secret := func(description string, valid validator.String) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Optional: true, Sensitive: true, Validators: []validator.String{valid}}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the monthly usage and allocation of each offering's components from the marketplace of [Waldur](https://waldur.com): " +
			"every row, exactly, in a stable order, or an error that says what to do.",
		Attributes: map[string]schema.Attribute{
			"url": text("Address of the Waldur server, such as `https://waldur.example.com`, with or without a trailing `/`, `/api` or the "+
				"endpoint's path. A path prefix is kept. Environment variable: `"+urlVariable+"`.", acceptedBy(waldur.ParseURL)),
			"token": secret("Token of the user to read as. Environment variable: `"+tokenVariable+"`.", acceptedBy(waldur.ParseToken)),
			"profile": text("Name of a profile that `waldur-cli login` saved, with address and token. Conflicts with `url` and `token`. Default, if their "+
				"variables are not set either: the environment variable `"+profileVariable+"`, otherwise `"+defaultProfile+"`.", acceptedBy(parseProfile)),
			"headers": schema.MapAttribute{
				Optional: true, Sensitive: true, ElementType: types.StringType, Validators: []validator.Map{headersValidator{}},
				MarkdownDescription: "HTTP headers to send with every request, for a gateway in front of Waldur, such as Cloudflare Access, oauth2-proxy or " +
					"IAP. `Authorization` and headers that HTTP or the provider itself needs cannot be set.",
			},
			"client_cert_pem": text("Client certificate in PEM format, followed by intermediate certificates if there are any. "+
				"Requires `client_key_pem`.", acceptedBy(parseCertificates)),
			"client_key_pem": secret("Private key of `client_cert_pem` in PEM format, not encrypted.", acceptedBy(parseKey)),
			"ca_cert_pem": text("Certificates of private certificate authorities in PEM format, to trust in addition to the system's.",
				acceptedBy(parseAuthorities)),
			"insecure": schema.BoolAttribute{Optional: true, MarkdownDescription: "Skip certificate verification. Anyone who intercepts the connection can " +
				"then read the token. For tests only. Default: `false`."},
			"request_timeout": text("Time limit of one attempt of a request, as a duration such as `\"1m30s\"`. Waldur itself ends a request after "+
				"30 seconds by default, so a longer limit often gains nothing. Default: `\"30s\"`.", acceptedBy(parseDuration)),
			"max_retries": schema.NumberAttribute{Optional: true, Validators: []validator.Number{wholeNumberBetween(0, 10)}, MarkdownDescription: "Maximum " +
				"number of retries of a request (0 to 10) after a transient connection error, a 408 or 429 response, or any 5xx except 501. Waits grow " +
				"from half a second to 30 seconds. A `Retry-After` header of up to a minute takes precedence; a longer wait is an error. Default: `4`."},
		},
	}
}

func (p *waldurProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config providerModel
	diags := &resp.Diagnostics
	if refuseUnknown(req, resp); resp.Deferred == nil && !diags.HasError() {
		diags.Append(req.Config.Get(ctx, &config)...)
	}
	if resp.Deferred != nil || diags.HasError() {
		return
	}
	client := &waldur.Client{
		UserAgent:          fmt.Sprintf("Terraform/%s (+https://www.terraform.io) terraform-provider-waldur/%s", req.TerraformVersion, p.version),
		Headers:            config.headers(ctx, diags),
		Certificate:        config.certificate(diags),
		RootCAs:            parseArgument(config.CACertPEM, path.Root("ca_cert_pem"), parseAuthorities, diags),
		InsecureSkipVerify: config.Insecure.ValueBool(),
		RequestTimeout:     parseArgument(config.RequestTimeout, path.Root("request_timeout"), parseDuration, diags),
		MaxRetries:         defaultMaxRetries,
		Logger:             slog.New(logHandler{slog.DiscardHandler}),
	}
	if !config.MaxRetries.IsNull() {
		client.MaxRetries = wholeNumber(config.MaxRetries)
	}
	c := &connection{client: client}
	config.login(c, diags)
	if client.URL != nil {
		proxy, err := waldur.ProxyFromEnvironment(client.URL)
		if err != nil {
			c.missing.AddError("Invalid Proxy Variable", sentence(err.Error())+"\n\nCorrect it. If Waldur needs no proxy, add its host to NO_PROXY.")
		}
		client.Proxy = proxy
		warnOfTransport(client, diags)
	}
	resp.DataSourceData = c
}

// headers returns the headers to send with every request.
func (m *providerModel) headers(ctx context.Context, diags *diag.Diagnostics) http.Header {
	var values map[string]string
	diags.Append(m.Headers.ElementsAs(ctx, &values, false)...)
	headers := http.Header{}
	for name, value := range values {
		headers.Set(name, value)
	}
	return headers
}

// certificate returns the client's certificate, or nil if it is not set.
func (m *providerModel) certificate(diags *diag.Diagnostics) *tls.Certificate {
	certificate, key := m.ClientCertPEM, m.ClientKeyPEM
	switch {
	case certificate.IsNull() && key.IsNull():
		return nil
	case certificate.IsNull() || key.IsNull():
		addInvalidValue(diags, path.Root("client_cert_pem"), errors.New("and client_key_pem must be set together"))
		return nil
	}
	pair, err := clientCertificate(certificate.ValueString(), key.ValueString())
	if err != nil {
		addInvalidValue(diags, path.Root("client_key_pem"), err)
	}
	return &pair
}

// refuseUnknown reports arguments that are known only after apply. Terraform configures providers
// during plan, and reads data sources then, unless it can defer the reads to a later plan.
func refuseUnknown(req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	diags := &resp.Diagnostics
	arguments := map[string]tftypes.Value{}
	if err := req.Config.Raw.As(&arguments); err != nil {
		diags.AddError("Invalid Provider Configuration", err.Error())
		return
	}
	variables := map[string]string{"url": urlVariable, "token": tokenVariable, "profile": profileVariable}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		if arguments[name].IsFullyKnown() {
			continue
		}
		if req.ClientCapabilities.DeferralAllowed {
			resp.Deferred = &provider.Deferred{Reason: provider.DeferredReasonProviderConfigUnknown}
			return
		}
		advice := "Set it to a value that is known during plan, such as a variable"
		if variable := variables[name]; variable != "" {
			advice += ", or leave it out and set the environment variable " + variable
		}
		diags.AddAttributeError(path.Root(name), "Unknown Value for "+name,
			fmt.Sprintf("The value of %s is known only after apply, but the provider needs it during plan.\n\n%s. "+
				"Or first apply the resources that it depends on, with -target.", name, advice))
	}
}

// warnOfTransport warns if others can read the token.
func warnOfTransport(client *waldur.Client, diags *diag.Diagnostics) {
	if isUnencrypted(client.URL) {
		diags.AddAttributeWarning(path.Root("url"), "Unencrypted Connection to Waldur",
			fmt.Sprintf("The address %s does not use TLS, so anyone on the network path can read the token.\n\nUse https.", client.URL))
	}
	if client.InsecureSkipVerify {
		diags.AddAttributeWarning(path.Root("insecure"), "Certificate Verification Is Off",
			"With insecure = true, any server can impersonate Waldur and read the token.\n\n"+
				"If the certificate comes from a private authority, set ca_cert_pem instead.")
	}
}

// isUnencrypted reports whether others can read what is sent to a server. Requests to loopback stay
// on the machine, but net/http may send those to names such as x.localhost through a proxy.
func isUnencrypted(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

func (p *waldurProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &componentUsageMonthlyDataSource{} }}
}

func (p *waldurProvider) Resources(context.Context) []func() resource.Resource { return nil }

func (p *waldurProvider) Functions(context.Context) []func() function.Function {
	var constructors []func() function.Function
	for _, f := range []providerFunction{
		billingPeriodFunction, billingPeriodsFunction, labelFunction, sumFunction, percentFunction, elapsedPercentFunction,
	} {
		constructors = append(constructors, func() function.Function { return f })
	}
	return constructors
}

// logHandler writes the client's log to Terraform's, at debug level. The client uses no groups.
type logHandler struct{ slog.Handler }

func (logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (logHandler) Handle(ctx context.Context, record slog.Record) error {
	fields := map[string]any{}
	record.Attrs(func(attribute slog.Attr) bool {
		fields[attribute.Key] = attribute.Value.Any()
		return true
	})
	tflog.Debug(ctx, record.Message, fields)
	return nil
}
