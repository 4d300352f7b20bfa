// Package waldurtest is an in-memory Waldur server for tests, benchmarks and the demo.
// It serves one endpoint, /api/marketplace-component-usage-monthly/, and behaves like
// the recordings in testdata/contract. Permissions are not imitated: each accepted token
// sees every row. On request, the server changes the order of rows that sort equally, as
// PostgreSQL does, and fails as servers, proxies and networks do.
//
// It must not use the provider or its client, so that it does not share their mistakes.
package waldurtest

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is an in-memory Waldur server. Its methods can be called at any time, even
// while requests are served.
type Server struct {
	// URL is the server's address, http(s)://127.0.0.1:port, without a trailing slash.
	URL string

	http   *httptest.Server
	cancel context.CancelFunc // cancels the context of every request

	mu         sync.Mutex
	rows       []Row
	selections map[string]selection // of these rows, by query
	tokens     map[string]TokenState
	now        func() time.Time
	fullDates  bool
	hosts      []string // nil: any
	requests   []Request

	// placeTies returns rows that sort equally in their order for the page after so many
	// rows. If it is nil, they keep the order in which they were set.
	placeTies func(ties [][]byte, before int) [][]byte

	faults        []Fault
	faultRequests int // requests since SetFaults

	afterCount   func(n int)
	listRequests int // requests since AfterCount that reached it
}

// Request is a request as it arrived, before any fault.
type Request struct {
	Method   string
	Host     string
	Path     string
	RawQuery string
	Query    url.Values
	Header   http.Header
}

// NewServer serves the rows over HTTP on a free loopback port. Close the server when done.
func NewServer(rows []Row) *Server {
	s := newServer(rows)
	s.http.Start()
	s.URL = s.http.URL
	return s
}

// NewTLSServer serves the rows over HTTPS on a free loopback port, with a self-signed
// certificate for 127.0.0.1 (see [Server.CACertPEM]). Close the server when done.
func NewTLSServer(rows []Row) *Server {
	s := newServer(rows)
	s.http.StartTLS()
	s.URL = s.http.URL
	return s
}

// Start is [NewServer] for a test or benchmark. It closes the server at the end.
func Start(tb testing.TB, rows []Row) *Server {
	tb.Helper()
	s := NewServer(rows)
	tb.Cleanup(s.Close)
	return s
}

// StartTLS is [NewTLSServer] for a test or benchmark. It closes the server at the end.
func StartTLS(tb testing.TB, rows []Row) *Server {
	tb.Helper()
	s := NewTLSServer(rows)
	tb.Cleanup(s.Close)
	return s
}

func newServer(rows []Row) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		cancel: cancel,
		tokens: map[string]TokenState{Token: TokenActive},
		now:    time.Now,
	}
	s.SetRows(rows)
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.http.Config.ErrorLog = log.New(withoutHandshakes{os.Stderr}, "", 0)
	return s
}

// withoutHandshakes drops the log lines about clients that do not trust the
// certificate. Tests have such clients on purpose. A panic in a handler is still
// logged.
type withoutHandshakes struct{ io.Writer }

func (w withoutHandshakes) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "TLS handshake error") {
		return len(line), nil
	}
	return w.Writer.Write(line)
}

// Close ends all requests, including those that hang, and stops the server. It can be
// called more than once.
func (s *Server) Close() {
	s.cancel()
	s.http.Close()
}

// CACertPEM returns the certificate that a client must trust, in PEM format, or "" for
// a server without TLS.
func (s *Server) CACertPEM() string {
	certificate := s.http.Certificate()
	if certificate == nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
}

// SetNow stops the server's clock at t. The clock decides which month is the current
// one, in UTC. A new server uses [time.Now].
func (s *Server) SetNow(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = func() time.Time { return t }
}

// SetRows replaces all rows by a copy of rows.
func (s *Server) SetRows(rows []Row) {
	s.Update(func([]Row) []Row { return rows })
}

