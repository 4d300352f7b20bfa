// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// copySources copies the files that belong to an example. People also try examples out where they
// are, and leave a state, a lock file, values of variables or a report behind.
func copySources(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if strings.HasPrefix(entry.Name(), ".terraform") {
				return filepath.SkipDir
			}
			return nil
		}
		belongs := func(suffix string) bool { return strings.HasSuffix(path, suffix) }
		if !slices.ContainsFunc([]string{".tf", ".tftest.hcl", ".tofutest.hcl", ".tftpl"}, belongs) {
			return nil
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600)
	})
}

func TestExamplesAreCopiedWithoutATry(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), t.TempDir()
	sources := []string{"chart.svg.tftpl", "main.tf", "quotas.tftest.hcl", "usage/main.tf"}
	for _, name := range append([]string{
		".terraform.lock.hcl", ".terraform/modules/usage/main.tf", ".terraform/providers/x.tf", ".terraform.tfstate.lock.info", "crash.log",
		"saved.tfplan", "terraform.tfstate", "terraform.tfstate.backup", "terraform.tfstate.d/other/terraform.tfstate", "terraform.tfvars", "usage.svg",
	}, sources...) {
		file := filepath.Join(from, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := copySources(to, from); err != nil {
		t.Fatal(err)
	}
	var copied []string
	err := fs.WalkDir(os.DirFS(to), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			copied = append(copied, name)
			if text := read(t, filepath.Join(to, filepath.FromSlash(name))); string(text) != name {
				t.Errorf("%s has the text of %s", name, text)
			}
		}
		return err
	})
	if err != nil || !slices.Equal(copied, sources) {
		t.Errorf("copied %q, %v, want %q", copied, err, sources)
	}
}
