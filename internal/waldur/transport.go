package waldur

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// newTransport returns the client's transport. It follows no redirects.
func (c *Client) newTransport() *http.Transport {
	// The context of a request does not end its dial and handshake. These limits do.
	timeout := min(cmp.Or(c.RequestTimeout, defaultRequestTimeout), 24*time.Hour)
	dialer := newDialer(timeout)
	// HTTP/1.1 only: 4 requests gain nothing from HTTP/2, whose dead connections outlive retries.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	transport := &http.Transport{
		Proxy:                  http.ProxyURL(c.Proxy),
		OnProxyConnectResponse: c.checkProxyConnect,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    2 * timeout, // so that it never decides the error
		Protocols:              &protocols,
		MaxIdleConnsPerHost:    maxRequests,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		TLSClientConfig: &tls.Config{
			RootCAs: c.RootCAs,
			// By default, package crypto/tls sends no certificate of an authority that the server
			// does not name. The server's error would then say less.
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return cmp.Or(c.Certificate, &tls.Certificate{}), nil
			},
			InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // the user's choice, with a warning
		},
	}
	if c.Proxy != nil && c.Proxy.Scheme == "https" {
		// The client's certificate, and the choice to verify none, are for the server only.
		toProxy := tls.Dialer{NetDialer: dialer, Config: &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12}}
		transport.DialTLSContext = toProxy.DialContext
	}
	return transport
}

// maxDialTime is the longest time for a connection, without the TLS handshake.
const maxDialTime = 10 * time.Second

// newDialer returns a dialer for requests with a time limit. Package net divides the limit of a
// dial among the addresses of a host, and gives each at least 2 seconds.
func newDialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: min(timeout*2/3, maxDialTime)}
}

// checkProxyConnect returns an error if a proxy refuses to connect to the server.
func (c *Client) checkProxyConnect(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	failed := &Error{
		Cause: ProxyRefused, Text: fmt.Sprintf("the proxy %s responded with %s", proxy.Host, c.redactor.excerpt(resp.Status)),
		Temporary: retriesStatus(resp.StatusCode),
	}
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		c.explainLogin(failed, resp.Header)
	case resp.StatusCode/100 == 5: // it may not reach the server
		failed.Cause = ProxyFailed
	}
	return failed
}

// progress is how far an attempt got.
type progress struct {
	dialed    atomic.Bool // a TCP connection, maybe to a proxy
	handshake atomic.Bool // in a TLS handshake with the server
	connected atomic.Bool // the connection to the server can be used
	responded atomic.Bool // bytes of a response came
}

// traced returns a context for an attempt, which records its progress in p.
func (p *progress) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectDone:          func(_, _ string, err error) { p.dialed.Store(p.dialed.Load() || err == nil) },
		TLSHandshakeStart:    func() { p.handshake.Store(true) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { p.handshake.Store(err != nil) },
		GotConn:              func(httptrace.GotConnInfo) { p.connected.Store(true) },
		GotFirstResponseByte: func() { p.responded.Store(true) },
	})
}

// proxyCause returns the cause of an attempt that did not get past the proxy.
func (p *progress) proxyCause() Cause {
	if p.dialed.Load() {
		return ProxyFailed
	}
	return ProxyUnreachable
}

// pastProxy reports whether the attempt got past the proxy, if there is one.
func (p *progress) pastProxy() bool { return p.handshake.Load() || p.connected.Load() }

