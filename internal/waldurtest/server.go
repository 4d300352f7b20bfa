// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// Package waldurtest is an in-memory Waldur for tests, benchmarks and the demo: an HTTP server with the
// one endpoint /api/marketplace-component-usage-monthly/, held to exchanges recorded in testdata/contract.
// It can place equal rows anew in every request, as PostgreSQL does, and misbehave in the ways that
// servers, proxies and networks do.
//
// It knows nothing of the provider and its client: a test that finds both wrong in the same way finds nothing.
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

// Server is an in-memory Waldur. Its methods may be called at any time, also while requests are served;
// a request sees the state of the moment at which it gets past the faults.
type Server struct {
	// URL is the server's address, http(s)://127.0.0.1:port, without a trailing slash.
	URL string

	http  *httptest.Server
	leave context.CancelFunc // ends the context of every request

	mu        sync.Mutex
	table     *table
	tokens    map[string]TokenState
	now       func() time.Time
	fullDates bool
	anew      bool // place equal rows anew
	seed      uint64
	placed    uint64 // requests since PlaceEqualRowsAnew
	requests  []Request
	faults    []Fault
	faultable int // requests since Misbehave
}

// Request is one request as it arrived, before any fault.
type Request struct {
	Method   string
	Host     string
	Path     string
	RawQuery string
	Query    url.Values
	Header   http.Header
}

// NewServer serves the rows over plain HTTP on a free loopback port. Close it when done.
func NewServer(rows []Row) *Server {
	s := newServer(rows)
	s.http.Start()
	s.URL = s.http.URL
	return s
}

// NewTLSServer serves the rows over HTTPS on a free loopback port, with a self-signed certificate for
// 127.0.0.1: see [Server.CACertPEM]. Close it when done.
func NewTLSServer(rows []Row) *Server {
	s := newServer(rows)
	s.http.StartTLS()
	s.URL = s.http.URL
	return s
}

// Start is [NewServer] for a test or benchmark; the server is closed at its end.
func Start(tb testing.TB, rows []Row) *Server {
	tb.Helper()
	s := NewServer(rows)
	tb.Cleanup(s.Close)
	return s
}

// StartTLS is [NewTLSServer] for a test or benchmark; the server is closed at its end.
func StartTLS(tb testing.TB, rows []Row) *Server {
	tb.Helper()
	s := NewTLSServer(rows)
	tb.Cleanup(s.Close)
	return s
}

func newServer(rows []Row) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		leave:  cancel,
		table:  newTable(rows),
		tokens: map[string]TokenState{Token: TokenActive},
		now:    time.Now,
	}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.http.Config.ErrorLog = log.New(withoutHandshakes{os.Stderr}, "", 0)
	return s
}

// withoutHandshakes drops what net/http logs about clients that do not trust the certificate: tests do
// that on purpose. A handler's panic still shows.
type withoutHandshakes struct{ io.Writer }

func (w withoutHandshakes) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "TLS handshake error") {
		return len(line), nil
	}
	return w.Writer.Write(line)
}

// Close ends all requests, also those that hang, and then the server. It may be called twice.
func (s *Server) Close() {
	s.leave()
	s.http.Close()
}

// CACertPEM returns the PEM block of the certificate that a client must trust, and "" for a plain server.
func (s *Server) CACertPEM() string {
	certificate := s.http.Certificate()
	if certificate == nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
}

// SetNow stops the server's clock at t. From it comes the month that is answered when no parameter names
// one: the current month in UTC. A new server goes by [time.Now].
func (s *Server) SetNow(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = func() time.Time { return t }
}

// SetRows replaces all rows by a copy of these.
func (s *Server) SetRows(rows []Row) {
	fresh := newTable(rows)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table = fresh
}

// Update replaces all rows by what change makes of a copy of them; no request sees a state in between.
// change must not call the server's methods.
func (s *Server) Update(change func(rows []Row) []Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table = newTable(change(cloneRows(s.table.rows)))
}

// Rows returns a copy of all rows, in the order in which they were set.
func (s *Server) Rows() []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cloneRows(s.table.rows)
}

// SetToken makes a token known. A token that begins with w_ or has the three parts of a JWT is taken as
// Bearer only, all others as Token only. Tokens that nobody set, but for [Token], are invalid.
func (s *Server) SetToken(token string, state TokenState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = state
}

// PlaceEqualRowsAnew makes every request from now on place rows that are equal under the requested order
// by chance, as PostgreSQL may: a walk over the pages then repeats some rows and loses others, and the
// total stays right. The same seed and sequence of requests give the same places.
func (s *Server) PlaceEqualRowsAnew(seed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.anew, s.seed, s.placed = true, seed, 0
}

// TakeFullDates makes the server take YYYY-MM-DD for a month and refuse YYYY-MM, as the published schema
// has it and a later Waldur may.
func (s *Server) TakeFullDates(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fullDates = full
}

// Requests returns every request that arrived since the start or the last ResetRequests, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ResetRequests forgets the requests that arrived.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// serve records the request and lets the faults decide.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	faults, n := s.arrive(r)
	var handler http.Handler = http.HandlerFunc(s.route)
	for _, fault := range slices.Backward(faults) {
		handler = fault(n, r, handler)
	}
	handler.ServeHTTP(w, r)
}

func (s *Server) arrive(r *http.Request) (faults []Fault, n int) {
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
	n = s.faultable
	s.faultable++
	return s.faults, n
}

func (s *Server) moment(r *http.Request) moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := moment{
		table:     s.table,
		now:       s.now(),
		fullDates: s.fullDates,
		refusal:   refusal(r.Header, s.tokens),
	}
	if s.anew {
		m.chance = rand.New(rand.NewPCG(s.seed, s.placed))
		s.placed++
	}
	return m
}
