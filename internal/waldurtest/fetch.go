package waldurtest

import (
	"encoding/json"
	"net/http"
	"testing"
)

// FetchPage sends one request with [Token] and a query such as "page=2". It returns the
// rows of the response, each decoded as a T, and the headers. It fails the test unless
// the status is 200.
func FetchPage[T any](tb testing.TB, s *Server, query string) (rows []T, header http.Header) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, s.URL+Path+"?"+query, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+Token)
	resp, err := s.http.Client().Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		tb.Fatalf("%s: %s", req.URL, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(&rows); err != nil {
		tb.Fatal(err)
	}
	return rows, resp.Header
}
