package medmij

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// SetCertificate replaces the node's certificate and key, in PEM, for the connections from now on, and returns until
// when it is valid. It returns an error for a pair that providers would refuse, and then keeps the present one.
func (n *Network) SetCertificate(certificate, key []byte) (until time.Time, err error) {
	pair, err := parseCertificate(certificate, key)
	if err != nil {
		return time.Time{}, err
	}
	if err := n.config.checkLeaf(pair.Leaf); err != nil {
		return time.Time{}, err
	}
	n.certificate.Store(pair)
	return pair.Leaf.NotAfter, nil
}

func parseCertificate(certificate, key []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("certificate and key: %w", err) // does not contain the key
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
