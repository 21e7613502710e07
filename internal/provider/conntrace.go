package provider

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// connTrace records what happens on the one connection of a request, to decide
// afterwards whether bytes of the request may have reached the server.
type connTrace struct {
	mu         sync.Mutex
	stage      connectStage
	connectErr error // why there is no connection
	abandoned  bool  // writes are refused from now on
	wrote      bool  // a write was begun
	received   bool  // bytes of a response were read
	readErr    error // the first error of a read

	writeStarted, readEnded         chan struct{} // closed by the first write, by the first read error
	writeStartedOnce, readEndedOnce sync.Once
}

// connectStage is the step of connecting that failed.
type connectStage int

const (
	stageNone connectStage = iota
	stageDial
	stageHandshake
)

// writeErrorGrace is how long a failed write waits for the reader to see what the
// server sent. A server that refuses a client sends a TLS alert and closes the
// connection, and the alert is the reason to report.
const writeErrorGrace = 200 * time.Millisecond

var errAbandoned = errors.New("the request was abandoned")

func newConnTrace() *connTrace {
	return &connTrace{writeStarted: make(chan struct{}), readEnded: make(chan struct{})}
}

// allowRead wakes a waiting Read.
func (t *connTrace) allowRead() { t.writeStartedOnce.Do(func() { close(t.writeStarted) }) }

// connectFailed records why there is no connection, and returns the error.
func (t *connTrace) connectFailed(stage connectStage, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stage, t.connectErr = stage, err
	return err
}

// tracedConn is a connection that reports to a connTrace.
type tracedConn struct {
	net.Conn
	trace *connTrace
}

// Write records the attempt before it writes: bytes of a failed write may have arrived.
func (c *tracedConn) Write(p []byte) (int, error) {
	c.trace.mu.Lock()
	if c.trace.abandoned {
		c.trace.mu.Unlock()
		return 0, errAbandoned
	}
	c.trace.wrote = true
	c.trace.mu.Unlock()
	c.trace.allowRead()
	n, err := c.Conn.Write(p)
	if err != nil {
		select {
		case <-c.trace.readEnded:
		case <-time.After(writeErrorGrace):
		}
	}
	return n, err
}

// Read records whether bytes were received, and the first error. It waits for the first
// write: net/http writes bytes that it receives before a request to the standard logger,
// and they may contain anything.
func (c *tracedConn) Read(p []byte) (int, error) {
	<-c.trace.writeStarted
	n, err := c.Conn.Read(p)
	c.trace.mu.Lock()
	c.trace.received = c.trace.received || n > 0
	if err != nil && c.trace.readErr == nil {
		c.trace.readErr = err
	}
	c.trace.mu.Unlock()
	if err != nil {
		c.trace.readEndedOnce.Do(func() { close(c.trace.readEnded) })
	}
	return n, err
}

// Close also wakes a waiting Read.
func (c *tracedConn) Close() error {
	err := c.Conn.Close()
	c.trace.allowRead()
	return err
}

// transportError describes a request that got no response. It refuses all later writes, so
// that a request that was abandoned before its first byte is certainly not sent.
func (t *connTrace) transportError(ctx context.Context, err error) *TransportError {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.abandoned = true
	failure := &TransportError{Sent: t.wrote, Timeout: requestTimedOut(ctx, err)}
	switch {
	case t.connectErr != nil && !t.wrote:
		failure.Reason = connectReason(t.stage, t.connectErr)
	case !t.received && isClientCertificateAlert(t.readErr):
		// With TLS 1.3 the client finishes the handshake before the server has checked the
		// client's certificate. A server that refuses it has read nothing of the request.
		failure.Sent, failure.Reason = false, connectReason(stageHandshake, t.readErr)
	case !t.wrote && ctx.Err() != nil:
		failure.Reason = causeTexts[timeoutBeforeSend]
	case !t.wrote:
		failure.Reason = causeTexts[closedBeforeSend]
	case failure.Timeout:
		failure.Reason = causeTexts[responseTimedOut]
	case t.received:
		failure.Reason = causeTexts[malformedResponse]
	default:
		failure.Reason = causeTexts[closedBeforeResponse]
	}
	return failure
}

func requestTimedOut(ctx context.Context, err error) bool { return ctx.Err() != nil || isTimeout(err) }
