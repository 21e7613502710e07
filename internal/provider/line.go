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
type line struct {
	mu     sync.Mutex
	stage  stage
	failed error // what kept the connection from coming about
	shut   bool  // nothing may be written any more
	tried  bool  // something was written, or may have been
	heard  bool  // something of an answer came
	ended  error // how reading ended

	begun, quiet         chan struct{} // closed when writing has begun, when reading has ended
	beginOnce, quietOnce sync.Once
}

type stage int

const (
	stageNone stage = iota
	stageDial
	stageHandshake
)

// grace is how long a failed write waits for what the server may have had to say: a
// server that turns us away closes the connection, and we must not miss the reason.
const grace = 200 * time.Millisecond

var errShut = errors.New("the request was given up")

func newLine() *line { return &line{begun: make(chan struct{}), quiet: make(chan struct{})} }

func (l *line) begin() { l.beginOnce.Do(func() { close(l.begun) }) }

// stop notes what kept the connection from coming about.
func (l *line) stop(at stage, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stage, l.failed = at, err
	return err
}

// lineConn is the connection, watched.
type lineConn struct {
	net.Conn
	l *line
}

// Write notes the attempt before it is made: that a write failed does not mean that
// nothing of it arrived.
func (c *lineConn) Write(p []byte) (int, error) {
	c.l.mu.Lock()
	if c.l.shut {
		c.l.mu.Unlock()
		return 0, errShut
	}
	c.l.tried = true
	c.l.mu.Unlock()
	c.l.begin()
	n, err := c.Conn.Write(p)
	if err != nil {
		select {
		case <-c.l.quiet:
		case <-time.After(grace):
		}
	}
	return n, err
}

// Read notes that there was something to hear, and how it ended. It waits until the
// request is on its way: what comes before that, net/http would write to the standard
// log, and it may hold anything.
func (c *lineConn) Read(p []byte) (int, error) {
	<-c.l.begun
	n, err := c.Conn.Read(p)
	c.l.mu.Lock()
	c.l.heard = c.l.heard || n > 0
	if err != nil && c.l.ended == nil {
		c.l.ended = err
	}
	c.l.mu.Unlock()
	if err != nil {
		c.l.quietOnce.Do(func() { close(c.l.quiet) })
	}
	return n, err
}

// Close lets a waiting Read go.
func (c *lineConn) Close() error {
	err := c.Conn.Close()
	c.l.begin()
	return err
}

// fault says what became of a request that got no answer. From then on nothing more
// is written: a request given up while it was about to be sent is surely not sent.
func (l *line) fault(ctx context.Context, err error) *Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shut = true
	f := &Fault{Sent: l.tried, Timeout: timedOut(ctx, err)}
	switch {
	case l.failed != nil && !l.tried:
		f.Reason = refusal(l.stage, l.failed)
	case !l.heard && ourCertificateRefused(l.ended):
		// With TLS 1.3 we are done with the handshake before the server has looked at
		// our certificate. If it says no, it has read nothing of what we sent since.
		f.Sent, f.Reason = false, refusal(stageHandshake, l.ended)
	case !l.tried && ctx.Err() != nil:
		f.Reason = reasons[noTime]
	case !l.tried:
		f.Reason = reasons[closedBefore]
	case f.Timeout:
		f.Reason = reasons[noAnswerInTime]
	case l.heard:
		f.Reason = reasons[badAnswer]
	default:
		f.Reason = reasons[noAnswer]
	}
	return f
}

func timedOut(ctx context.Context, err error) bool {
	var timeout net.Error
	return ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout()
}
