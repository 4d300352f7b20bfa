// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Path is where the endpoint is, below the server's URL.
const Path = "/api/marketplace-component-usage-monthly/"

const (
	contentJSON = "application/json"
	contentHTML = "text/html; charset=utf-8"
)

// notFoundPage is what Django answers for a path that it does not route.
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

// moment is the server's state for one request.
type moment struct {
	table     *table
	now       time.Time
	fullDates bool
	refusal   string
	chance    *rand.Rand // nil: equal rows stay as they are
}

// route answers one well-behaved request.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case Path:
		s.moment(r).answer(w, r)
	case strings.TrimSuffix(Path, "/"):
		redirectToSlash(w, r)
	default:
		write(w, http.StatusNotFound, contentHTML, []byte(notFoundPage))
	}
}

// redirectToSlash is Django's APPEND_SLASH. It comes before the credentials are looked at.
func redirectToSlash(w http.ResponseWriter, r *http.Request) {
	location := Path
	if r.URL.RawQuery != "" {
		location += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", location)
	write(w, http.StatusMovedPermanently, contentHTML, nil)
}

// answer checks in the order of the Django REST framework: credentials, method, filters, page.
func (m moment) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	if m.refusal != "" {
		w.Header().Set("WWW-Authenticate", "Token")
		writeDetail(w, http.StatusUnauthorized, m.refusal)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		m.list(w, r)
	case http.MethodOptions:
		write(w, http.StatusOK, contentJSON, []byte(`{"name":"Component usage monthly"}`))
	default:
		writeDetail(w, http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", r.Method))
	}
}

func (m moment) list(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	q, bad := parseQuery(values, m.now, m.fullDates)
	if bad != nil {
		write(w, http.StatusBadRequest, contentJSON, []byte(bad.json()))
		return
	}
	found := m.table.find(q.filters, q.order)
	pages := max(1, (len(found.rows)+q.pageSize-1)/q.pageSize)
	page, ok := pageNumber(q.page, pages)
	if !ok {
		writeDetail(w, http.StatusNotFound, "Invalid page.")
		return
	}
	w.Header().Set("X-Result-Count", strconv.Itoa(len(found.rows)))
	w.Header().Set("Link", links(r, values, page, pages))
	start := (page - 1) * q.pageSize
	end := min(start+q.pageSize, len(found.rows))
	m.writeRows(w, q.columns, found.page(start, end, m.chance))
}

// pageNumber returns the page that is meant, from 1. Django also knows the last page by that name.
func pageNumber(value string, pages int) (int, bool) {
	switch value {
	case "":
		return 1, true
	case "last":
		return pages, true
	}
	page, err := strconv.Atoi(value)
	return page, err == nil && page >= 1 && page <= pages
}

// links returns the Link header. Its addresses come from the request's Host, which behind a proxy need not
// be what the client was given.
func links(r *http.Request, values url.Values, page, pages int) string {
	relations := []string{link(r, values, 1, "first")}
	if page > 1 {
		relations = append(relations, link(r, values, page-1, "prev"))
	}
	if page < pages {
		relations = append(relations, link(r, values, page+1, "next"))
	}
	relations = append(relations, link(r, values, pages, "last"))
	return strings.Join(relations, ", ")
}

// link keeps the request's parameters, sorted by name; the first page goes without a number. It changes
// values' page, which nobody reads any more.
func link(r *http.Request, values url.Values, page int, relation string) string {
	values.Set("page", strconv.Itoa(page))
	if page == 1 {
		values.Del("page")
	}
	address := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: values.Encode()}
	if r.TLS != nil {
		address.Scheme = "https"
	}
	return fmt.Sprintf("<%s>; rel=%q", address.String(), relation)
}

// pageBuffers saves a benchmark from measuring the allocation of pages.
var pageBuffers = sync.Pool{New: func() any { return new([]byte) }}

func (m moment) writeRows(w http.ResponseWriter, set columnSet, rows []int32) {
	buffer := pageBuffers.Get().(*[]byte)
	defer pageBuffers.Put(buffer)
	*buffer = m.table.encode(set).appendArray((*buffer)[:0], rows)
	write(w, http.StatusOK, contentJSON, *buffer)
}

func writeDetail(w http.ResponseWriter, status int, detail string) {
	body, err := json.Marshal(map[string]string{"detail": detail})
	if err != nil {
		panic(err) // a string always encodes
	}
	write(w, status, contentJSON, body)
}

// write ignores that the client may have left: there is nobody to tell. To a HEAD, net/http sends the
// headers only.
func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
