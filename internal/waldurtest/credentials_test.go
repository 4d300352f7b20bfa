// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"net/http"
	"testing"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	const (
		personal, jwt     = "w_personal", "header.payload.signature"
		expired, inactive = "e0000000000000000000000000000000000000ed", "w_inactive"
	)
	server := Start(t, nil)
	server.SetToken(personal, TokenActive)
	server.SetToken(jwt, TokenActive)
	server.SetToken(expired, TokenExpired)
	server.SetToken(inactive, TokenInactiveUser)
	for name, test := range map[string]struct{ authorization, refusal string }{
		"API token":                  {"Token " + Token, ""},
		"keyword in capitals":        {"TOKEN " + Token, ""},
		"personal access token":      {"Bearer " + personal, ""},
		"keyword in lower case":      {"bearer " + personal, ""},
		"JWT":                        {"Bearer " + jwt, ""},
		"API token as Bearer":        {"Bearer " + Token, "Invalid token."},
		"personal access as Token":   {"Token " + personal, "Invalid token."},
		"JWT as Token":               {"Token " + jwt, "Invalid token."},
		"unknown":                    {"Token 1", "Invalid token."},
		"unknown personal":           {"Bearer w_unknown", "Invalid token."},
		"expired":                    {"Token " + expired, "Token has expired."},
		"user switched off":          {"Bearer " + inactive, "User inactive or deleted."},
		"none":                       {"", "Authentication credentials were not provided."},
		"another scheme":             {"Basic dTpw", "Authentication credentials were not provided."},
		"scheme without credentials": {"Token", "Invalid token header. No credentials provided."},
		"token with a space":         {"Token a b", "Invalid token header. Token string should not contain spaces."},
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

func TestRedirectAndNotFoundComeBeforeCredentialsAndWritesAfter(t *testing.T) {
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
