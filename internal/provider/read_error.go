// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"terraform-provider-waldur/internal/waldur"
)

// parameterArguments are the arguments by the query parameter that they are sent
// as, so that what the server says of one can be reported at the other.
var parameterArguments = map[string]string{
	"billing_period": "billing_period", "start": "start", "end": "end",
	"offering_uuid": "offering_uuid", "customer_uuid": "customer_uuid", "project_uuid": "project_uuid",
	"offering_type": "offering_type", "component_type": "component_type", "billing_type": "billing_type",
	"field": "fields", "page_size": "page_size",
}

// reportReadError reports why a read failed and what to do about it: at the
// arguments if the server refuses those, and else of the read as a whole.
func reportReadError(ctx context.Context, err error, timeout time.Duration, diags *diag.Diagnostics) {
	var filter *waldur.FilterError
	if errors.As(err, &filter) {
		reportFilters(filter, diags)
		return
	}
	summary, advice := explain(ctx, err, timeout)
	diags.AddError(summary, fmt.Sprintf("%s.\n\n%s", strings.TrimSuffix(err.Error(), "."), advice))
}

func reportFilters(err *waldur.FilterError, diags *diag.Diagnostics) {
	for _, parameter := range slices.Sorted(maps.Keys(err.Problems)) {
		words := strings.Join(err.Problems[parameter], " ")
		if argument, ok := parameterArguments[parameter]; ok {
			diags.AddAttributeError(path.Root(argument), "Filter Refused by Waldur",
				fmt.Sprintf("%s: Waldur refuses the value of %s and says: %s\n\nCorrect the argument, or leave it out.", err.Asked, argument, words))
		} else {
			diags.AddError("Request Refused by Waldur",
				fmt.Sprintf("%s: Waldur says of %s: %s\n\nCheck the filters; if they are right, this Waldur may not be one that the provider knows.", err.Asked, parameter, words))
		}
	}
}

// explain returns what went wrong in a few words, and what to do.
func explain(ctx context.Context, err error, timeout time.Duration) (summary, advice string) {
	var (
		status     *waldur.StatusError
		html       *waldur.HTMLError
		body       *waldur.BodyError
		row        *waldur.RowError
		redirect   *waldur.RedirectError
		lost       *waldur.LostQueryError
		connection *waldur.ConnectionError
		incomplete *waldur.IncompleteError
	)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "Read of Waldur Canceled", "The read was interrupted. Run the command again."
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "Read of Waldur Timed Out", explainTimeout(err, timeout)
	case errors.As(err, &status):
		return explainStatus(ctx, status)
	case errors.As(err, &html):
		return "Not the API of a Waldur", "This looks like a web front end and not the API: it answers any address with a page. " + checkURL
	case errors.As(err, &redirect):
		return "Redirect Refused", explainRedirect(redirect)
	case errors.As(err, &lost):
		return "Filters Lost on the Way to Waldur", "The answer is not one to what was asked, as if the query, with its filters, had not reached the Waldur. " + checkURL
	case errors.As(err, &connection):
		return explainConnection(connection)
	case errors.As(err, &incomplete):
		return "Incomplete List from Waldur", "Rather than leave rows out without a sign, the read ends here. " +
			"Narrow the filters, such as by offering_uuid or to fewer months, so that fewer rows are read at a time; " +
			"if Waldur's own jobs are writing usage just now, run the command again later."
	case errors.As(err, &row):
		return "Unexpected Row from Waldur", "The row is not as Waldur's API documents it, so its numbers cannot be trusted. " +
			"Report it to those who run this Waldur. If the field is not needed, leave it out with fields."
	case errors.As(err, &body) && body.TooLarge:
		return "Answer from Waldur Too Large", "More is not read of an answer. A page of 300 rows usually has some 200 KB: lower page_size, or leave columns out with fields."
	case errors.As(err, &body):
		return "Unexpected Answer from Waldur", "The answer is not the list of rows that Waldur's API documents. " + checkURL
	}
	return "Waldur Cannot Be Read", "This is a fault of the provider. Please report it."
}

const checkURL = "Check url in the provider block (or " + urlVariable + "), and whatever is between here and the Waldur, such as a proxy."

