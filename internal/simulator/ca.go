package simulator

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The files of Config.Folder.
const (
	rootsFile      = "roots.pem"
	authorityFile  = "authority.key"
	clientCertFile = "client.pem"
	clientKeyFile  = "client.key"
	directoryFile  = "directory.json"
)

// Files are the paths of what a client is set up with.
type Files struct{ Roots, ClientCertificate, ClientKey, Directory string }

// Files are the paths within Config.Folder; all empty without a folder.
func (s *Simulator) Files() Files {
	if s.Folder == "" {
		return Files{}
	}
	in := func(name string) string { return filepath.Join(s.Folder, name) }
	return Files{Roots: in(rootsFile), ClientCertificate: in(clientCertFile), ClientKey: in(clientKeyFile), Directory: in(directoryFile)}
}

// certAndKey is a certificate and its key, as PEM.
type certAndKey struct{ cert, key []byte }

// authority issues certificates, in place of PKIoverheid.
type certificateAuthority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
	pool *x509.CertPool
}

// certTemplate is a certificate to be issued.
type certTemplate struct {
	hosts       []string
	client      bool
	from, until time.Time
}

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

// openAuthority reads an authority, or makes it where there is none.
func openCA(certPath, keyPath string) (*certificateAuthority, error) {
	certPEM, err := os.ReadFile(certPath)
	if errors.Is(err, fs.ErrNotExist) {
		a, err := newCA("Practice authority of the provider simulator")
		if err != nil {
			return nil, err
		}
		key, err := encodeKey(a.key)
		if err != nil {
			return nil, err
		}
		return a, errors.Join(writeFile(keyPath, key), writeFile(certPath, a.pem))
	}
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	keyPEM, err := os.ReadFile(keyPath)
	if err != nil {
		return nil, fmt.Errorf("read the authority's key: %w", err)
	}
	both, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("read the authority in %s: %w", filepath.Dir(certPath), err)
	}
	key, ok := both.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !both.Leaf.IsCA {
		return nil, fmt.Errorf("read the authority: %s is not one of ours", certPath)
	}
	return caOf(both.Leaf, key), nil
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

func newCA(name string) (*certificateAuthority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an authority's key: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"Not real"}},
		NotBefore:             time.Now().Add(-24 * time.Hour),
		NotAfter:              time.Now().AddDate(20, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make an authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make an authority: %w", err)
	}
	return caOf(cert, key), nil
}

func caOf(cert *x509.Certificate, key *ecdsa.PrivateKey) *certificateAuthority {
	a := &certificateAuthority{cert: cert, key: key, pool: x509.NewCertPool()}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	a.pool.AddCert(cert)
	return a
}

// issue issues a certificate with a key of its own. It is valid from yesterday and
// for ten years, unless the leaf says otherwise.
func (a *certificateAuthority) issue(l certTemplate) (certAndKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certAndKey{}, fmt.Errorf("make a key: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"Not real"}},
		NotBefore:    l.from,
		NotAfter:     l.until,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if l.client {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	if l.from.IsZero() {
		t.NotBefore = time.Now().Add(-24 * time.Hour)
	}
	if l.until.IsZero() {
		t.NotAfter = time.Now().AddDate(10, 0, 0)
	}
	for _, host := range l.hosts {
		t.Subject.CommonName = cmp.Or(t.Subject.CommonName, host)
		if ip := net.ParseIP(host); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return certAndKey{}, fmt.Errorf("issue a certificate for %q: %w", t.Subject.CommonName, err)
	}
	keyPEM, err := encodeKey(key)
	return certAndKey{cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key: keyPEM}, err
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
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
