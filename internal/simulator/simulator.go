package simulator

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Config says where a simulator stands and whom it knows.
type Config struct {
	// Front, Back and Lists are the addresses to listen on, all on loopback;
	// "127.0.0.1:0" when empty.
	FrontAddr, BackAddr, ListAddr string

	// FrontHTTP serves the pages that a browser sees over http; otherwise they are
	// served over TLS, with a certificate that no browser knows.
	FrontHTTP bool

	// ClientID is the host name of the one client on the OAuth client list;
	// "carrel.example" when empty. Its redirect URIs are any https address, and http
	// on loopback, without query and fragment.
	ClientID string

	// ClientName is its organisation's name there.
	ClientName string

	// Now is the clock that codes and tokens expire by; time.Now when nil. The
	// certificates go by real time.
	Now func() time.Time

	// Log hears of requests, never of what is in them; nil for silence.
	Log *slog.Logger

	// Folder keeps the authority and the client's certificate, so that a client need
	// not be set up anew; "" keeps them in memory.
	Folder string
}

func (c Config) withDefaults() Config {
	c.FrontAddr = cmp.Or(c.FrontAddr, "127.0.0.1:0")
	c.BackAddr = cmp.Or(c.BackAddr, "127.0.0.1:0")
	c.ListAddr = cmp.Or(c.ListAddr, "127.0.0.1:0")
	c.ClientID = cmp.Or(c.ClientID, "carrel.example")
	c.ClientName = cmp.Or(c.ClientName, "Carrel")
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Simulator is a set of running providers. All its methods may be called at any time
// and by several goroutines.
type Simulator struct {
	Config

	ctx    context.Context // ends when the simulator does, and with it every sleep
	cancel context.CancelFunc

	ca          *certificateAuthority
	untrustedCA *certificateAuthority // whom nobody trusts
	clientCert  certAndKey

	frontURL, backURL, listsURL string                 // addresses without a path, such as https://localhost:4711
	badEndpoints                map[BadEndpoint]string // likewise

	closing      sync.Mutex
	closed       bool
	servers      []*http.Server
	listeners    []*listener
	serveFuncs   []func()  // what begins to serve once everything is in place
	backListener *listener // of the backchannel

	providers  []provider
	grants     *grants
	behaviours *behaviours
	failures   randomFailures
	lists      publishedLists
	record     *record
	store      *resourceStore
}

// Start starts a simulator. It ends with ctx or with Close.
func Start(ctx context.Context, c Config) (*Simulator, error) {
	c = c.withDefaults()
	s := &Simulator{Config: c, badEndpoints: map[BadEndpoint]string{}, providers: sampleProviders()}
	s.grants, s.behaviours, s.record, s.store = newGrants(), newBehaviours(), newRecord(), newResourceStore()
	s.lists = newPublishedLists(c.Now(), c.ClientID, c.ClientName)
	s.ctx, s.cancel = context.WithCancel(ctx)
	err := s.setUpCertificates()
	if err == nil {
		err = s.listen()
	}
	if err == nil {
		err = s.writeDirectory()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, serve := range s.serveFuncs {
		go serve()
	}
	context.AfterFunc(s.ctx, func() { _ = s.Close() })
	return s, nil
}

// Close ends everything at once.
func (s *Simulator) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.cancel()
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	for _, g := range s.listeners {
		if err := g.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// FrontURL is where a browser finds the simulator; FrontURL()+"/" shows what arrived.
func (s *Simulator) FrontURL() string { return s.frontURL }

// ListURL is the pattern of the lists' addresses, with %s for a list's name.
func (s *Simulator) ListURL() string { return s.listsURL + "/lists/MedMij_%s.xml" }

// Roots are the certificates, as PEM, that the servers' certificates come from.
func (s *Simulator) Roots() []byte { return s.ca.pem }

// ClientCertificate is a certificate issued for ClientID, with its key, as PEM.
func (s *Simulator) ClientCertificate() (certPEM, keyPEM []byte) {
	return s.clientCert.cert, s.clientCert.key
}

// listen opens all doors.
func (s *Simulator) listen() (err error) {
	own, err := s.serverCertificate(s.ca, certTemplate{hosts: []string{"localhost", "127.0.0.1", "::1"}})
	if err != nil {
		return err
	}
	plain := &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	frontTLS := plain
	if s.FrontHTTP {
		frontTLS = nil
	}
	if s.frontURL, _, err = s.startServer(s.FrontAddr, frontTLS, s.frontHandler()); err != nil {
		return fmt.Errorf("open front: %w", err)
	}
	if s.listsURL, _, err = s.startServer(s.ListAddr, plain, s.listHandler()); err != nil {
		return fmt.Errorf("open lists: %w", err)
	}
	if s.backURL, s.backListener, err = s.startServer(s.BackAddr, s.mutualTLS(own), s.backHandler()); err != nil {
		return fmt.Errorf("open back: %w", err)
	}
	return s.startBadEndpoints(own)
}

// mutual is TLS as the backchannel wants it: a certificate of our authority, for the
// client on the list.
func (s *Simulator) mutualTLS(own tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		MinVersion:   tls.VersionTLS12,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    s.ca.pool,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("no client certificate")
			}
			if err := state.PeerCertificates[0].VerifyHostname(s.ClientID); err != nil {
				return fmt.Errorf("the client is not on the list: %w", err)
			}
			return nil
		},
	}
}

// open listens, with TLS unless t is nil, and returns the address that others reach
// it by. Who comes now waits until everything is in place.
func (s *Simulator) startServer(address string, t *tls.Config, h http.Handler) (string, *listener, error) {
	l, err := listenLoopback(s.ctx, address)
	if err != nil {
		return "", nil, err
	}
	g := &listener{Listener: l}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ErrorLog:          log.New(serverLog{s}, "", 0),
		Protocols:         new(http.Protocols), // HTTP/1 alone: only such a connection can be cut alone
		TLSConfig:         t,
	}
	server.Protocols.SetHTTP1(true)
	s.servers, s.listeners = append(s.servers, server), append(s.listeners, g)
	scheme := "https"
	serve := func() error { return server.ServeTLS(g, "", "") }
	if t == nil {
		scheme = "http"
		serve = func() error { return server.Serve(g) }
	}
	s.serveFuncs = append(s.serveFuncs, func() {
		if err := serve(); !errors.Is(err, http.ErrServerClosed) && s.ctx.Err() == nil {
			s.Log.Error("a server of the simulator ended", "address", l.Addr().String(), "error", err)
		}
	})
	return scheme + "://" + localhostAddr(l.Addr()), g, nil
}

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

// serverLog takes what net/http has to say, which is mostly handshakes that failed.
type serverLog struct{ s *Simulator }

// Write takes one line.
func (l serverLog) Write(line []byte) (int, error) {
	l.s.record.addRefusal(string(line))
	l.s.Log.Debug("connection refused", "reason", string(line))
	return len(line), nil
}

// writeFile writes a file of the folder, readable by its owner alone.
func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("keep %s: %w", path, err)
	}
	return nil
}
