package provider

import (
	"encoding/csv"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// hostileName is a name as a stranger may write it: with commands for a terminal, for the pipelines
// of GitHub, Azure and GitLab and their bots, for a spreadsheet and for a browser. It is so long
// that Terraform breaks the line if it can.
var hostileName = "=1+1;+2|@3,Lab\x1b[2J\n::stop-commands::x\r\n##vso[task.complete]::error::y\u009b2J\u202e \u2028" +
	"\n```\n~~~\n<img src=x onerror=alert(1)> " + strings.Repeat("/approve ", 30) + "::"

// marker is a part of hostileName that is harmless.
const marker = "Lab"

// dangers are what may not be in any text that is printed or written. Pipelines run commands after
// :: at the beginning of a line and after ##[ or ##vso[ anywhere, and bots those after a / at the
// beginning of a line. Three backticks or tildes end the block of code in which a bot posts a text.
var dangers = regexp.MustCompile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\p{Cf}\\p{Zl}\\p{Zp}]|::|##|```|~~~|(?m:^/)")

// formats are what may also not be in texts of a format, by the name of the output that has them.
var formats = map[string]*regexp.Regexp{
	"csv":      regexp.MustCompile(`(^|[,;|"])\s*[=+@＝＋＠－-]`), // in a cell that is no number
	"html":     regexp.MustCompile(`<img`),
	"svg":      regexp.MustCompile(`<img`),
	"markdown": regexp.MustCompile(`[^\\]<img`),
}

var amount = regexp.MustCompile(`^-?\d+(\.\d+)?$`)

// isHarmless checks a text that was printed or written. The functions of the provider have :: in
// their own names, which Terraform prints with the line of a failed condition.
func isHarmless(t *testing.T, text string) {
	t.Helper()
	if found := dangers.FindAllString(strings.ReplaceAll(text, "provider::waldur::", ""), -1); found != nil {
		t.Errorf("%q in:\n%s", found, text)
	}
}

// isHarmlessIn checks a text of an output whose name says its format.
func isHarmlessIn(t *testing.T, format, text string) {
	t.Helper()
	isHarmless(t, text)
	texts := []string{text}
	if format == "csv" {
		records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		texts = slices.DeleteFunc(slices.Concat(records...), amount.MatchString)
	}
	for _, text := range texts {
		if danger := formats[format]; danger != nil && danger.MatchString(text) {
			t.Errorf("%s has %q", format, text)
		}
	}
}

// hostileRows are rows of this month, of the months before and of last year with hostile names, of
// components over their limits and without one.
func hostileRows() []waldurtest.Row {
	var rows []waldurtest.Row
	for i, component := range []string{"cores", "cpu_k_hours", "gpu_hours", "storage"} {
		for _, ago := range []int64{0, 1, 2, 12} {
			row := waldurtest.ContractRows()[0]
			row.OfferingUUID, row.ComponentType = "0123456789abcdef0123456789abcdef", component
			row.BillingPeriod = waldur.MonthOf(time.Now()).Add(-ago).FirstDay()
			row.OfferingName, row.ServiceProviderName, row.ComponentName, row.MeasuredUnit = hostileName, hostileName, hostileName, hostileName
			row.CategoryTitle, row.OfferingType = hostileName, hostileName
			row.LimitPeriod = []*string{new("month"), new("quarterly"), new("annual"), nil}[i]
			row.TotalConsumed, row.TotalAllocated, row.UsagePercent = "300.00", "100.00", new("300.00")
			rows = append(rows, row)
			row.OfferingUUID, row.TotalAllocated, row.UsagePercent = strings.Repeat("a", 32), "0.00", nil
			row.ServiceProviderUUID, row.ServiceProviderName = "", ""
			rows = append(rows, row)
		}
	}
	return rows
}

var hclFence = regexp.MustCompile("(?ms)^```(?:hcl|terraform)\n(.*?)^```")

