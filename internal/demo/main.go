// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Command demo demonstrates the provider. It builds the provider, installs it into
// a temporary folder, and runs a real Terraform or OpenTofu with
// examples/quota-check on an in-memory Waldur server. "make demo" runs it.
//
// TERRAFORM names the binary if it is not terraform or tofu on the PATH. With
// WALDUR_API_URL and WALDUR_ACCESS_TOKEN set, it reads that Waldur server instead.
//
// With the argument serve, it only runs the in-memory server, for configurations
// of your own. "make serve" runs that. With the arguments chart and FILE, it writes
// the chart of examples/usage-report, which is the picture in README.md, into that
// file. "make generate" runs that.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"terraform-provider-waldur/internal/waldurtest"
)

// version is set by the makefile, to the version of "make install".
var version = "0.0.0"

const (
	urlVariable   = "WALDUR_API_URL"
	tokenVariable = "WALDUR_ACCESS_TOKEN"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	// Without SIGPIPE, a closed output would end the demo before it cleans up.
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	go func() { cancel(interruption{<-signals}) }()

	d := &demo{environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}
	d.build = d.goBuild
	run := d.run
	switch args := os.Args[1:]; {
	case len(args) == 1 && args[0] == "serve":
		run = func(ctx context.Context) error { return d.serve(ctx, servedAt) }
	case len(args) == 2 && args[0] == "chart":
		run = func(ctx context.Context) error { return d.chart(ctx, args[1]) }
	case len(args) > 0:
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/demo [serve | chart FILE]")
		os.Exit(2)
	}
	err := run(ctx)
	failed, isExit := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\n==> Stopped:", context.Cause(ctx))
		os.Exit(130)
	case isExit:
		fmt.Fprintln(os.Stderr, "\n==> Stopped because of the error above. Nothing is left behind.")
		os.Exit(cmp.Or(max(failed.ExitCode(), 0), 1))
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// interruption is the signal that ends the demo early.
type interruption struct{ os.Signal }

func (i interruption) Error() string { return i.String() }

// demo is one run.
type demo struct {
	environ        []string // the user's
	stdout, stderr io.Writer

	// build builds the provider of the module at root into a mirror in the folder.
	build func(ctx context.Context, root, folder string) error
}

// run applies examples/quota-check. It returns an [exec.ExitError] if Terraform fails.
func (d *demo) run(ctx context.Context) error {
	address, token, err := d.waldur()
	if err != nil {
		return err
	}
	return d.withExample(ctx, "quota-check", func(e *example) error {
		if address == "" {
			rows := usage(time.Now())
			server := waldurtest.NewServer(rows)
			defer server.Close()
			address, token = server.URL, waldurtest.Token
			d.heading("In-memory Waldur server", fmt.Sprintf("serves %d rows of a year's usage at %s", len(rows), address))
		}
		environ := terraformEnvironment(d.environ, e.cliConfig, address, token)
		for _, step := range []struct{ command, about string }{
			{"init", "installs the provider"},
			{"apply -auto-approve", "applies examples/quota-check to " + address},
		} {
			d.heading(filepath.Base(e.terraform)+" "+step.command, step.about)
			args := append(strings.Fields(step.command), "-input=false")
			if !isTerminal(d.stdout) || d.getenv("NO_COLOR") != "" {
				args = append(args, "-no-color")
			}
			if err := d.start(ctx, e.terraform, e.folder, environ, args...); err != nil {
				return err
			}
		}
		d.heading("Done", "nothing is left behind. Try next:")
		fmt.Fprint(d.stdout, next)
		return nil
	})
}

// pictured is the time of the chart in README.md. A fixed one gives the same chart each time.
var pictured = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

// chart writes the chart of examples/usage-report into a file.
func (d *demo) chart(ctx context.Context, file string) error {
	server := waldurtest.NewServer(usage(pictured))
	defer server.Close()
	server.SetNow(pictured)
	d.stdout = io.Discard
	// Variables of the user's would change the chart.
	d.environ = slices.DeleteFunc(slices.Clone(d.environ), func(setting string) bool { return strings.HasPrefix(setting, "TF_VAR_") })
	return d.withExample(ctx, "usage-report", func(e *example) error {
		environ := append(terraformEnvironment(d.environ, e.cliConfig, server.URL, waldurtest.Token),
			"TF_VAR_now="+pictured.Format(time.RFC3339), "TF_VAR_panels=4")
		for _, command := range []string{"init -input=false -no-color", "apply -auto-approve -input=false -no-color"} {
			if err := d.start(ctx, e.terraform, e.folder, environ, strings.Fields(command)...); err != nil {
				return err
			}
		}
		var svg bytes.Buffer
		d.stdout = &svg
		if err := d.start(ctx, e.terraform, e.folder, environ, "output", "-no-color", "-raw", "svg"); err != nil {
			return err
		}
		return os.WriteFile(file, svg.Bytes(), 0o644)
	})
}

// example is a copy of an example in a temporary folder.
type example struct {
	folder    string
	cliConfig string // the file with which Terraform finds the provider
	terraform string
}

// withExample builds the provider, and calls the function with a copy of an example.
func (d *demo) withExample(ctx context.Context, name string, use func(*example) error) (err error) {
	terraform, err := d.terraform()
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "waldur-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	d.heading("go build", "compiles the provider into a temporary folder; the first time takes a minute or more")
	if err := d.build(ctx, root, folder); err != nil {
		return err
	}
	e := &example{folder: filepath.Join(folder, name), cliConfig: filepath.Join(folder, "cli.tfrc"), terraform: terraform}
	if err := copyConfiguration(e.folder, filepath.Join(root, "examples", name)); err != nil {
		return err
	}
	if err := os.WriteFile(e.cliConfig, cliConfiguration(folder), 0o600); err != nil {
		return err
	}
	return use(e)
}

// servedAt is where serve listens, so that settings from an earlier time still hold.
const servedAt = "127.0.0.1:8808"

// serve runs the in-memory server at an address until it is interrupted, which is not an error.
// If another program listens there, it takes a free port instead.
func (d *demo) serve(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintf(d.stderr, "Using another port than usual: %s\n", err)
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return err
	}
	server := waldurtest.NewServerOn(listener, usage(time.Now()))
	defer server.Close()
	d.heading("In-memory Waldur server", "runs until Ctrl-C. Run this in another terminal to use it:")
	fmt.Fprintf(d.stdout, "\n    export %s=%s\n    export %s=%s\n", urlVariable, server.URL, tokenVariable, waldurtest.Token)
	<-ctx.Done()
	return nil
}

