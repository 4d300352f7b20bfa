package waldur_test

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// TestProxyFromEnvironment sets environment variables, so it does not run in parallel.
func TestProxyFromEnvironment(t *testing.T) {
	const notURL, plain = "HTTPS_PROXY is not the URL of a proxy", " url=http://waldur.example.com"
	tests := map[string]string{ // the proxy, or a part of the error, by the variables and the address of the server
		"HTTPS_PROXY=": "",
		"HTTPS_PROXY=http://bot:s3cret@proxy.example:3128":                   "http://bot:s3cret@proxy.example:3128",
		"HTTPS_PROXY=proxy.example:3128":                                     "http://proxy.example:3128",
		"HTTPS_PROXY=bot:s3cret@proxy.example:3128/":                         "http://bot:s3cret@proxy.example:3128/",
		"https_proxy=http://proxy.example:3128":                              "http://proxy.example:3128",
		"HTTPS_PROXY=http://s3cret%@proxy.example https_proxy=http://lower":  "http://lower",
		"HTTPS_PROXY=http://upper.example https_proxy=http://s3cret%@lower":  map[bool]string{false: "https_proxy", true: "HTTPS_PROXY"}[runtime.GOOS == "windows"] + " is not the URL of a proxy", // one variable there
		"HTTPS_PROXY=http://bot:s3c%2Fret%25@proxy.example:3128":             "http://bot:s3c%2Fret%25@proxy.example:3128",
		"HTTPS_PROXY=https://proxy.example":                                  "https://proxy.example",
		"HTTPS_PROXY=socks5://proxy.example":                                 "socks5://proxy.example",
		"HTTPS_PROXY=socks5h://proxy.example:1080":                           "socks5h://proxy.example:1080",
		"HTTPS_PROXY=ftp://bot:s3cret@proxy.example":                         "HTTPS_PROXY must begin with http://, https://, socks5:// or socks5h://",
		"HTTP_PROXY=http://proxy.example":                                    "",
		"HTTP_PROXY=http://proxy.example" + plain:                            "http://proxy.example",
		"HTTP_PROXY=http://bot:s3cret%@proxy.example" + plain:                "HTTP_PROXY is not the URL of a proxy",
		"HTTPS_PROXY=http://s3cret%@proxy.example" + plain:                   "",
		"HTTPS_PROXY=http://proxy.example NO_PROXY=.example.com":             "",
		"HTTPS_PROXY=http://proxy.example NO_PROXY=elsewhere.example":        "http://proxy.example",
		"HTTPS_PROXY=http://s3cret%@proxy.example NO_PROXY=*":                "",
		"HTTPS_PROXY=http://s3cret%@proxy.example no_proxy=example.com":      "",
		"HTTPS_PROXY=http://s3cret%@proxy.example url=https://127.0.0.1:443": "",
	}
	for _, value := range []string{
		"http://bot:s3cret%@proxy.example:3128", "bot:s3cret%@proxy.example:3128", "http://bot:s3cret/@proxy.example:3128", "http://bot:1/s3cret@proxy.example:3128",
		"bot:s3cret/@proxy.example:3128", `http://DOMAIN\bot:s3cret@proxy.example:3128`, `DOMAIN\bot:s3cret@proxy.example:3128`, "http://bot:s3cret#@proxy.example:3128",
		"http://bot:1#s3cret@proxy.example:3128", "bot:s3cret#@proxy.example:3128", "http://bot:1?s3cret@proxy.example:3128", "http://", "http://bot:s3cret@proxy.example\n",
	} {
		tests["HTTPS_PROXY="+value] = notURL
	}
	for settings, want := range tests {
		t.Run(settings, func(t *testing.T) {
			for _, variable := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "url"} {
				t.Setenv(variable, "")
			}
			for setting := range strings.SplitSeq(settings, " ") {
				name, value, _ := strings.Cut(setting, "=")
				t.Setenv(name, value)
			}
			server, err := waldur.ParseURL(cmp.Or(os.Getenv("url"), "https://waldur.example.com"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := waldur.ProxyFromEnvironment(server)
			switch {
			case err != nil && (!strings.Contains(want, " ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret")):
				t.Errorf("got %v, want %s, without the password", err, want)
			case err == nil && got == nil && want != "", err == nil && got != nil && got.String() != want:
				t.Errorf("got %v, want %s", got, want)
			}
		})
	}
}

// proxyPassword has characters that URLs, JSON and HTML escape.
const proxyPassword = `s3c/r%t "&'=`

// startProxy returns the address of a proxy that responds to CONNECT, or connects to the address of
// a server if the response is "". It speaks TLS if it has a config.
func startProxy(t *testing.T, config *tls.Config, server string, respond func(r *http.Request) string) string {
	t.Helper()
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response := respond(r)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, cmp.Or(response, "HTTP/1.1 200 Connection established\r\n\r\n"))
		if response == "" {
			through(conn, buffered, server)
		}
	}))
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	if proxy.TLS = config; config != nil {
		proxy.StartTLS()
	} else {
		proxy.Start()
	}
	t.Cleanup(proxy.Close)
	return proxy.Listener.Addr().String()
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

