package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// benchmarkRows are rows of a large Waldur server: 200 offerings of 4 components each, over as many
// months as needed.
func benchmarkRows(n int) []waldurtest.Row {
	rows := make([]waldurtest.Row, n)
	for i := range rows {
		offering, component := i%200, i/200%4
		month := waldur.NewMonth(2026, 11).Add(int64(-i / 800))
		percent, amount, period := fmt.Sprintf("%d.%02d", i%150, i%100), int32(i%5000), "month"
		rows[i] = waldurtest.Row{
			OfferingUUID: fmt.Sprintf("%032x", offering+1), OfferingName: fmt.Sprintf("Compute cluster %d", offering), OfferingType: "Marketplace.Slurm",
			ServiceProviderUUID: fmt.Sprintf("%032x", offering%20), ServiceProviderName: fmt.Sprintf("University %d", offering%20),
			CategoryUUID: fmt.Sprintf("%032x", offering%5), CategoryTitle: "HPC",
			ComponentType: fmt.Sprintf("component_%d", component), ComponentName: fmt.Sprintf("CPU k-hours %d", component),
			MeasuredUnit: "k-hours", BillingType: "limit", LimitAmount: &amount, LimitPeriod: &period, BillingPeriod: month.FirstDay(),
			TotalConsumed: fmt.Sprintf("%d.%02d", i*37, i%100), TotalAllocated: fmt.Sprintf("%d.00", i*53+1), UsagePercent: &percent,
		}
		if i%10 == 0 {
			rows[i].UsagePercent, rows[i].LimitAmount = nil, nil
		}
	}
	return rows
}

// BenchmarkReadDataSource measures one ReadDataSource call of Terraform's protocol, including
// server and network: this provider, a plain provider written as most data sources are, and the
// floor, which only decodes the same pages into structs and encodes these, one page after the
// other.
func BenchmarkReadDataSource(b *testing.B) {
	for _, n := range []int{1000, 10000, 30000} {
		server := waldurtest.NewServer(benchmarkRows(n))
		b.Cleanup(server.Close)
		benchmarkWays(b, server, n)
	}
}

// BenchmarkReadDataSourceOfSlowServer measures the same with 40 pages from a server that takes 20
// ms for each.
func BenchmarkReadDataSourceOfSlowServer(b *testing.B) {
	server := waldurtest.NewServer(benchmarkRows(12000))
	b.Cleanup(server.Close)
	server.SetFaults(waldurtest.Delay(20 * time.Millisecond))
	benchmarkWays(b, server, 12000)
}

func benchmarkWays(b *testing.B, server *waldurtest.Server, n int) {
	plain := providerserver.NewProtocol6(&plainProvider{waldurProvider{version: "test"}})()
	b.Run(fmt.Sprintf("rows=%d/way=ours", n), func(b *testing.B) { benchmarkRead(b, server, NewServer("test")(), n) })
	b.Run(fmt.Sprintf("rows=%d/way=plain", n), func(b *testing.B) { benchmarkRead(b, server, plain, n) })
	b.Run(fmt.Sprintf("rows=%d/way=floor", n), func(b *testing.B) { benchmarkFloor(b, server, n) })
}

func benchmarkRead(b *testing.B, server *waldurtest.Server, provider tfprotov6.ProviderServer, n int) {
	c := protocolClientOf(b, provider).configuredFor(server, nil)
	arguments := map[string]tftypes.Value{"start": text("1900-01")}
	state, diags := c.read(b.Context(), arguments)
	if rows := summaries(b, state); len(rows) != n {
		b.Fatalf("%d rows, want %d: %s", len(rows), n, describe(diags))
	}
	server.ResetRequests()
	req := &tfprotov6.ReadDataSourceRequest{
		TypeName: dataSourceType,
		Config:   c.config(c.schema.DataSourceSchemas[dataSourceType], arguments),
	}
	b.ReportAllocs()
	for b.Loop() {
		resp, err := c.server.ReadDataSource(b.Context(), req)
		if err != nil || hasError(resp.Diagnostics) {
			b.Fatal(err, describe(resp.Diagnostics))
		}
		server.ResetRequests()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
}

// plainProvider reads the pages one after the other into structs, and sets the summaries as in the
// framework's documentation: with a slice of structs and State.Set.
type plainProvider struct{ waldurProvider }

func (p *plainProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &plainDataSource{} }}
}

