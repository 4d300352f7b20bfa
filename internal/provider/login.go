package provider

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
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

// The environment variables and the default profile are those of Waldur's other clients.
const (
	urlVariable     = "WALDUR_API_URL"
	tokenVariable   = "WALDUR_ACCESS_TOKEN"
	profileVariable = "WALDUR_PROFILE"
	defaultProfile  = "default"
)

// connection is what the provider hands to its data sources.
type connection struct {
	client *waldur.Client

	// urlSource says where the address came from, such as "url in the provider block".
	urlSource string

	// renewToken says where the token came from and how to replace it.
	renewToken string

	// missing holds the errors of every read if the login or a proxy variable cannot be used.
	missing diag.Diagnostics
}

// login sets the address and the token. Both come from one source, so that a token is never sent to
// another server: from the arguments or their environment variables, or else from a profile.
func (m *providerModel) login(c *connection, diags *diag.Diagnostics) {
	anywhere := !m.URL.IsNull() || !m.Token.IsNull() || isSet(urlVariable) || isSet(tokenVariable)
	switch {
	case !m.Profile.IsNull() && !m.URL.IsNull():
		addConflict(diags, "profile", "url", "Set either profile, or url and token.")
	case !m.Profile.IsNull() && !m.Token.IsNull():
		addConflict(diags, "profile", "token", "Set either profile, or url and token.")
	case m.Profile.IsNull() && anywhere:
		c.client.URL = setting(m.URL, "url", urlVariable, "Address", waldur.ParseURL, c, diags)
		c.client.Token = setting(m.Token, "token", tokenVariable, "Token", waldur.ParseToken, c, diags)
		c.urlSource, c.renewToken = "url in the provider block", "The token came from the provider block. To replace it, set a new one there."
		if m.URL.IsNull() {
			c.urlSource = "the environment variable " + urlVariable
		}
		if m.Token.IsNull() {
			c.renewToken = "The token came from the environment variable " + tokenVariable + ". To replace it, set a new one there."
			c.keepTokenVariable(diags)
		}
	case !m.Profile.IsNull():
		c.useProfile(m.Profile.ValueString(), profileArgument, diags)
	case isSet(profileVariable):
		c.useProfile(strings.TrimSpace(os.Getenv(profileVariable)), "the environment variable "+profileVariable, diags)
	default:
		c.useProfile(defaultProfile, "set "+urlVariable+" and "+tokenVariable, diags)
	}
	if c.client.Token != "" && !c.client.Token.IsUsual() {
		c.renewToken += " The token that was sent does not look like one of Waldur's (40 hexadecimal digits, w_… or a JWT), so it may be incomplete."
	}
}

// keepTokenVariable reports an error if the token in the environment would go to another server
// than the one in the environment. If no server is set there, it may go to any.
func (c *connection) keepTokenVariable(diags *diag.Diagnostics) {
	own, err := waldur.ParseURL(os.Getenv(urlVariable))
	if c.client.URL == nil || c.client.Token == "" || !isSet(urlVariable) || err == nil && own.String() == c.client.URL.String() {
		return
	}
	other := fmt.Sprintf("is %s", own)
	if err != nil {
		other = err.Error()
	}
	diags.AddAttributeError(path.Root("url"), "Token for Another Waldur Server", fmt.Sprintf("The token in the environment variable %s belongs to the "+
		"server in %s, so it was not sent to the one in url. The address in url is %s; %s %s.\n\nSet token beside url in the provider block, or set "+
		"profile in place of url. If the token is for the server in url, unset %[2]s.", tokenVariable, urlVariable, c.client.URL, urlVariable, other))
}

const profileArgument = "the argument profile in the provider block"

// useProfile takes the address and the token from a profile that source names.
func (c *connection) useProfile(name, source string, diags *diag.Diagnostics) {
	p, err := readProfile(name)
	if err != nil {
		problem := sentence(err.Error()) + "\n\nCorrect the profile, or " + source + ". Or log in with waldur-cli."
		switch {
		case source == profileArgument:
			diags.AddAttributeError(path.Root("profile"), "Unusable Waldur Profile", problem)
		case name == defaultProfile && errors.Is(err, errNoProfile):
			c.missing.AddError("Missing Waldur Address and Token", sentence("the Waldur address and token are not set, and "+err.Error())+"\n\n"+
				adviseMissing(setLogin, tokenVariable, urlVariable))
		default:
			c.missing.AddError("Unusable Waldur Profile", problem)
		}
		return
	}
	c.client.URL, c.client.Token = p.URL, p.Token
	c.urlSource = "api_url of the " + p.String()
	c.renewToken = "The token came from the " + p.String() + ". To replace it, log in again with waldur-cli."
	if p.Others != "" {
		diags.AddAttributeWarning(path.Root("profile"), "Profiles Readable by Others",
			fmt.Sprintf("Other users of this machine can %s %s, which contains tokens.\n\nRun chmod 600 %q.", p.Others, p.File, p.File))
	}
}

const setLogin = "Log in with waldur-cli login, which saves the profile " + defaultProfile + ". Or set the environment variables " + urlVariable + " and " +
	tokenVariable + ", or url and token in the provider block."

