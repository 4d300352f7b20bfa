// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"html"
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
	// maxBodyBytes is the largest response. A page of 300 rows has about 200 KB.
	maxBodyBytes = 8 << 20
	// maxRows is the largest number of rows in a list.
	maxRows = 1_000_000
	// maxErrorBodyBytes is how much is read of the body of an error response.
	maxErrorBodyBytes = 64 << 10
	// maxProblems is the maximum number of refused parameters to report.
	maxProblems = 10
	// maxRetryAfter is the longest wait that a Retry-After header can ask for.
	maxRetryAfter = time.Minute
)

// Response is a 200 response to a request, as [Client.Get] returns it.
type Response struct {
	Request Request
	Header  http.Header
	Body    []byte

	redactor *redactor
}

// Count returns the number of rows on all pages of a list, by its X-Result-Count header.
// The error is a [*CountError] or a [*TooManyRowsError].
func (r *Response) Count() (int, error) {
	values := slices.Compact(slices.Clone(r.Header.Values("X-Result-Count")))
	if len(values) != 1 {
		return 0, &CountError{Value: r.redactor.excerpt(strings.Join(values, ", "))}
	}
	count, err := strconv.ParseUint(values[0], 10, 63)
	if count > maxRows { // also if it is out of range
		return 0, &TooManyRowsError{Count: r.redactor.excerpt(values[0]), Limit: fmt.Sprintf("%d rows", maxRows)}
	}
	if err != nil {
		return 0, &CountError{Value: r.redactor.excerpt(values[0])}
	}
	return int(count), nil
}

// retriesStatus reports whether a response with this status is requested again.
func retriesStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return code/100 == 5 && code != http.StatusNotImplemented
}

// readBody reads the body of a 200 response. The error is a [*BodyError] if the body
// cannot be used, and [io.ErrUnexpectedEOF] if the connection ended within it. Another
// attempt may succeed after other errors, such as those of damaged gzip.
func readBody(resp *http.Response, redactor *redactor) ([]byte, error) {
	encoding := resp.Header.Get("Content-Encoding") // net/http removes a gzip that it decodes
	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, &BodyError{Problem: fmt.Sprintf("has the Content-Encoding %q, which was not requested", redactor.excerpt(encoding)), Encoded: true}
	}
	var body bytes.Buffer
	body.Grow(int(min(max(resp.ContentLength, 0), maxBodyBytes)) + bytes.MinRead)
	_, err := body.ReadFrom(io.LimitReader(resp.Body, maxBodyBytes+1))
	switch {
	case isCorrupt(err) && body.Len() == 0:
		return nil, &BodyError{Problem: `has the Content-Encoding "gzip", but is not compressed in that way`, Encoded: true}
	case body.Len() > maxBodyBytes:
		return nil, &BodyError{Problem: fmt.Sprintf("is larger than %d MiB", maxBodyBytes>>20), TooLarge: true}
	case err == nil && resp.ContentLength < 0 && !resp.Uncompressed && len(resp.TransferEncoding) == 0:
		// Only the end of the connection ends this body, so it may have been cut.
		_, err = jsontext.NewDecoder(bytes.NewReader(body.Bytes())).ReadValue()
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			err = nil
		} else {
			err = io.ErrUnexpectedEOF
		}
	}
	return body.Bytes(), err
}

// isCorrupt reports whether a body that is labelled as gzip is damaged, or is not gzip.
func isCorrupt(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}

// wantsTLS has the texts of servers that got plain HTTP at a port for TLS: Go and
// Caddy, nginx, Apache, and Tomcat.
var wantsTLS = regexp.MustCompile(`HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port|` +
	`speaking plain HTTP to an SSL-enabled|host and port requires TLS`)

// nginx has these texts, in a page, for clients without a certificate and with a bad one.
const (
	wantsCertificate   = "No required SSL certificate was sent"
	refusesCertificate = "The SSL certificate error"
)

