// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

const defaultReadTimeout = 5 * time.Minute

var (
	_ datasource.DataSourceWithConfigure      = &componentUsageMonthlyDataSource{}
	_ datasource.DataSourceWithValidateConfig = &componentUsageMonthlyDataSource{}
)

type componentUsageMonthlyDataSource struct{ client *waldur.Client }

type componentUsageMonthlyModel struct {
	BillingPeriod   types.String `tfsdk:"billing_period"`
	Start           types.String `tfsdk:"start"`
	End             types.String `tfsdk:"end"`
	OfferingUUID    types.String `tfsdk:"offering_uuid"`
	CustomerUUID    types.String `tfsdk:"customer_uuid"`
	ProjectUUID     types.String `tfsdk:"project_uuid"`
	OfferingType    types.String `tfsdk:"offering_type"`
	ComponentType   types.String `tfsdk:"component_type"`
	BillingType     types.String `tfsdk:"billing_type"`
	Fields          types.Set    `tfsdk:"fields"`
	OrderBy         types.List   `tfsdk:"order_by"`
	MinUsagePercent types.Number `tfsdk:"min_usage_percent"`
	Limit           types.Number `tfsdk:"limit"`
	PageSize        types.Number `tfsdk:"page_size"`
	Consistent      types.Bool   `tfsdk:"consistent_read"`
	Timeouts        *struct {
		Read types.String `tfsdk:"read"`
	} `tfsdk:"timeouts"`

	TotalCount types.Int64 `tfsdk:"total_count"`
	Summaries  types.List  `tfsdk:"summaries"`
}

func (d *componentUsageMonthlyDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_component_usage_monthly"
}

func (d *componentUsageMonthlyDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	month, id, name := parsedWith(waldur.ParseMonth), parsedWith(parseUUID), parsedWith(parseName)
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the monthly usage and allocation of each offering's components, as Waldur sums it up: every row that the token's user may see, exactly, in a stable order. " +
			"Without `billing_period`, `start` and `end`, it reads the current month, in UTC.",
		Attributes: map[string]schema.Attribute{
			"billing_period": optionalString("Month to read, as `YYYY-MM` or `YYYY-MM-01`. Conflicts with `start` and `end`. Default: the current month in UTC, unless `start` or `end` is set.", month, stringvalidator.ConflictsWith(path.MatchRoot("start"), path.MatchRoot("end"))),
			"start":          optionalString("First month to read, as `YYYY-MM` or `YYYY-MM-01`. Without `end`, all months from `start` to the newest are read.", month),
			"end":            optionalString("Last month to read, as `YYYY-MM` or `YYYY-MM-01`. Without `start`, all months from the oldest to `end` are read.", month),
			"offering_uuid":  optionalString("UUID of the offering to read, with dashes or without.", id),
			"customer_uuid":  optionalString("UUID of the organization that **provides** the offerings to read (`service_provider_uuid` in the rows), with dashes or without. Not the organization that consumes them.", id),
			"project_uuid":   optionalString("UUID of the project that the offerings themselves belong to, on the **provider's** side, with dashes or without. Not a project that consumes them.", id),
			"offering_type":  optionalString("Plugin that provides the offerings to read, such as `Marketplace.Slurm`. An unknown plugin gives no rows and no error.", name),
			"component_type": optionalString("Identifier of the component to read, such as `cpu_k_hours`. The name of a component, or an unknown identifier, gives no rows and no error.", name),
			"billing_type":   optionalString("Billing type of the components to read: `fixed`, `usage`, `limit`, `one` (once, on activation) or `few` (on activation and on each change of plan).", stringvalidator.OneOf("fixed", "usage", "one", "few", "limit")),
			"fields": schema.SetAttribute{
				MarkdownDescription: "Names of the columns to read. The other columns are null in `summaries`. Default: all columns.",
				Optional:            true, ElementType: types.StringType,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), setvalidator.ValueStringsAre(parsedWith(parseColumn))},
			},
			"order_by": schema.ListAttribute{
				MarkdownDescription: "Names of the columns to order `summaries` by. A `-` before a name means descending. Nulls come last in both directions. Text is ordered by its Unicode code points. " +
					"Ties, and all rows by default, are ordered by the newest month, then `offering_name`, `component_name`, `offering_uuid` and `component_type`.",
				Optional: true, ElementType: types.StringType,
				Validators: []validator.List{listvalidator.NoNullValues(), listvalidator.ValueStringsAre(parsedWith(parseOrdering))},
			},
			"min_usage_percent": optionalNumber("Keep only rows whose `usage_percent` is at least this number. Rows without a percentage are left out. Applied after all rows are read."),
			"limit":             optionalNumber("Maximum number of rows to keep, at least 1. The first rows by `order_by` are kept. Applied after `min_usage_percent`.", wholeNumberBetween(1, math.MaxInt)),
			"page_size":         optionalNumber("Number of rows to request per page, from 1 to 300. All pages are always read. Lower it if the Waldur server times out on large pages. Default: `300`.", wholeNumberBetween(1, waldur.MaxPageSize)),
			"consistent_read": schema.BoolAttribute{
				Optional: true, MarkdownDescription: "Whether to return only a list that Waldur held at one moment, even if usage is written during the read. All pages are then read at least twice, until two readings are equal. See *Consistent reads*. Default: `false`.",
			},
			"total_count": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Number of rows that match the filters, before `min_usage_percent` and `limit` are applied. 0 means that there was nothing to check.",
			},
			"summaries": schema.ListNestedAttribute{
				MarkdownDescription: "One object for each month, offering and component. A component with neither usage nor allocation in a month has no object for that month.",
				Computed:            true,
				NestedObject:        summaryObject(),
			},
		},
		Blocks: map[string]schema.Block{
			"timeouts": schema.SingleNestedBlock{Attributes: map[string]schema.Attribute{
				"read": optionalString("Time limit of the whole read, including all pages and retries, as a duration such as `\"30s\"` or `\"10m\"`. Default: `\"5m\"`.", parsedWith(parseDuration)),
			}},
		},
	}
}