// listen returns the address of a server that sends each reply after it has read what the client
// sent, and then closes the connection.
func listen(t *testing.T, replies ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go func() {
				defer func() { _ = conn.Close() }()
				for _, reply := range replies {
					_, _ = conn.Read(make([]byte, 64<<10))
					if reply == reset {
						_ = conn.(*net.TCPConn).SetLinger(0)
					} else {
						_, _ = io.WriteString(conn, reply)
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

var (
	down = "127.0.0.1:1" // nothing listens there
	// The system's words, by Winsock's numbers on Windows. As a reply, reset resets the connection.
	noServer = cmp.Or(map[string]syscall.Errno{"windows": 10061}[runtime.GOOS], syscall.ECONNREFUSED).Error()
	reset    = cmp.Or(map[string]syscall.Errno{"windows": 10054}[runtime.GOOS], syscall.ECONNRESET).Error()
)

// failed is a failure to connect.
type failed struct {
	cause     waldur.Cause
	temporary bool
	want      string // the end of the text
}

// checkFailure reads with a client and compares the error. A temporary one is tried twice.
func checkFailure(t *testing.T, c *waldur.Client, want failed) {
	t.Helper()
	c.MaxRetries, c.RetryWait = 1, time.Millisecond
	_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
	got, ok := errors.AsType[*waldur.Error](err)
	if !ok || got.Cause != want.cause || !strings.HasSuffix(got.Text, want.want) || got.Temporary != want.temporary || got.Request.Attempts != map[bool]int{false: 1, true: 2}[want.temporary] {
		t.Errorf("got %s, %v", waldur.CauseOf(err), err)
	}
}

// TestConnectionsThatFail say whether the server is down, speaks something else, or broke off.
func TestConnectionsThatFail(t *testing.T) {
	t.Parallel()
	const httpScheme, httpsScheme = "the address begins with http, but the server speaks TLS at this port", "the address begins with https, but the server does not speak TLS at this port"
	title := func(title string) string {
		return "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html><head><title>400 " + title + "</title></head></html>"
	}
	plain, secure := strings.TrimPrefix(waldurtest.Start(t, nil).URL, "http://"), strings.TrimPrefix(waldurtest.StartTLS(t, nil).URL, "https://")
	for name, test := range map[string]struct {
		scheme, address string
		failed
	}{
		"down":                         {"http", down, failed{waldur.ConnectionFailed, true, noServer}},
		"closes":                       {"http", listen(t, ""), failed{waldur.ConnectionClosed, true, "the connection failed: the server closed it"}},
		"resets":                       {"http", listen(t, reset), failed{waldur.ConnectionClosed, true, reset}},
		"closes, https":                {"https", listen(t, ""), failed{waldur.TLSInterrupted, true, "the connection failed: the server closed it"}},
		"resets, https":                {"https", listen(t, reset), failed{waldur.TLSInterrupted, true, reset}},
		"https to Go":                  {"https", plain, failed{waldur.NoTLS, false, httpsScheme}},
		"https to a page of HTTP/0.9":  {"https", listen(t, "<!DOCTYPE HTML>\n<html lang=\"en\"></html>"), failed{waldur.NoTLS, false, httpsScheme}},
		"https to SSH":                 {"https", listen(t, "SSH-2.0-OpenSSH_9.6\r\n"), failed{waldur.NoTLS, false, httpsScheme}},
		"http to Go":                   {"http", secure, failed{waldur.WantsTLS, false, httpScheme}},
		"http to nginx":                {"http", listen(t, title("The plain HTTP request was sent to HTTPS port")), failed{waldur.WantsTLS, false, httpScheme}},
		"http to Apache":               {"http", listen(t, "HTTP/1.1 400 Bad Request\r\n\r\n<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />"), failed{waldur.WantsTLS, false, httpScheme}},
		"http to Tomcat":               {"http", listen(t, "HTTP/1.1 400 \r\n\r\nBad Request\nThis combination of host and port requires TLS.\n"), failed{waldur.WantsTLS, false, httpScheme}},
		"http to TLS":                  {"http", listen(t, "\x15\x03\x03\x00\x02\x02\x0a"), failed{waldur.WantsTLS, false, httpScheme}},
		"http to old TLS":              {"http", listen(t, "\x15\x03\x01\x00\x02\x02\x46"), failed{waldur.WantsTLS, false, httpScheme}},
		"SSH":                          {"http", listen(t, "SSH-2.0-OpenSSH_9.6\r\n"), failed{waldur.NotHTTP, false, `malformed HTTP response "SSH-2.0-OpenSSH_9.6"`}},
		"HTTP/2":                       {"http", listen(t, "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80"), failed{waldur.NotHTTP, false, "the server speaks only HTTP/2"}},
		"a bad status":                 {"http", listen(t, "HTTP/1.1 half of a secret\r\n\r\n"), failed{waldur.NotHTTP, false, "the response is not valid HTTP/1.1: malformed status line"}},
		"a bad version":                {"http", listen(t, "HTTP/x 200 OK\r\n\r\n"), failed{waldur.NotHTTP, false, "the response is not valid HTTP/1.1: malformed status line"}},
		"large headers":                {"http", listen(t, "HTTP/1.1 200 OK\r\nX-Large: "+strings.Repeat("x", 300<<10)+"\r\n\r\n"), failed{waldur.NotHTTP, false, "server response headers exceeded 262144 bytes; aborted"}},
		"two lengths":                  {"http", listen(t, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n[]"), failed{waldur.NotHTTP, false, `multiple Content-Length headers; got ["1" "2"]`}},
		"cut headers":                  {"http", listen(t, "HTTP/1.1 200 OK\r\nX-Result-Count: 1"), failed{waldur.ResponseCut, true, "the response ended within its headers: net/http: HTTP/1.x transport connection broken: unexpected EOF"}},
		"an alert":                     {"https", listen(t, "\x15\x03\x03\x00\x02\x02\x28"), failed{waldur.TLSRefused, false, "the connection failed: remote error: tls: handshake failure"}},
		"an alert that may pass":       {"https", listen(t, "\x15\x03\x03\x00\x02\x02\x50"), failed{waldur.TLSRefused, true, "the connection failed: remote error: tls: internal error"}},
		"an alert about a certificate": {"https", listen(t, "\x15\x03\x03\x00\x02\x02\x2a"), failed{waldur.ClientCertificate, false, `the server requires a client certificate: "bad certificate"`}},
		"an alert about access":        {"https", listen(t, "\x15\x03\x03\x00\x02\x02\x31"), failed{waldur.ClientCertificate, false, `the server requires a client certificate: "access denied"`}},
		"garbage in the handshake":     {"https", listen(t, "\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00"), failed{waldur.TLSUnusable, false, "local error: tls: error decoding message"}},
		"a broken handshake":           {"https", listen(t, "\x16\x03\x03\x00\x04\x0e\x00\x00\x00"), failed{waldur.TLSUnusable, false, "tls: received unexpected handshake message of type *tls.serverHelloDoneMsg when waiting for *tls.serverHelloMsg"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkFailure(t, &waldur.Client{URL: &url.URL{Scheme: test.scheme, Host: test.address, Path: "/api/"}}, test.failed)
		})
	}
	for fault, want := range map[*waldurtest.Fault]failed{
		new(waldurtest.HangUp()): {waldur.ConnectionFailed, true, "the server closed it"}, // after the handshake
		new(waldurtest.Status(400, nil, "The plain HTTP request was sent to HTTPS port")): {waldur.HostRefused, false, `400 Bad Request: "The plain HTTP request was sent to HTTPS port"`},
	} {
		server := waldurtest.StartTLS(t, nil)
		server.SetFaults(*fault)
		c := client(t, server)
		c.InsecureSkipVerify = true
		checkFailure(t, c, want)
	}
}

// TestRequestsGoThroughTheProxy, after a temporary failure, and bring the recorded rows. The
// server does not get the credentials.
func TestRequestsGoThroughTheProxy(t *testing.T) {
	t.Parallel()
	server := waldurtest.StartTLS(t, waldurtest.ContractRows())
	var connects atomic.Int64
	proxy := startProxy(t, nil, strings.TrimPrefix(server.URL, "https://"), func(r *http.Request) string {
		if r.Method != http.MethodConnect || r.Host != "waldur.example.com:443" || !strings.HasPrefix(r.Header.Get("Proxy-Authorization"), "Basic ") || r.Header.Get("Authorization") != "" {
			t.Errorf("the proxy got %s %s %v", r.Method, r.Host, r.Header)
		}
		return map[int64]string{1: "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"}[connects.Add(1)]
	})
	c := client(t, server)
	c.URL = &url.URL{Scheme: "https", Host: "waldur.example.com", Path: "/api/"}
	c.Proxy = &url.URL{Scheme: "http", Host: proxy, User: url.UserPassword("bot", proxyPassword)}
	c.InsecureSkipVerify, c.MaxRetries = true, 1
	got, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
	if diff := difference(got, expected(waldurtest.ContractRows(), nil), nil); err != nil || diff != "" || connects.Load() != 2 {
		t.Fatalf("%v after %d requests to the proxy; %s", err, connects.Load(), diff)
	}
	if r := server.Requests()[0]; r.Host != "waldur.example.com" || r.Header.Get("Proxy-Authorization") != "" {
		t.Errorf("the server got %s %v", r.Host, r.Header)
	}
}

// TestProxiesThatFail are told apart from servers that do. They may repeat their credentials.
func TestProxiesThatFail(t *testing.T) {
	t.Parallel()
	plain, secure := waldurtest.Start(t, nil), waldurtest.StartTLS(t, nil)
	basic := base64.StdEncoding.EncodeToString([]byte("bot:" + proxyPassword))
	responds := func(status string) string {
		return "http://" + listen(t, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
	}
	socks := func(replies ...string) string { return "socks5://" + listen(t, replies...) }
	const login, noLogin, address = "\x05\x02", "\x05\x00", "\x00\x01\x00\x00\x00\x00\x00\x00" // of SOCKS 5 (RFC 1928)
	plainHost := strings.TrimPrefix(plain.URL, "http://")
	toPlain := startProxy(t, nil, plainHost, func(*http.Request) string { return "" })
	for name, test := range map[string]struct {
		proxy, server string
		failed
	}{
		"403":                     {responds("403 Forbidden"), "", failed{waldur.ProxyRefused, false, "responded with 403 Forbidden"}},
		"204":                     {responds("204 No Content"), "", failed{waldur.ProxyRefused, false, "responded with 204 No Content"}},
		"429":                     {responds("429 Slow"), "", failed{waldur.ProxyRefused, true, "responded with 429 Slow"}},
		"503":                     {responds("503 Busy"), "", failed{waldur.ProxyFailed, true, "responded with 503 Busy"}},
		"501":                     {responds("501 No"), "", failed{waldur.ProxyFailed, false, "responded with 501 No"}},
		"407":                     {responds("407 Who"), "", failed{waldur.ProxyLogin, false, "responded with 407 Who"}},
		"407, Basic":              {responds("407 Who\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: basic realm=x"), "", failed{waldur.ProxyLogin, false, "; the login methods that it offers are NTLM, basic"}},
		"407, others":             {responds("407 Who\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM"), "", failed{waldur.ProxyOtherLogin, false, "; the login methods that it offers are Negotiate, NTLM"}},
		"credentials":             {responds("407 bot:" + proxyPassword + " refused"), "", failed{waldur.ProxyLogin, false, "responded with 407 (proxy credentials) refused"}},
		"a password":              {responds("407 " + proxyPassword + " refused"), "", failed{waldur.ProxyLogin, false, "responded with 407 (proxy password) refused"}},
		"down":                    {"http://" + down, "", failed{waldur.ProxyUnreachable, true, noServer}},
		"down, for http":          {"http://" + down, "http://waldur.example.com", failed{waldur.ProxyUnreachable, true, noServer}},
		"down, https":             {"https://" + down, "", failed{waldur.ProxyUnreachable, true, noServer}},
		"closes":                  {"http://" + listen(t, ""), "", failed{waldur.ProxyFailed, true, "EOF"}},
		"no HTTP, for http":       {"http://" + listen(t, "SSH-2.0-OpenSSH_9.6\r\n"), "http://waldur.example.com", failed{waldur.NotHTTP, false, `malformed HTTP response "SSH-2.0-OpenSSH_9.6"`}},
		"https to http":           {"https://" + plainHost, "", failed{waldur.ProxyNoTLS, false, "first record does not look like a TLS handshake"}},
		"https that is closed":    {"https://" + listen(t, ""), "", failed{waldur.ProxyNoTLS, true, "EOF"}},
		"https that is untrusted": {secure.URL, "", failed{waldur.ProxyUntrusted, false, "certificate signed by unknown authority"}},
		"SOCKS: down":             {"socks5://" + down, "", failed{waldur.ProxyUnreachable, true, noServer}},
		"SOCKS: closes":           {socks(""), "", failed{waldur.ProxyUnreachable, true, "EOF"}},
		"SOCKS: HTTP":             {socks("HTTP/1.1 400 Bad Request\r\n\r\n"), "", failed{waldur.ProxyUnreachable, true, "unexpected protocol version 72"}},
		"SOCKS: no login":         {socks("\x05\xff"), "", failed{waldur.ProxyLogin, false, "no acceptable authentication methods"}},
		"SOCKS: wrong login":      {socks(login, "\x01\x01"), "", failed{waldur.ProxyLogin, false, "username/password authentication failed"}},
		"SOCKS: not allowed":      {socks(noLogin, "\x05\x02"+address), "", failed{waldur.ProxyRefused, false, "connection not allowed by ruleset"}},
		"SOCKS: host unreachable": {socks(noLogin, "\x05\x04"+address), "", failed{waldur.ProxyFailed, true, "host unreachable"}},
		"a server without TLS":    {"http://" + toPlain, "", failed{waldur.NoTLS, false, "the server does not speak TLS at this port"}},
		"a server that wants TLS": {"http://" + listen(t, "HTTP/1.1 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"), "http://waldur.example.com", failed{waldur.WantsTLS, false, "the server speaks TLS at this port"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := waldur.ParseURL(cmp.Or(test.server, "https://waldur.example.com"))
			if err != nil {
				t.Fatal(err)
			}
			proxy, err := url.Parse(test.proxy)
			if err != nil {
				t.Fatal(err)
			}
			proxy.User = url.UserPassword("bot", proxyPassword)
			logger, log := logs()
			checkFailure(t, &waldur.Client{URL: server, Proxy: proxy, Logger: logger}, test.failed)
			if shown := strings.Join(log.texts, ""); strings.Contains(shown, "s3c") || strings.Contains(shown, basic) {
				t.Errorf("the password shows: %s", shown)
			}
		})
	}
}

// issue returns a certificate and its key. Without an authority, it is its own.
func issue(t *testing.T, authority *tls.Certificate, template x509.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotAfter = big.NewInt(0x5e1a15e1a15), cmp.Or(template.NotAfter, time.Now().Add(time.Hour))
	template.IsCA, template.BasicConstraintsValid = true, true
	signer := &tls.Certificate{Leaf: &template, PrivateKey: key}
	der, err := x509.CreateCertificate(rand.Reader, &template, cmp.Or(authority, signer).Leaf, key.Public(), cmp.Or(authority, signer).PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	signer.Certificate = [][]byte{der}
	if signer.Leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return signer
}

// named returns a template of a certificate for the host of the tests.
func named(name string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
}

func pool(certificate *tls.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	return pool
}

// startTLS returns a client of a server with a TLS configuration, which offers HTTP/2 as well, and
// the requests to it.
func startTLS(t *testing.T, config *tls.Config) (c *waldur.Client, requests chan *http.Request) {
	t.Helper()
	requests = make(chan *http.Request, 9)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		w.Header().Set("X-Result-Count", "0")
		_, _ = io.WriteString(w, "[]")
	}))
	config.NextProtos = []string{"h2", "http/1.1"}
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return config, nil }} // httptest reads no certificate of it
	server.EnableHTTP2, server.Config.ErrorLog = true, log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return &waldur.Client{URL: &url.URL{Scheme: "https", Host: server.Listener.Addr().String(), Path: "/api/"}}, requests
}

// TestServersThatAreNotTrusted name the certificate, and why. Others are sent HTTP/1.1.
func TestServersThatAreNotTrusted(t *testing.T) {
	t.Parallel()
	root, other := issue(t, nil, named("Root")), issue(t, nil, named("Other"))
	between := issue(t, root, named("Between"))
	leaf := issue(t, between, named("Leaf"))
	full := *leaf
	full.Certificate = append(full.Certificate, between.Certificate...)
	elsewhere, expired, later, client, unnamed := named("Leaf"), named("Leaf"), named("Leaf"), named("Leaf"), named("")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	unnamed.DNSNames, unnamed.NotAfter = []string{"waldur.example.com"}, time.Now().Add(-time.Hour)
	elsewhere.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)}
	expired.NotAfter = time.Now().Add(-time.Hour)
	later.NotBefore = time.Now().Add(time.Minute)
	negative := issue(t, nil, named("Leaf"))
	serial := negative.Leaf.SerialNumber.Bytes()
	negative.Certificate[0] = bytes.Replace(negative.Certificate[0], serial, append([]byte{serial[0] | 0x80}, serial[1:]...), 1)
	for name, test := range map[string]struct {
		certificate *tls.Certificate
		roots       *x509.CertPool
		failed
	}{
		"another authority":        {&full, pool(other), failed{waldur.UnknownAuthority, false, `the certificate is for "CN=Leaf", and the last certificate that the server sent was issued by "CN=Root"`}},
		"its own authority":        {root, pool(other), failed{waldur.UnknownAuthority, false, `issued by "CN=Root"`}},
		"no intermediate":          {leaf, pool(root), failed{waldur.NoIntermediate, false, `issued by "CN=Between"`}},
		"another host":             {issue(t, root, elsewhere), pool(root), failed{waldur.WrongHost, false, `issued by "CN=Root"`}},
		"expired":                  {issue(t, root, expired), pool(root), failed{waldur.Expired, false, `issued by "CN=Root"`}},
		"not valid yet":            {issue(t, root, later), pool(root), failed{waldur.NotYetValid, false, `issued by "CN=Root"`}},
		"for clients":              {issue(t, root, client), pool(root), failed{waldur.TLSUnusable, false, `issued by "CN=Root"`}},
		"without a subject":        {issue(t, root, unnamed), pool(root), failed{waldur.Expired, false, `the certificate is for "waldur.example.com", and the last certificate that the server sent was issued by "CN=Root"`}},
		"a negative serial number": {negative, nil, failed{waldur.TLSUnusable, false, "tls: failed to parse certificate from server: x509: negative serial number"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, requests := startTLS(t, &tls.Config{Certificates: []tls.Certificate{*test.certificate}})
			c.RootCAs = test.roots
			checkFailure(t, c, test.failed)
			if len(requests) > 0 {
				t.Errorf("%d requests", len(requests))
			}
		})
	}
	c, requests := startTLS(t, &tls.Config{Certificates: []tls.Certificate{full}})
	for _, c := range []*waldur.Client{{URL: c.URL, RootCAs: pool(root)}, {URL: c.URL, InsecureSkipVerify: true}} {
		if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil || (<-requests).Proto != "HTTP/1.1" {
			t.Errorf("insecure: %t: %v, or it used HTTP/2", c.InsecureSkipVerify, err)
		}
	}
}

// TestAuthoritiesOfTheSystem runs itself on systems with one authority, and without any, since
// package crypto/x509 reads them once.
func TestAuthoritiesOfTheSystem(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems have their authorities elsewhere")
	}
	const variable = "TEST_CAUSE"
	other := issue(t, nil, named("Other"))
	if cause := os.Getenv(variable); cause != "" {
		c, _ := startTLS(t, &tls.Config{Certificates: []tls.Certificate{*issue(t, nil, named("Leaf"))}})
		checkFailure(t, &waldur.Client{URL: c.URL}, failed{waldur.Cause(cause), false, `issued by "CN=Leaf"`})
		checkFailure(t, &waldur.Client{URL: c.URL, RootCAs: pool(other)}, failed{waldur.UnknownAuthority, false, `issued by "CN=Leaf"`})
		return
	}
	for cause, blocks := range map[waldur.Cause][]byte{
		waldur.NoAuthorities: nil, waldur.UnknownAuthority: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate[0]}),
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, "ca.pem")
		if err := os.WriteFile(file, blocks, 0o600); err != nil {
			t.Fatal(err)
		}
		test := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAuthoritiesOfTheSystem$")
		test.Env = append(os.Environ(), variable+"="+string(cause), "SSL_CERT_FILE="+file, "SSL_CERT_DIR="+filepath.Join(folder, "none"))
		if output, err := test.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, output)
		}
	}
}

