// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/xml"
	"errors"
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

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/terraform-plugin-testing/config"
	acctest "github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// testExample applies a folder of examples/ on the recorded rows. The examples read
// the address and the token from the environment, so these tests do not run in
// parallel.
func testExample(t *testing.T, server *waldurtest.Server, name string, versions []tfversion.TerraformVersionCheck, steps ...acctest.TestStep) {
	t.Helper()
	t.Setenv(urlVariable, server.URL)
	t.Setenv(tokenVariable, waldurtest.Token)
	folder := t.TempDir()
	if err := copySources(folder, filepath.Join("..", "..", "examples", name)); err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		steps[i].ConfigDirectory = config.StaticDirectory(folder)
		steps[i].ProtoV6ProviderFactories = factories()
	}
	acctest.Test(t, acctest.TestCase{TerraformVersionChecks: versions, Steps: steps})
}

var today = config.StringVariable("2026-11-23T12:00:00Z")

// TestAccNamesReachTheTerminalAsPlainText: other people write the names, and GitHub
// Actions takes a line that begins with ::, or has ## in it, for a command.
func TestAccNamesReachTheTerminalAsPlainText(t *testing.T) {
	row := waldurtest.ContractRows()[0]
	row.BillingPeriod, row.LimitPeriod = waldur.MonthOf(time.Now()).FirstDay(), nil
	row.TotalConsumed, row.TotalAllocated, row.UsagePercent = "9.00", "10.00", new("90.00")
	row.ServiceProviderUUID, row.ServiceProviderName = "", ""
	row.OfferingName = "::stop-commands::x\r\n::stop-commands::y\u0085::stop-commands::z\n##[error]u\t"
	row.ComponentName = "\x1b[31mred\u009b32m \u202e" + strings.Repeat("long ", 40) + ":::stop-commands::v"
	server := waldurtest.Start(t, []waldurtest.Row{row})
	readme := fenced(t, string(read(t, filepath.Join("..", "..", "README.md"))), "hcl", "required_providers")
	example := string(read(t, filepath.Join("..", "..", "examples", "quota-check", "main.tf")))
	for name, configuration := range map[string]string{"README": readme, "quota-check": example} {
		t.Run(name, func(t *testing.T) {
			tf := newTerraform(t, configuration, urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)
			output, err := tf.command("plan", "-no-color").CombinedOutput()
			out := string(output)
			const want = "\n  -  stop-commands x   stop-commands y  stop-commands z  [error]u ,  [31mred 32m  long long "
			if err != nil || !strings.Contains(out, want) || !strings.Contains(out, "long  :stop-commands v: 90 %") {
				t.Fatalf("plan: %v\n%s", err, out)
			}
			if command := regexp.MustCompile("::|##|[\r\x1b\u0085\u009b\u202e]").FindString(out); command != "" {
				t.Errorf("the output has %q:\n%q", command, out)
			}
		})
	}
}

func TestAccExampleQuotaCheck(t *testing.T) {
	server := recorded(t)
	november := func(variables config.Variables) config.Variables {
		variables["billing_period"] = config.StringVariable("2026-11")
		return variables
	}
	testExample(t, server, "quota-check", nil,
		acctest.TestStep{
			ConfigVariables: november(config.Variables{"stop_percent": config.IntegerVariable(150)}),
			ExpectError: inLines("so this plan stops", "  - Tallinna Tehnikaülikool, Compute, Ketas: 800 %",
				"  - CSC – IT Center for Science, LUMI, CPU k-hours: 198.01 %", "  - CSC – IT Center for Science, LUMI, Storage: 176 %"),
		},
		acctest.TestStep{ // a row below warn_percent stops as well
			ConfigVariables: november(config.Variables{"stop_percent": config.IntegerVariable(75), "warn_percent": config.IntegerVariable(101)}),
			ExpectError:     inLines("so this plan stops", "University of Tartu, Compute, vCPU: 75 %"),
		},
		acctest.TestStep{
			ConfigVariables: november(config.Variables{"offering_uuid": config.StringVariable("00000000000000000000000000000001")}),
			ExpectError:     inLines("No Rows in Waldur"),
		},
		acctest.TestStep{
			ConfigVariables: november(config.Variables{"warn_percent": config.IntegerVariable(101)}),
			ConfigStateChecks: []statecheck.StateCheck{output("nearly_full", knownvalue.ListExact(stringsExact(
				"Tallinna Tehnikaülikool, Compute, Ketas: 800 % (16384.04 of 2048 GB, annual)",
				"CSC – IT Center for Science, LUMI, CPU k-hours: 198.01 % (19801 of 10000 k-hours, total)",
				"CSC – IT Center for Science, LUMI, Storage: 176 % (880 of 500 GB-k-hours, quarterly)")))},
		})
}

// TestAccExampleQuotaCheckWarns: a failed check is a warning, not an error.
func TestAccExampleQuotaCheckWarns(t *testing.T) {
	server := recorded(t)
	text := read(t, filepath.Join("..", "..", "examples", "quota-check", "main.tf"))
	tf := newTerraform(t, string(text), urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token, "TF_VAR_billing_period=2026-11")
	out, err := tf.run("plan")
	if err != nil || !strings.Contains(out, "Warning: Check block assertion failed") ||
		!strings.Contains(out, "- CSC – IT Center for Science, LUMI, Storage: 176 %") {
		t.Fatalf("plan: %v\n%s", err, out)
	}
}

