package waldur_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// page is a response with an HTML page.
func page(status int, title string) waldurtest.Fault {
	return waldurtest.Status(status, http.Header{"Content-Type": {"text/html"}}, "<html><head><title>"+title+"</title></head></html>")
}

// TestStatuses other than 200 are told apart by the status, and by whether an HTML page comes with
// it. After temporary ones, the request is retried.
func TestStatuses(t *testing.T) {
	t.Parallel()
	status := waldurtest.Status
	const responded = "the server responded with "
	for name, test := range map[string]struct {
		fault   waldurtest.Fault
		cause   waldur.Cause
		want    string // the end of the error
		retried bool
	}{
		"401":                     {status(401, nil, `{"detail":"Token has expired."}`), waldur.Unauthorized, `401 Unauthorized: "Token has expired."`, false},
		"401, labelled HTML":      {status(401, http.Header{"Content-Type": {"text/html"}}, `{"detail":"Token has expired."}`), waldur.Unauthorized, `401 Unauthorized: "Token has expired."`, false},
		"401, after a mark":       {status(401, http.Header{"Content-Type": {"text/html"}}, "\ufeff {}"), waldur.Unauthorized, `401 Unauthorized: "{}"`, false},
		"401, cut":                {waldurtest.Raw("HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\n{\"detail\""), waldur.Unauthorized, `401 Unauthorized: "{\"detail\""`, false},
		"401, a page":             {page(401, "Log in"), waldur.PageDenied, `401 Unauthorized: "Log in"`, false},
		"403":                     {status(403, nil, `{"detail":"No."}`), waldur.Forbidden, `403 Forbidden: "No."`, false},
		"403, a page":             {page(403, "WAF"), waldur.PageDenied, `403 Forbidden: "WAF"`, false},
		"403, labelled HTML":      {status(403, http.Header{"Content-Type": {"text/html"}}, "Denied."), waldur.PageDenied, "403 Forbidden", false},
		"403, a text":             {status(403, nil, "denied."), waldur.PageDenied, `403 Forbidden: "denied."`, false},
		"403, not gzip":           {status(403, http.Header{"Content-Encoding": {"gzip"}}, `{"detail":"No."}`), waldur.Forbidden, `403 Forbidden and a body that cannot be read: its Content-Encoding is "gzip"`, false},
		"403, gzip":               {gzipped(status(403, nil, `{"detail":"No."}`)), waldur.Forbidden, `403 Forbidden: "No."`, false},
		"403, identity":           {status(403, http.Header{"Content-Encoding": {"identity"}}, `{"detail":"No."}`), waldur.Forbidden, `403 Forbidden: "No."`, false},
		"403, br":                 {status(403, http.Header{"Content-Encoding": {"br"}}, `{"detail":"No."}`), waldur.Forbidden, `403 Forbidden and a body that cannot be read: its Content-Encoding is "br"`, false},
		"403, a page in br":       {status(403, http.Header{"Content-Type": {"text/html"}, "Content-Encoding": {"br"}}, "?"), waldur.PageDenied, `and a body that cannot be read: its Content-Encoding is "br"`, false},
		"400, too large":          {status(400, nil, `{"detail":"Too Large."}`), waldur.BadRequest, `400 Bad Request: "Too Large."`, false},
		"403 of a filter":         {status(403, nil, `{"start":["No."]}`), waldur.Forbidden, `403 Forbidden: "start: No."`, false},
		"403 with a Location":     {status(403, http.Header{"Location": {"https://elsewhere.example/login"}}, ""), waldur.PageDenied, "403 Forbidden", false},
		"404":                     {status(404, nil, `{"detail":"Not found."}`), waldur.NotFound, `404 Not Found: "Not found."`, false},
		"404, a page":             {page(404, "Waldur"), waldur.PageNotFound, `404 Not Found: "Waldur"`, false},
		"404, an undeclared page": {status(404, http.Header{"Content-Type": {"text/plain"}}, "\n<!doctype html>"), waldur.PageNotFound, "404 Not Found", false},
		"400":                     {status(400, nil, `["no"]`), waldur.BadRequest, `400 Bad Request: "[\"no\"]"`, false},
		"400 of two filters":      {status(400, nil, `{"offering_type":["Null."],"color":["No.","Never."]}`), waldur.FilterRefused, `the server refused color: "No. Never."; offering_type: "Null."`, false},
		"400, a page":             {page(400, "Bad &amp; wrong"), waldur.HostRefused, `400 Bad Request: "Bad & wrong"`, false},
		"400 of nginx":            {page(400, "400 Request Header Or Cookie Too Large"), waldur.HeadersTooLarge, `of which the token has 40: "400 Request Header Or Cookie Too Large"`, false},
		"431":                     {status(431, nil, ""), waldur.HeadersTooLarge, "431 Request Header Fields Too Large to headers of 128 bytes, of which the token has 40", false},
		"407":                     {status(407, nil, ""), waldur.ProxyLogin, "407 Proxy Authentication Required", false},
		"407 with other methods":  {status(407, http.Header{"Proxy-Authenticate": {"Negotiate", "NTLM realm=x"}}, ""), waldur.ProxyOtherLogin, "407 Proxy Authentication Required; the login methods that it offers are Negotiate, NTLM", false},
		"421":                     {status(421, nil, `{"detail":"No."}`), waldur.HostRefused, `421 Misdirected Request: "No."`, false},
		"421, a page":             {page(421, "Misdirected"), waldur.HostRefused, `421 Misdirected Request: "Misdirected"`, false},
		"418":                     {status(418, nil, "No coffee."), waldur.OtherStatus, `418 I'm a teapot: "No coffee."`, false},
		"408":                     {status(408, nil, ""), waldur.StatusTimeout, "408 Request Timeout", true},
		"429":                     {status(429, nil, `{"detail":"Slow down."}`), waldur.RateLimited, `429 Too Many Requests: "Slow down."`, true},
		"500":                     {status(500, nil, ""), waldur.ServerError, "500 Internal Server Error", true},
		"501":                     {status(501, nil, ""), waldur.ServerError, "501 Not Implemented", false},
		"502, a page":             {page(502, "Bad Gateway"), waldur.ServerError, `502 Bad Gateway: "Bad Gateway"`, true},
		"599":                     {status(599, nil, ""), waldur.ServerError, "599 status code 599", true},
		"204":                     {status(204, nil, ""), waldur.OtherStatus, "204 No Content", false},
		"302 to nowhere":          {status(302, nil, ""), waldur.OtherStatus, "302 Found", false},
		"101":                     {switching, waldur.OtherStatus, "101 Switching Protocols", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, c := serve(t, nil, test.fault)
			c.MaxRetries = 1
			_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			failed, ok := errors.AsType[*waldur.Error](err)
			if !ok || failed.Cause != test.cause || !strings.HasSuffix(failed.Text, test.want) || !strings.HasPrefix(failed.Text, responded) && test.cause != waldur.FilterRefused {
				t.Fatalf("got %s, %v", waldur.CauseOf(err), err)
			}
			if failed.Temporary != test.retried || len(server.Requests()) != map[bool]int{false: 1, true: 2}[test.retried] || failed.Request.Attempts != len(server.Requests()) {
				t.Errorf("%d requests, temporary: %t", len(server.Requests()), failed.Temporary)
			}
			request := map[bool]string{true: "GET %s%s?page_size=300&start=1900-01 (2 attempts): %s", false: "GET %s%s?page_size=300&start=1900-01: %s"}[test.retried]
			if want := fmt.Sprintf(request, server.URL, waldurtest.Path, failed.Text); err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// switching switches protocols and keeps the connection, which is the body then.
func switching(int, *http.Request, http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // the server speaks HTTP/1.1
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
		_, _ = conn.Read(make([]byte, 1)) // until the client leaves
	})
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
			_, c := serve(t, nil, waldurtest.Status(status, nil, body))
			_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
			if waldur.CauseOf(err) == waldur.FilterRefused || !strings.HasSuffix(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("responded with %d ", status)) {
				t.Errorf("%d %s: got %v, want %s", status, body, err, want)
			}
		}
	}
}

