// Command checkwaldur checks that a Waldur server behaves as the provider needs.
// "make check-waldur" runs it. It only reads, and prints a table of facts.
//
// WALDUR_API_URL and WALDUR_ACCESS_TOKEN name the server and the user, and HTTPS_PROXY,
// HTTP_PROXY and NO_PROXY the proxy, as for the provider. WALDUR_CA_CERT_FILE is the path
// of a PEM file with a private certificate authority, and WALDUR_INSECURE=true skips
// certificate verification.
//
// Its output can be attached to a report: it has no names, UUIDs, amounts, addresses or tokens, and
// no text of the server except for a version number. The exit status is 0 if every fact that the
// provider needs holds, 1 if one does not or the server cannot be read, and 2 if a variable is
// missing or wrong.
package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"terraform-provider-waldur/internal/waldur"
)

const (
	urlVariable      = "WALDUR_API_URL"
	tokenVariable    = "WALDUR_ACCESS_TOKEN"
	caCertVariable   = "WALDUR_CA_CERT_FILE"
	insecureVariable = "WALDUR_INSECURE"
)

// Few retries are enough: the check can be run again. Tests shorten the wait.
var retryWait = 500 * time.Millisecond

func main() {
	os.Exit(run(os.Getenv, time.Now(), os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(getenv func(string) string, now time.Time, stdout, stderr io.Writer) int {
	client, err := newClient(getenv)
	if err != nil {
		fmt.Fprintf(stderr, "%s.\n", strings.ToUpper(err.Error()[:1])+err.Error()[1:])
		return 2
	}
	if client.InsecureSkipVerify {
		fmt.Fprintf(stderr, "Certificate verification is off: any server can impersonate Waldur and read the token. Unset %s.\n", insecureVariable)
	}
	log.SetOutput(io.Discard) // package net/http logs bytes of some responses
	p := &prober{client: client, thisMonth: waldur.MonthOf(now)}
	p.open()
	findings := make([]finding, len(facts))
	for i, fact := range facts {
		switch {
		case p.stopped != nil:
		case fact.rows > 0 && p.known.verdict != ok:
			findings[i] = finding{notSeen, p.known.text}
		case fact.rows > max(len(p.known.rows), p.count):
			findings[i] = finding{notSeen, "too few rows"}
		default:
			findings[i] = fact.check(p)
		}
	}
	changed := p.stopped == nil && p.get(newestRow).count != p.count
	if p.stopped != nil {
		fmt.Fprintf(stderr, "The check stopped: %s. %s.\n", p.stopped.Cause, advice(p.stopped.Cause))
		return 1
	}
	return report(stdout, findings, changed)
}

// newClient returns a client with the settings of the environment. The error names the
// variable, and does not repeat its value.
func newClient(getenv func(string) string) (*waldur.Client, error) {
	client := &waldur.Client{UserAgent: "terraform-provider-waldur-check", MaxRetries: 2, RetryWait: retryWait}
	var err error
	if client.URL, err = waldur.ParseURL(getenv(urlVariable)); err != nil {
		return nil, fmt.Errorf("%s %w", urlVariable, err)
	}
	if client.Proxy, err = waldur.ProxyFromEnvironment(client.URL); err != nil {
		return nil, err
	}
	if client.Token, err = waldur.ParseToken(getenv(tokenVariable)); err != nil {
		return nil, fmt.Errorf("%s %w", tokenVariable, err)
	}
	if file := getenv(caCertVariable); file != "" {
		if client.RootCAs, err = x509.SystemCertPool(); err != nil {
			client.RootCAs = x509.NewCertPool()
		}
		pem, err := os.ReadFile(file) //nolint:gosec // the user's choice
		if err != nil || !client.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s must be the path of a file with a certificate in PEM format (-----BEGIN CERTIFICATE-----)", caCertVariable)
		}
	}
	if insecure := getenv(insecureVariable); insecure != "" {
		if client.InsecureSkipVerify, err = strconv.ParseBool(insecure); err != nil {
			return nil, fmt.Errorf("%s must be true or false", insecureVariable)
		}
	}
	return client, nil
}

// report prints the findings, one for each fact, and returns the exit status.
func report(w io.Writer, findings []finding, changed bool) int {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FACT\tFOUND\tNEEDED\tVERDICT")
	total, few := map[string]int{}, false
	for i, found := range findings {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", facts[i].name, found.text, facts[i].needed, found.verdict)
		total[found.verdict]++
		few = few || found.verdict == notSeen && facts[i].rows > 0
	}
	_ = table.Flush() // stdout may be closed early
	status, summary := 0, "Nothing that the provider needs is broken."
	if total[broken] > 0 {
		status, summary = 1, "The provider needs each fact that is BROKEN."
	}
	fmt.Fprintf(w, "\n%s %d facts: %d ok, %d tolerated, %d BROKEN, %d not seen.",
		summary, len(facts), total[ok], total[tolerated], total[broken], total[notSeen])
	if few {
		fmt.Fprint(w, " To see more, use the token of a user who may see more offerings and months.")
	}
	fmt.Fprintln(w)
	if changed {
		fmt.Fprintln(w, "The rows changed during the check. Run it again before you rely on the result.")
	}
	return status
}

// advice says what to do about an error that ended the check.
func advice(cause waldur.Cause) string {
	switch cause {
	case waldur.Unauthorized, waldur.Forbidden:
		return "Set " + tokenVariable + " to a valid token"
	case waldur.WrongHost, waldur.Expired, waldur.NotYetValid, waldur.NoAuthorities, waldur.NoIntermediate, waldur.UnknownAuthority:
		return "The certificate of the server is not trusted. If it comes from a private authority, set " + caCertVariable
	case waldur.ServerError, waldur.RateLimited, waldur.StatusTimeout, waldur.ResponseCut:
		return "Run the check again later"
	}
	if strings.HasPrefix(string(cause), "proxy") {
		return "Check the environment variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
	}
	return "Check that the server is running, and that " + urlVariable + " is the address of the API of Waldur 8.0.8 or later, " +
		"not of a web front end or a login page"
}
