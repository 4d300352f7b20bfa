// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// redactor removes secrets from texts of the server, which may repeat them. It is
// used by reference, so that printing what holds it does not print the secrets.
type redactor struct{ secrets []secret }

// newRedactor returns a redactor of a client's secrets.
func newRedactor(c *Client) *redactor {
	r := &redactor{}
	if c.Token != "" {
		r.secrets = append(r.secrets, secret{string(c.Token), redactedToken})
	}
	for _, values := range c.Headers {
		for _, value := range values {
			r.add(value, "(header)")
		}
	}
	if c.Proxy != nil && c.Proxy.User != nil {
		user, password := c.Proxy.User.Username(), ""
		password, _ = c.Proxy.User.Password()
		r.add(password, "(proxy password)")
		r.add(base64.StdEncoding.EncodeToString([]byte(user+":"+password)), "(proxy credentials)")
	}
	slices.SortFunc(r.secrets, func(a, b secret) int { return cmp.Compare(len(b.text), len(a.text)) })
	return r
}

// add adds a secret of any characters: as it is, and as JSON, URLs and HTML escape it.
// A value shorter than minPrefix is not secret.
func (r *redactor) add(value, placeholder string) {
	if len(value) < minPrefix {
		return
	}
	quoted, _ := json.Marshal(value) // escapes what HTML does not allow, too
	encodings := []string{
		value, strings.Trim(string(quoted), `"`), strings.Trim(strconv.Quote(value), `"`),
		url.QueryEscape(value), url.PathEscape(value), html.EscapeString(value),
	}
	slices.Sort(encodings)
	for _, encoding := range slices.Compact(encodings) {
		r.secrets = append(r.secrets, secret{encoding, placeholder})
	}
}

// secret is a text to remove, and what to write instead.
type secret struct{ text, placeholder string }

// minPrefix is the shortest prefix of a secret that is removed from the end of a
// text. Shorter ones reveal nothing, and occur in words.
const minPrefix = 4

// redact replaces the secrets in a text with placeholders. At the end, where the
// text may have been cut, it also replaces a prefix of a secret.
func (r *redactor) redact(text string) string {
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s.text, s.placeholder)
	}
	for _, s := range r.secrets {
		for n := min(len(s.text)-1, len(text)); n >= minPrefix; n-- {
			if strings.HasSuffix(text, s.text[:n]) {
				return text[:len(text)-n] + s.placeholder
			}
		}
	}
	return text
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
