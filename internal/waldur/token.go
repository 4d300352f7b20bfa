// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// Token is a secret that authenticates a user. Package fmt prints a placeholder.
type Token string

const redacted = "(token)"

// String returns a placeholder.
func (Token) String() string { return redacted }

// GoString returns a placeholder.
func (Token) GoString() string { return redacted }

// jwt is the form of a JSON Web Token (RFC 7519): three parts in base64url. The
// first part encodes a JSON object, which begins with `{"`.
var jwt = regexp.MustCompile(`^ey[\w-]+\.[\w-]+\.[\w-]*$`)

// maxTokenBytes is longer than any token. Servers refuse headers of that size.
const maxTokenBytes = 16 << 10

// ParseToken parses a token and trims white space. The error continues a sentence
// that begins with the name of the setting. It does not show the token.
func ParseToken(text string) (Token, error) {
	token := strings.TrimSpace(text)
	scheme, _, several := strings.Cut(token, " ")
	switch {
	case token == "":
		return "", errors.New("must not be empty")
	case several && (strings.EqualFold(scheme, "Token") || strings.EqualFold(scheme, "Bearer")):
		return "", fmt.Errorf("must not begin with the word %s, which is added to requests", scheme)
	case len(token) > maxTokenBytes:
		return "", fmt.Errorf("must not be longer than %d KiB", maxTokenBytes>>10)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("must not contain spaces, line breaks or characters outside ASCII")
	}
	return Token(token), nil
}

// TokenKind is the kind of a token. Waldur accepts each kind in one scheme only.
type TokenKind int

// The kinds of tokens.
const (
	APIToken            TokenKind = iota // of a user, sent as Token
	PersonalAccessToken                  // w_…, sent as Bearer
	OIDCToken                            // an OIDC access token, mostly a JWT, sent as Bearer
)

// TokenKind returns the kind of the client's token. It follows from the form of
// the token and from TokenType.
func (c *Client) TokenKind() TokenKind {
	switch {
	case strings.HasPrefix(string(c.Token), "w_"):
		return PersonalAccessToken
	case jwt.MatchString(string(c.Token)) || c.TokenType == "Bearer":
		return OIDCToken
	}
	return APIToken
}

// authorization returns the value of the Authorization header.
func (c *Client) authorization() string {
	scheme := c.TokenType
	if scheme == "" {
		scheme = "Bearer"
		if c.TokenKind() == APIToken {
			scheme = "Token"
		}
	}
	return scheme + " " + string(c.Token)
}

// redactor removes the token from texts of the server, which may repeat it.
type redactor struct {
	forms    []string // the token, plain and as escaped in JSON, URLs and HTML
	replacer *strings.Replacer
}

func newRedactor(t Token) redactor {
	token := string(t)
	if token == "" {
		return redactor{replacer: strings.NewReplacer()}
	}
	quoted, _ := json.Marshal(token)
	forms := []string{token, strings.Trim(string(quoted), `"`), strings.Trim(fmt.Sprintf("%q", token), `"`),
		url.QueryEscape(token), url.PathEscape(token), html.EscapeString(token)}
	for _, format := range []string{`\u%04x`, `\u%04X`, "%%%02x", "%%%02X"} {
		var escaped strings.Builder
		for _, c := range []byte(token) {
			fmt.Fprintf(&escaped, format, c)
		}
		forms = append(forms, escaped.String())
	}
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, redacted)
	}
	return redactor{forms: forms, replacer: strings.NewReplacer(pairs...)}
}

// leastPiece is the shortest beginning of the token that is removed from the end
// of a text. Shorter ones reveal nothing, and occur in words.
const leastPiece = 4

// redact replaces the token in a text with a placeholder. At the end, where the
// text may have been cut, it also replaces a beginning of the token.
func (r redactor) redact(text string) string {
	text = r.replacer.Replace(text)
	for _, form := range r.forms {
		for n := min(len(form)-1, len(text)); n >= leastPiece; n-- {
			if strings.HasSuffix(text, form[:n]) {
				return text[:len(text)-n] + redacted
			}
		}
	}
	return text
}

// maxExcerpt is the maximum length in bytes of a server's text in an error.
const maxExcerpt = 200

// excerpt returns the beginning of a server's text on one line, without the token
// and without non-printing characters, such as control characters and those that
// change the direction of text.
func (r redactor) excerpt(text string) string {
	words := strings.FieldsFunc(strings.ToValidUTF8(r.redact(text), "�"), func(c rune) bool {
		return c == ' ' || !unicode.IsPrint(c)
	})
	line := strings.Join(words, " ")
	if len(line) > maxExcerpt {
		line = strings.ToValidUTF8(line[:maxExcerpt], "") + "…"
	}
	return line
}
