package waldur

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// headerRedactor returns a redactor of the value of a header.
func headerRedactor(value string) *redactor {
	return newRedactor("", http.Header{"X": {value}}, nil)
}

// TestBytesThatAreNotUTF8 are removed in each form. Some proxies want Latin-1.
func TestBytesThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	proxy, err := url.Parse("http://robot:5ecret%E9tail@proxy.example.com:3128")
	if err != nil {
		t.Fatal(err)
	}
	r := newRedactor("", nil, proxy)
	for _, form := range []string{
		"5ecret\xe9tail", "5ecret\ufffdtail", "5ecret%E9tail", "5ecret%e9tail", `5ecret\xe9tail`, `5ecret\ufffdtail`, "5ecret\xe9",
		"5ecrete\u0301tail", `5ec\x00ret\xe9tail`, "5ecretétail", "5ecret%C3%A9tail", "5ecret%c3%a9tail", `5ecret\u00e9tail`, `5ecret\\u00E9tail`, "5ecret&#233;tail", "5ecret&#xE9;tail", "5ecret&eacute;tail",
	} {
		if got := r.excerpt("407 for robot, " + form); got != "407 for robot, (proxy password)" {
			t.Errorf("%q became %q", form, got)
		}
	}
	if got := r.excerpt("Basic cm9ib3Q6NWVjcmV06XRhaWw="); got != "Basic (proxy credentials)" {
		t.Errorf("got %q", got)
	}
	// Several such bytes may become one character, and UTF-8 may be read as Latin-1.
	for text, value := range map[string]string{"Gr\ufffde-K3y": "Gr\xf6\xdfe-K3y", "GrÃ¶Ã\u009fe-K3y": "Größe-K3y", `Gr\u00c3\u00b6\u00c3\u009fe-K3y`: "Größe-K3y"} {
		if got := headerRedactor(value).excerpt(text); got != "(header)" {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestHeadersAreRemoved, also encoded, encoded twice or cut. A gateway may repeat less than the
// value. Each encoding is written out here, because the code under test must not say what is right.
func TestHeadersAreRemoved(t *testing.T) {
	t.Parallel()
	type header struct{ value, text, want string }
	const key = `k3y+/="<&'> \é` // nothing before the first + is long enough to be secret by itself
	tests := []header{
		{" s3cr ", "no s3cr.", "no (header)."}, // sent without the spaces
		{"s3c", "no s3c.", "no s3c."},
		{"robot", "no robots.", "no (header)s."},
		{"key=hunt3r2", "no hunt3r2 for key.", "no (header) for key."},
		{"key=hunt3r", "no hunt3r, key=hunt3r.", "no hunt3r, (header)."}, // docs/index.md says so
		{"api:p4ssw0rd", "no p4ssw0rd for api.", "no (header) for api."},
		{"Bearer hunt3r2", "no Bearer hunt3r2, Bearer x, hunt3r2.", "no (header), Bearer x, (header)."},
		{`sid="hunt3r2"; a=b`, "no hunt3r2.", "no (header)."},
		{"key='hunt3r2'", "no hunt3r2.", "no (header)."},
		{"a=1&hunt3r2&b=2", "no hunt3r2.", "no (header)."},
		{"a:b:hunt3r2:c", "no hunt3r2.", "no (header)."},
		{"a=b,\thunt3r2\tc", "no hunt3r2.", "no (header)."},
		{"a=x; key=ab=cd:ef'g", "no ab=cd:ef'g.", "no (header)."},
		{"a:x; key:ab=cd:ef'g", "no ab=cd:ef'g.", "no (header)."},
		{"a=x; key=ab:cd'e=h", "no ab:cd'e.", "no (header)."},
		{"a=x; a'b:cde", "no a'b:cde.", "no (header)."},
		{"a=x; session=a%2Fb%3Dc+d", "no a/b=c d, a%2Fb%3Dc+d.", "no (header), (header)."},
		{"sid=Ab39x; session=hunt3r2; theme=dark", "no sid=Ab39x; session=hunt3r2; th", "no (header)"}, // the whole value
		{"sid=Ab39x; session=hunt3r2; theme=dark", "sid%3DAb39x%3B+session%3Dhunt3r2%3B+theme%3D", "(header)"},
		{"100%&key=hunt3r%32", "no hunt3r2.", "no (header)."},
		{" Basic cm9ib3Q6cDpzcw==", "no robot, p:ss, robot:p:ss.", "no (header), (header), (header)."},
		{"basic  cm9ib3Q6aHVudDNyMg", "no robot, hunt3r2.", "no (header), (header)."},
		{"Bearer cm9ib3Q6aHVudDNyMg==", "no robot.", "no robot."},
		{"Basic cm9ib3Q6!", "no robot.", "no robot."},

		{"s3cret/k3y", "s3cret%252Fk3y, s3cret&amp;#47;k3y, s3cret%u002Fk3y, s3cret\\\\\\/k3y.", "(header), (header), (header), (header)."},
		{"s3cret&", "s3cret&amp;.", "(header)."},
		{"s3cr k3y", `s3cr+k3y, s3cr%2Bk3y, s3cr%252bk3y, s3cr\+k3y.`, "(header), (header), (header), (header)."},
		{"a\tbc", `a\tbc, a\\tbc.`, "(header), (header)."},
		{"a\u200bbc", `a\u200bbc.`, "(header)."},
		{"s3cret😀", `s3cret\ud83d\ude00, s3cret\\ud83d\\ude00.`, "(header), (header)."},
		{"päss😀w'rd+long", `k: p\u00e4ss\ud83d\ude00w\'rd%2Blong.`, "k: (header)."},
		{"päss😀w'rd+long", `k: p\u00e4ss\ud83d`, "k: (header)"},
		{"s3cr\x85t", "s3cr%85t.", "(header)."},
		{"abcdéf", "abcd%C3", "(header)"},
		{"abcdéf", "abcd%c", "(header)"},
		{"abcdéf", "abcd\xc3", "(header)"},
		{"abcédef", "abc%C3", "abc%C3"},
		{"abcd/f", "abcd%2e", "abcd%2e"},
		{"abcd/f", "abcd&sol", "(header)"},
		{"abcdef", `"abcd"`, `"(header)`},             // as package net/http quotes a header that is cut
		{"abcdef", "abcd\ufffd", "(header)"},          // as a reference of HTML that is cut is decoded
		{`abc\def`, `a\x00bc\\\x00def.`, "(header)."}, // an invisible character after a backslash
		{`hunt3r2; \s3cret`, `h\x00unt3r2; \\\x00s3cret.`, "(header)."},
		{"w_secret", "ẃ_śéćŕét.", "(header)."}, // with marks, which NFC joins with letters
		{"abcd/f", "(abcd).", "(abcd)."},
	}
	for _, form := range []string{
		key,
		`k3y+/=\"<&'> \\é`,                // JSON
		`k3y+\/=\"<&'> \\\u00e9`,          // JSON of PHP
		`k3y+/=\"\u003c\u0026'\u003e \\é`, // JSON that HTML may contain
		`k3y+/=\"\u003C\u0026\u0027\u003E \\\u00E9`, // JSON in upper case
		`k3y%2B%2F%3D%22%3C%26%27%3E+%5C%C3%A9`,     // a query
		`k3y+%2F=%22%3C&%27%3E%20%5C%C3%A9`,         // a path
		`k3y%2b%2f%3d%22%3c%26%27%3e%20%5c%c3%a9`,   // a query in lower case
		`k3y%2B%2F%3D%22%3C%26'%3E%20%5C%C3%A9`,     // a query of JavaScript
		`k3y+/=&#34;&lt;&amp;&#39;&gt; \é`,          // HTML of Go
		`k3y+/=&quot;&lt;&amp;&#x27;&gt; \é`,        // HTML of Python
		`k3y+/=&quot;&lt;&amp;&#039;&gt; \é`,        // HTML of PHP
		`k3y+/&#x3D;&quot;&lt;&amp;&apos;&gt; \é`,   // HTML of Handlebars
		`k3y&#43;/=&#34;&lt;&amp;&#39;&gt; \&#233;`, // HTML of a Go template
	} {
		tests = append(tests, header{key, "no " + form + " here", "no (header) here"}, header{key, "no " + form[:len(form)-2], "no (header)"})
	}
	for _, test := range tests {
		if got := headerRedactor(test.value).excerpt(test.text); got != test.want {
			t.Errorf("header %q: %q became %q, want %q", test.value, test.text, got, test.want)
		}
	}
}

// TestCredentialsOfAProxyAreRemoved: a user name without a password may be a token. A short
// password is removed with its user, and not from words.
func TestCredentialsOfAProxyAreRemoved(t *testing.T) {
	t.Parallel()
	long := url.UserPassword("bot", `s3c/r%t "&'=`)
	for text, test := range map[string]struct {
		user *url.Userinfo
		want string
	}{
		"proxy onlyusertoken.":            {url.User("onlyusertoken"), "proxy (proxy credentials)."},
		"bot:ref refused":                 {url.UserPassword("bot", "ref"), "(proxy credentials) refused"},
		"Basic Ym90OnMzYy9yJXQgIiYnPQ==.": {long, "Basic (proxy credentials)."},
		"bot:s3c%2Fr%25t+%22%26%27%3D.":   {long, "(proxy credentials)."},
		"bot%3As3c%2fr%25t%20%22&%27=.":   {long, "(proxy credentials)."},
	} {
		if got := newRedactor("", nil, &url.URL{User: test.user}).excerpt(text); got != test.want {
			t.Errorf("%q became %q, want %q", text, got, test.want)
		}
	}
}

// TestInvisibleCharactersHideNoSecret, whether they are the server's or the secret's.
func TestInvisibleCharactersHideNoSecret(t *testing.T) {
	t.Parallel()
	for _, invisible := range []string{"\u200b", "\u00ad", "\x00", "\x7f", "\x1b", "\n", "\t", "\u2028", "\u2029", "\ufeff", "\u202e", "\ufe0f", "\u034f", "\U000e0001"} {
		hidden := strings.Join(strings.Split("s3cret/k3y", ""), invisible)
		quoted := strconv.Quote(hidden)
		for text, want := range map[string]string{
			"no " + hidden + " here":                "no (header) here",
			"no " + quoted + " here":                `no "(header)" here`,
			"no " + strconv.Quote(quoted) + " here": `no "\"(header)\"" here`,
		} {
			if got := headerRedactor("s3cret/k3y").excerpt(text); got != want {
				t.Errorf("%q became %q, want %q", text, got, want)
			}
		}
		for _, text := range []string{hidden, quoted[1 : len(quoted)-1], "s3cret/k3y", `s3cret\/k3y`} {
			if got := headerRedactor(hidden).excerpt(text); got != "(header)" {
				t.Errorf("%q became %q", text, got)
			}
		}
	}
	for _, text := range []string{"n\u00e9e\u200b\nno\\u200bsecret \\t", "\xff\u0301"} {
		if got := headerRedactor("s3cret/k3y").redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// cookie returns a header of many parts.
func cookie(parts int) string {
	var b strings.Builder
	for i := range parts {
		fmt.Fprintf(&b, "name%d=value%d/x; ", i, 1234567*int64(i))
	}
	return b.String()
}

// TestLongSecretsAreRemoved: the longest token, and a header that few servers accept.
func TestLongSecretsAreRemoved(t *testing.T) {
	t.Parallel()
	var token strings.Builder
	for i := range int64(4000) {
		fmt.Fprintf(&token, "%x~", i*i*i)
	}
	longest, cookie := token.String()[:maxTokenBytes], cookie(4000)
	longer := strings.ReplaceAll(longest[1:], "~", "g") + "éyyyy"
	headers := http.Header{"A": {cookie}, "B": {longer}, "C": {strings.Repeat(`"`, 200)}, "D": {strings.Repeat(`\`, 20)}}
	r := newRedactor(Token(longest), headers, nil)
	nested := strings.Repeat(`\x0`, 1000) + strings.Repeat("1", 1000) // each time that it is unquoted, another one shows
	for text, want := range map[string]string{
		"a " + longest + " b":                 "a (token) b",
		"a " + longest[:10000]:                "a (token)",
		"a " + longer + " b":                  "a (header)(header) b", // in pieces
		"a " + cookie[:5000]:                  "a (header)",
		"a name2000=value2469134000/x b":      "a (header) b",
		"a " + strings.Repeat(`"`, 200) + "b": "a (header)b",
		"a " + strings.Repeat(`\`, 20) + "b":  "a (header)b",
		strings.Repeat("name=/~", 1000):       strings.Repeat("name=/~", 1000),
		nested:                                nested,
	} {
		if got := r.redact(text); got != want {
			t.Errorf("%.50q became %.50q, want %.50q", text, got, want)
		}
	}
}

// TestTextsWithoutSecretsNeedNoExpression: compiling those of a cookie takes a while.
func TestTextsWithoutSecretsNeedNoExpression(t *testing.T) {
	t.Parallel()
	r := newRedactor("0123456789abcdef0123456789abcdef01234567", http.Header{"Cookie": {cookie(400)}}, nil)
	for i := range r.secrets {
		r.secrets[i].expression = func() *regexp.Regexp {
			t.Error("an expression was compiled")
			return notUTF8
		}
	}
	r.redact("name=value; no name\nand no value, whatever it is")
	r.redact("")
}

// TestSecretsThatOverlap: the longest is removed, and what is left of another one before it. A
// token is one also if it is in a header.
func TestSecretsThatOverlap(t *testing.T) {
	t.Parallel()
	for range 5 { // the order of headers varies
		r := newRedactor("abcdef12", http.Header{"A": {"secret"}, "B": {"secret-and-more"}, "C": {`\\\\`}, "D": {"f12345678xyz"}, "E": {"x abcdef12"}}, nil)
		const text, want = `abcdef12345678xyz abcdef12, secret-and-more, secret, \\\\\\\\.`, "(token)(header) (token), (header), (header), (header)."
		if got := r.redact(text); got != want {
			t.Fatalf("got %q", got)
		}
	}
}

// TestExcerptsAreSafeToPrint, also where a text was cut or words were joined.
func TestExcerptsAreSafeToPrint(t *testing.T) {
	t.Parallel()
	r := headerRedactor("s3cret")
	for text, want := range map[string]string{
		"x\n::stop-commands::y":                   "x stop-commands y",
		"##[error]x ##vso[task.complete]":         "[error]x vso[task.complete]",
		"```x~~~":                                 "x",
		": : x : \n:":                             "x",
		":s3cret::s3cret:":                        "(header) (header)",
		"x\u200b:\u00ad:y #\xff#":                 "x : :y #\ufffd#",
		" \u00a0a\u3000 b\u200bc\r\n":             "a b c",
		strings.Repeat(" ", 5000) + "x":           "x",
		"x" + strings.Repeat(" ", 4000) + "y":     "x y",
		"x" + strings.Repeat(" ", 5000) + "y":     "x", // which takes less time
		strings.Repeat("x", 199) + "::y":          strings.Repeat("x", 199) + " …",
		strings.Repeat("é", 101):                  strings.Repeat("é", 100) + "…",
		strings.Repeat("x", 199) + "é":            strings.Repeat("x", 199) + "…",
		strings.Repeat("x", 195) + "s3cret later": strings.Repeat("x", 195) + "(head…",
		strings.Repeat("x", 200):                  strings.Repeat("x", 200),
	} {
		if got := r.excerpt(text); got != want || got != Printable(got) {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// encodingsOf returns what JSON, URLs, HTML and Go's quotes may write for a character, or for a
// byte that is not UTF-8.
func encodingsOf(c string) []string {
	r, _ := utf8.DecodeRuneInString(c)
	if r < utf8.RuneSelf && !strings.ContainsAny(url.QueryEscape(c), "%-_.~+") {
		return []string{c}
	}
	var results []string
	if !utf8.ValidString(c) {
		results, c = []string{c, "�", fmt.Sprintf("%%%02x", c[0]), fmt.Sprintf("%%%X", c[0])}, string(rune(c[0]))
		r, _ = utf8.DecodeRuneInString(c)
	}
	var escape, percent string
	for _, unit := range utf16.Encode([]rune{r}) {
		escape += fmt.Sprintf(`\u%04x`, unit)
	}
	for _, b := range []byte(c) {
		percent += fmt.Sprintf("%%%02x", b)
	}
	results = append(results, c, escape, `\u`+strings.ToUpper(escape[2:6])+escape[6:], percent, strings.ToUpper(percent), url.QueryEscape(c),
		fmt.Sprintf("&#%d;", r), fmt.Sprintf("&#0%d;", r), fmt.Sprintf("&#x%x;", r), fmt.Sprintf("&#X00%X;", r))
	if name := map[string]string{"<": "lt", ">": "gt", "&": "amp", `"`: "quot", "'": "apos", "é": "eacute"}[c]; name != "" {
		results = append(results, "&"+name+";")
	}
	if r > ' ' && r < utf8.RuneSelf {
		results = append(results, `\`+c)
	}
	if c == "\t" {
		results = append(results, `\t`)
	}
	for _, result := range results {
		quoted := strconv.Quote(result)
		results = append(results, quoted[1:len(quoted)-1])
	}
	return results
}

// FuzzRedactor: a secret is removed wherever it is and however its characters are encoded, and a
// text that ends otherwise than the secret is left as it is.
func FuzzRedactor(f *testing.F) {
	for _, secret := range []string{`+/="<&'> \é`, "5ecret\xe9\xe8tail", "😀日本\u00a0", `""""`, `\\\\`, "%41&amp;\\u0041\t\u200b", "a\u0301\U000e0001", "-_.~ \n"} {
		f.Add(secret, []byte("\x00"), "", "")
		f.Add(secret, []byte("\x01\x07\x02\x03\x0a\x05\x06\x04\x08\x09\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"), `\ %2&#`, "::\r\n##[x]\x1b\u202e\xff:")
	}
	f.Fuzz(func(t *testing.T, secret string, choices []byte, before, after string) {
		clean := func(text string) string { return strings.NewReplacer("K", "", "Z", "", "\ufffd", "").Replace(text) }
		secret, before, after = "3y7"+clean(secret[:min(len(secret), 50)]), clean(before), clean(after)
		r := newRedactor("", nil, &url.URL{User: url.UserPassword("", "K"+secret+"Z")})
		encoded := "K"
		for i := 0; secret != ""; i++ {
			_, size := utf8.DecodeRuneInString(secret)
			choice := 0
			if len(choices) > 0 {
				choice = int(choices[i%len(choices)])
			}
			encodings := encodingsOf(secret[:size])
			encoded += encodings[choice%len(encodings)]
			secret = secret[size:]
		}
		for _, text := range []string{before + encoded + "Z" + after, before + encoded} {
			if redacted := r.redact(text); strings.ContainsAny(redacted, "KZ") {
				t.Errorf("%q became %q", text, redacted)
			}
			if excerpt := r.excerpt(text); strings.ContainsAny(excerpt, "KZ") || excerpt != Printable(excerpt) || !utf8.ValidString(excerpt) || len(excerpt) > maxExcerpt+len("…") {
				t.Errorf("%q became %q", text, excerpt)
			}
		}
		if text := before + encoded + "K" + after + "K!"; r.redact(text) != text {
			t.Errorf("%q became %q", text, r.redact(text))
		}
	})
}

// BenchmarkRedactor makes a redactor, and the excerpts of texts with it.
func BenchmarkRedactor(b *testing.B) {
	const token = "0123456789abcdef0123456789abcdef01234567"
	five, cookie := http.Header{}, cookie(400)
	for i := range 5 {
		five.Set(fmt.Sprintf("X-%d", i), fmt.Sprintf("Bearer s3cret/%d+%d==", 1234567*i, 7654321*i))
	}
	page := strings.Repeat("The server's text: <b>\"value\"</b> & name=value;\n", 2000)
	texts := map[string]string{
		"200 bytes": page[:200], "64 KiB": page[:64<<10], "the secrets": token + five.Get("X-4") + cookie,
		"quotes": strings.Repeat(`"`, 64<<10), "backslashes": strings.Repeat(`\`, 64<<10),
	}
	for name, headers := range map[string]http.Header{
		"a token": nil, "5 headers": five, "a cookie of 400 parts": {"X": {cookie}},
		"200 quotes": {"X": {strings.Repeat(`"`, 200) + "x"}}, "20 backslashes": {"X": {strings.Repeat(`\`, 20) + "x"}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				newRedactor(token, headers, nil)
			}
		})
		for kind, text := range texts {
			r := newRedactor(token, headers, nil)
			b.Run(name+" in "+kind, func(b *testing.B) {
				for b.Loop() {
					r.excerpt(text)
				}
			})
		}
	}
}
