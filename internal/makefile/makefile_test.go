// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Package makefile tests the targets of the makefile that people install and publish with.
package makefile

import (
	"bytes"
	"cmp"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"terraform-provider-waldur/internal/waldurtest"
)

// root is the folder of the module.
var root = filepath.Join("..", "..")

// checkout is a copy of this checkout, with a home folder of its own.
type checkout struct {
	folder, home string
	environ      []string
}

// newCheckout copies the files that are under version control, or could be.
func newCheckout(t *testing.T) checkout {
	t.Helper()
	for _, program := range []string{"make", "git"} {
		if _, err := exec.LookPath(program); err != nil || runtime.GOOS == "windows" {
			t.Skipf("needs %s and a POSIX shell", program)
		}
	}
	// Settings of Terraform, of make and of Git hooks must not affect the commands.
	environ := slices.DeleteFunc(os.Environ(), func(setting string) bool {
		return regexp.MustCompile(`^(TF_|MAKE|MFLAGS=|GIT_)`).MatchString(setting)
	})
	list := exec.CommandContext(t.Context(), "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir, list.Env = root, environ
	names, err := list.Output()
	if err != nil {
		t.Skipf("this is not a checkout: git ls-files: %v", err)
	}
	c := checkout{folder: filepath.Join(t.TempDir(), "checkout"), home: t.TempDir()}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if os.IsNotExist(err) {
			continue // deleted, but not committed yet
		}
		target := filepath.Join(c.folder, filepath.FromSlash(name))
		if err := cmp.Or(err, os.MkdirAll(filepath.Dir(target), 0o700)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ = append(environ, "HOME="+c.home, "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1")
	for _, variable := range []string{"GOCACHE", "GOENV", "GOMODCACHE", "GOPATH"} { // by default, they are below HOME
		value, err := exec.CommandContext(t.Context(), "go", "env", variable).Output()
		if err != nil {
			t.Fatal(err)
		}
		environ = append(environ, variable+"="+strings.TrimSpace(string(value)))
	}
	c.environ = environ
	c.run(t, c.folder, "go", "telemetry", "off") // it would still write to the home folder when this test removes it
	c.run(t, c.folder, "git", "init", "-q")
	return c
}

// run runs a program that must succeed.
func (c checkout) run(t *testing.T, folder, program string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, arguments...)
	command.Dir, command.Env = folder, c.environ
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(arguments, " "), err, out)
	}
}

// engine is the Terraform or OpenTofu of the acceptance tests.
func engine(t *testing.T) string {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests are skipped unless the environment has TF_ACC' set")
	}
	return cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform")
}

// installed returns the content of the only file in the plugin folder.
func (c checkout) installed(t *testing.T) []byte {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(c.home, ".terraform.d", "plugins"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) != 1 {
		t.Fatalf("installed %q, %v, want one file", files, err)
	}
	return readFile(t, files[0])
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func writeFile(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// quickStart returns the first configuration in the README.
func (c checkout) quickStart(t *testing.T) []byte {
	t.Helper()
	for _, block := range regexp.MustCompile("(?ms)^```hcl\n(.*?)^```").FindAllSubmatch(readFile(t, filepath.Join(c.folder, "README.md")), -1) {
		if bytes.Contains(block[1], []byte("required_providers")) {
			return block[1]
		}
	}
	t.Fatal("the README has no configuration with required_providers")
	return nil
}

func TestEveryoneInstallsTheSame(t *testing.T) {
	t.Parallel()
	first, second := newCheckout(t), newCheckout(t)
	first.run(t, first.folder, "make", "build", "install")
	second.run(t, second.folder, "make", "install")
	binary := first.installed(t)
	if !bytes.Equal(binary, second.installed(t)) {
		t.Error("make install gives another file in another folder")
	}
	if !bytes.Equal(binary, readFile(t, filepath.Join(first.folder, "bin", "terraform-provider-waldur"))) {
		t.Error("make build and make install give different files")
	}
	if runtime.GOOS == "linux" {
		file, err := elf.NewFile(bytes.NewReader(binary))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range file.Progs {
			if part.Type == elf.PT_INTERP {
				t.Error("the provider needs the system's C library")
			}
		}
	}
	t.Run("TestAccLockFileOfOneHoldsForAll", func(t *testing.T) {
		engine, folder := engine(t), t.TempDir()
		writeFile(t, filepath.Join(folder, "main.tf"), first.quickStart(t))
		first.run(t, folder, engine, "init")
		if err := os.RemoveAll(filepath.Join(folder, ".terraform")); err != nil {
			t.Fatal(err)
		}
		second.run(t, folder, engine, "init", "-lockfile=readonly")
	})
}

// TestRenamedProviderWorks runs the quick start after make rename. It leaves make generate out,
// which needs tools that take minutes to build.
func TestRenamedProviderWorks(t *testing.T) {
	t.Parallel()
	const address = "registry.acme.test/acme/waldur"
	source := regexp.MustCompile(`(?m)^SOURCE = ([^/]+)/.*$`).FindSubmatch(readFile(t, filepath.Join(root, "GNUmakefile")))
	if source == nil {
		t.Fatal("GNUmakefile does not set SOURCE to an address")
	}
	c := newCheckout(t)
	c.run(t, c.folder, "make", "rename", "ADDRESS="+address, "MAKE=true")
	err := filepath.WalkDir(c.folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && bytes.Contains(readFile(t, path), source[1]) {
			t.Errorf("%s still has the old address", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	c.run(t, c.folder, "make", "install")
	t.Run("TestAccQuickStart", func(t *testing.T) {
		engine, folder := engine(t), t.TempDir()
		rows := waldurtest.ContractRows()[:1]
		rows[0].BillingPeriod = time.Now().UTC().Format("2006-01") + "-01" // the quick start requires rows of the latest month
		server := waldurtest.Start(t, rows)
		c.environ = append(c.environ, "WALDUR_API_URL="+server.URL, "WALDUR_ACCESS_TOKEN="+waldurtest.Token)
		writeFile(t, filepath.Join(folder, "main.tf"), c.quickStart(t))
		c.run(t, folder, engine, "init")
		c.run(t, folder, engine, "plan")
		if lock := readFile(t, filepath.Join(folder, ".terraform.lock.hcl")); !bytes.Contains(lock, []byte(`"`+address+`"`)) {
			t.Errorf("the lock file is of another provider:\n%s", lock)
		}
		if len(server.Requests()) == 0 {
			t.Error("the plan read nothing")
		}
	})
}
