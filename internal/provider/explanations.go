package provider

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldur"
)

// Sentences that several explanations share.
const (
	checkURL     = "Check {url}. If a proxy, firewall or VPN is involved, check that too."
	checkGateway = checkURL + " If a gateway in front of Waldur requires headers of its own, set headers in the provider block."
	checkProxy   = "The proxy is set by HTTPS_PROXY or HTTP_PROXY. If Waldur needs no proxy, add its host to NO_PROXY."
	checkRunning = "Check that the server is running and that the address is correct. If a proxy, firewall or VPN is involved, check that too."
	readLess     = "Read less: narrow the filters, for example to one offering_uuid or to fewer months."
	stopped      = "The read stopped so that no rows are silently missing. "
	timeLimit    = "The time limit of the whole read is timeouts.read, now {timeout}. "
	notSupported = "This version of Waldur may not be supported. Please report it to the provider's authors."
	setAuthority = "set ca_cert_pem in the provider block to that authority's certificate, for example to file(\"ca.pem\")."
	notSentThere = "The token was not sent to the new address. "
	troubles     = "see Troubleshooting in the provider's documentation."
)

// explanation is a title for a cause, and what to do. Its placeholders: {url} is the source of the
// address, {timeout} the time limit of the read, {proxy} the proxy's host, {address} the new
// address. What follows "again later" in {braces} is left out if only waiting helps.
type explanation struct{ title, advice string }

