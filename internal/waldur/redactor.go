// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"cmp"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
)

const (
	// minSecret is the length of the shortest secret to remove. Shorter ones reveal
	// nothing, and occur in words.
	minSecret = 4

	// minPrefix is the length of the shortest beginning of a secret to remove at the end
	// of a text, where the text may have been cut.
	minPrefix = 4

	// minHeaderPart is the length of the shortest part of a header that is removed by
	// itself. Shorter ones, such as Bearer, are words.
	minHeaderPart = 8
)

// redactor removes secrets from texts of the server, which may repeat them. It is
// used by reference, so that printing what holds it does not print the secrets.
type redactor struct {
	secrets  []secret // the longest first
	replacer *strings.Replacer
}

// secret is a text to remove, and what to write instead.
type secret struct{ text, placeholder string }

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
	slices.SortFunc(r.secrets, func(a, b secret) int { return cmp.Compare(len(b.text), len(a.text)) })
	var pairs []string // of which the replacer takes the first that fits
	for _, s := range r.secrets {
		pairs = append(pairs, s.text, s.placeholder)
	}
	r.replacer = strings.NewReplacer(pairs...)
	return r
}

// add adds a secret, also as a query of a URL has it after unescaping.
func (r *redactor) add(text, placeholder string) {
	text = strings.TrimSpace(text) // net/http sends a header without the space around it
	if len(text) >= minSecret {
		r.secrets = append(r.secrets, secret{text, placeholder}, secret{strings.ReplaceAll(text, " ", "+"), placeholder})
	}
}

// maxEscapes is how often a text is unescaped in search of a secret, such as JSON in a
// URL in a quoted line.
const maxEscapes = 3

// cutEscape is the beginning of an escape at the end of a text.
var cutEscape = regexp.MustCompile(`(%[0-9A-Fa-f]?|\\+(u[0-9A-Fa-f]{0,3})?|&#?\w*)$`)

// redact replaces the secrets in a text with placeholders. At the end, where the text
// may have been cut, it also replaces the beginning of a secret. If a secret is in the
// text only after unescaping, the result is the unescaped text.
func (r *redactor) redact(text string) string {
	cut := cutEscape.ReplaceAllString(text, "")
	if redacted := r.redactEscaped(cut, maxEscapes); redacted != cut && strings.HasSuffix(redacted, ")") {
		return redacted
	}
	return r.redactEscaped(text, maxEscapes)
}

func (r *redactor) redactEscaped(text string, escapes int) string {
	text = r.redactEnd(r.replacer.Replace(text))
	for _, unescape := range unescapers {
		plain := unescape(text)
		if escapes == 0 || plain == text {
			continue
		}
		if redacted := r.redactEscaped(plain, escapes-1); redacted != plain {
			text = redacted
		}
	}
	return text
}

// redactEnd replaces the beginning of a secret at the end of a text.
func (r *redactor) redactEnd(text string) string {
	for _, s := range r.secrets {
		for n := len(s.text) - 1; n >= minPrefix; n-- {
			if begin, found := strings.CutSuffix(text, s.text[:n]); found {
				return begin + s.placeholder
			}
		}
	}
	return text
}

var (
	percentEscapes   = regexp.MustCompile(`(%[0-9A-Fa-f]{2})+`)
	backslashEscapes = regexp.MustCompile(`(\\u[0-9A-Fa-f]{4})+|\\[^u]`)
)

// unescapers undo the escapes of URLs, HTML, and JSON or Go, wherever a text has one.
var unescapers = []func(string) string{
	func(text string) string {
		return percentEscapes.ReplaceAllStringFunc(text, func(escapes string) string {
			plain, _ := url.PathUnescape(escapes)
			return plain
		})
	},
	html.UnescapeString,
	func(text string) string {
		return backslashEscapes.ReplaceAllStringFunc(text, func(escapes string) string {
			var plain string
			if json.Unmarshal([]byte(`"`+escapes+`"`), &plain) != nil {
				return escapes[1:] // as in JavaScript
			}
			return plain
		})
	},
}

// maxExcerpt is the maximum length in bytes of a server's text in an error.
const maxExcerpt = 200

// excerpt returns the beginning of a server's text on one line, without secrets
// and without non-printing characters, such as control characters and those that
// change the direction of text.
func (r *redactor) excerpt(text string) string {
	words := strings.FieldsFunc(strings.ToValidUTF8(r.redact(text), "�"), func(c rune) bool {
		return c == ' ' || !unicode.IsPrint(c)
	})
	line := strings.Join(words, " ")
	if len(line) > maxExcerpt {
		line = strings.ToValidUTF8(line[:maxExcerpt], "") + "…"
	}
	return line
}
