// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
	// They are longer than that of the context, so that they never decide the error.
	limit := 2 * min(cmp.Or(c.RequestTimeout, defaultRequestTimeout), 24*time.Hour)
	// HTTP/1.1 only: few requests at a time gain nothing from HTTP/2, whose connections
	// can be dead for longer than all retries last.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyURL(c.Proxy),
		OnProxyConnectResponse: c.checkProxyConnect,
		DialContext:            (&net.Dialer{Timeout: limit}).DialContext,
		TLSHandshakeTimeout:    limit,
		Protocols:              &protocols,
		MaxIdleConnsPerHost:    maxRequests,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		TLSClientConfig: &tls.Config{
			RootCAs:              c.RootCAs,
			GetClientCertificate: c.clientCertificate,
			InsecureSkipVerify:   c.InsecureSkipVerify, //nolint:gosec // the user's choice, with a warning
		},
	}
}

// clientCertificate returns the certificate for a server that requests one, or an empty
// one. By default, package crypto/tls sends no certificate of an authority that the server
// does not name. The server's error would then say less.
func (c *Client) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	c.certificateRequested.Store(true)
	return cmp.Or(c.Certificate, &tls.Certificate{}), nil
}

// checkProxyConnect returns a [*ProxyError] if a proxy refuses to connect to the
// server.
func (c *Client) checkProxyConnect(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{Proxy: proxy.Host, StatusCode: resp.StatusCode, Status: c.redactor.excerpt(resp.Status)}
}

// progress is how far an attempt got.
type progress struct {
	handshake atomic.Bool // in a TLS handshake, with an https proxy or with the server
	connected atomic.Bool // the connection to the server can be used
}

// traced returns a context for an attempt that keeps its progress.
func (p *progress) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart: func() { p.handshake.Store(true) },
		TLSHandshakeDone:  func(_ tls.ConnectionState, err error) { p.handshake.Store(err != nil) },
		GotConn:           func(httptrace.GotConnInfo) { p.connected.Store(true) },
	})
}

// unreachedProxy returns the host and port of the proxy if an attempt came no further,
// otherwise "".
func (c *Client) unreachedProxy(reached *progress) string {
	if c.Proxy == nil || reached.handshake.Load() || reached.connected.Load() {
		return ""
	}
	return c.Proxy.Host
}

// connectionError returns the error of an attempt that got no response.
func (c *Client) connectionError(err error, reached *progress) error {
	if refusal, ok := errors.AsType[*ProxyError](err); ok {
		return refusal
	}
	e := &ConnectionError{
		Err: err, Text: "the connection failed: " + cmp.Or(c.redactor.excerpt(err.Error()), "unknown cause"), Handshake: reached.handshake.Load(),
	}
	e.Proxy = c.unreachedProxy(reached)
	var operation *net.OpError
	for rest := err; errors.As(rest, &operation); rest = operation.Err {
		switch operation.Op {
		case "proxyconnect", "socks connect":
			e.Proxy = c.Proxy.Host
		case "remote error": // a TLS alert
			e.Alert = c.redactor.excerpt(strings.TrimPrefix(operation.Err.Error(), "tls: "))
		}
	}
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case e.Proxy != "":
		return e
	case e.Handshake && noTLS || c.URL.Scheme == "http" && strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`): // a TLS alert
		return &SchemeError{Scheme: c.URL.Scheme}
	case isAboutCertificate(e.Alert) || e.Alert == "handshake failure" && c.certificateRequested.Load():
		return &ClientCertificateError{Reason: e.Alert, Sent: c.Certificate != nil}
	}
	return e
}

// isAboutCertificate reports whether a TLS alert of a server is about the client's
// certificate. These are the words of package crypto/tls.
func isAboutCertificate(alert string) bool {
	return strings.Contains(alert, "certificate") || alert == "access denied"
}

// ProxyFromEnvironment returns the proxy for a server, or nil for none. As in package
// net/http, HTTPS_PROXY or HTTP_PROXY sets it, unless NO_PROXY covers the server. The
// lower-case names of these variables take precedence. Servers on the machine itself use
// none. Unlike in net/http, a value that is not a URL is an error, since requests would
// otherwise bypass the proxy. The error does not repeat the value, which may contain a
// password.
func ProxyFromEnvironment(server *url.URL) (*url.URL, error) {
	variable := strings.ToLower(server.Scheme) + "_proxy"
	if os.Getenv(variable) == "" {
		variable = strings.ToUpper(variable)
	}
	config := httpproxy.FromEnvironment()
	value := config.HTTPProxy
	if server.Scheme == "https" {
		value = config.HTTPSProxy
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
