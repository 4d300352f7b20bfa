// Command demo is an in-memory Waldur server with two years' usage of a computing centre
// that does not exist.
//
//	demo [-now TIME] [-log]     serve until Ctrl-C, for configurations of your own
//	demo [-now TIME] COMMAND…   serve while the command runs
//
// The command finds the server in WALDUR_API_URL and WALDUR_ACCESS_TOKEN. If one of them is
// set already, the command runs with the environment as it is. "make serve", "make demo"
// and "make generate" run this program.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"terraform-provider-waldur/internal/waldurtest"
)

const (
	urlVariable   = "WALDUR_API_URL"
	tokenVariable = "WALDUR_ACCESS_TOKEN"

	// servedAt is where the server listens, so that settings from an earlier time still hold.
	servedAt = "127.0.0.1:8808"
)

func main() {
	var now time.Time
	flag.TextVar(&now, "now", time.Now(), "the `time` that the usage ends at")
	log := flag.Bool("log", false, "print each request")
	flag.Parse()
	// A terminal sends signals to a command as well, which ends in its own time.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)

	var err error
	if flag.NArg() > 0 {
		err = run(now, flag.Args())
	} else {
		err = serve(now, signals, servedAt, os.Stdout, *log)
	}
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(cmp.Or(max(failed.ExitCode(), 0), 1)) // the command has said why
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run runs a command beside a server. It returns an [exec.ExitError] if the command fails.
func run(now time.Time, command []string) error {
	cmd := exec.CommandContext(context.Background(), command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, lenientWriter{os.Stdout}, lenientWriter{os.Stderr}
	if os.Getenv(urlVariable) == "" && os.Getenv(tokenVariable) == "" {
		server := waldurtest.NewServer(usage(now))
		defer server.Close()
		server.SetNow(now)
		cmd.Env = append(os.Environ(), urlVariable+"="+server.URL, tokenVariable+"="+waldurtest.Token)
	}
	return cmd.Run()
}

// lenientWriter ignores errors. A closed output would otherwise end Terraform before it
// ends its provider.
type lenientWriter struct{ io.Writer }

func (w lenientWriter) Write(text []byte) (int, error) {
	_, _ = w.Writer.Write(text)
	return len(text), nil
}

// serve runs a server at an address until a signal. If another program listens there, the
// server takes a free port instead.
func serve(now time.Time, signals <-chan os.Signal, address string, out io.Writer, log bool) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintf(out, "Using another port than usual: %s\n", err)
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return err
	}
	server := waldurtest.NewServerOn(listener, usage(now))
	defer server.Close()
	if log {
		server.SetFaults(printRequest(out))
	}
	fmt.Fprintf(out, "In-memory Waldur server, until Ctrl-C. Run this in another terminal to use it:\n\n    export %s=%s\n    export %s=%s\n\n",
		urlVariable, server.URL, tokenVariable, waldurtest.Token)
	describe(out, now)
	fmt.Fprint(out, next)
	<-signals
	return nil
}

// describe prints what the server has.
func describe(out io.Writer, now time.Time) {
	fmt.Fprintf(out, "It has %d rows: each month from %s to %s, of %d offerings:\n\n",
		len(usage(now)), monthsBefore(now, monthsOfUsage-1).Format("2006-01"), monthsBefore(now, 0).Format("2006-01"), len(marketplace))
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "    ORGANIZATION\tOFFERING\tCOMPONENT TYPES, WITH THE PERIOD OF THEIR LIMIT")
	for _, o := range marketplace {
		var components []string
		for _, c := range o.components {
			period := cmp.Or(c.period, "month")
			if c.allocated == 0 {
				period = "no limit"
			}
			components = append(components, fmt.Sprintf("%s (%s)", c.kind, period))
		}
		fmt.Fprintf(table, "    %s\t%s\t%s\n", o.provider, o.name, strings.Join(components, ", "))
	}
	_ = table.Flush()
}

const next = `
After "make install", try:

    the quick start in README.md   which limits are nearly used up, each in its own period
    examples/usage-report          a table and charts of the last 12 months
    examples/growth                this month beside earlier ones

"make serve LOG=1" also prints each request.

`

// printRequest prints each request, with the status and the number of rows that the
// filters select.
func printRequest(out io.Writer) waldurtest.Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			response := &statusWriter{ResponseWriter: w}
			next.ServeHTTP(response, r)
			fmt.Fprintf(out, "%s %s %s: %d, X-Result-Count: %s\n", time.Now().Format(time.TimeOnly), r.Method, r.RequestURI,
				response.status, cmp.Or(w.Header().Get("X-Result-Count"), "none"))
		})
	}
}

// statusWriter remembers the status of a response.
type statusWriter struct {
	http.ResponseWriter

	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
