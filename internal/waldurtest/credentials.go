// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"net/http"
	"strings"
)

// Token is the API token that the recordings use. It is active on every new server.
const Token = "c0ffee0000000000000000000000000000000000"

// TokenState is what the server thinks of a token that it knows.
type TokenState int

const (
	// TokenActive is a token that is let in.
	TokenActive TokenState = iota
	// TokenExpired is answered 401 "Token has expired.", by default an hour after a token's last use.
	TokenExpired
	// TokenInactiveUser is answered 401 with "User inactive or deleted.".
	TokenInactiveUser
)

// The server's own words, as recorded.
const (
	notProvided  = "Authentication credentials were not provided."
	invalidToken = "Invalid token."
	expiredToken = "Token has expired."
	inactiveUser = "User inactive or deleted."
)

// refusal returns why a request's credentials are not accepted, or nothing if they are.
func refusal(header http.Header, tokens map[string]TokenState) string {
	scheme, token, reason := parseAuthorization(header.Get("Authorization"))
	if reason != "" {
		return reason
	}
	state, known := tokens[token]
	if !known || scheme != schemeOf(token) {
		return invalidToken
	}
	switch state {
	case TokenExpired:
		return expiredToken
	case TokenInactiveUser:
		return inactiveUser
	}
	return ""
}

// parseAuthorization follows the Django REST framework's TokenAuthentication, which takes its keyword in
// either case and complains about its own keyword's malformed headers only.
func parseAuthorization(header string) (scheme, token, refusal string) {
	words := strings.Fields(header)
	if len(words) == 0 {
		return "", "", notProvided
	}
	scheme = strings.ToLower(words[0])
	if scheme != "token" && scheme != "bearer" {
		return "", "", notProvided
	}
	switch len(words) {
	case 1:
		return "", "", "Invalid token header. No credentials provided."
	case 2:
		return scheme, words[1], ""
	}
	return "", "", "Invalid token header. Token string should not contain spaces."
}

// schemeOf returns the only scheme under which Waldur takes the token: "bearer" for a personal access
// token, which begins with w_, and for an OIDC access token, a JWT; "token" for a user's API token.
func schemeOf(token string) string {
	if strings.HasPrefix(token, "w_") || strings.Count(token, ".") == 2 {
		return "bearer"
	}
	return "token"
}
