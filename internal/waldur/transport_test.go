// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// proxyPassword has characters that URLs, JSON and HTML escape.
const proxyPassword = `s3c/r%t "&'=`

// TestProxyFromEnvironment sets environment variables, so it does not run in parallel.
func TestProxyFromEnvironment(t *testing.T) {
	const secret = "s3cret"
	for name, test := range map[string]struct {
		server string // https://waldur.example.com if empty
		env    map[string]string
		want   string // the proxy
		err    string // a part of the error
	}{
		"none":                              {},
		"a URL":                             {env: map[string]string{"HTTPS_PROXY": "http://bot:s3cret@proxy.example:3128"}, want: "http://bot:s3cret@proxy.example:3128"},
		"no scheme":                         {env: map[string]string{"HTTPS_PROXY": "proxy.example:3128"}, want: "http://proxy.example:3128"},
		"no scheme, with a password":        {env: map[string]string{"HTTPS_PROXY": "bot:s3cret@proxy.example:3128/"}, want: "http://bot:s3cret@proxy.example:3128/"},
		"a lower-case name":                 {env: map[string]string{"https_proxy": "http://proxy.example:3128"}, want: "http://proxy.example:3128"},
		"both names":                        {env: map[string]string{"HTTPS_PROXY": "http://s3cret%@upper.example", "https_proxy": "http://lower.example"}, want: "http://lower.example"},
		"a percent-encoded password":        {env: map[string]string{"HTTPS_PROXY": "http://bot:s3c%2Fret%25@proxy.example:3128"}, want: "http://bot:s3c%2Fret%25@proxy.example:3128"},
		"https":                             {env: map[string]string{"HTTPS_PROXY": "https://proxy.example"}, want: "https://proxy.example"},
		"SOCKS":                             {env: map[string]string{"HTTPS_PROXY": "socks5h://proxy.example:1080"}, want: "socks5h://proxy.example:1080"},
		"http for an https server":          {env: map[string]string{"HTTP_PROXY": "http://proxy.example"}},
		"http for an http server":           {server: "http://waldur.example.com", env: map[string]string{"HTTP_PROXY": "http://proxy.example"}, want: "http://proxy.example"},
		"https for an http server":          {server: "http://waldur.example.com", env: map[string]string{"HTTPS_PROXY": "http://s3cret%@proxy.example"}},
		"NO_PROXY":                          {env: map[string]string{"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": ".example.com"}},
		"NO_PROXY for another host":         {env: map[string]string{"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "elsewhere.example"}, want: "http://proxy.example"},
		"NO_PROXY for all":                  {env: map[string]string{"HTTPS_PROXY": "http://bot:s3cret%@proxy.example", "NO_PROXY": "*"}},
		"loopback":                          {server: "https://127.0.0.1:8443", env: map[string]string{"HTTPS_PROXY": "http://bot:s3cret%@proxy.example"}},
		"%":                                 {env: map[string]string{"HTTPS_PROXY": "http://bot:s3cret%@proxy.example:3128"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"% without scheme":                  {env: map[string]string{"HTTPS_PROXY": "bot:s3cret%@proxy.example:3128"}, err: "percent-encode special characters"},
		"/":                                 {env: map[string]string{"HTTPS_PROXY": "http://bot:s3cret/@proxy.example:3128"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"/ after a digit":                   {env: map[string]string{"HTTPS_PROXY": "http://bot:1/s3cret@proxy.example:3128"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"/ without scheme":                  {env: map[string]string{"HTTPS_PROXY": "bot:s3cret/@proxy.example:3128"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		`\`:                                 {env: map[string]string{"HTTPS_PROXY": `http://DOMAIN\bot:s3cret@proxy.example:3128`}, err: "HTTPS_PROXY is not the URL of a proxy"},
		`\ without scheme`:                  {env: map[string]string{"HTTPS_PROXY": `DOMAIN\bot:s3cret@proxy.example:3128`}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"#":                                 {env: map[string]string{"HTTPS_PROXY": "http://bot:s3cret#@proxy.example:3128"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"# after a digit":                   {env: map[string]string{"HTTPS_PROXY": "http://bot:1#s3cret@proxy.example:3128"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"# without scheme":                  {env: map[string]string{"HTTPS_PROXY": "bot:s3cret#@proxy.example:3128"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"?":                                 {env: map[string]string{"HTTPS_PROXY": "http://bot:1?s3cret@proxy.example:3128"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"no host":                           {env: map[string]string{"HTTPS_PROXY": "http://"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"a line break":                      {env: map[string]string{"HTTPS_PROXY": "http://bot:s3cret@proxy.example\n"}, err: "HTTPS_PROXY is not the URL of a proxy"},
		"another scheme":                    {env: map[string]string{"HTTPS_PROXY": "ftp://bot:s3cret@proxy.example"}, err: "HTTPS_PROXY must begin with http://, https://, socks5:// or socks5h://"},
		"% in a lower-case name":            {env: map[string]string{"https_proxy": "http://bot:s3cret%@proxy.example"}, err: "https_proxy is not the URL of a proxy"},
		"% in one of both names":            {env: map[string]string{"HTTPS_PROXY": "http://upper.example", "https_proxy": "http://s3cret%@lower.example"}, err: "https_proxy is not the URL of a proxy"},
		"% in HTTP_PROXY":                   {server: "http://waldur.example.com", env: map[string]string{"HTTP_PROXY": "http://bot:s3cret%@proxy.example"}, err: "HTTP_PROXY is not the URL of a proxy"},
		"%, covered by NO_PROXY":            {env: map[string]string{"HTTPS_PROXY": "http://bot:s3cret%@proxy.example", "NO_PROXY": "waldur.example.com"}},
		"%, covered by lower-case no_proxy": {env: map[string]string{"HTTPS_PROXY": "http://bot:s3cret%@proxy.example", "no_proxy": "waldur.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
				t.Setenv(variable, test.env[variable])
			}
			if test.server == "" {
				test.server = "https://waldur.example.com"
			}
			server, err := waldur.ParseURL(test.server)
			if err != nil {
				t.Fatal(err)
			}
			got, err := waldur.ProxyFromEnvironment(server)
			switch {
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), secret)):
				t.Errorf("got %v, %v; want an error with %q and without the password", got, err, test.err)
			case test.err == "" && (err != nil || (got == nil) != (test.want == "") || got != nil && got.String() != test.want):
				t.Errorf("got %v, %v; want %q", got, err, test.want)
			}
		})
	}
}

// proxied returns a client of https://waldur.example.com behind a proxy that answers
// to CONNECT, and a counter of these requests. If answer returns "", the proxy
// connects to the server.
func proxied(t *testing.T, server *waldurtest.Server, answer func(n int64) string) (*waldur.Client, *atomic.Int64) {
	t.Helper()
	var connects atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "waldur.example.com:443" {
			t.Errorf("the proxy got %s %s", r.Method, r.Host)
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		if response := answer(connects.Add(1)); response != "" {
			_, _ = conn.Write([]byte(response))
			return
		}
		_, _ = conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
		through(conn, buffered, strings.TrimPrefix(server.URL, "https://"))
	}))
	t.Cleanup(proxy.Close)
	c := client(t, server)
	c.URL = &url.URL{Scheme: "https", Host: "waldur.example.com", Path: "/api/"}
	c.Proxy = &url.URL{Scheme: "http", Host: strings.TrimPrefix(proxy.URL, "http://"), User: url.UserPassword("bot", proxyPassword)}
	c.InsecureSkipVerify, c.MaxRetries = true, 3
	return c, &connects
}

// through copies a connection to an address, until one side ends.
func through(client net.Conn, buffered *bufio.ReadWriter, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, buffered)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

func TestRequestsGoThroughTheProxy(t *testing.T) {
	t.Parallel()
	server := waldurtest.StartTLS(t, waldurtest.ContractRows())
	c, connects := proxied(t, server, func(int64) string { return "" })
	rows, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
	if err != nil || len(rows) != 35 || connects.Load() == 0 || server.Requests()[0].Host != "waldur.example.com" {
		t.Fatalf("got %d rows, %v, after %d connections through the proxy", len(rows), err, connects.Load())
	}
}

// TestAProxyRefusesToConnect also repeats its credentials, as proxies do.
func TestAProxyRefusesToConnect(t *testing.T) {
	t.Parallel()
	basic := base64.StdEncoding.EncodeToString([]byte("bot:" + proxyPassword))
	server := waldurtest.StartTLS(t, waldurtest.ContractRows())
	for name, test := range map[string]struct {
		responses []string // then, it connects
		connects  int64
		want      string // in the error
	}{
		"403":                           {[]string{"403 Forbidden"}, 1, "responded with 403 Forbidden"},
		"407":                           {[]string{"407 Proxy Authentication Required"}, 1, "responded with 407 Proxy Authentication Required"},
		"503":                           {[]string{"503 Service Unavailable"}, 2, ""},
		"503 for good":                  {[]string{"503 Busy", "503 Busy", "503 Busy", "503 Busy"}, 4, "(4 attempts): the proxy 127.0.0.1:"},
		"204":                           {[]string{"204 No Content"}, 1, "responded with 204 No Content"},
		"its credentials":               {[]string{"407 bot:" + proxyPassword + " refused"}, 1, "responded with 407 (proxy credentials) refused"},
		"its password":                  {[]string{"407 " + proxyPassword + " refused"}, 1, "responded with 407 (proxy password) refused"},
		"its header":                    {[]string{"407 Basic " + basic}, 1, "responded with 407 Basic (proxy credentials)"},
		"its credentials, URL-encoded":  {[]string{"407 bot:" + url.QueryEscape(proxyPassword) + " refused"}, 1, "responded with 407 (proxy credentials) refused"},
		"its credentials, path-encoded": {[]string{"407 bot%3A" + strings.ToLower(url.PathEscape(proxyPassword)) + " refused"}, 1, "responded with 407 (proxy credentials) refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, connects := proxied(t, server, func(n int64) string {
				if int(n) > len(test.responses) {
					return ""
				}
				return "HTTP/1.1 " + test.responses[n-1] + "\r\nContent-Length: 0\r\n\r\n"
			})
			logger, log := logs()
			c.Logger = logger
			_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			if n := connects.Load(); n != test.connects {
				t.Errorf("%d attempts to connect, want %d", n, test.connects)
			}
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !strings.Contains(err.Error(), "the proxy "+c.Proxy.Host+" responded with") || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			for _, text := range append(log.texts, err.Error()) {
				if strings.Contains(text, "s3c") || strings.Contains(text, basic) {
					t.Errorf("the password shows: %s", text)
				}
			}
		})
	}
}

// TestASilentProxyIsNamed: a firewall may drop what is sent to it.
func TestASilentProxyIsNamed(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts connections, and sends nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	server, err := waldur.ParseURL("https://waldur.example.com")
	if err != nil {
		t.Fatal(err)
	}
	c := &waldur.Client{URL: server, Proxy: &url.URL{Scheme: "http", Host: silent.Addr().String()}, RequestTimeout: 50 * time.Millisecond}
	_, _, err = c.ListComponentUsageMonthly(t.Context(), allMonths)
	if waldur.CauseOf(err) != waldur.ProxyUnreachable || !strings.HasSuffix(err.Error(), "no complete response within 50ms") {
		t.Fatalf("got %v", err)
	}
}

// TestAProxyThatIsNotReached is told apart from a server that is not.
func TestAProxyThatIsNotReached(t *testing.T) {
	t.Parallel()
	plain, secure := httptest.NewServer(http.NotFoundHandler()), waldurtest.StartTLS(t, nil)
	t.Cleanup(plain.Close)
	const silent = "127.0.0.1:1" // nothing listens there
	closing := listen(t, func(net.Conn) {})
	for name, test := range map[string]struct {
		proxy    string
		server   string
		cause    waldur.Cause
		requests int
	}{
		"down, for an http server":      {"http://" + silent, "http://waldur.example.com", waldur.ProxyUnreachable, 2},
		"down, for an https server":     {"http://" + silent, "https://waldur.example.com", waldur.ProxyUnreachable, 2},
		"closes, for an https server":   {"http://" + closing, "https://waldur.example.com", waldur.ProxyUnreachable, 2},
		"SOCKS that is down":            {"socks5://" + silent, "https://waldur.example.com", waldur.ProxyUnreachable, 2},
		"SOCKS that closes":             {"socks5://" + closing, "https://waldur.example.com", waldur.ProxyUnreachable, 2},
		"https to a plain proxy":        {"https://" + plain.Listener.Addr().String(), "https://waldur.example.com", waldur.ProxyNoTLS, 1},
		"https that is not trusted":     {"https://" + strings.TrimPrefix(secure.URL, "https://"), "https://waldur.example.com", waldur.ProxyUntrusted, 1},
		"https that ends the handshake": {"https://" + closing, "https://waldur.example.com", waldur.ProxyNoTLS, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, err := url.Parse(test.proxy)
			if err != nil {
				t.Fatal(err)
			}
			server, err := waldur.ParseURL(test.server)
			if err != nil {
				t.Fatal(err)
			}
			c := &waldur.Client{URL: server, Proxy: proxy, MaxRetries: 1, RetryWait: time.Millisecond}
			_, _, err = c.ListComponentUsageMonthly(t.Context(), allMonths)
			if n := attempts(t, err); waldur.CauseOf(err) != test.cause || n != test.requests {
				t.Fatalf("got %s after %d attempts, want %s after %d: %v", waldur.CauseOf(err), n, test.cause, test.requests, err)
			}
		})
	}
}

// attempts returns the number of attempts of a failed request.
func attempts(t *testing.T, err error) int {
	t.Helper()
	failed, ok := errors.AsType[*waldur.Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	return failed.Request.Attempts
}

// listen returns the address of a server that reads what the client sends first, passes
// the connection to serve, and then closes it.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = conn.Read(make([]byte, 64<<10))
				serve(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// TestWrongSchemes are told at the first attempt.
func TestWrongSchemes(t *testing.T) {
	t.Parallel()
	answers := func(text string) string {
		return listen(t, func(conn net.Conn) { _, _ = conn.Write([]byte(text)) })
	}
	page := func(title string) string {
		return answers("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html><head><title>400 " + title + "</title></head></html>")
	}
	for name, test := range map[string]struct{ scheme, address string }{
		"https to Go":                   {"https", strings.TrimPrefix(waldurtest.Start(t, nil).URL, "http://")},
		"https to a page of HTTP/0.9":   {"https", answers("<!DOCTYPE HTML>\n<html lang=\"en\"></html>")},
		"https to SSH":                  {"https", answers("SSH-2.0-OpenSSH_9.6\r\n")},
		"http to Go":                    {"http", strings.TrimPrefix(waldurtest.StartTLS(t, nil).URL, "https://")},
		"http to nginx":                 {"http", page("The plain HTTP request was sent to HTTPS port")},
		"http to Apache":                {"http", answers("HTTP/1.1 400 Bad Request\r\n\r\n<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />")},
		"http to Tomcat":                {"http", answers("HTTP/1.1 400 \r\n\r\nBad Request\nThis combination of host and port requires TLS.\n")},
		"http to a server of TLS 1.2":   {"http", answers("\x15\x03\x03\x00\x02\x02\x0a")},
		"http to a server of old alert": {"http", answers("\x15\x03\x01\x00\x02\x02\x46")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &waldur.Client{URL: &url.URL{Scheme: test.scheme, Host: test.address, Path: "/api/"}, MaxRetries: 3, RetryWait: time.Millisecond}
			_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			want := map[string]waldur.Cause{"https": waldur.NoTLS, "http": waldur.WantsTLS}[test.scheme]
			if n := attempts(t, err); waldur.CauseOf(err) != want || n != 1 {
				t.Fatalf("got %v after %d attempts", err, n)
			}
		})
	}
	t.Run("the same text from https", func(t *testing.T) {
		t.Parallel()
		server := waldurtest.StartTLS(t, nil)
		server.SetFaults(waldurtest.Status(400, nil, "The plain HTTP request was sent to HTTPS port"))
		c := client(t, server)
		c.InsecureSkipVerify = true
		if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err == nil || !strings.Contains(err.Error(), `400 Bad Request: "The plain`) {
			t.Fatalf("got %v", err)
		}
	})
}

// TestHandshakesThatEnd may pass: an old firewall drops some of them.
func TestHandshakesThatEnd(t *testing.T) {
	t.Parallel()
	reset := func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }
	for name, serve := range map[string]func(net.Conn){"EOF": func(net.Conn) {}, "connection reset by peer": reset} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &waldur.Client{URL: &url.URL{Scheme: "https", Host: listen(t, serve), Path: "/api/"}, MaxRetries: 2, RetryWait: time.Millisecond}
			_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			if n := attempts(t, err); n != 3 || waldur.CauseOf(err) != waldur.TLSInterrupted || !strings.Contains(err.Error(), name) {
				t.Fatalf("got %+v after %d attempts", err, n)
			}
		})
	}
}

// TestCertificatesThatGoRefusesToRead end the read at the first attempt.
func TestCertificatesThatGoRefusesToRead(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial := []byte{0x01, 0x5e, 0x1a, 0x15, 0x5e, 0x1a, 0x15}
	template := &x509.Certificate{SerialNumber: new(big.Int).SetBytes(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	negative := bytes.Replace(der, serial, append([]byte{0x81}, serial[1:]...), 1)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{negative}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go func() { _ = conn.(*tls.Conn).Handshake() }()
		}
	}()
	root, err := waldur.ParseURL("https://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &waldur.Client{URL: root, MaxRetries: 3, RetryWait: time.Millisecond}
	_, _, err = c.ListComponentUsageMonthly(t.Context(), allMonths)
	if n := attempts(t, err); n != 1 || waldur.CauseOf(err) != waldur.BadCertificate || !strings.Contains(err.Error(), "negative serial number") {
		t.Fatalf("got %v after %d attempts", err, n)
	}
}

// TestABodyThatTheEndOfTheConnectionEnds is read. If it was cut, its JSON shows that.
func TestABodyThatTheEndOfTheConnectionEnds(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
		for parts, cause := range map[int]waldur.Cause{1: "", 2: waldur.NotRows} {
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.SetFaults(untilClose(version, parts))
			rows, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
			if waldur.CauseOf(err) != cause || err == nil && len(rows) != 35 {
				t.Errorf("%s, 1/%d: got %d rows, %v", version, parts, len(rows), err)
			}
		}
	}
}

// untilClose sends the first of so many parts of the body without a Content-Length.
func untilClose(version string, parts int) waldurtest.Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			response := httptest.NewRecorder()
			next.ServeHTTP(response, r)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			defer func() { _ = conn.Close() }()
			body := response.Body.Bytes()
			_, _ = fmt.Fprintf(conn, "%s 200 OK\r\nConnection: close\r\nX-Result-Count: %s\r\n\r\n%s", version, response.Header().Get("X-Result-Count"), body[:len(body)/parts])
		})
	}
}

// damagedGzip compresses responses and damages them.
func damagedGzip(damage func(body []byte) []byte) waldurtest.Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			response := httptest.NewRecorder()
			waldurtest.Gzip()(0, r, next).ServeHTTP(response, r)
			body := damage(response.Body.Bytes())
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("X-Result-Count", response.Header().Get("X-Result-Count"))
			w.WriteHeader(response.Code)
			_, _ = w.Write(body)
		})
	}
}

