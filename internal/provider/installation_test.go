package provider

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-version"
)

// installation is the provider as users have it: a binary in a folder from which Terraform installs
// plugins. It is built once for all tests that need it.
var installation struct {
	once sync.Once
	root string
	err  error
}

// installed returns a CLI configuration with which Terraform installs this binary, and no other
// provider.
func installed(t *testing.T) (cliConfig string) {
	t.Helper()
	installation.once.Do(func() { installation.err = install(installation.root) })
	if installation.err != nil {
		t.Fatal(installation.err)
	}
	return filepath.Join(installation.root, "terraform.rc")
}

func install(root string) error {
	const release = "0.1.0" // new enough for the quick start
	mirror := filepath.Join(root, "mirror")
	binary := filepath.Join(mirror, filepath.FromSlash("terraform.local/waldur/waldur"), release, runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-waldur_v"+release)
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-o", binary, "terraform-provider-waldur")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the makefile builds it
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	config := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", filepath.ToSlash(mirror))
	return os.WriteFile(filepath.Join(root, "terraform.rc"), []byte(config), 0o600)
}

// withSource adds the source of the provider to a configuration that lacks it.
func withSource(configuration string) string {
	if strings.Contains(configuration, "required_providers") {
		return configuration
	}
	return "terraform {\n  required_providers {\n    waldur = { source = \"terraform.local/waldur/waldur\" }\n  }\n}\n" + configuration
}

// plain is a configuration whose settings come from the environment.
var plain = withSource(`
data "waldur_component_usage_monthly" "this" {
  billing_period = "2026-10"
}

output "rows" {
  value = length(data.waldur_component_usage_monthly.this.summaries)
}
`)

// terraform is a real Terraform or OpenTofu in a folder of its own, with the provider installed
// there.
type terraform struct {
	t   *testing.T
	dir string
	env []string
}

// skipUnlessEnabled skips a test unless acceptance tests are enabled.
func skipUnlessEnabled(t *testing.T) {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests are skipped unless the environment has TF_ACC' set")
	}
}

// newTerraform initializes a folder with a configuration.
func newTerraform(t *testing.T, config string, env ...string) *terraform {
	t.Helper()
	skipUnlessEnabled(t)
	tf := &terraform{t: t, dir: t.TempDir()}
	tf.env = append(os.Environ(), append([]string{"TF_CLI_CONFIG_FILE=" + installed(t), "TF_IN_AUTOMATION=1"}, env...)...)
	if err := os.WriteFile(filepath.Join(tf.dir, "main.tf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	tf.succeed("init -input=false")
	return tf
}

// binary is the Terraform or OpenTofu that the acceptance tests run.
func binary() string { return cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform") }

// engine is the first line that the binary prints for its version, such as "OpenTofu v1.12.6".
var engine = sync.OnceValue(func() string {
	out, _ := exec.Command(binary(), "version").Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return line
})

func isOpenTofu() bool { return strings.HasPrefix(engine(), "OpenTofu") }

func engineVersion() *version.Version {
	_, number, _ := strings.Cut(engine(), " v")
	return version.Must(version.NewVersion(number))
}

func (tf *terraform) command(arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(tf.t.Context(), binary(), arguments...)
	cmd.Dir, cmd.Env = tf.dir, tf.env
	return cmd
}

// run returns what a command prints, on one line so that line breaks do not matter.
func (tf *terraform) run(arguments ...string) (string, error) {
	out, err := tf.command(append(arguments, "-no-color")...).CombinedOutput()
	return strings.Join(strings.FieldsFunc(string(out), func(r rune) bool { return r <= ' ' || r == '│' }), " "), err
}

// succeed runs a command that succeeds and prints all the texts.
func (tf *terraform) succeed(command string, texts ...string) {
	tf.t.Helper()
	out, err := tf.run(strings.Fields(command)...)
	if err != nil || slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(out, text) }) {
		tf.t.Fatalf("%s: %v, want %q in\n%s", command, err, texts, out)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
