// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"terraform-provider-waldur/internal/waldurtest"
)

// The test's own binary acts as Terraform, or runs the demo, if one of these
// variables is set.
const (
	posing  = "DEMO_TEST_TERRAFORM" // how Terraform behaves
	running = "DEMO_TEST_MAIN"
)

func TestMain(m *testing.M) {
	if os.Getenv(running) != "" {
		_ = os.Unsetenv(running) // for Terraform, which is this binary as well
		_ = os.Setenv(posing, "work")
		main()
		os.Exit(0)
	}
	if behavior := os.Getenv(posing); behavior != "" {
		os.Exit(poseAsTerraform(behavior))
	}
	os.Exit(m.Run())
}

func poseAsTerraform(behavior string) (status int) {
	fmt.Println("called with", strings.Join(os.Args[1:], " "))
	switch {
	case behavior == "fail":
		return 3
	case behavior == "hang" && os.Args[1] == "apply":
		fmt.Println("hanging")
		time.Sleep(time.Minute)
	case os.Args[1] == "apply":
		files, _ := filepath.Glob("*")
		fmt.Println("in a folder with", strings.Join(files, " "))
		fmt.Println("reads", readWaldur())
	}
	return 0
}

// readWaldur reads from the Waldur server in the environment, like the provider.
func readWaldur() string {
	req, err := http.NewRequest(http.MethodGet, os.Getenv(urlVariable)+"/api/marketplace-component-usage-monthly/", nil)
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Authorization", "Token "+os.Getenv(tokenVariable))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	return resp.Status
}

// newDemo returns a demo that runs the test's own binary and builds nothing. Its
// temporary folder must be empty at the end.
func newDemo(t *testing.T, behavior string, environ ...string) (d *demo, output *screen) {
	t.Helper()
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	t.Setenv("TMP", folder) // on Windows
	t.Cleanup(func() {
		if left, _ := os.ReadDir(folder); len(left) > 0 {
			t.Errorf("the demo left %v behind", left)
		}
	})
	output = &screen{}
	build := func(context.Context, string, string) error { return nil }
	environ = append(environ, "TERRAFORM="+os.Args[0], posing+"="+behavior, "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	return &demo{environ: environ, stdout: output, stderr: output, build: build}, output
}

// screen collects the output of several writers.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(text)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestDemoReadsItsOwnWaldur(t *testing.T) {
	d, output := newDemo(t, "work", "TF_CLI_ARGS=-destroy")
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"called with init -input=false -no-color\n",
		"called with apply -auto-approve -input=false -no-color\n",
		"in a folder with main.tf\n",
		"reads 200 OK\n",
		"Try next:",
	} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("%q is not in the output:\n%s", want, output)
		}
	}
}

func TestDemoReadsTheUsersWaldur(t *testing.T) {
	server := waldurtest.Start(t, nil)
	server.SetToken("theirs", waldurtest.TokenActive)
	d, output := newDemo(t, "work", urlVariable+"="+server.URL, tokenVariable+"=theirs")
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if requests := server.Requests(); len(requests) != 1 || requests[0].Header.Get("Authorization") != "Token theirs" {
		t.Errorf("the server received %v, want one request with the user's token; output:\n%s", requests, output)
	}
}

func TestServedWaldurCanBeRead(t *testing.T) {
	d, output := newDemo(t, "work")
	ctx, stop := context.WithCancel(t.Context())
	var status string
	d.stdout = &trigger{Writer: output, text: "export", pull: func() {
		defer stop()
		for line := range strings.SplitSeq(output.String(), "\n") {
			if setting, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
				name, value, _ := strings.Cut(setting, "=")
				t.Setenv(name, value)
			}
		}
		status = readWaldur()
	}}
	if err := d.serve(ctx, "127.0.0.1:0"); err != nil {
		t.Errorf("an interruption is reported as %v", err)
	}
	if status != "200 OK" {
		t.Errorf("with the exported variables: %s; output:\n%s", status, output)
	}
}

