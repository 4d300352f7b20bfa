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

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"terraform-provider-waldur/internal/waldur"
)

// parameterArguments are the arguments by query parameter, so that an error of one
// can be reported at the other.
var parameterArguments = map[string]string{
	"billing_period": "billing_period", "start": "start", "end": "end",
	"offering_uuid": "offering_uuid", "customer_uuid": "customer_uuid", "project_uuid": "project_uuid",
	"offering_type": "offering_type", "component_type": "component_type", "billing_type": "billing_type",
	"field": "fields", "page_size": "page_size",
}

const (
	checkURL     = "Check url in the provider block, or " + urlVariable + ". If a proxy, firewall or VPN is involved, check that too."
	checkRunning = "Check that the server is running and that url is correct. If a proxy, firewall or VPN is involved, check that too."
	readLess     = "Read less: narrow the filters, for example to one offering_uuid or to fewer months."
)

// reportReadError reports a failed read: the cause, what to do, and the request.
func (d *componentUsageMonthlyDataSource) reportReadError(ctx context.Context, err error, timeout time.Duration, diags *diag.Diagnostics) {
	var failed *waldur.RequestError
	if !errors.As(err, &failed) {
		diags.AddError("Unknown Failure of the Read", fmt.Sprintf("%s.\n\nThis is a fault of the provider. Please report it.", sentence(err)))
		return
	}
	request := "Request: " + failed.Request.String()
	var filter *waldur.FilterError
	if errors.As(err, &filter) {
		reportFilters(filter, request, diags)
		return
	}
	title, advice := d.explain(ctx, failed, timeout)
	diags.AddError(title, fmt.Sprintf("%s.\n\n%s\n\n%s", sentence(failed.Err), advice, request))
}

// sentence returns the text of an error as a sentence without its period.
func sentence(err error) string {
	text := strings.TrimSuffix(err.Error(), ".")
	return strings.ToUpper(text[:1]) + text[1:]
}

// reportFilters reports parameters that the server refused at their arguments.
func reportFilters(err *waldur.FilterError, request string, diags *diag.Diagnostics) {
	for _, parameter := range slices.Sorted(maps.Keys(err.Problems)) {
		words := err.Problems[parameter]
		if argument, ok := parameterArguments[parameter]; ok {
			diags.AddAttributeError(path.Root(argument), "Filter Refused by Waldur",
				fmt.Sprintf("The server refused the value of %s: %q.\n\nCorrect the argument, or leave it out.\n\n%s", argument, words, request))
		} else {
			diags.AddError("Request Refused by Waldur",
				fmt.Sprintf("The server refused the request because of %s: %q.\n\nCheck the filters. If they are correct, this version of Waldur may not be supported.\n\n%s", parameter, words, request))
		}
	}
}