// explanations has all causes of failed reads. What depends on more than the cause is in advise.
var explanations = map[waldur.Cause]explanation{
	waldur.Canceled:     {"Read from Waldur Canceled", "Run the command again."},
	waldur.ReadTimedOut: {"Read from Waldur Timed Out", timeLimit + "If the server is slow, raise that limit, as in timeouts { read = \"15m\" }. " + readLess},
	waldur.NotSent: {"Read from Waldur Timed Out", timeLimit + "All data blocks of a provider block share 4 requests at a time, and the time limit includes " +
		"the wait for the other blocks: raise timeouts.read, or lower Terraform's -parallelism."},
	waldur.HeldBack: {"Read from Waldur Timed Out", "Run the command again after that time, or raise timeouts.read (now {timeout})."},
	waldur.RequestTimedOut: {"Request to Waldur Timed Out", checkRunning + " If the server is slow, raise request_timeout in the provider block, or lower " +
		"page_size."},

	waldur.ConnectionFailed: {"Cannot Connect to Waldur", checkRunning},
	waldur.UnknownHost:      {"Cannot Connect to Waldur", "No server has this name: check the host in {url}. If only a VPN knows it, connect to the VPN."},
	waldur.ConnectionClosed: {"Cannot Connect to Waldur", checkRunning + " If the server speaks TLS at this port, begin the address with https."},
	waldur.ProxyUnreachable: {"Cannot Connect to Proxy", "Check that the proxy {proxy} is running and that its address is correct. " + checkProxy},
	waldur.ProxyNoTLS: {"Cannot Connect to Proxy", "The address of the proxy begins with https, so the proxy itself must speak TLS. If it does not, as with " +
		"most proxies, begin the address with http. " + checkProxy},
	waldur.ProxyUntrusted: {"Cannot Connect to Proxy", "If a private authority issued the certificate of the proxy, set ca_cert_pem. Otherwise, ask the " +
		"owner of the proxy for a valid one. " + checkProxy},
	waldur.ProxyLogin: {"Proxy Refused to Connect", "The proxy requires a user and a password, or does not accept those that it got. Write them into its " +
		"address before the host, as in user:password@proxy.example.com:3128, and percent-encode special characters. " + checkProxy},
	waldur.ProxyOtherLogin: {"Proxy Refused to Connect", "The provider supports only the login method Basic, so no password in the proxy's address helps. " +
		"Run a local proxy that can log in to this one, such as px, cntlm or alpaca, and set HTTPS_PROXY to the local one. " + checkProxy},
	waldur.ProxyRefused: {"Proxy Refused to Connect", checkProxy},
	waldur.ProxyFailed: {"Proxy Cannot Reach Waldur", "Check that the proxy {proxy} and the server are running and that both addresses are correct. " +
		checkProxy},

	waldur.NoTLS: {"Wrong Scheme in Waldur Address", "Check the port in {url}. If the server has no TLS, begin the address with http, which sends the token " +
		"unencrypted."},
	waldur.WantsTLS:       {"Wrong Scheme in Waldur Address", "Begin {url} with https, or correct its port."},
	waldur.TLSInterrupted: {"TLS Handshake Interrupted", "The server may not speak TLS at this port. For old firewalls, " + troubles + " " + checkRunning},
	waldur.TLSUnusable: {"TLS Handshake Failed", "Ask the operator for TLS 1.2 or later and a valid certificate. If it has a negative serial number, " +
		troubles},
	waldur.TLSRefused: {"TLS Handshake Refused by Server", "The server, or a gateway in front of it, may accept only other versions of TLS, or may not know " +
		"the host in the address. Or it requires a client certificate that it trusts: check client_cert_pem and client_key_pem. For old servers, " + troubles},
	waldur.WrongHost:   {untrusted, "The certificate does not name the host in the address. Correct {url}, or ask the operator for a certificate that does."},
	waldur.Expired:     {untrusted, "The certificate has expired: its owner must renew it. If it is still valid, correct the clock of this machine."},
	waldur.NotYetValid: {untrusted, "The certificate is not valid yet. The clock of this machine may be behind: check it."},
	waldur.NoAuthorities: {untrusted, "This machine has no certificate authorities. Install them: in most images, they are the package ca-certificates. If " +
		"the certificate comes from a private authority, " + setAuthority},
	waldur.NoIntermediate: {untrusted, "The server sent only its own certificate. If a public authority issued it, the intermediate certificate is missing: " +
		"ask the operator to send the full chain. If a private authority or a proxy that inspects connections issued it, " + setAuthority},
	waldur.UnknownAuthority: {untrusted, "If the certificate comes from a private authority, or from a proxy that inspects connections, " + setAuthority},
	waldur.ClientCertificate: {"Client Certificate Not Accepted", "Set client_cert_pem in the provider block to a certificate that has not expired, and " +
		"client_key_pem to its key. The server, or the gateway in front of it, must trust the authority of the certificate."},

	waldur.Unauthorized: {"Token Refused by Waldur", ""},
	waldur.Forbidden: {"Access Denied by Waldur", "The token is valid, but its user is not allowed to read usage. Use the token of a user who has a role in " +
		"the organization of the offerings or is staff."},
	waldur.BadRequest:    {"Request Refused by Waldur", notSupported},
	waldur.NotFound:      {noEndpoint, "Either Waldur is older than 8.0.8, the first version with this endpoint, or the address is wrong. " + checkURL},
	waldur.RateLimited:   {"Rate Limited by Waldur", "Run the command again later{, or raise max_retries in the provider block, or narrow the filters}."},
	waldur.StatusTimeout: {"Request to Waldur Timed Out", "Run the command again later{, or lower page_size}."},
	waldur.ServerError: {"Waldur Server Error", "The server, or a proxy in front of it, failed. Run the command again later{, or ask the operator of the " +
		"Waldur server. If large pages time out, lower page_size}."},
	waldur.OtherStatus: {"Unexpected Response from Waldur", checkURL},
	waldur.PageDenied: {"Access Denied by a Proxy", "The response is not JSON, so it does not come from Waldur's API, but from a proxy or firewall in front " +
		"of it. " + checkGateway},
	waldur.PageNotFound: {noEndpoint, "The address is wrong, or Waldur is older than 8.0.8. Leave out the path of a page of the web interface. " + checkURL},
	waldur.HostRefused: {"Request Refused Before Waldur", "The response does not come from Waldur's API, but from a web server, proxy or firewall in front " +
		"of it. That server may not accept the host in the address: use a name that it knows (in Django, ALLOWED_HOSTS). Or it may require what the quoted " +
		"text says, such as a client certificate (client_cert_pem in the provider block). " + checkGateway},
	waldur.HeadersTooLarge: {"Request Headers Too Large", "The server, or a proxy in front of it, does not accept so many bytes of headers. If the token is " +
		"long, such as an OIDC access token, use a personal access token. Or set shorter headers. Or ask the operator to allow more."},
	waldur.HTMLPage: {"HTML Page Instead of Waldur API", "If the address is that of a page of the web interface, leave out the path. Or a gateway " +
		"responded. " + checkGateway},

	waldur.Moved: {"Redirect Not Followed", notSentThere + "If Waldur has moved there, set {url} to \"{address}\"."},
	waldur.RedirectLoop: {"Redirect to Itself", "The server redirects to the address that was requested. If TLS ends at a proxy, configure it to set the " +
		"header X-Forwarded-Proto. If a gateway strips the slash at the end of the path, or waits for a cookie, configure it to pass on path and cookies."},
	waldur.Redirected: {"Redirect Not Followed", notSentThere + "That address may be a login page, or may not use TLS. " + checkGateway},
	waldur.NotHTTP: {"Unreadable Response from Waldur", "The provider speaks HTTP/1.1. The server, or a proxy in front of it, responds with something else, " +
		"or with headers that the provider does not accept. " + checkURL},
	waldur.ResponseCut: {"Incomplete Response from Waldur", "Run the command again. If it fails again, check the proxy or load balancer in front of Waldur, " +
		"or lower page_size."},
	waldur.ResponseTooLarge: {"Response from Waldur Too Large", "A page of 300 rows usually has 200 KB. Lower page_size, or leave out columns with fields."},
	waldur.BadEncoding: {"Response in Unusable Encoding", "The provider requests JSON that is plain or compressed with gzip. A proxy may have changed the " +
		"body or the Content-Encoding header. " + checkURL},
	waldur.NotRows: {"Unexpected Response from Waldur", "The response is not the list of rows that Waldur's API documents. " + checkURL},
	waldur.BadRow: {"Unexpected Row from Waldur", "The row does not have the format of Waldur's API, so its numbers cannot be trusted. Report it to the " +
		"operator of the Waldur server. If you do not need the column, try to leave it out with fields."},
	waldur.FilterIgnored: {"Filters Ignored by Waldur", "The server returned rows that were not requested. A proxy may have removed the query. " + checkURL},
	waldur.NoCount: {"No Usable X-Result-Count Header", "Without this header, the provider cannot tell whether rows are missing. Waldur always sends it, so " +
		"a proxy may have changed it: configure the proxy to pass it on. " + checkURL},

	waldur.TooManyRows:  {"Too Many Rows to Read", readLess},
	waldur.TooManyPages: {"Too Many Rows to Read", readLess},
	waldur.RowsMissing:  {"Incomplete List from Waldur", stopped + readLess},
	waldur.DataChanges:  {"Waldur Data Keeps Changing", stopped + "Waldur may be writing usage, or replicas may respond in turn: run the command again later."},
	waldur.NoRows:       {"No Rows in Waldur", ""},
	waldur.UnknownLimitPeriod: {"Unknown Limit Period", "The provider cannot tell which months to add up for this limit, and a guess could give a wrong " +
		"number. Leave out usage_period, or select other components with the filters. If your Waldur has this limit period, please report it."},
}

