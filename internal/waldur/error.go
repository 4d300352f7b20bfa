package waldur

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Request describes a GET request to the server.
type Request struct {
	URL      string // with its query, never with credentials
	Attempts int    // 0 if the request was never sent
}

// String returns the method and the URL, and the number of attempts if there were several.
func (r Request) String() string {
	if r.Attempts > 1 {
		return fmt.Sprintf("GET %s (%d attempts)", r.URL, r.Attempts)
	}
	return "GET " + r.URL
}

// Cause says why a read failed.
type Cause string

// The causes.
const (
	// Without a response.
	Canceled          Cause = "canceled"
	ReadTimedOut      Cause = "read timed out"     // the deadline of the context passed
	NotSent           Cause = "not sent"           // the deadline passed while the request waited for others, or soon after
	HeldBack          Cause = "held back"          // another response's Retry-After header delays the request beyond the deadline
	RequestTimedOut   Cause = "request timed out"  // an attempt took longer than [Client.RequestTimeout]
	ConnectionFailed  Cause = "connection failed"  // for any other reason
	UnknownHost       Cause = "unknown host"       // no server has that name
	ConnectionClosed  Cause = "connection closed"  // without any response, as servers do that expect TLS
	ProxyUnreachable  Cause = "proxy unreachable"  // no connection, or it is not a proxy
	ProxyNoTLS        Cause = "proxy without TLS"  // the handshake with an https proxy failed
	ProxyUntrusted    Cause = "proxy untrusted"    // an https proxy has a certificate that is not trusted
	NoTLS             Cause = "no TLS"             // the address begins with https, but the server does not speak TLS
	WantsTLS          Cause = "wants TLS"          // the address begins with http, but the server speaks TLS
	TLSRefused        Cause = "TLS refused"        // by an alert of the server
	TLSInterrupted    Cause = "TLS interrupted"    // the connection ended in the handshake
	TLSUnusable       Cause = "TLS unusable"       // package crypto/tls does not accept the server's handshake or certificate
	WrongHost         Cause = "wrong host"         // the certificate is for another host
	Expired           Cause = "expired"            // the certificate has expired
	NotYetValid       Cause = "not yet valid"      // the certificate is not valid yet
	NoAuthorities     Cause = "no authorities"     // the system has no certificate authorities
	NoIntermediate    Cause = "no intermediate"    // an unknown authority issued the only certificate that the server sent
	UnknownAuthority  Cause = "unknown authority"  // an unknown authority issued the certificate
	ClientCertificate Cause = "client certificate" // the server requires one, or did not accept the one that is set

	// By a response.
	ProxyLogin       Cause = "proxy login"        // 407 with the Basic method, or from a SOCKS proxy
	ProxyOtherLogin  Cause = "proxy other login"  // 407 without the Basic method
	ProxyRefused     Cause = "proxy refused"      // to connect to the server
	ProxyFailed      Cause = "proxy failed"       // to connect to the server, which may be down
	Unauthorized     Cause = "unauthorized"       // 401
	Forbidden        Cause = "forbidden"          // 403
	NotFound         Cause = "not found"          // 404 of the API, also for a page past the end
	FilterRefused    Cause = "filter refused"     // 400 that names query parameters
	BadRequest       Cause = "bad request"        // any other 400 of the API
	RateLimited      Cause = "rate limited"       // 429
	StatusTimeout    Cause = "status timeout"     // 408
	ServerError      Cause = "server error"       // 5xx
	OtherStatus      Cause = "other status"       // any other except 200
	PageDenied       Cause = "page denied"        // 401 or 403 that is not of the API
	PageNotFound     Cause = "page not found"     // 404 that is not of the API
	HostRefused      Cause = "host refused"       // 421, or 400 that is not of the API
	HeadersTooLarge  Cause = "headers too large"  // 431, or 400 with a page that says so
	HTMLPage         Cause = "HTML page"          // 200 with an HTML page
	Moved            Cause = "moved"              // a redirect to the same endpoint elsewhere
	RedirectLoop     Cause = "redirect loop"      // to the address that was requested
	Redirected       Cause = "redirected"         // to anything else
	NotHTTP          Cause = "not HTTP"           // bytes that are not a response of HTTP/1.1
	ResponseCut      Cause = "response cut"       // the response is incomplete or damaged
	ResponseTooLarge Cause = "response too large" // larger than 8 MiB
	BadEncoding      Cause = "bad encoding"       // a Content-Encoding that is wrong or was not requested
	NotRows          Cause = "not rows"           // the body is not a JSON array
	BadRow           Cause = "bad row"            // a row does not have the format of Waldur's API
	FilterIgnored    Cause = "filter ignored"     // the filters of the query exclude a row
	NoCount          Cause = "no count"           // no valid X-Result-Count header

	// By a list of responses.
	TooManyRows        Cause = "too many rows"
	TooManyPages       Cause = "too many pages"
	RowsMissing        Cause = "rows missing"         // the pages do not add up
	DataChanges        Cause = "data changes"         // the data changed during the read
	NoRows             Cause = "no rows"              // although the query requires one
	UnknownLimitPeriod Cause = "unknown limit period" // whose months cannot be added up
)

// Error reports a failed read. Its texts are safe to print and contain no secrets.
type Error struct {
	Request Request
	Cause   Cause
	Text    string // what happened, without the request

	Detail     string            // the server's own words, such as "Invalid token."
	Refused    map[string]string // with [FilterRefused]: the server's text by query parameter, 10 at most
	Column     string            // with [BadRow]: the column, empty if the row is not an object
	Address    string            // with [Moved]: the address to configure instead
	Types      map[string]string // with [NoRows]: names by component type, without the filter component_type
	RetryAfter time.Duration     // from the Retry-After header, or 0

	Temporary bool   // another attempt may succeed
	OutOfTime bool   // the deadline of the context left no time for another attempt
	Previous  *Error // of the attempt before, or nil
	Err       error  // of package net/http or context, or nil
}

func (e *Error) Error() string { return e.Request.String() + ": " + e.Problem() }

// Problem returns what happened, without the request.
func (e *Error) Problem() string {
	if e.Previous != nil {
		return fmt.Sprintf("%s; the previous attempt failed: %s", e.Text, e.Previous.Text)
	}
	return e.Text
}

func (e *Error) Unwrap() error { return e.Err }

// set sets the cause and the text of an error that is not temporary.
func (e *Error) set(cause Cause, text string) { e.Cause, e.Text, e.Temporary = cause, text, false }

// CauseOf returns the cause of an error of this package, and "" for any other error.
func CauseOf(err error) Cause {
	if failed, ok := errors.AsType[*Error](err); ok {
		return failed.Cause
	}
	return ""
}

// ended returns the error of a request that the context ended.
func ended(err error, previous *Error) *Error {
	if errors.Is(err, context.Canceled) {
		return &Error{Cause: Canceled, Text: "the read was canceled", Previous: previous, Err: err}
	}
	return &Error{Cause: ReadTimedOut, Text: "no complete response came in time", Previous: previous, Err: err}
}