// explain returns a title for the cause of a failed read, and what to do.
func (d *componentUsageMonthlyDataSource) explain(ctx context.Context, err *waldur.RequestError, timeout time.Duration) (title, advice string) {
	var (
		status     *waldur.StatusError
		html       *waldur.HTMLError
		body       *waldur.BodyError
		row        *waldur.RowError
		ignored    *waldur.FilterIgnoredError
		count      *waldur.CountError
		tooMany    *waldur.TooManyRowsError
		redirect   *waldur.RedirectError
		connection *waldur.ConnectionError
		incomplete *waldur.IncompleteError
	)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "Read of Waldur Canceled", "The read was interrupted. Run the command again."
	case errors.As(err, &incomplete) && incomplete.Changes > 0:
		return "Waldur Data Keeps Changing", fmt.Sprintf("The read stopped so that no rows are silently missing. Waldur may be writing usage: run the command again later, or raise timeouts.read (now %s).", timeout)
	case errors.Is(err, context.DeadlineExceeded):
		return "Read of Waldur Timed Out", explainTimeout(connectionOf(err), timeout)
	case errors.As(err, &incomplete):
		return "Incomplete List from Waldur", "The read stopped so that no rows are silently missing. " + readLess
	case errors.As(err, &status):
		return d.explainStatus(status, err.OutOfTime, timeout)
	case errors.As(err, &html):
		return "HTML Page Instead of Waldur API", "This looks like a web front end, which returns a page for any address. " + checkURL
	case errors.As(err, &redirect):
		return "Redirect Not Followed", explainRedirect(redirect)
	case errors.As(err, &ignored):
		return "Filters Ignored by Waldur", "The server returned rows that were not requested. A proxy may have removed the query. " + checkURL
	case errors.As(err, &count):
		return "Missing X-Result-Count Header", "Without this header, the provider cannot tell whether rows are missing. Waldur always sends it, so a proxy may have removed it: configure the proxy to pass it on. " + checkURL
	case errors.As(err, &tooMany):
		return "Too Many Rows to Read", readLess
	case errors.As(err, &row):
		return "Unexpected Row from Waldur", "The row does not have the format of Waldur's API, so its numbers cannot be trusted. Report it to the operator of the Waldur server. If you do not need the field, leave it out with fields."
	case errors.As(err, &body) && body.TooLarge:
		return "Response from Waldur Too Large", "A page of 300 rows usually has some 200 KB. Lower page_size, or leave out columns with fields."
	case errors.As(err, &body):
		return "Unexpected Response from Waldur", "The response is not the list of rows that Waldur's API documents. " + checkURL
	case errors.As(err, &connection):
		return explainConnection(connection)
	}
	return "Cannot Read Waldur", "This is a fault of the provider. Please report it."
}

func connectionOf(err error) *waldur.ConnectionError {
	connection := &waldur.ConnectionError{}
	errors.As(err, &connection)
	return connection
}

func explainTimeout(err *waldur.ConnectionError, timeout time.Duration) string {
	limit := fmt.Sprintf("The time limit of the whole read is timeouts.read, now %s. ", timeout)
	if err.Previous != nil {
		return limit + "Earlier attempts failed, so solve that first. " + checkRunning
	}
	return limit + "If the server is slow, raise it, as in timeouts { read = \"15m\" }. Or read less: narrow the filters, or set fields."
}

func explainRedirect(err *waldur.RedirectError) string {
	if err.Root == "" {
		return "The token was not sent. That address is not the Waldur API; it may be a login page. " + checkURL
	}
	return fmt.Sprintf("The token was not sent. If Waldur has moved there, set url in the provider block, or %s, to %q.", urlVariable, err.Root)
}

func (d *componentUsageMonthlyDataSource) explainStatus(err *waldur.StatusError, outOfTime bool, timeout time.Duration) (title, advice string) {
	switch code := err.StatusCode; {
	case err.HTML && (code == http.StatusUnauthorized || code == http.StatusForbidden):
		return "Access Denied by a Proxy", "The response is an HTML page, so it does not come from Waldur's API, but from a proxy or firewall in front of it. " + checkURL
	case code == http.StatusUnauthorized:
		return "Token Refused by Waldur", d.explainUnauthorized(err.Detail)
	case code == http.StatusForbidden && (d.client.TokenKind() == waldur.OIDCToken || strings.Contains(err.Detail, "active session")):
		return "Access Denied by Waldur", "Log in to Waldur in a browser once with this user, then run the command again. Waldur accepts an OIDC access token only for a user who has logged in before."
	case code == http.StatusForbidden:
		return "Access Denied by Waldur", "The token is valid, but its user may not read usage. Use the token of a user with a role in the organization of the offerings, or of staff."
	case code == http.StatusNotFound:
		return "Waldur Usage Endpoint Not Found", "Either Waldur is older than 8.0.8, the first version with this endpoint, or the address is wrong. " + checkURL
	case code == http.StatusTooManyRequests || err.RetryAfter > 0:
		return "Rate Limited by Waldur", explainRetryAfter(err, outOfTime, timeout)
	case code >= http.StatusInternalServerError:
		return "Waldur Server Error", "The server, or a proxy in front of it, failed. Run the command again later, or ask the operator of the Waldur server. If large pages time out, lower page_size."
	}
	return "Unexpected Response from Waldur", checkURL
}

