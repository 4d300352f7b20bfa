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
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// newTransport returns the client's transport. It follows no redirects.
func (c *Client) newTransport() *http.Transport {
	// The context of a request does not end its dial and handshake. These limits do.
	// They are longer than that of the context, so that they never decide the error.
	limit := 2 * cmp.Or(c.RequestTimeout, defaultRequestTimeout)
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
			RootCAs:            c.RootCAs,
			Certificates:       c.Certificates,
			InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // the user's choice, with a warning
		},
	}
}

// checkProxyConnect returns a [*ProxyError] if a proxy refuses to connect to the
// server.
func (c *Client) checkProxyConnect(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{Proxy: proxy.Host, StatusCode: resp.StatusCode, Status: c.redactor.excerpt(resp.Status)}
}

// connectionError returns the error of an attempt that got no response.
func (c *Client) connectionError(err error, inHandshake bool) error {
	if refusal, ok := errors.AsType[*ProxyError](err); ok {
		return refusal
	}
	https := c.URL.Scheme == "https"
	switch {
	case errors.Is(err, http.ErrSchemeMismatch): // plain HTTP instead of a handshake
		return &SchemeError{Scheme: c.URL.Scheme}
	case !https && strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`): // a TLS alert
		return &SchemeError{Scheme: c.URL.Scheme}
	}
	e := &ConnectionError{Err: err, Text: "the connection failed: " + cmp.Or(c.redactor.excerpt(err.Error()), "unknown cause"), Handshake: inHandshake}
	var operation *net.OpError
	if errors.As(err, &operation) {
		switch operation.Op {
		case "proxyconnect", "socks connect":
			e.Proxy = c.Proxy.Host
		case "remote error": // a TLS alert
			e.Alert = strings.TrimPrefix(operation.Err.Error(), "tls: ")
			if isAboutCertificate(e.Alert) {
				return &ClientCertificateError{Alert: c.redactor.excerpt(e.Alert), Sent: len(c.Certificates) > 0}
			}
		}
	}
	return e
}

// isAboutCertificate reports whether a TLS alert of a server is about the client's
// certificate. These are the words of package crypto/tls.
func isAboutCertificate(alert string) bool {
	return strings.Contains(alert, "certificate") || alert == "access denied"
}

// ProxyFromEnvironment returns the proxy for a server, or nil for none. As in
// package net/http, it is in the variable HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY
// covers the server, and servers on the machine itself use none. Unlike there, a value
// that is not a URL is an error, since requests would then bypass the proxy. The error
// does not repeat the value, which may contain a password.
func ProxyFromEnvironment(server *url.URL) (*url.URL, error) {
	variable := strings.ToUpper(server.Scheme) + "_PROXY"
	if os.Getenv(variable) == "" {
		variable = strings.ToLower(variable)
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
		return nil, fmt.Errorf("the environment variable %s is not the URL of a proxy. Write it like http://user:password@proxy.example.com:3128, and percent-encode special characters in the password", variable)
	}
	switch proxy.Scheme {
	case "http", "https", "socks5", "socks5h":
		return proxy, nil
	}
	return nil, fmt.Errorf("the environment variable %s must begin with http://, https://, socks5:// or socks5h://", variable)
}
