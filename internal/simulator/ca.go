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

// certAndKey is a certificate and its key, as PEM.
type certAndKey struct{ cert, key []byte }

// certificateAuthority issues certificates, in place of PKIoverheid.
type certificateAuthority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
	pool *x509.CertPool
}

// certTemplate describes a certificate. The common name is the first host.
type certTemplate struct {
	hosts       []string
	client      bool
	from, until time.Time
}

// caName is the name of the authority.
const caName = "Practice authority of the provider simulator"

// openCA reads an authority from files, or creates it.
func openCA(certPath, keyPath string) (*certificateAuthority, error) {
	certPEM, err := os.ReadFile(certPath)
	if errors.Is(err, fs.ErrNotExist) {
		a, err := newCA(caName)
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
		return nil, fmt.Errorf("read the authority: %s is not a certificate authority of the simulator", certPath)
	}
	return caOf(both.Leaf, key), nil
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

// caOf returns the authority with a certificate and its key.
func caOf(cert *x509.Certificate, key *ecdsa.PrivateKey) *certificateAuthority {
	a := &certificateAuthority{cert: cert, key: key, pool: x509.NewCertPool()}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	a.pool.AddCert(cert)
	return a
}

// issue issues a certificate with a new key. By default it is valid from yesterday and for
// ten years.
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

// serial returns a random serial number.
func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}

// issueServer issues a certificate for a server of the simulator.
func (a *certificateAuthority) issueServer(l certTemplate) (tls.Certificate, error) {
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