// connectionError returns the error of an attempt that got no response.
func (c *Client) connectionError(err error, reached *progress) *Error {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal
	}
	text := cmp.Or(c.redactor.excerpt(err.Error()), "unknown cause")
	switch {
	case text == "EOF":
		text = "the server closed it"
	case strings.Contains(text, "malformed HTTP status code"), strings.Contains(text, "malformed HTTP version"):
		text = "malformed status line" // of which package net/http quotes a part
	}
	failed := &Error{Cause: ConnectionFailed, Text: "the connection failed: " + text, Temporary: true, Err: err}
	operations, last := map[string]string{}, "" // the text of each operation's error; last is the innermost
	var operation *net.OpError
	for rest := err; errors.As(rest, &operation); rest = operation.Err {
		operations[operation.Op], last = operation.Err.Error(), operation.Op
	}
	alert := c.redactor.excerpt(strings.TrimPrefix(operations["remote error"], "tls: ")) // of TLS
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	untrusted, isUntrusted := errors.AsType[*tls.CertificateVerificationError](err)
	unknown, isUnknown := errors.AsType[*net.DNSError](err)
	closed := last == "read" || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	socks, inSOCKS := operations["socks connect"]
	_, inConnect := operations["proxyconnect"]
	switch {
	case inSOCKS:
		failed.Cause, failed.Temporary = socksCause(socks)
	case inConnect && isUntrusted:
		failed.set(ProxyUntrusted, failed.Text)
	case inConnect && c.Proxy.Scheme == "https" && last != "dial":
		failed.Cause, failed.Temporary = ProxyNoTLS, closed
	case inConnect || c.Proxy != nil && !reached.pastProxy():
		failed.Cause = reached.proxyCause()
	case c.URL.Scheme == "http" && strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`): // a TLS alert
		failed.set(WantsTLS, wantsTLSText)
	case reached.responded.Load() && closed:
		failed.Cause, failed.Text = ResponseCut, "the response ended within its headers: "+text
	case reached.responded.Load():
		failed.set(NotHTTP, "the response is not valid HTTP/1.1: "+text)
		if strings.Contains(err.Error(), `malformed HTTP response "\x00\x00`) { // a frame of HTTP/2
			failed.Text = "the server speaks only HTTP/2"
		}
	case isUntrusted:
		chain := untrusted.UnverifiedCertificates
		reason, _, _ := strings.Cut(failed.Text, " (possibly because of ")
		failed.set(untrustedCause(untrusted, c.RootCAs), reason+"; "+c.redactor.excerpt(fmt.Sprintf(
			"the certificate is for %q, and the last certificate that the server sent was issued by %q",
			cmp.Or(chain[0].Subject.String(), strings.Join(chain[0].DNSNames, ", ")), chain[len(chain)-1].Issuer)))
	case strings.Contains(alert, "certificate") || alert == "access denied": // the words of package crypto/tls for alerts about the client's
		failed.set(ClientCertificate, fmt.Sprintf("the server requires a client certificate: %q", alert))
		if c.Certificate != nil {
			failed.Text = fmt.Sprintf("the server did not accept the client certificate: %q", alert)
		}
	case alert != "":
		failed.Cause, failed.Temporary = TLSRefused, alert == "internal error"
	case reached.handshake.Load() && noTLS:
		failed.set(NoTLS, "the address begins with https, but the server does not speak TLS at this port")
	case reached.handshake.Load() && (strings.HasPrefix(err.Error(), "tls: ") || operations["local error"] != ""): // of package crypto/tls itself
		failed.set(TLSUnusable, failed.Text)
	case reached.handshake.Load():
		failed.Cause = TLSInterrupted
	case closed && c.URL.Scheme == "http":
		failed.Cause = ConnectionClosed
	case isUnknown && unknown.IsNotFound:
		failed.set(UnknownHost, failed.Text)
	}
	return failed
}

// socksCause returns the cause of a SOCKS proxy's error, by its text, and whether it is temporary.
func socksCause(text string) (cause Cause, temporary bool) {
	switch {
	case strings.Contains(text, "auth") || strings.Contains(text, "password"):
		return ProxyLogin, false
	case strings.Contains(text, "not allowed"):
		return ProxyRefused, false
	case strings.HasPrefix(text, "unknown error"): // such as host unreachable
		return ProxyFailed, true
	}
	return ProxyUnreachable, true
}

// untrustedCause returns why a certificate is not trusted.
func untrustedCause(err *tls.CertificateVerificationError, authorities *x509.CertPool) Cause {
	last := err.UnverifiedCertificates[len(err.UnverifiedCertificates)-1]
	_, wrongHost := errors.AsType[x509.HostnameError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case wrongHost:
		return WrongHost
	case isInvalid && invalid.Reason == x509.Expired && invalid.Cert.NotBefore.After(time.Now()):
		return NotYetValid
	case isInvalid && invalid.Reason == x509.Expired:
		return Expired
	case isInvalid:
		return TLSUnusable
	}
	if system, poolErr := x509.SystemCertPool(); authorities == nil && (poolErr != nil || system.Equal(x509.NewCertPool())) {
		return NoAuthorities
	}
	if len(err.UnverifiedCertificates) == 1 && !bytes.Equal(last.RawIssuer, last.RawSubject) {
		return NoIntermediate
	}
	return UnknownAuthority
}

// ProxyFromEnvironment returns the proxy for a server, or nil for none. As in package net/http,
// HTTPS_PROXY or HTTP_PROXY sets it, unless NO_PROXY covers the server. The lower-case names of
// these variables take precedence. Servers on the machine itself use none. Unlike in net/http, a
// value that is not a URL is an error, since requests would otherwise bypass the proxy. The error
// does not repeat the value, which may contain a password.
func ProxyFromEnvironment(server *url.URL) (*url.URL, error) {
	config := httpproxy.FromEnvironment()
	value := config.HTTPProxy
	if server.Scheme == "https" {
		value = config.HTTPSProxy
	}
	variable := strings.ToUpper(server.Scheme) + "_PROXY"
	if os.Getenv(variable) != value {
		variable = strings.ToLower(variable)
	}
	placeholder := "http://proxy.example"
	needed, err := (&httpproxy.Config{HTTPProxy: placeholder, HTTPSProxy: placeholder, NoProxy: config.NoProxy}).ProxyFunc()(server)
	if value == "" || needed == nil || err != nil {
		return nil, err
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	proxy, err := url.Parse(value)
	if err != nil || proxy.Hostname() == "" || strings.Trim(proxy.Path, "/") != "" || strings.ContainsAny(value, "?#") {
		return nil, fmt.Errorf("the environment variable %s is not the URL of a proxy. Write it like http://user:password@proxy.example.com:3128, "+
			"and percent-encode special characters in the password", variable)
	}
	switch proxy.Scheme {
	case "http", "https", "socks5", "socks5h":
		return proxy, nil
	}
	return nil, fmt.Errorf("the environment variable %s must begin with http://, https://, socks5:// or socks5h://", variable)
}
