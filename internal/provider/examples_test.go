// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/config"
	acctest "github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// testExample applies a folder of examples/ as it stands, on the recorded rows.
// The examples take address and token from the environment, so these tests do
// not run in parallel.
func testExample(t *testing.T, server *waldurtest.Server, name string, versions []tfversion.TerraformVersionCheck, steps ...acctest.TestStep) {
	t.Helper()
	t.Setenv(urlVariable, server.URL)
	t.Setenv(tokenVariable, waldurtest.Token)
	for i := range steps {
		steps[i].ConfigDirectory = config.StaticDirectory(filepath.Join("..", "..", "examples", name))
		steps[i].ProtoV6ProviderFactories = factories()
	}
	acctest.Test(t, acctest.TestCase{TerraformVersionChecks: versions, Steps: steps})
}

var today = config.StringVariable("2026-11-23T12:00:00Z")

func TestAccExampleQuotaCheck(t *testing.T) {
	server := recorded(t)
	testExample(t, server, "quota-check", nil,
		acctest.TestStep{
			ConfigVariables: config.Variables{"stop_percent": config.IntegerVariable(150)},
			ExpectError:     inLines("Archive, Objects: 99999999.99 %", "Compute, Ketas: 200 %"),
		},
		acctest.TestStep{
			ConfigVariables: config.Variables{"minimum_rows": config.IntegerVariable(11)},
			ExpectError:     inLines("10 rows of usage", "11 are expected"),
		},
		acctest.TestStep{
			ConfigVariables: config.Variables{"offering_uuid": config.StringVariable("00000000000000000000000000000001")},
			ExpectError:     inLines("0 rows of usage"),
		},
		acctest.TestStep{
			ConfigVariables: config.Variables{"billing_period": config.StringVariable("2026-11"), "warn_percent": config.IntegerVariable(101)},
			ConfigStateChecks: []statecheck.StateCheck{output("over_quota", knownvalue.ListExact(stringsExact(
				"Archive, Objects: 99999999.99 % (-12.5 of 0.01)", "Compute, Ketas: 200 % (4096.01 of 2048 GB)", "LUMI, Storage: 102 % (510 of 500 GB-k-hours)")))},
		})
}

// TestAccExampleQuotaCheckWarns: a failed check is no error, and the person sees it.
func TestAccExampleQuotaCheckWarns(t *testing.T) {
	server := recorded(t)
	text := read(t, filepath.Join("..", "..", "examples", "quota-check", "main.tf"))
	tf := newTerraform(t, string(text), urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)
	out, err := tf.run("plan")
	if err != nil || !strings.Contains(out, "Warning: Check block assertion failed") || !strings.Contains(out, "LUMI, Storage: 102 %") {
		t.Fatalf("plan: %v\n%s", err, out)
	}
}

func TestAccExampleTopConsumers(t *testing.T) {
	testExample(t, recorded(t), "top-consumers", nil, acctest.TestStep{
		ConfigVariables:   config.Variables{"billing_period": config.StringVariable("2026-11"), "number": config.IntegerVariable(2)},
		ConfigStateChecks: []statecheck.StateCheck{output("top_consumers", knownvalue.ListSizeExact(2))},
	})
}

// TestAccExampleFeedResource runs Terraform itself: the testing framework has no
// for_each.
func TestAccExampleFeedResource(t *testing.T) {
	server := recorded(t)
	text := read(t, filepath.Join("..", "..", "examples", "feed-resource", "main.tf"))
	if os.Getenv("TF_ACC") != "" {
		skipWithoutFunctions(t)
	}
	tf := newTerraform(t, string(text), urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token, "TF_VAR_now=2026-11-23T12:00:00Z")
	out, err := tf.run("apply", "-auto-approve")
	if err != nil || !strings.Contains(out, "nodes = 4") || !strings.Contains(out, `terraform_data.notice["082c3b9f86e2538c93de8d7a91eef3dd/cores"]`) {
		t.Fatalf("apply: %v\n%s", err, out) // 176 cores and a fifth more, by 64
	}
	if out, err := tf.run("plan"); err != nil || !strings.Contains(out, "No changes.") {
		t.Fatalf("a second plan: %v\n%s", err, out)
	}
}

func TestAccExampleUsageReport(t *testing.T) {
	for name, rows := range map[string][]waldurtest.Row{"recorded rows": waldurtest.ContractRows(), "no rows": nil} {
		t.Run(name, func(t *testing.T) {
			server := waldurtest.Start(t, rows)
			server.SetNow(now)
			months := "| Component | Provider | Unit |"
			for month := range 12 {
				months += fmt.Sprintf(" %s |", waldur.NewMonth(2025, time.December).Add(month))
			}
			checks := []statecheck.StateCheck{output("svg", knownvalue.StringFunc(wellFormed))}
			if len(rows) > 0 {
				checks = append(checks, output("markdown", containing(
					months,
					"| LUMI: CPU k-hours | CSC – IT Center for Science | k-hours |"+strings.Repeat(" 0.00 |", 8)+" 1800.25 | 3900.25 | 6000.25 | 8100.25 |",
					"| Archive: Bytes | EENet | B |"+strings.Repeat(" 0.00 |", 11)+" 999999999999999999.99 |",
				)))
			}
			testExample(t, server, "usage-report", withFunctions(), acctest.TestStep{ConfigVariables: config.Variables{"now": today}, ConfigStateChecks: checks})
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

// wellFormed makes sure that a text is an SVG.
func wellFormed(svg string) error {
	decoder := xml.NewDecoder(strings.NewReader(svg))
	root := ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok && root == "" {
			root = start.Name.Local
		}
	}
	if root != "svg" {
		return fmt.Errorf("the root is %q", root)
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
				if os.Getenv("TF_ACC") != "" && strings.Contains(block, "provider::") {
					skipWithoutFunctions(t)
				}
				if !strings.Contains(block, "required_providers") {
					block = "terraform {\n  required_providers {\n    waldur = { source = \"terraform.local/waldur/waldur\" }\n  }\n}\n" + block
				}
				if out, err := newTerraform(t, block).run("validate"); err != nil {
					t.Errorf("%v\n%s\n%s", err, out, block)
				}
			})
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d configurations found", len(seen))
	}
}
