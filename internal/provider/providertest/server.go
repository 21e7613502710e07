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

// Serve starts an HTTP/1.1 server with TLS and returns its URL, whose host is localhost.
func Serve(t testing.TB, config *tls.Config, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = config
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // tests make handshakes fail
	s.StartTLS()
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}

// ConnHandler handles an accepted connection, after the handshake if there is one.
type ConnHandler func(net.Conn)

// RawServer is a server that runs a ConnHandler for each connection.
type RawServer struct {
	// URL is the server's address, whose host is localhost.
	URL string
	// Connections counts the accepted connections.
	Connections atomic.Int32
	// Close accepts no further connections, and waits for the handlers. It is called when the test ends.
	Close func()
}

// ServeRaw starts a server that runs handle for each connection and then closes it. It
// uses TLS unless config is nil.
func ServeRaw(t testing.TB, config *tls.Config, handle ConnHandler) *RawServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	r := &RawServer{URL: "https://localhost:" + port}
	if config == nil {
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
				if config == nil {
					handle(conn)
					return
				}
				secured := tls.Server(conn, config)
				if secured.Handshake() == nil {
					handle(secured)
				}
			})
		}
	})
	r.Close = sync.OnceFunc(func() {
		l.Close()
		running.Wait()
	})
	t.Cleanup(r.Close)
	return r
}

// ReadRequest reads a request with its body from a connection.
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

// Respond returns a handler that reads a request and writes text.
func Respond(text string) ConnHandler {
	return func(conn net.Conn) {
		if req, _ := ReadRequest(conn); req != nil {
			_, _ = io.WriteString(conn, text)
		}
	}
}
