// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/shopspring/decimal"
	"github.com/vmihailenco/msgpack/v5"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// benchmarkRows are rows such as a large Waldur has: 200 offerings of 4
// components each, over as many months as it takes.
func benchmarkRows(n int) []waldurtest.Row {
	rows := make([]waldurtest.Row, n)
	for i := range rows {
		offering, component := i%200, i/200%4
		month := waldur.NewMonth(2026, 11).Add(-i / 800)
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

// BenchmarkReadDataSource is one ReadDataSource call of Terraform's protocol,
// server and network included: ours, the plain way that most data sources go,
// and the floor, which decodes the same JSON and encodes the same MessagePack
// with nothing in between.
func BenchmarkReadDataSource(b *testing.B) {
	for _, n := range []int{1000, 10000, 30000} {
		server := waldurtest.NewServer(benchmarkRows(n))
		b.Cleanup(server.Close)
		for _, way := range []struct {
			name     string
			provider provider.Provider
		}{{"ours", New("test")()}, {"plain", &plainProvider{waldurProvider{version: "test"}}}} {
			b.Run(fmt.Sprintf("rows=%d/way=%s", n, way.name), func(b *testing.B) {
				benchmarkRead(b, server, way.provider, n)
			})
		}
		b.Run(fmt.Sprintf("rows=%d/way=floor", n), func(b *testing.B) { benchmarkFloor(b, server, n) })
	}
}

func benchmarkRead(b *testing.B, server *waldurtest.Server, p provider.Provider, n int) {
	c := &protocolClient{tb: b, server: providerserver.NewProtocol6(p)()}
	schema, err := c.server.GetProviderSchema(b.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		b.Fatal(err)
	}
	c.schema = schema
	if diags := c.configure(map[string]tftypes.Value{"url": text(server.URL), "token": text(waldurtest.Token)}); hasError(diags) {
		b.Fatal(describe(diags))
	}
	req := &tfprotov6.ReadDataSourceRequest{
		TypeName: dataSourceType,
		Config:   c.config(schema.DataSourceSchemas[dataSourceType], map[string]tftypes.Value{"start": text("1900-01")}),
	}
	call := func() *tfprotov6.ReadDataSourceResponse {
		resp, err := c.server.ReadDataSource(b.Context(), req)
		if err != nil || hasError(resp.Diagnostics) {
			b.Fatal(err, describe(resp.Diagnostics))
		}
		server.ResetRequests()
		return resp
	}
	checkRows(b, call(), schema, n)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
}

func checkRows(b *testing.B, resp *tfprotov6.ReadDataSourceResponse, schema *tfprotov6.GetProviderSchemaResponse, n int) {
	b.Helper()
	state, err := resp.State.Unmarshal(schema.DataSourceSchemas[dataSourceType].ValueType())
	if err != nil {
		b.Fatal(err)
	}
	var attributes map[string]tftypes.Value
	var summaries []tftypes.Value
	if err := state.As(&attributes); err != nil {
		b.Fatal(err)
	}
	if err := attributes["summaries"].As(&summaries); err != nil || len(summaries) != n {
		b.Fatalf("%d rows, %v; want %d", len(summaries), err, n)
	}
}

// plainProvider sets the summaries as the framework's documentation teaches: a
// slice of structs, through State.Set.
type plainProvider struct{ waldurProvider }

func (p *plainProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &plainDataSource{} }}
}

type plainDataSource struct {
	componentUsageMonthlyDataSource
}

type plainModel struct {
	componentUsageMonthlyArguments

	Summaries []plainSummary `tfsdk:"summaries"`
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

func (d *plainDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config plainModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	query, diags := config.query(ctx)
	resp.Diagnostics.Append(diags...)
	rows, err := d.client.ListComponentUsageMonthly(ctx, query)
	if err != nil {
		resp.Diagnostics.AddError(err.Error(), "")
		return
	}
	config.Summaries = make([]plainSummary, len(rows))
	for i, row := range rows {
		s := &config.Summaries[i]
		s.OfferingUUID, s.OfferingName, s.OfferingType = types.StringValue(row.OfferingUUID), types.StringValue(row.OfferingName), types.StringValue(row.OfferingType)
		s.ServiceProviderUUID, s.ServiceProviderName = types.StringPointerValue(row.ServiceProviderUUID), types.StringPointerValue(row.ServiceProviderName)
		s.CategoryUUID, s.CategoryTitle = types.StringValue(row.CategoryUUID), types.StringValue(row.CategoryTitle)
		s.ComponentType, s.ComponentName = types.StringValue(row.ComponentType), types.StringValue(row.ComponentName)
		s.MeasuredUnit, s.BillingType = types.StringValue(row.MeasuredUnit), types.StringValue(row.BillingType)
		s.LimitAmount, s.LimitPeriod = types.Int32PointerValue(row.LimitAmount), types.StringPointerValue(row.LimitPeriod)
		s.BillingPeriod = types.StringValue(row.BillingPeriod.FirstDay())
		s.TotalConsumed, s.TotalAllocated = plainNumber(row.TotalConsumed), plainNumber(row.TotalAllocated)
		s.UsagePercent = types.NumberNull()
		if row.UsagePercent.Valid {
			s.UsagePercent = plainNumber(row.UsagePercent.Decimal)
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &config)...)
}

// plainNumber reads a decimal with the precision that Terraform itself has.
func plainNumber(d decimal.Decimal) types.Number {
	f, _, _ := big.ParseFloat(d.String(), 10, 512, big.ToNearestEven)
	return types.NumberValue(f)
}

// Schema has the list without its type of our own.
func (d *plainDataSource) Schema(ctx context.Context, req datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	d.componentUsageMonthlyDataSource.Schema(ctx, req, resp)
	summaries := resp.Schema.Attributes["summaries"].(schema.ListNestedAttribute)
	summaries.CustomType = nil
	resp.Schema.Attributes["summaries"] = summaries
}

// benchmarkFloor fetches and decodes the pages one after the other, and encodes
// their rows.
func benchmarkFloor(b *testing.B, server *waldurtest.Server, n int) {
	columns := waldur.ColumnNames()
	b.ReportAllocs()
	for b.Loop() {
		var rows []map[string]any
		for page := 1; len(rows) < n; page++ {
			received, _ := waldurtest.FetchPage[map[string]any](b, server, "start=1900-01&page_size=300&page="+strconv.Itoa(page))
			rows = append(rows, received...)
		}
		encoder := msgpack.NewEncoder(io.Discard)
		_ = encoder.EncodeArrayLen(len(rows))
		for _, row := range rows {
			_ = encoder.EncodeMapLen(len(columns))
			for _, column := range columns {
				_ = encoder.EncodeString(column)
				_ = encoder.Encode(row[column])
			}
		}
		server.ResetRequests()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
}
