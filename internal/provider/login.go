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
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"terraform-provider-waldur/internal/waldur"
)

// The environment variables are those of Waldur's other clients.
const (
	urlVariable   = "WALDUR_API_URL"
	tokenVariable = "WALDUR_ACCESS_TOKEN"

	profileVariable = "WALDUR_PROFILE"
)

// connection is what the provider hands to its data sources.
type connection struct {
	client *waldur.Client

	// urlSource says where the address came from, such as "url in the provider block".
	urlSource string

	// renewToken says where the token came from and how to replace it.
	renewToken string

	// missing holds the errors that reads return: an address or a token is not set. It is
	// not an error to configure a provider that reads nothing.
	missing diag.Diagnostics
}

// login sets the address and the token. Both come from one source, so that a token
// is never sent to another server: from the arguments or their environment
// variables, or else from a profile.
func (m *providerModel) login(c *connection, diags *diag.Diagnostics) {
	anywhere := !m.URL.IsNull() || !m.Token.IsNull() || isSet(urlVariable) || isSet(tokenVariable)
	switch {
	case !m.Profile.IsNull() && (!m.URL.IsNull() || !m.Token.IsNull()):
		argument := "url"
		if m.URL.IsNull() {
			argument = "token"
		}
		addConflict(diags, "profile", argument, "A profile gives both address and token.")
	case m.Profile.IsNull() && anywhere:
		c.client.URL = setting(m.URL, "url", urlVariable, "Address", waldur.ParseURL, c, diags)
		c.client.Token = setting(m.Token, "token", tokenVariable, "Token", waldur.ParseToken, c, diags)
		c.urlSource, c.renewToken = "url in the provider block", "The token came from the provider block: set the new one there."
		if m.URL.IsNull() {
			c.urlSource = "the environment variable " + urlVariable
		}
		if m.Token.IsNull() {
			c.renewToken = "The token came from the environment variable " + tokenVariable + ": set the new one there."
		}
	case !m.Profile.IsNull():
		c.useProfile(m.Profile.ValueString(), "Correct the argument profile in the provider block, or log in with waldur-cli.", diags)
	case isSet(profileVariable):
		c.useProfile(strings.TrimSpace(os.Getenv(profileVariable)), "Correct the environment variable "+profileVariable+", or log in with waldur-cli.", diags)
	default:
		c.useDefaultProfile(diags)
	}
}

// useProfile takes the address and the token from a profile that the user named.
func (c *connection) useProfile(name, advice string, diags *diag.Diagnostics) {
	p, err := readProfile(name)
	if err != nil {
		diags.AddAttributeError(path.Root("profile"), "Unusable Waldur Profile", sentence(err.Error())+"\n\n"+advice)
		return
	}
	c.use(p, diags)
}

// useDefaultProfile takes the address and the token from the default profile. If that
// cannot be used, only reads fail, because the user did not name it.
func (c *connection) useDefaultProfile(diags *diag.Diagnostics) {
	p, err := readProfile(defaultProfile)
	switch {
	case err == nil:
		c.use(p, diags)
	case errors.Is(err, errNoProfile):
		c.missing.AddError("Missing Waldur Address and Token", sentence("the Waldur address and token are not set, and "+err.Error())+"\n\n"+setLogin)
	default:
		c.missing.AddError("Unusable Waldur Profile", sentence(err.Error())+"\n\nCorrect the profile. "+setLogin)
	}
}

const setLogin = "Log in with waldur-cli login, which saves the profile " + defaultProfile + ". " +
	"Or set the environment variables " + urlVariable + " and " + tokenVariable + ", or url and token in the provider block."

func (c *connection) use(p *profile, diags *diag.Diagnostics) {
	c.client.URL, c.client.Token = p.URL, p.Token
	c.urlSource = "api_url of the " + p.String()
	c.renewToken = "The token came from the " + p.String() + ": log in again with waldur-cli."
	if p.Public {
		diags.AddAttributeWarning(path.Root("profile"), "Profiles Readable by Others",
			fmt.Sprintf("Other users of this machine can read or change %s, which contains tokens.\n\nRun chmod 600 %s.", p.File, p.File))
	}
}

func isSet(variable string) bool { return strings.TrimSpace(os.Getenv(variable)) != "" }

// setting returns the address or the token, from its argument or, if that is not set,
// from an environment variable. If neither is set, reads fail.
func setting[T any](argument types.String, name, variable, title string, parse func(string) (T, error), c *connection, diags *diag.Diagnostics) (value T) {
	if !argument.IsNull() {
		return parseArgument(argument, path.Root(name), parse, diags)
	}
	if !isSet(variable) {
		advice := fmt.Sprintf("Set the environment variable %s, or %s in the provider block. "+
			"Or set neither address nor token, and log in with waldur-cli login.", variable, name)
		if isSet(profileVariable) {
			advice += " The environment variable " + profileVariable + " is not used while an address or a token is set."
		}
		c.missing.AddError("Missing Waldur "+title, fmt.Sprintf("The Waldur %s is not set.\n\n%s", strings.ToLower(title), advice))
		return value
	}
	value, err := parse(os.Getenv(variable))
	if err != nil {
		diags.AddAttributeError(path.Root(name), "Invalid Value for "+variable, fmt.Sprintf("The environment variable %s %s.", variable, err))
	}
	return value
}

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
