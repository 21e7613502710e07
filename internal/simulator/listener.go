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

// localhostAddr returns an address with the host localhost, which is on the whitelist.
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
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.acceptsNext() {
			return c, err
		}
		resetConn(c)
	}
}

// acceptsNext reports whether the next connection is accepted, and counts it.
func (l *listener) acceptsNext() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuseAll {
		return false
	}
	if l.refuseNext > 0 {
		l.refuseNext--
		return false
	}
	return true
}

// setDown sets whether all connections are reset.
func (l *listener) setDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuseAll = down
}

// isDown reports whether all connections are reset.
func (l *listener) isDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refuseAll
}

// resetNext resets the next connection.
func (l *listener) resetNext() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuseNext++
}

// resetConn resets a connection.
func resetConn(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // without it, Close does not reset the connection
	}
	_ = c.Close()
}
