package simulator

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// Trap is a place that a provider's token and resource endpoints can be moved to, in
// the list of providers. A client must not get through to any of them.
type Trap string

// The traps.
const (
	TrapWrongName    Trap = "wrong-name"      // the certificate is of another host
	TrapOldTLS       Trap = "tls-1.1"         // speaks TLS 1.1 at most
	TrapExpired      Trap = "expired"         // the certificate has ended
	TrapOtherCA      Trap = "other-authority" // the certificate is of an authority that nobody trusts
	TrapClosed       Trap = "closed"          // closes each connection before the handshake
	TrapNobody       Trap = "nobody"          // nobody listens
	TrapNotWhitelist Trap = "not-whitelisted" // all is right, but for the host, 127.0.0.1, which is not on the whitelist
)

// Traps are all of them.
var Traps = []Trap{TrapWrongName, TrapOldTLS, TrapExpired, TrapOtherCA, TrapClosed, TrapNobody, TrapNotWhitelist}

// layTraps opens the doors that a client must not go through.
func (s *Simulator) layTraps(own tls.Certificate) error {
	for _, t := range []struct {
		trap Trap
		by   *authority
		leaf leaf
	}{
		{TrapWrongName, s.authority, leaf{hosts: []string{"provider.invalid"}}},
		{TrapExpired, s.authority, leaf{hosts: []string{"localhost"}, from: time.Now().AddDate(0, 0, -30), until: time.Now().AddDate(0, 0, -1)}},
		{TrapOtherCA, s.stranger, leaf{hosts: []string{"localhost"}}},
	} {
		cert, err := s.serverCertificate(t.by, t.leaf)
		if err != nil {
			return err
		}
		if _, err := s.layTrap(t.trap, s.mutual(cert)); err != nil {
			return err
		}
	}
	old := s.mutual(own)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 // just what a client must refuse
	if _, err := s.layTrap(TrapOldTLS, old); err != nil {
		return err
	}
	closed, err := s.layTrap(TrapClosed, s.mutual(own))
	if err != nil {
		return err
	}
	closed.shut = true
	_, port, err := net.SplitHostPort(s.back[len("https://"):])
	if err != nil {
		return fmt.Errorf("read the port of %s: %w", s.back, err)
	}
	s.traps[TrapNotWhitelist] = "https://" + net.JoinHostPort("127.0.0.1", port)
	return s.leaveHole()
}

// layTrap opens one door; whoever comes through has not looked.
func (s *Simulator) layTrap(t Trap, c *tls.Config) (*gate, error) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.violate(r, "tls", "sent a request to the endpoint with the fault %q", t)
		s.backHandler().ServeHTTP(w, r)
	})
	address, g, err := s.open("127.0.0.1:0", c, h)
	if err != nil {
		return nil, fmt.Errorf("lay trap %s: %w", t, err)
	}
	s.traps[t] = address
	return g, nil
}

// leaveHole finds a port that nobody listens on.
func (s *Simulator) leaveHole() error {
	l, err := listenLoopback(s.ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.traps[TrapNobody] = "https://" + localhost(l.Addr())
	if err := l.Close(); err != nil {
		return fmt.Errorf("leave a port: %w", err)
	}
	return nil
}

// SetDown makes the backchannel as good as absent: new connections are closed before
// the handshake and requests on old ones are cut. It is the same for all providers,
// which share a host.
func (s *Simulator) SetDown(down bool) {
	g := s.door
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = down
}

// down says whether SetDown is in force.
func (s *Simulator) down() bool {
	g := s.door
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// closeNext closes the next connection before the handshake.
func (s *Simulator) closeNext() {
	g := s.door
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next++
}

func knownTrap(t Trap) bool { return t == "" || slices.Contains(Traps, t) }
