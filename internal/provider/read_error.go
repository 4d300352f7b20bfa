// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"terraform-provider-waldur/internal/waldur"
)

// filterArguments are the arguments that are sent as query parameters.
var filterArguments = []string{
	"billing_period", "start", "end", "offering_uuid", "customer_uuid", "project_uuid",
	"offering_type", "component_type", "billing_type", "fields", "page_size",
}

const (
	checkGateway = "If a gateway in front of Waldur requires headers of its own, set headers in the provider block."
	checkProxy   = "The proxy is set by HTTPS_PROXY or HTTP_PROXY. If Waldur needs no proxy, add its host to NO_PROXY."
	proxyLogin   = "The proxy requires a user and a password, or does not accept those that it got. " +
		"Write them into its address, as in http://user:password@proxy.example.com:3128, and percent-encode special characters. "
	checkRunning = "Check that the server is running and that the address is correct. If a proxy, firewall or VPN is involved, check that too."
	reportFault  = "This is a bug in the provider. Please report it."
	readLess     = "Read less: narrow the filters, for example to one offering_uuid or to fewer months."
)

// readFailure is what is needed to explain a failed read.
type readFailure struct {
	connection  *connection
	query       waldur.Query
	timeout     time.Duration // of the whole read
	interrupted bool
}

// report reports the error of a read: the cause, what to do, and the request.
func (f *readFailure) report(err error, diags *diag.Diagnostics) {
	failed, ok := errors.AsType[*waldur.RequestError](err)
	if !ok {
		diags.AddError("Unexpected Read Error", sentence(err)+"\n\n"+reportFault)
		return
	}
	request := "Request: " + failed.Request.String()
	if filter, ok := errors.AsType[*waldur.FilterError](err); ok {
		f.reportFilters(filter, request, diags)
		return
	}
	title, advice := f.explain(failed)
	diags.AddError(title, f.cause(failed)+"\n\n"+advice+"\n\n"+request)
}

// cause returns the cause of a failed read as a sentence.
func (f *readFailure) cause(failed *waldur.RequestError) string {
	connection, ok := failed.Err.(*waldur.ConnectionError) //nolint:errorlint // the cause is not wrapped
	if ok && connection.ReadEnded && connection.Previous == nil && failed.Request.Attempts > 0 {
		if f.query.Latest || f.query.WholeLimitPeriods { // other requests may have come before
			return fmt.Sprintf("The request had no response when the limit of the whole read (timeouts.read), %s, was reached.", f.timeout)
		}
		return fmt.Sprintf("No response within %s, the limit of the whole read (timeouts.read).", f.timeout)
	}
	return sentence(failed.Err)
}

// sentence returns the text of an error as a sentence. A text that ends with a
// quotation of a sentence has its full stop there.
func sentence(err error) string {
	first, rest := utf8.DecodeRuneInString(err.Error())
	text := string(unicode.ToUpper(first)) + strings.TrimSuffix(err.Error()[rest:], ".")
	if slices.ContainsFunc([]string{`."`, `!"`, `?"`}, func(end string) bool { return strings.HasSuffix(text, end) }) {
		return text
	}
	return text + "."
}

// reportFilters reports parameters that the server refused, each at its argument
// if it has one.
func (f *readFailure) reportFilters(err *waldur.FilterError, request string, diags *diag.Diagnostics) {
	for _, parameter := range slices.Sorted(maps.Keys(err.Problems)) {
		argument := parameter
		if parameter == "field" {
			argument = "fields"
		}
		cause := sentence(fmt.Errorf("the server refused the value of %s: %q", argument, err.Problems[parameter]))
		// With these, the months are the provider's own.
		own := (parameter == "start" || parameter == "end") && (f.query.Latest || f.query.WholeLimitPeriods)
		if slices.Contains(filterArguments, argument) && !own {
			diags.AddAttributeError(path.Root(argument), "Filter Refused by Waldur", cause+"\n\nCorrect the argument, or leave it out.\n\n"+request)
		} else {
			diags.AddError("Request Refused by Waldur", cause+"\n\nThis version of Waldur may not be supported. Please report it.\n\n"+request)
		}
	}
}

