// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Command mirror copies the archives of a release into a folder from which Terraform and
// OpenTofu install the provider: a filesystem mirror and, served over HTTPS, a network mirror.
// "make mirror" runs it.
//
// Other versions of the provider can already be in the folder, and stay there.
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"

	"golang.org/x/mod/sumdb/dirhash"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/mirror <address of the provider> <folder of the release> <mirror>")
		os.Exit(2)
	}
	folder, err := write(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "mirror:", err)
		os.Exit(1)
	}
	fmt.Println("Wrote", folder)
}

// write copies the archives of a release into a mirror, and returns the folder of the provider
// there. It writes the index last, so that a mirror in use lists only versions that are complete.
func write(address, release, mirror string) (folder string, err error) {
	folder = filepath.Join(mirror, filepath.FromSlash(address))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	archives, err := filepath.Glob(filepath.Join(release, "terraform-provider-"+path.Base(address)+"_*.zip"))
	if err != nil {
		return "", err
	}
	if len(archives) == 0 {
		return "", fmt.Errorf("%s has no archives of %s", release, address)
	}
	for _, archive := range archives {
		if err := copyFile(filepath.Join(folder, filepath.Base(archive)), archive); err != nil {
			return "", err
		}
	}
	return folder, index(folder)
}

// The files of the provider network mirror protocol, which Terraform's and OpenTofu's
// documentation describe under that name.
type (
	versionIndex struct {
		Versions map[string]struct{} `json:"versions"`
	}
	archiveIndex struct {
		Archives map[string]archive `json:"archives"` // by platform
	}
	archive struct {
		URL    string   `json:"url"` // relative to the index
		Hashes []string `json:"hashes"`
	}
)

var archiveName = regexp.MustCompile(`^terraform-provider-[^_]+_([^_]+)_([^_]+_[^_]+)\.zip$`)

// index writes the indexes of all archives in a folder.
func index(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	versions := versionIndex{map[string]struct{}{}}
	archives := map[string]archiveIndex{} // by version
	for _, entry := range entries {
		match := archiveName.FindStringSubmatch(entry.Name())
		if match == nil {
			continue
		}
		version, platform := match[1], match[2]
		hashes, err := hashesOf(filepath.Join(folder, entry.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", entry.Name(), err)
		}
		if _, ok := archives[version]; !ok {
			versions.Versions[version] = struct{}{}
			archives[version] = archiveIndex{map[string]archive{}}
		}
		archives[version].Archives[platform] = archive{URL: entry.Name(), Hashes: hashes}
	}
	for version, index := range archives {
		if err := writeJSON(filepath.Join(folder, version+".json"), index); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(folder, "index.json"), versions)
}

// hashesOf returns both hashes of an archive that lock files hold: of its files, which an
// installed provider can be compared with, and of the archive itself.
func hashesOf(archive string) ([]string, error) {
	files, err := dirhash.HashZip(archive, dirhash.Hash1)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	whole := sha256.New()
	if _, err := io.Copy(whole, file); err != nil {
		return nil, err
	}
	return []string{files, "zh:" + hex.EncodeToString(whole.Sum(nil))}, nil
}

func copyFile(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	return replace(to, source)
}

func writeJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return replace(name, bytes.NewReader(append(text, '\n')))
}

// replace writes a temporary file in the same folder and renames it to name, so that nobody
// reads a half-written file from a mirror in use.
func replace(name string, content io.Reader) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".mirror-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = io.Copy(file, content)
	if err = cmp.Or(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}
