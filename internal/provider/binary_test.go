// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"terraform-provider-waldur/internal/waldurtest"
)

// plain is a configuration whose settings come from the environment.
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

// TestAccTheTokenIsNowhere searches all files that a run writes, with all logs on,
// for the token. The server repeats the token on idle connections.
// Other settings are plain variables, which Terraform stores in plans.
func TestAccTheTokenIsNowhere(t *testing.T) {
	const token = "5ecre70000000000000000000000000000000000"
	server := recorded(t)
	server.SetToken(token, waldurtest.TokenActive)
	server.SetFaults(unsolicited("HTTP/1.1 200 OK\r\nX-Echo: " + token + "\r\n\r\n"))
	logs := filepath.Join(t.TempDir(), "terraform.log")
	config := plain + `
variable "url" {
  type = string
}

provider "waldur" {
  url = var.url
}
`
	tf := newTerraform(t, config, "TF_VAR_url="+server.URL, tokenVariable+"="+token, "TF_LOG=TRACE", "TF_LOG_PATH="+logs)
	for _, step := range [][]string{
		{"plan", "-out=saved.plan"}, {"show", "saved.plan"}, {"show", "-json", "saved.plan"}, {"apply", "saved.plan"}, {"show", "-json"}, {"output"},
	} {
		out, err := tf.run(step...)
		if err != nil || strings.Contains(out, token) {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
	}
	server.SetFaults()
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
			if err == nil && entry.Type().IsRegular() && contains(t, path, token) {
				t.Errorf("the token is in %s", filepath.Base(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// contains reports whether a file contains a text. A saved plan is a zip file.
func contains(t *testing.T, path, text string) bool {
	t.Helper()
	content := read(t, path)
	if archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content))); err == nil {
		for _, entry := range archive.File {
			reader, err := entry.Open()
			if err != nil {
				t.Fatal(err)
			}
			unpacked, err := io.ReadAll(reader)
			if err != nil {
				t.Fatal(err)
			}
			content = append(content, unpacked...)
		}
	}
	return bytes.Contains(content, []byte(text))
}

// unsolicited sends a text on the connection after each response.
func unsolicited(text string) waldurtest.Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			response := httptest.NewRecorder()
			next.ServeHTTP(response, r)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err) // the server speaks HTTP/1.1
			}
			defer func() { _ = conn.Close() }()
			result := response.Result()
			result.ContentLength = int64(response.Body.Len())
			_ = result.Write(conn)
			_, _ = conn.Write([]byte(text))
			<-r.Context().Done()
		})
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
	if !strings.Contains(out.String(), "Read from Waldur Canceled") {
		t.Fatalf("the plan said\n%s", out.String())
	}
}