func TestAccExampleFullestComponents(t *testing.T) {
	november := config.StringVariable("2026-11")
	testExample(t, recorded(t), "fullest-components", nil, acctest.TestStep{
		ConfigVariables: config.Variables{"billing_period": november, "number": config.IntegerVariable(4)},
		ConfigStateChecks: []statecheck.StateCheck{output("fullest", knownvalue.ListExact(stringsExact(
			"Tallinna Tehnikaülikool, Compute, Ketas: 800 % of 2048 GB", // annual: 4 months of 4096.01
			"CSC – IT Center for Science, LUMI, CPU k-hours: 198.01 % of 10000 k-hours",
			"CSC – IT Center for Science, LUMI, Storage: 176 % of 500 GB-k-hours",
			"EENet, Archive, Bytes: 100 % of 999999999999999999.99 B",
		)))},
	}, acctest.TestStep{
		ConfigVariables: config.Variables{"billing_period": november, "component_type": config.StringVariable("CPU k-hours")},
		ExpectError:     inLines("No Rows in Waldur", "component_type is the identifier of a component and not its name"),
	})
}

func TestAccExampleHeadroom(t *testing.T) {
	lumi := waldurtest.ContractRows()[0].OfferingUUID
	testExample(t, recorded(t), "headroom", nil,
		acctest.TestStep{ // quarterly: 370 in October and 510 in November
			ConfigVariables: config.Variables{
				"billing_period": config.StringVariable("2026-11"), "offering_uuid": config.StringVariable(lumi),
				"component_type": config.StringVariable("gb_k_hours"), "amount": config.IntegerVariable(0),
			},
			ExpectError: inLines("The order needs 0 GB-k-hours of LUMI, Storage. Left: -380 of 500."),
		},
		acctest.TestStep{
			ConfigVariables: config.Variables{
				"billing_period": config.StringVariable("2026-08"), "offering_uuid": config.StringVariable(lumi),
				"component_type": config.StringVariable("cpu_k_hours"), "amount": config.FloatVariable(8199.75),
			},
			ConfigStateChecks: []statecheck.StateCheck{output("left", knownvalue.StringExact("8199.75 k-hours"))},
		})
}

// TestAccExampleHeadroomIsExact: 10000.1 - 9999.8 is less than 0.3 in binary.
func TestAccExampleHeadroomIsExact(t *testing.T) {
	row := waldurtest.ContractRows()[0]
	row.BillingPeriod = waldur.MonthOf(time.Now()).FirstDay()
	row.LimitPeriod, row.TotalAllocated, row.TotalConsumed = nil, "10000.10", "9999.80"
	variables := config.Variables{
		"offering_uuid": config.StringVariable(row.OfferingUUID), "component_type": config.StringVariable(row.ComponentType), "amount": config.FloatVariable(0.3),
	}
	testExample(t, waldurtest.Start(t, []waldurtest.Row{row}), "headroom", nil, acctest.TestStep{ConfigVariables: variables})
}

func TestAccExampleGrowth(t *testing.T) {
	testExample(t, recorded(t), "growth", withFunctions(), acctest.TestStep{
		ConfigVariables: config.Variables{"now": today},
		ConfigStateChecks: []statecheck.StateCheck{output("growth", knownvalue.ListPartial(map[int]knownvalue.Check{
			0: knownvalue.StringExact("CSC – IT Center for Science, LUMI, CPU k-hours: 8100.25 k-hours in 2026-11 so far, 6000.25 in 2026-10, +53.8 % on 2026-09"),
			3: knownvalue.StringExact("EENet, Archive, Bytes: 999999999999999999.99 B in 2026-11 so far, 0 in 2026-10, nothing in 2026-09"),
			6: knownvalue.StringExact("Tallinna Tehnikaülikool, Compute, Ketas: 4096.01 GB in 2026-11 so far, 4096.01 in 2026-10, +0.0 % on 2026-09"),
		}))},
	})
}

func TestAccExampleTotalsByOrganization(t *testing.T) {
	rows := waldurtest.ContractRows()
	stranger := strangersRow(time.Now())
	stranger.BillingPeriod, stranger.ServiceProviderName, stranger.MeasuredUnit = "2026-11-01", "\t=HYPERLINK(\"x\")", "-h"
	server := waldurtest.Start(t, append(rows, stranger))
	testExample(t, server, "totals-by-organization", withFunctions(), acctest.TestStep{
		ConfigVariables: config.Variables{"billing_period": config.StringVariable("2026-11")},
		ConfigStateChecks: []statecheck.StateCheck{output("csv", containing(
			"billing_period,service_provider_uuid,service_provider_name,component_type,measured_unit,limit_period,total_consumed,total_allocated\n",
			`,"EENet","bytes","B","total",999999999999999999.99,999999999999999999.99`+"\n",
			`,"EENet","objects","","total",-12.50,0.01`+"\n",
			`,"Tallinna Tehnikaülikool","cores","cores","month",128.00,128.00`+"\n",
			`"'=HYPERLINK(""x"")","cores","'-h","month",300.00,100.00`+"\n",
		))},
	})
}

