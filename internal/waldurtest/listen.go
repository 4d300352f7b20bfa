package waldurtest

import "net"

// NewServerOn is [NewServer] for a listener of your own, such as one on a fixed port.
// Close the server when done.
func NewServerOn(listener net.Listener, rows []Row) *Server {
	s := newServer(rows)
	_ = s.http.Listener.Close() // its own, on a free port
	s.http.Listener = listener
	s.http.Start()
	s.URL = s.http.URL
	return s
}
