package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/shopspring/decimal"

	"terraform-provider-waldur/internal/waldur"
)

const defaultReadTimeout = 5 * time.Minute

// wholeLimitPeriod is the usage_period of the whole period of a limit.
const wholeLimitPeriod = "limit_period"

var (
	_ datasource.DataSourceWithConfigure      = &componentUsageMonthlyDataSource{}
	_ datasource.DataSourceWithValidateConfig = &componentUsageMonthlyDataSource{}
)

type componentUsageMonthlyDataSource struct{ connection *connection }

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
	RequireRows     types.Bool   `tfsdk:"require_rows"`
	UsagePeriod     types.String `tfsdk:"usage_period"`
	GroupBy         types.Set    `tfsdk:"group_by"`
	MinUsagePercent types.Number `tfsdk:"min_usage_percent"`
	OrderBy         types.List   `tfsdk:"order_by"`
	Limit           types.Number `tfsdk:"limit"`
	Fields          types.Set    `tfsdk:"fields"`
	Consistent      types.Bool   `tfsdk:"consistent_read"`
	PageSize        types.Number `tfsdk:"page_size"`
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
	month, id, text := acceptedBy(parseMonth), acceptedBy(parseUUID), acceptedBy(parseFilterText)
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads monthly usage and allocation, as Waldur sums it up: every row that the token's user may see, exactly, in a stable order.",
		Attributes: map[string]schema.Attribute{
			"billing_period": optionalString("Month to read, as `YYYY-MM` or `YYYY-MM-01`, in UTC. `\"latest\"` is this month, or last month while "+
				"this month has no rows at all. Conflicts with `start` and `end`. Default, without these: this month.", acceptedBy(parseBillingPeriod)),
			"start":         optionalString("First month to read, as `YYYY-MM` or `YYYY-MM-01`. Without `end`, all later months are read.", month),
			"end":           optionalString("Last month to read, as `YYYY-MM` or `YYYY-MM-01`. Without `start`, all earlier months are read.", month),
			"offering_uuid": optionalString("UUID of the offering to read, with or without dashes. It is in the address of the offering's page in Waldur.", id),
			"customer_uuid": optionalString("UUID of the organization that **provides** the offerings (`service_provider_uuid`), not of a consumer.", id),
			"project_uuid": optionalString("UUID of the project that the offerings themselves belong to, not of one that consumes them. "+
				"No column shows this project, so the provider cannot check that the filter had an effect.", id),
			"offering_type":  optionalString("Plugin of the offerings to read, such as `Marketplace.Slurm`.", text),
			"component_type": optionalString("Identifier of the component to read, such as `cpu_k_hours`. It is not the component's name.", text),
			"billing_type": optionalString("Billing type of the components to read: `fixed`, `usage`, `one`, `few` or `limit`.",
				acceptedBy(oneOf("fixed", "usage", "one", "few", "limit"))),
			"require_rows": schema.BoolAttribute{
				Optional: true, MarkdownDescription: "Fail if the filters select no rows. `min_usage_percent` is not one of these filters. Default: `false`.",
			},
			"usage_period": optionalString("Period of `total_consumed` and `usage_percent`. `\"month\"`: the month of the row. `\"limit_period\"`: the period "+
				"of the row's limit (a month, a calendar quarter, a calendar year or all months), up to that month. Conflicts with `start` and `end`. "+
				"Default: `\"month\"`.", acceptedBy(oneOf("month", wholeLimitPeriod))),
			"group_by": schema.SetAttribute{
				MarkdownDescription: "Columns to group by, as in SQL: text columns or `billing_period`. Rows that are equal in these columns become one row. " +
					"`measured_unit` and `limit_period` are always part of the group, so different units are never added; components without a unit are. " +
					"`total_consumed` and `total_allocated` are exact sums, and `usage_percent` is calculated from them. In a group of several months, " +
					"`total_allocated` and `usage_percent` are null. All other columns are null. Conflicts with `fields`.",
				Optional: true, ElementType: types.StringType, Validators: []validator.Set{acceptedBy(parseGroupColumn)},
			},
			"min_usage_percent": optionalNumber("Keep only rows with at least this `usage_percent`: `80` means 80 %. Rows without a percentage are left out. "+
				"The value is rounded to ten decimal places, so that `0.6 * 100` means 60.", numberValidator[waldur.Decimal]{parse: parsePercent}),
			"order_by": schema.ListAttribute{
				MarkdownDescription: "Columns to order `summaries` by. `-` before a name means descending. Nulls always come last. Text is ordered by code " +
					"points. Ties (by default, all rows) come newest month first, then `offering_name`, `component_name`, `offering_uuid`, `component_type`.",
				Optional: true, ElementType: types.StringType, Validators: []validator.List{acceptedBy(parseOrdering)},
			},
			"limit": optionalNumber("Maximum number of rows to return: the first ones by `order_by`.", wholeNumberBetween(1, math.MaxInt32)),
			"fields": schema.SetAttribute{
				MarkdownDescription: "Columns to return. The others are null in `summaries`. Default: all columns.",
				Optional:            true, ElementType: types.StringType, Validators: []validator.Set{acceptedBy(parseColumn)},
			},
			"consistent_read": schema.BoolAttribute{
				Optional: true, MarkdownDescription: "Return only a list that Waldur held at one moment. See the guide *Large and exact*. Default: `false`.",
			},
			"page_size": optionalNumber("Number of rows to request per page, from 1 to 300. All pages are always read. Lower it only if large pages "+
				"time out: small pages take more requests and more passes over the list. While rows are missing, pages grow up to 300 rows. Default: `300`.",
				wholeNumberBetween(1, waldur.MaxPageSize)),
			"total_count": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Number of rows that the filters select, before `group_by`, `min_usage_percent` and `limit`.",
			},
			"summaries": schema.ListAttribute{
				Computed: true, ElementType: summaryType(), MarkdownDescription: summariesDescription(),
			},
		},
		Blocks: map[string]schema.Block{
			"timeouts": schema.SingleNestedBlock{Attributes: map[string]schema.Attribute{
				"read": optionalString("Time limit of the whole read, as a duration such as `\"30s\"`. Default: `\"5m\"`.", acceptedBy(parseDuration)),
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
	d.connection, _ = req.ProviderData.(*connection) // nil before the provider is configured
}

// ValidateConfig checks what the validators of single arguments cannot. Values that are not known
// yet are checked later: Terraform validates again before it reads.
func (d *componentUsageMonthlyDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var m componentUsageMonthlyModel
	diags := &resp.Diagnostics
	diags.Append(req.Config.Get(ctx, &m)...)
	if diags.HasError() {
		return
	}
	months := map[string]types.String{"start": m.Start, "end": m.End}
	for _, name := range []string{"start", "end"} {
		if !isKnown(months[name]) {
			continue
		}
		if isKnown(m.BillingPeriod) {
			addConflict(diags, "billing_period", name, "Set billing_period for one month, or start and end for several.")
		}
		if m.UsagePeriod.ValueString() == wholeLimitPeriod {
			addConflict(diags, "usage_period", name, "usage_period = \"limit_period\" adds earlier months by itself. Set billing_period to the last month.")
		}
	}
	start, startErr := waldur.ParseMonth(m.Start.ValueString())
	end, endErr := waldur.ParseMonth(m.End.ValueString())
	if startErr == nil && endErr == nil && start.Compare(end) > 0 {
		addInvalidValue(diags, path.Root("start"), fmt.Errorf("must not be after end; got start %s and end %s", start, end))
	}
	if len(m.GroupBy.Elements()) > 0 {
		severalMonths := !m.Start.IsUnknown() && !m.End.IsUnknown() && start != end // an argument that is not set is the zero Month
		m.validateGroups(ctx, severalMonths, diags)
	}
}

// validateGroups reports arguments that name columns that groups do not have.
func (m *componentUsageMonthlyModel) validateGroups(ctx context.Context, severalMonths bool, diags *diag.Diagnostics) {
	if isKnown(m.Fields) {
		addConflict(diags, "group_by", "fields", "Rows of groups have the columns to group by, measured_unit, limit_period and the amounts. Leave out fields.")
	}
	var invalid diag.Diagnostics // reported by the validators
	groupBy := parseElements(ctx, m.GroupBy, path.Root("group_by"), parseGroupColumn, &invalid)
	orderBy := parseElements(ctx, m.OrderBy, path.Root("order_by"), parseOrdering, &invalid)
	if invalid.HasError() || slices.Contains(groupBy, nil) { // or not known yet
		return
	}
	columns := waldur.GroupColumns(groupBy)
	const ofMonths = "groups of several months have neither a percentage nor an allocation; add billing_period to group_by, or read one month"
	severalMonths = severalMonths && !slices.Contains(groupBy, waldur.ColumnByName("billing_period"))
	if severalMonths && isKnown(m.MinUsagePercent) {
		addInvalidValue(diags, path.Root("min_usage_percent"), errors.New("cannot be used here: "+ofMonths))
	}
	for i, ordering := range orderBy {
		switch column := ordering.Column; {
		case column == nil: // not known yet
		case !slices.Contains(columns, column):
			addInvalidValue(diags, path.Root("order_by").AtListIndex(i), fmt.Errorf("has %q, which is null in every row with this group_by; the "+
				"columns with values are %s", column.Name, strings.Join(waldur.ColumnNames(columns), ", ")))
		case severalMonths && (column.Name == "usage_percent" || column.Name == "total_allocated"):
			addInvalidValue(diags, path.Root("order_by").AtListIndex(i), fmt.Errorf("has %q, but %s", column.Name, ofMonths))
		}
	}
}

func (d *componentUsageMonthlyDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config componentUsageMonthlyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if d.connection == nil {
		resp.Diagnostics.AddError("Provider Not Configured", "The data source was read before its provider was configured.\n\n"+reportFault)
		return
	}
	resp.Diagnostics.Append(d.connection.missing...)
	query := config.query(ctx, &resp.Diagnostics)
	timeout := config.readTimeout(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if percent := query.MinUsagePercent; percent != nil && percent.Sign() > 0 && percent.LessThan(decimal.New(1, 0)) {
		resp.Diagnostics.AddAttributeWarning(path.Root("min_usage_percent"), "Low Value for min_usage_percent",
			fmt.Sprintf("min_usage_percent is a percentage: %s means %[1]s %%, which almost every row reaches.\n\nFor %[2]s %%, set it to %[2]s.",
				percent, percent.Shift(2)))
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	rows, total, err := d.connection.client.ListComponentUsageMonthly(ctx, query)
	if err != nil {
		failure := readFailure{connection: d.connection, query: query, timeout: timeout, interrupted: errors.Is(ctx.Err(), context.Canceled)}
		_ = req.Config.Raw.As(&failure.arguments) // an object, as Get has shown
		failure.report(err, &resp.Diagnostics)
		return
	}
	resp.Diagnostics.Append(setRows(ctx, &resp.State, rows, total)...)
}

// readTimeout returns the time limit of the whole read.
func (m *componentUsageMonthlyModel) readTimeout(diags *diag.Diagnostics) time.Duration {
	if m.Timeouts == nil {
		return defaultReadTimeout
	}
	return cmp.Or(parseArgument(m.Timeouts.Read, path.Root("timeouts").AtName("read"), parseDuration, diags), defaultReadTimeout)
}

// query returns the query for the arguments.
func (m *componentUsageMonthlyModel) query(ctx context.Context, diags *diag.Diagnostics) waldur.Query {
	return waldur.Query{
		Latest:            m.BillingPeriod.ValueString() == latest,
		BillingPeriod:     parseArgument(m.BillingPeriod, path.Root("billing_period"), parseBillingPeriod, diags),
		Start:             parseArgument(m.Start, path.Root("start"), waldur.ParseMonth, diags),
		End:               parseArgument(m.End, path.Root("end"), waldur.ParseMonth, diags),
		OfferingUUID:      parseArgument(m.OfferingUUID, path.Root("offering_uuid"), parseUUID, diags),
		CustomerUUID:      parseArgument(m.CustomerUUID, path.Root("customer_uuid"), parseUUID, diags),
		ProjectUUID:       parseArgument(m.ProjectUUID, path.Root("project_uuid"), parseUUID, diags),
		OfferingType:      parseArgument(m.OfferingType, path.Root("offering_type"), parseFilterText, diags),
		ComponentType:     parseArgument(m.ComponentType, path.Root("component_type"), parseFilterText, diags),
		BillingType:       m.BillingType.ValueString(),
		RequireRows:       m.RequireRows.ValueBool(),
		WholeLimitPeriods: m.UsagePeriod.ValueString() == wholeLimitPeriod,
		GroupBy:           parseElements(ctx, m.GroupBy, path.Root("group_by"), parseGroupColumn, diags),
		MinUsagePercent:   m.minUsagePercent(),
		OrderBy:           parseElements(ctx, m.OrderBy, path.Root("order_by"), parseOrdering, diags),
		Limit:             wholeNumber(m.Limit),
		Fields:            parseElements(ctx, m.Fields, path.Root("fields"), parseColumn, diags),
		Consistent:        m.Consistent.ValueBool(),
		PageSize:          wholeNumber(m.PageSize),
	}
}

// minUsagePercent returns the smallest percentage to keep, or nil for all.
func (m *componentUsageMonthlyModel) minUsagePercent() *waldur.Decimal {
	if m.MinUsagePercent.IsNull() {
		return nil
	}
	percent, _ := parsePercent(m.MinUsagePercent.ValueBigFloat()) // checked by the validator
	return &percent
}

// parseElements returns the parsed elements of a list or set.
func parseElements[T any](ctx context.Context, elements interface {
	attr.Value
	ElementsAs(context.Context, any, bool) diag.Diagnostics
}, at path.Path, parse func(string) (T, error), diags *diag.Diagnostics) (parsed []T) {
	var texts []types.String
	diags.Append(elements.ElementsAs(ctx, &texts, false)...)
	for _, text := range texts {
		parsed = append(parsed, parseArgument(text, at, parse, diags))
	}
	return parsed
}
