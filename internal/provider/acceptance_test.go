package provider

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	acctest "github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"terraform-provider-waldur/internal/waldurtest"
)

// TestMain prepares the environment for Terraform and OpenTofu alike: the tests' provider has the
// address of the real one, and personal settings do not affect the tests.
func TestMain(m *testing.M) {
	for _, variable := range []string{urlVariable, tokenVariable, profileVariable, "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "TF_CLI_CONFIG_FILE", "TF_CLI_ARGS", "TF_LOG", "TF_LOG_PROVIDER", "TF_WORKSPACE", "TF_DATA_DIR"} {
		_ = os.Unsetenv(variable)
	}
	if installation.root, installation.err = os.MkdirTemp("", "waldur-provider-"); installation.err != nil {
		panic(installation.err)
	}
	config := filepath.Join(installation.root, "config") // without profiles; the go command writes there
	for variable, value := range map[string]string{
		"XDG_CONFIG_HOME": config, "AppData": config,
		"TF_ACC_PROVIDER_HOST": "terraform.local", "TF_ACC_PROVIDER_NAMESPACE": "waldur", "CHECKPOINT_DISABLE": "1",
	} {
		_ = os.Setenv(variable, value)
	}
	code := m.Run()
	_ = os.RemoveAll(installation.root)
	os.Exit(code)
}

// now is the day on which Waldur's responses were recorded.
var now = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

// recorded starts a Waldur server with the recorded rows, on the day they were recorded.
func recorded(t *testing.T) *waldurtest.Server {
	t.Helper()
	server := waldurtest.Start(t, waldurtest.ContractRows())
	server.SetNow(now)
	return server
}

// factories are this provider and another one, as plugins of Terraform.
func factories() map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){
		"waldur": func() (tfprotov6.ProviderServer, error) { return NewServer("test")(), nil },
		"other":  providerserver.NewProtocol6WithError(&otherProvider{}),
	}
}

// settings are the blocks that configure the provider for a server.
func settings(server *waldurtest.Server) string {
	return withSource(fmt.Sprintf(`
provider "waldur" {
  url         = %q
  token       = %q
  max_retries = 0
}
`, server.URL, waldurtest.Token))
}

// accept applies a configuration with a real Terraform or OpenTofu.
func accept(t *testing.T, config string, checks ...statecheck.StateCheck) {
	t.Helper()
	acctest.Test(t, acctest.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps:                    []acctest.TestStep{{Config: config, ConfigStateChecks: checks}},
	})
}

// refuse applies a configuration that fails with an error. Its text has all the parts, in their
// order.
func refuse(t *testing.T, config string, parts ...string) {
	t.Helper()
	acctest.Test(t, acctest.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps:                    []acctest.TestStep{{Config: config, ExpectError: inLines(parts...)}},
	})
}

// inLines matches a text with all the parts, in their order, however Terraform breaks it into
// lines.
func inLines(parts ...string) *regexp.Regexp {
	patterns := make([]string, len(parts))
	for i, part := range parts {
		patterns[i] = strings.ReplaceAll(regexp.QuoteMeta(part), " ", `[\s│|]+`)
	}
	return regexp.MustCompile(`(?s)` + strings.Join(patterns, ".*"))
}

func output(name string, value knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownOutputValue(name, value)
}