// TestA400NamesAtMost10Problems with at most 200 bytes of each.
func TestA400NamesAtMost10Problems(t *testing.T) {
	t.Parallel()
	var problems []string
	for i := range 12 {
		problems = append(problems, fmt.Sprintf(`"a_%02d":[%q]`, i, strings.Repeat("no ", 1000)))
	}
	_, c := serve(t, nil, waldurtest.Status(400, nil, "{"+strings.Join(problems, ",")+"}"))
	_, _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{})
	failed, ok := errors.AsType[*waldur.Error](err)
	if !ok || failed.Cause != waldur.FilterRefused || len(failed.Refused) != 10 || len(err.Error()) > 10*250+200 {
		t.Fatalf("got %v", err)
	}
}

func TestRedirectsAreNeverFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := waldurtest.Start(t, waldurtest.ContractRows())
	for name, test := range map[string]struct {
		to       string
		location string
		root     string
	}{
		"to the same endpoint elsewhere": {to: elsewhere.URL + waldurtest.Path + "?token=" + waldurtest.Token, location: elsewhere.URL + waldurtest.Path + "?token=(token)"}, // without TLS
		"to http":                        {to: elsewhere.URL + waldurtest.Path},                                                                                              // never to less security
		"to a split header":              {to: "https://elsewhere.example/s3cret/up/../k3y" + waldurtest.Path},
		"to https":                       {to: "https://waldur.example.com/up" + waldurtest.Path, root: "https://waldur.example.com/up"},
		"to an escaped path":             {to: "https://elsewhere.example/my%2Fprefix" + waldurtest.Path, root: "https://elsewhere.example/my%2Fprefix"},
		"to no host":                     {to: "https:" + waldurtest.Path},
		"within the server":              {to: waldurtest.Path + "?start=1900-01&page_size=300&session=1"},
		"to an address with the token":   {to: "https://elsewhere.example/" + waldurtest.Token + waldurtest.Path, location: "https://elsewhere.example/(token)" + waldurtest.Path},
		"to an escaped header":           {to: "https://elsewhere.example/s3cret\\u002fk3y" + waldurtest.Path, location: "https://elsewhere.example/(header)" + waldurtest.Path},
		"to a login page":                {to: "https://login.example.com/realms/waldur"},
		"to an address that is none":     {to: "http://%zz/"},
		"to user info":                   {to: "https://me@elsewhere.example" + waldurtest.Path, root: "https://elsewhere.example"},
		"to a very long address":         {to: "https://elsewhere.example/" + strings.Repeat("long", 100), location: ("https://elsewhere.example/" + strings.Repeat("long", 100))[:200] + "…"},
		"to text from right to left":     {to: "https://elsewhere.example/\u202egnp.\u2066x", location: "https://elsewhere.example/ gnp. x"},
	} {
		server := waldurtest.StartTLS(t, waldurtest.ContractRows())
		server.SetFaults(waldurtest.Redirect(http.StatusTemporaryRedirect, test.to))
		c := client(t, server)
		c.InsecureSkipVerify, c.MaxRetries, c.Headers = true, 3, http.Header{"X-Key": {"s3cret/k3y"}}
		_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
		redirect, ok := errors.AsType[*waldur.Error](err)
		if !ok || !strings.HasSuffix(redirect.Text, "responded with 307 Temporary Redirect, a redirect to "+cmp.Or(test.location, test.to)) || len(server.Requests()) != 1 {
			t.Errorf("%s: got %v after %d requests", name, err, len(server.Requests()))
			continue
		}
		if want := map[bool]waldur.Cause{true: waldur.Moved, false: waldur.Redirected}[test.root != ""]; redirect.Cause != want || redirect.Address != test.root {
			t.Errorf("%s: got %s with the address %q, want %s with %q", name, redirect.Cause, redirect.Address, want, test.root)
		}
	}
	if n := len(elsewhere.Requests()); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// TestRedirectsToTheSameAddress are errors at once, except with a new cookie, as of a load