// TestARequestIsRetriedAfterADamagedResponse: gzip itself shows the damage, or the
// checksum at its end.
func TestARequestIsRetriedAfterADamagedResponse(t *testing.T) {
	t.Parallel()
	for want, damage := range map[string]func(body []byte) []byte{
		"the response was damaged: gzip: invalid checksum": func(body []byte) []byte { body[len(body)-8] ^= 1; return body },
		"the response was damaged: flate: corrupt input": func(body []byte) []byte {
			return slices.Concat(body[:10], []byte("\x00\x02\x00\xfd\xff[{"), []byte{7}) // a block of two bytes, and one of an unknown type
		},
	} {
		server := waldurtest.Start(t, tiedRows(200))
		server.SetFaults(waldurtest.First(2, damagedGzip(damage)))
		c := client(t, server)
		rows, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
		if waldur.CauseOf(err) != waldur.ResponseCut || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %d rows, %v without retries, want %q", len(rows), err, want)
		}
		c.MaxRetries = 1
		if rows, _, err = c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil || len(rows) != 200 {
			t.Fatalf("got %d rows, %v", len(rows), err)
		}
	}
}

// TestContentEncodings that are wrong or were not requested are named, with any status.
func TestContentEncodings(t *testing.T) {
	t.Parallel()
	damaged := damagedGzip(func(body []byte) []byte { return append(body[:10], 7) })
	refused := waldurtest.Status(403, nil, `{"detail":"No."}`)
	for name, test := range map[string]struct {
		faults []waldurtest.Fault
		want   string
	}{
		"gzip":              {[]waldurtest.Fault{waldurtest.SetHeader("Content-Encoding", "gzip")}, `has the Content-Encoding "gzip", but is not compressed in that way`},
		"damaged gzip":      {[]waldurtest.Fault{damaged}, `has the Content-Encoding "gzip", but is not compressed in that way`},
		"deflate":           {[]waldurtest.Fault{waldurtest.SetHeader("Content-Encoding", "deflate")}, `has the Content-Encoding "deflate", which was not requested`},
		"x-gzip":            {[]waldurtest.Fault{waldurtest.SetHeader("Content-Encoding", "x-gzip")}, `has the Content-Encoding "x-gzip", which was not requested`},
		"br":                {[]waldurtest.Fault{waldurtest.SetHeader("Content-Encoding", "br")}, `has the Content-Encoding "br", which was not requested`},
		"403 in gzip":       {[]waldurtest.Fault{waldurtest.SetHeader("Content-Encoding", "gzip"), refused}, `403 Forbidden and a body that cannot be read: its Content-Encoding is "gzip"`},
		"403 in br":         {[]waldurtest.Fault{waldurtest.SetHeader("Content-Encoding", "br"), refused}, `403 Forbidden and a body that cannot be read: its Content-Encoding is "br"`},
		"403 in gzip, well": {[]waldurtest.Fault{waldurtest.Gzip(), refused}, `403 Forbidden: "No."`},
		"403 in identity":   {[]waldurtest.Fault{waldurtest.SetHeader("Content-Encoding", "identity"), refused}, `403 Forbidden: "No."`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.SetFaults(test.faults...)
			c := client(t, server)
			c.MaxRetries = 3
			_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			if n := len(server.Requests()); err == nil || !strings.HasSuffix(err.Error(), test.want) || n != 1 {
				t.Fatalf("got %v after %d requests, want %q", err, n, test.want)
			}
			if cause := waldur.CauseOf(err); cause != waldur.BadEncoding && cause != waldur.Forbidden {
				t.Errorf("the cause is %s", cause)
			}
		})
	}
	server := waldurtest.Start(t, waldurtest.ContractRows())
	server.SetFaults(waldurtest.SetHeader("Content-Encoding", "identity"))
	if rows, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths); err != nil || len(rows) != 35 {
		t.Fatalf("identity: got %d rows, %v", len(rows), err)
	}
}

