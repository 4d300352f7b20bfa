// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"net/http"
	"testing"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	const jwt, expiredJWT, inactiveJWT = "header.payload.signature", "header.expired.signature", "header.inactive.signature"
	server := Start(t, nil)
	for token, state := range map[string]TokenState{
		"w_active":   TokenActive,
		"w_expired":  TokenExpired,
		"w_inactive": TokenInactiveUser,
		jwt:          TokenActive,
		expiredJWT:   TokenExpired,
		inactiveJWT:  TokenInactiveUser,
		"expired":    TokenExpired,
		"inactive":   TokenInactiveUser,
	} {
		server.SetToken(token, state)
	}
	for name, test := range map[string]struct{ authorization, refusal string }{
		"API token":                  {"Token " + Token, ""},
		"API token, keyword in caps": {"TOKEN " + Token, ""},
		"API token as Bearer":        {"Bearer " + Token, "Invalid JWT token."},
		"API token, unknown":         {"Token 1", "Invalid token."},
		"API token, expired":         {"Token expired", "Token has expired."},
		"API token, inactive user":   {"Token inactive", "User inactive or deleted."},
		"personal":                   {"Bearer w_active", ""},
		"personal, keyword in lower": {"bearer w_active", ""},
		"personal as Token":          {"Token w_active", "Invalid token."},
		"personal, unknown":          {"Bearer w_unknown", "Invalid token."},
		"personal, expired":          {"Bearer w_expired", "Invalid token."},
		"personal, inactive user":    {"Bearer w_inactive", "Invalid token."},
		"JWT":                        {"Bearer " + jwt, ""},
		"JWT as Token":               {"Token " + jwt, "Invalid token."},
		"JWT, unknown":               {"Bearer header.unknown.signature", "Invalid token."},
		"JWT, expired":               {"Bearer " + expiredJWT, "Token has expired."},
		"JWT, inactive user":         {"Bearer " + inactiveJWT, "User inactive or deleted."},
		"opaque":                     {"Bearer opaque", "Invalid JWT token."},
		"none":                       {"", "Authentication credentials were not provided."},
		"another scheme":             {"Basic dTpw", "Authentication credentials were not provided."},
		"scheme alone":               {"Token", "Invalid token."},
		"token with a space":         {"Token a b", "Invalid token."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := newRequest(t, server, "")
			request.Header.Set("Authorization", test.authorization)
			response, body := do(t, server, request)
			if test.refusal == "" {
				if response.StatusCode != http.StatusOK {
					t.Errorf("%s %s", response.Status, body)
				}
				return
			}
			if want := `{"detail":"` + test.refusal + `"}`; response.StatusCode != http.StatusUnauthorized || string(body) != want {
				t.Errorf("%s %s, want 401 %s", response.Status, body, want)
			}
			if got := response.Header.Get("WWW-Authenticate"); got != "Token" {
				t.Errorf("WWW-Authenticate: %q", got)
			}
		})
	}
}

func TestRedirectAndNotFoundNeedNoCredentials(t *testing.T) {
	t.Parallel()
	server := Start(t, nil)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/api/marketplace-component-usage-monthly", http.StatusMovedPermanently},
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodPost, Path, http.StatusUnauthorized},
	} {
		request := newRequest(t, server, "")
		request.Header.Del("Authorization")
		request.Method, request.URL.Path = test.method, test.path
		if response, _ := do(t, server, request); response.StatusCode != test.status {
			t.Errorf("%s %s: %s, want %d", test.method, test.path, response.Status, test.status)
		}
	}
}
