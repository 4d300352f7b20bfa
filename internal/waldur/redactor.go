package waldur

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// minSecret is the length of the shortest secret to remove, and of the shortest beginning of
	// one at the end of a text that may be cut. Shorter ones occur in words.
	minSecret = 4

	// minHeaderPart is the length of the shortest part of a header to remove. Bearer is shorter.
	minHeaderPart = 7

	// maxExcerpt is the maximum length in bytes of a server's text in an error.
	maxExcerpt = 200

	// maxSource is how many bytes of a text an excerpt is made of, before any are removed.
	maxSource = 4 << 10
)

// redactor removes secrets from texts of the server, which may repeat them. It is used by
// reference, so that printing what holds it does not print the secrets.
type redactor struct{ secrets []redaction } // the longest first

// redaction is a text to remove, and what to write instead.
type redaction struct {
	word        string // its first letters and digits in sequence, the same in any encoding
	beginning   string // those among its first minSecret characters
	expression  func() *regexp.Regexp
	placeholder string
}

// newRedactor returns a redactor of a token, of headers and of the credentials for a proxy.
func newRedactor(token Token, headers http.Header, proxy *url.URL) *redactor {
	placeholders := map[string]string{} // by secret
	add := func(placeholder string, secrets ...string) {
		for _, text := range secrets {
			text = strings.TrimSpace(text) // net/http sends a header without the space around it
			decoded, _ := url.QueryUnescape(text)
			for _, text := range []string{text, decoded} {
				latin1 := notUTF8.ReplaceAllStringFunc(text, func(c string) string { return string(rune(c[0])) })
				for _, form := range []string{latin1, norm.NFD.String(latin1), strings.ToValidUTF8(text, "�")} {
					placeholders[form] = placeholder
					placeholders[invisible.ReplaceAllString(form, "")] = placeholder
				}
			}
		}
	}
	for _, values := range headers {
		for _, value := range values {
			add("(header)", append(headerParts(value), value)...)
		}
	}
	if proxy != nil && proxy.User != nil {
		user := proxy.User.Username()
		password, _ := proxy.User.Password()
		if password == "" { // the user name may be a token
			add("(proxy credentials)", user)
		}
		add("(proxy password)", password)
		add("(proxy credentials)", user+":"+password, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	add(redactedToken, string(token)) // last, so that a token in a header is shown as (token)
	r := &redactor{}
	longestFirst := func(a, b string) int { return len(b) - len(a) }
	for _, text := range slices.SortedFunc(maps.Keys(placeholders), longestFirst) {
		placeholder := placeholders[text]
		for piece := ""; utf8.RuneCountInString(text) >= minSecret; text = text[len(piece):] {
			piece = strings.ToValidUTF8(text[:min(len(text), maxTokenBytes)], "") // an expression has a maximum size
			r.secrets = append(r.secrets, redaction{
				word.FindString(piece), word.FindString(string([]rune(piece)[:minSecret])),
				sync.OnceValue(func() *regexp.Regexp { return expression(piece) }), placeholder,
			})
		}
	}
	return r
}

// headerParts returns what a gateway may repeat of a header: SECRET of "Bearer SECRET",
// "name=SECRET" or "user:SECRET", and the credentials that "Basic SECRET" encodes.
func headerParts(value string) (parts []string) {
	for _, separators := range []string{" ;,", " ;,=", " ;,=:&\"'\t"} { // a secret may have some of them
		for part := range strings.FieldsFuncSeq(value, func(c rune) bool { return strings.ContainsRune(separators, c) }) {
			parts = append(parts, part, part[strings.IndexAny(part, "=:")+1:])
		}
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return len(part) < minHeaderPart })
	scheme, encoded, _ := strings.Cut(strings.TrimSpace(value), " ")
	if credentials, err := base64.RawStdEncoding.DecodeString(strings.Trim(encoded, " =")); err == nil && strings.EqualFold(scheme, "Basic") {
		user, password, _ := strings.Cut(string(credentials), ":")
		parts = append(parts, string(credentials), user, password)
	}
	return parts
}

// alphanumerics are the characters that have one encoding.
const alphanumerics = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var (
	// notUTF8 matches bytes that are not UTF-8, which package regexp reads as this character.
	notUTF8 = regexp.MustCompile(`�`)

	// word matches letters and digits in sequence.
	word = regexp.MustCompile("[" + alphanumerics + "]+")

	// atom matches a character or class of an expression, with its repetition.
	atom = regexp.MustCompile(`(?:\[.+?\]|\\.|[^|])[*+]?`)

	// invisible matches characters that do not show. Package net/http may quote them, once or more.
	invisible       = regexp.MustCompile(`[\pC\pM\p{Zl}\p{Zp}]`)
	quotedOnce      = regexp.MustCompile(`\\` + quotes)
	quotedInvisible = regexp.MustCompile(`\\+` + quotes)
)

// quotes are what follows a backslash in a quoted invisible character.
const quotes = `(?:[abfnrtv]|x[01][0-9a-f]|x7f|u[0-9a-f]{4}|U[0-9a-f]{8})`

// expression returns an expression that matches a secret in any encoding. After minSecret
// characters, the end of the text matches as well.
func expression(secret string) *regexp.Regexp {
	var b strings.Builder
	for i, c := range []rune(secret) {
		b.WriteString("(?:" + encodings(c, i >= minSecret))
		if c >= utf8.RuneSelf { // URLs encode bytes, and a server may read them as Latin-1
			b.WriteByte('|')
			for _, c := range []byte(string(c)) {
				b.WriteString(encodings(rune(c), i >= minSecret))
			}
		}
		b.WriteByte(')')
	}
	result := regexp.MustCompile(b.String())
	result.Longest()
	return result
}

// encodings returns an expression for a character as it is, and as JSON, URLs, HTML and
// strconv.Quote write it, also one after the other. Nothing encodes letters and digits of ASCII.
// Any character reference of HTML is taken for the character.
func encodings(c rune, canBeCut bool) string {
	result, flags := string(c), ""
	if !strings.Contains(alphanumerics, result) {
		result, flags = fmt.Sprintf(`\\*%s|[\\%%]+[ux25]*0*%x|&[amp;#]*\w+;`, regexp.QuoteMeta(result), c), "i"
	}
	switch high, low := utf16.EncodeRune(c); {
	case c == ' ':
		result += `|\\*\+|[\\%]+[ux25]*0*2b`
	case c < ' ':
		result += `|\\+[abfnrtv]`
	case high != utf8.RuneError:
		result += fmt.Sprintf(`|[\\%%]+u%x[\\%%]+u%x`, high, low)
	}
	if c >= utf8.RuneSelf {
		result += "|�" // as a byte that is not UTF-8 is shown
	}
	if canBeCut {
		result = atom.ReplaceAllString(result, `(?:$0|["�]*\z)`)
	}
	return "(?" + flags + ":" + result + ")"
}

// redact replaces the secrets in a text with placeholders. At the end, where the text may have been
// cut, it also replaces the beginning of a secret.
func (r *redactor) redact(text string) string {
	return r.replace(r.secrets, []*regexp.Regexp{invisible, quotedOnce, quotedInvisible}, text)
}

// replace replaces secrets of the redactor, and all that hidden characters divide. It removes
// each kind of those at most once in a row, so that its time does not grow with their number.
func (r *redactor) replace(secrets []redaction, hidden []*regexp.Regexp, text string) string {
	last := text[len(strings.TrimRight(strings.TrimRight(text, "\"�"), alphanumerics)):] // its last word, which may be cut
	for i, s := range secrets {
		if !strings.Contains(text, s.word) && !strings.Contains(last, s.beginning) {
			continue // without compiling the expression
		}
		if parts := s.expression().Split(text, -1); len(parts) > 1 {
			for j, part := range parts {
				parts[j] = r.replace(secrets[i+1:], hidden, part)
			}
			return strings.Join(parts, s.placeholder)
		}
	}
	decomposed := norm.NFD.String(text)
	for i, form := range hidden {
		if visible := form.ReplaceAllString(decomposed, ""); visible != text {
			if redacted := r.replace(r.secrets, hidden[i+1:], visible); redacted != visible {
				return redacted
			}
		}
	}
	return text
}

// excerpt returns the beginning of a server's text without secrets, on one line, safe to print.
func (r *redactor) excerpt(text string) string {
	text = strings.TrimSpace(text)
	text = strings.ToValidUTF8(r.redact(text[:min(len(text), maxSource)]), "�")
	line := strings.Trim(strings.Join(strings.Fields(Printable(text)), " "), " :")
	if len(line) > maxExcerpt {
		line = strings.ToValidUTF8(line[:maxExcerpt], "") + "…"
	}
	return line
}
