package simulator

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
)

// Simulator is a set of running providers. All its methods may be called at any time
// and by several goroutines.
type Simulator struct {
	Config
	*Record
	Lists *Lists

	ctx    context.Context // ends when the simulator does, and with it every sleep
	cancel context.CancelFunc

	ca          *certificateAuthority
	untrustedCA *certificateAuthority // whom nobody trusts
	clientCert  certAndKey

	frontURL, backURL, listsURL string                 // addresses without a path, such as https://localhost:4711
	badEndpoints                map[BadEndpoint]string // likewise

	closing      sync.Mutex
	closed       bool
	servers      []*http.Server
	listeners    []*listener
	serveFuncs   []func()  // what begins to serve once everything is in place
	backListener *listener // of the backchannel

	providers  []provider
	grants     *grants
	behaviours *behaviours
	failures   randomFailures
	store      *resourceStore
}

// Start starts a simulator. It ends with ctx or with Close.
func Start(ctx context.Context, c Config) (*Simulator, error) {
	c = c.withDefaults()
	s := &Simulator{Config: c, badEndpoints: map[BadEndpoint]string{}, providers: sampleProviders()}
	s.grants, s.behaviours, s.Record, s.store = newGrants(), newBehaviours(), newRecord(), newResourceStore()
	s.Lists = newLists(c)
	s.ctx, s.cancel = context.WithCancel(ctx)
	err := s.setUpCertificates()
	if err == nil {
		err = s.listen()
	}
	if err == nil {
		err = s.writeDirectory()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, serve := range s.serveFuncs {
		go serve()
	}
	context.AfterFunc(s.ctx, func() { _ = s.Close() })
	return s, nil
}

// Close ends everything at once.
func (s *Simulator) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.cancel()
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	for _, g := range s.listeners {
		if err := g.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// FrontURL is where a browser finds the simulator; FrontURL()+"/" shows what arrived.
func (s *Simulator) FrontURL() string { return s.frontURL }

// ListURL is the pattern of the lists' addresses, with %s for a list's name.
func (s *Simulator) ListURL() string { return s.listsURL + "/lists/MedMij_%s.xml" }

// Roots are the certificates, as PEM, that the servers' certificates come from.
func (s *Simulator) Roots() []byte { return s.ca.pem }

// ClientCertificate is a certificate issued for ClientID, with its key, as PEM.
func (s *Simulator) ClientCertificate() (certPEM, keyPEM []byte) {
	return s.clientCert.cert, s.clientCert.key
}
