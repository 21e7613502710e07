package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/provider/smart"
)

// Certificate is the TLS certificate of a server. Its files can be read again while it is used.
type Certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// OpenCertificate reads a certificate chain and its key, in PEM.
func OpenCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	pair, err := c.read()
	if err != nil {
		return nil, err
	}
	c.current.Store(pair)
	return c, nil
}

// Reload reads the files again, for the connections from now on, and returns until when the certificate is valid. After
// an error, also for one that has expired, the present certificate stays in use.
func (c *Certificate) Reload() (until time.Time, err error) {
	pair, err := c.read()
	if err != nil {
		return time.Time{}, err
	}
	if until = pair.Leaf.NotAfter; time.Now().After(until) { // TLS uses the system's clock too
		return time.Time{}, fmt.Errorf("%s has expired at %s", c.certFile, until.UTC().Format(time.RFC3339))
	}
	c.current.Store(pair)
	return until, nil
}

// Config returns a configuration of TLS that uses the certificate.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		MinVersion:     tls.VersionTLS12,
	}
}

func (c *Certificate) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	return &pair, nil
}

// SetMedMijCredentials replaces the certificate that the node shows to MedMij's servers, and the roots of theirs, all
// at once. It returns until when the certificate is valid. After an error the present ones stay in use.
func (s *Server) SetMedMijCredentials(c medmij.Credentials) (until time.Time, err error) {
	if s.providers.medmij == nil {
		return time.Time{}, errors.New("the server is not part of MedMij")
	}
	return s.providers.medmij.SetCredentials(c)
}

// SetFHIRServerRoots replaces the roots of the plain FHIR servers, all at once. After an error the present ones stay in
// use.
func (s *Server) SetFHIRServerRoots(servers []smart.Server) error {
	if s.providers.smart == nil {
		return errors.New("the server has no plain FHIR servers")
	}
	return s.providers.smart.SetRoots(servers)
}
