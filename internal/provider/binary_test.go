package provider

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
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

// contents returns a file and, since a saved plan is a zip file, the files in it.
func contents(t *testing.T, path string) []byte {
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
	return content
}

// unsolicited sends a text on the connection after each response.
func unsolicited(text string, next http.Handler) http.Handler {
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