// badRequest returns the error of a 400 response that is about the connection, or nil.
func badRequest(body []byte, root *url.URL) error {
	switch {
	case root.Scheme == "http" && wantsTLS.Match(body):
		return &SchemeError{Scheme: root.Scheme}
	case bytes.Contains(body, []byte(wantsCertificate)):
		return &ClientCertificateError{Reason: wantsCertificate}
	case bytes.Contains(body, []byte(refusesCertificate)):
		return &ClientCertificateError{Reason: refusesCertificate, Sent: true}
	}
	return nil
}

// statusError returns the error of a response with a status other than 200. root is
// the root of the API, and path the path of the request below it.
func statusError(resp *http.Response, root *url.URL, path string, redactor *redactor) error {
	var body []byte
	encoding := resp.Header.Get("Content-Encoding") // net/http removes a gzip that it decodes
	if resp.StatusCode >= http.StatusOK {           // the body of a 101 response is the connection
		var err error
		if body, err = io.ReadAll(io.LimitReader(resp.Body, maxErrorBodyBytes)); isCorrupt(err) {
			encoding = "gzip"
		}
	}
	status := redactor.excerpt(resp.Status)
	if location := resp.Header.Get("Location"); location != "" && resp.StatusCode/100 == 3 {
		e := &RedirectError{Status: status, Location: redactor.excerpt(location)}
		if moved := movedTo(resp, root, path); redactor.excerpt(moved) == moved {
			e.Root = moved
		}
		return e
	}
	if resp.StatusCode == http.StatusBadRequest {
		if err := badRequest(body, root); err != nil {
			return err
		}
	}
	e := &StatusError{StatusCode: resp.StatusCode, Status: status, HTML: isHTML(resp.Header, body)}
	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		e.Encoding = redactor.excerpt(encoding)
	}
	detail, problems := parseProblem(body)
	switch {
	case e.HTML:
		detail = pageTitle(body)
	case resp.StatusCode == http.StatusBadRequest && len(problems) > 0:
		refused := map[string]string{}
		for _, parameter := range slices.Sorted(maps.Keys(problems))[:min(len(problems), maxProblems)] {
			refused[redactor.excerpt(parameter)] = redactor.excerpt(problems[parameter])
		}
		return &FilterError{Problems: refused}
	}
	for _, parameter := range slices.Sorted(maps.Keys(problems)) {
		detail = strings.TrimSpace(detail + " " + parameter + ": " + problems[parameter])
	}
	e.Detail = redactor.excerpt(detail)
	if retriesStatus(resp.StatusCode) {
		e.RetryAfter = parseRetryAfter(resp.Header)
	}
	return e
}

// parseProblem parses the body of an error of the Django REST framework: an object
// whose members are texts or lists of texts. Only lists are about parameters, as in
// {"PARAMETER": ["…"], …}. It returns them by parameter, and all other texts, such as
// {"detail": "…"}, as one. It returns a body of any other form as that text.
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

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// pageTitle returns the title of an HTML page, or "".
func pageTitle(body []byte) string {
	if match := titleTag.FindSubmatch(body[:min(len(body), maxErrorBodyBytes)]); match != nil {
		return html.UnescapeString(string(match[1]))
	}
	return ""
}

// isHTML reports whether a response is an HTML page. It also checks the body,
// because not every web front end sets the Content-Type.
func isHTML(header http.Header, body []byte) bool {
	return strings.HasPrefix(header.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

// movedTo returns the address to configure if a redirect points to the same path of
// an API with another root, otherwise "".
func movedTo(resp *http.Response, root *url.URL, path string) string {
	location, err := resp.Location()
	if err != nil || root.Scheme == "https" && location.Scheme == "http" { // never to less security
		return ""
	}
	prefix, _, found := strings.Cut(location.EscapedPath(), "/api/"+path)
	moved := location.Scheme + "://" + location.Host + prefix
	if u, err := ParseURL(moved); !found || err != nil || u.String() == root.String() {
		return ""
	}
	return moved
}

// parseRetryAfter returns the wait in a Retry-After header, which has seconds or a
// date (RFC 9110, section 10.2.3). A date is compared with the response's own, since
// the server's clock may differ. It returns 0 without a valid header.
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
