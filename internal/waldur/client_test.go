// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://waldur.example.com":              "https://waldur.example.com/api/",
		"https://waldur.example.com/":             "https://waldur.example.com/api/",
		"https://waldur.example.com/api":          "https://waldur.example.com/api/",
		"https://waldur.example.com/api/":         "https://waldur.example.com/api/",
		"https://waldur.example.com/prefix/api/":  "https://waldur.example.com/prefix/api/",
		"https://waldur.example.com/prefix":       "https://waldur.example.com/prefix/api/",
		"https://waldur.example.com/my%2Fprefix/": "https://waldur.example.com/my%2Fprefix/api/",
		"https://waldur.example.com/rapi":         "https://waldur.example.com/rapi/api/",
		"HTTPS://waldur.example.com:8443":         "https://waldur.example.com:8443/api/",
		"http://[::1]:8080/api":                   "http://[::1]:8080/api/",
		"http://[fe80::1%25eth0]/":                "http://[fe80::1%25eth0]/api/",
		"https://waldur.example.com//a/../b//":    "https://waldur.example.com/b/api/",
		"https://waldur.example.com/%C3%BC ber":   "https://waldur.example.com/%C3%BC%20ber/api/",
	} {
		if got, err := ParseURL(text); err != nil || got.String() != want {
			t.Errorf("%s was read as %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"":                                      "no scheme",
		"waldur.example.com":                    "no scheme",
		"//waldur.example.com":                  "no scheme",
		"waldur.example.com:8080":               "its scheme is waldur.example.com",
		"localhost:8080":                        "its scheme is localhost",
		"ftp://waldur.example.com":              "its scheme is ftp",
		"https:waldur.example.com":              "no host",
		"https://":                              "no host",
		"https://:8080":                         "no host",
		"https://me:secret@waldur.example.com":  "user info",
		"https://waldur.example.com?a=b":        "query",
		"https://waldur.example.com/?":          "query",
		"https://waldur.example.com/#/projects": "fragment",
		"https://waldur.example.com/#":          "fragment",
		"https://waldur.example.com:0":          "port",
		"https://waldur.example.com:65536":      "port",
		"https://waldur example.com":            "as an address",
		"https://me:secret@waldur example.com":  "as an address",
		"https://%zz":                           "as an address",
		"https://me:sec/ret:secret@[":           "without user info",
		"https://me:secret/@waldur.example.com": "without user info",
	} {
		got, err := ParseURL(text)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q was read as %v, %v; want an error of its %s", text, got, err, reason)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestTokenScheme(t *testing.T) {
	t.Parallel()
	for token, want := range map[Token]string{
		"c0ffee0000000000000000000000000000000000": "Token",
		"w_c0ffee": "Bearer",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl": "Bearer",
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.":              "Bearer",
		"wc0ffee":                                           "Token",
		"not.a.jwt":                                         "Token",
		"eyJhbGciOiJIUzI1NiJ9":                              "Token",
	} {
		if got, want := token.authorization(), want+" "+string(token); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if shown := fmt.Sprintf("%s %v %+v %#v", token, token, struct{ T Token }{token}, token); strings.Contains(shown, string(token)) {
			t.Errorf("the token shows when printed: %s", shown)
		}
	}
}

// TestOnlyRequestTimeoutLimitsAnAttempt: libraries set limits of their own for
// parts of it, which a user could not raise.
func TestOnlyRequestTimeoutLimitsAnAttempt(t *testing.T) {
	t.Parallel()
	c := &Client{RequestTimeout: time.Hour}
	c.prepare()
	transport := c.http.Transport.(readableRedirects).Transport
	if transport.TLSHandshakeTimeout != 0 || transport.ResponseHeaderTimeout != 0 || c.http.Timeout != time.Hour {
		t.Fatalf("limits of %s, %s and %s", transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout, c.http.Timeout)
	}
	// The operating system gives up to connect after some minutes.
	x := &exchange{client: c, started: time.Now().Add(-2 * time.Minute)}
	if err := x.words(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}); errors.Is(err, errNoAnswer) {
		t.Fatalf("after two minutes of an hour: %v", err)
	}
	x.started = time.Now().Add(-time.Hour)
	if err := x.words(os.ErrDeadlineExceeded); err.Error() != "no whole answer within 1h0m0s" {
		t.Fatalf("after an hour: %v", err)
	}
}

func FuzzParseURL(f *testing.F) {
	for _, text := range []string{"https://waldur.example.com", "http://[::1]:80/api/", "https://a:b@c/?d#e", "https://h/%2F/api//", "://", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text)
		if err != nil {
			return
		}
		if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q was read as %s", text, u)
		}
		if !strings.HasSuffix(u.Path, "/api/") {
			t.Fatalf("%q was read as %s, which does not end in /api/", text, u)
		}
		again, err := ParseURL(u.String())
		if err != nil || again.String() != u.String() {
			t.Fatalf("%s, read again, is %v, %v", u, again, err)
		}
		if _, err := url.Parse(u.JoinPath(componentUsageMonthlyPath).String()); err != nil {
			t.Fatal(err)
		}
	})
}
