// Command mirror copies the archives of a release into a folder from which Terraform and
// OpenTofu install the provider: a filesystem mirror and, served over HTTPS, a network mirror.
// "make mirror" runs it.
//
// Other versions of the provider can already be in the folder, and stay there.
package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/dirhash"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/mirror <address of the provider> <folder of the release> <mirror>")
		os.Exit(2)
	}
	folder := filepath.Join(os.Args[3], filepath.FromSlash(os.Args[1]))
	if err := write(folder, os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "mirror:", err)
		os.Exit(1)
	}
	fmt.Println("Wrote", folder)
}

// archive is an archive in the provider network mirror protocol, which Terraform's and
// OpenTofu's documentation describe under that name.
type archive struct {
	version, platform string
	URL               string   `json:"url"` // relative to the index
	Hashes            []string `json:"hashes"`
}

// write copies the archives of a release into the folder of the provider in a mirror, and writes
// the indexes of all archives there. The list of versions comes last, so that it names only
// versions that are complete. A broken archive is left out, and the error names it.
func write(folder, release string) error {
	if err := makeFolder(folder); err != nil {
		return err
	}
	var leftOut []error
	archives := map[string]map[string]archive{} // by version and platform
	for _, source := range []string{release, folder} {
		names, err := fs.Glob(os.DirFS(source), "terraform-provider-"+filepath.Base(folder)+"_*.zip")
		if err != nil || source == release && len(names) == 0 {
			return cmp.Or(err, fmt.Errorf("%s has no archives of the provider", release))
		}
		for _, name := range names {
			a, content, err := open(filepath.Join(source, name))
			if err == nil && source == release {
				err = writeFile(filepath.Join(folder, name), content)
			}
			if err != nil {
				leftOut = append(leftOut, fmt.Errorf("left out %w", err))
				continue
			}
			if archives[a.version] == nil {
				archives[a.version] = map[string]archive{}
			}
			archives[a.version][a.platform] = a
		}
	}
	versions := map[string]struct{}{}
	for version := range archives {
		versions[version] = struct{}{}
		if err := writeJSON(filepath.Join(folder, version+".json"), map[string]any{"archives": archives[version]}); err != nil {
			return err
		}
	}
	index := filepath.Join(folder, "index.json")
	if err := writeJSON(index+".new", map[string]any{"versions": versions}); err != nil {
		return err
	}
	return errors.Join(append(leftOut, os.Rename(index+".new", index))...)
}

var archiveName = regexp.MustCompile(`^[^_]+_(\d+\.\d+\.\d[^_]*)_([^_]+_[^_]+)\.zip$`)

// open returns an archive with both hashes that lock files hold, of its files and of the archive
// itself, and its content.
func open(file string) (archive, []byte, error) {
	name := filepath.Base(file)
	match := archiveName.FindStringSubmatch(name)
	if match == nil || !semver.IsValid("v"+match[1]) {
		return archive{}, nil, fmt.Errorf("%s: the name has no version and platform, such as _1.2.3_linux_amd64", file)
	}
	files, err := dirhash.HashZip(file, dirhash.Hash1)
	if err != nil {
		return archive{}, nil, fmt.Errorf("%s: %w", file, err)
	}
	content, err := os.ReadFile(file)
	return archive{match[1], match[2], name, []string{files, fmt.Sprintf("zh:%x", sha256.Sum256(content))}}, content, err
}

// makeFolder makes a folder and its parents. Like [writeFile], it lets others read what it makes,
// whatever the umask, because a web server runs as another user.
func makeFolder(folder string) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	if err := makeFolder(filepath.Dir(folder)); err != nil {
		return err
	}
	return cmp.Or(os.Mkdir(folder, 0o755), os.Chmod(folder, 0o755))
}

func writeFile(file string, content []byte) error {
	return cmp.Or(os.WriteFile(file, content, 0o644), os.Chmod(file, 0o644))
}

func writeJSON(file string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	return cmp.Or(err, writeFile(file, append(text, '\n')))
}
