package provider

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// saveProfiles saves a file of waldur-cli for the rest of the test, and returns its path.
func saveProfiles(t *testing.T, text string) string {
	t.Helper()
	folder := map[string]string{"darwin": "HOME", "windows": "AppData"}[runtime.GOOS]
	t.Setenv(cmp.Or(folder, "XDG_CONFIG_HOME"), t.TempDir())
	file, err := profileFile()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return file
}

// profiles returns the text of a file with a profile for each server.
func profiles(servers map[string]*waldurtest.Server, tokens map[string]string) string {
	text := ""
	for name, server := range servers {
		text += fmt.Sprintf("[profiles.%s]\napi_url = %q\ntoken = %q\nproject = \"0f1c\"\n\n", name, server.URL, tokens[name])
	}
	return text
}

// TestOneSourceGivesAddressAndToken: no server ever gets the token of another.
func TestOneSourceGivesAddressAndToken(t *testing.T) {
	servers, tokens := map[string]*waldurtest.Server{}, map[string]string{}
	for _, name := range []string{"default", "north", "south", "other"} {
		servers[name], tokens[name] = waldurtest.Start(t, nil), "5ecre7-of-"+name
		servers[name].SetToken(tokens[name], waldurtest.TokenActive)
	}
	saved := map[string]*waldurtest.Server{"default": servers["default"], "north": servers["north"], "south": servers["south"]}
	file := saveProfiles(t, profiles(saved, tokens))
	url, token := servers["other"].URL, tokens["other"]
	type values = map[string]string
	for name, test := range map[string]struct {
		arguments, env values
		reads          string   // the server that is read
		parts          []string // of the error of the read
		at             string   // the argument of the error of configuring, if parts are of that one
	}{
		"nothing":                       {reads: "default"},
		"a blank variable":              {env: values{profileVariable: " "}, reads: "default"},
		"the variable":                  {env: values{profileVariable: " south\n"}, reads: "south"},
		"the argument":                  {arguments: values{"profile": "north"}, reads: "north"},
		"the argument and the variable": {arguments: values{"profile": "north"}, env: values{profileVariable: "south"}, reads: "north"},
		"the argument and all others":   {arguments: values{"profile": "north"}, env: values{profileVariable: "south", urlVariable: url, tokenVariable: token}, reads: "north"},
		"url and token":                 {arguments: values{"url": url, "token": token}, reads: "other"},
		"url and token, and a profile":  {arguments: values{"url": url, "token": token}, env: values{profileVariable: "south"}, reads: "other"},
		"both from variables":           {env: values{urlVariable: url, tokenVariable: token, profileVariable: "south"}, reads: "other"},
		"url and a variable":            {arguments: values{"url": url}, env: values{tokenVariable: token}, reads: "other"},
		"token and a variable":          {arguments: values{"token": token}, env: values{urlVariable: url}, reads: "other"},
		"url alone":                     {arguments: values{"url": url}, parts: []string{"Missing Waldur Token: The Waldur token is not set.", "Set the environment variable WALDUR_ACCESS_TOKEN, or token in the provider block."}},
		"a variable's url alone":        {env: values{urlVariable: url}, parts: []string{"Missing Waldur Token: "}},
		"token alone":                   {arguments: values{"token": token}, parts: []string{"Missing Waldur Address: The Waldur address is not set.", "Set the environment variable WALDUR_API_URL, or url in the provider block."}},
		"a variable's token alone":      {env: values{tokenVariable: token}, parts: []string{"Missing Waldur Address: "}},
		"url of another server than the variables": {arguments: values{"url": url}, env: values{urlVariable: servers["north"].URL, tokenVariable: tokens["north"]}, at: "url",
			parts: []string{"Token for Another Waldur Server: ", "so it was not sent", "The address in url is " + url + "/api/; WALDUR_API_URL is " + servers["north"].URL + "/api/.", "Set token beside url", "profile", "unset WALDUR_API_URL"}},
		"url and a variable that is no address": {arguments: values{"url": url}, env: values{urlVariable: "waldur.example.com", tokenVariable: token}, at: "url",
			parts: []string{"Token for Another Waldur Server: ", "WALDUR_API_URL must begin with https://", "Set token beside url"}},
		"url of the variables in another form": {arguments: values{"url": url + "/api/"}, env: values{urlVariable: url + "/", tokenVariable: token}, reads: "other"},
		"url and token, and other variables":   {arguments: values{"url": url, "token": token}, env: values{urlVariable: servers["north"].URL, tokenVariable: tokens["north"]}, reads: "other"},
		"token, and other variables":           {arguments: values{"token": token}, env: values{urlVariable: url, tokenVariable: tokens["north"]}, reads: "other"},
		"variables with shorter names":         {arguments: values{"url": url}, env: values{"WALDUR_TOKEN": token, "WALDUR_URL": url}, parts: []string{"Missing Waldur Token: ", "\n\nThe environment variable WALDUR_TOKEN is not used: its name must be WALDUR_ACCESS_TOKEN. Set"}},
		"url alone and a profile": {arguments: values{"url": url}, env: values{profileVariable: "south"},
			parts: []string{"Missing Waldur Token: ", "WALDUR_PROFILE is not used while an address or a token is set."}},
		"profile and url":     {arguments: values{"profile": "north", "url": url}, at: "profile", parts: []string{"Invalid Combination of Arguments: profile and url cannot be set together."}},
		"profile and token":   {arguments: values{"profile": "north", "token": token}, at: "profile", parts: []string{"profile and token cannot be set together."}},
		"an empty profile":    {arguments: values{"profile": ""}, at: "profile", parts: []string{"profile must be the name of a profile that waldur-cli saved; otherwise, leave it out or set it to null."}},
		"a blank profile":     {arguments: values{"profile": " "}, at: "profile", parts: []string{"leave it out or set it to null"}},
		"an unknown argument": {arguments: values{"profile": "nroth"}, at: "profile", parts: []string{`Unusable Waldur Profile: The profile "nroth" is not saved in ` + file + ", which has these profiles (3): [\"default\" \"north\" \"south\"].", "Correct the profile, or the argument profile"}},
		"an unknown variable": {env: values{profileVariable: "nroth"}, parts: []string{`Unusable Waldur Profile: The profile "nroth" is not saved in ` + file, "or the environment variable WALDUR_PROFILE"}},
		"a bad variable":      {env: values{urlVariable: "waldur.example.com", tokenVariable: "c0ffee"}, parts: []string{"The environment variable WALDUR_API_URL must begin with https://"}},
		"an unknown capital":  {arguments: values{"profile": "North"}, at: "profile", parts: []string{`"North" is not saved`}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{urlVariable, tokenVariable, profileVariable, "WALDUR_URL", "WALDUR_TOKEN"} {
				t.Setenv(variable, test.env[variable])
			}
			for _, server := range servers {
				server.ResetRequests()
			}
			arguments := map[string]tftypes.Value{"max_retries": tftypes.NewValue(tftypes.Number, 0)}
			for name, value := range test.arguments {
				arguments[name] = text(value)
			}
			c := newProtocolClient(t)
			diags := c.configure(arguments)
			switch {
			case test.at != "":
				if !reported(diags, tfprotov6.DiagnosticSeverityError, test.at, test.parts...) {
					t.Errorf("want an error at %s with %q, got: %s", test.at, test.parts, describe(diags))
				}
			case len(diags) > 0:
				t.Fatal(describe(diags))
			default:
				_, diags = c.read(t.Context(), nil)
				if test.reads != "" && hasError(diags) || test.reads == "" && !reported(diags, tfprotov6.DiagnosticSeverityError, "", test.parts...) {
					t.Errorf("want %q, got: %s", test.parts, describe(diags))
				}
			}
			if strings.Contains(describe(diags), "5ecre7") {
				t.Errorf("a token shows: %s", describe(diags))
			}
			for name, server := range servers {
				requests := server.Requests()
				if (len(requests) > 0) != (name == test.reads) {
					t.Errorf("%d requests to %s", len(requests), name)
				}
				for _, request := range requests {
					if got := request.Header.Get("Authorization"); got != "Token "+tokens[name] {
						t.Errorf("%s got %s", name, got)
					}
				}
			}
		})
	}
}

