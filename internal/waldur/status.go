package waldur

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxErrorBodyBytes is how much is read of the body of an error response.
	maxErrorBodyBytes = 64 << 10
	// maxRefused is the maximum number of refused parameters to report.
	maxRefused = 10
	// maxRetryAfter is the longest wait in a Retry-After header that the client obeys.
	maxRetryAfter = time.Minute
)

// retriesStatus reports whether a request is retried after a response with this status.
func retriesStatus(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code/100 == 5 && code != http.StatusNotImplemented
}

// statusCauses are the causes of statuses that say enough by themselves: for a response of Waldur's
// API, whose body is JSON, and for any other response.
var statusCauses = map[int]struct{ api, other Cause }{
	http.StatusBadRequest:                  {BadRequest, HostRefused},
	http.StatusUnauthorized:                {Unauthorized, PageDenied},
	http.StatusForbidden:                   {Forbidden, PageDenied},
	http.StatusNotFound:                    {NotFound, PageNotFound},
	http.StatusRequestTimeout:              {StatusTimeout, StatusTimeout},
	http.StatusMisdirectedRequest:          {HostRefused, HostRefused},
	http.StatusTooManyRequests:             {RateLimited, RateLimited},
	http.StatusRequestHeaderFieldsTooLarge: {HeadersTooLarge, HeadersTooLarge},
}

// wantsTLS matches what Go, nginx, Apache and Tomcat say to plain HTTP at a port for TLS.
var wantsTLS = regexp.MustCompile(`(HTTP request (was sent )?to|speaking plain HTTP to|host and port requires) (an )?(HTTPS|SSL|TLS)`)

const wantsTLSText = "the address begins with http, but the server speaks TLS at this port"

// statusError returns the error of a status other than 200. path is the request's, below the root.
func (c *Client) statusError(resp *http.Response, path string) *Error {
	if resp.StatusCode/100 == 3 && resp.Header.Get("Location") != "" {
		return c.redirectError(resp, path)
	}
	var body []byte
	encoding := resp.Header.Get("Content-Encoding") // net/http removes a gzip that it decodes
	if resp.StatusCode >= http.StatusOK {           // the body of a 101 response is the connection
		var err error
		if body, err = io.ReadAll(io.LimitReader(resp.Body, maxErrorBodyBytes)); isCorrupt(err) {
			encoding = "gzip"
		}
	}
	failed := &Error{Cause: OtherStatus, Text: "the server responded with " + c.redactor.excerpt(resp.Status)}
	if retriesStatus(resp.StatusCode) {
		failed.RetryAfter = parseRetryAfter(resp.Header)
		failed.Temporary = failed.RetryAfter <= maxRetryAfter
	}
	unreadable := encoding != "" && !strings.EqualFold(encoding, "identity")
	isPage := isHTML(resp.Header, body)
	isOther := isPage || !unreadable && !isJSON(body)
	detail, refused := parseProblem(body)
	switch causes, known := statusCauses[resp.StatusCode]; {
	case known && isOther:
		failed.Cause = causes.other
	case known:
		failed.Cause = causes.api
	case resp.StatusCode >= http.StatusInternalServerError:
		failed.Cause = ServerError
	}
	if isPage {
		detail, refused = pageTitle(body), nil
	}
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		c.explainLogin(failed, resp.Header)
	case resp.StatusCode != http.StatusBadRequest:
	case c.URL.Scheme == "http" && wantsTLS.Match(body):
		failed.set(WantsTLS, wantsTLSText)
		return failed
	case isOther && strings.Contains(detail, "Too Large"): // nginx
		failed.Cause = HeadersTooLarge
	case len(refused) > 0:
		failed.refuse(refused, c.redactor)
		return failed
	}
	if failed.Cause == HeadersTooLarge {
		var headers bytes.Buffer
		_ = resp.Request.Header.Write(&headers) // a buffer does not fail
		failed.Text += fmt.Sprintf(" to headers of %d bytes, of which the token has %d", headers.Len(), len(c.Token))
	}
	for _, parameter := range slices.Sorted(maps.Keys(refused)) {
		detail = strings.TrimSpace(detail + " " + parameter + ": " + refused[parameter])
	}
	if unreadable {
		failed.Text += fmt.Sprintf(" and a body that cannot be read: its Content-Encoding is %q", c.redactor.excerpt(encoding))
	} else if failed.Detail = c.redactor.excerpt(detail); failed.Detail != "" {
		failed.Text += fmt.Sprintf(": %q", failed.Detail)
	}
	return failed
}

