package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/server"
)

// TestAttackHalfSent sends a part of a request, or reads a part of an answer, and then nothing: the server ends the
// connection, whichever handler it waits in.
func TestAttackHalfSent(t *testing.T) {
	t.Parallel()
	w := carreltest.Serve(t, func(c *server.Config) { c.IdleTimeout = 300 * time.Millisecond })
	address := strings.TrimPrefix(w.URL, "http://")
	form := "Content-Type: application/x-www-form-urlencoded\r\nOrigin: " + w.URL + "\r\n"
	for name, request := range map[string]string{
		"a form":                    "POST /sign-in HTTP/1.1\r\n" + form + "Content-Length: 100\r\n\r\nemail=",
		"a form in chunks":          "POST /create HTTP/1.1\r\n" + form + "Transfer-Encoding: chunked\r\n\r\n5\r\nem",
		"a form from elsewhere":     "POST /sign-in HTTP/1.1\r\nContent-Length: 100\r\n\r\nx",
		"a large form":              "POST /sign-in HTTP/1.1\r\n" + form + "Content-Length: 1000000\r\n\r\nx",
		"a form to a page":          "GET /sign-in HTTP/1.1\r\nContent-Length: 100\r\n\r\nx",
		"a form to no page":         "POST /nowhere HTTP/1.1\r\nContent-Length: 100\r\n\r\nx",
		"a form to a static file":   "GET /static/style.css HTTP/1.1\r\nContent-Length: 100\r\n\r\nx",
		"a body for the probes":     "POST /healthz HTTP/1.1\r\nContent-Length: 100\r\n\r\nx",
		"a body for the readiness":  "GET /readyz HTTP/1.1\r\nContent-Length: 100\r\n\r\nx",
		"a call without a body":     "GET /v1.7/jwks/oauth HTTP/1.1\r\nContent-Length: 100\r\n\r\nx",
		"a call that is not signed": "POST /v1.7/oauth/token HTTP/1.1\r\nContent-Length: 100\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, address)
			fmt.Fprint(c, strings.Replace(request, "\r\n", "\r\nHost: "+address+"\r\n", 1))
			if _, err := io.Copy(io.Discard, c); err != nil { // until the server ends the connection
				t.Errorf("the connection stays: %v", err)
			}
		})
	}
	t.Run("an answer that is not read", func(t *testing.T) {
		t.Parallel()
		c := dial(t, address)
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		// Answers of all these requests are more than the sockets hold.
		go func() {
			for range 20_000 {
				if _, err := fmt.Fprintf(c, "GET /sign-in HTTP/1.1\r\nHost: %s\r\n\r\n", address); err != nil {
					return
				}
			}
		}()
		carreltest.Eventually(t, "the server stops writing", func() bool {
			_, err := fmt.Fprint(c, "x")
			return err != nil
		})
	})
}

// TestAttackHalfSentRoom fills all places of an address with half-sent forms: another address is served, and the same
// one when the server has waited for a while.
func TestAttackHalfSentRoom(t *testing.T) {
	t.Parallel()
	w := carreltest.Serve(t, func(c *server.Config) { c.MaxConnections, c.MaxConnectionsPerAddress = 60, 20 })
	address := strings.TrimPrefix(w.URL, "http://")
	for range 80 {
		c := dial(t, address)
		fmt.Fprintf(c, "POST /sign-in HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n"+
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nemail=", address, w.URL)
	}
	if status, err := probe(t, address, "127.0.0.2"); err != nil || status != http.StatusNoContent {
		t.Errorf("from another address: %d, %v", status, err)
	}
	carreltest.Eventually(t, "the same address gets a place of a silent connection", func() bool {
		status, err := probe(t, address, "127.0.0.1")
		return err == nil && status == http.StatusNoContent
	})
	if n := len(w.Log.Lines("too many connections")); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
}

// probe asks a server for its health, from a local address.
func probe(t *testing.T, address, from string) (int, error) {
	t.Helper()
	local := &net.TCPAddr{IP: net.ParseIP(from)}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: (&net.Dialer{LocalAddr: local}).DialContext,
	}}
	r, err := client.Get("http://" + address + "/healthz")
	if err != nil {
		return 0, err
	}
	return r.StatusCode, r.Body.Close()
}

// dial connects to a server. Nothing on the connection takes longer than a test may.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c := carreltest.Must(new(net.Dialer).DialContext(context.WithoutCancel(t.Context()), "tcp", address))(t)
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// readAnswer reads an answer from a connection.
func readAnswer(t *testing.T, c net.Conn) *http.Response {
	t.Helper()
	r := carreltest.Must(http.ReadResponse(bufio.NewReader(c), nil))(t)
	t.Cleanup(func() { _ = r.Body.Close() })
	return r
}
