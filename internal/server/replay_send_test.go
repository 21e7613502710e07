package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// rawAnswer is an answer with its head as it came over the wire.
type rawAnswer struct {
	*http.Response
	head, body []byte
}

// line is one connection that sends recorded requests as they were, byte for byte.
type line struct {
	t       *testing.T
	address string
	conn    net.Conn
	in      *bufio.Reader
}

func newLine(t *testing.T, server string) *line {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, address: u.Host}
	t.Cleanup(l.hangUp)
	return l
}

func (l *line) hangUp() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// send sends a request and reads its answer, on the connection of the one before it
// where the server has kept that.
func (l *line) send(e *exchange) rawAnswer {
	l.t.Helper()
	request, err := e.text()
	if err != nil {
		l.t.Fatalf("%v: %v", e, err)
	}
	if l.conn == nil {
		if l.conn, err = net.Dial("tcp", l.address); err != nil {
			l.t.Fatal(err)
		}
		l.in = bufio.NewReader(l.conn)
	}
	_ = l.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := l.conn.Write(request); err != nil {
		l.t.Fatalf("%v: send: %v", e, err)
	}
	answer, err := readRaw(l.in, e.Request.Method)
	if err != nil {
		l.t.Fatalf("%v: %v", e, err)
	}
	if answer.Close {
		l.hangUp()
	}
	return answer
}

func readRaw(in *bufio.Reader, method string) (rawAnswer, error) {
	var head bytes.Buffer
	for !bytes.HasSuffix(head.Bytes(), []byte("\r\n\r\n")) {
		part, err := in.ReadBytes('\n')
		if err != nil {
			return rawAnswer{}, fmt.Errorf("read head of answer: %w", err)
		}
		head.Write(part)
	}
	whole := bufio.NewReader(io.MultiReader(bytes.NewReader(head.Bytes()), in))
	answer, err := http.ReadResponse(whole, &http.Request{Method: method})
	if err != nil {
		return rawAnswer{}, fmt.Errorf("read answer: %w", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return rawAnswer{}, fmt.Errorf("read body of answer: %w", err)
	}
	return rawAnswer{answer, head.Bytes(), body}, nil
}

// chunk is the size of the chunks in which a stream is sent; the recording does not
// say where they began.
const chunk = 64 << 10

// text is the request as it goes over the wire.
func (e *exchange) text() ([]byte, error) {
	body, err := e.Request.Body.bytes()
	if err != nil {
		return nil, err
	}
	target := e.Request.Path
	if e.Request.Query != "" {
		target += "?" + e.Request.Query
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\n", e.Request.Method, target)
	chunked := false
	for _, h := range e.Request.Headers {
		fmt.Fprintf(&out, "%s: %s\r\n", h[0], h[1])
		chunked = chunked || h[0] == "transfer-encoding"
	}
	out.WriteString("\r\n")
	if !chunked {
		out.Write(body)
		return out.Bytes(), nil
	}
	for len(body) > 0 {
		n := min(chunk, len(body))
		fmt.Fprintf(&out, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	out.WriteString("0\r\n\r\n")
	return out.Bytes(), nil
}
