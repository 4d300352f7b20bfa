// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Package ci tests the files in .github: workflows, issue forms and the
// configuration of Dependabot. Only GitHub can run them; these tests find errors
// before that.
package ci

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// root is the folder of the module.
var root = filepath.Join("..", "..")

type workflow struct {
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type job struct {
	RunsOn      string            `yaml:"runs-on"`
	Permissions map[string]string `yaml:"permissions"`
	Strategy    struct {
		Matrix struct {
			Engine  []string `yaml:"engine"`
			Version []string `yaml:"version"`
			OS      []string `yaml:"os"`
			Include []struct {
				Engine  string `yaml:"engine"`
				Version string `yaml:"version"`
			} `yaml:"include"`
		} `yaml:"matrix"`
	} `yaml:"strategy"`
	Steps []struct {
		Uses string `yaml:"uses"`
		Run  string `yaml:"run"`
	} `yaml:"steps"`
}

// commands returns the commands that the job runs.
func (j job) commands() string {
	var commands strings.Builder
	for _, step := range j.Steps {
		fmt.Fprintln(&commands, step.Run)
	}
	return commands.String()
}

// workflowFiles returns the paths of all workflows.
func workflowFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	return files
}

// load decodes a YAML file.
func load(t *testing.T, file string, into any, options ...yaml.Option) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Load(text, into, options...); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// values returns all values of a key below the node, at any depth.
func values(node *yaml.Node, key string) (found []*yaml.Node) {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 && node.Content[i-1].Value == key {
			found = append(found, child)
		}
		found = append(found, values(child, key)...)
	}
	return found
}

// A tag can be moved to other code; a hash cannot. Dependabot updates the hash
// and the comment together.
func TestActionsArePinnedByHash(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^([\w.-]+/[\w./-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	pins := map[string]string{}
	for _, file := range workflowFiles(t) {
		var document yaml.Node
		load(t, file, &document, yaml.WithV3Defaults())
		for _, uses := range values(&document, "uses") {
			pin := uses.Value + " " + uses.LineComment
			match := pinned.FindStringSubmatch(pin)
			if match == nil {
				t.Errorf("%s:%d: %q, want owner/name@<commit hash> # v1.2.3", file, uses.Line, pin)
				continue
			}
			if other, ok := pins[match[1]]; ok && other != pin {
				t.Errorf("%s:%d: %s, elsewhere %s", file, uses.Line, pin, other)
			}
			pins[match[1]] = pin
		}
	}
	if pins["actions/checkout"] == "" {
		t.Errorf("found %v: no workflow checks the code out", pins)
	}
}

func TestWorkflowsMayOnlyRead(t *testing.T) {
	t.Parallel()
	for _, file := range workflowFiles(t) {
		var w workflow
		load(t, file, &w)
		if w.Permissions == nil {
			t.Errorf("%s: no permissions at top level", file)
		}
		for scope, access := range w.Permissions {
			if access != "read" && access != "none" {
				t.Errorf("%s: %s: %s at top level; give it to the job that needs it", file, scope, access)
			}
		}
	}
}

func TestReleasesAreAttested(t *testing.T) {
	t.Parallel()
	var w workflow
	load(t, filepath.Join(root, ".github", "workflows", "release.yml"), &w)
	released, attested := -1, -1
	for i, step := range w.Jobs["release"].Steps {
		if strings.Contains(step.Run, "goreleaser release") {
			released = i
		}
		if strings.HasPrefix(step.Uses, "actions/attest@") {
			attested = i
		}
	}
	if released < 0 || attested < released {
		t.Errorf("step %d releases, step %d attests", released, attested)
	}
	want := map[string]string{"contents": "write", "id-token": "write", "attestations": "write"}
	if diff := cmp.Diff(want, w.Jobs["release"].Permissions); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
}

func TestEnginesAreTested(t *testing.T) {
	t.Parallel()
	var want []string
	for minor := 5; minor <= 16; minor++ {
		want = append(want, fmt.Sprintf("terraform 1.%d.*", minor))
	}
	for minor := 7; minor <= 12; minor++ {
		want = append(want, fmt.Sprintf("tofu 1.%d.*", minor))
	}

	var w workflow
	load(t, filepath.Join(root, ".github", "workflows", "test.yml"), &w)
	matrix := w.Jobs["engines"].Strategy.Matrix
	var got []string
	for _, engine := range matrix.Engine {
		for _, version := range matrix.Version {
			got = append(got, engine+" "+version)
		}
	}
	for _, extra := range matrix.Include {
		got = append(got, extra.Engine+" "+extra.Version)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("engines (-want +got):\n%s", diff)
	}
	if commands := w.Jobs["engines"].commands(); !strings.Contains(commands, "make test TERRAFORM=${{ matrix.engine }}") {
		t.Errorf("the job runs %q, want make test with the engine", commands)
	}
}

func TestSystemsAreTested(t *testing.T) {
	t.Parallel()
	var w workflow
	load(t, filepath.Join(root, ".github", "workflows", "test.yml"), &w)
	commands := map[string]string{} // by runner
	for _, j := range w.Jobs {
		runners := []string{j.RunsOn}
		if j.RunsOn == "${{ matrix.os }}" {
			runners = j.Strategy.Matrix.OS
		}
		for _, runner := range runners {
			commands[runner] += j.commands()
		}
	}
	for runner, want := range map[string][]string{
		"ubuntu-latest":  {".ci/run", "make test"},
		"macos-latest":   {"go build", "go test"},
		"windows-latest": {"go build", "go test"},
	} {
		for _, command := range want {
			if !strings.Contains(commands[runner], command) {
				t.Errorf("%s does not run %s", runner, command)
			}
		}
	}
}

func TestMakeTargetsExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "GNUmakefile"))
	if err != nil {
		t.Fatal(err)
	}
	var (
		expression = regexp.MustCompile(`\$\{\{.*?\}\}`)
		makes      = regexp.MustCompile(`(?m)\bmake((?: +[^\s;&|]+)+)`)
		checked    int
	)
	for _, file := range workflowFiles(t) {
		var document yaml.Node
		load(t, file, &document)
		for _, run := range values(&document, "run") {
			for _, call := range makes.FindAllStringSubmatch(expression.ReplaceAllString(run.Value, ""), -1) {
				for _, target := range strings.Fields(call[1]) {
					if strings.HasPrefix(target, "-") || strings.Contains(target, "=") {
						continue
					}
					checked++
					if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).Match(makefile) {
						t.Errorf("%s:%d: GNUmakefile has no target %s", file, run.Line, target)
					}
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no workflow runs make")
	}
}

// form is an issue form. See "Syntax for issue forms" and "Syntax for GitHub's
// form schema" in GitHub's documentation.
type form struct {
	Name        string    `yaml:"name"`
	Description string    `yaml:"description"`
	Labels      []string  `yaml:"labels"`
	Body        []element `yaml:"body"`
}

type element struct {
	Type       string `yaml:"type"`
	ID         string `yaml:"id"`
	Attributes struct {
		Label       string `yaml:"label"`
		Description string `yaml:"description"`
		Value       string `yaml:"value"`
		Render      string `yaml:"render"`
	} `yaml:"attributes"`
	Validations struct {
		Required bool `yaml:"required"`
	} `yaml:"validations"`
}

func TestIssueForms(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(root, ".github", "ISSUE_TEMPLATE")
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Name() == "config.yml" {
			continue
		}
		var f form
		load(t, filepath.Join(folder, file.Name()), &f, yaml.WithKnownFields())
		if f.Name == "" || f.Description == "" {
			t.Errorf("%s: no name or no description", file.Name())
		}
		var fields []string
		for i, e := range f.Body {
			switch e.Type {
			case "markdown":
				if e.Attributes.Value == "" {
					t.Errorf("%s: element %d of the body has no text", file.Name(), i)
				}
			case "input", "textarea":
				if e.ID == "" || e.Attributes.Label == "" || slices.Contains(fields, e.ID) {
					t.Errorf("%s: element %d of the body has the id %q and the label %q; both are required and the id must be unique",
						file.Name(), i, e.ID, e.Attributes.Label)
				}
				fields = append(fields, e.ID)
			default:
				t.Errorf("%s: element %d of the body is of type %q", file.Name(), i, e.Type)
			}
		}
		if len(fields) == 0 {
			t.Errorf("%s: nothing to fill in", file.Name())
		}
	}
}

