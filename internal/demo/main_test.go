package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"terraform-provider-waldur/internal/waldurtest"
)

// asProgram makes the test's own binary run the demo, or be the command that the demo runs.
const asProgram = "DEMO_TEST_AS"

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case "demo":
		_ = os.Setenv(asProgram, "command")
		main()
	case "command":
		fmt.Println("started")
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it
		fmt.Println(read(os.Getenv(urlVariable)+waldurtest.Path, os.Getenv(tokenVariable)))
		status, _ := strconv.Atoi(os.Args[1])
		os.Exit(status)
	default:
		os.Exit(m.Run())
	}
}

// read returns the status of a request and the month of the first row.
func read(url, token string) string {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Authorization", "Token "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.Status + " " + regexp.MustCompile(`"billing_period": ?"[^"]*"|$`).FindString(string(body))
}

// newDemo returns a demo whose command ends with the status.
func newDemo(t *testing.T, status string, environ ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-now", "2031-05-20T12:00:00Z", os.Args[0], status)
	withoutWaldur := slices.DeleteFunc(os.Environ(), func(setting string) bool { return strings.HasPrefix(setting, "WALDUR_") })
	cmd.Env = append(append(withoutWaldur, asProgram+"=demo"), environ...)
	return cmd
}

func TestCommandReadsTheServer(t *testing.T) {
	t.Parallel()
	out, err := newDemo(t, "3").Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); !ok || failed.ExitCode() != 3 {
		t.Errorf("%v, want the command's status 3", err)
	}
	if got, want := string(out), "started\n200 OK \"billing_period\":\"2031-05-01\"\n"; got != want {
		t.Errorf("the command printed %q, want %q", got, want)
	}
}

func TestCommandReadsTheUsersWaldur(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.SetToken("theirs", waldurtest.TokenActive)
	out, err := newDemo(t, "0", urlVariable+"="+server.URL, tokenVariable+"=theirs").CombinedOutput()
	if requests := server.Requests(); err != nil || len(requests) != 1 || requests[0].Header.Get("Authorization") != "Token theirs" {
		t.Errorf("%v: the user's server received %v, want one request with the user's token; output:\n%s", err, requests, out)
	}
}

// TestCommandEndsInItsOwnTime: Terraform must end its provider itself.
func TestCommandEndsInItsOwnTime(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("signals need another system")
	}
	server := waldurtest.Start(t, nil)
	cmd := newDemo(t, "0", urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("started\n"))); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = stdout.Close()
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil || len(server.Requests()) != 1 {
		t.Errorf("%v, %d requests; want the command to go on to its request", err, len(server.Requests()))
	}
}

// served serves at an address while use runs, and returns all that was printed.
func served(t *testing.T, address string, use func(url, token string)) string {
	t.Helper()
	signals := make(chan os.Signal)
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(serve(pictured, signals, address, writer, true)) }()
	var out strings.Builder
	lines := bufio.NewScanner(io.TeeReader(reader, &out))
	for lines.Scan() && !strings.Contains(lines.Text(), "LOG=1") {
		continue
	}
	exported := regexp.MustCompile(`(?m)^ *export \w+=(\S+)\n *export \w+=(\S+)$`).FindStringSubmatch(out.String())
	if exported == nil {
		t.Fatalf("%v: no variables to export in\n%s", lines.Err(), out.String())
	}
	go func() {
		defer close(signals)
		use(exported[1], exported[2])
	}()
	for lines.Scan() {
		continue
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}
	return out.String()
}

func TestServeSaysWhatItHasAndPrintsRequests(t *testing.T) {
	t.Parallel()
	var got, refused string
	output := served(t, "127.0.0.1:0", func(url, token string) {
		got = read(url+waldurtest.Path+"?billing_period=2024-11&component_type=hours", token)
		refused = read(url+waldurtest.Path, "wrong")
	})
	if got != `200 OK "billing_period":"2024-11-01"` || !strings.HasPrefix(refused, "401 ") {
		t.Errorf("with the exported variables: %s; with another token: %s", got, refused)
	}
	for _, want := range []string{
		fmt.Sprintf("It has %d rows: each month from 2024-11 to 2026-11, of 9 offerings:\n", len(usage(pictured))),
		`(?m)^ +Nordic Supercomputing +Polarlys CPU +cpu_k_hours \(total\), gb_k_hours \(quarterly\)$`,
		`(?m)^ +Järve Ülikool +Notebooks for courses +sessions \(no limit\)$`,
		`(?m)^\d\d:\d\d:\d\d GET /api/marketplace-component-usage-monthly/\?billing_period=2024-11&component_type=hours: 200, X-Result-Count: 1$`,
		`(?m)^\d\d:\d\d:\d\d GET /api/marketplace-component-usage-monthly/: 401, X-Result-Count: none$`,
	} {
		if !regexp.MustCompile(want).MatchString(output) {
			t.Errorf("no %s in the output:\n%s", want, output)
		}
	}
}

func TestServedURLHoldsOverRestarts(t *testing.T) {
	t.Parallel()
	for range 5 { // another program may take the port between two restarts
		other, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := other.Addr().String()
		var urls [3]string
		for i := range urls {
			served(t, address, func(url, _ string) { urls[i] = url })
			_ = other.Close()
		}
		if urls[0] == "http://"+address {
			t.Fatalf("serves at %s while another program listens there", address)
		}
		if urls[1] == "http://"+address && urls[2] == urls[1] {
			return
		}
	}
	t.Error("does not serve at the same address each time")
}
