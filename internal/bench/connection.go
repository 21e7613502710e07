package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Target is the server that requests are sent to.
type Target struct {
	// Address is its host and port.
	Address string
	// Host is the value of the header Host.
	Host string
	// Base is what the path of each request begins with, without a slash at its end.
	Base string
	// TLS is nil for plain HTTP.
	TLS *tls.Config
}

// ParseTarget returns the server at a URL.
func ParseTarget(text string) (t Target, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Target{}, fmt.Errorf("%q is no URL of a server: give one such as http://127.0.0.1:8080", text)
	}
	t = Target{Address: u.Host, Host: u.Host, Base: strings.TrimSuffix(u.EscapedPath(), "/")}
	port := "80"
	if u.Scheme == "https" {
		port, t.TLS = "443", &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	if u.Port() == "" {
		t.Address = net.JoinHostPort(u.Hostname(), port)
	}
	return t, nil
}

// A dialError says that there is no connection to the server, so that no further request can be sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return "connect to the server: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// maxKept is how much of the body of an answer is kept.
const maxKept = 64 << 10

// A connection sends requests one after the other. It does not use net/http: the client runs on the same processors as
// the server, and would use a quarter of them.
type connection struct {
	conn net.Conn
	in   *bufio.Reader
	kept []byte // of the body of the last answer
	stop func() bool
}

func (t Target) connect(ctx context.Context) (*connection, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.Address)
	if err != nil {
		return nil, err
	}
	if t.TLS != nil {
		secure := tls.Client(conn, t.TLS)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		conn = secure
	}
	c := &connection{conn: conn, in: bufio.NewReaderSize(conn, maxKept), kept: make([]byte, 0, maxKept)}
	c.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	return c, nil
}

func (c *connection) close() {
	c.stop()
	_ = c.conn.Close()
}

// roundTrip sends a request and reads the answer to its end. Reusable reports whether the connection can carry another.
func (c *connection) roundTrip(r *Request) (a Answer, reusable bool, err error) {
	parts := net.Buffers{r.Head, r.Body, r.Tail}
	_, writeErr := parts.WriteTo(c.conn)
	// Also after an error: a server that refuses a request need not read its body.
	a, reusable, err = c.readAnswer(!bytes.HasPrefix(r.Head, []byte("HEAD ")))
	if err != nil && writeErr != nil {
		return a, false, fmt.Errorf("send request: %w", writeErr)
	}
	return a, reusable && writeErr == nil, err
}

func (c *connection) readAnswer(hasBody bool) (a Answer, reusable bool, err error) {
	var h answerHead
	for {
		if h, err = c.readHead(); err != nil {
			return a, false, fmt.Errorf("read answer: %w", err)
		}
		if h.status >= 200 { // not an interim one
			break
		}
	}
	a.Status = h.status
	c.kept = c.kept[:0]
	switch {
	case !hasBody || h.status == 204 || h.status == 304:
	case h.chunked:
		a.Size, err = c.readChunks()
	default:
		a.Size, err = h.length, c.readBody(h.length)
	}
	a.Body = c.kept
	if err != nil {
		return a, false, fmt.Errorf("read answer: %w", err)
	}
	return a, !h.closes, nil
}

// answerHead is what the status line and the headers of an answer say of its body and of the connection.
type answerHead struct {
	status  int
	length  int64
	chunked bool
	closes  bool
}

func (c *connection) readHead() (h answerHead, err error) {
	line, err := c.readLine()
	if err != nil {
		return h, err
	}
	version, rest, _ := bytes.Cut(line, []byte(" "))
	status, _, _ := bytes.Cut(rest, []byte(" "))
	if h.status, err = strconv.Atoi(string(status)); err != nil || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		return h, fmt.Errorf("%q is no HTTP", excerpt(line))
	}
	for {
		line, err := c.readLine()
		if err != nil || len(line) == 0 {
			return h, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if h.length, err = strconv.ParseInt(string(value), 10, 64); err != nil || h.length < 0 {
				return h, fmt.Errorf("Content-Length: %q is no length", excerpt(value))
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			h.chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			h.closes = bytes.EqualFold(value, []byte("close"))
		}
	}
}

// readLine returns a line without its end, which is valid until the next call.
func (c *connection) readLine() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func (c *connection) readChunks() (size int64, err error) {
	for {
		line, err := c.readLine()
		if err != nil {
			return size, err
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 16, 64)
		if err != nil || n < 0 {
			return size, fmt.Errorf("%q is no length of a chunk", excerpt(line))
		}
		if err := c.readBody(n); err != nil {
			return size, err
		}
		size += n
		// After a chunk an empty line, and after the last one, which is empty, the trailers and an empty line.
		for {
			line, err := c.readLine()
			if err != nil {
				return size, err
			}
			if len(line) == 0 {
				break
			}
		}
		if n == 0 {
			return size, nil
		}
	}
}

// readBody reads so many bytes of a body, and keeps them if there is room.
func (c *connection) readBody(n int64) error {
	from := len(c.kept)
	keep := min(n, int64(maxKept-from))
	c.kept = c.kept[:from+int(keep)]
	if _, err := io.ReadFull(c.in, c.kept[from:]); err != nil {
		return err
	}
	_, err := c.in.Discard(int(n - keep))
	return err
}

// excerpt returns the beginning of a text, for an error.
func excerpt(text []byte) string {
	const most = 300
	text = bytes.TrimSpace(text)
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