// explain returns a title for the cause of a failed read, and what to do.
func (f *readFailure) explain(failed *waldur.RequestError) (title, advice string) {
	if f.interrupted {
		return "Read from Waldur Canceled", "Run the command again."
	}
	switch err := failed.Err.(type) { //nolint:errorlint // the cause is one of these types, unwrapped
	case *waldur.IncompleteError:
		return f.explainIncomplete(err)
	case *waldur.ConnectionError:
		title, advice = f.explainConnection(err)
	case *waldur.ProxyError:
		title, advice = "Proxy Refused to Connect", checkProxy
		switch {
		case err.StatusCode == http.StatusProxyAuthRequired:
			advice = proxyLogin + checkProxy
		case err.StatusCode >= http.StatusInternalServerError: // it may not reach the server
			advice = checkRunning + " " + checkProxy
		}
	case *waldur.SchemeError:
		return "Wrong Scheme in Waldur Address", f.explainScheme(err)
	case *waldur.ClientCertificateError:
		return "Client Certificate Not Accepted", explainClientCertificate(err)
	case *waldur.StatusError:
		return f.explainStatus(err, failed.OutOfTime)
	case *waldur.RedirectError:
		return "Redirect Not Followed", f.explainRedirect(err)
	case *waldur.HTMLError:
		return "HTML Page Instead of Waldur API", "This looks like a web front end, which returns a page for any address, " +
			"or like a gateway. " + f.checkURL() + " " + checkGateway
	case *waldur.FilterIgnoredError:
		return "Filters Ignored by Waldur", "The server returned rows that were not requested. A proxy may have removed the query. " + f.checkURL()
	case *waldur.CountError:
		return "No Usable X-Result-Count Header", "Without this header, the provider cannot tell whether rows are missing. " +
			"Waldur always sends it, so a proxy may have changed it: configure the proxy to pass it on. " + f.checkURL()
	case *waldur.TooManyRowsError:
		if f.query.PageSize > 0 && strings.Contains(err.Limit, "pages") {
			return "Too Many Rows to Read", "Raise page_size, or leave it out. " + readLess
		}
		return "Too Many Rows to Read", readLess
	case *waldur.NoRowsError:
		return "No Rows in Waldur", f.explainNoRows()
	case *waldur.LimitPeriodError:
		return "Unknown Limit Period", "The provider cannot tell which months to add up for this limit, and a guess could give a wrong number. " +
			"Leave out usage_period, or select other components with the filters. " +
			"If your Waldur has this limit period, please report it."
	case *waldur.RowError:
		return "Unexpected Row from Waldur", f.explainRow(err)
	case *waldur.BodyError:
		return f.explainBody(err)
	default:
		return "Unexpected Read Error", reportFault
	}
	return title, advice + f.outOfTime(failed.OutOfTime)
}

// checkURL advises to check the address where it was set.
func (f *readFailure) checkURL() string {
	return "Check " + f.connection.urlSource + ". If a proxy, firewall or VPN is involved, check that too."
}

// outOfTime says that retries were left, but no time.
func (f *readFailure) outOfTime(outOfTime bool) string {
	if !outOfTime {
		return ""
	}
	return fmt.Sprintf(" The read had no time left for another attempt: raise timeouts.read (now %s).", f.timeout)
}

func (f *readFailure) explainIncomplete(err *waldur.IncompleteError) (title, advice string) {
	const stopped = "The read stopped so that no rows are silently missing. "
	connection, timedOut := errors.AsType[*waldur.ConnectionError](err)
	switch timedOut = timedOut && connection.ReadEnded; {
	case timedOut && connection.Previous != nil:
		return f.explainTimeout(connection.Previous)
	case err.Changes > 0:
		return "Waldur Data Keeps Changing", stopped +
			fmt.Sprintf("Waldur may be writing usage: run the command again later, or raise timeouts.read (now %s).", f.timeout)
	case timedOut:
		return f.explainTimeout(nil)
	}
	return "Incomplete List from Waldur", stopped + readLess
}

