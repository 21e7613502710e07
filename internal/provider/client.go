package provider

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// How long a connection may take to come about, whatever the caller's context allows.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
)

// maxHeader bounds the header of an answer.
const maxHeaderBytes = 64 << 10

// Client is how servers are reached: with TLS 1.2 or newer, over HTTP/1.1, around no
// proxy, and each request on a connection of its own. So a request is sent at most
// once: net/http repeats one only if its connection was used before or if its body
// can be had again, and neither is so. It is also an [http.RoundTripper].
type Client struct {
	tls      *tls.Config
	loopback bool
	now      func() time.Time
}

// NewClient returns a way with our certificates and roots as in c. If loopback is true,
// plain http is allowed to a host of this machine, and to no other. now is the clock,
// nil for the real one; certificates are judged by the real one always.
func NewClient(c *tls.Config, loopback bool, now func() time.Time) *Client {
	c = c.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	c.NextProtos = []string{"http/1.1"}
	if now == nil {
		now = time.Now
	}
	return &Client{tls: c, loopback: loopback, now: now}
}

// Request is one request.
type Request struct {
	Method, URL string
	// Header goes out with the names spelled as they are.
	Header http.Header
	Body   []byte
	// Limit bounds the answer's body.
	MaxResponse int64
}

// Response is a server's answer.
type Response struct {
	Status int
	Header http.Header
	// Body is nil unless it came whole and within the limit.
	Body []byte
	// Loss says why there is no body.
	BodyError BodyError
}

// BodyError is what kept an answer's body from us.
type BodyError string

// The losses; the zero value is none.
const (
	BodyTruncated BodyError = "was cut off"
	BodyTooLong   BodyError = "is too long"
)

// Do makes the request and reads the answer. Redirects are answers like any other.
// The error is a [*Fault].
func (w *Client) Do(ctx context.Context, c Request) (Response, error) {
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, nil)
	if err != nil {
		return Response{}, &TransportError{Reason: causeTexts[badURL]}
	}
	req.Header = c.Header
	if c.Body != nil {
		// A plain reader: for one that it knows, net/http would set GetBody, and could
		// then send the body twice.
		req.Body = io.NopCloser(bytes.NewReader(c.Body))
		req.ContentLength = int64(len(c.Body))
	}
	resp, err := w.RoundTrip(req)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	r := Response{Status: resp.StatusCode, Header: resp.Header}
	r.Body, r.BodyError = readBody(resp.Body, c.MaxResponse)
	return r, nil
}

// readAll reads a body of at most limit bytes.
func readBody(from io.Reader, limit int64) ([]byte, BodyError) {
	body, err := io.ReadAll(io.LimitReader(from, limit+1))
	switch {
	case err != nil:
		return nil, BodyTruncated
	case int64(len(body)) > limit:
		return nil, BodyTooLong
	}
	return body, ""
}

// RoundTrip implements [http.RoundTripper]. Its error is a [*Fault].
func (w *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	if !w.schemeAllowed(req) {
		if req.Body != nil {
			_ = req.Body.Close() // nothing was read from it
		}
		return nil, &TransportError{Reason: causeTexts[notHTTPS]}
	}
	l := newConnTrace()
	t := &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true, // the length that counts is the one on the wire
		MaxResponseHeaderBytes: maxHeaderBytes,
		DialTLSContext:         func(ctx context.Context, n, a string) (net.Conn, error) { return w.dialTLS(ctx, n, a, l) },
		DialContext:            func(ctx context.Context, n, a string) (net.Conn, error) { return dial(ctx, n, a, l) },
	}
	once := *req
	once.GetBody = nil
	resp, err := t.RoundTrip(&once)
	if err != nil {
		return nil, l.transportError(req.Context(), err)
	}
	return resp, nil
}

func (w *Client) schemeAllowed(req *http.Request) bool {
	switch req.URL.Scheme {
	case "https":
		return true
	case "http":
		return w.loopback && IsLoopback(req.URL.Hostname())
	}
	return false
}

// Loopback reports whether a host is surely this machine.
func IsLoopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func dial(ctx context.Context, network, address string, l *connTrace) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, l.connectFailed(stageDial, err)
	}
	return &tracedConn{c, l}, nil
}

func (w *Client) dialTLS(ctx context.Context, network, address string, l *connTrace) (net.Conn, error) {
	raw, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, l.connectFailed(stageDial, err)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, l.connectFailed(stageDial, errors.Join(err, raw.Close()))
	}
	conf := w.tls.Clone()
	conf.ServerName = host
	c := tls.Client(raw, conf)
	shaking, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := c.HandshakeContext(shaking); err != nil {
		_ = raw.Close() // the handshake's error says why
		return nil, l.connectFailed(stageHandshake, fmt.Errorf("shake hands: %w", err))
	}
	return &tracedConn{c, l}, nil
}