func TestChartIsWritten(t *testing.T) {
	d, output := newDemo(t, "work", "TF_VAR_panels=1")
	file := filepath.Join(t.TempDir(), "chart.svg")
	if err := d.chart(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if want := "called with output -no-color -raw svg\n"; err != nil || string(got) != want {
		t.Errorf("the file has %q, %v, want what the command prints: %q; output:\n%s", got, err, want, output)
	}
}

func TestHalfOfAWaldurIsAnError(t *testing.T) {
	for set, missing := range map[string]string{urlVariable: tokenVariable, tokenVariable: urlVariable} {
		d, _ := newDemo(t, "work", set+"=x")
		err := d.run(t.Context())
		if err == nil || !strings.Contains(err.Error(), set+" is set, but "+missing+" is not") {
			t.Errorf("with %s alone: %v, want an error that says which is missing", set, err)
		}
	}
}

func TestTerraformThatIsNotThereIsAnError(t *testing.T) {
	d, _ := newDemo(t, "work")
	d.environ = []string{"TERRAFORM=" + filepath.Join(t.TempDir(), "no-terraform")}
	if err := d.run(t.Context()); err == nil || !strings.Contains(err.Error(), "no-terraform: set TERRAFORM") {
		t.Errorf("%v, want an error that names the file and TERRAFORM", err)
	}
}

func TestFailureOfTerraformIsTheDemos(t *testing.T) {
	d, output := newDemo(t, "fail")
	err := d.run(t.Context())
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.ExitCode() != 3 {
		t.Errorf("%v, want Terraform's exit status 3", err)
	}
	if strings.Contains(output.String(), "apply") {
		t.Errorf("the demo went on after init had failed:\n%s", output)
	}
}

func TestDemoThatIsStoppedCleansUp(t *testing.T) {
	d, output := newDemo(t, "hang")
	ctx, stop := context.WithCancelCause(t.Context())
	d.stdout = &trigger{Writer: output, text: "hanging", pull: func() { stop(interruption{syscall.SIGTERM}) }}
	start := time.Now()
	if err := d.run(ctx); err == nil {
		t.Error("no error, want one")
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}

// trigger calls a function after a text was written.
type trigger struct {
	io.Writer

	text string
	pull func()
}

func (w *trigger) Write(text []byte) (int, error) {
	n, err := w.Writer.Write(text)
	if strings.Contains(string(text), w.text) {
		w.pull()
	}
	return n, err
}

func TestDemoWithAClosedOutputCleansUp(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGPIPE")
	}
	t.Parallel()
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), running+"=1", "TERRAFORM="+os.Args[0], "TMPDIR="+folder)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // it has made its folder by then
		t.Fatal(err)
	}
	_ = stdout.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("no error, want one")
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("the demo left %v behind", left)
	}
}

func TestEnvironmentOfTerraform(t *testing.T) {
	got := terraformEnvironment([]string{
		"HOME=/home/me",
		"TF_CLI_CONFIG_FILE=/home/me/missing",
		"TF_CLI_ARGS_apply=-destroy",
		"TF_DATA_DIR=/home/me/data",
		"TF_WORKSPACE=production",
		"TF_REATTACH_PROVIDERS={}",
		"TOFU_ENCRYPTION=x",
		"TF_LOG_PROVIDER=DEBUG",
		"TF_VAR_warn_percent=90",
	}, "/tmp/cli.tfrc", "http://127.0.0.1:1", "secret")
	want := []string{
		"HOME=/home/me",
		"TF_LOG_PROVIDER=DEBUG",
		"TF_VAR_warn_percent=90",
		"TF_CLI_CONFIG_FILE=/tmp/cli.tfrc",
		"CHECKPOINT_DISABLE=1",
		"WALDUR_API_URL=http://127.0.0.1:1",
		"WALDUR_ACCESS_TOKEN=secret",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestConfigurationIsCopiedAlone(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	for _, name := range []string{"chart.svg.tftpl", "main.tf", "terraform.tfstate", ".terraform.lock.hcl", "usage.svg"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyConfiguration(to, from); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(to)
	if err != nil || len(entries) != 2 || entries[0].Name() != "chart.svg.tftpl" || entries[1].Name() != "main.tf" {
		t.Errorf("copied %v, %v, want the template and main.tf alone", entries, err)
	}
}