func (f *readFailure) explainTimeout(previous error) (title, advice string) {
	advice = fmt.Sprintf("The time limit of the whole read is timeouts.read, now %s. ", f.timeout)
	if previous != nil {
		return "Read from Waldur Timed Out", advice + "Earlier attempts failed: fix the cause of that first. " + checkRunning
	}
	return "Read from Waldur Timed Out", advice + "If the server is slow, raise it, as in timeouts { read = \"15m\" }. " +
		"Or read less: narrow the filters, or set fields."
}

// explainNoRows names what can be the reason, the most likely one first.
func (f *readFailure) explainNoRows() string {
	var reasons []string
	month, this := f.query.BillingPeriod, waldur.MonthOf(time.Now())
	switch ranged := !f.query.Start.IsZero() || !f.query.End.IsZero(); {
	case f.query.Latest:
	case !ranged && (month.IsZero() || month == this):
		reasons = append(reasons, "Waldur sums up usage once a day, so the first day of a month has no rows until that job has run: "+
			"billing_period = \"latest\" then reads last month.")
	case ranged || month.Compare(this) < 0:
		reasons = append(reasons, "Waldur has no rows for the months before its upgrade to 8.0.8, unless its operator has rebuilt them.")
	}
	if len(f.query.Filters()) > 0 {
		reasons = append(reasons, "A filter may be wrong: component_type is the identifier of a component and not its name, "+
			"and customer_uuid is the organization that provides the offerings.")
	}
	reasons = append(reasons, "The token's user may see no offerings: it needs a role in the organization of the offerings, or must be staff.")
	return strings.Join(reasons, "\n\n")
}

func (f *readFailure) explainRow(err *waldur.RowError) string {
	advice := "The row does not have the format of Waldur's API, so its numbers cannot be trusted. Report it to the operator of the Waldur server."
	if column := waldur.ColumnByName(err.Field); column != nil && f.query.CanLeaveOut(column) {
		advice += " If you do not need the column, leave it out with fields."
	}
	return advice
}

func (f *readFailure) explainBody(err *waldur.BodyError) (title, advice string) {
	switch {
	case err.TooLarge:
		return "Response from Waldur Too Large", "A page of 300 rows usually has about 200 KB. Lower page_size, or leave out columns with fields."
	case err.Encoded:
		return "Response in Unusable Encoding", "The provider requests JSON that is plain or compressed with gzip. " +
			"A proxy may have changed the body or the Content-Encoding header. " + f.checkURL()
	}
	return "Unexpected Response from Waldur", "The response is not the list of rows that Waldur's API documents. " + f.checkURL()
}

func (f *readFailure) explainRedirect(err *waldur.RedirectError) string {
	advice := "That address is not the Waldur API; it may be a login page. " + f.checkURL() + " " + checkGateway
	if err.Root != "" {
		advice = fmt.Sprintf("If Waldur has moved there, set %s to %q.", f.connection.urlSource, err.Root)
	}
	if isUnencrypted(f.connection.client.URL) {
		return "The token was not sent to the new address. But it was sent to the old address without encryption: " +
			"anyone on the network path could read it, so replace it. " + advice
	}
	return "The token was not sent to the new address. " + advice
}