// documented returns the configurations of all pages, and of examples/ by folder.
func documented(t *testing.T) (pages, examples map[string]string) {
	t.Helper()
	pages, examples = map[string]string{}, map[string]string{}
	seen := map[string]bool{}
	for _, pattern := range []string{"README.md", "CONTRIBUTING.md", "templates/*.tmpl", "templates/*/*.tmpl", "docs/*.md", "docs/*/*.md"} {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for i, match := range hclFence.FindAllStringSubmatch(string(read(t, file)), -1) {
				if !seen[match[1]] { // a page in docs/ repeats its template
					pages[fmt.Sprintf("%s block %d", filepath.Base(file), i+1)] = match[1]
				}
				seen[match[1]] = true
			}
		}
	}
	folders, err := filepath.Glob(filepath.Join("..", "..", "examples", "*", "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range folders {
		examples[filepath.Base(filepath.Dir(file))] = string(read(t, file))
	}
	if len(pages) < 15 || len(examples) < 9 {
		t.Fatalf("only %d configurations in pages and %d examples found", len(pages), len(examples))
	}
	return pages, examples
}

// TestAccDocumentedConfigurations validates every configuration of the documentation and the
// examples. Those that read usage are applied to hostile names, and nothing that they print or
// write is a command.
func TestAccDocumentedConfigurations(t *testing.T) {
	pages, examples := documented(t)
	server := waldurtest.Start(t, hostileRows())
	login := ""
	for _, name := range []string{"prod", "north", "south"} {
		login += fmt.Sprintf("[profiles.%s]\napi_url = %q\ntoken = %q\n", name, server.URL, waldurtest.Token)
	}
	saveProfiles(t, login)
	env := []string{
		urlVariable + "=" + server.URL, tokenVariable + "=" + waldurtest.Token,
		"TF_VAR_offering_uuid=0123456789abcdef0123456789abcdef", "TF_VAR_component_type=cores", "TF_VAR_amount=1",
	}
	check := func(t *testing.T, configuration string, initialized func(t *testing.T) *terraform) {
		t.Parallel()
		skipUnsupported(t, configuration)
		tf := initialized(t)
		tf.succeed("validate")
		if !strings.Contains(configuration, "\ndata \"waldur") && !strings.Contains(configuration, "output ") {
			return
		}
		printed, err := tf.command("apply", "-auto-approve", "-no-color").CombinedOutput()
		stops := strings.Contains(string(printed), "condition failed") // what is over its limit
		if err != nil && !stops {
			t.Fatalf("apply: %v\n%s", err, printed)
		}
		isHarmless(t, string(printed))
		all := string(printed)
		for name, value := range tf.outputs() {
			for _, text := range texts(value) {
				isHarmlessIn(t, name, text)
				all += text
			}
		}
		if strings.Contains(configuration, "::label(s.") && !strings.Contains(all, marker) {
			t.Errorf("no name is printed:\n%s", printed)
		}
	}
	for name, configuration := range pages {
		t.Run(name, func(t *testing.T) {
			check(t, configuration, func(t *testing.T) *terraform { return newTerraform(t, withSource(configuration), env...) })
		})
	}
	for name, configuration := range examples {
		t.Run(name, func(t *testing.T) {
			env := env
			if name == "fullest-components" {
				env = append(slices.Clip(env), "TF_VAR_component_type=cpu_k_hours")
			}
			check(t, configuration, func(t *testing.T) *terraform { return newExample(t, name, env...) })
		})
	}
}

// TestAccLabelForEarlierVersions: what the documentation names in place of label has the same result.
func TestAccLabelForEarlierVersions(t *testing.T) {
	page := string(read(t, filepath.Join("..", "..", "templates", "data-sources", "component_usage_monthly.md.tmpl")))
	match := regexp.MustCompile("(?m)^`(trim\\(.*\\))` in place of `provider::waldur::(label\\(a, b\\))`").FindStringSubmatch(page)
	if match == nil {
		t.Fatal("the page has no expression in place of label")
	}
	label := strings.NewReplacer("a, b", "local.name, null").Replace(match[1])
	tf := newTerraform(t, fmt.Sprintf("locals {\n  name = %s\n}\noutput \"name\" {\n  value = %s\n}\n", hclText(hostileName), label))
	out, err := tf.command("apply", "-auto-approve", "-no-color").CombinedOutput()
	if err != nil || !strings.Contains(string(out), marker) {
		t.Fatalf("apply: %v\n%s", err, out)
	}
	isHarmless(t, string(out))
}
