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
	"sync/atomic"
	"time"
)

// Limits for a connection, whatever the caller's context allows.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	maxHeaderBytes   = 64 << 10
)

// Client is an HTTP client that sends each request at most once. It uses HTTP/1.1 over
// TLS 1.2 or newer, no proxy, and a new connection for each request. net/http repeats a
// request only on a reused connection or if it can get the body again; here it can do
// neither. Client is also an [http.RoundTripper].
type Client struct {
	tls      atomic.Pointer[tls.Config]
	loopback bool
	now      func() time.Time
}

// NewClient returns a client that uses the certificates and roots of config. With
// loopback, plain HTTP is allowed to loopback hosts. now is the clock for Retry-After,
// [time.Now] if nil; certificates are always checked against the system's clock.
func NewClient(config *tls.Config, loopback bool, now func() time.Time) *Client {
	if now == nil {
		now = time.Now
	}
	c := &Client{loopback: loopback, now: now}
	c.SetTLS(config)
	return c
}

// SetTLS replaces the certificates and roots, both at once, for the requests from now on.
func (c *Client) SetTLS(config *tls.Config) {
	config = config.Clone()
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	config.NextProtos = []string{"http/1.1"}
	c.tls.Store(config)
}

// Request is an HTTP request.
type Request struct {
	Method, URL string
	// Header is sent with the names spelled as they are.
	Header http.Header
	Body   []byte
	// MaxResponse is the longest response body that is read.
	MaxResponse int64
}

// Do sends a request and reads the response. It does not follow redirects. An error is
// a [*TransportError].
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, nil)
	if err != nil {
		return Response{}, &TransportError{Reason: causeTexts[badURL]}
	}
	req.Header = r.Header
	if r.Body != nil {
		// NopCloser hides the reader's type: net/http sets GetBody for a *bytes.Reader, and
		// could then send the body twice.
		req.Body = io.NopCloser(bytes.NewReader(r.Body))
		req.ContentLength = int64(len(r.Body))
	}
	resp, err := c.RoundTrip(req)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	received := Response{Status: resp.StatusCode, Header: resp.Header}
	received.Body, received.BodyError = readBody(resp.Body, r.MaxResponse)
	return received, nil
}

// RoundTrip implements [http.RoundTripper]. An error is a [*TransportError].
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	if !c.schemeAllowed(req) {
		if req.Body != nil {
			_ = req.Body.Close() // nothing was read from it
		}
		return nil, &TransportError{Reason: causeTexts[notHTTPS]}
	}
	trace := newConnTrace()
	transport := &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true, // limits apply to the bytes that were received
		MaxResponseHeaderBytes: maxHeaderBytes,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return c.dialTLS(ctx, network, address, trace)
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, network, address, trace)
		},
	}
	once := *req
	once.GetBody = nil
	resp, err := transport.RoundTrip(&once)
	if err != nil {
		return nil, trace.transportError(req.Context(), err)
	}
	return resp, nil
}

func (c *Client) schemeAllowed(req *http.Request) bool {
	switch req.URL.Scheme {
	case "https":
		return true
	case "http":
		return c.loopback && IsLoopback(req.URL.Hostname())
	}
	return false
}

// IsLoopback reports whether a host is a loopback address or a localhost name.
func IsLoopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func dial(ctx context.Context, network, address string, trace *connTrace) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, trace.connectFailed(stageDial, err)
	}
	return &tracedConn{conn, trace}, nil
}

func (c *Client) dialTLS(ctx context.Context, network, address string, trace *connTrace) (net.Conn, error) {
	plain, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, trace.connectFailed(stageDial, err)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, trace.connectFailed(stageDial, errors.Join(err, plain.Close()))
	}
	config := c.tls.Load().Clone()
	config.ServerName = host
	conn := tls.Client(plain, config)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // the handshake's error is the cause
		return nil, trace.connectFailed(stageHandshake, fmt.Errorf("TLS handshake: %w", err))
	}
	return &tracedConn{conn, trace}, nil
}
