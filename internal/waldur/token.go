// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"fmt"
	"regexp"
	"strings"
)

// Token is a secret that stands for a user. Printed with fmt it shows nothing.
type Token string

// String returns a placeholder.
func (Token) String() string { return "(token)" }

// GoString returns a placeholder.
func (Token) GoString() string { return "(token)" }

// jwt is the form of a JSON Web Token (RFC 7519): three parts in base64url, of
// which the first is that of a JSON object, `{"…`.
var jwt = regexp.MustCompile(`^ey[\w-]+\.[\w-]+\.[\w-]*$`)

// authorization returns the value of the header, with the scheme that Waldur
// wants for the kind of token. It refuses each kind under the other's scheme.
func (t Token) authorization() string {
	if strings.HasPrefix(string(t), "w_") || jwt.MatchString(string(t)) {
		return "Bearer " + string(t)
	}
	return "Token " + string(t)
}

// redactor takes a token out of texts that came from a server, which may repeat
// what it was sent, as it is or escaped as in JSON or in an address.
type redactor struct {
	echo *regexp.Regexp // nil if there is no token
}

func (t Token) redactor() redactor {
	if t == "" {
		return redactor{}
	}
	var echo strings.Builder
	for _, c := range []byte(t) {
		fmt.Fprintf(&echo, `(?:\\?%s|(?i:\\u00%02x|%%%02[2]x))`, regexp.QuoteMeta(string(rune(c))), c)
	}
	return redactor{echo: regexp.MustCompile(echo.String())}
}

// redact returns the text with a placeholder for the token.
func (r redactor) redact(text string) string {
	if r.echo == nil {
		return text
	}
	return r.echo.ReplaceAllLiteralString(text, Token("").String())
}

const (
	// maxExcerpt is how many bytes of a server's text an error shows.
	maxExcerpt = 200
	// maxSearched is how many of them are searched for the token: more than those
	// and a token take, however it is escaped.
	maxSearched = 64 << 10
)

// excerpt returns the beginning of a server's text on one line, short enough for
// an error message, without the token.
func (r redactor) excerpt(text []byte) string {
	line, cut := r.redact(string(text[:min(len(text), maxSearched)])), ""
	if len(line) > maxExcerpt {
		line, cut = line[:maxExcerpt], "…"
	}
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(line, "�"), isSpaceOrControl), " ") + cut
}

func isSpaceOrControl(r rune) bool { return r <= ' ' || r == 0x7f || (r >= 0x80 && r <= 0x9f) }