// TestBrokenProfiles are errors that give the file and the profile, and never a token.
func TestBrokenProfiles(t *testing.T) {
	const token = "5ecre7000000000000000000000000000000000"
	const address = "api_url = \"https://waldur.example.com\"\n"
	const unusable = " cannot be used: "
	for name, test := range map[string]struct{ text, part string }{
		"no quotes":                    {"[profiles.default]\n" + address + "token = " + token + "\n", "is not valid TOML in line 3."},
		"a quote too few":              {"[profiles.default]\n" + address + "token = \"" + token + "\n", "is not valid TOML in line 3."},
		"the token twice":              {"[profiles.default]\n" + address + "token = \"" + token + "\"\ntoken = \"" + token + "\"\n", "is not valid TOML in line 4."},
		"the token as a key":           {"[profiles.default]\n" + address + token + " \"\"\n", "is not valid TOML in line 3."},
		"the token as a table":         {"[profiles.default]\n" + address + "[profiles.default." + token, "is not valid TOML in line 3."},
		"a byte that is not UTF-8":     {"[profiles.default]\n" + address + "token = \"" + token + "\xff\"\n", "is not valid TOML"},
		"no token":                     {"[profiles.default]\n" + address, unusable + "it must be a table with the texts api_url and token."},
		"no address":                   {"[profiles.default]\ntoken = \"" + token + "\"\n", unusable + "it must be a table with the texts api_url and token."},
		"an empty token":               {"[profiles.default]\n" + address + "token = \"\"\n", unusable + "its token must not be empty."},
		"keys in another case":         {"[profiles.default]\n" + address + "TOKEN = \"" + token + "\"\n", unusable + "it must be a table with the texts api_url and token."},
		"a token that is a number":     {"[profiles.default]\n" + address + "token = 57325273\n", unusable + "it must be a table with the texts api_url and token."},
		"a token that is a list":       {"[profiles.default]\n" + address + "token = [\"" + token + "\"]\n", unusable + "it must be a table with the texts api_url and token."},
		"an address that is a table":   {"[profiles.default]\ntoken = \"" + token + "\"\n[profiles.default.api_url]\n", unusable + "it must be a table with the texts api_url and token."},
		"a profile that is a text":     {"[profiles]\ndefault = \"" + token + "\"\n", unusable + "it must be a table with the texts api_url and token."},
		"a profile that is a list":     {"[[profiles.default]]\n" + address + "token = \"" + token + "\"\n", unusable + "it must be a table with the texts api_url and token."},
		"profiles that are a text":     {"profiles = \"" + token + "\"\n", "is not saved in FILE, which has these profiles (0): []."},
		"no profiles":                  {"", "is not saved in FILE, which has these profiles (0): []."},
		"another profile, also broken": {"[profiles.\"my.prod\"]\n[profiles.lab]\n", "is not saved in FILE, which has these profiles (2): [\"lab\" \"my.prod\"]."},
		"names that can run, and long": {"[profiles.\"::error::x\\u202e\"]\n[profiles.\"" + strings.Repeat("n", 70) + "\"]\n",
			"which has these profiles (2): [\" error x\\u202e\" \"" + strings.Repeat("n", 60) + "\"]."},
		"twelve names": {"[profiles.p10]\n[profiles.p11]\n[profiles.p12]\n[profiles.p13]\n[profiles.p14]\n[profiles.p15]\n[profiles.p16]\n[profiles.p17]\n[profiles.p18]\n[profiles.p19]\n[profiles.p20]\n[profiles.p21]\n",
			"which has these profiles (12): [\"p10\" \"p11\" \"p12\" \"p13\" \"p14\" \"p15\" \"p16\" \"p17\" \"p18\" \"p19\"]."},
	} {
		t.Run(name, func(t *testing.T) {
			file := saveProfiles(t, test.text)
			part := strings.ReplaceAll(test.part, "FILE", file)
			byArgument := newProtocolClient(t).configure(map[string]tftypes.Value{"profile": text("default")})
			if !reported(byArgument, tfprotov6.DiagnosticSeverityError, "profile", `Unusable Waldur Profile: The profile "default"`, file, strings.TrimPrefix(part, "is not saved in "+file)) ||
				!strings.Contains(describe(byArgument), part) {
				t.Errorf("by argument: want %q, got %s", part, describe(byArgument))
			}
			c := newProtocolClient(t)
			if diags := c.configure(nil); len(diags) > 0 {
				t.Errorf("without argument: got %s", describe(diags))
			}
			_, byDefault := c.read(t.Context(), nil)
			if !reported(byDefault, tfprotov6.DiagnosticSeverityError, "", part, urlVariable, tokenVariable) || !strings.Contains(describe(byDefault), file) {
				t.Errorf("by default: want %q, got %s", part, describe(byDefault))
			}
			for _, diags := range [][]*tfprotov6.Diagnostic{byArgument, byDefault} {
				if shown := describe(diags); strings.Contains(shown, token[:8]) || strings.Contains(shown, "57325273") {
					t.Errorf("the token shows: %s", shown)
				}
			}
		})
	}
}

