// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const from, to = "old.test/team/waldur", "new.test/acme/waldur"

func TestRenameChangesTheAddressAlone(t *testing.T) {
	t.Parallel()
	replace, err := replacer(from, to)
	if err != nil {
		t.Fatal(err)
	}
	for before, after := range map[string]string{
		`source = "old.test/team/waldur"`:  `source = "new.test/acme/waldur"`,
		`source = "old.test/team/other"`:   `source = "new.test/acme/other"`,
		"SOURCE = old.test/team/waldur\n":  "SOURCE = new.test/acme/waldur\n",
		`include = ["old.test/*/*"]`:       `include = ["new.test/*/*"]`,
		"`~/plugins/old.test`":             "`~/plugins/new.test`",
		"could not connect to old.test. A": "could not connect to new.test. A",
		"old.test/teams/waldur":            "new.test/teams/waldur",
		`"TF_ACC_PROVIDER_HOST": "old.test", "TF_ACC_PROVIDER_NAMESPACE": "team"`: `"TF_ACC_PROVIDER_HOST": "new.test", "TF_ACC_PROVIDER_NAMESPACE": "acme"`,
		"https://waldur.old.test/": "https://waldur.old.test/",
		"old.test.example.com":     "old.test.example.com",
		"team/waldur":              "team/waldur",
	} {
		if got := replace([]byte(before)); string(got) != after {
			t.Errorf("%q becomes %q, want %q", before, got, after)
		}
	}
}

func TestRenameRefusesOtherNames(t *testing.T) {
	t.Parallel()
	for address, reason := range map[string]string{
		from:                         "already",
		"new.test/acme/waldur-usage": "must end in /waldur",
		"acme/waldur":                "not an address",
		"waldur":                     "not an address",
		"New.test/acme/waldur":       "not an address",
		"new.test/acme/waldur/":      "not an address",
		"https://new.test/acme/x":    "not an address",
	} {
		if _, err := replacer(from, address); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want an error with %q", address, err, reason)
		}
	}
}

// TestRenameLeavesOtherFiles renames in a checkout with files that are ignored, or not committed.
func TestRenameLeavesOtherFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", root).CombinedOutput(); err != nil {
		t.Skipf("git init: %v %s", err, out)
	}
	for name, text := range map[string]string{
		".gitignore": "*.tfstate\n", "examples/main.tf": from, "examples/terraform.tfstate": from, "LICENSE": "of everyone",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if changed, err := rename(t.Context(), root, from, to); changed != 1 || err != nil {
		t.Errorf("changed %d files, %v, want 1", changed, err)
	}
	for name, want := range map[string]string{"main.tf": to, "terraform.tfstate": from} {
		if text, err := os.ReadFile(filepath.Join(root, "examples", name)); string(text) != want {
			t.Errorf("%s has the address %s, %v, want %s", name, text, err, want)
		}
	}
}