// explainLogin sets the cause of a 407 response. Its text names the methods that the proxy offers.
func (c *Client) explainLogin(failed *Error, header http.Header) {
	var methods []string
	for _, offer := range header.Values("Proxy-Authenticate") {
		method, _, _ := strings.Cut(offer, " ")
		methods = append(methods, c.redactor.excerpt(method))
	}
	failed.Cause = ProxyLogin
	if len(methods) > 0 {
		failed.Text += "; the login methods that it offers are " + strings.Join(methods, ", ")
		if !slices.ContainsFunc(methods, func(method string) bool { return strings.EqualFold(method, "Basic") }) {
			failed.Cause = ProxyOtherLogin
		}
	}
}

// refuse sets the query parameters that the server refused.
func (e *Error) refuse(refused map[string]string, redactor *redactor) {
	e.Refused = map[string]string{}
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(refused))[:min(len(refused), maxRefused)] {
		parameter, problem := redactor.excerpt(name), redactor.excerpt(refused[name])
		e.Refused[parameter] = problem
		problems = append(problems, fmt.Sprintf("%s: %q", parameter, problem))
	}
	e.set(FilterRefused, "the server refused "+strings.Join(problems, "; "))
}

// redirectError returns the error of a redirect, which is never followed: the token is not resent.
func (c *Client) redirectError(resp *http.Response, path string) *Error {
	text := resp.Header.Get("Location")
	failed := &Error{Cause: Redirected, Text: fmt.Sprintf("the server responded with %s, a redirect to %s",
		c.redactor.excerpt(resp.Status), c.redactor.excerpt(text))}
	location, err := resp.Location()
	if err != nil {
		return failed
	}
	if moved := movedTo(location, c.URL, path); moved != "" && len(text) <= maxSource && c.redactor.excerpt(moved) == moved && c.redactor.redact(text) == text {
		failed.Cause, failed.Address = Moved, moved
	}
	// A gateway may strip the slash at the end, and TLS may end before the server that redirects.
	address := func(u *url.URL) string { return strings.Replace(u.Host+u.RequestURI(), "/?", "?", 1) }
	if address(location) == address(resp.Request.URL) && (location.Scheme == c.URL.Scheme || c.URL.Scheme == "https") {
		failed.Cause = RedirectLoop
	}
	return failed
}

// parseProblem parses the body of an error of the Django REST framework: an object whose members
// are texts or lists of texts. Only lists are about parameters, as in {"PARAMETER": ["…"], …}. It
// returns these by parameter, and all other texts, such as {"detail": "…"}, as one detail. If the
// body has any other form, the whole body is the detail.
func parseProblem(body []byte) (detail string, problems map[string]string) {
	var object map[string]jsontext.Value
	if json.Unmarshal(body, &object) != nil {
		return string(body), nil
	}
	problems = map[string]string{}
	var details []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		var text string
		var texts []string
		isText, isList := json.Unmarshal(object[name], &text) == nil, json.Unmarshal(object[name], &texts) == nil
		switch {
		case !isText && !isList:
			return string(body), nil
		case slices.Contains([]string{"detail", "error", "errors", "message", "non_field_errors"}, name):
			details = append(details, strings.TrimSpace(strings.Join(texts, " ")+" "+text))
		case isList:
			problems[name] = strings.Join(texts, " ")
		default:
			details = append(details, name+": "+text)
		}
	}
	return strings.TrimSpace(strings.Join(details, " ")), problems
}

// movedTo returns the address to configure if a redirect leads to the same path elsewhere, or "".
func movedTo(location, root *url.URL, path string) string {
	if root.Scheme == "https" && location.Scheme == "http" { // never to less security
		return ""
	}
	prefix, _, found := strings.Cut(location.EscapedPath(), "/api/"+path)
	moved := location.Scheme + "://" + location.Host + prefix
	if u, err := ParseURL(moved); !found || err != nil || u.String() == root.String() {
		return ""
	}
	return moved
}

// parseRetryAfter returns the wait in a Retry-After header, which has seconds or a date (RFC 9110,
// section 10.2.3). A date is compared with the response's Date header, since the server's clock may
// differ. It returns 0 without a valid header.
func parseRetryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, date.Sub(now))
}