// TestAccExampleFeedResource runs Terraform itself: the testing framework has no
// for_each.
func TestAccExampleFeedResource(t *testing.T) {
	if os.Getenv("TF_ACC") != "" {
		skipWithoutFunctions(t)
	}
	server := recorded(t)
	tf := newTerraform(t, "", urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token, "TF_VAR_now=2026-11-23T12:00:00Z")
	tf.copyExample("feed-resource")
	out, err := tf.run("apply", "-auto-approve")
	if err != nil || !strings.Contains(out, "nodes = 4") || !strings.Contains(out, `terraform_data.notice["082c3b9f86e2538c93de8d7a91eef3dd/cores"]`) {
		t.Fatalf("apply: %v\n%s", err, out) // 176 cores and a fifth more, by 64
	}
	if out, err := tf.run("plan"); err != nil || !strings.Contains(out, "No changes.") {
		t.Fatalf("a second plan: %v\n%s", err, out)
	}
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
	if out, err := tf.run("apply", "-auto-approve"); err != nil || !strings.Contains(out, "nodes = 15") {
		t.Fatalf("apply: %v\n%s", err, out)
	}
}

// strangersRow returns a full component in the month of a time. Its names contain
// escape sequences and what GitHub Actions takes as commands: "::" at the start of a
// line, and "##[" anywhere. Terraform breaks long lines, so any word can start a line.
func strangersRow(month time.Time) waldurtest.Row {
	const name = "Lab\x1b[2J\n::stop-commands::x\r::error::x\u009b2J\u202e##[group]:"
	row := waldurtest.ContractRows()[0]
	row.OfferingName, row.ServiceProviderName, row.ComponentName, row.MeasuredUnit = name, name, name, name
	row.ComponentType, row.BillingType, row.LimitPeriod = "cores", "usage", new("month")
	row.BillingPeriod = waldur.MonthOf(month).FirstDay()
	row.TotalConsumed, row.TotalAllocated, row.UsagePercent = "300.00", "100.00", new("300.00")
	return row
}

// printsNamesSafely checks that a name of strangersRow was printed, and nothing in it that is a
// command.
func printsNamesSafely(t *testing.T, out string) {
	t.Helper()
	if !strings.Contains(strings.Join(strings.Fields(out), " "), "Lab [2J stop-commands x error x 2J [group]") {
		t.Errorf("the name is not printed:\n%s", out)
	}
	if commands := regexp.MustCompile(`::|##|[\x1b\r\x{9b}\x{202e}]`).FindAllString(out, -1); commands != nil {
		t.Errorf("printed %q:\n%s", commands, out)
	}
}

func TestAccExamplesReplaceControlCharacters(t *testing.T) {
	month := time.Now()
	rows := []waldurtest.Row{strangersRow(month), strangersRow(month)}
	rows[1].BillingPeriod = waldur.MonthOf(month).Add(-1).FirstDay()
	server := waldurtest.Start(t, rows)
	for name, variables := range map[string][]string{
		"feed-resource":          nil,
		"fullest-components":     nil,
		"growth":                 nil,
		"headroom":               {"TF_VAR_offering_uuid=" + rows[0].OfferingUUID, "TF_VAR_component_type=cores", "TF_VAR_amount=1"},
		"module-tests":           nil,
		"totals-by-organization": nil,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "feed-resource" || name == "growth" || name == "totals-by-organization" {
				skipUnsupported(t, "provider::")
			}
			tf := newTerraform(t, "", append(variables, urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)...)
			tf.copyExample(name)
			out, _ := tf.command("apply", "-auto-approve", "-no-color").CombinedOutput() // headroom and module-tests stop
			printsNamesSafely(t, string(out))
		})
	}
}

// TestAccGuidesReplaceControlCharacters runs the configurations of pages that print names.
func TestAccGuidesReplaceControlCharacters(t *testing.T) {
	var rows []waldurtest.Row
	for _, component := range []string{"cores", "cpu_k_hours", "gpu_hours"} {
		row := strangersRow(time.Now())
		row.ComponentType = component
		rows = append(rows, row)
		row.BillingPeriod = waldur.MonthOf(time.Now()).Add(-1).FirstDay()
		row.TotalAllocated, row.UsagePercent = "0.00", nil // for the list of what is used without an allocation
		row.OfferingUUID = strings.Repeat("a", 32)
		rows = append(rows, row)
		row.BillingPeriod = waldur.MonthOf(time.Now()).FirstDay()
		rows = append(rows, row)
	}
	server := waldurtest.Start(t, rows)
	printed := 0
	for _, page := range []string{"data-sources/component_usage_monthly", "guides/pipelines", "guides/quota-checks"} {
		text := string(read(t, filepath.Join("..", "..", "templates", filepath.FromSlash(page)+".md.tmpl")))
		for i, match := range hclFence.FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`s\.\w+_name\b`).MatchString(match[1]) {
				continue
			}
			printed++
			t.Run(fmt.Sprintf("%s block %d", filepath.Base(page), i+1), func(t *testing.T) {
				skipUnsupported(t, match[1])
				tf := newTerraform(t, withSource(match[1]), urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)
				out, _ := tf.command("plan", "-no-color").CombinedOutput() // a failed precondition stops the plan
				printsNamesSafely(t, string(out))
			})
		}
	}
	if printed < 5 {
		t.Errorf("only %d configurations print a name", printed)
	}
}