// TestClientCertificates: servers refuse them at different moments in both versions of TLS.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	own, stranger := issue(t, nil, named("Gateway")), issue(t, nil, named("Stranger"))
	right := issue(t, own, named("Client"))
	for version, number := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		c, requests := startTLS(t, &tls.Config{Certificates: []tls.Certificate{*own}, MaxVersion: number, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool(own)})
		for name, test := range map[string]struct {
			certificate *tls.Certificate
			failed
		}{
			"right":             {right, failed{}},
			"none":              {nil, failed{waldur.ClientCertificate, false, `the server requires a client certificate: "certificate required"`}},
			"another authority": {stranger, failed{waldur.ClientCertificate, false, `the server did not accept the client certificate: "unknown certificate authority"`}},
		} {
			t.Run(version+", "+name, func(t *testing.T) {
				c := &waldur.Client{URL: c.URL, RootCAs: pool(own), Certificate: test.certificate}
				if test.cause == "" {
					if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil || len((<-requests).TLS.PeerCertificates) != 1 {
						t.Fatal(err)
					}
					return
				}
				if version == "TLS 1.2" && name == "none" { // its alert does not say more
					test.failed = failed{waldur.TLSRefused, false, "remote error: tls: handshake failure"}
				}
				checkFailure(t, c, test.failed)
			})
		}
	}
}

