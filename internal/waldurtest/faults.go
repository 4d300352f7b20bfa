// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldurtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Fault decides whether and how the server misbehaves in a request. It returns next for no fault, a handler
// around next to change its answer, or another handler. n counts the requests since Misbehave, from 0;
// within [On] and [OnPage] it counts the requests that they match.
type Fault func(n int, r *http.Request, next http.Handler) http.Handler

// Misbehave makes the server misbehave from now on; it replaces earlier faults, and without faults the
// server behaves well again. The first fault is outermost: it sees the answers of those after it. Faults
// that cut or hold the connection belong first.
func (s *Server) Misbehave(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.faultable = slices.Clone(faults), 0
}

// On has the fault in the requests that match only, and counts those for it: On(match, First(1, f)) is f in
// the first request that matches. The count goes on for as long as the fault lives, so make a new one for
// every Misbehave.
func On(match func(n int, r *http.Request) bool, f Fault) Fault {
	var matched atomic.Int64
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		if !match(n, r) {
			return next
		}
		return f(int(matched.Add(1)-1), r, next)
	}
}

// First has the fault in the first count requests only.
func First(count int, f Fault) Fault {
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		if n >= count {
			return next
		}
		return f(n, r, next)
	}
}

// OnPage has the fault in requests for one page only, and counts those for it, as [On] does. A request
// without a page asks for page 1.
func OnPage(page int, f Fault) Fault {
	return On(func(_ int, r *http.Request) bool {
		asked := last(r.URL.Query(), "page")
		if asked == "" {
			asked = "1"
		}
		return asked == strconv.Itoa(page)
	}, f)
}

// Delay waits before the request is served. It ends with the request or the server, without an answer then.
func Delay(d time.Duration) Fault {
	return around(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	})
}

// Hang takes the request and never answers, until the client leaves or the server is closed.
func Hang() Fault {
	return around(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
}

// HangUp closes the connection without an answer.
func HangUp() Fault {
	return around(func(http.ResponseWriter, *http.Request, http.Handler) {
		panic(http.ErrAbortHandler)
	})
}

// Status answers with that status, header and body. A body of JSON is named so unless the header says else.
func Status(code int, header http.Header, body string) Fault {
	return around(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if json.Valid([]byte(body)) {
			w.Header().Set("Content-Type", contentJSON)
		}
		maps.Copy(w.Header(), header.Clone())
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	})
}

// HTML answers the page of a web front end, which single-page applications serve with 200 for any path and
// gateways with an error.
func HTML(status int) Fault {
	return around(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		write(w, status, contentHTML, []byte("<!doctype html>\n<html lang=\"en\"><head><title>Waldur</title></head>"+
			"<body><div id=\"root\"></div></body></html>\n"))
	})
}

// Body answers 200 with that body.
func Body(contentType, body string) Fault {
	return around(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		write(w, http.StatusOK, contentType, []byte(body))
	})
}

// Raw answers with those bytes, which need not be HTTP, and closes the connection.
func Raw(answer string) Fault {
	return around(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // it is HTTP/2, which this server does not speak
		}
		_, _ = conn.Write([]byte(answer)) // a client that has gone does not wait for it
		_ = conn.Close()
	})
}

// Redirect answers with that status, for instance 302, and sends the client to the address as given.
func Redirect(status int, to string) Fault {
	return around(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Location", to)
		write(w, status, contentHTML, nil)
	})
}

// CutBody announces the whole answer, sends the first half of it and closes the connection.
func CutBody() Fault {
	return rewrite(func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
		whole := a.Body.Bytes()
		a.Body = bytes.NewBuffer(whole[:len(whole)/2])
		send(w, a, len(whole))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
}

// EditQuery changes a request's parameters on their way, as a proxy may.
func EditQuery(edit func(query url.Values)) Fault {
	return around(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		query := r.URL.Query()
		edit(query)
		r.URL.RawQuery = query.Encode()
		next.ServeHTTP(w, r)
	})
}

// SetHeader sets a header of the answer, for instance X-Result-Count to a count that is not true.
func SetHeader(name, value string) Fault {
	return rewrite(func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
		a.Header().Set(name, value)
		send(w, a, a.Body.Len())
	})
}

// DropHeader takes a header out of the answer, as some proxies do with those that they do not know.
func DropHeader(name string) Fault {
	return rewrite(func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
		// Without values, and not deleted: net/http would make up a Content-Type or Date.
		a.Header()[textproto.CanonicalMIMEHeaderKey(name)] = nil
		send(w, a, a.Body.Len())
	})
}

// EditRows changes the rows of an answer that is an array: wrong types, rows twice, rows lost, more rows
// than asked for. Numbers come as [json.Number]. The order of the fields within a row is lost.
func EditRows(edit func(rows []map[string]any) []map[string]any) Fault {
	return rewrite(func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
		var rows []map[string]any
		decoder := json.NewDecoder(bytes.NewReader(a.Body.Bytes()))
		decoder.UseNumber()
		if decoder.Decode(&rows) == nil {
			a.Body = encodeRows(edit(rows))
		}
		send(w, a, a.Body.Len())
	})
}

func encodeRows(rows []map[string]any) *bytes.Buffer {
	if rows == nil {
		rows = []map[string]any{} // an array, as every answer is
	}
	body, err := json.Marshal(rows)
	if err != nil {
		panic(err) // the test put something into a row that JSON has no word for
	}
	return bytes.NewBuffer(body)
}

// Gzip compresses the answer for clients that accept it, as the proxy before a Waldur usually does.
func Gzip() Fault {
	return rewrite(func(w http.ResponseWriter, r *http.Request, a *httptest.ResponseRecorder) {
		a.Header().Add("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			a.Header().Set("Content-Encoding", "gzip")
			a.Body = compress(a.Body.Bytes())
		}
		send(w, a, a.Body.Len())
	})
}

func compress(body []byte) *bytes.Buffer {
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, _ = writer.Write(body) // a buffer takes everything
	_ = writer.Close()
	return &compressed
}

// around is a fault in every request.
func around(serve func(w http.ResponseWriter, r *http.Request, next http.Handler)) Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(w, r, next) })
	}
}

// rewrite is a fault that has the whole answer before anything of it is sent.
func rewrite(change func(w http.ResponseWriter, r *http.Request, answer *httptest.ResponseRecorder)) Fault {
	return around(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		change(w, r, answer)
	})
}

// send passes an answer on and announces length bytes of body.
func send(w http.ResponseWriter, answer *httptest.ResponseRecorder, length int) {
	maps.Copy(w.Header(), answer.Header())
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}