// withSource adds the source of the provider to a configuration that lacks it.
func withSource(configuration string) string {
	if strings.Contains(configuration, "required_providers") {
		return configuration
	}
	return "terraform {\n  required_providers {\n    waldur = { source = \"terraform.local/waldur/waldur\" }\n  }\n}\n" + configuration
}

func TestAccExampleUsageReport(t *testing.T) {
	month := waldur.NewMonth(2026, time.November)
	longName := "A component whose name goes on and on, for longer than a panel is wide"
	row := func(offering, provider, component, unit string, ago int, consumed, allocated string) waldurtest.Row {
		return waldurtest.Row{
			OfferingUUID: "5c6eb0000000000000000000000000aa", OfferingName: offering, ServiceProviderName: provider,
			ComponentType: component, ComponentName: component, MeasuredUnit: unit,
			BillingPeriod: month.Add(int64(-ago)).String() + "-01", TotalConsumed: consumed, TotalAllocated: allocated,
		}
	}
	for name, test := range map[string]struct {
		rows      []waldurtest.Row
		variables config.Variables
		summary   string
		markdown  []string
		csv       []string
		html      []string
		svg       func(*chart) error
	}{
		"recorded rows": {
			rows:    waldurtest.ContractRows(),
			summary: "As of 2026-11-23. Components: 10. Over their limit: 3. From 80 to 100 %: 2.",
			markdown: []string{
				"# Usage by component, 2025-12 to 2026-11\n\nAs of 2026-11-23. Components: 10. Over their limit: 3. From 80 to 100 %: 2.\n\n" +
					"| Offering | Provider | Component | Unit | Limit | Used | 2025-12 | 2026-01 | 2026-02 | 2026-03 | " +
					"2026-04 | 2026-05 | 2026-06 | 2026-07 | 2026-08 | 2026-09 | 2026-10 | 2026-11 to date |\n",
				"| LUMI | CSC – IT Center for Science | CPU k-hours | k-hours | 10000.00 in total | 198.01 % |" +
					strings.Repeat(" 0.00 |", 8) + " 1800.25 | 3900.25 | 6000.25 | 8100.25 |\n",
				"| Archive | EENet | Bytes | B | 999999999999999999.99 in total | 100.00 % |" + strings.Repeat(" 0.00 |", 11) + " 999999999999999999.99 |\n",
				"| LUMI | CSC – IT Center for Science | GPU-hours | hours | | |" + strings.Repeat(" 0.00 |", 8) + " 0.33 | 111.33 | 222.33 | 333.33 |\n",
			},
			csv: []string{
				"billing_period,service_provider_uuid,service_provider_name,offering_uuid,offering_name,component_type,component_name,measured_unit,limit_period," +
					"total_consumed,total_allocated,limit_period_consumed,limit_period_percent\n",
				`"Compute","storage","Ketas","GB","annual",4096.01,2048.00,16384.04,800.00` + "\n",
				`"Compute","storage","Ketas","GB","annual",4096.01,2048.00,,` + "\n",
				`"Consultancy ""gold"" & more","hours","Person hours","",`,
			},
			svg: func(c *chart) error {
				return errors.Join(
					same("panels", c.titles(), // the fullest first
						"Ketas in GB: Compute · Tallinna Tehnikaülikool", "CPU k-hours in k-hours: LUMI · CSC – IT Center for Science",
						"Storage in GB-k-hours: LUMI · CSC – IT Center for Science", "Bytes in B: Archive · EENet",
						"vCPU in cores: Compute · Tallinna Tehnikaülikool", "vCPU in cores: Compute · University of Tartu", "RAM in GB: Compute · University of Tartu",
						"Objects: Archive · EENet", `Person hours: Consultancy "gold" & more · EENet`, "GPU-hours in hours: LUMI · CSC – IT Center for Science"),
					same("texts of CPU k-hours", c.Panels[1].texts(), "CPU k-hours", "in k-hours", "LUMI", "CSC – IT Center for Science", "198.01 %", "of 10000 in total", "100 %", "19801 in total"),
					same("texts of Storage", c.Panels[2].texts()[4:], "176 %", "of 500 a quarter", "100 %", "today: 58.15 % of the quarter", "880 in the quarter"),
					same("months", c.Panels[1].labels("middle"), "Dec", "Jan", "2026", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov"),
					same("share of Storage", c.Panels[2].share(), "track 290", "over bar 385.0 880.00 of 500.00 GB-k-hours a quarter", "period 57.5"),
					same("share of Bytes", c.Panels[3].share(), "track 290", "nearly bar 290.0 999999999999999999.99 of 999999999999999999.99 B in total", "period 345.0"),
					same("share of Objects", c.Panels[7].share(), "track 290", "consumed bar 0.0 -12.50 of 0.01 in total", "period 345.0"),
					same("share of GPU-hours, without a limit", c.Panels[9].share(), "none 289"),
					same("colors of Storage, whose limit is not one of a month", c.Panels[2].colors(), append(slices.Repeat([]string{"consumed bar"}, 11), "consumed to-date")...),
					same("colors of vCPU", c.Panels[4].colors()[7:], "consumed bar", "nearly bar", "nearly bar", "nearly bar", "nearly to-date"),
					same("newest month of Bytes", []string{c.Panels[3].Bars[11].Title}, "2026-11 to date: 999999999999999999.99 B"),
					same("October of RAM", []string{c.Panels[6].Bars[10].Title}, "2026-10: 129.50 of 256.00 GB"),
					same("lines of Storage, whose limit is not one of a month", c.Panels[2].allocations()),
				)
			},
		},
		"the three fullest of one month": {
			rows:      waldurtest.ContractRows(),
			variables: config.Variables{"panels": config.IntegerVariable(3), "number_of_months": config.IntegerVariable(1)},
			summary:   "As of 2026-11-23. Components: 10. Over their limit: 3. From 80 to 100 %: 2.",
			markdown:  []string{"# Usage by component, 2026-11\n", "| LUMI | CSC – IT Center for Science | CPU k-hours | k-hours | 10000.00 in total | 198.01 % | 8100.25 |\n"},
			svg: func(c *chart) error {
				return errors.Join(
					same("panels", c.titles(), "Ketas in GB: Compute · Tallinna Tehnikaülikool", "CPU k-hours in k-hours: LUMI · CSC – IT Center for Science",
						"Storage in GB-k-hours: LUMI · CSC – IT Center for Science"),
					same("texts", c.Texts[:2], "Usage by component, 2026-11", "As of 2026-11-23. Components: 10. Over their limit: 3. From 80 to 100 %: 2. Shown: 3 of 10."),
				)
			},
		},
		"36 months": {
			rows:      waldurtest.ContractRows(),
			variables: config.Variables{"number_of_months": config.IntegerVariable(36)},
			summary:   "As of 2026-11-23. Components: 10. Over their limit: 3. From 80 to 100 %: 2.",
			svg: func(c *chart) error {
				if bars := len(c.Panels[0].Bars); bars != 36 {
					return fmt.Errorf("%d bars", bars)
				}
				return same("months", c.Panels[0].labels("middle"), "Jan", "2024", "Jan", "2025", "Jan", "2026")
			},
		},
		"a component without a row in the newest month": {
			rows: []waldurtest.Row{
				row("LUMI", "CSC", "CPU", "hours", 1, "10.01", "10.00"),
				row("LUMI", "CSC", "GPU", "hours", 0, "11.00", "10.00"), row("LUMI", "CSC", "GPU", "hours", 1, "8.00", "10.00"),
			},
			summary: "As of 2026-11-23. Components: 2. Over their limit: 1. From 80 to 100 %: 0.",
			svg: func(c *chart) error {
				return errors.Join(
					same("panels", c.titles(), "GPU in hours: LUMI · CSC", "CPU in hours: LUMI · CSC"),
					same("colors of GPU", c.Panels[0].colors()[9:], "consumed bar", "nearly bar", "over to-date"),
					same("colors of CPU", c.Panels[1].colors()[9:], "consumed bar", "over bar", "consumed to-date"),
				)
			},
		},
		"an allocation that changes and pauses": {
			rows: []waldurtest.Row{
				row("LUMI", "CSC", "CPU", "hours", 5, "5.00", "10.00"), row("LUMI", "CSC", "CPU", "hours", 4, "-5.00", "20.00"),
				row("LUMI", "CSC", "CPU", "hours", 3, "5.00", "-20.00"), row("LUMI", "CSC", "CPU", "hours", 0, "15.00", "20.00"),
			},
			summary: "As of 2026-11-23. Components: 1. Over their limit: 0. From 80 to 100 %: 0.",
			svg: func(c *chart) error {
				allocations := c.Panels[0].allocations()
				if len(allocations) != 1 {
					return fmt.Errorf("%d paths of allocations", len(allocations))
				}
				steps := regexp.MustCompile(`[-.,\d ]+`).ReplaceAllString(allocations[0], " ")
				return errors.Join(
					same("steps", []string{steps}, "M H L H M H "),
					same("axis", c.Panels[0].labels("end"), "0", "10", "20"),
				)
			},
		},
		"names": {
			rows: []waldurtest.Row{
				row("a | b\n</text><b>&amp;", "x\x1b[31m\u202ey", longName, "", 0, "1.00", "0.00"),
				row("a | b\n</text><b>&amp;", "x\x1b[31m\u202ey", strings.Repeat("W", 20), strings.Repeat("<", 20), 0, "1.00", "0.00"),
			},
			summary: "As of 2026-11-23. Components: 2. Over their limit: 0. From 80 to 100 %: 0.",
			markdown: []string{
				`| a \| b \</text\>\<b\>\&amp; | x \[31m y | ` + longName + " |  | | |" + strings.Repeat(" 0.00 |", 11) + " 1.00 |\n",
			},
			csv:  []string{`"2026-11","","x [31m y","5c6eb0000000000000000000000000aa","a | b </text><b>&amp;","` + longName + `","` + longName + `","","",1.00,0.00,1.00,` + "\n"},
			html: []string{"<td>a | b &lt;/text&gt;&lt;b&gt;&amp;amp;<td>x [31m y<td>" + longName + `<td><td class="n">no limit<td><td class="n">0.00`},
			svg: func(c *chart) error {
				return errors.Join(
					same("panels", c.titles(),
						longName+": a | b </text><b>&amp; · x [31m y",
						strings.Repeat("W", 20)+" in "+strings.Repeat("<", 20)+": a | b </text><b>&amp; · x [31m y"),
					same("texts", c.Panels[0].texts(), longName, "a | b </text><b>&amp;", "x [31m y", "no limit", "1 in 2026-11 to date"),
				)
			},
		},
		"names that a spreadsheet would evaluate": {
			rows: []waldurtest.Row{
				row("=1+1", "+1", "-1", "@SUM(1)", 0, "1.00", "0.00"),
				row("\t=1+1", "\r+1", `"=1+1`, "x", 0, "1.00", "0.00"),
				row("a;=1+1|＝2", "a,\t-1", `a"; +1`, "a-b", 0, "1.00", "0.00"),
			},
			summary: "As of 2026-11-23. Components: 3. Over their limit: 0. From 80 to 100 %: 0.",
			csv: []string{
				`"'+1","5c6eb0000000000000000000000000aa","'=1+1","'-1","'-1","'@SUM(1)","",`,
				`"'+1","5c6eb0000000000000000000000000aa","'=1+1","""'=1+1","""'=1+1","x","",`,
				`"a,' -1","5c6eb0000000000000000000000000aa","a;'=1+1|'＝2","a"";' +1","a"";' +1","a-b","",`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := waldurtest.Start(t, test.rows)
			server.SetNow(now)
			variables := config.Variables{"now": today}
			maps.Copy(variables, test.variables)
			testExample(t, server, "usage-report", withFunctions(), acctest.TestStep{ConfigVariables: variables, ConfigStateChecks: []statecheck.StateCheck{
				output("summary", knownvalue.StringExact(test.summary)),
				output("markdown", containing(test.markdown...)),
				output("csv", containing(test.csv...)),
				output("html", containing(append(test.html, "<!DOCTYPE html>\n", "\n<svg ", "<table>\n", "</table>\n")...)),
				output("svg", knownvalue.StringFunc(func(svg string) error {
					chart, err := parseChart(svg)
					if err != nil || test.svg == nil {
						return err
					}
					return test.svg(chart)
				})),
			}})
		})
	}
}

func TestAccExampleUsageReportWithoutRows(t *testing.T) {
	testExample(t, waldurtest.Start(t, nil), "usage-report", withFunctions(), acctest.TestStep{ExpectError: inLines("No Rows in Waldur")})
}

// TestAccExampleUsageReportOnTheFirstOfAMonth: it ends with last month, of which Waldur has rows.
func TestAccExampleUsageReportOnTheFirstOfAMonth(t *testing.T) {
	last := waldur.MonthOf(time.Now()).Add(-1)
	row := waldurtest.ContractRows()[0]
	row.BillingPeriod = last.FirstDay()
	testExample(t, waldurtest.Start(t, []waldurtest.Row{row}), "usage-report", withFunctions(), acctest.TestStep{
		ConfigVariables: config.Variables{"number_of_months": config.IntegerVariable(2)},
		ConfigStateChecks: []statecheck.StateCheck{
			output("markdown", containing(fmt.Sprintf("# Usage by component, %s to %s\n", last.Add(-1), last), fmt.Sprintf("| %s | %s |\n", last.Add(-1), last))),
		},
	})
}

// TestAccExampleUsageReportIsPrintedOnce: by the output command, but not by the apply.
func TestAccExampleUsageReportIsPrintedOnce(t *testing.T) {
	server := recorded(t)
	if os.Getenv("TF_ACC") != "" {
		skipWithoutFunctions(t)
	}
	tf := newTerraform(t, "", urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token, "TF_VAR_now=2026-11-23T12:00:00Z")
	tf.copyExample("usage-report")
	out, err := tf.run("apply", "-auto-approve")
	if err != nil || !strings.Contains(out, "Over their limit: 3.") || strings.Contains(out, "LUMI") {
		t.Fatalf("apply: %v\n%s", err, out)
	}
	if out, err := tf.run("output", "-raw", "markdown"); err != nil || strings.Count(out, "| LUMI |") != 3 {
		t.Fatalf("output: %v\n%s", err, out)
	}
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
		`output "totals"`:   "total_consumed = 12.55",
		`output "cell"`:     `cell = "\"'=1+1\""`,
	} {
		t.Run(block, func(t *testing.T) {
			configuration := fenced(t, guide, "hcl", block)
			skipUnsupported(t, configuration)
			tf := newTerraform(t, "terraform {\n  required_providers {\n    waldur = { source = \"terraform.local/waldur/waldur\" }\n  }\n}\n"+configuration,
				urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)
			if out, err := tf.run("apply", "-auto-approve"); err != nil || !strings.Contains(out, want) {
				t.Errorf("%v, want %q in\n%s", err, want, out)
			}
		})
	}
}