func optionalString(description string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: description, Optional: true, Validators: validators}
}

func optionalNumber(description string, validators ...validator.Number) schema.NumberAttribute {
	return schema.NumberAttribute{MarkdownDescription: description, Optional: true, Validators: validators}
}

func (d *componentUsageMonthlyDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.client, _ = req.ProviderData.(*waldur.Client) // nil before the provider is configured
}

func (d *componentUsageMonthlyDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var config componentUsageMonthlyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	start, startErr := waldur.ParseMonth(config.Start.ValueString())
	end, endErr := waldur.ParseMonth(config.End.ValueString())
	if startErr == nil && endErr == nil && start.Compare(end) > 0 {
		addInvalidValue(&resp.Diagnostics, path.Root("start"), fmt.Errorf("must not be after end; got start %s and end %s", start, end))
	}
}

func (d *componentUsageMonthlyDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config componentUsageMonthlyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if d.client == nil {
		resp.Diagnostics.AddError("Provider Not Configured", "The data source was read before its provider was configured.\n\n"+reportFault)
		return
	}
	query, diags := config.query(ctx)
	resp.Diagnostics.Append(diags...)
	timeout := config.readTimeout(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	fields := query.Fields
	if len(fields) > 0 && !config.MinUsagePercent.IsNull() {
		query.Fields = append(slices.Clone(fields), usagePercent)
	}
	rows, err := d.client.ListComponentUsageMonthly(ctx, query)
	if err != nil {
		d.reportReadError(ctx, err, timeout, &resp.Diagnostics)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("total_count"), len(rows))...)
	rows = config.keep(rows)
	summaries, err := encodeSummaries(ctx, rows, fields)
	if err == nil {
		err = setSummaries(ctx, &resp.State, summaries)
	}
	if err != nil {
		reportEncodingError(ctx, err, len(rows), timeout, &resp.Diagnostics)
	}
}

var usagePercent = waldur.ColumnByName("usage_percent")

// keep applies min_usage_percent and limit to the rows, which are in order.
func (m *componentUsageMonthlyModel) keep(rows []*waldur.ComponentUsage) []*waldur.ComponentUsage {
	if !m.MinUsagePercent.IsNull() {
		least := m.MinUsagePercent.ValueBigFloat()
		rows = slices.DeleteFunc(rows, func(row *waldur.ComponentUsage) bool {
			return row.UsagePercent == nil || terraformNumber(*row.UsagePercent).Cmp(least) < 0
		})
	}
	if limit := wholeNumber(m.Limit); limit > 0 && limit < len(rows) {
		rows = rows[:limit]
	}
	return rows
}

// terraformNumber returns a decimal as Terraform represents it. It has 512 bits,
// so that 33.33 from Waldur equals 33.33 in a configuration.
func terraformNumber(d waldur.Decimal) *big.Float {
	number, _, _ := big.ParseFloat(d.String(), 10, 512, big.ToNearestEven)
	return number
}

// readTimeout returns the time limit of the whole read.
func (m *componentUsageMonthlyModel) readTimeout(diags *diag.Diagnostics) time.Duration {
	if m.Timeouts == nil || m.Timeouts.Read.IsNull() {
		return defaultReadTimeout
	}
	return parsed(m.Timeouts.Read, path.Root("timeouts").AtName("read"), parseDuration, diags)
}

// query returns the query for the arguments.
func (m *componentUsageMonthlyModel) query(ctx context.Context) (waldur.Query, diag.Diagnostics) {
	var fields, orderBy []types.String
	diags := m.Fields.ElementsAs(ctx, &fields, false)
	diags.Append(m.OrderBy.ElementsAs(ctx, &orderBy, false)...)

	q := waldur.Query{
		BillingPeriod: parsed(m.BillingPeriod, path.Root("billing_period"), waldur.ParseMonth, &diags),
		Start:         parsed(m.Start, path.Root("start"), waldur.ParseMonth, &diags),
		End:           parsed(m.End, path.Root("end"), waldur.ParseMonth, &diags),
		OfferingUUID:  parsed(m.OfferingUUID, path.Root("offering_uuid"), parseUUID, &diags),
		CustomerUUID:  parsed(m.CustomerUUID, path.Root("customer_uuid"), parseUUID, &diags),
		ProjectUUID:   parsed(m.ProjectUUID, path.Root("project_uuid"), parseUUID, &diags),
		OfferingType:  parsed(m.OfferingType, path.Root("offering_type"), parseName, &diags),
		ComponentType: parsed(m.ComponentType, path.Root("component_type"), parseName, &diags),
		BillingType:   m.BillingType.ValueString(),
		PageSize:      wholeNumber(m.PageSize),
		Consistent:    m.Consistent.ValueBool(),
	}
	for _, name := range fields {
		q.Fields = append(q.Fields, parsed(name, path.Root("fields"), parseColumn, &diags))
	}
	for _, text := range orderBy {
		q.OrderBy = append(q.OrderBy, parsed(text, path.Root("order_by"), parseOrdering, &diags))
	}
	return q, diags
}