// TestFilesThatAreNoFiles cannot be read, or are as if they were not there.
func TestFilesThatAreNoFiles(t *testing.T) {
	file := saveProfiles(t, "")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	missing := func(parts ...string) {
		t.Helper()
		diags := newProtocolClient(t).configure(map[string]tftypes.Value{"profile": text("prod")})
		if !reported(diags, tfprotov6.DiagnosticSeverityError, "profile", parts...) {
			t.Errorf("want %q, got %s", parts, describe(diags))
		}
	}
	missing(`The profile "prod" is not saved: there is no file ` + file)
	if err := os.Symlink(os.DevNull, file); err == nil && runtime.GOOS != "windows" {
		missing(`The profile "prod" cannot be read: ` + file + " is not a regular file.")
	}
	_ = os.Remove(file)
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	missing(`The profile "prod" cannot be read: ` + file + " is not a regular file.")
	if err := errors.Join(os.RemoveAll(filepath.Dir(file)), os.WriteFile(filepath.Dir(file), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	missing(`The profile "prod" is not saved: there is no file ` + file)
	c := newProtocolClient(t)
	if diags := c.configure(nil); len(diags) > 0 {
		t.Error(describe(diags))
	}
	_, diags := c.read(t.Context(), nil)
	if !reported(diags, tfprotov6.DiagnosticSeverityError, "", "Missing Waldur Address and Token: The Waldur address and token are not set, and the profile \"default\" is not saved", "Log in with waldur-cli login", urlVariable, tokenVariable, "url and token in the provider block",
		"If a provider block with an alias sets what is missing, name that provider in the data block, as in provider = waldur.prod.") {
		t.Errorf("got %s", describe(diags))
	}
}

// TestProfilesThatOthersCanReadAreAWarning if the user can change that.
func TestProfilesThatOthersCanReadAreAWarning(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions of Windows are not those of Unix")
	}
	server := waldurtest.Start(t, nil)
	file := saveProfiles(t, profiles(map[string]*waldurtest.Server{"default": server}, map[string]string{"default": waldurtest.Token}))
	const read, change = "can read FILE", "can read or change FILE"
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o400: "", 0o440: "", 0o640: read, 0o604: read, 0o644: read, 0o444: read, 0o620: change, 0o666: change, 0o646: change,
	} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		c := newProtocolClient(t)
		diags := c.configure(nil)
		warning := strings.ReplaceAll(want, "FILE", file)
		if got := reported(diags, tfprotov6.DiagnosticSeverityWarning, "profile", "Profiles Readable by Others", warning, fmt.Sprintf("Run chmod 600 %q.", file)); got != (want != "") || hasError(diags) || len(diags) > 1 {
			t.Errorf("%o: want %q, got %s", mode, want, describe(diags))
		}
		if _, diags := c.read(t.Context(), nil); hasError(diags) {
			t.Errorf("%o: got %s", mode, describe(diags))
		}
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, os.Geteuid()+1, -1); err != nil {
		t.Skip("only root can give a file to another user")
	}
	if diags := newProtocolClient(t).configure(nil); len(diags) > 0 {
		t.Errorf("of another user: got %s", describe(diags))
	}
}