// balancer. It is sent once.
func TestRedirectsToTheSameAddress(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path      string
		scheme    string
		cookie    string
		satisfied bool // with the cookie
		requests  int
		cause     waldur.Cause
	}{
		"to itself, as if without TLS": {path: waldurtest.Path, requests: 1, cause: waldur.RedirectLoop},
		"to itself without TLS":        {path: waldurtest.Path, scheme: "http", requests: 1, cause: waldur.RedirectLoop},
		"without the slash":            {path: strings.TrimSuffix(waldurtest.Path, "/"), requests: 1, cause: waldur.RedirectLoop},
		"with a cookie":                {path: waldurtest.Path, cookie: "seen=1", satisfied: true, requests: 2},
		"with a cookie, for good":      {path: waldurtest.Path, cookie: "seen=1", requests: 2, cause: waldur.RedirectLoop},
		"with a cookie for others":     {path: waldurtest.Path, cookie: "seen=1; Path=/login", requests: 1, cause: waldur.RedirectLoop},
		"to a login, with a cookie":    {path: "/login", cookie: "seen=1", requests: 1, cause: waldur.Redirected},
	} {
		server := waldurtest.StartTLS(t, nil)
		server.SetFaults(func(n int, r *http.Request, next http.Handler) http.Handler {
			if _, err := r.Cookie("seen"); err == nil && test.satisfied {
				return next
			}
			return waldurtest.Status(302, http.Header{"Set-Cookie": {test.cookie}, "Location": {cmp.Or(test.scheme, "https") + strings.TrimPrefix(server.URL, "https") + test.path + "?" + r.URL.RawQuery}}, "")(n, r, next)
		})
		c := client(t, server)
		c.InsecureSkipVerify, c.MaxRetries = true, 3
		_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
		if waldur.CauseOf(err) != test.cause || len(server.Requests()) != test.requests {
			t.Errorf("%s: got %v after %d requests", name, err, len(server.Requests()))
		}
	}
}
