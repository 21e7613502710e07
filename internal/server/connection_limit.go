package server

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carrelhq/carrel/internal/netaddr"
)

const (
	// maxConnections is how many connections a server has by default, if it may open as many files.
	maxConnections = 8192
	// minPerAddress is how many of them an address may have at least.
	minPerAddress = 64
	// otherFiles is how many files are for other things than connections: the database and its log, folders, providers.
	otherFiles = 64
	// filesPerConnection are its socket and a large content that comes or goes.
	filesPerConnection = 2
	// silence is how long the server must have waited for a client to end its connection in favour of another one.
	silence = 2 * time.Second
	// evictionInterval is how often the connections are searched for one to end, if there was none.
	evictionInterval = 50 * time.Millisecond
	// refusalLogInterval is how often the log says that connections are refused.
	refusalLogInterval = time.Minute
)

// connectionLimits returns how many connections a server has in all and from one address. files is how many files the
// process may open; zero for any number.
func connectionLimits(c Config, files int) (all, perAddress int) {
	if all = c.MaxConnections; all == 0 {
		all = maxConnections
		if files > 0 {
			all = max(1, min(all, (files-otherFiles)/filesPerConnection))
		}
	}
	if perAddress = c.MaxConnectionsPerAddress; perAddress == 0 {
		perAddress = max(1, all/4, min(minPerAddress, all/2))
	}
	return all, perAddress
}

// limitedListener bounds the connections, in all and of each address. When a limit is reached, a new connection gets
// the place of the one for whose client the server has waited longest, be it for a request, for the rest of one, or for
// the client to read; if it has waited for none for long, the new connection is closed at once.
type limitedListener struct {
	net.Listener
	all, perAddress int
	log             *slog.Logger

	mu        sync.Mutex
	open      map[*limitedConn]struct{}
	ofAddress map[string]int
	noneUntil time.Time // no connection can be ended before
	logged    time.Time
}

func newLimitedListener(l net.Listener, all, perAddress int, log *slog.Logger) *limitedListener {
	return &limitedListener{Listener: l, all: all, perAddress: perAddress, log: log,
		open: make(map[*limitedConn]struct{}), ofAddress: make(map[string]int)}
}

// Accept returns the next connection that is not beyond the limits.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if admitted := l.admit(c); admitted != nil {
			return admitted, nil
		}
		_ = c.Close() // it is refused
	}
}

// admit counts a connection; it returns nil if there is no place for it.
func (l *limitedListener) admit(c net.Conn) *limitedConn {
	remote := netaddr.NetworkOf(c.RemoteAddr().String())
	n := &limitedConn{Conn: c, listener: l, address: remote}
	n.waits()
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := ""
	switch {
	case l.ofAddress[remote] >= l.perAddress:
		limit = "address"
	case len(l.open) >= l.all:
		limit = "all"
	}
	if limit != "" && !l.evict(limit, remote) {
		return nil
	}
	l.open[n] = struct{}{}
	l.ofAddress[remote]++
	return n
}

// evict ends the connection that has been silent for longest: of an address, or of all if the limit is that of all. The
// caller holds the lock.
func (l *limitedListener) evict(limit, address string) bool {
	now := time.Now()
	if now.Sub(l.logged) > refusalLogInterval {
		l.logged = now
		l.log.Warn("too many connections", "limit", limit, "client", address, "open", len(l.open),
			"ofClient", l.ofAddress[address])
	}
	if now.Before(l.noneUntil) {
		return false
	}
	var longest *limitedConn
	var since int64
	for c := range l.open {
		at := c.waitingSince.Load()
		if at == 0 || limit == "address" && c.address != address || longest != nil && at >= since {
			continue
		}
		longest, since = c, at
	}
	if longest == nil || now.Sub(time.Unix(0, since)) < silence {
		l.noneUntil = now.Add(evictionInterval)
		return false
	}
	l.remove(longest)
	_ = longest.Conn.Close() // the server's read of it fails
	return true
}

// remove stops counting a connection. The caller holds the lock.
func (l *limitedListener) remove(c *limitedConn) {
	if _, ok := l.open[c]; !ok {
		return
	}
	delete(l.open, c)
	if l.ofAddress[c.address]--; l.ofAddress[c.address] == 0 {
		delete(l.ofAddress, c.address)
	}
}

// limitedConn is a connection that is counted until it is closed.
type limitedConn struct {
	net.Conn
	listener *limitedListener
	address  string
	// waitingSince is when the server has begun to wait for the client, in nanoseconds; zero if the client waits.
	waitingSince atomic.Int64
}

func (c *limitedConn) waits() { c.waitingSince.Store(time.Now().UnixNano()) }

// waitForBody notes that the server waits for a part of a request's body, until done is called.
func (c *limitedConn) waitForBody() (done func()) {
	c.waits()
	return func() { c.waitingSince.Store(0) }
}

func (c *limitedConn) Write(p []byte) (int, error) {
	before := c.waitingSince.Load()
	c.waits()
	n, err := c.Conn.Write(p)
	c.waitingSince.Store(before)
	return n, err
}

// CloseWrite lets net/http end an answer before the connection, so that the client reads it.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close stops counting the connection.
func (c *limitedConn) Close() error {
	c.listener.mu.Lock()
	c.listener.remove(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// limitedConnOf returns the counted connection below one of the HTTP server; nil if there is none.
func limitedConnOf(c net.Conn) *limitedConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	counted, _ := c.(*limitedConn)
	return counted
}

// trackConn notes whether the server waits for the client of a connection. It is a hook of [http.Server].
func trackConn(c net.Conn, state http.ConnState) {
	counted := limitedConnOf(c)
	switch {
	case counted == nil:
	case state == http.StateActive:
		counted.waitingSince.Store(0)
	case state == http.StateIdle:
		counted.waits()
	}
}