func explainTimeout(err error, timeout time.Duration) string {
	limit := fmt.Sprintf("The whole read may take %s. ", timeout)
	var connection *waldur.ConnectionError
	if errors.As(err, &connection) && connection.Before != "" {
		limit += "Its requests failed before that ran out: see to that first. " + checkURL + " "
	}
	return limit + "If this Waldur is slow, allow for more with a timeouts block, such as timeouts { read = \"15m\" }, or read less: " +
		"narrow the filters or set fields."
}

func explainRedirect(err *waldur.RedirectError) string {
	const notSent = "The token was not sent there. "
	if !err.Elsewhere {
		return checkURL
	}
	if err.Root == "" {
		return notSent + "It is not the address of the Waldur's API; it may be that of a login page. " + checkURL
	}
	return notSent + fmt.Sprintf("If the Waldur is there, set url in the provider block (or %s) to %s.", urlVariable, err.Root)
}

func explainStatus(ctx context.Context, err *waldur.StatusError) (summary, advice string) {
	page := ""
	if err.HTML {
		page = "The answer is an HTML page: this looks like a web front end or a proxy, and not the API. "
	}
	switch code := err.StatusCode; {
	case err.HTML && (code == http.StatusUnauthorized || code == http.StatusForbidden):
		return "Access Denied before Waldur", "The answer is an HTML page, so it is not Waldur's API that denies access, but something in front of it, such as a proxy or a firewall. " + checkURL
	case code == http.StatusUnauthorized:
		return "Token Refused by Waldur", "Set a valid token as token in the provider block or in the environment variable " + tokenVariable + ". " +
			"Waldur's tokens expire by default an hour after their last use; a new one is in the user's profile."
	case code == http.StatusForbidden:
		return "Access Denied by Waldur", "The token is valid, and its user may not read this. Use the token of a user with a role in the offerings' organization, or of Waldur's staff."
	case code == http.StatusNotFound:
		return "Endpoint Not Found at This Waldur", page + "The endpoint came with Waldur 8.0.8: either this Waldur is older, or the address is wrong. " + checkURL
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable && err.RetryAfter > 0:
		return "Waldur Asks to Wait", explainWait(ctx, err)
	case code >= http.StatusInternalServerError:
		return "Waldur Failed to Answer", "The server, or a proxy in front of it, has a fault. Try again later, or ask those who run this Waldur; a smaller page_size helps where large pages time out."
	}
	return "Unexpected Answer from Waldur", page + checkURL
}

func explainWait(ctx context.Context, err *waldur.StatusError) string {
	until := fmt.Sprintf("The server asks to wait %s", err.RetryAfter.Round(time.Second))
	if err.RetryAfter > 24*time.Hour {
		until = "The server asks to wait until " + time.Now().Add(err.RetryAfter).Format(time.RFC1123)
	}
	deadline, ok := ctx.Deadline()
	switch {
	case err.RetryAfter == 0:
		return "Run the command again later, raise max_retries in the provider block, or read less: narrow the filters."
	case ok && time.Until(deadline) < err.RetryAfter:
		return until + ", which is longer than the read has left, so it was not tried again. Run the command again then, or raise the read's timeouts."
	}
	return until + ". Run the command again then, or raise max_retries in the provider block."
}

func explainConnection(err *waldur.ConnectionError) (summary, advice string) {
	switch {
	case err.Untrusted():
		return "Certificate of the Waldur Not Trusted", "If the certificate comes from a private authority, set ca_cert_pem in the provider block to that authority's certificate, such as with file(\"ca.pem\"). " +
			"If it has expired or is for another host, it must be renewed or url corrected."
	case err.TimedOut:
		return "No Answer from Waldur in Time", "One attempt may take as long as request_timeout in the provider block says. " +
			"Check that the address is right and can be reached from here; if this Waldur is slow, raise request_timeout, or lower page_size."
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "Answer from Waldur Broke Off", "The connection ended in the middle of an answer. Run the command again; if it happens again, " +
			"look at what is between here and the Waldur, such as a proxy, or lower page_size."
	}
	return "Waldur Cannot Be Reached", checkURL
}
