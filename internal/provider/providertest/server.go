package providertest

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Serve starts a TLS server, HTTP/1.1, and returns its address, whose host is localhost.
func Serve(t testing.TB, c *tls.Config, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = c
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // turning clients away is what it is for
	s.StartTLS()
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}

// ConnHandler is what a raw server does with a connection once it stands.
type ConnHandler func(net.Conn)

// RawServer is a server of scripts, below HTTP.
type RawServer struct {
	// URL is its address, whose host is localhost.
	URL string
	// Connections counts those that were accepted.
	Connections atomic.Int32
}

// ServeRaw starts a server that runs a script for each connection, over TLS unless c is
// nil, and then closes it.
func ServeRaw(t testing.TB, c *tls.Config, run ConnHandler) *RawServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	r := &RawServer{URL: "https://localhost:" + port}
	if c == nil {
		r.URL = "http://localhost:" + port
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.Connections.Add(1)
			running.Go(func() {
				defer conn.Close()
				if c == nil {
					run(conn)
					return
				}
				secured := tls.Server(conn, c)
				if secured.Handshake() == nil {
					run(secured)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return r
}

// ReadRequest reads one whole request off a connection.
func ReadRequest(conn net.Conn) (*http.Request, []byte) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil, nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return req, nil
	}
	return req, body
}

// Respond is a script that reads a request, writes an answer as it is, and closes.
func Respond(text string) ConnHandler {
	return func(conn net.Conn) {
		if req, _ := ReadRequest(conn); req != nil {
			_, _ = io.WriteString(conn, text)
		}
	}
}
