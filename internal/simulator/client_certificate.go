package simulator

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// certificates are the authorities of a simulator and the client's certificate.
type certificates struct {
	ca          *certificateAuthority
	untrustedCA *certificateAuthority // its certificate is not among the roots
	client      certAndKey
	clientID    string
}

// openCertificates creates the certificates or, with a folder, reads them from its files.
func openCertificates(clientID, folder string, files Files) (c certificates, err error) {
	c.clientID = clientID
	if c.untrustedCA, err = newCA("Another practice authority"); err != nil {
		return c, err
	}
	if folder == "" {
		if c.ca, err = newCA(caName); err == nil {
			c.client, err = c.ca.issue(certTemplate{hosts: []string{clientID}, client: true})
		}
		return c, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return c, fmt.Errorf("create the simulator's folder: %w", err)
	}
	if c.ca, err = openCA(files.Roots, filepath.Join(folder, authorityFile)); err != nil {
		return c, err
	}
	c.client, err = c.openClient(files)
	return c, err
}

// openClient reads the client's certificate. It issues a new one if the file does not exist, or if
// the certificate is for another client or of another authority, or expires within a month.
func (c certificates) openClient(f Files) (certAndKey, error) {
	cert, err := os.ReadFile(f.ClientCertificate)
	key, keyErr := os.ReadFile(f.ClientKey)
	if err == nil && keyErr == nil && c.accepts(cert, key) {
		return certAndKey{cert, key}, nil
	}
	p, err := c.ca.issue(certTemplate{hosts: []string{c.clientID}, client: true})
	if err != nil {
		return certAndKey{}, err
	}
	return p, errors.Join(writeFile(f.ClientKey, p.key), writeFile(f.ClientCertificate, p.cert))
}

// accepts reports whether the backchannel will still accept a client certificate in a month.
func (c certificates) accepts(cert, key []byte) bool {
	both, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false
	}
	_, err = both.Leaf.Verify(x509.VerifyOptions{
		DNSName: c.clientID, Roots: c.ca.pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		CurrentTime: time.Now().AddDate(0, 1, 0),
	})
	return err == nil
}

// CertificateOptions describes how a certificate differs from a valid client certificate.
type CertificateOptions struct {
	Host           string // the default is ClientID
	OtherAuthority bool   // issued by an unknown authority
	Expired        bool   // expired yesterday
	NotYet         bool   // valid from tomorrow
	Server         bool   // for a server, not a client
}

// IssueCertificate issues a certificate and its key, as PEM. Both are nil if the options
// are not valid, for example if the host is not ASCII.
func (s *Simulator) IssueCertificate(o CertificateOptions) (certPEM, keyPEM []byte) {
	a, l := s.certificates.ca, certTemplate{hosts: []string{cmp.Or(o.Host, s.ClientID)}, client: !o.Server}
	if o.OtherAuthority {
		a = s.certificates.untrustedCA
	}
	if o.Expired {
		l.from, l.until = time.Now().AddDate(0, 0, -30), time.Now().AddDate(0, 0, -1)
	}
	if o.NotYet {
		l.from = time.Now().AddDate(0, 0, 1)
	}
	p, err := a.issue(l)
	if err != nil {
		s.Log.Error("could not issue a certificate", "error", err)
		return nil, nil
	}
	return p.cert, p.key
}
