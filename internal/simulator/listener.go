package simulator

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
)

// listenLoopback refuses to show a practice provider to a network.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("listen on %q: the simulator stands on loopback only", address)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// loopback says whether a host can only be this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// localhost names a loopback address as the whitelist does.
func localhostAddr(a net.Addr) string {
	_, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String() // not of this kind: as it is
	}
	return net.JoinHostPort("localhost", port)
}

// listener is a listener that can be told to close what it accepts, as if nobody were
// there.
type listener struct {
	net.Listener
	mu         sync.Mutex
	refuseAll  bool // all of them
	refuseNext int  // so many
}

// Accept waits for the next connection that is let in.
func (g *listener) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil || g.acceptsNext() {
			return c, err
		}
		resetConn(c)
	}
}

func (g *listener) acceptsNext() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuseAll {
		return false
	}
	if g.refuseNext > 0 {
		g.refuseNext--
		return false
	}
	return true
}

// cut ends a connection without a farewell.
func resetConn(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // so that it is reset; closed it is in any case
	}
	_ = c.Close() // there is nobody left to tell
}
