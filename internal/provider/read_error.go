// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
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
	checkURL     = "Check url in the provider block, or " + urlVariable + ". If a proxy, firewall or VPN is involved, check that too."
	checkRunning = "Check that the server is running and that url is correct. If a proxy, firewall or VPN is involved, check that too."
	reportFault  = "This is a bug in the provider. Please report it."
	readLess     = "Read less: narrow the filters, for example to one offering_uuid or to fewer months."
)

// reportReadError reports a failed read: the cause, what to do, and the request.
func (d *componentUsageMonthlyDataSource) reportReadError(ctx context.Context, err error, timeout time.Duration, diags *diag.Diagnostics) {
	failed, ok := errors.AsType[*waldur.RequestError](err)
	if !ok {
		diags.AddError("Unexpected Read Error", sentence(err)+"\n\n"+reportFault)
		return
	}
	request := "Request: " + failed.String()
	if filter, ok := errors.AsType[*waldur.FilterError](err); ok {
		reportFilters(filter, request, diags)
		return
	}
	title, advice := d.explain(ctx, failed, timeout)
	if failed.OutOfTime {
		advice += fmt.Sprintf(" The read had no time left for another attempt: raise timeouts.read (now %s).", timeout)
	}
	diags.AddError(title, sentence(failed.Err)+"\n\n"+advice+"\n\n"+request)
}

// sentence returns the text of an error as a sentence.
func sentence(err error) string {
	first, rest := utf8.DecodeRuneInString(err.Error())
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(err.Error()[rest:], ".") + "."
}

// reportFilters reports parameters that the server refused, each at its argument
// if it has one.
func reportFilters(err *waldur.FilterError, request string, diags *diag.Diagnostics) {
	for _, parameter := range slices.Sorted(maps.Keys(err.Problems)) {
		argument, cause := strings.Replace(parameter, "field", "fields", 1), "The server refused the value of %s: %q.\n\n%s\n\n%s"
		if slices.Contains(filterArguments, argument) {
			diags.AddAttributeError(path.Root(argument), "Filter Refused by Waldur", fmt.Sprintf(cause, argument, err.Problems[parameter], "Correct the argument, or leave it out.", request))
		} else {
			diags.AddError("Request Refused by Waldur", fmt.Sprintf(cause, parameter, err.Problems[parameter], "This version of Waldur may not be supported. Please report it.", request))
		}
	}
}

// explain returns a title for the cause of a failed read, and what to do.
func (d *componentUsageMonthlyDataSource) explain(ctx context.Context, failed *waldur.RequestError, timeout time.Duration) (title, advice string) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return "Read from Waldur Canceled", "The read was interrupted. Run the command again."
	}
	switch err := failed.Err.(type) { //nolint:errorlint // the cause is one of these types, unwrapped
	case *waldur.IncompleteError:
		if err.Changes > 0 {
			return "Waldur Data Keeps Changing", fmt.Sprintf("The read stopped so that no rows are silently missing. Waldur may be writing usage: run the command again later, or raise timeouts.read (now %s).", timeout)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return explainTimeout(nil, timeout)
		}
		return "Incomplete List from Waldur", "The read stopped so that no rows are silently missing. " + readLess
	case *waldur.ConnectionError:
		return explainConnection(err, timeout)
	case *waldur.StatusError:
		return d.explainStatus(err)
	case *waldur.RedirectError:
		return "Redirect Not Followed", explainRedirect(err)
	case *waldur.HTMLError:
		return "HTML Page Instead of Waldur API", "This looks like a web front end, which returns a page for any address. " + checkURL
	case *waldur.FilterIgnoredError:
		return "Filters Ignored by Waldur", "The server returned rows that were not requested. A proxy may have removed the query. " + checkURL
	case *waldur.CountError:
		return "No Usable X-Result-Count Header", "Without this header, the provider cannot tell whether rows are missing. Waldur always sends it, so a proxy may have removed it: configure the proxy to pass it on. " + checkURL
	case *waldur.TooManyRowsError:
		return "Too Many Rows to Read", readLess
	case *waldur.RowError:
		return "Unexpected Row from Waldur", "The row does not have the format of Waldur's API, so its numbers cannot be trusted. Report it to the operator of the Waldur server. If you do not need the field, leave it out with fields."
	case *waldur.BodyError:
		if err.TooLarge {
			return "Response from Waldur Too Large", "A page of 300 rows usually has about 200 KB. Lower page_size, or leave out columns with fields."
		}
		return "Unexpected Response from Waldur", "The response is not the list of rows that Waldur's API documents. " + checkURL
	}
	return "Unexpected Read Error", reportFault
}

func explainTimeout(previous error, timeout time.Duration) (title, advice string) {
	advice = fmt.Sprintf("The time limit of the whole read is timeouts.read, now %s. ", timeout)
	if previous != nil {
		return "Read from Waldur Timed Out", advice + "Earlier attempts failed: fix the cause of that first. " + checkRunning
	}
	return "Read from Waldur Timed Out", advice + "If the server is slow, raise it, as in timeouts { read = \"15m\" }. Or read less: narrow the filters, or set fields."
}

func explainRedirect(err *waldur.RedirectError) string {
	if err.Root == "" {
		return "The token was not sent. That address is not the Waldur API; it may be a login page. " + checkURL
	}
	return fmt.Sprintf("The token was not sent. If Waldur has moved there, set url in the provider block, or %s, to %q.", urlVariable, err.Root)
}