// TestTheFileOfProfiles is where waldur-cli has it.
func TestTheFileOfProfiles(t *testing.T) {
	account, err := user.Current()
	if err != nil {
		t.Skip("the password database does not have the user")
	}
	for _, test := range []struct{ system, home, xdg, want string }{
		{"linux", "/home/ada", "/etc/ada", "/etc/ada/waldur-cli/credentials.toml"},
		{"linux", "/home/ada", "", "/home/ada/.config/waldur-cli/credentials.toml"},
		{"linux", "/home/ada", "ada/.config", "/home/ada/.config/waldur-cli/credentials.toml"},
		{"linux", "", "/etc/ada", "/etc/ada/waldur-cli/credentials.toml"},
		{"linux", "", "", account.HomeDir + "/.config/waldur-cli/credentials.toml"},
		{"linux", "", ".", account.HomeDir + "/.config/waldur-cli/credentials.toml"},
		{"darwin", "/Users/ada", "", "/Users/ada/Library/Application Support/waldur-cli/credentials.toml"},
		{"windows", `C:\Users\ada\Roaming`, "", `C:\Users\ada\Roaming\waldur-cli\config\credentials.toml`},
	} {
		if test.system != runtime.GOOS {
			continue
		}
		t.Setenv("HOME", test.home)
		t.Setenv("AppData", test.home)
		t.Setenv("XDG_CONFIG_HOME", test.xdg)
		if got, err := profileFile(); got != test.want || err != nil {
			t.Errorf("HOME=%s XDG_CONFIG_HOME=%s: got %q, %v; want %q", test.home, test.xdg, got, err, test.want)
		}
	}
}

