package waldur_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

// TestHeadersReachTheGateway with every request, and change nothing else of it.
func TestHeadersReachTheGateway(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, tiedRows(700))
	c := client(t, server)
	c.UserAgent = "provider"
	c.Headers = http.Header{"Cf-Access-Client-Id": {"robot.access"}, "X-Empty": {""}, "User-Agent": {"robot"}}
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil {
		t.Fatal(err)
	}
	for _, request := range server.Requests() {
		if got := request.Header; got.Get("Cf-Access-Client-Id") != "robot.access" || !slices.Equal(got["X-Empty"], []string{""}) || got.Get("User-Agent") != "robot" ||
			got.Get("Authorization") != "Token "+waldurtest.Token || got.Get("Accept") != "application/json" {
			t.Errorf("got %v", got)
		}
	}
	if n := len(server.Requests()); n < 3 {
		t.Errorf("%d requests for 3 pages", n)
	}
}

// TestHeadersAreInNoErrorAndNoLog, however the server repeats them. Each form is written out here,
// because the code under test must not say what is right.
func TestHeadersAreInNoErrorAndNoLog(t *testing.T) {
	t.Parallel()
	const secret = `k3y+/="<&'> \é` // nothing before the first + is long enough to be secret by itself
	for name, form := range map[string]string{
		"as it is":                   secret,
		"JSON":                       `k3y+/=\"<&'> \\é`,
		"JSON of PHP":                `k3y+\/=\"<&'> \\\u00e9`,
		"JSON that HTML may contain": `k3y+/=\"\u003c\u0026'\u003e \\é`,
		"JSON in upper case":         `k3y+/=\"\u003C\u0026\u0027\u003E \\\u00E9`,
		"a query":                    `k3y%2B%2F%3D%22%3C%26%27%3E+%5C%C3%A9`,
		"a path":                     `k3y+%2F=%22%3C&%27%3E%20%5C%C3%A9`,
		"a query in lower case":      `k3y%2b%2f%3d%22%3c%26%27%3e%20%5c%c3%a9`,
		"a query of JavaScript":      `k3y%2B%2F%3D%22%3C%26'%3E%20%5C%C3%A9`,
		"HTML of Go":                 `k3y+/=&#34;&lt;&amp;&#39;&gt; \é`,
		"HTML of Python":             `k3y+/=&quot;&lt;&amp;&#x27;&gt; \é`,
		"HTML of PHP":                `k3y+/=&quot;&lt;&amp;&#039;&gt; \é`,
		"HTML of Handlebars":         `k3y+/&#x3D;&quot;&lt;&amp;&apos;&gt; \é`,
		"HTML of a Go template":      `k3y&#43;/=&#34;&lt;&amp;&#39;&gt; \&#233;`,
	} {
		for place, fault := range map[string]waldurtest.Fault{
			"a text":     waldurtest.Status(418, nil, "before "+form+" after"),
			"its cut":    waldurtest.Status(418, nil, "before "+form[:len(form)-2]),
			"a redirect": waldurtest.Raw("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://elsewhere.example/?q=" + form + "&x\r\n\r\n"),
			"no HTTP":    waldurtest.Raw("HTTP/1.1 200 OK\r\nx " + form + "\r\n\r\n"),
			"a page":     waldurtest.Body("text/html", "<title>before "+form+" after</title>"),
		} {
			t.Run(name+" in "+place, func(t *testing.T) {
				t.Parallel()
				server := waldurtest.Start(t, nil)
				server.SetFaults(fault)
				c := client(t, server)
				c.Headers = http.Header{"X-Key": {" " + secret + " "}} // sent without the spaces
				logger, log := logs()
				c.Logger = logger
				_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
				if err == nil || len(log.texts) == 0 {
					t.Fatalf("got the error %v and %d lines", err, len(log.texts))
				}
				if !strings.Contains(err.Error(), "(header)") {
					t.Errorf("the server's text is missing: %v", err)
				}
				for _, text := range append(log.texts, err.Error(), fmt.Sprintf("%+v", err)) {
					if strings.Contains(text, "k3y") {
						t.Errorf("the header shows: %s", text)
					}
				}
			})
		}
	}
}

