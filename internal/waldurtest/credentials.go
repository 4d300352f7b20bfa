// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import "strings"

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
	scheme, token, _ := strings.Cut(authorization, " ")
	scheme = strings.ToLower(scheme)

	s.mu.Lock()
	state, known := s.tokens[token]
	s.mu.Unlock()
	personal := strings.HasPrefix(token, "w_")
	oidc := strings.Count(token, ".") == 2

	switch {
	case scheme != "token" && scheme != "bearer":
		return "Authentication credentials were not provided."
	case scheme == "bearer" && !personal && !oidc:
		return "Invalid JWT token."
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