// Update passes a copy of all rows to change and replaces all rows by the result, in
// one step. change must not call the server's methods.
func (s *Server) Update(change func(rows []Row) []Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = cloneRows(change(cloneRows(s.rows)))
	s.selections = map[string]selection{}
}

// Rows returns a copy of all rows, in the order in which they were set.
func (s *Server) Rows() []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cloneRows(s.rows)
}

// AfterCount makes the server call f in every list request, between the count and the
// selection of the rows. Both see the rows of their own moment, as in Waldur.
// X-Result-Count, Link and the length of the page come from the count. The body has
// rows of the selection, so a change in f makes the page inconsistent.
//
// n is the number of list requests since AfterCount that reached this point, from 0. A
// request that fails earlier, for example for a page that does not exist, is not one of
// them. f can call the server's methods except Close, and is called concurrently for
// concurrent requests. AfterCount(nil) removes f.
func (s *Server) AfterCount(f func(n int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.afterCount, s.listRequests = f, 0
}

// SetToken adds a token or changes its state. A token that begins with w_ is a personal
// access token, one with the three parts of a JWT is an OIDC access token, and any
// other is an API token. API tokens are accepted as Token only, the others as Bearer
// only.
func (s *Server) SetToken(token string, state TokenState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = state
}

// ShuffleTies makes every request from now on shuffle the rows that sort equally, as
// PostgreSQL may. A client that reads page by page then receives some rows twice and
// misses others, while the total stays right. The same seed and the same requests
// result in the same order.
func (s *Server) ShuffleTies(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	s.setTies(func(ties [][]byte, _ int) [][]byte {
		ties = slices.Clone(ties)
		random.Shuffle(len(ties), func(i, j int) { ties[i], ties[j] = ties[j], ties[i] })
		return ties
	})
}

// ShiftTies moves the rows that sort equally towards the end of the list, in a circle, by a
// percentage of the number of rows before the page. PostgreSQL may do so if it sorts in
// another way for later pages. At 100, all pages show the same of these rows; at 50, half
// of them are on no page. The same request always receives the same rows, so reading again
// with pages of that size does not help. ShiftTies(0) keeps all rows in place, as on a new
// server.
func (s *Server) ShiftTies(percent int) {
	s.setTies(func(ties [][]byte, before int) [][]byte {
		shift := before * percent / 100 % len(ties)
		first := (len(ties) - shift) % len(ties)
		return slices.Concat(ties[first:], ties[:first])
	})
}

func (s *Server) setTies(place func(ties [][]byte, before int) [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.placeTies = place
}

// AllowHosts makes the server refuse requests with another Host, as Django's
// ALLOWED_HOSTS does. Ports do not matter. A new server allows any.
func (s *Server) AllowHosts(hosts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = hosts
}

// TakeFullDates makes the server accept a month as YYYY-MM-DD and refuse YYYY-MM, as
// the published schema says and a later version of Waldur may do.
func (s *Server) TakeFullDates(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fullDates = full
}

// Requests returns all requests since the start or the last ResetRequests, in the order
// of their arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ResetRequests empties the list of requests.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// serve records the request and applies the faults.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	faults, n := s.record(r)
	var handler http.Handler = http.HandlerFunc(s.respond)
	for _, fault := range slices.Backward(faults) {
		handler = fault(n, r, handler)
	}
	handler.ServeHTTP(w, r)
}

// record returns the faults for the request and its number since SetFaults.
func (s *Server) record(r *http.Request) (faults []Fault, n int) {
	request := Request{
		Method:   r.Method,
		Host:     r.Host,
		Path:     r.URL.Path,
		RawQuery: r.URL.RawQuery,
		Query:    r.URL.Query(),
		Header:   r.Header.Clone(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request)
	n = s.faultRequests
	s.faultRequests++
	return s.faults, n
}

// callAfterCount does not hold the lock during the call, so that the function can call
// the server's methods.
func (s *Server) callAfterCount() {
	s.mu.Lock()
	f, n := s.afterCount, s.listRequests
	s.listRequests++
	s.mu.Unlock()
	if f != nil {
		f(n)
	}
}