// Titles that several explanations share.
const untrusted, noEndpoint = "Server Certificate Not Trusted", "Waldur Usage Endpoint Not Found"

// readFailure is what is needed to explain a failed read.
type readFailure struct {
	connection  *connection
	query       waldur.Query
	arguments   map[string]tftypes.Value
	timeout     time.Duration // of the whole read
	interrupted bool
}

// report reports the error of a read: the cause, what to do, and the request.
func (f *readFailure) report(err error, diags *diag.Diagnostics) {
	failed, ok := errors.AsType[*waldur.Error](err)
	if !ok {
		diags.AddError("Unexpected Read Error", sentence(err.Error())+"\n\n"+reportFault)
		return
	}
	if f.interrupted {
		failed.Cause = waldur.Canceled
	}
	request := "Request: " + failed.Request.String()
	if failed.Cause == waldur.FilterRefused {
		f.reportFilters(failed, request, diags)
		return
	}
	diags.AddError(explanations[failed.Cause].title, sentence(failed.Problem())+"\n\n"+f.advise(failed)+"\n\n"+request)
}

// reportFilters reports parameters that the server refused, each at its argument if that is set.
func (f *readFailure) reportFilters(failed *waldur.Error, request string, diags *diag.Diagnostics) {
	for _, parameter := range slices.Sorted(maps.Keys(failed.Refused)) {
		argument := parameter
		if parameter == "field" {
			argument = "fields"
		}
		problem := sentence(fmt.Sprintf("the server refused the value of %s: %q", argument, failed.Refused[parameter]))
		if f.isSet(argument) {
			diags.AddAttributeError(path.Root(argument), "Filter Refused by Waldur", problem+"\n\nCorrect the argument, or leave it out.\n\n"+request)
		} else {
			diags.AddError(explanations[waldur.BadRequest].title, problem+"\n\n"+notSupported+"\n\n"+request)
		}
	}
}