// containing matches texts with all the parts.
func containing(parts ...string) knownvalue.Check {
	return knownvalue.StringFunc(func(text string) error {
		for _, part := range parts {
			if !strings.Contains(text, part) {
				return fmt.Errorf("there is no %q in %s", part, text)
			}
		}
		return nil
	})
}

// chart is the content of the SVG of the usage report.
type chart struct {
	XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
	ViewBox string   `xml:"viewBox,attr"`
	Width   int      `xml:"width,attr"`
	Height  int      `xml:"height,attr"`
	Texts   []string `xml:"text"`
	Panels  []panel  `xml:"svg"`
}

// panel is the part of a chart that shows one component.
type panel struct {
	Title string `xml:"title"`
	Texts []struct {
		Name string `xml:",chardata"`
		Unit string `xml:"tspan"`
	} `xml:"text"`
	Share []struct {
		Class string `xml:"class,attr"`
		Width string `xml:"width,attr"`
		Title string `xml:"title"`
	} `xml:"rect"`
	Bars []struct {
		Class string `xml:"class,attr"`
		Title string `xml:"title"`
	} `xml:"g>rect"`
	Paths []struct {
		Class string `xml:"class,attr"`
		D     string `xml:"d,attr"`
	} `xml:"g>path"`
	Labels []struct {
		Anchor string `xml:"text-anchor,attr"`
		Text   string `xml:",chardata"`
	} `xml:"g>text"`
}

