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
const maxHeader = 64 << 10

// Way is how servers are reached: with TLS 1.2 or newer, over HTTP/1.1, around no
// proxy, and each request on a connection of its own. So a request is sent at most
// once: net/http repeats one only if its connection was used before or if its body
// can be had again, and neither is so. It is also an [http.RoundTripper].
type Way struct {
	tls      *tls.Config
	loopback bool
	now      func() time.Time
}

// NewWay returns a way with our certificates and roots as in c. If loopback is true,
// plain http is allowed to a host of this machine, and to no other. now is the clock,
// nil for the real one; certificates are judged by the real one always.
func NewWay(c *tls.Config, loopback bool, now func() time.Time) *Way {
	c = c.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	c.NextProtos = []string{"http/1.1"}
	if now == nil {
		now = time.Now
	}
	return &Way{tls: c, loopback: loopback, now: now}
}

// Call is one request.
type Call struct {
	Method, URL string
	// Header goes out with the names spelled as they are.
	Header http.Header
	Body   []byte
	// Limit bounds the answer's body.
	Limit int64
}

// Reply is a server's answer.
type Reply struct {
	Status int
	Header http.Header
	// Body is nil unless it came whole and within the limit.
	Body []byte
	// Loss says why there is no body.
	Loss Loss
}

// Loss is what kept an answer's body from us.
type Loss string

// The losses; the zero value is none.
const (
	LossCut     Loss = "was cut off"
	LossTooLong Loss = "is too long"
)

// Do makes the request and reads the answer. Redirects are answers like any other.
// The error is a [*Fault].
func (w *Way) Do(ctx context.Context, c Call) (Reply, error) {
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, nil)
	if err != nil {
		return Reply{}, &Fault{Reason: reasons[badAddress]}
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
		return Reply{}, err
	}
	defer resp.Body.Close()
	r := Reply{Status: resp.StatusCode, Header: resp.Header}
	r.Body, r.Loss = readAll(resp.Body, c.Limit)
	return r, nil
}

// readAll reads a body of at most limit bytes.
func readAll(from io.Reader, limit int64) ([]byte, Loss) {
	body, err := io.ReadAll(io.LimitReader(from, limit+1))
	switch {
	case err != nil:
		return nil, LossCut
	case int64(len(body)) > limit:
		return nil, LossTooLong
	}
	return body, ""
}

// RoundTrip implements [http.RoundTripper]. Its error is a [*Fault].
func (w *Way) RoundTrip(req *http.Request) (*http.Response, error) {
	if !w.allowed(req) {
		if req.Body != nil {
			_ = req.Body.Close() // nothing was read from it
		}
		return nil, &Fault{Reason: reasons[notHTTPS]}
	}
	l := newLine()
	t := &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true, // the length that counts is the one on the wire
		MaxResponseHeaderBytes: maxHeader,
		DialTLSContext:         func(ctx context.Context, n, a string) (net.Conn, error) { return w.dialTLS(ctx, n, a, l) },
		DialContext:            func(ctx context.Context, n, a string) (net.Conn, error) { return dial(ctx, n, a, l) },
	}
	once := *req
	once.GetBody = nil
	resp, err := t.RoundTrip(&once)
	if err != nil {
		return nil, l.fault(req.Context(), err)
	}
	return resp, nil
}

func (w *Way) allowed(req *http.Request) bool {
	switch req.URL.Scheme {
	case "https":
		return true
	case "http":
		return w.loopback && Loopback(req.URL.Hostname())
	}
	return false
}

// Loopback reports whether a host is surely this machine.
func Loopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func dial(ctx context.Context, network, address string, l *line) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, l.stop(stageDial, err)
	}
	return &lineConn{c, l}, nil
}

func (w *Way) dialTLS(ctx context.Context, network, address string, l *line) (net.Conn, error) {
	raw, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, l.stop(stageDial, err)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, l.stop(stageDial, errors.Join(err, raw.Close()))
	}
	conf := w.tls.Clone()
	conf.ServerName = host
	c := tls.Client(raw, conf)
	shaking, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := c.HandshakeContext(shaking); err != nil {
		_ = raw.Close() // the handshake's error says why
		return nil, l.stop(stageHandshake, fmt.Errorf("shake hands: %w", err))
	}
	return &lineConn{c, l}, nil
}
