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

// certify makes or opens the authorities and the client's certificate.
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

// openClient reads the client's certificate, and issues a new one where there is none,
// or where it is another client's, another authority's or ends soon.
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

// serves says whether a client that was set up with this pair is still let in.
func (s *Simulator) accepts(cert, key []byte) bool {
	both, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false
	}
	_, err = both.Leaf.Verify(x509.VerifyOptions{DNSName: s.ClientID, Roots: s.ca.pool,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: time.Now().AddDate(0, 1, 0)})
	return err == nil
}

// serverCertificate issues a certificate for one of our own servers.
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

// CertificateOptions say how a certificate differs from the right one for the client.
type CertificateOptions struct {
	Host           string // ClientID when empty
	OtherAuthority bool   // issued by an authority that nobody trusts
	Expired        bool   // ended yesterday
	NotYet         bool   // begins tomorrow
	Server         bool   // for a server, not a client
}

// Issue issues a certificate, with its key, as PEM; both are nil where the options
// make no certificate, such as a host that is not ASCII.
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
