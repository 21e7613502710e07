package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// rawAnswer is a response with the bytes of its head, which is everything before the body.
type rawAnswer struct {
	*http.Response
	head, body []byte
}

// rawClient sends the bytes of recorded requests. It has one connection at a time.
type rawClient struct {
	t       *testing.T
	address string
	conn    net.Conn
	in      *bufio.Reader
}

func newRawClient(t *testing.T, server string) *rawClient {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	c := &rawClient{t: t, address: u.Host}
	t.Cleanup(c.close)
	return c
}

// close closes the connection, if there is one.
func (c *rawClient) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// send sends a request and reads the response. It reuses the connection of the previous request unless the server has
// closed it.
func (c *rawClient) send(e *exchange) rawAnswer {
	c.t.Helper()
	request, err := e.text()
	if err != nil {
		c.t.Fatalf("%v: %v", e, err)
	}
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.address); err != nil {
			c.t.Fatal(err)
		}
		c.in = bufio.NewReader(c.conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.conn.Write(request); err != nil {
		c.t.Fatalf("%v: send: %v", e, err)
	}
	answer, err := readRaw(c.in, e.Request.Method)
	if err != nil {
		c.t.Fatalf("%v: %v", e, err)
	}
	if answer.Close {
		c.close()
	}
	return answer
}

// readRaw reads the response to a request with a method.
func readRaw(in *bufio.Reader, method string) (rawAnswer, error) {
	var head bytes.Buffer
	for !bytes.HasSuffix(head.Bytes(), []byte("\r\n\r\n")) {
		part, err := in.ReadBytes('\n')
		if err != nil {
			return rawAnswer{}, fmt.Errorf("read head of response: %w", err)
		}
		head.Write(part)
	}
	whole := bufio.NewReader(io.MultiReader(bytes.NewReader(head.Bytes()), in))
	answer, err := http.ReadResponse(whole, &http.Request{Method: method})
	if err != nil {
		return rawAnswer{}, fmt.Errorf("read response: %w", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return rawAnswer{}, fmt.Errorf("read body of response: %w", err)
	}
	return rawAnswer{answer, head.Bytes(), body}, nil
}

// chunk is the size of the chunks of a request with chunked transfer coding. The recording does not have the sizes of
// the recorded chunks.
const chunk = 64 << 10

// text returns the bytes of the request.
func (e *exchange) text() ([]byte, error) {
	body, err := e.Request.Body.bytes()
	if err != nil {
		return nil, err
	}
	target := e.Request.Path
	if e.Request.Query != "" {
		// The stub had a sample data set of its own. Which sets exist is no part of the protocol.
		target += "?" + strings.Replace(e.Request.Query, "sampleDataSet=adult", "sampleDataSet=default", 1)
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
