package simulator

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// BadEndpoint is a place that a provider's token and resource endpoints can be moved to, in
// the list of providers. A client must not get through to any of them.
type BadEndpoint string

// The traps.
const (
	EndpointWrongName      BadEndpoint = "wrong-name"      // the certificate is of another host
	EndpointOldTLS         BadEndpoint = "tls-1.1"         // speaks TLS 1.1 at most
	EndpointExpired        BadEndpoint = "expired"         // the certificate has ended
	EndpointOtherCA        BadEndpoint = "other-authority" // the certificate is of an authority that nobody trusts
	EndpointClosed         BadEndpoint = "closed"          // closes each connection before the handshake
	EndpointNoListener     BadEndpoint = "nobody"          // nobody listens
	EndpointNotWhitelisted BadEndpoint = "not-whitelisted" // transactionError is right, but for the host, 127.0.0.1, which is not on the whitelist
)

// BadEndpoints are all of them.
var BadEndpoints = []BadEndpoint{EndpointWrongName, EndpointOldTLS, EndpointExpired, EndpointOtherCA, EndpointClosed, EndpointNoListener, EndpointNotWhitelisted}

// layTraps opens the doors that a client must not go through.
func (s *Simulator) startBadEndpoints(own tls.Certificate) error {
	for _, t := range []struct {
		trap BadEndpoint
		by   *certificateAuthority
		leaf certTemplate
	}{
		{EndpointWrongName, s.ca, certTemplate{hosts: []string{"provider.invalid"}}},
		{EndpointExpired, s.ca, certTemplate{hosts: []string{"localhost"}, from: time.Now().AddDate(0, 0, -30), until: time.Now().AddDate(0, 0, -1)}},
		{EndpointOtherCA, s.untrustedCA, certTemplate{hosts: []string{"localhost"}}},
	} {
		cert, err := s.serverCertificate(t.by, t.leaf)
		if err != nil {
			return err
		}
		if _, err := s.startBadEndpoint(t.trap, s.mutualTLS(cert)); err != nil {
			return err
		}
	}
	old := s.mutualTLS(own)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 // just what a client must refuse
	if _, err := s.startBadEndpoint(EndpointOldTLS, old); err != nil {
		return err
	}
	closed, err := s.startBadEndpoint(EndpointClosed, s.mutualTLS(own))
	if err != nil {
		return err
	}
	closed.refuseAll = true
	_, port, err := net.SplitHostPort(s.backURL[len("https://"):])
	if err != nil {
		return fmt.Errorf("read the port of %s: %w", s.backURL, err)
	}
	s.badEndpoints[EndpointNotWhitelisted] = "https://" + net.JoinHostPort("127.0.0.1", port)
	return s.reserveUnusedPort()
}

// layTrap opens one door; whoever comes through has not looked.
func (s *Simulator) startBadEndpoint(t BadEndpoint, c *tls.Config) (*listener, error) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.recordViolation(r, "tls", "sent a request to the endpoint with the fault %q", t)
		s.backHandler().ServeHTTP(w, r)
	})
	address, g, err := s.startServer("127.0.0.1:0", c, h)
	if err != nil {
		return nil, fmt.Errorf("lay trap %s: %w", t, err)
	}
	s.badEndpoints[t] = address
	return g, nil
}

// leaveHole finds a port that nobody listens on.
func (s *Simulator) reserveUnusedPort() error {
	l, err := listenLoopback(s.ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.badEndpoints[EndpointNoListener] = "https://" + localhostAddr(l.Addr())
	if err := l.Close(); err != nil {
		return fmt.Errorf("leave a port: %w", err)
	}
	return nil
}

// SetDown makes the backchannel as good as absent: new connections are closed before
// the handshake and requests on old ones are cut. It is the same for all providers,
// which share a host.
func (s *Simulator) SetDown(down bool) {
	g := s.backListener
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuseAll = down
}

// down says whether SetDown is in force.
func (s *Simulator) isDown() bool {
	g := s.backListener
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refuseAll
}

// closeNext closes the next connection before the handshake.
func (s *Simulator) closeNextConnection() {
	g := s.backListener
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuseNext++
}

func validBadEndpoint(t BadEndpoint) bool { return t == "" || slices.Contains(BadEndpoints, t) }
