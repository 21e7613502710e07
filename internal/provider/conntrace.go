package provider

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// line watches the one connection of one request, so that it can be said afterwards
// whether anything of the request may have reached the server.
type connTrace struct {
	mu         sync.Mutex
	stage      stage
	connectErr error // what kept the connection from coming about
	abandoned  bool  // nothing may be written any more
	wrote      bool  // something was written, or may have been
	received   bool  // something of an answer came
	readErr    error // how reading ended

	writeStarted, readEnded         chan struct{} // closed when writing has begun, when reading has ended
	writeStartedOnce, readEndedOnce sync.Once
}

type stage int

const (
	stageNone stage = iota
	stageDial
	stageHandshake
)

// writeErrorGrace is how long a failed write waits for what the server may have had to say: a
// server that turns us away closes the connection, and we must not miss the reason.
const writeErrorGrace = 200 * time.Millisecond

var errAbandoned = errors.New("the request was given up")

func newConnTrace() *connTrace {
	return &connTrace{writeStarted: make(chan struct{}), readEnded: make(chan struct{})}
}

func (l *connTrace) allowRead() { l.writeStartedOnce.Do(func() { close(l.writeStarted) }) }

// stop notes what kept the connection from coming about.
func (l *connTrace) connectFailed(at stage, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stage, l.connectErr = at, err
	return err
}

// tracedConn is the connection, watched.
type tracedConn struct {
	net.Conn
	trace *connTrace
}

// Write notes the attempt before it is made: that a write failed does not mean that
// nothing of it arrived.
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

// Read notes that there was something to hear, and how it ended. It waits until the
// request is on its way: what comes before that, net/http would write to the standard
// log, and it may hold anything.
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

// Close lets a waiting Read go.
func (c *tracedConn) Close() error {
	err := c.Conn.Close()
	c.trace.allowRead()
	return err
}

// fault says what became of a request that got no answer. From then on nothing more
// is written: a request given up while it was about to be sent is surely not sent.
func (l *connTrace) transportError(ctx context.Context, err error) *TransportError {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.abandoned = true
	f := &TransportError{Sent: l.wrote, Timeout: requestTimedOut(ctx, err)}
	switch {
	case l.connectErr != nil && !l.wrote:
		f.Reason = connectionCause(l.stage, l.connectErr)
	case !l.received && isClientCertificateAlert(l.readErr):
		// With TLS 1.3 we are done with the handshake before the server has looked at
		// our certificate. If it says no, it has read nothing of what we sent since.
		f.Sent, f.Reason = false, connectionCause(stageHandshake, l.readErr)
	case !l.wrote && ctx.Err() != nil:
		f.Reason = causeTexts[timeoutBeforeSend]
	case !l.wrote:
		f.Reason = causeTexts[closedBeforeSend]
	case f.Timeout:
		f.Reason = causeTexts[responseTimedOut]
	case l.received:
		f.Reason = causeTexts[malformedResponse]
	default:
		f.Reason = causeTexts[closedBeforeResponse]
	}
	return f
}

func requestTimedOut(ctx context.Context, err error) bool {
	var timeout net.Error
	return ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout()
}
