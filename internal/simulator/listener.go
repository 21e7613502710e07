package simulator

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
)

// listenLoopback listens on an address, which must be a loopback address.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("listen on %q: the simulator listens on loopback only", address)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// isLoopback reports whether a host is a loopback address or localhost.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// localhostAddr returns localhost and the port of an address, as on the whitelist.
func localhostAddr(a net.Addr) string {
	_, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String() // not a TCP address
	}
	return net.JoinHostPort("localhost", port)
}

// listener is a listener that can reset connections instead of accepting them.
type listener struct {
	net.Listener
	mu         sync.Mutex
	refuseAll  bool
	refuseNext int // the number of connections to refuse
}

// Accept implements [net.Listener].
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

// resetConn resets a connection.
func resetConn(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // without it, Close ends the connection normally
	}
	_ = c.Close() // the connection is given up
}
