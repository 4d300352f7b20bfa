package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	prefix = "terraform-provider-waldur_"
	other  = "freebsd_riscv64"
	own    = runtime.GOOS + "_" + runtime.GOARCH
)

func put(t *testing.T, content []byte, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// pack returns an archive with one program, and its hashes as Terraform's documentation of the
// lock file describes them.
func pack(t *testing.T, program string) (archive []byte, hashes string) {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	entry, err := w.Create(prefix + "v0.1.0")
	if err == nil {
		_, err = entry.Write([]byte(program))
	}
	if err := cmp.Or(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	files := sha256.Sum256(fmt.Appendf(nil, "%x  %s\n", sha256.Sum256([]byte(program)), prefix+"v0.1.0"))
	return packed.Bytes(), fmt.Sprintf(`["h1:%s","zh:%x"]`, base64.StdEncoding.EncodeToString(files[:]), sha256.Sum256(packed.Bytes()))
}

func TestMirror(t *testing.T) {
	t.Parallel()
	work, mirror, first, second := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	folder := filepath.Join(mirror, "terraform.local", "waldur", "waldur")
	if err := write(folder, first); err == nil || !strings.Contains(err.Error(), "no archives") {
		t.Errorf("an empty release: %v, want an error", err)
	}
	archive, hashes := pack(t, "program")
	put(t, archive, first, prefix+"0.1.0_"+other+".zip")
	put(t, archive, first, prefix+"0.1.0_"+own+".zip")
	if err := write(folder, first); err != nil {
		t.Fatal(err)
	}
	put(t, archive, second, prefix+"0.2.0-rc.1_"+other+".zip")
	put(t, archive[:50], second, prefix+"0.2.0-rc.1_linux_arm.zip")
	put(t, archive, second, prefix+"0.02.0_linux_arm.zip")
	put(t, archive, second, prefix+"latest_linux_arm.zip")
	err := write(folder, second)
	for _, want := range []string{"rc.1_linux_arm.zip: zip: not a valid", "0.02.0_linux_arm.zip: the name", "latest_linux_arm.zip: the name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for file, want := range map[string]string{
		"index.json":      `{"versions":{"0.1.0":{},"0.2.0-rc.1":{}}}`,
		"0.2.0-rc.1.json": fmt.Sprintf(`{"archives":{%q:{"url":%q,"hashes":%s}}}`, other, prefix+"0.2.0-rc.1_"+other+".zip", hashes),
	} {
		if got, err := os.ReadFile(filepath.Join(folder, file)); strings.Join(strings.Fields(string(got)), "") != want {
			t.Errorf("%s: %v\n%s\nwant %s", file, err, got, want)
		}
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 6 {
		t.Errorf("wrote %v, %v, want three archives and three indexes", files, err)
	}

	// Terraform installs the first release from the folder and, with the same lock file, over HTTPS.
	t.Run("TestAccInstalls", func(t *testing.T) {
		if os.Getenv("TF_ACC") == "" {
			t.Skip("acceptance tests are skipped unless the environment has TF_ACC' set")
		}
		server := httptest.NewTLSServer(http.FileServer(http.Dir(mirror)))
		t.Cleanup(server.Close)
		put(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), work, "ca.pem")
		put(t, []byte("terraform {\n  required_providers {\n    waldur = { source = \"terraform.local/waldur/waldur\" }\n  }\n}\n"), work, "main.tf")
		put(t, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", filepath.ToSlash(mirror)), work, "folder.cli")
		put(t, fmt.Appendf(nil, "provider_installation {\n  network_mirror {\n    url = \"%s/\"\n  }\n}\n", server.URL), work, "https.cli")
		run := func(configuration, command string) (string, error) {
			terraform := exec.CommandContext(t.Context(), cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"), strings.Fields(command)...)
			terraform.Dir, terraform.Env = work, append(os.Environ(), "TF_CLI_CONFIG_FILE="+configuration, "SSL_CERT_FILE=ca.pem", "CHECKPOINT_DISABLE=1")
			out, err := terraform.CombinedOutput()
			return string(out), cmp.Or(err, os.RemoveAll(filepath.Join(work, ".terraform")))
		}
		for _, step := range [][2]string{
			{"folder.cli", "init"},
			{"folder.cli", "providers lock -fs-mirror=" + mirror + " -platform=" + own + " -platform=" + other},
			{"https.cli", "init -lockfile=readonly"},
			{"https.cli", "providers lock -net-mirror=" + server.URL + "/ -platform=" + own + " -platform=" + other},
		} {
			if step[0] == "https.cli" && (runtime.GOOS == "darwin" || runtime.GOOS == "windows") {
				t.Skip("SSL_CERT_FILE has no effect on this system")
			}
			if out, err := run(step[0], step[1]); err != nil {
				t.Fatalf("%s: %v\n%s", step[1], err, out)
			}
		}

		// The hashes in the index protect also those who have no lock file yet.
		changed, _ := pack(t, "changed on the server")
		put(t, changed, folder, prefix+"0.1.0_"+own+".zip")
		if err := os.Remove(filepath.Join(work, ".terraform.lock.hcl")); err != nil {
			t.Fatal(err)
		}
		if out, err := run("https.cli", "init"); err == nil || !strings.Contains(out, "checksum") {
			t.Errorf("init with a changed archive: %v, want an error about its checksum\n%s", err, out)
		}
	})
}
