// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldur"
)

const defaultReadTimeout = 5 * time.Minute

var (
	_ datasource.DataSourceWithConfigure      = &componentUsageMonthlyDataSource{}
	_ datasource.DataSourceWithValidateConfig = &componentUsageMonthlyDataSource{}
)

func newComponentUsageMonthlyDataSource() datasource.DataSource {
	return &componentUsageMonthlyDataSource{}
}

type componentUsageMonthlyDataSource struct {
	client *waldur.Client
}

// componentUsageMonthlyModel is the data source's configuration.
type componentUsageMonthlyModel struct {
	componentUsageMonthlyArguments

	Summaries *listValue `tfsdk:"summaries"` // always null in a configuration
}

type componentUsageMonthlyArguments struct {
	BillingPeriod types.String   `tfsdk:"billing_period"`
	Start         types.String   `tfsdk:"start"`
	End           types.String   `tfsdk:"end"`
	OfferingUUID  types.String   `tfsdk:"offering_uuid"`
	CustomerUUID  types.String   `tfsdk:"customer_uuid"`
	ProjectUUID   types.String   `tfsdk:"project_uuid"`
	OfferingType  types.String   `tfsdk:"offering_type"`
	ComponentType types.String   `tfsdk:"component_type"`
	BillingType   types.String   `tfsdk:"billing_type"`
	Fields        types.Set      `tfsdk:"fields"`
	OrderBy       types.List     `tfsdk:"order_by"`
	PageSize      types.Number   `tfsdk:"page_size"`
	Consistent    types.Bool     `tfsdk:"consistent_read"`
	Timeouts      timeouts.Value `tfsdk:"timeouts"`
}

func (d *componentUsageMonthlyDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_component_usage_monthly"
}