// parseChart returns an error if the text is not well-formed, or has a viewBox
// that differs from its size.
func parseChart(svg string) (*chart, error) {
	c := new(chart)
	if err := xml.Unmarshal([]byte(svg), c); err != nil {
		return nil, err
	}
	return c, same("viewBox", []string{c.ViewBox}, fmt.Sprintf("0 0 %d %d", c.Width, c.Height))
}

func (c *chart) titles() []string {
	var titles []string
	for _, p := range c.Panels {
		titles = append(titles, p.Title)
	}
	return titles
}

// texts returns component, unit, offering, provider, percentage and limit, as far as
// the panel shows them.
func (p *panel) texts() []string {
	var texts []string
	for _, text := range p.Texts {
		texts = append(texts, strings.TrimSpace(text.Name))
		if text.Unit != "" {
			texts = append(texts, text.Unit)
		}
	}
	return texts
}

// share returns the classes, widths and titles of the bar for the share of the limit that is used,
// and of what marks the months of the limit's period.
func (p *panel) share() []string {
	var share []string
	for _, bar := range p.Share {
		if bar.Class != "" && bar.Class != "background" { // what hides the end of a long name
			share = append(share, strings.TrimSpace(bar.Class+" "+bar.Width+" "+bar.Title))
		}
	}
	return share
}