// TestRetryAfterIsCountedFromTheServersClock, which is a quarter of an hour ahead or
// behind.
func TestRetryAfterIsCountedFromTheServersClock(t *testing.T) {
	t.Parallel()
	for name, difference := range map[string]time.Duration{"ahead": 15 * time.Minute, "behind": -15 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			date := time.Now().Add(difference).UTC()
			server := waldurtest.Start(t, waldurtest.ContractRows())
			server.SetFaults(waldurtest.First(1, waldurtest.Status(503, http.Header{
				"Date": {date.Format(http.TimeFormat)}, "Retry-After": {date.Add(time.Second).Format(http.TimeFormat)},
			}, "")))
			c := client(t, server)
			c.MaxRetries = 1
			started := time.Now()
			rows, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			if waited := time.Since(started); err != nil || len(rows) != 35 || waited < time.Second {
				t.Fatalf("got %d rows, %v after %s", len(rows), err, waited)
			}
		})
	}
}

// TestRetryAfterWithoutADate of the response is counted from this machine's clock. A date
// that has passed is no wait.
func TestRetryAfterWithoutADate(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]time.Duration{time.Hour: time.Hour, -time.Hour: 0} {
		date := time.Now().Add(wait).UTC().Format(http.TimeFormat)
		server := waldurtest.Start(t, nil)
		server.SetFaults(waldurtest.Raw("HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + date + "\r\nContent-Length: 0\r\n\r\n"))
		_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
		status, ok := errors.AsType[*waldur.Error](err)
		if !ok || (status.RetryAfter-want).Abs() > time.Minute {
			t.Errorf("got %v and a wait of %s, want %s", err, status.RetryAfter, want)
		}
	}
}

// TestTextsOfTheServerAreShown for any status, and are blamed on no filter.
func TestTextsOfTheServerAreShown(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"errors":["One.","Two."]}`:          `"One. Two."`,
		`{"detail":["One."]}`:                 `"One."`,
		`{"non_field_errors":["One."]}`:       `"One."`,
		`{"message":"One.","code":"blocked"}`: `"code: blocked One."`,
		`{"error":"One.","detail":null}`:      `"One."`,
		`{"errors":[{"detail":"One."}]}`:      `"{\"errors\":[{\"detail\":\"One.\"}]}"`,
		`["One."]`:                            `"[\"One.\"]"`,
		`One.`:                                `"One."`,
	} {
		for _, status := range []int{400, 403, 409, 503} {
			server := waldurtest.Start(t, nil)
			server.SetFaults(waldurtest.Status(status, nil, body))
			_, _, err := client(t, server).ListComponentUsageMonthly(t.Context(), allMonths)
			if waldur.CauseOf(err) == waldur.FilterRefused || !strings.HasSuffix(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("responded with %d ", status)) {
				t.Errorf("%d %s: got %v, want %s", status, body, err, want)
			}
		}
	}
}