func (d *componentUsageMonthlyDataSource) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	month := []validator.String{parsedWith("Invalid Billing Period", waldur.ParseMonth)}
	id := []validator.String{parsedWith("Invalid UUID", parseUUID)}
	name := []validator.String{parsedWith("Invalid Filter", parseName)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads how much of each offering's components was consumed and allocated in a month, as Waldur sums it up: every row that the token's user may see, exactly, in a stable order. " +
			"Without `billing_period`, `start` and `end` it reads the current month, in UTC.",
		Attributes: map[string]schema.Attribute{
			"billing_period": schema.StringAttribute{
				MarkdownDescription: "Month to read, as `YYYY-MM` or `YYYY-MM-01`. Conflicts with `start` and `end`. Default: the current month in UTC, unless `start` or `end` is set.",
				Optional:            true,
				Validators:          append(month, stringvalidator.ConflictsWith(path.MatchRoot("start"), path.MatchRoot("end"))),
			},
			"start": schema.StringAttribute{
				MarkdownDescription: "First month to read, as `YYYY-MM` or `YYYY-MM-01`. With `start` alone, all months from it on are read, to the newest.",
				Optional:            true,
				Validators:          month,
			},
			"end": schema.StringAttribute{
				MarkdownDescription: "Last month to read, as `YYYY-MM` or `YYYY-MM-01`. With `end` alone, all months up to it are read, from the oldest.",
				Optional:            true,
				Validators:          month,
			},
			"offering_uuid": schema.StringAttribute{
				MarkdownDescription: "UUID of the offering to read, with dashes or without.",
				Optional:            true,
				Validators:          id,
			},
			"customer_uuid": schema.StringAttribute{
				MarkdownDescription: "UUID of the organization that **provides** the offerings to read (`service_provider_uuid` in the rows), with dashes or without. Not the organization that consumes them.",
				Optional:            true,
				Validators:          id,
			},
			"project_uuid": schema.StringAttribute{
				MarkdownDescription: "UUID of the project that the offerings themselves belong to, on the **provider's** side, with dashes or without. Not a project that consumes them.",
				Optional:            true,
				Validators:          id,
			},
			"offering_type": schema.StringAttribute{
				MarkdownDescription: "Plugin that the offerings to read are provided by, such as `Marketplace.Slurm`. One that Waldur does not know gives no rows.",
				Optional:            true,
				Validators:          name,
			},
			"component_type": schema.StringAttribute{
				MarkdownDescription: "Identifier of the component to read, such as `cpu_k_hours`. One that no offering has gives no rows.",
				Optional:            true,
				Validators:          name,
			},
			"billing_type": schema.StringAttribute{
				MarkdownDescription: "How the components to read are billed: `fixed`, `usage`, `limit`, `one` (once, on activation) or `few` (on activation and on each change of plan).",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.OneOf("fixed", "usage", "one", "few", "limit")},
			},
			"fields": schema.SetAttribute{
				MarkdownDescription: "Names of the columns to read; the others are null in `summaries`. Makes large reads smaller. Default: all columns.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators: []validator.Set{
					setvalidator.SizeAtLeast(1),
					setvalidator.NoNullValues(),
					setvalidator.ValueStringsAre(stringvalidator.OneOf(waldur.ColumnNames()...)),
				},
			},
			"order_by": schema.ListAttribute{
				MarkdownDescription: "Names of the columns to order `summaries` by, with a `-` before a name for descending. Nulls come last in either direction. Text is ordered by its Unicode code points. " +
					"Ties are ordered by the newest month, then `offering_name`, `component_name`, `offering_uuid` and `component_type`, which is also the default order.",
				ElementType: types.StringType,
				Optional:    true,
				Validators: []validator.List{
					listvalidator.NoNullValues(),
					listvalidator.ValueStringsAre(parsedWith("Invalid Order", waldur.ParseOrdering)),
				},
			},
			"page_size": schema.NumberAttribute{
				MarkdownDescription: "Number of rows to ask for in a request, from 1 to 300. All pages are read, whatever it is; fewer rows on a page help with a Waldur that times out on large ones. Default: `300`.",
				Optional:            true,
				Validators:          []validator.Number{wholeNumberBetween(1, waldur.MaxPageSize)},
			},
			"consistent_read": schema.BoolAttribute{
				MarkdownDescription: "Whether the rows must all be of one moment, even if Waldur writes usage while its pages are read. All pages are then read at least twice, until two readings agree; a list of one page takes one request as ever. See *Large reads*. Default: `false`.",
				Optional:            true,
			},
			"summaries": schema.ListNestedAttribute{
				MarkdownDescription: "One object for each month, offering and component. A component that neither consumed nor allocated anything in a month has none for it.",
				Computed:            true,
				NestedObject:        summaryObject(),
				CustomType:          listType{types.ListType{ElemType: summaryObject().Type()}},
			},
		},
		Blocks: map[string]schema.Block{
			"timeouts": timeouts.BlockWithOpts(ctx, timeouts.Opts{
				ReadDescription: "Time for the whole read with all its pages and retries, as a duration such as `\"30s\"` or `\"10m\"`. Default: `\"5m\"`.",
			}),
		},
	}
}

func (d *componentUsageMonthlyDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.client, _ = req.ProviderData.(*waldur.Client) // nil before the provider is configured
}

func (d *componentUsageMonthlyDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var config componentUsageMonthlyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(config.checkTimeout(ctx)...)
	start, startErr := waldur.ParseMonth(config.Start.ValueString())
	end, endErr := waldur.ParseMonth(config.End.ValueString())
	if startErr == nil && endErr == nil && start.Compare(end) > 0 {
		resp.Diagnostics.AddAttributeError(path.Root("start"), "Invalid Range of Billing Periods",
			fmt.Sprintf("The argument start, %s, is after end, %s: no month is in between. Swap them, or leave one out.", start, end))
	}
}

