// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"terraform-provider-waldur/internal/waldurtest"
)

// plain is a configuration that takes its settings from the environment.
const plain = `
terraform {
  required_providers {
    waldur = { source = "terraform.local/waldur/waldur" }
  }
}

data "waldur_component_usage_monthly" "this" {
  billing_period = "2026-10"
}

output "rows" {
  value = length(data.waldur_component_usage_monthly.this.summaries)
}
`

// TestAccTheTokenIsNowhere reads all that a run leaves behind, with everything
// logged that can be.
func TestAccTheTokenIsNowhere(t *testing.T) {
	const token = "5ecre70000000000000000000000000000000000"
	server := recorded(t)
	server.SetToken(token, waldurtest.TokenActive)
	logs := filepath.Join(t.TempDir(), "terraform.log")
	tf := newTerraform(t, plain, urlVariable+"="+server.URL, tokenVariable+"="+token, "TF_LOG=TRACE", "TF_LOG_PATH="+logs)
	for _, step := range [][]string{
		{"plan", "-out=saved.plan"}, {"show", "saved.plan"}, {"apply", "-auto-approve"}, {"show", "-json"}, {"output"},
	} {
		out, err := tf.run(step...)
		if err != nil || strings.Contains(out, token) {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
	}
	server.SetToken(token, waldurtest.TokenExpired)
	if out, err := tf.run("plan"); err == nil || !strings.Contains(out, "Token has expired.") || strings.Contains(out, token) {
		t.Fatalf("plan with an expired token: %v\n%s", err, out)
	}
	log := read(t, logs)
	for _, want := range []string{"Waldur request", "Waldur read", "rows=8", "attempt=1", "TRACE"} {
		if !bytes.Contains(log, []byte(want)) {
			t.Errorf("the log lacks %s: was it written at all?", want)
		}
	}
	for _, root := range []string{tf.dir, logs} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && bytes.Contains(read(t, path), []byte(token)) {
				t.Errorf("the token is in %s", filepath.Base(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
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

// TestAccInterruptEndsARead presses Ctrl-C while the server keeps everyone waiting.
func TestAccInterruptEndsARead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Go cannot interrupt a process on Windows")
	}
	server := recorded(t)
	server.Misbehave(waldurtest.Hang())
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
	interrupted := time.Now()
	if err := plan.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := plan.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the plan ended with %v\n%s", err, out.String())
	}
	if waited := time.Since(interrupted); waited > 20*time.Second { // request_timeout is 30s
		t.Fatalf("the plan went on for %s\n%s", waited, out.String())
	}
	if !strings.Contains(out.String(), "Read of Waldur Canceled") {
		t.Fatalf("the plan said\n%s", out.String())
	}
}