// isSet reports whether an argument is set in the configuration.
func (f *readFailure) isSet(argument string) bool {
	value, known := f.arguments[argument]
	return known && !value.IsNull()
}

// advise says what to do.
func (f *readFailure) advise(failed *waldur.Error) string {
	advice := explanations[failed.Cause].advice
	switch failed.Cause {
	case waldur.ReadTimedOut:
		if failed.Previous != nil {
			advice = timeLimit + "Earlier attempts failed: fix the cause of the failure first. " + checkRunning
		}
	case waldur.TooManyPages, waldur.RowsMissing:
		if f.isSet("page_size") {
			advice = strings.Replace(advice, readLess, "Raise page_size, or leave it out. Or r"+readLess[1:], 1)
		}
	case waldur.Moved, waldur.Redirected, waldur.WantsTLS:
		if isUnencrypted(f.connection.client.URL) {
			advice += " This request sent the token without encryption: anyone on the network path could read it, so replace it."
		}
	case waldur.Forbidden:
		if strings.Contains(failed.Detail, "active session") {
			advice = "Log in to Waldur in a browser once as this user, then run the command again. Waldur accepts OIDC access tokens only after that."
		}
	case waldur.Unauthorized:
		advice = f.adviseUnauthorized(failed.Detail)
	case waldur.NoRows:
		advice = f.adviseNoRows(failed, time.Now())
	}
	advice = adviseWait(advice, failed)
	if failed.OutOfTime {
		advice += " The read had no time left for another attempt: raise timeouts.read (now {timeout})."
	}
	proxy := cmp.Or(f.connection.client.Proxy, &url.URL{}).Host
	return strings.NewReplacer("{url}", f.connection.urlSource, "{timeout}", f.timeout.String(), "{proxy}", proxy, "{address}", failed.Address).Replace(advice)
}

// adviseWait completes "again later{, or …}". If the server asked to wait for longer than the
// provider waits, or the read had no time to wait, the other advice does not help.
func adviseWait(advice string, failed *waldur.Error) string {
	before, rest, found := strings.Cut(advice, "again later{")
	if !found {
		return advice
	}
	otherwise, after, _ := strings.Cut(rest, "}")
	if failed.OutOfTime || failed.RetryAfter > 0 && !failed.Temporary {
		otherwise = ""
	}
	when := "again later"
	if failed.RetryAfter > 0 {
		when = "again after " + time.Now().Add(failed.RetryAfter).Format(time.RFC1123) + ", as the server asked"
	}
	return before + when + otherwise + after
}

