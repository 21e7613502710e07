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

// setUpCertificates creates or reads the authorities and the client's certificate.
func (s *Simulator) setUpCertificates() (err error) {
	if s.untrustedCA, err = newCA("Another practice authority"); err != nil {
		return err
	}
	if s.Folder == "" {
		if s.ca, err = newCA("Practice authority of the provider simulator"); err == nil {
			s.clientCert, err = s.ca.issue(certTemplate{hosts: []string{s.ClientID}, client: true})
		}
		return err
	}
	if err := os.MkdirAll(s.Folder, 0o700); err != nil {
		return fmt.Errorf("make the simulator's folder: %w", err)
	}
	if s.ca, err = openCA(filepath.Join(s.Folder, rootsFile), filepath.Join(s.Folder, authorityFile)); err != nil {
		return err
	}
	s.clientCert, err = s.openClient(s.Files())
	return err
}

// openClient reads the client's certificate. It issues a new one if there is none, or if
// it is of another client or another authority, or expires within a month.
func (s *Simulator) openClient(f Files) (certAndKey, error) {
	cert, err := os.ReadFile(f.ClientCertificate)
	key, keyErr := os.ReadFile(f.ClientKey)
	if err == nil && keyErr == nil && s.accepts(cert, key) {
		return certAndKey{cert, key}, nil
	}
	p, err := s.ca.issue(certTemplate{hosts: []string{s.ClientID}, client: true})
	if err != nil {
		return certAndKey{}, err
	}
	return p, errors.Join(writeFile(f.ClientKey, p.key), writeFile(f.ClientCertificate, p.cert))
}

// accepts reports whether the backchannel accepts a client certificate, also in a month.
func (s *Simulator) accepts(cert, key []byte) bool {
	both, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false
	}
	_, err = both.Leaf.Verify(x509.VerifyOptions{DNSName: s.ClientID, Roots: s.ca.pool,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: time.Now().AddDate(0, 1, 0)})
	return err == nil
}

// serverCertificate issues a certificate for a server of the simulator.
func (s *Simulator) serverCertificate(a *certificateAuthority, l certTemplate) (tls.Certificate, error) {
	p, err := a.issue(l)
	if err != nil {
		return tls.Certificate{}, err
	}
	both, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read a certificate just issued: %w", err)
	}
	return both, nil
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
	a, l := s.ca, certTemplate{hosts: []string{cmp.Or(o.Host, s.ClientID)}, client: !o.Server}
	if o.OtherAuthority {
		a = s.untrustedCA
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