// TestPartsOfHeadersAreSecret: a gateway may repeat what follows Bearer, or the value of a cookie.
// A proxy's user name without a password may be a token.
func TestPartsOfHeadersAreSecret(t *testing.T) {
	t.Parallel()
	server := waldurtest.Start(t, nil)
	server.SetFaults(waldurtest.Status(403, nil, `{"detail":"Invalid token sekret-gateway-0123456789, cookie c00kie-of-session, proxy onlyusertoken, Bearer."}`))
	c := client(t, server)
	c.Headers = http.Header{"X-Gateway": {"Bearer sekret-gateway-0123456789"}, "Cookie": {"a=b; session=c00kie-of-session"}}
	through, err := url.Parse("http://onlyusertoken@" + strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c.Proxy = through
	_, _, err = c.ListComponentUsageMonthly(t.Context(), allMonths)
	if err == nil || !strings.Contains(err.Error(), "Invalid token (header), cookie (header), proxy (proxy credentials), Bearer.") {
		t.Fatalf("got %v", err)
	}
}

// refused returns the error of a read with these headers that the server refuses with a text.
func refused(t *testing.T, text string, headers http.Header) error {
	t.Helper()
	server := waldurtest.Start(t, nil)
	server.SetFaults(waldurtest.Status(403, nil, text))
	c := client(t, server)
	c.Headers = headers
	_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
	return err
}

// TestAWholeHeaderIsSecretBesideItsParts, encoded and cut.
func TestAWholeHeaderIsSecretBesideItsParts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"bad cookie sid=Ab39x; session=c00kie-of-session; th":    `"bad cookie (header)"`,
		"sid%3DAb39x%3B+session%3Dc00kie-of-session%3B+theme%3D": `"(header)"`,
		`k: p\u00e4ss\ud83d\ude00w\'rd%2Blong.`:                  `"k: (header)."`,
		`k: p\u00e4ss\ud83d`:                                     `"k: (header)"`,
	} {
		err := refused(t, text, http.Header{"Cookie": {"sid=Ab39x; session=c00kie-of-session; theme=dark"}, "X-Key": {"päss😀w'rd+long"}})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestShortHeadersAreWords: a value such as 1 occurs in every text.
func TestShortHeadersAreWords(t *testing.T) {
	t.Parallel()
	err := refused(t, `{"detail":"Not before 10:00, robots."}`, http.Header{"X-Version": {"10"}, "X-Name": {"robot"}})
	if err == nil || !strings.HasSuffix(err.Error(), `"Not before 10:00, (header)s."`) {
		t.Fatalf("got %v", err)
	}
}

// TestTheLongestSecretIsRemoved where one is the beginning of another.
func TestTheLongestSecretIsRemoved(t *testing.T) {
	t.Parallel()
	for range 5 { // the order of headers varies
		err := refused(t, `{"detail":"secret-and-more, secret, \\\\\\\\."}`, http.Header{"A": {"secret"}, "B": {"secret-and-more"}, "C": {`\\\\`}})
		if err == nil || !strings.HasSuffix(err.Error(), `"(header), (header), (header)."`) {
			t.Fatalf("got %v", err)
		}
	}
}

// TestAShortProxyPasswordIsRemovedWithItsUser, and not from words.
func TestAShortProxyPasswordIsRemovedWithItsUser(t *testing.T) {
	t.Parallel()
	server := waldurtest.StartTLS(t, nil)
	c, _ := proxied(t, server, func(int64) string { return "HTTP/1.1 407 bot:ref refused\r\nContent-Length: 0\r\n\r\n" })
	c.Proxy.User = url.UserPassword("bot", "ref")
	_, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths)
	if waldur.CauseOf(err) != waldur.ProxyLogin || !strings.HasSuffix(err.Error(), "responded with 407 (proxy credentials) refused") {
		t.Fatalf("got %v", err)
	}
}
