package simulator

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// BadEndpoint is an address to which a provider's token and resource endpoints can be
// moved in the list of providers. A client must send no request to any of them.
type BadEndpoint string

// The bad endpoints.
const (
	EndpointWrongName      BadEndpoint = "wrong-name"      // the certificate is for another host
	EndpointOldTLS         BadEndpoint = "tls-1.1"         // TLS 1.1 at most
	EndpointExpired        BadEndpoint = "expired"         // the certificate has expired
	EndpointOtherCA        BadEndpoint = "other-authority" // the certificate is of an unknown authority
	EndpointClosed         BadEndpoint = "closed"          // resets each connection before the handshake
	EndpointNoListener     BadEndpoint = "nobody"          // no server listens
	EndpointNotWhitelisted BadEndpoint = "not-whitelisted" // the host, 127.0.0.1, is not on the whitelist
)

// BadEndpoints are all bad endpoints.
var BadEndpoints = []BadEndpoint{EndpointWrongName, EndpointOldTLS, EndpointExpired, EndpointOtherCA, EndpointClosed,
	EndpointNoListener, EndpointNotWhitelisted}

// startBadEndpoints starts the servers of the bad endpoints.
func (s *Simulator) startBadEndpoints(own tls.Certificate) error {
	for _, t := range []struct {
		endpoint BadEndpoint
		ca       *certificateAuthority
		cert     certTemplate
	}{
		{EndpointWrongName, s.certificates.ca, certTemplate{hosts: []string{"provider.invalid"}}},
		{EndpointExpired, s.certificates.ca, certTemplate{hosts: []string{"localhost"},
			from: time.Now().AddDate(0, 0, -30), until: time.Now().AddDate(0, 0, -1)}},
		{EndpointOtherCA, s.certificates.untrustedCA, certTemplate{hosts: []string{"localhost"}}},
	} {
		cert, err := t.ca.issueServer(t.cert)
		if err != nil {
			return err
		}
		if _, err := s.startBadEndpoint(t.endpoint, s.mutualTLS(cert)); err != nil {
			return err
		}
	}
	old := s.mutualTLS(own)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 // a client must refuse them
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

// startBadEndpoint starts the server of a bad endpoint. Each request to it is a violation, since
// the client should have refused the connection.
func (s *Simulator) startBadEndpoint(t BadEndpoint, c *tls.Config) (*listener, error) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.recordViolation(r, "tls", "sent a request to the bad endpoint %q", t)
		s.backHandler().ServeHTTP(w, r)
	})
	address, g, err := s.startServer("127.0.0.1:0", c, h)
	if err != nil {
		return nil, fmt.Errorf("start bad endpoint %s: %w", t, err)
	}
	s.badEndpoints[t] = address
	return g, nil
}

// reserveUnusedPort finds a port on which no server listens.
func (s *Simulator) reserveUnusedPort() error {
	l, err := listenLoopback(s.ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.badEndpoints[EndpointNoListener] = "https://" + localhostAddr(l.Addr())
	if err := l.Close(); err != nil {
		return fmt.Errorf("close the unused port: %w", err)
	}
	return nil
}

// validBadEndpoint reports whether t is a bad endpoint or "", which stands for none.
func validBadEndpoint(t BadEndpoint) bool { return t == "" || slices.Contains(BadEndpoints, t) }