func (d *componentUsageMonthlyDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config componentUsageMonthlyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if d.client == nil {
		resp.Diagnostics.AddError("Provider Not Configured", "The data source was read before its provider was configured. This is a fault of the provider. Please report it.")
		return
	}
	query, diags := config.query(ctx)
	resp.Diagnostics.Append(diags...)
	timeout, diags := config.Timeouts.Read(ctx, defaultReadTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	rows, err := d.client.ListComponentUsageMonthly(ctx, query)
	if err != nil {
		reportReadError(ctx, err, timeout, &resp.Diagnostics)
		return
	}
	if err := setSummaries(&resp.State, summariesValue(ctx, rows, query.Fields)); err != nil {
		resp.Diagnostics.AddError("Unusable State", err.Error())
	}
}

// checkTimeout refuses a time that is over at once. That it is a duration at all
// is checked by the schema.
func (m *componentUsageMonthlyArguments) checkTimeout(ctx context.Context) diag.Diagnostics {
	timeout, diags := m.Timeouts.Read(ctx, defaultReadTimeout)
	if !diags.HasError() && timeout <= 0 {
		diags.AddAttributeError(path.Root("timeouts").AtName("read"), "Invalid Duration",
			fmt.Sprintf("The argument timeouts.read cannot be used: %s is not greater than 0.", timeout))
	}
	return diags
}

// query returns the arguments as a query of Waldur.
func (m *componentUsageMonthlyArguments) query(ctx context.Context) (waldur.Query, diag.Diagnostics) {
	var fields, orderBy []string
	diags := m.Fields.ElementsAs(ctx, &fields, false)
	diags.Append(m.OrderBy.ElementsAs(ctx, &orderBy, false)...)

	q := waldur.Query{
		BillingPeriod: parsed(m.BillingPeriod, "billing_period", waldur.ParseMonth, &diags),
		Start:         parsed(m.Start, "start", waldur.ParseMonth, &diags),
		End:           parsed(m.End, "end", waldur.ParseMonth, &diags),
		OfferingUUID:  parsed(m.OfferingUUID, "offering_uuid", parseUUID, &diags),
		CustomerUUID:  parsed(m.CustomerUUID, "customer_uuid", parseUUID, &diags),
		ProjectUUID:   parsed(m.ProjectUUID, "project_uuid", parseUUID, &diags),
		OfferingType:  parsed(m.OfferingType, "offering_type", parseName, &diags),
		ComponentType: parsed(m.ComponentType, "component_type", parseName, &diags),
		BillingType:   m.BillingType.ValueString(),
		PageSize:      wholeNumber(m.PageSize),
		Consistent:    m.Consistent.ValueBool(),
	}
	for _, name := range fields { // the schema allows no others
		q.Fields = append(q.Fields, waldur.ColumnByName(name))
	}
	for _, text := range orderBy {
		q.OrderBy = append(q.OrderBy, parsed(types.StringValue(text), "order_by", waldur.ParseOrdering, &diags))
	}
	return q, diags
}

// parseName reads a text to filter by. Waldur takes white space off its ends, and
// an empty filter for none, so that a blank one would select all rows.
func parseName(text string) (string, error) {
	if text == "" || strings.TrimSpace(text) != text {
		return "", fmt.Errorf("%q is empty, or begins or ends with white space; to select all, leave the argument out", text)
	}
	return text, nil
}

// parseUUID reads a UUID in one of the two forms that Waldur takes.
func parseUUID(text string) (uuid.NullUUID, error) {
	if len(text) == 32 || len(text) == 36 { // uuid.Parse takes other forms as well
		if id, err := uuid.Parse(text); err == nil {
			return uuid.NullUUID{UUID: id, Valid: true}, nil
		}
	}
	return uuid.NullUUID{}, fmt.Errorf("%q is not a UUID, which has 32 hexadecimal digits, with dashes (8-4-4-4-12) or without", text)
}

// setSummaries sets the one attribute that is not an argument. State.Set would
// do so too, by way of the framework's value types, at several times the cost.
func setSummaries(state *tfsdk.State, summaries tftypes.Value) error {
	attributes := map[string]tftypes.Value{}
	if err := state.Raw.As(&attributes); err != nil {
		return err
	}
	if _, ok := attributes["summaries"]; !ok {
		return errors.New("the state has no attribute summaries")
	}
	attributes["summaries"] = summaries
	state.Raw = tftypes.NewValue(state.Raw.Type(), attributes)
	return nil
}
