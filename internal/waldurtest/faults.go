package waldurtest

import (
	"bytes"
	"cmp"
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

// Fault decides whether and how the server misbehaves in a request. It returns next for
// no fault, a handler around next to change the response, or another handler. n is the
// number of requests since SetFaults, from 0. Within [On] and [OnPage] it is the number
// of matching requests.
type Fault func(n int, r *http.Request, next http.Handler) http.Handler

// SetFaults replaces the server's faults. Without arguments, the server behaves well
// again. The first fault is outermost: it sees the responses of those after it. Put
// faults that break or hold the connection first.
func (s *Server) SetFaults(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.faultRequests = slices.Clone(faults), 0
}

// On applies the fault to the matching requests only, and counts only those: On(match,
// First(1, f)) is f in the first matching request. The count belongs to the fault, so
// make a new fault for every SetFaults.
func On(match func(n int, r *http.Request) bool, f Fault) Fault {
	var matched atomic.Int64
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		if !match(n, r) {
			return next
		}
		return f(int(matched.Add(1)-1), r, next)
	}
}

// First applies the fault to the first count requests only.
func First(count int, f Fault) Fault {
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		if n >= count {
			return next
		}
		return f(n, r, next)
	}
}

// OnPage applies the fault to the requests for one page only, and counts only those, as
// [On] does. Without a page parameter, a request is for page 1.
func OnPage(page int, f Fault) Fault {
	return On(func(_ int, r *http.Request) bool {
		p := parameters{values: r.URL.Query()}
		return cmp.Or(p.text("page"), "1") == strconv.Itoa(page)
	}, f)
}

// Delay waits before the request is served. If the client leaves or the server is
// closed first, there is no response.
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

// Hang reads the request and sends no response. It ends when the client leaves or the
// server is closed.
func Hang() Fault {
	return around(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
}

// HangUp closes the connection without a response.
func HangUp() Fault {
	return around(func(http.ResponseWriter, *http.Request, http.Handler) {
		panic(http.ErrAbortHandler)
	})
}

// Status responds with a status, headers and a body. The Content-Type of a JSON body is
// set unless header has one.
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

// HTML responds with the page of a web front end. Single-page applications serve it for
// any path with status 200, gateways with an error status.
func HTML(status int) Fault {
	return around(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		write(w, status, contentHTML, []byte("<!doctype html>\n<html lang=\"en\"><head><title>Waldur</title></head>"+
			"<body><div id=\"root\"></div></body></html>\n"))
	})
}

// Body responds with status 200 and a body.
func Body(contentType, body string) Fault {
	return around(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		write(w, http.StatusOK, contentType, []byte(body))
	})
}

// Raw sends response unchanged, even if it is not HTTP, and closes the connection.
func Raw(response string) Fault {
	return around(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // cannot happen: the server does not offer HTTP/2
		}
		_, _ = conn.Write([]byte(response)) // the client may have left
		_ = conn.Close()
	})
}

// Redirect responds with a status such as 302 and the Location header to.
func Redirect(status int, to string) Fault {
	return around(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Location", to)
		write(w, status, contentHTML, nil)
	})
}

// CutBody sends the Content-Length of the whole body and the first half of it, and
// closes the connection.
func CutBody() Fault {
	return rewrite(func(w http.ResponseWriter, _ *http.Request, response *httptest.ResponseRecorder) {
		whole := response.Body.Bytes()
		response.Body = bytes.NewBuffer(whole[:len(whole)/2])
		send(w, response, len(whole))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
}

// EditQuery changes the parameters of the request before it is served, as a proxy may.
func EditQuery(edit func(query url.Values)) Fault {
	return around(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		query := r.URL.Query()
		edit(query)
		r.URL.RawQuery = query.Encode()
		next.ServeHTTP(w, r)
	})
}

// SetHeader sets a header of the response, for example a wrong X-Result-Count.
func SetHeader(name, value string) Fault {
	return rewrite(func(w http.ResponseWriter, _ *http.Request, response *httptest.ResponseRecorder) {
		response.Header().Set(name, value)
		send(w, response, response.Body.Len())
	})
}

// DropHeader removes a header from the response, as some proxies do with unknown headers.
func DropHeader(name string) Fault {
	return rewrite(func(w http.ResponseWriter, _ *http.Request, response *httptest.ResponseRecorder) {
		// Not deleted: net/http would then add its own Content-Type or Date.
		response.Header()[textproto.CanonicalMIMEHeaderKey(name)] = nil
		send(w, response, response.Body.Len())
	})
}

// EditRows changes the rows of the response: wrong types, repeated rows, missing rows,
// more rows than the page size. Numbers are of type [json.Number]. The order of the
// fields in a row is lost. A body that is not an array is kept.
func EditRows(edit func(rows []map[string]any) []map[string]any) Fault {
	return rewrite(func(w http.ResponseWriter, _ *http.Request, response *httptest.ResponseRecorder) {
		var rows []map[string]any
		decoder := json.NewDecoder(bytes.NewReader(response.Body.Bytes()))
		decoder.UseNumber()
		if decoder.Decode(&rows) == nil {
			response.Body = encodeRows(edit(rows))
		}
		send(w, response, response.Body.Len())
	})
}

func encodeRows(rows []map[string]any) *bytes.Buffer {
	if rows == nil {
		rows = []map[string]any{} // an empty array, not null
	}
	body, err := json.Marshal(rows)
	if err != nil {
		panic(err) // the test put a value into a row that JSON cannot represent
	}
	return bytes.NewBuffer(body)
}

// StickyReplicas imitates a load balancer in front of two replicas: the server itself and
// another, for example with older rows. Requests go to them in turn, and each response
// sets a cookie. Requests with the cookie go to the replica that it names.
func StickyReplicas(other *Server) Fault {
	const name = "replica"
	return func(n int, r *http.Request, next http.Handler) http.Handler {
		replica := strconv.Itoa(n % 2)
		if cookie, err := r.Cookie(name); err == nil {
			replica = cookie.Value
		}
		if replica == "1" {
			next = http.HandlerFunc(other.serve)
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: name, Value: replica, Path: "/"})
			next.ServeHTTP(w, r)
		})
	}
}

// Gzip compresses the response for clients that accept it, as the proxy in front of
// Waldur usually does.
func Gzip() Fault {
	return rewrite(func(w http.ResponseWriter, r *http.Request, response *httptest.ResponseRecorder) {
		response.Header().Add("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			response.Header().Set("Content-Encoding", "gzip")
			response.Body = compress(response.Body.Bytes())
		}
		send(w, response, response.Body.Len())
	})
}

func compress(body []byte) *bytes.Buffer {
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, _ = writer.Write(body) // a buffer does not fail
	_ = writer.Close()
	return &compressed
}

// around returns a fault for every request.
func around(serve func(w http.ResponseWriter, r *http.Request, next http.Handler)) Fault {
	return func(_ int, _ *http.Request, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(w, r, next) })
	}
}

// rewrite returns a fault that receives the whole response before any of it is sent.
func rewrite(change func(w http.ResponseWriter, r *http.Request, response *httptest.ResponseRecorder)) Fault {
	return around(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		response := httptest.NewRecorder()
		next.ServeHTTP(response, r)
		change(w, r, response)
	})
}

// send sends the response with length as its Content-Length.
func send(w http.ResponseWriter, response *httptest.ResponseRecorder, length int) {
	maps.Copy(w.Header(), response.Header())
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(response.Code)
	_, _ = w.Write(response.Body.Bytes())
}