// TestWhereALoginCameFrom is in errors: of the address, and of the token, which may not look like
// one of Waldur's. No part of it is shown.
func TestWhereALoginCameFrom(t *testing.T) {
	const address, odd = "https://waldur.example.com", "5ecre7"
	usual := strings.Repeat("5ecde7ab", 5)
	file := saveProfiles(t, fmt.Sprintf("[profiles.prod]\napi_url = %q\ntoken = %q\n", address, usual))
	const block, blockToken = "url in the provider block", "The token came from the provider block. To replace it, set a new one there."
	const doubt = " The token that was sent does not look like one of Waldur's (40 hexadecimal digits, w_… or a JWT), so it may be incomplete."
	for name, test := range map[string]struct {
		model                 providerModel
		env                   map[string]string
		urlSource, renewToken string
		doubted               bool
	}{
		"the block":        {model: providerModel{URL: types.StringValue(address), Token: types.StringValue(usual)}, urlSource: block, renewToken: blockToken},
		"a token cut":      {model: providerModel{URL: types.StringValue(address), Token: types.StringValue(usual[1:])}, urlSource: block, renewToken: blockToken, doubted: true},
		"an odd token":     {model: providerModel{URL: types.StringValue(address), Token: types.StringValue(odd)}, urlSource: block, renewToken: blockToken, doubted: true},
		"a personal token": {model: providerModel{URL: types.StringValue(address), Token: types.StringValue("w_5ecre7")}, urlSource: block, renewToken: blockToken},
		"a JWT":            {model: providerModel{URL: types.StringValue(address), Token: types.StringValue("eyJh5ecre7.e30.5ecre7")}, urlSource: block, renewToken: blockToken},
		"variables": {env: map[string]string{urlVariable: address, tokenVariable: odd}, urlSource: "the environment variable WALDUR_API_URL",
			renewToken: "The token came from the environment variable WALDUR_ACCESS_TOKEN. To replace it, set a new one there.", doubted: true},
		"a profile": {model: providerModel{Profile: types.StringValue("prod")}, urlSource: `api_url of the profile "prod" in ` + file,
			renewToken: `The token came from the profile "prod" in ` + file + ". To replace it, log in again with waldur-cli."},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{urlVariable, tokenVariable} {
				t.Setenv(variable, test.env[variable])
			}
			var diags diag.Diagnostics
			c := connection{client: &waldur.Client{}}
			test.model.login(&c, &diags)
			renewToken, _, doubted := strings.Cut(c.renewToken, doubt)
			if len(diags) > 0 || c.urlSource != test.urlSource || renewToken != test.renewToken || doubted != test.doubted || strings.Contains(c.renewToken, "5ec") {
				t.Errorf("got %q, %q, %v", c.urlSource, c.renewToken, diags)
			}
			if c.client.URL.String() != address+"/api/" || c.client.Token == "" {
				t.Errorf("got %s, %q", c.client.URL, string(c.client.Token))
			}
		})
	}
	p, err := readProfile("prod")
	encoded, jsonErr := json.Marshal(p)
	if shown := fmt.Sprintf("%s %v %+v %#v %s", p, *p, *p, p, encoded); err != nil || jsonErr != nil || strings.Contains(shown, "5ecde") {
		t.Errorf("the token shows: %s, %v", shown, err)
	}
}