func TestVulnerabilitiesAreNotReportedAsIssues(t *testing.T) {
	t.Parallel()
	var chooser struct {
		BlankIssues  *bool `yaml:"blank_issues_enabled"`
		ContactLinks []struct {
			Name  string `yaml:"name"`
			URL   string `yaml:"url"`
			About string `yaml:"about"`
		} `yaml:"contact_links"`
	}
	load(t, filepath.Join(root, ".github", "ISSUE_TEMPLATE", "config.yml"), &chooser, yaml.WithKnownFields())
	if chooser.BlankIssues == nil || *chooser.BlankIssues {
		t.Error("blank issues are possible")
	}
	if len(chooser.ContactLinks) != 1 {
		t.Fatalf("%d links, want one", len(chooser.ContactLinks))
	}
	link := chooser.ContactLinks[0]
	if !strings.Contains(link.Name, "vulnerability") || !strings.HasPrefix(link.URL, "https://") || link.About == "" {
		t.Errorf("%+v does not say how to report a vulnerability", link)
	}
}

func TestDependabotUpdatesEveryModule(t *testing.T) {
	t.Parallel()
	var want []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		if entry.Name() == "go.mod" {
			folder, err := filepath.Rel(root, filepath.Dir(path))
			want = append(want, strings.TrimSuffix("gomod /"+filepath.ToSlash(folder), "."))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, "github-actions /")

	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directory   string   `yaml:"directory"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	load(t, filepath.Join(root, ".github", "dependabot.yml"), &config)
	var got []string
	for _, update := range config.Updates {
		for _, directory := range append(update.Directories, update.Directory) {
			if directory != "" {
				got = append(got, update.Ecosystem+" "+directory)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("updated by Dependabot (-want +got):\n%s", diff)
	}
}
