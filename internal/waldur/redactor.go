// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// redactor removes secrets from texts of the server, which may repeat them. It is
// used by reference, so that printing what holds it does not print the secrets.
type redactor struct{ secrets []secret }

// secret is a text to remove, and what to write instead.
type secret struct {
	characters  [][]string // the encodings of each character
	placeholder string
}

const (
	// minSecret is the number of characters of the shortest secret to remove. Shorter
	// ones occur in words.
	minSecret = 4

	// minPrefix is the number of characters of the shortest beginning of a secret to
	// remove at the end of a text, where the text may have been cut.
	minPrefix = 4

	// minHeaderPart is the length of the shortest part of a header that is removed by
	// itself. Shorter ones, such as Bearer, are words.
	minHeaderPart = 8
)

// newRedactor returns a redactor of a token, of the values of headers and of the
// credentials for a proxy.
func newRedactor(token Token, headers http.Header, proxy *url.URL) *redactor {
	r := &redactor{}
	r.add(string(token), redactedToken)
	for _, values := range headers {
		for _, value := range values {
			r.add(value, "(header)")
			// A gateway may repeat a part, such as SECRET of "Bearer SECRET" or "name=SECRET".
			for _, part := range strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(" ;,=", c) }) {
				if len(part) >= minHeaderPart {
					r.add(part, "(header)")
				}
			}
		}
	}
	if proxy != nil && proxy.User != nil {
		user := proxy.User.Username()
		password, _ := proxy.User.Password()
		if password == "" { // the user name may be a token
			r.add(user, "(proxy credentials)")
		}
		r.add(password, "(proxy password)")
		r.add(user+":"+password, "(proxy credentials)")
		r.add(base64.StdEncoding.EncodeToString([]byte(user+":"+password)), "(proxy credentials)")
	}
	return r
}

func (r *redactor) add(text, placeholder string) {
	s := secret{placeholder: placeholder}
	for _, c := range strings.TrimSpace(text) { // net/http sends a header without the space around it
		s.characters = append(s.characters, encodings(c))
	}
	if len(s.characters) >= minSecret {
		r.secrets = append(r.secrets, s)
	}
}

// encodings returns a character as it is, and as JSON, URLs and HTML may escape it.
// Nothing escapes letters and digits of ASCII.
func encodings(c rune) []string {
	text := string(c)
	if c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
		return []string{text}
	}
	var unicodeEscape strings.Builder
	for _, unit := range utf16.Encode([]rune{c}) {
		_, _ = fmt.Fprintf(&unicodeEscape, `\u%04x`, unit)
	}
	var percent strings.Builder
	for _, b := range []byte(text) {
		_, _ = fmt.Fprintf(&percent, "%%%02x", b)
	}
	upperUnicode := strings.ReplaceAll(strings.ToUpper(unicodeEscape.String()), `\U`, `\u`)
	result := []string{
		text, percent.String(), strings.ToUpper(percent.String()), `\` + text, unicodeEscape.String(), upperUnicode, html.EscapeString(text),
		fmt.Sprintf("&#%d;", c), fmt.Sprintf("&#%03d;", c), fmt.Sprintf("&#x%x;", c), fmt.Sprintf("&#x%X;", c),
	}
	switch c {
	case ' ':
		result = append(result, "+")
	case '\t':
		result = append(result, `\t`)
	case '"':
		result = append(result, "&quot;")
	case '\'':
		result = append(result, "&apos;")
	}
	for _, encoding := range slices.Clone(result) { // net/http quotes what is not HTTP
		quoted := strconv.Quote(encoding)
		result = append(result, quoted[1:len(quoted)-1])
	}
	return result
}

// redact replaces the secrets in a text with placeholders. At the end, where the
// text may have been cut, it also replaces the beginning of a secret.
func (r *redactor) redact(text string) string {
	var kept strings.Builder
	for text != "" {
		length, written := 1, text[:1]
		for _, s := range r.secrets {
			if n := s.startOf(text); n > length {
				length, written = n, s.placeholder
			}
		}
		kept.WriteString(written)
		text = text[length:]
	}
	return kept.String()
}

// startOf returns the length of the secret at the start of a text, in any encoding,
// or 0 if it is not there.
func (s secret) startOf(text string) int {
	ends := []int{0} // of the characters so far: a text such as \\ can be read in two ways
	for i, encodings := range s.characters {
		var next []int
		for _, end := range ends {
			for _, encoding := range encodings {
				switch rest := text[end:]; {
				case strings.HasPrefix(rest, encoding):
					next = append(next, end+len(encoding))
				case i >= minPrefix && strings.HasPrefix(encoding, rest):
					return len(text)
				}
			}
		}
		if len(next) == 0 {
			return 0
		}
		slices.Sort(next)
		ends = slices.Compact(next)
	}
	return ends[len(ends)-1]
}

// maxExcerpt is the maximum length in bytes of a server's text in an error.
const maxExcerpt = 200

// excerpt returns the beginning of a server's text on one line, without secrets and without
// non-printing characters, such as control characters and those that change the direction of text.
func (r *redactor) excerpt(text string) string {
	text = text[:min(len(text), maxErrorBodyBytes)] // which takes no time to redact
	words := strings.FieldsFunc(strings.ToValidUTF8(r.redact(text), "�"), func(c rune) bool {
		return c == ' ' || !unicode.IsPrint(c)
	})
	line := strings.Join(words, " ")
	if len(line) > maxExcerpt {
		line = strings.ToValidUTF8(line[:maxExcerpt], "") + "…"
	}
	return line
}