// TestAccProfiles reads two servers with two blocks, and no token in Terraform. It runs the binary,
// because one process for each block is what tells the blocks apart.
func TestAccProfiles(t *testing.T) {
	servers, tokens := map[string]*waldurtest.Server{}, map[string]string{"north": "a11ce", "south": "b0b"}
	for name, token := range tokens {
		servers[name] = recorded(t)
		servers[name].SetToken(token, waldurtest.TokenActive)
	}
	servers["south"].Update(func(rows []waldurtest.Row) []waldurtest.Row { return rows[:len(rows)-3] })
	saveProfiles(t, profiles(servers, tokens))
	t.Setenv(urlVariable, "https://not.used.example.com")
	var configuration strings.Builder
	for name := range servers {
		fmt.Fprintf(&configuration, `
provider "waldur" {
  alias   = %[1]q
  profile = %[1]q
}

data "waldur_component_usage_monthly" %[1]q {
  provider = waldur.%[1]s
  start    = "2000-01"
}
`, name)
	}
	tf := newTerraform(t, withSource(configuration.String()+`
output "rows" {
  value = "${data.waldur_component_usage_monthly.north.total_count} ${data.waldur_component_usage_monthly.south.total_count}"
}
`))
	tf.succeed("plan", `"35 32"`)
	for name, server := range servers {
		if requests := server.Requests(); len(requests) == 0 || slices.ContainsFunc(requests, func(r waldurtest.Request) bool { return r.Header.Get("Authorization") != "Token "+tokens[name] }) {
			t.Errorf("%s got %v", name, requests)
		}
	}
}

// TestAccWithoutLogin: a provider that reads nothing needs no login, and a check warns.
func TestAccWithoutLogin(t *testing.T) {
	const missing = "Missing Waldur Address and Token"
	accept(t, "data \"waldur_component_usage_monthly\" \"none\" {\n  count = 0\n}\n")
	refuse(t, "data \"waldur_component_usage_monthly\" \"one\" {}\n", missing, "The Waldur address and token are not set, and the profile \"default\" is not saved: there is no file",
		"waldur-cli login", "WALDUR_API_URL and WALDUR_ACCESS_TOKEN", "url and token in the provider block")
	tf := newTerraform(t, withSource(`
check "quota" {
  data "waldur_component_usage_monthly" "this" {}
  assert {
    condition     = data.waldur_component_usage_monthly.this.total_count > 0
    error_message = "No rows."
  }
}
`))
	if out, err := tf.run("plan"); err != nil || !strings.Contains(out, "Warning: "+missing) || strings.Contains(out, "Error: ") {
		t.Errorf("a check: %v\n%s", err, out)
	}
}
