package waldurtest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// Token is the API token of the recorded requests. It is active on every new server.
const Token = "c0ffee0000000000000000000000000000000000"

// TokenState is the state of a token that the server knows.
type TokenState int

const (
	// TokenActive is a valid token.
	TokenActive TokenState = iota
	// TokenExpired is a token past its lifetime. The response is a 401 "Token has
	// expired.", or "Invalid token." for a personal access token.
	TokenExpired
	// TokenInactiveUser is the token of a user who was deactivated. The response is a
	// 401 "User inactive or deleted.", or "Invalid token." for a personal access token.
	TokenInactiveUser
)

// refusal returns the detail of the 401 response, or "" if the credentials are accepted.
func (s *Server) refusal(authorization string) string {
	scheme, rest, _ := strings.Cut(authorization, " ")
	scheme = strings.ToLower(scheme)
	parts := strings.Fields(rest)
	switch {
	case scheme != "token" && scheme != "bearer":
		return "Authentication credentials were not provided."
	case len(parts) == 0:
		return "Invalid token. No credentials provided."
	case len(parts) > 1:
		return "Invalid token. Token string should not contain spaces."
	case !utf8.ValidString(parts[0]):
		return "Invalid token header. Token string should not contain invalid characters."
	}
	token := parts[0]
	s.mu.Lock()
	state, known := s.tokens[token]
	s.mu.Unlock()
	personal := strings.HasPrefix(token, "w_")
	oidc := strings.Count(token, ".") == 2
	switch {
	case scheme == "bearer" && !personal && !oidc:
		return "Invalid JWT token."
	case scheme == "bearer" && oidc && !known:
		return unknownJWT(token)
	case !known, scheme == "token" && (personal || oidc):
		return "Invalid token."
	case state == TokenActive:
		return ""
	case personal:
		return "Invalid token."
	case state == TokenExpired:
		return "Token has expired."
	default:
		return "User inactive or deleted."
	}
}

// unknownJWT returns the detail of the response to a JWT that no identity provider can
// be asked about. Waldur reads the expiry date first.
func unknownJWT(token string) string {
	var claims struct{ Exp float64 }
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	switch {
	case err != nil || json.Unmarshal(payload, &claims) != nil:
		return "Invalid JWT token."
	case claims.Exp != 0 && claims.Exp < float64(time.Now().Unix()):
		return "Token has expired."
	default:
		return "Introspection configuration is incomplete."
	}
}
