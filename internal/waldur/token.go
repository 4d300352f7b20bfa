package waldur

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Token is a secret that authenticates a user. Packages fmt, log/slog and json print a placeholder.
type Token string

const redactedToken = "(token)"

// Format prints a placeholder for any verb.
func (Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedToken) }

// MarshalText returns a placeholder.
func (Token) MarshalText() ([]byte, error) { return []byte(redactedToken), nil }

var (
	// tokenForm is the form of all of Waldur's tokens. No escape of JSON, URLs or HTML changes
	// these characters, so a server cannot repeat the token in another form.
	tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

	apiToken = regexp.MustCompile(`^[0-9a-f]{40}$`)

	// jwt is the form of a JSON Web Token (RFC 7519): base64url; the first part encodes `{"…`.
	jwt = regexp.MustCompile(`^ey[\w-]+\.[\w-]+\.[\w-]*$`)
)

// maxTokenBytes is longer than any token. Servers refuse headers of that size.
const maxTokenBytes = 16 << 10

// ParseToken parses a token and trims invisible characters. The error continues a sentence that
// begins with the name of the setting. It does not show the token.
func ParseToken(text string) (Token, error) {
	token := trimInvisible(text)
	scheme, _, several := strings.Cut(token, " ")
	switch {
	case token == "":
		return "", errors.New("must not be empty")
	case several && (strings.EqualFold(scheme, "Token") || strings.EqualFold(scheme, "Bearer")):
		return "", fmt.Errorf("must not begin with the word %s, which is added to requests", scheme)
	case strings.ContainsAny(token[:1]+token[len(token)-1:], `"'`):
		return "", errors.New("must not be in quotes; some tools, such as docker run --env-file, keep the quotes of a file as part of the value")
	case len(token) > maxTokenBytes:
		return "", fmt.Errorf("must not be longer than %d KiB", maxTokenBytes>>10)
	case strings.ContainsFunc(token, isInvisible):
		return "", invisibleError(token, true)
	case !tokenForm.MatchString(token):
		return "", errors.New("must have only letters, digits and the characters - . _ ~, like all Waldur tokens")
	}
	return Token(token), nil
}

// TokenKind is the kind of a token. Waldur accepts each kind in one scheme only.
type TokenKind int

// The kinds of tokens.
const (
	APIToken            TokenKind = iota // of a user, sent as Token
	PersonalAccessToken                  // w_…, sent as Bearer
	OIDCToken                            // an OIDC access token, always a JWT, sent as Bearer
)

// Kind returns the kind of the token, which follows from its form.
func (t Token) Kind() TokenKind {
	switch {
	case strings.HasPrefix(string(t), "w_"):
		return PersonalAccessToken
	case jwt.MatchString(string(t)):
		return OIDCToken
	}
	return APIToken
}

// IsUsual reports whether the token has the form of one of Waldur's.
func (t Token) IsUsual() bool { return t.Kind() != APIToken || apiToken.MatchString(string(t)) }

// Expiry returns the time in a personal access token, w_<Unix time>_…, after which Waldur does not
// accept it. It is the zero time for all other tokens.
func (t Token) Expiry() time.Time {
	parts := strings.SplitN(string(t), "_", 3)
	if seconds, err := strconv.ParseInt(parts[min(1, len(parts)-1)], 10, 64); err == nil && len(parts) == 3 && parts[0] == "w" {
		return time.Unix(seconds, 0)
	}
	return time.Time{}
}

// authorization returns the value of the Authorization header.
func (t Token) authorization() string {
	if t.Kind() == APIToken {
		return "Token " + string(t)
	}
	return "Bearer " + string(t)
}
