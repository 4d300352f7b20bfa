package provider

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldurtest"
)

const dataSourceType = "waldur_component_usage_monthly"

// protocolClient calls the provider with Terraform's plugin protocol. Like Terraform, it validates
// first.
type protocolClient struct {
	tb     testing.TB
	server tfprotov6.ProviderServer
	schema *tfprotov6.GetProviderSchemaResponse
}

func newProtocolClient(tb testing.TB) *protocolClient {
	tb.Helper()
	return protocolClientOf(tb, NewServer("test")())
}

// protocolClientOf returns a client of a server.
func protocolClientOf(tb testing.TB, server tfprotov6.ProviderServer) *protocolClient {
	tb.Helper()
	schema, err := server.GetProviderSchema(tb.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil || len(schema.Diagnostics) > 0 {
		tb.Fatal(err, schema.Diagnostics)
	}
	return &protocolClient{tb: tb, server: server, schema: schema}
}

// configured returns a client whose provider reads from an in-memory Waldur server, without retries
// by default.
func configured(tb testing.TB, waldur *waldurtest.Server, arguments map[string]tftypes.Value) *protocolClient {
	tb.Helper()
	return newProtocolClient(tb).configuredFor(waldur, arguments)
}

// ways returns clients of the provider in its own server and in the framework's, which receive rows
// in different ways.
func ways(tb testing.TB, waldur *waldurtest.Server) map[string]*protocolClient {
	tb.Helper()
	return map[string]*protocolClient{
		"own server":       configured(tb, waldur, nil),
		"framework server": protocolClientOf(tb, providerserver.NewProtocol6(New("test")())()).configuredFor(waldur, nil),
	}
}

func (c *protocolClient) configuredFor(waldur *waldurtest.Server, arguments map[string]tftypes.Value) *protocolClient {
	c.tb.Helper()
	all := map[string]tftypes.Value{"url": text(waldur.URL), "token": text(waldurtest.Token), "max_retries": tftypes.NewValue(tftypes.Number, 0)}
	maps.Copy(all, arguments)
	if diags := c.configure(all); hasError(diags) {
		c.tb.Fatal(describe(diags))
	}
	return c
}

func text(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

// config returns arguments as the configuration of a block with that schema; the other arguments
// are null.
func (c *protocolClient) config(schema *tfprotov6.Schema, arguments map[string]tftypes.Value) *tfprotov6.DynamicValue {
	c.tb.Helper()
	object := schema.ValueType().(tftypes.Object)
	values := map[string]tftypes.Value{}
	for name, attributeType := range object.AttributeTypes {
		values[name] = tftypes.NewValue(attributeType, nil)
		if value, ok := arguments[name]; ok {
			values[name] = value
		}
	}
	for name := range arguments {
		if _, ok := object.AttributeTypes[name]; !ok {
			c.tb.Fatalf("there is no argument %s", name)
		}
	}
	config, err := tfprotov6.NewDynamicValue(object, tftypes.NewValue(object, values))
	if err != nil {
		c.tb.Fatal(err)
	}
	return &config
}

func (c *protocolClient) configure(arguments map[string]tftypes.Value) []*tfprotov6.Diagnostic {
	c.tb.Helper()
	config := c.config(c.schema.Provider, arguments)
	validated, err := c.server.ValidateProviderConfig(c.tb.Context(), &tfprotov6.ValidateProviderConfigRequest{Config: config})
	if err != nil {
		c.tb.Fatal(err)
	}
	if hasError(validated.Diagnostics) {
		return validated.Diagnostics
	}
	resp, err := c.server.ConfigureProvider(c.tb.Context(), &tfprotov6.ConfigureProviderRequest{Config: config, TerraformVersion: "1.11.4"})
	if err != nil {
		c.tb.Fatal(err)
	}
	return append(validated.Diagnostics, resp.Diagnostics...)
}

// validate returns the diagnostics of arguments of the data source.
func (c *protocolClient) validate(arguments map[string]tftypes.Value) []*tfprotov6.Diagnostic {
	c.tb.Helper()
	req := &tfprotov6.ValidateDataResourceConfigRequest{TypeName: dataSourceType, Config: c.config(c.schema.DataSourceSchemas[dataSourceType], arguments)}
	resp, err := c.server.ValidateDataResourceConfig(c.tb.Context(), req)
	if err != nil {
		c.tb.Fatal(err)
	}
	return resp.Diagnostics
}

// read returns the attributes that the data source sets, or diagnostics.
func (c *protocolClient) read(ctx context.Context, arguments map[string]tftypes.Value) (map[string]tftypes.Value, []*tfprotov6.Diagnostic) {
	c.tb.Helper()
	if diags := c.validate(arguments); hasError(diags) {
		return nil, diags
	}
	schema := c.schema.DataSourceSchemas[dataSourceType]
	resp, err := c.server.ReadDataSource(ctx, &tfprotov6.ReadDataSourceRequest{TypeName: dataSourceType, Config: c.config(schema, arguments)})
	if err != nil {
		c.tb.Fatal(err)
	}
	if hasError(resp.Diagnostics) {
		return nil, resp.Diagnostics
	}
	state, err := resp.State.Unmarshal(schema.ValueType())
	if err != nil {
		c.tb.Fatal(err)
	}
	attributes := map[string]tftypes.Value{}
	if err := state.As(&attributes); err != nil {
		c.tb.Fatal(err)
	}
	return attributes, resp.Diagnostics
}

func hasError(diags []*tfprotov6.Diagnostic) bool {
	for _, diag := range diags {
		if diag.Severity == tfprotov6.DiagnosticSeverityError {
			return true
		}
	}
	return false
}

// describe returns diagnostics as Terraform shows them, one after the other.
func describe(diags []*tfprotov6.Diagnostic) string {
	var lines []string
	for _, diag := range diags {
		at := ""
		if diag.Attribute != nil {
			at = " at " + diag.Attribute.String()
		}
		lines = append(lines, diag.Severity.String()+at+": "+diag.Summary+": "+diag.Detail)
	}
	return strings.Join(lines, "\n")
}

// reported reports whether a diagnostic of that severity is at that argument (at none if it is
// empty) and has all the parts in its text, in their order.
func reported(diags []*tfprotov6.Diagnostic, severity tfprotov6.DiagnosticSeverity, argument string, parts ...string) bool {
	for _, diag := range diags {
		at := ""
		if diag.Attribute != nil {
			at = string(diag.Attribute.Steps()[0].(tftypes.AttributeName))
		}
		if diag.Severity == severity && at == argument && inOrder(diag.Summary+": "+diag.Detail, parts...) {
			return true
		}
	}
	return false
}
