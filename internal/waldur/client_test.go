package waldur

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	const endpoint = "/api/marketplace-component-usage-monthly/"
	for text, want := range map[string]string{
		"https://waldur.example.com":                     "https://waldur.example.com/api/",
		"https://waldur.example.com/":                    "https://waldur.example.com/api/",
		"https://waldur.example.com/api":                 "https://waldur.example.com/api/",
		"https://waldur.example.com/api/":                "https://waldur.example.com/api/",
		"https://w.example/x" + endpoint:                 "https://w.example/x/api/",
		"https://w.example" + endpoint[:len(endpoint)-1]: "https://w.example/api/",
		"https://waldur.example.com/prefix/api/":         "https://waldur.example.com/prefix/api/",
		"https://waldur.example.com/prefix":              "https://waldur.example.com/prefix/api/",
		"https://waldur.example.com/my%2Fprefix/":        "https://waldur.example.com/my%2Fprefix/api/",
		"https://waldur.example.com/rapi":                "https://waldur.example.com/rapi/api/",
		"HTTPS://waldur.example.com:8443":                "https://waldur.example.com:8443/api/",
		"http://[::1]:8080/api":                          "http://[::1]:8080/api/",
		"http://[fe80::1%25eth0]/":                       "http://[fe80::1%25eth0]/api/",
		"https://waldur.example.com//a/../b//":           "https://waldur.example.com/b/api/",
		"https://waldur.example.com/%C3%BC ber":          "https://waldur.example.com/%C3%BC%20ber/api/",

		// One form for a server.
		"https://WALDÜR.Example.org":             "https://xn--waldr-nva.example.org/api/",
		"https://Waldur.Example.COM":             "https://waldur.example.com/api/",
		"https://xn--waldr-nva.example.org":      "https://xn--waldr-nva.example.org/api/",
		"https://Wald%C3%BCr.example.org":        "https://xn--waldr-nva.example.org/api/",
		"https://waldür。example。org。":            "https://xn--waldr-nva.example.org/api/",
		"https://waldur.example.com.:443/api":    "https://waldur.example.com/api/",
		"http://waldur.example.com:080":          "http://waldur.example.com/api/",
		"http://waldur.example.com:443":          "http://waldur.example.com:443/api/",
		"https://waldur.example.com:8443/":       "https://waldur.example.com:8443/api/",
		"https://[2001:DB8:0:0::1]:443/":         "https://[2001:db8::1]/api/",
		"https://my_waldur--1.example":           "https://my_waldur--1.example/api/",
		"\ufeffhttps://waldur.example.com\u200b": "https://waldur.example.com/api/",
		"\u00a0https://waldur.example.com\r\n ":  "https://waldur.example.com/api/",

		// No pages of the web interface.
		"https://waldur.example.com/profiles/":     "https://waldur.example.com/profiles/api/",
		"https://waldur.example.com/projects/hpc/": "https://waldur.example.com/projects/hpc/api/",
	} {
		if got, err := ParseURL(text); err != nil || got.String() != want {
			t.Errorf("%s was read as %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	const scheme, brackets, noQuery = "must begin with https://", "has an IPv6 address without brackets; write it like http://[::1]:8080", "must not have a query or a fragment"
	for text, reason := range map[string]string{
		"":                                 "must not be empty",
		" ":                                "must not be empty",
		"waldur.example.com":               scheme,
		"//waldur.example.com":             scheme,
		"waldur.example.com:8443":          scheme,
		"127.0.0.1:39615":                  scheme,
		"localhost:8080":                   scheme,
		`"https://waldur.example.com"`:     scheme,
		"ftp://waldur.example.com":         scheme,
		"https:waldur.example.com":         scheme,
		"https":                            scheme,
		"https://":                         "has no valid host",
		"https://:8080":                    "has no valid host",
		"https://.":                        "has no valid host",
		"https://wald\u00fcr_.example.com": "has no valid host",
		"https://%C2%AD":                   "has no valid host",
		"::1":                              brackets,
		"http://::1":                       brackets,
		"HTTPS://2001:db8::1:8443/api":     brackets,

		"http://localhost\u200b:8080":                `has an invisible character (U+200B) after "localhost"`,
		"https://\u2060waldur.example.com":           `has an invisible character (U+2060) after "https://"`,
		"https://waldur.example.com/a\u00a0b":        `has an invisible character (U+00A0) after "a"`,
		"https://me:sec\u200bret@waldur.example.com": "has an invisible character (U+200B) after character 14",
		"https://waldur.example.com/#secret\u200b=":  "has an invisible character (U+200B) after character 34",
		"https://me:secret@waldur.example.com":       "must not have user info",
		"https://waldur.example.com?a=b":             noQuery,
		"https://waldur.example.com/?":               noQuery,
		"https://waldur.example.com/#/projects":      noQuery + " (the part after ? or #), as in the address of a page of Waldur's web interface",
		"https://waldur.example.com/#":               noQuery,
		"https://waldur.example.com:0":               "has a port",
		"https://waldur.example.com:65536":           "has a port",
		"https://waldur example.com":                 "is not a valid URL",
		"https://me:secret@waldur example.com":       "is not a valid URL",
		"https://%zz":                                "is not a valid URL",
		"https://me:sec/ret:secret@[":                "is not a valid URL",
		"https://me:secret/@waldur.example.com":      "is not a valid URL",
	} {
		got, err := ParseURL(text)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q was read as %v, %v; want an error with %q", text, got, err, reason)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestParseTokenTrimsAndNamesWhatNobodySees(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\ufeffc0ffee": "", "c0ffee\r\n\u200b": "", "c0ffee\u00a0\u200b": "",
		"c0f\u200bfee": "has an invisible character (U+200B) after character 3",
		"c0f\nfee":     "has an invisible character (U+000A) after character 3",
		"c\xff0ffee":   "must have only letters, digits and the characters - . _ ~",
		"\u200b":       "must not be empty",

		`"c0ffee"`: "must not be in quotes; some tools, such as docker run --env-file,", `'c0ffee'`: "must not be in quotes", `"c0ffee`: "must not be in quotes", `c0ffee'`: "must not be in quotes",
		"Token c0ffee": "must not begin with the word Token, which is added to requests", "bearer c0ffee": "must not begin with the word bearer", "c0 ffee": "must",
		strings.Repeat("c", 16<<10+1): "must not be longer than 16 KiB",
	} {
		token, err := ParseToken(text)
		if want == "" && (err != nil || string(token) != "c0ffee") || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "ffee")) {
			t.Errorf("%q was read as %q, %v; want %q", text, string(token), err, want)
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
		if got := token.authorization(); got != want+" "+string(token) {
			t.Errorf("got %s, want it with %s", got, want)
		}
		encoded, err := json.Marshal(token)
		shown := fmt.Sprintf("%s %v %+v %#v %d %x %s %v", token, token, struct{ T Token }{token}, token, token, token, encoded, err)
		if want := "(token) (token) {T:(token)} (token) (token) (token) \"(token)\" <nil>"; shown != want {
			t.Errorf("printed as %s", shown)
		}
	}
}

// TestANameThatNoServerHas is not a temporary error. A failed lookup is one.
func TestANameThatNoServerHas(t *testing.T) {
	t.Parallel()
	for notFound, cause := range map[bool]Cause{true: UnknownHost, false: ConnectionFailed} {
		c := &Client{URL: &url.URL{Scheme: "https"}, redactor: newRedactor("", nil, nil)}
		got := c.connectionError(&net.OpError{Op: "dial", Err: &net.DNSError{Name: "waldur.example", Err: "lookup failed", IsNotFound: notFound}}, &progress{})
		if got.Cause != cause || got.Temporary == notFound || !strings.Contains(got.Text, "waldur.example") {
			t.Errorf("not found: %t: got %+v", notFound, got)
		}
	}
}

func TestCauseOf(t *testing.T) {
	t.Parallel()
	failed := &Error{Cause: Moved}
	for err, want := range map[error]Cause{nil: "", errors.New("other"): "", failed: Moved, fmt.Errorf("read: %w", failed): Moved} {
		if got := CauseOf(err); got != want {
			t.Errorf("the cause of %v is %q", err, got)
		}
	}
}

// TestErrorsAreReadToALimit: the rest of a text is left on the server.
func TestErrorsAreReadToALimit(t *testing.T) {
	t.Parallel()
	text := strings.NewReader(strings.Repeat("x", 1<<20))
	c := &Client{URL: &url.URL{}, redactor: newRedactor("", nil, nil)}
	if failed := c.statusError(&http.Response{StatusCode: 403, Body: io.NopCloser(text)}, ""); len(failed.Detail) != maxExcerpt+len("…") || text.Len() < 900<<10 {
		t.Errorf("read all but %d bytes: %v", text.Len(), failed)
	}
}

// TestABodyThatBreaksOff is requested again, whatever broke it off.
func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{io.ErrUnexpectedEOF: "the response ended after 2 bytes", errors.New("reset by token"): "the response was cut after 2 bytes: reset by (token)"} {
		body := io.NopCloser(io.MultiReader(strings.NewReader("[{"), iotest.ErrReader(err)))
		_, err := readBody(&http.Response{Body: body}, newRedactor("token", nil, nil))
		if failed, ok := errors.AsType[*Error](err); !ok || failed.Cause != ResponseCut || !failed.Temporary || failed.Text != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, text := range []string{"https://waldur.example.com", "http://[::1]:80/api/", "https://a:b@c/?d#e", "https://h/%2F/api//", "https://WALDÜR.\u200b。:443", "http://::1", "https://[FE80::1%25Eth0]:0443", "://", ""} {
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