// TestSettingsForTheServerAreNotForAProxy: the client's certificate, and the choice to verify none.
func TestSettingsForTheServerAreNotForAProxy(t *testing.T) {
	t.Parallel()
	own, other := issue(t, nil, named("Proxy")), issue(t, nil, named("Server"))
	config := &tls.Config{Certificates: []tls.Certificate{*other}, ClientAuth: tls.RequireAnyClientCert}
	c, requests := startTLS(t, config)
	var toProxy atomic.Int64 // certificates
	proxy := startProxy(t, &tls.Config{Certificates: []tls.Certificate{*own}, ClientAuth: tls.RequestClientCert}, c.URL.Host, func(r *http.Request) string {
		toProxy.Add(int64(len(r.TLS.PeerCertificates)))
		return ""
	})
	c.Proxy, c.RootCAs, c.Certificate, c.InsecureSkipVerify = &url.URL{Scheme: "https", Host: proxy}, pool(own), issue(t, nil, named("Client")), true
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil {
		t.Fatal(err)
	}
	if n := len((<-requests).TLS.PeerCertificates); n != 1 || toProxy.Load() != 0 {
		t.Errorf("the server got %d certificates, the proxy %d", n, toProxy.Load())
	}
	untrusting := &waldur.Client{URL: c.URL, Proxy: c.Proxy, RootCAs: pool(other), InsecureSkipVerify: true}
	checkFailure(t, untrusting, failed{waldur.ProxyUntrusted, false, "certificate signed by unknown authority"})
}
