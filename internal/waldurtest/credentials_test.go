package waldurtest

import (
	"net/http"
	"testing"
)

// What the recordings do not have, and what comes before the credentials.
func TestCredentials(t *testing.T) {
	t.Parallel()
	const jwt = "header.payload.signature"
	server := Start(t, nil)
	for token, state := range map[string]TokenState{
		"w_active":         TokenActive,
		"w_expired":        TokenExpired,
		"w_inactive":       TokenInactiveUser,
		jwt:                TokenActive,
		"header.expired.x": TokenExpired,
		"header.user.x":    TokenInactiveUser,
	} {
		server.SetToken(token, state)
	}
	const invalid, notJWT = `{"detail":"Invalid token."}`, `{"detail":"Invalid JWT token."}`
	for name, test := range map[string]struct {
		authorization string
		status        int
		body          string
	}{
		"personal":                   {"Bearer w_active", 200, "[]"},
		"personal, keyword in lower": {"bearer w_active", 200, "[]"},
		"personal as Token":          {"Token w_active", 401, invalid},
		"personal, unknown":          {"Bearer w_unknown", 401, invalid},
		"personal, expired":          {"Bearer w_expired", 401, invalid},
		"personal, inactive user":    {"Bearer w_inactive", 401, invalid},
		"JWT":                        {"Bearer " + jwt, 200, "[]"},
		"JWT as Token":               {"Token " + jwt, 401, invalid},
		"JWT, expired":               {"Bearer header.expired.x", 401, `{"detail":"Token has expired."}`},
		"JWT, inactive user":         {"Bearer header.user.x", 401, `{"detail":"User inactive or deleted."}`},
		"three parts that are none":  {"Bearer a.b.c", 401, notJWT},
	} {
		request := newRequest(t, server, "")
		request.Header.Set("Authorization", test.authorization)
		if response, body := do(t, server, request); response.StatusCode != test.status || string(body) != test.body {
			t.Errorf("%s: %s %s, want %d %s", name, response.Status, body, test.status, test.body)
		}
	}
	for path, status := range map[string]int{
		"/api/marketplace-component-usage-monthly": http.StatusMovedPermanently,
		"/":                  http.StatusNotFound,
		Path + "?format=xml": http.StatusNotFound,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, _ := do(t, server, request); response.StatusCode != status {
			t.Errorf("%s without credentials: %s, want %d", path, response.Status, status)
		}
	}
}
