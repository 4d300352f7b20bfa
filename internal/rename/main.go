// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Command rename puts the provider under another address: in the code, tests, examples,
// templates and documentation. "make rename" runs it.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	tfaddr "github.com/hashicorp/terraform-registry-address"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: make rename ADDRESS=registry.example.com/acme/waldur")
		os.Exit(2)
	}
	changed, err := rename(context.Background(), ".", os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "rename:", err)
		os.Exit(1)
	}
	fmt.Printf("Changed the address of the provider in %d files.\n", changed)
}

// rename changes the address in all files below root that are under version control, or could
// be. It returns their number.
func rename(ctx context.Context, root, from, to string) (changed int, err error) {
	replace, err := replacer(from, to)
	if err != nil {
		return 0, err
	}
	// Git refuses to work in a checkout of another user, unless told otherwise.
	list := exec.CommandContext(ctx, "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir, list.Stderr = root, os.Stderr
	names, err := list.Output()
	if err != nil {
		return 0, fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		file := filepath.Join(root, filepath.FromSlash(name))
		before, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, but not committed yet
		}
		if err != nil {
			return changed, err
		}
		after := replace(before)
		if bytes.Equal(before, after) {
			continue
		}
		if err := os.WriteFile(file, after, 0o600); err != nil { // keeps the mode of the file
			return changed, err
		}
		changed++
	}
	return changed, nil
}

// replacer returns a function that changes the address in a text, wherever its host stands: with
// the namespace, as in the addresses of other providers in tests, or alone, as in patterns.
func replacer(from, to string) (func(text []byte) []byte, error) {
	old, err := parse(from)
	if err != nil {
		return nil, err
	}
	wanted, err := parse(to)
	switch {
	case err != nil:
		return nil, err
	case from == to:
		return nil, fmt.Errorf("%s is the address already: set ADDRESS to another one", to)
	case old.Type != wanted.Type:
		return nil, fmt.Errorf("%s must end in /%s, because the binary and the data source have that name", to, old.Type)
	}
	var (
		addresses = regexp.MustCompile(`[\pL\pN_.-]+(?:/` + regexp.QuoteMeta(old.Namespace) + `/)?`)
		// The framework for acceptance tests takes the namespace apart from the host.
		namespace = `"TF_ACC_PROVIDER_NAMESPACE": "%s"`
	)
	return func(text []byte) []byte {
		text = addresses.ReplaceAllFunc(text, func(found []byte) []byte {
			host, rest, inNamespace := strings.Cut(string(found), "/")
			name := strings.TrimRight(host, ".") // a sentence can end after it
			switch {
			case name != old.Hostname.ForDisplay():
				return found
			case inNamespace:
				rest = "/" + wanted.Namespace + "/"
			}
			return []byte(wanted.Hostname.ForDisplay() + strings.TrimPrefix(host, name) + rest)
		})
		return bytes.ReplaceAll(text, fmt.Appendf(nil, namespace, old.Namespace), fmt.Appendf(nil, namespace, wanted.Namespace))
	}, nil
}

// parse parses an address of host, namespace and type.
func parse(address string) (tfaddr.Provider, error) {
	provider, err := tfaddr.ParseProviderSource(address)
	if err != nil || provider.String() != address {
		return provider, fmt.Errorf("%q is not an address such as registry.example.com/acme/waldur", address)
	}
	return provider, nil
}
