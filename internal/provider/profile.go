// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"

	"terraform-provider-waldur/internal/waldur"
)

// profile is the login to a server that waldur-cli saved. Its fields are exported so
// that package fmt prints the token as a placeholder.
type profile struct {
	Name   string
	File   string
	URL    *url.URL
	Token  waldur.Token
	Public bool // others can read the file
}

func (p *profile) String() string { return fmt.Sprintf("profile %q in %s", p.Name, p.File) }

// errNoProfile reports a profile that is not saved.
var errNoProfile = errors.New("is not saved")

// profileFile returns the path of the file with the profiles of waldur-cli.
func profileFile() (string, error) {
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(folder, "waldur-cli", "config", "credentials.toml"), nil
	}
	return filepath.Join(folder, "waldur-cli", "credentials.toml"), nil
}

// readProfile reads a profile of waldur-cli. The error is a sentence without its full
// stop. It names the file and the profile, and shows no part of the file, which contains
// tokens. It is errNoProfile if the profile is not there.
func readProfile(name string) (*profile, error) {
	file, err := profileFile()
	if err != nil {
		return nil, fmt.Errorf("the profile %q %w: the folder with the profiles is unknown, because %w", name, errNoProfile, err)
	}
	text, err := os.ReadFile(file) //nolint:gosec // the path is that of waldur-cli
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("the profile %q %w: there is no file %s", name, errNoProfile, file)
	}
	if err != nil {
		return nil, fmt.Errorf("the profile %q cannot be read: %w", name, err)
	}
	var content map[string]any
	if err := toml.Unmarshal(text, &content); err != nil {
		line := ""
		if syntax, ok := errors.AsType[toml.ParseError](err); ok {
			line = fmt.Sprintf(" in line %d", syntax.Position.Line)
		}
		return nil, fmt.Errorf("the profile %q cannot be read: %s is not valid TOML%s", name, file, line)
	}
	profiles, _ := content["profiles"].(map[string]any)
	values, _ := profiles[name].(map[string]any)
	switch profiles[name].(type) {
	case nil:
		names := cmp.Or(strings.Join(slices.Sorted(maps.Keys(profiles)), ", "), "none")
		return nil, fmt.Errorf("the profile %q %w in %s: the profiles there are %s", name, errNoProfile, file, names)
	case map[string]any:
	default:
		return nil, fmt.Errorf("the profile %q in %s cannot be used: it is not a table", name, file)
	}
	p := &profile{Name: name, File: file}
	if p.URL, err = profileValue(values, "api_url", waldur.ParseURL); err == nil {
		p.Token, err = profileValue(values, "token", waldur.ParseToken)
	}
	if err != nil {
		return nil, fmt.Errorf("the profile %q in %s cannot be used: %w", name, file, err)
	}
	if info, err := os.Stat(file); err == nil && runtime.GOOS != "windows" {
		p.Public = info.Mode().Perm()&0o066 != 0
	}
	return p, nil
}

// profileValue returns a parsed value of a profile.
func profileValue[T any](values map[string]any, key string, parse func(string) (T, error)) (value T, err error) {
	switch text := values[key].(type) {
	case nil:
		return value, fmt.Errorf("it has no %s", key)
	case string:
		if value, err = parse(text); err != nil {
			return value, fmt.Errorf("its %s %w", key, err)
		}
		return value, nil
	}
	return value, fmt.Errorf("its %s is not a string", key)
}