const next = `
    TF_VAR_stop_percent=100 make demo    a component over its limit stops the plan
    TF_VAR_warn_percent=130 make demo    no component is that full: no warning
    WALDUR_API_URL=https://… WALDUR_ACCESS_TOKEN=… make demo    the same with your own Waldur server

    The quick start in README.md uses the provider in a configuration of your own.
`

// isTerminal reports whether w may be a terminal. Files get no colors.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (d *demo) heading(title, about string) {
	fmt.Fprintf(d.stdout, "\n==> %s: %s\n", title, about)
}

// waldur returns the address and token of the Waldur server that the user wants to
// read, or empty strings for the in-memory server.
func (d *demo) waldur() (address, token string, err error) {
	address, token = d.getenv(urlVariable), d.getenv(tokenVariable)
	if (address == "") == (token == "") {
		return address, token, nil
	}
	set, missing := urlVariable, tokenVariable
	if address == "" {
		set, missing = missing, set
	}
	return "", "", fmt.Errorf("the environment variable %s is set, but %s is not: set both to read that Waldur server, or neither to "+
		"read the in-memory one", set, missing)
}

// terraform returns the path of Terraform or OpenTofu.
func (d *demo) terraform() (string, error) {
	names := []string{"terraform", "tofu"}
	if name := d.getenv("TERRAFORM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path) // it is started in another folder
		}
	}
	return "", fmt.Errorf("cannot find %s: set TERRAFORM to the path of terraform or tofu", strings.Join(names, " or "))
}

