package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
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
// an error, also for one that has expired or is not valid yet, the present certificate stays in use.
func (c *Certificate) Reload() (until time.Time, err error) {
	pair, err := c.read()
	if err != nil {
		return time.Time{}, err
	}
	now, leaf := time.Now(), pair.Leaf // TLS uses the system's clock too
	switch {
	case now.After(leaf.NotAfter):
		return time.Time{}, fmt.Errorf("%s has expired at %s", c.certFile, leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return time.Time{}, fmt.Errorf("%s is not valid before %s", c.certFile,
			leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	c.current.Store(pair)
	return leaf.NotAfter, nil
}

const (
	// expiryNotice is how long before a certificate expires the log begins to say so.
	expiryNotice = 14 * 24 * time.Hour
	// expiryInterval is how often it does.
	expiryInterval = 24 * time.Hour
)

// Warn logs a warning if clients refuse the certificate in use because of the time, or will do so soon. It names the
// file and the date.
func (c *Certificate) Warn(log *slog.Logger) {
	now, leaf := time.Now(), c.current.Load().Leaf
	const todo = ": replace the files of --tls-cert and --tls-key, and send SIGHUP, or start the server again"
	switch {
	case now.Before(leaf.NotBefore):
		log.Warn("the certificate is not valid yet, so browsers and applications refuse it: compare the clock, or "+
			"give another one with --tls-cert and --tls-key", "file", c.certFile, "validFrom", leaf.NotBefore.UTC())
	case now.After(leaf.NotAfter):
		log.Warn("the certificate has expired, so browsers and applications refuse it"+todo,
			"file", c.certFile, "validUntil", leaf.NotAfter.UTC())
	case leaf.NotAfter.Sub(now) < expiryNotice:
		log.Warn("the certificate expires soon"+todo, "file", c.certFile, "validUntil", leaf.NotAfter.UTC())
	}
}

// WarnDaily does what [Certificate.Warn] does, now and once a day, until the context ends.
func (c *Certificate) WarnDaily(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(expiryInterval)
	defer tick.Stop()
	for {
		c.Warn(log)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Config returns a configuration of TLS that uses the certificate.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		MinVersion:     tls.VersionTLS12,
	}
}

func (c *Certificate) read() (*tls.Certificate, error) {
	const certFlag, keyFlag = "--tls-cert (CARREL_TLS_CERT)", "--tls-key (CARREL_TLS_KEY)"
	chain, err := os.ReadFile(c.certFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate: "+certFlag+": %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate: "+keyFlag+": %w", err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil { // which has nothing of the key
		return nil, fmt.Errorf("load certificate: "+certFlag+" %s, "+keyFlag+" %s: %w. Both have to be PEM, and of "+
			"one pair", c.certFile, c.keyFile, err)
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