// adviseMissing completes the advice about variables that are not set.
func adviseMissing(advice string, variables ...string) string {
	for _, variable := range variables {
		if short := strings.NewReplacer("_API", "", "_ACCESS", "").Replace(variable); isSet(short) {
			advice = fmt.Sprintf("The environment variable %s is not used: its name must be %s. ", short, variable) + advice
		}
	}
	return advice + " If a provider block with an alias sets what is missing, name that provider in the data block, as in provider = waldur.prod."
}

func isSet(variable string) bool { return strings.TrimSpace(os.Getenv(variable)) != "" }

// setting returns the address or the token, from its argument or, if that is not set, from an
// environment variable. If neither is set, reads fail.
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
		c.missing.AddError("Missing Waldur "+title, fmt.Sprintf("The Waldur %s is not set.\n\n%s", strings.ToLower(title), adviseMissing(advice, variable)))
		return value
	}
	value, err := parse(os.Getenv(variable))
	if err != nil {
		c.missing.AddError("Invalid Value for "+variable, fmt.Sprintf("The environment variable %s %s.", variable, err))
	}
	return value
}

// profile is a login that waldur-cli saved. fmt hides a token only in exported fields.
type profile struct {
	Name   string
	File   string
	URL    *url.URL
	Token  waldur.Token
	Others string // what other users can do with the file, such as "read or change"
}

func (p *profile) String() string { return fmt.Sprintf("profile %.60q in %s", p.Name, p.File) }

// errNoProfile reports a profile that is not saved.
var errNoProfile = errors.New("is not saved")

// profileFile returns the path of the file with the profiles of waldur-cli.
func profileFile() (string, error) {
	folder, err := os.UserConfigDir()
	if err != nil && runtime.GOOS != "windows" && runtime.GOOS != "darwin" { // XDG_CONFIG_HOME is relative, or there is no HOME, as in cron
		home := os.Getenv("HOME")
		if current, unknown := user.Current(); home == "" && unknown == nil {
			home = current.HomeDir
		}
		if home != "" {
			folder, err = filepath.Join(home, ".config"), nil
		}
	}
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(folder, "waldur-cli", "config", "credentials.toml"), nil
	}
	return filepath.Join(folder, "waldur-cli", "credentials.toml"), nil
}

// readProfile reads a profile of waldur-cli. The error is a sentence without its full stop. It
// shows no part of the file, which contains tokens. It is errNoProfile if the profile is not there.
func readProfile(name string) (*profile, error) {
	file, err := profileFile()
	if err != nil {
		return nil, fmt.Errorf("the profile %.60q %w: the folder with the profiles is unknown, because %w", name, errNoProfile, err)
	}
	var text []byte
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("the profile %.60q %w: there is no file %s", name, errNoProfile, file)
	case err == nil && !info.Mode().IsRegular(): // reading it may never end
		err = fmt.Errorf("%s is not a regular file", file)
	case err == nil:
		text, err = os.ReadFile(file) //nolint:gosec // the path is that of waldur-cli
	}
	if err != nil {
		return nil, fmt.Errorf("the profile %.60q cannot be read: %w", name, err)
	}
	var content map[string]any // whose keys are case-sensitive, unlike those of structs
	if err := toml.Unmarshal(text, &content); err != nil {
		syntax, _ := errors.AsType[toml.ParseError](err) // a map takes all that is valid
		return nil, fmt.Errorf("the profile %.60q cannot be read: %s is not valid TOML in line %d", name, file, syntax.Position.Line)
	}
	profiles, _ := content["profiles"].(map[string]any)
	if profiles[name] == nil {
		names := slices.Sorted(maps.Keys(profiles))
		some := waldur.Printable(fmt.Sprintf("%.60q", names[:min(len(names), 10)]))
		return nil, fmt.Errorf("the profile %.60q %w in %s, which has these profiles (%d): %s", name, errNoProfile, file, len(names), some)
	}
	p := &profile{Name: name, File: file, Others: exposure(file, info)}
	values, _ := profiles[name].(map[string]any)
	address, hasURL := values["api_url"].(string)
	token, hasToken := values["token"].(string)
	if !hasURL || !hasToken {
		return nil, fmt.Errorf("the %s cannot be used: it must be a table with the texts api_url and token", p)
	}
	if p.URL, err = waldur.ParseURL(address); err != nil {
		return nil, fmt.Errorf("the %s cannot be used: its api_url %w", p, err)
	}
	if p.Token, err = waldur.ParseToken(token); err != nil {
		return nil, fmt.Errorf("the %s cannot be used: its token %w", p, err)
	}
	return p, nil
}

// exposure says what other users can do with a file of profiles. It is empty if they can do
// nothing. It is also empty if this user cannot change that: the file belongs to another user, or
// is on a read-only file system. Kubernetes mounts secrets like that, with mode 0440 for a group.
func exposure(file string, info fs.FileInfo) string {
	mode := info.Mode().Perm()
	owner := reflect.Indirect(reflect.ValueOf(info.Sys())).FieldByName("Uid") // not on Windows
	if mode&0o066 == 0 || mode == 0o440 || fmt.Sprint(owner) != fmt.Sprint(os.Geteuid()) {
		return ""
	}
	opened, err := os.OpenFile(file, os.O_WRONLY, 0) //nolint:gosec // the path is that of waldur-cli
	_ = opened.Close()
	switch {
	case errors.Is(err, syscall.EROFS):
		return ""
	case mode&0o022 != 0:
		return "read or change"
	}
	return "read"
}