type plainDataSource struct {
	componentUsageMonthlyDataSource
}

type plainSummary struct {
	OfferingUUID        types.String `tfsdk:"offering_uuid"`
	OfferingName        types.String `tfsdk:"offering_name"`
	OfferingType        types.String `tfsdk:"offering_type"`
	ServiceProviderUUID types.String `tfsdk:"service_provider_uuid"`
	ServiceProviderName types.String `tfsdk:"service_provider_name"`
	CategoryUUID        types.String `tfsdk:"category_uuid"`
	CategoryTitle       types.String `tfsdk:"category_title"`
	ComponentType       types.String `tfsdk:"component_type"`
	ComponentName       types.String `tfsdk:"component_name"`
	MeasuredUnit        types.String `tfsdk:"measured_unit"`
	BillingType         types.String `tfsdk:"billing_type"`
	LimitAmount         types.Int32  `tfsdk:"limit_amount"`
	LimitPeriod         types.String `tfsdk:"limit_period"`
	BillingPeriod       types.String `tfsdk:"billing_period"`
	TotalConsumed       types.Number `tfsdk:"total_consumed"`
	TotalAllocated      types.Number `tfsdk:"total_allocated"`
	UsagePercent        types.Number `tfsdk:"usage_percent"`
}

func (d *plainDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	rows, err := readPlainly(ctx, d.connection.client.URL.JoinPath("marketplace-component-usage-monthly/").String())
	if err != nil {
		resp.Diagnostics.AddError(err.Error(), "")
		return
	}
	summaries := make([]plainSummary, len(rows))
	for i := range rows {
		row, s := &rows[i], &summaries[i]
		s.OfferingUUID, s.OfferingName, s.OfferingType = types.StringValue(row.OfferingUUID), types.StringValue(row.OfferingName), types.StringValue(row.OfferingType)
		s.ServiceProviderUUID, s.ServiceProviderName = types.StringValue(row.ServiceProviderUUID), types.StringValue(row.ServiceProviderName)
		s.CategoryUUID, s.CategoryTitle = types.StringValue(row.CategoryUUID), types.StringValue(row.CategoryTitle)
		s.ComponentType, s.ComponentName = types.StringValue(row.ComponentType), types.StringValue(row.ComponentName)
		s.MeasuredUnit, s.BillingType = types.StringValue(row.MeasuredUnit), types.StringValue(row.BillingType)
		s.LimitAmount, s.LimitPeriod = types.Int32PointerValue(row.LimitAmount), types.StringPointerValue(row.LimitPeriod)
		s.BillingPeriod = types.StringValue(row.BillingPeriod)
		s.TotalConsumed, s.TotalAllocated = plainNumber(&row.TotalConsumed), plainNumber(&row.TotalAllocated)
		s.UsagePercent = plainNumber(row.UsagePercent)
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("summaries"), summaries)...)
}

// readPlainly reads all pages, one after the other.
func readPlainly(ctx context.Context, address string) (rows []waldurtest.Row, err error) {
	for page := 1; ; page++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s?start=1900-01&page_size=300&page=%d", address, page), nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Token "+waldurtest.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		var received []waldurtest.Row
		err = json.NewDecoder(resp.Body).Decode(&received)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		rows = append(rows, received...)
		if !strings.Contains(resp.Header.Get("Link"), `rel="next"`) {
			return rows, nil
		}
	}
}

// plainNumber reads a decimal with the precision that Terraform itself has.
func plainNumber(digits *string) types.Number {
	if digits == nil {
		return types.NumberNull()
	}
	f, _, _ := big.ParseFloat(*digits, 10, 512, big.ToNearestEven)
	return types.NumberValue(f)
}

// benchmarkFloor only reads and encodes the rows.
func benchmarkFloor(b *testing.B, server *waldurtest.Server, n int) {
	b.ReportAllocs()
	for b.Loop() {
		rows, err := readPlainly(b.Context(), server.URL+waldurtest.Path)
		if err != nil || len(rows) != n {
			b.Fatal(len(rows), err)
		}
		var encoded bytes.Buffer
		encoder := msgpack.NewEncoder(&encoded)
		encoder.SetCustomStructTag("json")
		if err := encoder.Encode(rows); err != nil {
			b.Fatal(err)
		}
		server.ResetRequests()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
}
