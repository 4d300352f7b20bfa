package waldurtest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// exchange is a line of a file in testdata/contract: a request and its response.
type exchange struct {
	Name            string
	Request         string // "GET /path?query"
	Headers         map[string]string
	Status          int
	ResponseHeaders map[string]string `json:"response_headers"`
	Body            json.RawMessage   // nil: not recorded
	Cut             bool              // the body has only the first rows of the response
}

// absentHeaders must not be in a response if they are not in its recording.
var absentHeaders = []string{"Link", "X-Result-Count", "WWW-Authenticate", "Location", "Allow"}

// framework.jsonl has requests and responses of the Django REST framework, django-filter
// and PostgreSQL, configured as in Waldur. The rows in that database are [ContractRows],
// so the whole list of each query is compared, byte for byte, with its headers.
func TestFrameworkContract(t *testing.T) {
	t.Parallel()
	for _, e := range readExchanges(t, "testdata/contract/framework.jsonl", 16) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			server := contractServer(t)
			if copies := e.load(t, server, ContractRows()); copies != 0 {
				t.Errorf("%d rows fewer than recorded", copies)
			}
			e.replay(t, server)
		})
	}
}

// waldur.jsonl has requests and responses of Waldur's own code. Of the 3,451 rows in its
// database, only those are known that the responses show. The server has these rows, and
// copies of one of them where more were counted. So status, headers and body are compared
// byte for byte, and a filter must not select another known row before the recorded ones.
// That it selects as many rows as Waldur does is not proved here.
func TestWaldurContract(t *testing.T) {
	t.Parallel()
	exchanges := readExchanges(t, "testdata/contract/waldur.jsonl", 105)
	var known []Row
	for _, e := range exchanges {
		if bytes.HasPrefix(e.Body, []byte(`[{"offering_uuid"`)) { // with all fields
			known = append(known, decode[[]Row](t, e.Body)...)
		}
	}
	known = withoutRepeats(known)
	for _, e := range exchanges {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			server := contractServer(t)
			e.load(t, server, known)
			e.replay(t, server)
		})
	}
}

func readExchanges(t *testing.T, file string, count int) []exchange {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var exchanges []exchange
	for line := range bytes.Lines(text) {
		exchanges = append(exchanges, decode[exchange](t, line))
	}
	if len(exchanges) != count {
		t.Fatalf("%s: %d exchanges, want %d", file, len(exchanges), count)
	}
	return exchanges
}

func decode[T any](t *testing.T, text []byte) (value T) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func contractServer(t *testing.T) *Server {
	t.Helper()
	server := Start(t, nil)
	server.SetNow(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
	server.SetToken("expired", TokenExpired)
	server.SetToken("inactive", TokenInactiveUser)
	server.AllowHosts("waldur.test", "127.0.0.1")
	return server
}

func withoutRepeats(rows []Row) []Row {
	seen := map[[3]string]bool{}
	return slices.DeleteFunc(rows, func(row Row) bool {
		key := [3]string{row.OfferingUUID, row.ComponentType, row.BillingPeriod}
		repeated := seen[key]
		seen[key] = true
		return repeated
	})
}

// load sets the known rows, those of the response first, because rows that sort equally
// keep their order. It adds copies of the last row of the response until the server counts
// as many as recorded, and returns their number. For a page after the first, it sets only
// the rows of the response, and before them copies of the first: recorded pages repeat
// rows that sort equally. Which project a row is of only the request shows.
func (e *exchange) load(t *testing.T, server *Server, known []Row) (copies int) {
	t.Helper()
	server.SetRows(known)
	recorded, _ := strconv.Atoi(e.ResponseHeaders["X-Result-Count"])
	if recorded == 0 {
		return 0
	}
	_, target, _ := strings.Cut(e.Request, " ")
	address, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	query, shown := address.Query(), e.shown(t, known)
	if project := query.Get("project_uuid"); project != "" && shown[0].ProjectUUID == nil {
		shown[0].ProjectUUID = &project
	}
	rows := withoutRepeats(slices.Concat(shown, known))
	if link := e.ResponseHeaders["Link"]; strings.Contains(link, `rel="prev"`) {
		before := len(shown) // page 2
		if !strings.Contains(link, `rel="next"`) {
			before = recorded - len(shown)
		}
		rows = slices.Concat(slices.Repeat(shown[:1], before), shown)
	}
	server.SetRows(rows)
	query.Del("page")
	_, header := FetchPage[Row](t, server, query.Encode())
	counted, err := strconv.Atoi(header.Get("X-Result-Count"))
	if err != nil || counted > recorded {
		t.Fatalf("the server counts %d rows, want at most %d", counted, recorded)
	}
	server.SetRows(append(rows, slices.Repeat(shown[len(shown)-1:], recorded-counted)...))
	return recorded - counted
}

// shown returns the rows of the response, or one row if it has no body. For a row with
// some of the fields, it is the first known row that has the same values.
func (e *exchange) shown(t *testing.T, known []Row) []Row {
	t.Helper()
	if e.Body == nil {
		return known[:1]
	}
	var rows []Row
	for _, object := range decode[[]json.RawMessage](t, e.Body) {
		encode := rowEncoder(slices.Collect(maps.Keys(decode[map[string]any](t, object))))
		i := slices.IndexFunc(known, func(row Row) bool { return bytes.Equal(encode(&row), object) })
		if i < 0 {
			t.Fatalf("no known row is %s", object)
		}
		rows = append(rows, known[i])
	}
	return rows
}

// replay sends the request and compares the response with the recorded one.
func (e *exchange) replay(t *testing.T, server *Server) {
	t.Helper()
	method, path, _ := strings.Cut(e.Request, " ")
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "waldur.test"
	for name, value := range e.Headers {
		if name == "Host" {
			request.Host = value
		}
		request.Header.Set(name, latin1(value))
	}
	response, body := do(t, server, request)
	if response.StatusCode != e.Status {
		t.Errorf("status %d, want %d", response.StatusCode, e.Status)
	}
	for name, value := range e.ResponseHeaders {
		if got := response.Header.Get(name); got != value {
			t.Errorf("%s: %s\nwant: %s", name, got, value)
		}
	}
	for _, name := range absentHeaders {
		if got := response.Header.Get(name); e.ResponseHeaders[name] == "" && got != "" {
			t.Errorf("%s: %s, not in the recording", name, got)
		}
	}
	want := []byte(e.Body)
	if e.Cut {
		want = bytes.TrimSuffix(want, []byte("]"))
		body = body[:min(len(want), len(body))]
	}
	if want != nil && !bytes.Equal(body, want) {
		t.Errorf("body\n%s\nwant\n%s", body, want)
	}
}

// latin1 encodes a header's value as the recorded client did.
func latin1(value string) string {
	var encoded []byte
	for _, r := range value {
		encoded = append(encoded, byte(r))
	}
	return string(encoded)
}