func (d *componentUsageMonthlyDataSource) explainStatus(err *waldur.StatusError) (title, advice string) {
	switch code := err.StatusCode; {
	case err.HTML && (code == http.StatusUnauthorized || code == http.StatusForbidden):
		return "Access Denied by a Proxy", "The response is an HTML page, so it does not come from Waldur's API, but from a proxy or firewall in front of it. " + checkURL
	case code == http.StatusUnauthorized:
		return "Token Refused by Waldur", d.explainUnauthorized(err.Detail)
	case code == http.StatusForbidden && strings.Contains(err.Detail, "active session"):
		return "Access Denied by Waldur", "Log in to Waldur in a browser once with this user, then run the command again. Waldur accepts an OIDC access token only for a user who has logged in before."
	case code == http.StatusForbidden:
		return "Access Denied by Waldur", "The token is valid, but its user may not read usage. Use the token of a user with a role in the organization of the offerings, or of staff."
	case code == http.StatusNotFound:
		return "Waldur Usage Endpoint Not Found", "Either Waldur is older than 8.0.8, the first version with this endpoint, or the address is wrong. " + checkURL
	case code == http.StatusTooManyRequests || err.RetryAfter > 0:
		return "Rate Limited by Waldur", explainRetryAfter(err)
	case code >= http.StatusInternalServerError:
		return "Waldur Server Error", "The server, or a proxy in front of it, failed. Run the command again later, or ask the operator of the Waldur server. If large pages time out, lower page_size."
	}
	return "Unexpected Response from Waldur", checkURL
}

// explainUnauthorized says what can be wrong with the token. The server sends the
// same text for several causes.
func (d *componentUsageMonthlyDataSource) explainUnauthorized(detail string) string {
	const renew = " Set the new token as token in the provider block, or in the environment variable " + tokenVariable + "."
	switch kind := d.client.TokenKind(); {
	case strings.Contains(strings.ToLower(detail), "introspection"):
		return "Waldur could not check the token with its identity provider, which may be temporarily down. Run the command again later. If it fails again, ask the operator of the Waldur server, or use a personal access token."
	case kind == waldur.PersonalAccessToken && strings.Contains(detail, "JWT"):
		return "Personal access tokens may be switched off on this server. Ask its operator, or use the API token in the user's profile in Waldur." + renew
	case kind == waldur.PersonalAccessToken:
		return "The personal access token may have expired or been revoked, it may not be allowed from this network, or its user may be inactive or may not use such tokens. Check it in the user's profile in Waldur, or create a new one there. If token_type is set, leave it out." + renew
	case kind == waldur.OIDCToken:
		return "The OIDC access token may have expired, or its user may be inactive. Get a new one from the identity provider. For an API token, remove token_type." + renew
	}
	return "An API token expires 30 to 60 minutes after its last use by default. A new one is in the user's profile in Waldur. For pipelines, create a personal access token (w_…) there instead." + renew
}

func explainRetryAfter(err *waldur.StatusError) string {
	if err.RetryAfter == 0 {
		return "Run the command again later, raise max_retries in the provider block, or read less: narrow the filters."
	}
	until := time.Now().Add(err.RetryAfter).Format(time.RFC1123)
	if err.RetryAfter > time.Minute {
		return fmt.Sprintf("The server asked to wait until %s, which is longer than the provider waits. Run the command again after that time.", until)
	}
	return fmt.Sprintf("The server asked to wait until %s. Run the command again after that time, or raise max_retries in the provider block.", until)
}

func explainConnection(err *waldur.ConnectionError, timeout time.Duration) (title, advice string) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return explainTimeout(err.Previous, timeout)
	case err.Untrusted():
		return "Server Certificate Not Trusted", "If the certificate comes from a private authority, set ca_cert_pem in the provider block, for example to file(\"ca.pem\"). If it has expired, renew it; if it is for another host, correct url."
	case err.TimedOut:
		return "Request to Waldur Timed Out", checkRunning + " If the server is slow, raise request_timeout in the provider block, or lower page_size."
	case err.Partial:
		return "Incomplete Response from Waldur", "Run the command again. If it fails again, check the proxy or load balancer in front of Waldur, or lower page_size."
	}
	return "Cannot Connect to Waldur", checkRunning
}

// reportEncodingError reports rows that were read, but not passed to Terraform.
func reportEncodingError(ctx context.Context, err error, rows int, timeout time.Duration, diags *diag.Diagnostics) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		title, advice := explainTimeout(nil, timeout)
		diags.AddError(title, "The time limit was reached after all rows were received.\n\n"+advice)
	case ctx.Err() != nil:
		diags.AddError("Read from Waldur Canceled", "The read was interrupted after all rows were received.\n\nRun the command again.")
	case errors.Is(err, errTooLarge):
		diags.AddError("List Too Large for Terraform", fmt.Sprintf("The list has %d rows, and more than 256 MiB, which is the most that Terraform accepts from a provider.\n\n"+
			"Read less: narrow the filters, or set fields, limit or min_usage_percent.", rows))
	default:
		diags.AddError("Unexpected Read Error", sentence(err)+"\n\n"+reportFault)
	}
}