func (f *readFailure) explainStatus(err *waldur.StatusError, outOfTime bool) (title, advice string) {
	switch code := err.StatusCode; {
	case err.HTML && (code == http.StatusUnauthorized || code == http.StatusForbidden):
		return "Access Denied by a Proxy", "The response is an HTML page, so it does not come from Waldur's API, " +
			"but from a proxy or firewall in front of it. " + f.checkURL() + " " + checkGateway
	case code == http.StatusUnauthorized:
		return "Token Refused by Waldur", f.explainUnauthorized(err.Detail)
	case code == http.StatusForbidden && strings.Contains(err.Detail, "active session"):
		return "Access Denied by Waldur", "Log in to Waldur in a browser once with this user, then run the command again. " +
			"Waldur accepts an OIDC access token only for a user who has logged in before."
	case code == http.StatusForbidden:
		return "Access Denied by Waldur", "The token is valid, but its user may not read usage. Use the token of a user with a role " +
			"in the organization of the offerings, or of staff."
	case code == http.StatusBadRequest:
		return "Request Refused by Waldur", "This version of Waldur may not be supported. Please report it."
	case code == http.StatusProxyAuthRequired:
		return "Proxy Refused to Connect", proxyLogin + checkProxy
	case code == http.StatusNotFound:
		return "Waldur Usage Endpoint Not Found", "Either Waldur is older than 8.0.8, the first version with this endpoint, " +
			"or the address is wrong. " + f.checkURL()
	case code == http.StatusTooManyRequests:
		return "Rate Limited by Waldur",
			retryLater(err, outOfTime, "raise max_retries in the provider block, or read less: narrow the filters") + f.outOfTime(outOfTime)
	case code == http.StatusTooEarly:
		return "Unexpected Response from Waldur", retryLater(err, outOfTime, "ask the operator of the Waldur server") + f.outOfTime(outOfTime)
	case code == http.StatusRequestTimeout:
		return "Request to Waldur Timed Out", retryLater(err, outOfTime, "lower page_size") + f.outOfTime(outOfTime)
	case code >= http.StatusInternalServerError:
		return "Waldur Server Error", "The server, or a proxy in front of it, failed. " +
			retryLater(err, outOfTime, "ask the operator of the Waldur server. If large pages time out, lower page_size") + f.outOfTime(outOfTime)
	}
	return "Unexpected Response from Waldur", f.checkURL()
}

// retryLater advises to run the command again: after the wait that the server asked
// for, if it did. otherwise is what else can be done.
func retryLater(err *waldur.StatusError, outOfTime bool, otherwise string) string {
	if err.RetryAfter == 0 {
		if outOfTime {
			return "Run the command again later."
		}
		return "Run the command again later, or " + otherwise + "."
	}
	until := time.Now().Add(err.RetryAfter).Format(time.RFC1123)
	advice := fmt.Sprintf("The server asked to wait until %s. Run the command again after that time", until)
	switch {
	case err.RetryAfter > time.Minute:
		return fmt.Sprintf("The server asked to wait until %s, which is longer than the provider waits. Run the command again after that time.", until)
	case outOfTime:
		return advice + "."
	}
	return advice + ", or " + otherwise + "."
}

func (f *readFailure) explainScheme(err *waldur.SchemeError) string {
	if err.Scheme == "https" {
		return "Check the port in " + f.connection.urlSource + ". If the server has no TLS, begin the address with http; the token is then sent unencrypted."
	}
	advice := "Begin " + f.connection.urlSource + " with https, or correct its port."
	if isUnencrypted(f.connection.client.URL) {
		advice += " The token was sent without encryption: anyone on the network path could read it, so replace it."
	}
	return advice
}

func explainClientCertificate(err *waldur.ClientCertificateError) string {
	if err.Sent {
		return "Check that the server, or the gateway in front of it, trusts the authority of the certificate in client_cert_pem, " +
			"and that the certificate has not expired."
	}
	return "Set client_cert_pem in the provider block to a certificate that the server, or the gateway in front of it, trusts, and client_key_pem to its key."
}