func (p *panel) colors() []string {
	var classes []string
	for _, bar := range p.Bars {
		classes = append(classes, bar.Class)
	}
	return classes
}

// allocations returns the paths that show what is allocated.
func (p *panel) allocations() []string {
	var paths []string
	for _, path := range p.Paths {
		if path.Class == "line" {
			paths = append(paths, path.D)
		}
	}
	return paths
}

// labels returns the labels of the months, in the middle of each, or those of the
// grid lines, which end there.
func (p *panel) labels(anchor string) []string {
	var labels []string
	for _, label := range p.Labels {
		if label.Anchor == anchor {
			labels = append(labels, label.Text)
		}
	}
	return labels
}

func same(what string, got []string, want ...string) error {
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s: got %q, want %q", what, got, want)
	}
	return nil
}

var hclFence = regexp.MustCompile("(?ms)^```(?:hcl|terraform)\n(.*?)^```")

// TestAccFencedConfigurationsAreValid validates every configuration in the
// README, the templates and the documentation.
func TestAccFencedConfigurationsAreValid(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"README.md", "CONTRIBUTING.md", "templates/*.tmpl", "templates/*/*.tmpl", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	seen := map[string]bool{}
	for _, page := range pages {
		for i, match := range hclFence.FindAllStringSubmatch(string(read(t, page)), -1) {
			block := match[1]
			if seen[block] {
				continue // a page in docs/ repeats its template
			}
			seen[block] = true
			t.Run(fmt.Sprintf("%s block %d", filepath.Base(page), i+1), func(t *testing.T) {
				skipUnsupported(t, block)
				if out, err := newTerraform(t, withSource(block)).run("validate"); err != nil {
					t.Errorf("%v\n%s\n%s", err, out, block)
				}
			})
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d configurations found", len(seen))
	}
}

// skipUnsupported skips a test whose configuration is for later engines only.
func skipUnsupported(t *testing.T, configuration string) {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		return // newTerraform skips the test
	}
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

// skipBelow skips a test on versions before that of Terraform and OpenTofu.
func skipBelow(t *testing.T, ofTerraform, ofOpenTofu string) {
	t.Helper()
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
	summary := "Success! 4 passed, 0 failed."
	if os.Getenv("TF_ACC") != "" {
		skipBelow(t, "1.7", "1.12")
		if isOpenTofu() {
			summary = "Success! 2 passed, 0 failed."
		}
	}
	tf := newTerraform(t, "")
	tf.copyExample("module-tests")
	if out, err := tf.run("test"); err != nil || !strings.Contains(out, summary) {
		t.Fatalf("test: %v\n%s", err, out)
	}
}

// TestAccMockedRows: what a row of a test has in the columns that the test leaves out.
func TestAccMockedRows(t *testing.T) {
	if os.Getenv("TF_ACC") != "" {
		skipBelow(t, "1.7", "1.12")
	}
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
	out, err := tf.run("test")
	if isOpenTofu() {
		if err == nil || !strings.Contains(out, `"total_allocated", and "total_consumed" are required`) {
			t.Fatalf("test: %v\n%s", err, out)
		}
	} else if err != nil {
		t.Fatalf("test: %v\n%s", err, out)
	}
}

// copyExample replaces the configuration with a folder of examples/, and
// initializes it.
func (tf *terraform) copyExample(name string) {
	tf.t.Helper()
	err := os.Remove(filepath.Join(tf.dir, "main.tf"))
	if err == nil {
		err = copySources(tf.dir, filepath.Join("..", "..", "examples", name))
	}
	if err != nil {
		tf.t.Fatal(err)
	}
	if out, err := tf.run("init", "-input=false"); err != nil {
		tf.t.Fatalf("init: %v\n%s", err, out)
	}
}

// TestAccGuidePipelines runs the commands of the guide, with its configuration and
// its policy.
func TestAccGuidePipelines(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a POSIX shell")
	}
	guide := string(read(t, filepath.Join("..", "..", "templates", "guides", "pipelines.md.tmpl")))
	configuration, commands := fenced(t, guide, "hcl", "required_providers"), fenced(t, guide, "sh", "jq -e")
	policy, evaluation := fenced(t, guide, "rego", "package"), fenced(t, guide, "sh", "opa eval")
	row := func(percent string) []waldurtest.Row {
		rows := waldurtest.ContractRows()[:1]
		rows[0].OfferingName, rows[0].ComponentName, rows[0].BillingPeriod = "Compute", "RAM", waldur.MonthOf(time.Now()).FirstDay()
		rows[0].LimitPeriod, rows[0].UsagePercent = new("month"), &percent
		return rows
	}
	for name, test := range map[string]struct {
		rows    []waldurtest.Row
		denials string
	}{
		"below the threshold": {rows: row("79.99")},
		"at the threshold":    {rows: row("80.00"), denials: "Compute, RAM: 80 %"},
		"no rows":             {denials: "No rows of usage were read during plan."},
	} {
		t.Run(name, func(t *testing.T) {
			server := waldurtest.Start(t, test.rows)
			tf := newTerraform(t, configuration, urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)
			t.Run("checks", func(t *testing.T) {
				if _, err := exec.LookPath("jq"); err != nil {
					t.Skip("jq is not on the PATH")
				}
				want := test.denials == ""
				out, err := tf.shell(t, commands)
				if passed := err == nil; passed != want || !strings.HasSuffix(out, fmt.Sprintf("%t\n", want)) {
					t.Errorf("%v\n%s", err, out)
				}
			})
			t.Run("policy", func(t *testing.T) {
				if os.Getenv("OPA") == "" {
					t.Skip("make .cache/opa builds the Open Policy Agent for this test")
				}
				if err := os.WriteFile(filepath.Join(tf.dir, "quota.rego"), []byte(policy), 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := tf.shell(t, "terraform plan -out=tfplan >plan.log && terraform show -json tfplan >plan.json"); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				out, err := tf.shell(t, evaluation)
				if passed := err == nil; passed != (test.denials == "") || strings.TrimSpace(out) != test.denials {
					t.Errorf("%v\n%s", err, out)
				}
			})
		})
	}
}

// TestAccGuidePipelinesPrintsNamesSafely runs the commands that print messages, on a check that
// prints names as they are.
func TestAccGuidePipelinesPrintsNamesSafely(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a POSIX shell")
	}
	guide := string(read(t, filepath.Join("..", "..", "templates", "guides", "pipelines.md.tmpl")))
	server := waldurtest.Start(t, []waldurtest.Row{strangersRow(time.Now())})
	tf := newTerraform(t, withSource(`
data "waldur_component_usage_monthly" "this" {}

check "quota" {
  assert {
    condition     = data.waldur_component_usage_monthly.this.total_count == 0
    error_message = data.waldur_component_usage_monthly.this.summaries[0].offering_name
  }
}
`), urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)
	if out, err := tf.shell(t, "terraform plan -out=tfplan >plan.log && terraform show -json tfplan >plan.json"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("messages", func(t *testing.T) {
		if _, err := exec.LookPath("jq"); err != nil {
			t.Skip("jq is not on the PATH")
		}
		out, err := tf.shell(t, fenced(t, guide, "sh", "jq -r"))
		if err != nil || strings.Count(out, "\n") != 1 {
			t.Errorf("%v\n%s", err, out)
		}
		printsNamesSafely(t, out)
	})
	t.Run("policy", func(t *testing.T) {
		if os.Getenv("OPA") == "" {
			t.Skip("make .cache/opa builds the Open Policy Agent for this test")
		}
		if err := os.WriteFile(filepath.Join(tf.dir, "quota.rego"), []byte(fenced(t, guide, "rego", "package")), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := tf.shell(t, fenced(t, guide, "sh", "opa eval")) // it exits with status 1, because the rule denies the plan
		printsNamesSafely(t, out)
	})
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

// shell runs commands in the folder of the configuration. In them, terraform is the
// engine of the tests, and opa is the program that OPA names.
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
