package provider

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-version"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// TestAccExamples applies examples with a real Terraform or OpenTofu. Each fails with an error that
// has the parts, or has an output with the texts. A last text of "…" stands for any others.
func TestAccExamples(t *testing.T) {
	lumi, november := "TF_VAR_offering_uuid="+waldurtest.ContractRows()[0].OfferingUUID, "TF_VAR_billing_period=2026-11"
	now := "TF_VAR_now=2026-11-23T12:00:00Z"
	row := func(component, period, consumed, allocated, percent string) waldurtest.Row {
		row := waldurtest.ContractRows()[0]
		row.ComponentType, row.ComponentName, row.MeasuredUnit = component, component, "h"
		row.BillingPeriod, row.LimitPeriod = "2026-11-01", &period
		row.TotalConsumed, row.TotalAllocated, row.UsagePercent = consumed, allocated, &percent
		return row
	}
	gone, exact := row("gone", "month", "7.00", "10.00", "70.00"), row("exact", "month", "999.99", "2023.99", "49.41")
	gone.BillingPeriod = "2026-09-01"
	formula := row("cores", "month", "999999999999999999.99", "-12.50", "0.00")
	formula.ServiceProviderName, formula.MeasuredUnit = "\t=HYPERLINK(\"x\")", "-h"
	for name, test := range map[string]struct {
		example   string
		rows      []waldurtest.Row // instead of the recorded ones
		variables []string
		err       []string
		output    string
		want      []string
	}{
		"a quota check stops the plan": {
			example: "quota-check", variables: []string{november, "TF_VAR_stop_percent=150"},
			err: []string{
				"so this plan stops", "  - Tallinna Tehnikaülikool, Compute, Ketas: 800 %",
				"  - CSC – IT Center for Science, LUMI, CPU k-hours: 198.01 %", "  - CSC – IT Center for Science, LUMI, Storage: 176 %",
			},
		},
		"a quota check stops the plan for less than it warns of": {
			example: "quota-check", variables: []string{november, "TF_VAR_stop_percent=75", "TF_VAR_warn_percent=101"},
			err: []string{"so this plan stops", "University of Tartu, Compute, vCPU: 75 %"},
		},
		"a quota check without rows": {
			example: "quota-check", variables: []string{november, "TF_VAR_offering_uuid=00000000000000000000000000000001"},
			err: []string{"No Rows in Waldur"},
		},
		"a quota check warns, which is no error": {
			example: "quota-check", variables: []string{november, "TF_VAR_warn_percent=101"}, output: "nearly_full",
			want: []string{
				"Tallinna Tehnikaülikool, Compute, Ketas: 800 % (16384.04 of 2048 GB, annual)",
				"CSC – IT Center for Science, LUMI, CPU k-hours: 198.01 % (19801 of 10000 k-hours, total)",
				"CSC – IT Center for Science, LUMI, Storage: 176 % (880 of 500 GB-k-hours, quarterly)",
			},
		},
		"a quota check of amounts in use": {
			example: "quota-check", variables: []string{november, "TF_VAR_warn_percent=177", `TF_VAR_in_use=["storage"]`}, output: "nearly_full",
			want: []string{
				"CSC – IT Center for Science, LUMI, CPU k-hours: 198.01 % (19801 of 10000 k-hours, total)",
				"Tallinna Tehnikaülikool, Compute, Ketas: 200 % (4096.01 of 2048 GB, annual)",
			},
		},
		"the fullest components": {
			example: "fullest-components", variables: []string{november, "TF_VAR_number=4"}, output: "fullest",
			want: []string{
				"Tallinna Tehnikaülikool, Compute, Ketas: 800 % of 2048 GB", // annual: 4 months of 4096.01
				"CSC – IT Center for Science, LUMI, CPU k-hours: 198.01 % of 10000 k-hours",
				"CSC – IT Center for Science, LUMI, Storage: 176 % of 500 GB-k-hours",
				"EENet, Archive, Bytes: 100 % of 999999999999999999.99 B",
			},
		},
		"not enough is left": {
			example: "headroom", variables: []string{november, lumi, "TF_VAR_component_type=gb_k_hours", "TF_VAR_amount=0"},
			err: []string{"LUMI, Storage: 0 needed, -380 of 500 GB-k-hours left"}, // quarterly: 370 in October and 510 in November
		},
		"just enough is left": { // 2023.99 - 999.99 is less than 1024 in binary
			example: "headroom", rows: []waldurtest.Row{exact}, variables: []string{november, lumi, "TF_VAR_component_type=exact", "TF_VAR_amount=1024"},
			output: "left", want: []string{"1024 h"},
		},
		"growth": {
			example: "growth", variables: []string{now}, output: "growth",
			want: []string{
				"CSC – IT Center for Science, LUMI, GPU-hours: 222.33 hours in 2026-10, 199.7 % of 111.33 in 2026-09, 333.33 in 2026-11 so far, nothing in 2025-11", "…",
			},
		},
		"growth of what vanished and of last year": {
			example: "growth", variables: []string{now}, output: "growth",
			rows: []waldurtest.Row{
				gone, inMonth(gone, "2025-11-01"), inMonth(row("new", "month", "5.00", "0.00", "0.00"), "2026-10-01"),
				inMonth(row("grows", "month", "3.00", "0.00", "0.00"), "2026-09-01"), inMonth(row("grows", "month", "4.00", "0.00", "0.00"), "2026-10-01"),
			},
			want: []string{
				"CSC – IT Center for Science, LUMI, new: 5 h in 2026-10, nothing in 2026-09, 0 in 2026-11 so far, nothing in 2025-11",
				"CSC – IT Center for Science, LUMI, grows: 4 h in 2026-10, 133.33 % of 3 in 2026-09, 0 in 2026-11 so far, nothing in 2025-11",
				"CSC – IT Center for Science, LUMI, gone: 0 h in 2026-10, 0 % of 7 in 2026-09, 0 in 2026-11 so far, 0 % of 7 in 2025-11",
			},
		},
		"limits that will not last": {
			example: "pace", variables: []string{now}, output: "heading_over",
			rows: []waldurtest.Row{
				row("year", "annual", "546.00", "600.00", "91.00"), row("quarter", "quarterly", "5140.40", "4000.00", "128.51"),
				row("lasts", "month", "70.00", "100.00", "70.00"), row("endless", "total", "99.00", "100.00", "99.00"), row("storage", "month", "99.00", "100.00", "99.00"),
			},
			want: []string{
				"CSC – IT Center for Science, LUMI, quarter: 128.51 %, left -1140.4 h, 58.15 % of the quarter is over, heading for 221 %",
				"CSC – IT Center for Science, LUMI, year: 91 %, left 54 h, 89.45 % of the year is over, heading for 101.73 %",
			},
		},
		"totals for a spreadsheet": {
			example: "totals-by-organization", rows: []waldurtest.Row{formula}, variables: []string{november}, output: "csv",
			want: []string{
				"billing_period,service_provider_uuid,service_provider_name,component_type,measured_unit,limit_period,total_consumed,total_allocated\n" +
					`"2026-11","` + formula.ServiceProviderUUID + `","'=HYPERLINK(""x"")","cores","'-h","month",999999999999999999.99,-12.50` + "\n",
			},
		},
		"a report without rows": {example: "usage-report", rows: []waldurtest.Row{}, err: []string{"No Rows in Waldur"}},
		"what there is to filter by": {
			example: "see-what-you-have", variables: []string{november}, output: "components",
			want: []string{
				"CSC – IT Center for Science, customer_uuid " + waldurtest.ContractRows()[0].ServiceProviderUUID,
				"LUMI, Marketplace.Slurm, offering_uuid " + waldurtest.ContractRows()[0].OfferingUUID,
				"cpu_k_hours = CPU k-hours, k-hours, total", "gpu_hours = GPU-hours, hours, month", "…",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := recorded(t)
			if test.rows != nil {
				server.Update(func([]waldurtest.Row) []waldurtest.Row { return test.rows })
			}
			tf := newExample(t, test.example, append(test.variables, urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)...)
			out, err := tf.command("apply", "-auto-approve", "-no-color").CombinedOutput()
			if test.err != nil {
				if err == nil || !inLines(test.err...).Match(out) {
					t.Fatalf("apply: %v, want an error with %q\n%s", err, test.err, out)
				}
				return
			}
			if err != nil {
				t.Fatalf("apply: %v\n%s", err, out)
			}
			got, want := texts(tf.outputs()[test.output]), test.want
			if last := len(want) - 1; want[last] == "…" && len(got) > last {
				got, want = got[:last], want[:last]
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// inMonth returns the row of another month.
func inMonth(row waldurtest.Row, month string) waldurtest.Row {
	row.BillingPeriod = month
	return row
}

// TestAccAnOrderIsCheckedOnce: once it exists, it is part of the consumption, and nothing is left.
func TestAccAnOrderIsCheckedOnce(t *testing.T) {
	guide := string(read(t, filepath.Join("..", "..", "templates", "guides", "quota-checks.md.tmpl")))
	row := inMonth(waldurtest.ContractRows()[0], waldur.MonthOf(time.Now()).FirstDay())
	row.OfferingUUID, row.ComponentType, row.LimitPeriod = "0123456789abcdef0123456789abcdef", "storage", nil
	row.TotalConsumed, row.TotalAllocated = "999.99", "2023.99"
	for name, configuration := range map[string]string{
		"example": string(read(t, filepath.Join("..", "..", "examples", "headroom", "main.tf"))),
		"guide":   withSource(fenced(t, guide, "hcl", "terraform_data\" \"headroom")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			skipUnsupported(t, configuration)
			server := waldurtest.Start(t, []waldurtest.Row{row})
			tf := newTerraform(t, configuration, urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token,
				"TF_VAR_offering_uuid="+row.OfferingUUID, "TF_VAR_component_type=storage", "TF_VAR_amount=1024")
			tf.succeed("apply -auto-approve")
			server.Update(func(rows []waldurtest.Row) []waldurtest.Row {
				rows[0].TotalConsumed = rows[0].TotalAllocated
				return rows
			})
			if out, err := tf.run("plan"); err != nil || strings.Contains(out, "terraform_data.headroom must be replaced") || strings.Contains(out, "to add") {
				t.Errorf("the second plan: %v\n%s", err, out)
			}
			file := filepath.Join(tf.dir, "main.tf")
			more := strings.ReplaceAll(string(read(t, file)), "needed  = 1024", "needed  = 1025") // in the guide
			if err := os.WriteFile(file, []byte(more), 0o600); err != nil {
				t.Fatal(err)
			}
			tf.env = append(tf.env, "TF_VAR_amount=1025") // in the example
			if out, err := tf.run("plan"); err == nil || !strings.Contains(out, "Resource postcondition failed") {
				t.Errorf("a plan for more: %v\n%s", err, out)
			}
		})
	}
}

// TestAccExampleFeedResource runs Terraform itself: the testing framework has no for_each.
func TestAccExampleFeedResource(t *testing.T) {
	server := recorded(t)
	tf := newExample(t, "feed-resource", urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token, "TF_VAR_now=2026-11-23T12:00:00Z")
	tf.succeed("apply -auto-approve", "nodes = 4", `terraform_data.notice["082c3b9f86e2538c93de8d7a91eef3dd/cores"]`) // 176 cores and a fifth more, by 64
	tf.succeed("plan", "No changes.")
	server.Update(func(rows []waldurtest.Row) []waldurtest.Row { // 800 cores, of which Terraform's own sum is more
		var thousand []waldurtest.Row
		for i := range 1000 {
			row := rows[5]
			row.OfferingUUID, row.ComponentType, row.BillingPeriod = fmt.Sprintf("%032x", i), "cores", "2026-10-01"
			row.TotalConsumed, row.UsagePercent = "0.80", new("1.00")
			thousand = append(thousand, row)
		}
		return thousand
	})
	tf.succeed("apply -auto-approve", "nodes = 15")
}

var update = flag.Bool("update", false, "write the expected outputs of the usage report")

// TestAccExampleUsageReport compares the outputs with files in testdata.
func TestAccExampleUsageReport(t *testing.T) {
	month := waldur.NewMonth(2026, time.November)
	row := func(offering, provider, component, unit string, ago int, consumed, allocated string) waldurtest.Row {
		return waldurtest.Row{
			OfferingUUID: "5c6eb0000000000000000000000000aa", OfferingName: offering, ServiceProviderName: provider,
			ComponentType: component, ComponentName: component, MeasuredUnit: unit,
			BillingPeriod: month.Add(int64(-ago)).String() + "-01", TotalConsumed: consumed, TotalAllocated: allocated,
		}
	}
	for name, test := range map[string]struct {
		rows      []waldurtest.Row
		variables []string
	}{
		"recorded": {rows: waldurtest.ContractRows()},
		"fullest":  {rows: waldurtest.ContractRows(), variables: []string{"TF_VAR_panels=3", "TF_VAR_number_of_months=1"}},
		"years":    {rows: waldurtest.ContractRows()[:3], variables: []string{"TF_VAR_number_of_months=36"}},
		"changes": {rows: []waldurtest.Row{ // a component without a row this month; an allocation that changes and pauses
			row("LUMI", "CSC", "CPU", "hours", 1, "10.01", "10.00"), row("LUMI", "CSC", "GPU", "hours", 0, "11.00", "10.00"), row("LUMI", "CSC", "GPU", "hours", 1, "8.00", "10.00"),
			row("LUMI", "CSC", "RAM", "hours", 5, "5.00", "10.00"), row("LUMI", "CSC", "RAM", "hours", 4, "-5.00", "20.00"),
			row("LUMI", "CSC", "RAM", "hours", 3, "5.00", "-20.00"), row("LUMI", "CSC", "RAM", "hours", 0, "15.00", "20.00"),
		}},
		"names": {rows: []waldurtest.Row{ // markup, names that a spreadsheet would evaluate, and long ones
			row("a | b\n</text><b>&amp;", "x\x1b[31m\u202ey", "A component whose name goes on and on, for longer than a panel is wide", "", 0, "1.00", "0.00"),
			row("a | b\n</text><b>&amp;", "x\x1b[31m\u202ey", strings.Repeat("W", 20), strings.Repeat("<", 20), 0, "1.00", "0.00"),
			row("=1+1", "+1", "-1", "@SUM(1)", 0, "1.00", "0.00"), row("\t=1+1", "\r+1", `"=1+1`, "x", 0, "1.00", "0.00"),
			row("a;=1+1|＝2", "a,\t-1", `a"; +1`, "a-b", 0, "1.00", "0.00"),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, test.rows)
			server.SetNow(now)
			tf := newExample(t, "usage-report", append(test.variables, urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token, "TF_VAR_now=2026-11-23T12:00:00Z")...)
			if out, err := tf.run("apply", "-auto-approve"); err != nil || strings.Contains(out, "LUMI") { // which only the output command prints
				t.Fatalf("apply: %v\n%s", err, out)
			}
			outputs := tf.outputs()
			if err := xml.Unmarshal([]byte(outputs["svg"].(string)), new(struct{ XMLName xml.Name })); err != nil {
				t.Error(err)
			}
			for output, value := range outputs {
				if output == "html" && name != "names" || output == "svg" && name == "years" {
					continue // the parts of other files again
				}
				file, text := filepath.Join("testdata", "usage-report", name+"."+output), []byte(value.(string)+"\n")
				if *update {
					if err := os.WriteFile(file, text, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(string(read(t, file)), string(text)); diff != "" {
					t.Errorf("%s: %s", file, diff)
				}
			}
		})
	}
}

// TestAccExampleUsageReportOnTheFirstOfAMonth: it ends with last month, of which Waldur has rows.
func TestAccExampleUsageReportOnTheFirstOfAMonth(t *testing.T) {
	last := waldur.MonthOf(time.Now()).Add(-1)
	server := waldurtest.Start(t, []waldurtest.Row{inMonth(waldurtest.ContractRows()[0], last.FirstDay())})
	tf := newExample(t, "usage-report", urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token, "TF_VAR_number_of_months=2")
	tf.succeed("apply -auto-approve")
	tf.succeed("output -raw markdown", fmt.Sprintf("# Usage by component, %s to %s ", last.Add(-1), last))
}

// TestAccGuideUsageReports applies configurations of the guide.
func TestAccGuideUsageReports(t *testing.T) {
	guide := string(read(t, filepath.Join("..", "..", "templates", "guides", "usage-reports.md.tmpl")))
	month := waldur.MonthOf(time.Now())
	row := waldurtest.ContractRows()[0]
	row.BillingPeriod, row.TotalConsumed = month.FirstDay(), "12.50"
	other := row
	other.OfferingUUID, other.TotalConsumed = strings.Repeat("a", 32), "0.05"
	server := waldurtest.Start(t, []waldurtest.Row{row, other})
	for block, want := range map[string]string{
		`output "consumed"`: fmt.Sprintf(`"%s" = [ 0, ] "%s" = [ 12.55, ]`, month.Add(-1), month),
		`output "totals"`:   "CSC – IT Center for Science, cpu_k_hours, total: 12.55 k-hours",
		`output "csv"`:      `csv = "\"'=1+1\""`,
	} {
		t.Run(block, func(t *testing.T) {
			configuration := fenced(t, guide, "hcl", block)
			skipUnsupported(t, configuration)
			newTerraform(t, withSource(configuration), urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token).succeed("apply -auto-approve", want)
		})
	}
}

// skipUnsupported skips a test whose configuration is for later engines only.
func skipUnsupported(t *testing.T, configuration string) {
	t.Helper()
	if strings.Contains(configuration, "provider::") {
		skipWithoutFunctions(t)
	}
	if strings.Contains(configuration, "ephemeral ") {
		skipBelow(t, "1.10", "1.11")
	}
	if strings.HasPrefix(configuration, "# OpenTofu only.") && !isOpenTofu() {
		t.Skip("the configuration is for OpenTofu")
	}
}

// skipWithoutFunctions skips a test on versions that have no functions of providers.
func skipWithoutFunctions(t *testing.T) {
	t.Helper()
	skipBelow(t, "1.8", "1.7")
}

// skipBelow skips a test on versions before that of Terraform and OpenTofu.
func skipBelow(t *testing.T, ofTerraform, ofOpenTofu string) {
	t.Helper()
	skipUnlessEnabled(t)
	first := ofTerraform
	if isOpenTofu() {
		first = ofOpenTofu
	}
	if engineVersion().LessThan(version.Must(version.NewVersion(first))) {
		t.Skipf("needs version %s", first)
	}
}

// TestAccExampleModuleTests runs the tests of the example with the test command. OpenTofu runs a
// file of its own there.
func TestAccExampleModuleTests(t *testing.T) {
	skipBelow(t, "1.7", "1.12")
	summary := "Success! 3 passed, 0 failed."
	if isOpenTofu() {
		summary = "Success! 2 passed, 0 failed."
	}
	newExample(t, "module-tests").succeed("test", summary)
}

// TestAccMockedRows: what a row of a test has in the columns that the test leaves out.
func TestAccMockedRows(t *testing.T) {
	skipBelow(t, "1.7", "1.12")
	tf := newTerraform(t, withSource(`
data "waldur_component_usage_monthly" "mocked" {}
output "row" {
  value = data.waldur_component_usage_monthly.mocked.summaries[0]
}
`))
	tests := `
mock_provider "waldur" {}
run "row" {
  command = plan
  override_data {
    target = data.waldur_component_usage_monthly.mocked
    values = { total_count = 1, summaries = [{ offering_name = "Compute", usage_percent = null }] }
  }
  assert {
    condition     = output.row.offering_name == "Compute" && output.row.usage_percent == null
    error_message = "A column that is set has its value, also if it is null."
  }
  assert {
    condition     = output.row.total_consumed == 0 && output.row.limit_amount == 0
    error_message = "Other numbers are 0."
  }
  assert {
    condition     = length(output.row.component_name) > 0 && output.row.component_name != output.row.measured_unit
    error_message = "Other texts are random."
  }
}
`
	if err := os.WriteFile(filepath.Join(tf.dir, "row.tftest.hcl"), []byte(tests), 0o600); err != nil {
		t.Fatal(err)
	}
	if !isOpenTofu() {
		tf.succeed("test")
	} else if out, err := tf.run("test"); err == nil || !strings.Contains(out, `"total_allocated", and "total_consumed" are required`) {
		t.Fatalf("test: %v\n%s", err, out)
	}
}

// newExample initializes a copy of a folder of examples/.
func newExample(t *testing.T, name string, env ...string) *terraform {
	t.Helper()
	skipWithoutFunctions(t)
	tf := newTerraform(t, "", env...)
	folder := filepath.Join("..", "..", "examples", name)
	for _, pattern := range []string{"*.tf", "*.tftpl", "*.tftest.hcl", "*.tofutest.hcl", "*/*.tf"} { // not what a try in the folder leaves behind
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			target := filepath.Join(tf.dir, strings.TrimPrefix(file, folder))
			if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o700), os.WriteFile(target, read(t, file), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tf.succeed("init -input=false")
	return tf
}

// outputs returns the values of the outputs in the state, by name.
func (tf *terraform) outputs() map[string]any {
	tf.t.Helper()
	var outputs map[string]struct{ Value any }
	out, err := tf.command("output", "-json").Output()
	if err == nil {
		err = json.Unmarshal(out, &outputs)
	}
	if err != nil {
		tf.t.Fatalf("output: %v\n%s", err, out)
	}
	values := map[string]any{}
	for name, output := range outputs {
		values[name] = output.Value
	}
	return values
}

// texts returns all texts in a value, the keys of maps included, in their order.
func texts(value any) (all []string) {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		for _, element := range value {
			all = append(all, texts(element)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			all = append(append(all, key), texts(value[key])...)
		}
	}
	return all
}

// TestAccGuidePipelines runs the commands and the policy of the guide, with its configuration,
// which here prints names as they are.
func TestAccGuidePipelines(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a POSIX shell")
	}
	guide := string(read(t, filepath.Join("..", "..", "templates", "guides", "pipelines.md.tmpl")))
	configuration := strings.Replace(fenced(t, guide, "hcl", "required_providers"), "provider::waldur::label(s.offering_name, s.component_name)", "s.offering_name", 1)
	row := func(percent string) []waldurtest.Row {
		row := inMonth(waldurtest.ContractRows()[0], waldur.MonthOf(time.Now()).FirstDay())
		row.OfferingName, row.ComponentName, row.LimitPeriod, row.UsagePercent = "Compute", "RAM", new("month"), &percent
		return []waldurtest.Row{row}
	}
	for name, test := range map[string]struct {
		rows    []waldurtest.Row
		message string // of the check
		policy  string // and its own
		nothing bool
	}{
		"below the threshold": {rows: row("79.99"), nothing: true},
		"at the threshold":    {rows: row("80.00"), message: "At or over 80 %:   Compute: 80 %", policy: "Limit of Compute, RAM: 80 %"},
		"no rows":             {message: "Waldur has no rows", policy: "No rows of usage were read during plan."},
		"hostile names":       {rows: hostileRows(), message: marker, policy: marker},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tf := newTerraform(t, configuration, urlVariable+"="+waldurtest.Start(t, test.rows).URL, tokenVariable+"="+waldurtest.Token)
			says := func(commands, want string) {
				out, err := tf.shell(t, commands)
				if !strings.Contains(out, want) || test.nothing && (err != nil || out != "") {
					t.Errorf("%s: %v, want %q\n%s", commands, err, want, out)
				}
				isHarmless(t, out)
			}
			if _, err := exec.LookPath("jq"); err != nil {
				t.Skip("jq is not on the PATH")
			}
			if out, err := tf.shell(t, fenced(t, guide, "sh", "jq -e")); (err == nil) != test.nothing || !strings.HasSuffix(out, fmt.Sprintf("%t\n", test.nothing)) {
				t.Fatalf("%v\n%s", err, out)
			}
			says(fenced(t, guide, "sh", "jq -r"), test.message)
			if os.Getenv("OPA") == "" {
				t.Skip("make .cache/opa builds the Open Policy Agent for this test")
			}
			if err := os.WriteFile(filepath.Join(tf.dir, "quota.rego"), []byte(fenced(t, guide, "rego", "package")), 0o600); err != nil {
				t.Fatal(err)
			}
			says(fenced(t, guide, "sh", "opa eval"), test.policy)
		})
	}
}

// fenced returns the first block of a page in that language that contains the text.
func fenced(t *testing.T, page, language, text string) string {
	t.Helper()
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(page, -1) {
		if strings.Contains(match[1], text) {
			return match[1]
		}
	}
	t.Fatalf("the page has no %s block with %q", language, text)
	return ""
}

// shell runs commands in the folder of the configuration. In them, terraform is the engine of the
// tests, and opa is the program that OPA names.
func (tf *terraform) shell(t *testing.T, commands string) (string, error) {
	t.Helper()
	functions := `set -e
terraform() { "$ENGINE" "$@"; }
opa() { "$OPA" "$@"; }
`
	cmd := exec.CommandContext(t.Context(), "sh", "-c", functions+commands)
	cmd.Dir, cmd.Env = tf.dir, append(slices.Clone(tf.env), "ENGINE="+binary())
	out, err := cmd.CombinedOutput()
	return string(out), err
}