// hclText formats a text as a literal in HCL.
func hclText(s string) string {
	quoted, _ := json.Marshal(s)
	return strings.NewReplacer("${", "$${", "%{", "%%{", `\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(quoted))
}

// TestAccReadsTheRecordedRows compares every value of all recorded rows with the value that Waldur
// sent, in HCL.
func TestAccReadsTheRecordedRows(t *testing.T) {
	rows := waldurtest.ContractRows()
	slices.SortFunc(rows, func(a, b waldurtest.Row) int {
		return cmp.Or(strings.Compare(b.BillingPeriod, a.BillingPeriod), strings.Compare(a.OfferingName, b.OfferingName),
			strings.Compare(a.ComponentName, b.ComponentName), strings.Compare(a.OfferingUUID, b.OfferingUUID))
	})
	expected, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, settings(recorded(t))+`
data "waldur_component_usage_monthly" "all" {
  start = "2000-01"
}

locals {
  expected = [for row in `+string(expected)+` : { for column, value in row : column => value if column != "project_uuid" }] # JSON is HCL
  numbers  = ["total_consumed", "total_allocated", "usage_percent", "limit_amount"]
  actual   = data.waldur_component_usage_monthly.all.summaries
}

output "different" {
  value = flatten([for i, row in local.expected : [
    for column, value in row : "row ${i}: ${column}" if !(value == null ? local.actual[i][column] == null :
    contains(local.numbers, column) ? local.actual[i][column] == tonumber(value) : local.actual[i][column] == value)
  ]])
}

output "rows" {
  value = length(data.waldur_component_usage_monthly.all.summaries)
}

output "compared" {
  value = sum([for row in local.expected : length(row)])
}
`,
		output("different", knownvalue.ListExact(nil)),
		output("rows", knownvalue.Int64Exact(35)),
		output("compared", knownvalue.Int64Exact(35*17)))
}

// TestAccRandomDecimalsAreExact compares 3,000 random decimals of up to 20 digits in the state with
// their literals.
func TestAccRandomDecimalsAreExact(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	rows := make([]waldurtest.Row, 1000)
	var literals strings.Builder
	for i := range rows {
		rows[i] = waldurtest.ContractRows()[0]
		rows[i].OfferingUUID, rows[i].BillingPeriod = fmt.Sprintf("%032x", i), "2026-10-01"
		decimal := func() string {
			digits := strconv.FormatUint(chance.Uint64(), 10)[:1+chance.IntN(18)]
			return fmt.Sprintf("%s%s.%02d", []string{"", "-"}[chance.IntN(2)], digits, chance.IntN(100))
		}
		percent := decimal()
		rows[i].TotalConsumed, rows[i].TotalAllocated, rows[i].UsagePercent = decimal(), decimal(), &percent
		fmt.Fprintf(&literals, "    [%s, %s, %s],\n", rows[i].TotalConsumed, rows[i].TotalAllocated, percent)
	}
	tf := newTerraform(t, settings(waldurtest.Start(t, rows))+`
data "waldur_component_usage_monthly" "random" {
  billing_period = "2026-10"
  order_by       = ["offering_uuid"]
}

locals {
  literals = [
`+literals.String()+`  ]
}

output "different" {
  value = [
    for i, s in data.waldur_component_usage_monthly.random.summaries : i
    if s.total_consumed != local.literals[i][0] || s.total_allocated != local.literals[i][1] || s.usage_percent != local.literals[i][2]
  ]
}
`)
	tf.succeed("apply -auto-approve", "different = []")
	var state struct {
		Resources []struct {
			Instances []struct {
				Attributes struct{ Summaries []map[string]any }
			}
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(read(t, filepath.Join(tf.dir, "terraform.tfstate"))))
	decoder.UseNumber()
	if err := decoder.Decode(&state); err != nil {
		t.Fatal(err)
	}
	summaries := state.Resources[0].Instances[0].Attributes.Summaries
	if len(summaries) != len(rows) {
		t.Fatalf("%d rows in the state", len(summaries))
	}
	for i, summary := range summaries {
		for column, want := range map[string]string{"total_consumed": rows[i].TotalConsumed, "total_allocated": rows[i].TotalAllocated, "usage_percent": *rows[i].UsagePercent} {
			w, _ := new(big.Rat).SetString(want)
			g, ok := new(big.Rat).SetString(fmt.Sprint(summary[column]))
			if !ok || g.Cmp(w) != 0 {
				t.Errorf("%s of row %d is %s in the state, want %s", column, i, summary[column], want)
			}
		}
	}
}

// TestAccCountsDivideEqually in the plan and in the apply of the saved plan: Terraform calculates
// with as many bits as a number is sent with.
func TestAccCountsDivideEqually(t *testing.T) {
	tf := newTerraform(t, plain+`
data "waldur_component_usage_monthly" "all" {
  start = "2000-01"
}

resource "terraform_data" "share" {
  input = {
    rows  = length([for s in data.waldur_component_usage_monthly.all.summaries : s if s.usage_percent != null]) / data.waldur_component_usage_monthly.all.total_count
    limit = one(distinct([for s in data.waldur_component_usage_monthly.all.summaries : s.limit_amount if s.limit_amount == 2147483647])) / length(data.waldur_component_usage_monthly.all.summaries)
  }
}
`, urlVariable+"="+recorded(t).URL, tokenVariable+"="+waldurtest.Token)
	tf.succeed("plan -out=saved")
	tf.succeed("apply saved")
	tf.succeed("plan -detailed-exitcode")
}

func TestAccArgumentsSelectAndOrder(t *testing.T) {
	accept(t, settings(recorded(t))+`
data "waldur_component_usage_monthly" "all_filters" {
  start           = "2026-08"
  end             = "2026-09-01"
  offering_uuid   = "082c3b9f86e2538c93de8d7a91eef3dd"
  customer_uuid   = "637a0e36-84c9-5897-86e8-1789c13ab9c6"
  offering_type   = "OpenStack.Tenant"
  component_type  = "storage"
  billing_type    = "limit"
  page_size       = 1
  consistent_read = true
  timeouts {
    read = "1m"
  }
}

data "waldur_component_usage_monthly" "ordered" {
  order_by = ["-usage_percent", "component_type"]
  fields   = ["usage_percent"]
}

data "waldur_component_usage_monthly" "full" {
  min_usage_percent = 100
  limit             = 3
  order_by          = ["-usage_percent"]
  fields            = ["offering_name"]
}

output "full" {
  value = "${length(data.waldur_component_usage_monthly.full.summaries)} of ${data.waldur_component_usage_monthly.full.total_count}"
}
output "months" {
  value = join(" ", data.waldur_component_usage_monthly.all_filters.summaries[*].billing_period)
}
output "percents" {
  value = join(" ", [for row in data.waldur_component_usage_monthly.ordered.summaries : row.usage_percent == null ? "null" : tostring(row.usage_percent)])
}
output "others_are_null" {
  value = alltrue(flatten([for row in data.waldur_component_usage_monthly.ordered.summaries : [for name, value in row : value == null if name != "usage_percent"]]))
}
`,
		output("months", knownvalue.StringExact("2026-09-01 2026-08-01")),
		output("percents", knownvalue.StringExact("99999999.99 200 102 100 100 81 75 50.59 null null")),
		output("full", knownvalue.StringExact("3 of 10")),
		output("others_are_null", knownvalue.Bool(true)))
}

// TestAccInterruptEndsARead presses Ctrl-C while the server does not respond.
func TestAccInterruptEndsARead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Go cannot interrupt a process on Windows")
	}
	server := recorded(t)
	server.SetFaults(waldurtest.Hang())
	tf := newTerraform(t, plain, urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)
	plan := tf.command("plan", "-no-color", "-lock=false")
	var out bytes.Buffer
	plan.Stdout, plan.Stderr = &out, &out
	if err := plan.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(server.Requests()) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no request within a minute")
		}
	}
	if err := plan.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := plan.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the plan ended with %v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "Read from Waldur Canceled") {
		t.Fatalf("the plan said\n%s", out.String())
	}
}

func TestAccErrorsAtTheTerminal(t *testing.T) {
	server := recorded(t)
	read := func(arguments string) string {
		return settings(server) + "data \"waldur_component_usage_monthly\" \"this\" {\n" + arguments + "\n}\n"
	}
	for name, test := range map[string]struct {
		config string
		parts  []string
	}{
		"a bad month":   {read(`billing_period = "October"`), []string{"Invalid Value for billing_period", `billing_period = "October"`, `billing_period must be a month such as "2026-10", or "latest"; got "October"`}},
		"a bad address": {strings.Replace(read(""), server.URL, "ftp://waldur.example.com", 1), []string{"Invalid Value for url", "must begin with https://"}},
		"an unknown address": {strings.Replace(read(""), fmt.Sprintf("%q", server.URL), "terraform_data.address.output", 1) + `
resource "terraform_data" "address" {
  input = plantimestamp()
}
`, []string{"url = terraform_data.address.output", "known only after apply", "WALDUR_API_URL"}},
	} {
		t.Run(name, func(t *testing.T) { refuse(t, test.config, test.parts...) })
	}
}

// TestAccWithAnotherProvider uses this provider under a second local name, together with a provider
// named "waldur", such as Waldur's provider for resources.
func TestAccWithAnotherProvider(t *testing.T) {
	accept(t, fmt.Sprintf(`
terraform {
  required_providers {
    waldur       = { source = "terraform.local/waldur/other" }
    waldur-usage = { source = "terraform.local/waldur/waldur" }
  }
}

provider "waldur-usage" {
  url   = %q
  token = %q
}

data "waldur_component_usage_monthly" "this" {
  provider       = waldur-usage
  billing_period = "2026-10"
}

data "waldur_project" "this" {}

output "both" {
  value = "${data.waldur_project.this.name}: ${length(data.waldur_component_usage_monthly.this.summaries)} rows"
}
`, recorded(t).URL, waldurtest.Token), output("both", knownvalue.StringExact("the other provider's project: 8 rows")))
}

// otherProvider stands for Waldur's provider for resources. It has the same type name, but its own
// data source.
type otherProvider struct{ waldurProvider }

func (*otherProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &otherDataSource{} }}
}

type otherDataSource struct{}

func (*otherDataSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "waldur_project"
}

func (*otherDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{"name": schema.StringAttribute{Computed: true}}}
}

func (*otherDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	resp.Diagnostics.Append(resp.State.Set(ctx, &struct {
		Name types.String `tfsdk:"name"`
	}{types.StringValue("the other provider's project")})...)
}