// adviseUnauthorized says what can be wrong with the token. The same text has several causes.
func (f *readFailure) adviseUnauthorized(detail string) string {
	token := f.connection.client.Token
	renew := " " + f.connection.renewToken
	switch kind := token.Kind(); {
	case strings.Contains(detail, "credentials were not provided"):
		return "The provider sent the token, but Waldur did not receive it: configure the proxy or gateway in front of it to pass on the Authorization header."
	case strings.Contains(detail, "inactive or deleted"):
		return "The user is deactivated in Waldur. Ask Waldur staff to activate the user, or use the token of another user." + renew
	case strings.Contains(detail, "configuration is incomplete"), strings.Contains(detail, "identifier field"):
		return "This server does not accept tokens of this identity provider. Ask the operator of the server, or use a personal access token." + renew
	case strings.Contains(strings.ToLower(detail), "introspection"):
		return "Waldur could not check the token with its identity provider, which may be temporarily down. Run the command again later. If it fails again, " +
			"ask the operator of the Waldur server, or use a personal access token." + renew
	case kind == waldur.PersonalAccessToken && strings.Contains(detail, "JWT"):
		return "Personal access tokens may be switched off on this server. Ask its operator, or use the API token in the user profile in Waldur." + renew
	case kind == waldur.PersonalAccessToken && !token.Expiry().IsZero() && token.Expiry().Before(time.Now()):
		return fmt.Sprintf("The personal access token expired on %s. Create a new one in the user profile in Waldur.",
			token.Expiry().UTC().Format(time.RFC1123)) + renew
	case kind == waldur.PersonalAccessToken:
		return "The personal access token may have expired or been revoked, it may not be allowed from this network, or its user may be inactive or not " +
			"allowed to use such tokens. Check it in the user profile in Waldur, or create a new one there." + renew
	case kind == waldur.OIDCToken:
		return "The OIDC access token may have expired, or its user may be inactive. Get a new one from the identity provider." + renew
	}
	return "An API token expires, by default, 30 to 60 minutes after its last use. Copy a new one from the user profile in Waldur. For pipelines, create a " +
		"personal access token (w_…) there instead." + renew
}

// adviseNoRows names only what can be the reason, the most likely one first.
func (f *readFailure) adviseNoRows(failed *waldur.Error, now time.Time) string {
	this := waldur.MonthOf(now)
	first, last := f.query.BillingPeriod, f.query.BillingPeriod // of the months that were read
	if ranged := !f.query.Start.IsZero() || !f.query.End.IsZero(); ranged {
		first, last = f.query.Start, f.query.End
	} else if first.IsZero() {
		first, last = this, this
	}
	var reasons []string
	switch {
	case len(failed.Types) > 0: // without the filter component_type, there are rows
		return adviseTypes(f.query.ComponentType, failed.Types)
	case first.Compare(this) > 0:
		return fmt.Sprintf("%s is in the future: this month is %s in UTC.", first, this)
	case first == this && now.UTC().Day() == 1 && !f.query.Latest:
		reasons = append(reasons, "Waldur sums up usage once a day. Until it has done so, a new month has no rows: use billing_period = \"latest\".")
	case !last.IsZero() && last.Compare(this) < 0:
		reasons = append(reasons, "Waldur has no rows for the months before its upgrade to 8.0.8, unless its operator has rebuilt them.")
	}
	for _, filter := range []struct{ argument, reason string }{
		{"customer_uuid", "customer_uuid is the organization that provides the offerings, not one that consumes them."},
		{"project_uuid", "project_uuid is the project that the offering itself belongs to, not one that consumes it."},
		{"offering_uuid", "The filter offering_uuid may be wrong."},
		{"offering_type", "The filter offering_type may be wrong."},
		{"billing_type", "The filter billing_type may be wrong."},
	} {
		if f.isSet(filter.argument) {
			reasons = append(reasons, filter.reason)
		}
	}
	reasons = append(reasons, "The token's user possibly sees no offerings: the user must have a role in the organization of the offerings, or be staff.")
	return strings.Join(reasons, "\n\n")
}

// adviseTypes says which component types there are, by their identifiers and names.
func adviseTypes(wanted string, types map[string]string) string {
	identifiers := slices.Sorted(maps.Keys(types))
	for _, identifier := range identifiers {
		if strings.EqualFold(types[identifier], wanted) || strings.EqualFold(identifier, wanted) {
			return fmt.Sprintf("component_type is the identifier of a component: set it to %q (%s).", identifier, types[identifier])
		}
	}
	const most = 20
	shown := strings.Join(identifiers[:min(len(identifiers), most)], ", ")
	if len(identifiers) > most {
		shown += " and others"
	}
	return fmt.Sprintf("Without the filter component_type, there are rows of these types: %s%s.", shown, suggestion(wanted, identifiers))
}
