package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
)

// rawConn is a connection on which a test does what no HTTP client would.
type rawConn struct {
	*net.TCPConn
	t  testing.TB
	in *bufio.Reader
}

// dial connects to the server. Nothing on the connection takes longer than a test may.
func (w *world) dial(t testing.TB) *rawConn {
	t.Helper()
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	return &rawConn{conn.(*net.TCPConn), t, bufio.NewReader(conn)}
}

// say writes to the server, which may have had enough.
func (l *rawConn) say(format string, args ...any) error {
	_ = l.SetDeadline(time.Now().Add(15 * time.Second))
	_, err := fmt.Fprintf(l, format, args...)
	return err
}

// hear reads one answer.
func (l *rawConn) hear(method string) answer {
	l.t.Helper()
	resp, err := http.ReadResponse(l.in, &http.Request{Method: method})
	if err != nil {
		l.t.Fatalf("read answer: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatalf("read body of answer: %v", err)
	}
	return answer{resp, body}
}

// ended reports whether the server ends the connection, within a while.
func (l *rawConn) ended() bool {
	_ = l.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := io.Copy(io.Discard, l.in)
	return err == nil && n == 0
}

// head is the head of a push of a person, with the headers that say how the body
// comes.
func (w *world) head(k *carreltest.Grant, headers ...string) string {
	return w.headOf("POST", "permission-access/import", w.as(k, nil),
		append(headers, "FileDescriptor: "+w.descriptor(k.Contract, letter))...)
}

func (w *world) headOf(method, path, bearer string, headers ...string) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s /v1.7/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n",
		method, path, w.address, bearer)
	for _, h := range headers {
		out.WriteString(h + "\r\n")
	}
	out.WriteString("\r\n")
	return out.String()
}

func chunkOf(n int) string { return fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("x", n)) }

func newReader(text string) *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }
