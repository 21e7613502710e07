package bench_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/bench"
)

// answering is a server that answers each connection with the same text, whatever it is sent.
func answering(t *testing.T, text string) bench.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := io.WriteString(conn, text); err == nil {
					_, _ = io.Copy(io.Discard, conn)
				}
			}()
		}
	}()
	return bench.Target{Address: l.Addr().String()}
}

func TestAnswers(t *testing.T) {
	large := strings.Repeat("x", 200<<10)
	for _, test := range []struct {
		name, answer string
		size         int64
		body         string
		fault        string
	}{
		{name: "length", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", size: 5, body: "hello"},
		{name: "nothing", answer: "HTTP/1.1 204 No Content\r\n\r\n"},
		{name: "chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: y\r\n\r\n", size: 5, body: "hello"},
		{name: "interim", answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok",
			size: 2, body: "ok"},
		{name: "large", answer: "HTTP/1.1 200 OK\r\nContent-Length: 204800\r\n\r\n" + large, size: 200 << 10,
			body: large[:64<<10]},
		{name: "refused", answer: "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
			fault: "status 403: no"},
		{name: "cut", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", fault: "read answer"},
		{name: "no HTTP", answer: "220 mail.example.org\r\n", fault: "is no HTTP"},
		{name: "no length", answer: "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", fault: "is no length"},
		{name: "no chunk", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", fault: "of a chunk"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := answering(t, test.answer)
			if test.name == "cut" {
				l := serveOnce(t, test.answer)
				target = bench.Target{Address: l}
			}
			r, err := bench.Run(t.Context(), bench.Load{Clients: 1, Requests: 1, Folder: t.TempDir()}, target,
				numbered{method: "GET", check: func(_ *bench.Request, a bench.Answer) error {
					if a.Size != test.size || string(a.Body) != test.body {
						t.Errorf("%d bytes, %d of them kept; want %d, %d", a.Size, len(a.Body), test.size,
							len(test.body))
					}
					return nil
				}}, func(string) {})
			if err != nil {
				t.Fatal(err)
			}
			switch err = r.Err(); {
			case test.fault == "" && err != nil:
				t.Error(err)
			case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
				t.Errorf("got %v, want %q", err, test.fault)
			}
		})
	}
}

// serveOnce answers one request and closes the connection.
func serveOnce(t *testing.T, text string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		buffer := make([]byte, 4096)
		_, _ = conn.Read(buffer)
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}()
	return l.Addr().String()
}