// explainUnauthorized says what can be wrong with the token. The server sends the
// same text for several causes.
func (f *readFailure) explainUnauthorized(detail string) string {
	renew := " " + f.connection.renewToken
	switch kind := f.connection.client.Token.Kind(); {
	case strings.Contains(detail, "credentials were not provided"):
		return "The provider sent the token, but Waldur did not receive it. A proxy or gateway may have removed the Authorization header: " +
			"configure it to pass the header on."
	case strings.Contains(detail, "configuration is incomplete"), strings.Contains(detail, "identifier field"):
		return "This server does not accept tokens of this identity provider. Ask its operator, or use a personal access token." + renew
	case strings.Contains(strings.ToLower(detail), "introspection"):
		return "Waldur could not check the token with its identity provider, which may be temporarily down. Run the command again later. " +
			"If it fails again, ask the operator of the Waldur server, or use a personal access token." + renew
	case kind == waldur.PersonalAccessToken && strings.Contains(detail, "JWT"):
		return "Personal access tokens may be switched off on this server. Ask its operator, or use the API token in the user's profile in Waldur." + renew
	case kind == waldur.PersonalAccessToken:
		return "The personal access token may have expired or been revoked, it may not be allowed from this network, " +
			"or its user may be inactive or may not use such tokens. Check it in the user's profile in Waldur, or create a new one there." + renew
	case kind == waldur.OIDCToken:
		return "The OIDC access token may have expired, or its user may be inactive. Get a new one from the identity provider." + renew
	}
	return "An API token expires 30 to 60 minutes after its last use by default. A new one is in the user's profile in Waldur. " +
		"For pipelines, create a personal access token (w_…) there instead." + renew
}

func (f *readFailure) explainConnection(err *waldur.ConnectionError) (title, advice string) {
	switch {
	case err.Held:
		return "Read from Waldur Timed Out", fmt.Sprintf("Run the command again after that time, or raise timeouts.read (now %s).", f.timeout)
	case err.ReadEnded:
		return f.explainTimeout(err.Previous)
	case err.Proxy != "":
		return "Cannot Connect to Proxy", f.explainProxy(err)
	case err.Untrusted():
		return "Server Certificate Not Trusted", "If the certificate comes from a private authority, set ca_cert_pem in the provider block, " +
			"for example to file(\"ca.pem\"). If it has expired, renew it; if it is for another host, correct the address."
	case err.Alert != "":
		return "TLS Handshake Refused by Server", "The server, or a gateway in front of it, may require a client certificate that it trusts: " +
			"check client_cert_pem and client_key_pem in the provider block. " +
			"Or it does not know the host in the address, or accepts only other versions of TLS."
	case err.Unreadable() && strings.Contains(err.Text, "certificate"):
		return "Server Certificate Not Readable", "Ask the operator of the Waldur server for a certificate in a valid form. " +
			"See Troubleshooting in the provider's documentation for settings that accept some others."
	case err.Unreadable():
		return "TLS Handshake Failed", "The server's TLS does not fit the provider's. See Troubleshooting in the provider's documentation. " + checkRunning
	case err.Handshake && !err.TimedOut:
		return "TLS Handshake Interrupted", "The server may not speak TLS at this port. Or an old firewall ended the connection: " +
			"see Troubleshooting in the provider's documentation. " + checkRunning
	case err.TimedOut:
		return "Request to Waldur Timed Out", checkRunning + " If the server is slow, raise request_timeout in the provider block, or lower page_size."
	case err.Partial:
		return "Incomplete Response from Waldur", "Run the command again. If it fails again, check the proxy or load balancer in front of Waldur, " +
			"or lower page_size."
	case f.connection.client.URL.Scheme == "http" && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return "Cannot Connect to Waldur", checkRunning + " If the server speaks TLS at this port, begin the address with https."
	}
	return "Cannot Connect to Waldur", checkRunning
}

// explainProxy names the proxy first: the server was not reached.
func (f *readFailure) explainProxy(err *waldur.ConnectionError) string {
	switch {
	case err.Untrusted():
		return "If the certificate of the proxy comes from a private authority, set ca_cert_pem in the provider block. " + checkProxy
	case err.Handshake:
		return "The address of the proxy begins with https, so the proxy itself must speak TLS. " +
			"If it does not, as with most proxies, begin the address with http. " + checkProxy
	}
	return fmt.Sprintf("Check that the proxy %s is running. %s", err.Proxy, checkProxy)
}
