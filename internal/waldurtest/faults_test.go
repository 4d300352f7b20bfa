package waldurtest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// november returns a server whose current month has ten of the contract rows.
func november(t *testing.T, faults ...Fault) *Server {
	t.Helper()
	server := Start(t, ContractRows())
	server.SetNow(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	server.SetFaults(faults...)
	return server
}

func TestFaults(t *testing.T) {
	t.Parallel()
	noRows := EditRows(func([]map[string]any) []map[string]any { return nil })
	muchAndTwice := EditRows(func(rows []map[string]any) []map[string]any {
		if rows[0]["limit_amount"] == json.Number("2147483647") {
			rows[0]["limit_amount"] = "much"
		}
		return append(rows[9:], rows[0])
	})
	for name, test := range map[string]struct {
		faults       []Fault
		status       int
		header, want string
		body         string // substring
	}{
		"Status":                 {[]Fault{Status(503, http.Header{"Retry-After": {"7"}}, "busy")}, 503, "Retry-After", "7", "busy"},
		"Status, JSON":           {[]Fault{Status(429, nil, `{"detail":"slow"}`)}, 429, "Content-Type", contentJSON, "slow"},
		"Status, own type":       {[]Fault{Status(500, http.Header{"Content-Type": {"text/x"}}, `{}`)}, 500, "Content-Type", "text/x", "{}"},
		"HTML":                   {[]Fault{HTML(200)}, 200, "Content-Type", contentHTML, "<title>Waldur"},
		"Body":                   {[]Fault{Body(contentJSON, `{"a":1}`)}, 200, "Content-Type", contentJSON, `{"a":1}`},
		"Raw":                    {[]Fault{Raw("HTTP/1.1 299 x\r\nA: b\r\n\r\nraw")}, 299, "A", "b", "raw"},
		"Redirect":               {[]Fault{Redirect(302, "http://elsewhere.test/")}, 302, "Location", "http://elsewhere.test/", ""},
		"SetHeader":              {[]Fault{SetHeader("x-result-count", "11")}, 200, "X-Result-Count", "11", "Archive"},
		"DropHeader":             {[]Fault{DropHeader("x-result-count")}, 200, "X-Result-Count", "", "Archive"},
		"DropHeader, type":       {[]Fault{DropHeader("Content-Type")}, 200, "Content-Type", "", "Archive"},
		"Delay":                  {[]Fault{Delay(time.Millisecond)}, 200, "X-Result-Count", "10", "Archive"},
		"EditQuery":              {[]Fault{EditQuery(func(q url.Values) { q.Set("start", "2026-10") })}, 200, "X-Result-Count", "18", "Archive"},
		"EditRows":               {[]Fault{muchAndTwice}, 200, "X-Result-Count", "10", `"limit_amount":"much"`},
		"EditRows, none":         {[]Fault{noRows}, 200, "X-Result-Count", "10", "[]"},
		"EditRows, object":       {[]Fault{noRows, Body(contentJSON, `{"a":1}`)}, 200, "Content-Type", contentJSON, `{"a":1}`},
		"the first is outermost": {[]Fault{SetHeader("A", "outer"), First(1, Status(503, nil, "")), HangUp()}, 503, "A", "outer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := november(t, test.faults...)
			response, body := get(t, server, "")
			if response.StatusCode != test.status || response.Header.Get(test.header) != test.want {
				t.Errorf("%s %s: %s", response.Status, test.header, response.Header.Get(test.header))
			}
			if !strings.Contains(string(body), test.body) {
				t.Errorf("%s", body)
			}
			server.SetFaults()
			if response, _ := get(t, server, ""); response.StatusCode != 200 || response.Header.Get("X-Result-Count") != "10" {
				t.Errorf("still misbehaves: %s", response.Status)
			}
		})
	}
}

// Requests are counted from SetFaults on, and only those that match.
func TestFaultsOfSomeRequests(t *testing.T) {
	t.Parallel()
	busy := Status(503, nil, "")
	second := func(n int, _ *http.Request) bool { return n == 1 }
	for name, test := range map[string]struct {
		fault Fault
		want  []int
	}{
		"First":  {First(2, busy), []int{503, 503, 200, 200, 200}},
		"On":     {On(second, busy), []int{200, 503, 200, 200, 200}},
		"page 1": {OnPage(1, busy), []int{503, 200, 503, 200, 200}},
		"page 2": {OnPage(2, First(2, busy)), []int{200, 503, 200, 503, 200}},
	} {
		server := november(t)
		get(t, server, "")
		server.SetFaults(test.fault)
		var got []int
		for _, page := range []string{"", "&page=2", "&page=1", "&page=2", "&page=2"} {
			response, _ := get(t, server, "?page_size=1"+page)
			got = append(got, response.StatusCode)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// fetch returns the error of the request, or of its body.
func fetch(server *Server, request *http.Request) error {
	response, err := server.http.Client().Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close())
}

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	server := november(t, HangUp())
	if err := fetch(server, newRequest(t, server, "")); !errors.Is(err, io.EOF) {
		t.Errorf("HangUp: %v", err)
	}
	server.SetFaults(CutBody())
	if err := fetch(server, newRequest(t, server, "")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("CutBody: %v", err)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	server := november(t)
	_, plain := get(t, server, "")
	server.SetFaults(Gzip())
	response, unpacked := get(t, server, "")
	if !response.Uncompressed || string(unpacked) != string(plain) {
		t.Errorf("compressed %t: %s", response.Uncompressed, unpacked)
	}
	request := newRequest(t, server, "")
	request.Header.Set("Accept-Encoding", "identity")
	if response, body := do(t, server, request); response.Header.Get("Content-Encoding") != "" || string(body) != string(plain) {
		t.Errorf("compressed for a client that does not accept it")
	}
}

// A request without a response ends when the client leaves or the server is closed, also
// if another fault waits for the response.
func TestHang(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]Fault{
		"Hang": {Hang()}, "Delay": {Delay(time.Hour)}, "in SetHeader": {SetHeader("A", "b"), Hang()},
	} {
		for _, end := range []string{"client leaves", "server closes"} {
			t.Run(name+", "+end, func(t *testing.T) {
				t.Parallel()
				server := november(t, faults...)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				request := newRequest(t, server, "").WithContext(ctx)
				go func() { ended <- fetch(server, request) }()
				select {
				case err := <-ended:
					t.Errorf("ended by itself: %v", err)
				case <-time.After(20 * time.Millisecond):
					if end == "server closes" {
						server.Close()
					} else {
						cancel()
					}
					if err := <-ended; err == nil {
						t.Error("the request got a response")
					}
				}
			})
		}
	}
}

// A client with the cookie stays at the replica of its first request.
func TestStickyReplicas(t *testing.T) {
	t.Parallel()
	old := Start(t, []Row{{OfferingName: "old"}})
	server := Start(t, []Row{{OfferingName: "new"}})
	server.SetFaults(StickyReplicas(old))
	var got []string
	for range 4 {
		got = append(got, offerings(t, server, "start="))
	}
	if !slices.Equal(got, []string{"new", "old", "new", "old"}) {
		t.Errorf("without cookies: %v", got)
	}
	for _, want := range []string{"new", "old"} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		client := *server.http.Client()
		client.Jar = jar
		for range 3 {
			response, err := client.Do(newRequest(t, server, "?start="))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || !strings.Contains(string(body), want) {
				t.Errorf("with the cookie of %s: %s %v", want, body, err)
			}
		}
	}
}
