package waldurtest

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
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

// errorPage is Django's page for a request that does not reach the API.
const errorPage = `
<!doctype html>
<html lang="en">
<head>
  <title>%[1]s</title>
</head>
<body>
  <h1>%[1]s</h1><p>%[2]s</p>
</body>
</html>
`

const optionsBody = `{"name":"Component Usage Monthly List","description":"","renders":["application/json","text/html"],` +
	`"parses":["application/json","application/x-www-form-urlencoded","multipart/form-data"]}`

// translations are the recorded ones, by language. Category titles are not translated.
var translations = map[string]map[string]string{
	"de": {"Invalid token.": "Ungültiges Token"},
	"et": {"Enter a valid date.": "Sisestage korrektne kuupäev.", "Enter a valid UUID.": "Sisestage korrektne UUID."},
}

// language returns the language of the response. English is the server's own.
func language(r *http.Request) string {
	for language := range translations {
		if strings.HasPrefix(r.Header.Get("Accept-Language"), language) {
			return language
		}
	}
	return "en"
}

func translate(language, text string) string {
	return cmp.Or(translations[language][text], text)
}

// respond is the handler without faults. As in Django, hosts, slashes and unknown paths
// come before the API, and need no credentials.
func (s *Server) respond(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Language", language(r))
	w.Header().Set("Vary", "Accept-Language, Cookie")
	switch {
	case !s.allows(r.Host):
		write(w, http.StatusBadRequest, contentHTML, fmt.Appendf(nil, errorPage, "Bad Request (400)", ""))
	case r.URL.Path == Path:
		s.respondAPI(w, r)
	case r.URL.Path+"/" == Path:
		location := url.URL{Path: Path, RawQuery: r.URL.RawQuery}
		w.Header().Set("Location", location.String())
		write(w, http.StatusMovedPermanently, contentHTML, nil)
	default:
		write(w, http.StatusNotFound, contentHTML, fmt.Appendf(nil, errorPage, "Not Found", "The requested resource was not found on this server."))
	}
}

func (s *Server) allows(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hosts == nil || slices.Contains(s.hosts, (&url.URL{Host: host}).Hostname())
}

// respondAPI checks the media type, the credentials and then the method, in the order of
// the Django REST framework.
func (s *Server) respondAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept, Accept-Language, Cookie")
	w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	format, refusal := r.URL.Query().Get("format"), s.refusal(r.Header.Get("Authorization"))
	switch {
	case format != "" && format != "json":
		writeDetail(w, r, http.StatusNotFound, "Not found.")
	case !accepts(r, contentJSON) && !accepts(r, "text/html") && !accepts(r, "*/*"):
		writeDetail(w, r, http.StatusNotAcceptable, "Could not satisfy the request Accept header.")
	case refusal != "":
		w.Header().Set("WWW-Authenticate", "Token")
		writeDetail(w, r, http.StatusUnauthorized, refusal)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		s.list(w, r)
	case r.Method == http.MethodOptions:
		writeJSON(w, r, http.StatusOK, []byte(optionsBody))
	default:
		writeDetail(w, r, http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", r.Method))
	}
}

func accepts(r *http.Request, mediaType string) bool {
	return strings.Contains(cmp.Or(r.Header.Get("Accept"), "*/*"), mediaType)
}

// list responds with one page. Count and selection are two steps, and the rows may
// change between them. As in Django, the headers and the length of the page come from
// the count, and the rows from the selection.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	q, invalid := s.parseQuery(r)
	if invalid != nil {
		writeJSON(w, r, http.StatusBadRequest, []byte("{"+strings.Join(invalid, ",")+"}"))
		return
	}
	count := s.count(q)
	lastPage := max(1, (count+q.pageSize-1)/q.pageSize)
	page, err := strconv.Atoi(q.page)
	if q.page == "last" {
		page, err = lastPage, nil
	}
	if err != nil || page < 1 || page > lastPage {
		writeDetail(w, r, http.StatusNotFound, "Invalid page.")
		return
	}
	s.callAfterCount()
	start := (page - 1) * q.pageSize
	rows := s.selectRows(q, start, min(start+q.pageSize, count))
	w.Header().Set("X-Result-Count", strconv.Itoa(count))
	w.Header().Set("Link", linkHeader(r, page, lastPage))
	writeJSON(w, r, http.StatusOK, slices.Concat([]byte("["), bytes.Join(rows, []byte(",")), []byte("]")))
}

// linkHeader returns the Link header. Its URLs have the request's Host, which behind a
// proxy can differ from the host that the client used. They keep the request's
// parameters, sorted by name. Page 1 has no page parameter.
func linkHeader(r *http.Request, page, lastPage int) string {
	query := r.URL.Query()
	address := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path}
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
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

func writeDetail(w http.ResponseWriter, r *http.Request, status int, detail string) {
	writeJSON(w, r, status, fmt.Appendf(nil, `{"detail":%q}`, translate(language(r), detail)))
}

// writeJSON sends a page with the JSON to a browser, as the Django REST framework does.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	if accepts(r, "text/html") && !accepts(r, contentJSON) {
		page := "<!DOCTYPE html>\n<html><body><pre>" + html.EscapeString(string(body)) + "</pre></body></html>\n"
		write(w, status, contentHTML, []byte(page))
		return
	}
	write(w, status, contentJSON, body)
}

// write ignores a client that closed the connection. For HEAD, net/http sends the headers only.
func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
