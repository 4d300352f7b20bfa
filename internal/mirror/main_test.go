// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"archive/zip"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const (
	address = "terraform.local/waldur/waldur"
	name    = "terraform-provider-waldur_"
)

// pack writes an archive, like those of a release, with one file.
func pack(t *testing.T, archive, file string, content []byte) {
	t.Helper()
	target, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(target)
	header := &zip.FileHeader{Name: file, Method: zip.Deflate}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err == nil {
		_, err = entry.Write(content)
	}
	if err := cmp.Or(err, w.Close(), target.Close()); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// zh and h1 return the hashes as Terraform's documentation of the lock file describes them.
func zh(t *testing.T, archive string) string {
	t.Helper()
	return fmt.Sprintf("zh:%x", sha256.Sum256([]byte(read(t, archive))))
}

func h1(file, content string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%x  %s\n", sha256.Sum256([]byte(content)), file))
	return "h1:" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestMirrorKeepsOtherVersions(t *testing.T) {
	t.Parallel()
	mirror := t.TempDir()
	var folder string
	for version, platforms := range map[string][]string{"0.1.0": {"linux_amd64"}, "0.2.0-rc.1": {"linux_amd64", "darwin_arm64"}} {
		release := t.TempDir()
		for _, platform := range platforms {
			pack(t, filepath.Join(release, name+version+"_"+platform+".zip"), name+"v"+version, []byte(version+platform))
		}
		if err := os.WriteFile(filepath.Join(release, name+version+"_SHA256SUMS"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if folder, err = write(address, release, mirror); err != nil {
			t.Fatal(err)
		}
	}
	if want := filepath.Join(mirror, "terraform.local", "waldur", "waldur"); folder != want {
		t.Errorf("wrote %s, want %s", folder, want)
	}
	entry := func(version, platform string) string {
		archive := name + version + "_" + platform + ".zip"
		return fmt.Sprintf(`    %q: {
      "url": %q,
      "hashes": [
        %q,
        %q
      ]
    }`, platform, archive, h1(name+"v"+version, version+platform), zh(t, filepath.Join(folder, archive)))
	}
	for file, want := range map[string]string{
		"index.json":      "{\n  \"versions\": {\n    \"0.1.0\": {},\n    \"0.2.0-rc.1\": {}\n  }\n}\n",
		"0.1.0.json":      "{\n  \"archives\": {\n" + entry("0.1.0", "linux_amd64") + "\n  }\n}\n",
		"0.2.0-rc.1.json": "{\n  \"archives\": {\n" + entry("0.2.0-rc.1", "darwin_arm64") + ",\n" + entry("0.2.0-rc.1", "linux_amd64") + "\n  }\n}\n",
	} {
		if diff := gocmp.Diff(want, read(t, filepath.Join(folder, file))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	if _, err := write(address, t.TempDir(), mirror); err == nil || !strings.Contains(err.Error(), "no archives") {
		t.Errorf("a folder without archives: %v, want an error", err)
	}
}

// TestMirrorOfTheSameVersionReplacesFiles: a reader that has opened a file still gets its old
// content.
func TestMirrorOfTheSameVersionReplacesFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not replace files that are open")
	}
	t.Parallel()
	mirror, release := t.TempDir(), t.TempDir()
	archive := name + "0.1.0_linux_amd64.zip"
	var readers []*os.File
	var before []string
	for _, content := range []string{"old", "new"} {
		pack(t, filepath.Join(release, archive), name+"v0.1.0", []byte(content))
		folder, err := write(address, release, mirror)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) != 3 {
			t.Fatalf("got %v, %v, want an archive and two indexes", entries, err)
		}
		for _, entry := range entries {
			if info, err := entry.Info(); err != nil || info.Mode() != 0o644 {
				t.Errorf("%s: %v, %v, want a file that a web server can read", entry.Name(), info.Mode(), err)
			}
		}
		if content == "new" {
			break
		}
		for _, entry := range entries {
			file, err := os.Open(filepath.Join(folder, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			readers, before = append(readers, file), append(before, read(t, file.Name()))
		}
	}
	for i, file := range readers {
		if after, err := io.ReadAll(file); err != nil || string(after) != before[i] {
			t.Errorf("%s changed under its reader: %v", file.Name(), err)
		}
	}
}

// engine is Terraform or OpenTofu in an empty folder with a configuration that needs the provider.
type engine struct {
	folder string
	env    []string
}

func newEngine(t *testing.T, method string, env ...string) engine {
	t.Helper()
	folder := t.TempDir()
	for file, text := range map[string]string{
		"main.tf":       "terraform {\n  required_providers {\n    waldur = { source = \"" + address + "\" }\n  }\n}\n\ndata \"waldur_component_usage_monthly\" \"this\" {}\n",
		"terraform.cli": "provider_installation {\n" + method + "\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	personal := func(setting string) bool { return strings.HasPrefix(setting, "TF_") }
	environ := slices.DeleteFunc(os.Environ(), personal)
	return engine{folder, append(append(environ, "TF_CLI_CONFIG_FILE="+filepath.Join(folder, "terraform.cli"), "CHECKPOINT_DISABLE=1"), env...)}
}

func (e engine) run(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"), append(arguments, "-no-color")...)
	command.Dir, command.Env = e.folder, e.env
	out, err := command.CombinedOutput()
	return string(out), err
}

// works runs commands that must succeed, and returns the hashes in the lock file.
func (e engine) works(t *testing.T, commands ...string) []string {
	t.Helper()
	for _, command := range commands {
		if out, err := e.run(t, strings.Fields(command)...); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	var hashes []string
	for line := range strings.SplitSeq(read(t, filepath.Join(e.folder, ".terraform.lock.hcl")), "\n") {
		if hash := strings.Trim(line, ` ",`); strings.HasPrefix(hash, "h1:") || strings.HasPrefix(hash, "zh:") {
			hashes = append(hashes, hash)
		}
	}
	return hashes
}

// TestAccMirrorInstalls installs the provider from the folder and over HTTPS, and locks it for two
// platforms from both. Only the own platform's archive has a program in it, because nothing runs
// the other one.
func TestAccMirrorInstalls(t *testing.T) {
	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests are skipped unless the environment has TF_ACC' set")
	}
	t.Parallel()
	own, other := runtime.GOOS+"_"+runtime.GOARCH, "freebsd_riscv64"
	release, mirror, binary := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "provider")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-trimpath", "-o", binary, "terraform-provider-waldur")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program := name + "v0.1.0"
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	pack(t, filepath.Join(release, name+"0.1.0_"+own+".zip"), program, []byte(read(t, binary)))
	pack(t, filepath.Join(release, name+"0.1.0_"+other+".zip"), name+"v0.1.0", []byte("another platform's program"))
	folder, err := write(address, release, mirror)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{h1(program, read(t, binary)), h1(name+"v0.1.0", "another platform's program")}
	slices.Sort(want)
	locked := func(t *testing.T, hashes []string) {
		t.Helper()
		var files []string
		for _, hash := range hashes {
			if strings.HasPrefix(hash, "h1:") {
				files = append(files, hash)
			}
		}
		slices.Sort(files)
		if !slices.Equal(files, want) {
			t.Errorf("the lock file has %q, want %q", hashes, want)
		}
	}
	platforms := " -platform=" + own + " -platform=" + other

	fromFolder := newEngine(t, fmt.Sprintf("  filesystem_mirror {\n    path = %q\n  }", filepath.ToSlash(mirror)))
	locked(t, fromFolder.works(t, "init", "validate", "providers lock -fs-mirror="+mirror+platforms))

	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		t.Skip("SSL_CERT_FILE has no effect on this system")
	}
	server := httptest.NewTLSServer(http.FileServer(http.Dir(mirror)))
	t.Cleanup(server.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	overHTTPS := func() engine {
		return newEngine(t, fmt.Sprintf("  network_mirror {\n    url = %q\n  }", server.URL+"/"), "SSL_CERT_FILE="+authority)
	}
	fresh := overHTTPS()
	locked(t, fresh.works(t, "init", "validate", "providers lock -net-mirror="+server.URL+"/"+platforms))

	colleague := overHTTPS()
	lock := []byte(read(t, filepath.Join(fromFolder.folder, ".terraform.lock.hcl")))
	if err := os.WriteFile(filepath.Join(colleague.folder, ".terraform.lock.hcl"), lock, 0o600); err != nil {
		t.Fatal(err)
	}
	colleague.works(t, "init -lockfile=readonly", "validate")

	// The hashes in the index protect also those who have no lock file yet.
	pack(t, filepath.Join(folder, name+"0.1.0_"+own+".zip"), program, []byte("changed on the server"))
	if out, err := overHTTPS().run(t, "init"); err == nil || !strings.Contains(out, "checksum") {
		t.Errorf("init with a changed archive: %v, want an error about its checksum\n%s", err, out)
	}
}
