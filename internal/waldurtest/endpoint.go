// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Path is the path of the endpoint below the server's URL.
const Path = "/api/marketplace-component-usage-monthly/"

const (
	contentJSON = "application/json"
	contentHTML = "text/html; charset=utf-8"
)

// notFoundPage is Django's page for an unknown path.
const notFoundPage = `
<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>
`

// respond is the handler without faults. As in Django, it redirects before it checks credentials.
func (s *Server) respond(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case Path:
		s.authenticate(w, r)
	case strings.TrimSuffix(Path, "/"):
		location := url.URL{Path: Path, RawQuery: r.URL.RawQuery}
		w.Header().Set("Location", location.String())
		write(w, http.StatusMovedPermanently, contentHTML, nil)
	default:
		write(w, http.StatusNotFound, contentHTML, []byte(notFoundPage))
	}
}

// authenticate checks the credentials and then the method, in the order of the Django
// REST framework.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	if detail := s.refusal(r.Header.Get("Authorization")); detail != "" {
		w.Header().Set("WWW-Authenticate", "Token")
		writeDetail(w, http.StatusUnauthorized, detail)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeDetail(w, http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", r.Method))
		return
	}
	s.list(w, r)
}

// list responds with one page. Count and selection are two steps, and the rows may
// change between them. As in Django, the headers and the length of the page come from
// the count, and the rows from the selection.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	q, invalid := s.parseQuery(r.URL.Query())
	if invalid != nil {
		write(w, http.StatusBadRequest, contentJSON, []byte("{"+strings.Join(invalid, ",")+"}"))
		return
	}
	count := s.count(q)
	lastPage := max(1, (count+q.pageSize-1)/q.pageSize)
	page, err := strconv.Atoi(q.page)
	if err != nil || page < 1 || page > lastPage {
		writeDetail(w, http.StatusNotFound, "Invalid page.")
		return
	}
	s.callAfterCount()
	start := (page - 1) * q.pageSize
	rows := s.selectRows(q, start, min(start+q.pageSize, count))
	w.Header().Set("X-Result-Count", strconv.Itoa(count))
	w.Header().Set("Link", linkHeader(r, page, lastPage))
	write(w, http.StatusOK, contentJSON, slices.Concat([]byte("["), bytes.Join(rows, []byte(",")), []byte("]")))
}

// linkHeader returns the Link header. Its URLs have the request's Host, which behind a
// proxy can differ from the host that the client used. They keep the request's
// parameters, sorted by name. Page 1 has no page parameter.
func linkHeader(r *http.Request, page, lastPage int) string {
	query := r.URL.Query()
	address := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path}
	if r.TLS != nil {
		address.Scheme = "https"
	}
	var links []string
	link := func(relation string, page int) {
		query.Set("page", strconv.Itoa(page))
		if page == 1 {
			query.Del("page")
		}
		address.RawQuery = query.Encode()
		links = append(links, fmt.Sprintf("<%s>; rel=%q", &address, relation))
	}
	link("first", 1)
	if page > 1 {
		link("prev", page-1)
	}
	if page < lastPage {
		link("next", page+1)
	}
	link("last", lastPage)
	return strings.Join(links, ", ")
}

func writeDetail(w http.ResponseWriter, status int, detail string) {
	write(w, status, contentJSON, fmt.Appendf(nil, `{"detail":%q}`, detail))
}

// write ignores a client that closed the connection. For HEAD, net/http sends the headers only.
func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
