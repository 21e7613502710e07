package medmij

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/provider"
)

// Credentials are the certificates with which the node and the servers of MedMij know each other, in PEM.
type Credentials struct {
	// Certificate and Key are those of the node: PKIoverheid G1 private.
	Certificate, Key []byte
	// Roots are the only certificate authorities for backchannel servers.
	Roots []byte
	// ListRoots are those for the list server; Roots if empty.
	ListRoots []byte
}

// What errors call the roots, with the settings that name them.
const (
	rootsName     = "roots (--medmij-roots)"
	listRootsName = "roots of the list server (--medmij-list-roots)"
)

// SetCredentials replaces the certificates, all of them at once, for the connections from now on, and returns until
// when the node's is valid. It returns an error for a pair that providers would refuse, and for roots that are cut off
// or have expired, and then keeps the present ones.
func (n *Network) SetCredentials(c Credentials) (until time.Time, err error) {
	pair, err := parseCertificate(c.Certificate, c.Key)
	if err != nil {
		return time.Time{}, err
	}
	if err := n.config.checkLeaf(pair.Leaf); err != nil {
		return time.Time{}, err
	}
	if err := provider.CheckRoots(c.Roots); err != nil {
		return time.Time{}, fmt.Errorf(rootsName+": %w", err)
	}
	if len(c.ListRoots) > 0 {
		if err := provider.CheckRoots(c.ListRoots); err != nil {
			return time.Time{}, fmt.Errorf(listRootsName+": %w", err)
		}
	}
	back, lists, err := c.tlsConfigs(pair)
	if err != nil {
		return time.Time{}, err
	}
	n.certificate.Store(pair)
	n.backchannel.SetTLS(back)
	n.listServer.SetTLS(lists)
	return pair.Leaf.NotAfter, nil
}

// tlsConfigs returns the configurations for the backchannel and for the list server. Both present the node's
// certificate if the server asks for one (TLS en certificaten).
func (c Credentials) tlsConfigs(pair *tls.Certificate) (back, lists *tls.Config, err error) {
	newConfig := func(what string, pem []byte) (*tls.Config, error) {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in PEM", what)
		}
		// With Certificates, tls sends no certificate at all if the server names other
		// authorities, and the server's alert would not give the reason.
		return &tls.Config{
			RootCAs:    pool,
			MinVersion: tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return pair, nil
			},
		}, nil
	}
	if back, err = newConfig(rootsName, c.Roots); err != nil {
		return nil, nil, err
	}
	if len(c.ListRoots) == 0 {
		c.ListRoots = c.Roots
	}
	if lists, err = newConfig(listRootsName, c.ListRoots); err != nil {
		return nil, nil, err
	}
	return back, lists, nil
}

func parseCertificate(certificate, key []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("certificate and key (--medmij-cert, --medmij-key): %w", err) // does not contain the key
	}
	return &pair, nil
}

// checkLeaf checks that a client certificate is valid and for ClientID. It uses the system's clock, as TLS does.
func (c Config) checkLeaf(leaf *x509.Certificate) error {
	now := time.Now()
	switch {
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("our certificate is not valid before %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return fmt.Errorf("our certificate has expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if err := leaf.VerifyHostname(c.ClientID); err != nil {
		return fmt.Errorf("our certificate is not that of %s", c.ClientID)
	}
	return nil
}