func (d *demo) getenv(name string) string {
	value := ""
	for _, setting := range d.environ {
		if n, v, _ := strings.Cut(setting, "="); n == name {
			value = v
		}
	}
	return value
}

// start runs a program until it ends. Its output goes straight to the terminal.
func (d *demo) start(ctx context.Context, program, folder string, environ []string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = folder, environ
	cmd.Stdout, cmd.Stderr = d.stdout, d.stderr
	cmd.Cancel = func() error { return interrupt(ctx, cmd.Process) }
	cmd.WaitDelay = 10 * time.Second
	return cmd.Run()
}

// interrupt sends a program an interrupt, so that it can end its child processes.
func interrupt(ctx context.Context, process *os.Process) error {
	var i interruption
	if errors.As(context.Cause(ctx), &i) && i.Signal == os.Interrupt {
		return nil // it received Ctrl-C, too; after a second one, it would leave its child processes behind
	}
	return process.Signal(os.Interrupt)
}

// moduleRoot returns the folder of this module.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	file := string(bytes.TrimSpace(out))
	if err != nil || filepath.Base(file) != "go.mod" {
		return "", errors.New("run the demo inside the checkout of terraform-provider-waldur")
	}
	return filepath.Dir(file), nil
}

// goBuild builds the provider. Temporary files of go build go into the same folder,
// because go build leaves them there if it is killed.
func (d *demo) goBuild(ctx context.Context, root, folder string) error {
	return d.start(ctx, "go", root, append(d.environ, "GOTMPDIR="+folder, "CGO_ENABLED=0"), "build", "-buildvcs=false", "-trimpath",
		"-ldflags", "-X main.version="+version, "-o", providerFile(folder), ".")
}

// providerFile returns the path of the provider in the folder's filesystem mirror.
func providerFile(folder string) string {
	name := "terraform-provider-waldur_v" + version
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(mirror(folder), filepath.FromSlash("terraform.local/waldur/waldur"), version, runtime.GOOS+"_"+runtime.GOARCH, name)
}

func mirror(folder string) string { return filepath.Join(folder, "mirror") }

// cliConfiguration returns a CLI configuration with which Terraform installs the
// provider from the folder's mirror, and nothing from other places.
func cliConfiguration(folder string) []byte {
	return fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path    = %q\n    include = [\"terraform.local/*/*\"]\n  }\n}\n",
		filepath.ToSlash(mirror(folder)))
}

// copyConfiguration copies a configuration and its templates, without files that
// Terraform may have written there.
func copyConfiguration(to, from string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.tf"))
	if err != nil {
		return err
	}
	templates, err := filepath.Glob(filepath.Join(from, "*.tftpl"))
	if err != nil {
		return err
	}
	files = append(files, templates...)
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// terraformEnvironment returns the user's environment without variables that change
// Terraform's behavior, such as extra arguments, workspaces or plugins. It keeps the
// variables of the configuration and of logs.
func terraformEnvironment(environ []string, cliConfig, address, token string) []string {
	var kept []string
	for _, setting := range environ {
		name, _, _ := strings.Cut(setting, "=")
		disturbs := strings.HasPrefix(name, "TF_") && !strings.HasPrefix(name, "TF_VAR_") && !strings.HasPrefix(name, "TF_LOG")
		if !disturbs && !strings.HasPrefix(name, "TOFU_") {
			kept = append(kept, setting)
		}
	}
	return append(kept, "TF_CLI_CONFIG_FILE="+cliConfig, "CHECKPOINT_DISABLE=1", urlVariable+"="+address, tokenVariable+"="+token)
}