// explainUnauthorized says what can be wrong with the token. The server's own words
// are the same for several causes.
func (d *componentUsageMonthlyDataSource) explainUnauthorized(detail string) string {
	const renew = " Set the new token as token in the provider block, or in the environment variable " + tokenVariable + "."
	switch kind := d.client.TokenKind(); {
	case strings.Contains(strings.ToLower(detail), "introspection"):
		return "Waldur could not check the token with its identity provider, which may only be down for now. Run the command again later. If it fails again, ask the operator of the Waldur server, or use a personal access token."
	case kind == waldur.PersonalAccessToken && strings.Contains(detail, "JWT"):
		return "Personal access tokens may be switched off on this server. Ask its operator, or use the API token in the user's profile in Waldur." + renew
	case kind == waldur.PersonalAccessToken:
		return "The personal access token may have expired or been revoked, it may not be allowed from this network, or its user may be inactive or may not use such tokens. Check it in the user's profile in Waldur, or create a new one there." + renew
	case kind == waldur.OIDCToken:
		return "The OIDC access token may have expired, or its user may be inactive. Get a new one from the identity provider. For an API token, remove token_type." + renew
	}
	return "An API token expires 30 to 60 minutes after its last use by default. A new one is in the user's profile in Waldur. For pipelines, create a personal access token (w_…) there instead." + renew
}

func explainRetryAfter(err *waldur.StatusError, outOfTime bool, timeout time.Duration) string {
	wait := fmt.Sprintf("The server asked to wait %s", err.RetryAfter.Round(time.Second))
	if err.RetryAfter > 24*time.Hour {
		wait = "The server asked to wait until " + time.Now().Add(err.RetryAfter).Format(time.RFC1123)
	}
	switch {
	case err.RetryAfter == 0:
		return "Run the command again later, raise max_retries in the provider block, or read less: narrow the filters."
	case outOfTime:
		return fmt.Sprintf("%s, which is longer than the read has left. Run the command again after that time, or raise timeouts.read (now %s).", wait, timeout)
	case err.RetryAfter > time.Minute:
		return wait + ", which is longer than the provider waits. Run the command again after that time."
	}
	return wait + ". Run the command again after that time, or raise max_retries in the provider block."
}

func explainConnection(err *waldur.ConnectionError) (title, advice string) {
	switch {
	case err.Untrusted():
		return "Server Certificate Not Trusted", "If the certificate comes from a private authority, set ca_cert_pem in the provider block, for example to file(\"ca.pem\"). If it has expired, renew it; if it is for another host, correct url."
	case err.TimedOut:
		return "Request to Waldur Timed Out", checkRunning + " If the server is slow, raise request_timeout in the provider block, or lower page_size."
	case err.Partial:
		return "Incomplete Response from Waldur", "Run the command again. If it fails again, check the proxy or load balancer in front of Waldur, or lower page_size."
	}
	return "Cannot Connect to Waldur", checkRunning
}

// reportEncodingError reports rows that were read, but not handed to Terraform.
func reportEncodingError(ctx context.Context, err error, rows int, timeout time.Duration, diags *diag.Diagnostics) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		diags.AddError("Read of Waldur Canceled", "The read was interrupted after all rows were received.\n\nRun the command again.")
	case errors.Is(err, context.DeadlineExceeded):
		diags.AddError("Read of Waldur Timed Out", "Time ran out after all rows were received.\n\n"+explainTimeout(&waldur.ConnectionError{}, timeout))
	case errors.Is(err, errTooLarge):
		diags.AddError("List Too Large for Terraform", fmt.Sprintf("The list has %d rows, and more than 256 MiB, which is the most that Terraform accepts from a provider.\n\n"+
			"Read less: narrow the filters, or set fields, limit or min_usage_percent.", rows))
	default:
		diags.AddError("Cannot Encode the List", fmt.Sprintf("%s.\n\nThis is a fault of the provider. Please report it.", sentence(err)))
	}
}
