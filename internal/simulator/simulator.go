package simulator

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
)

// Simulator is a set of running providers. Its methods are safe for concurrent use.
type Simulator struct {
	Config
	*Record
	Lists *Lists // the central lists

	ctx    context.Context // ends with the simulator
	cancel context.CancelFunc

	certificates certificates

	frontURL, backURL, listsURL string                 // without a path
	badEndpoints                map[BadEndpoint]string // their URLs

	closing      sync.Mutex
	closed       bool
	servers      []*http.Server
	listeners    []*listener
	serveFuncs   []func()  // start to serve
	backListener *listener // of the backchannel

	providers  providerList
	grants     *grants
	behaviours *behaviours
	failures   randomFailures
	store      *resourceStore
}

// Start starts a simulator. It ends with ctx, or with [Simulator.Close].
func Start(ctx context.Context, c Config) (*Simulator, error) {
	c = c.withDefaults()
	s := &Simulator{Config: c, badEndpoints: map[BadEndpoint]string{}, providers: sampleProviders()}
	s.grants, s.behaviours, s.Record, s.store = newGrants(), newBehaviours(), newRecord(), newResourceStore()
	s.Lists = newLists(c)
	s.ctx, s.cancel = context.WithCancel(ctx)
	var err error
	s.certificates, err = openCertificates(c.ClientID, c.Folder, s.Files())
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

// Close stops all servers and open requests.
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

// FrontURL returns the URL of the pages. FrontURL()+"/" is the home page.
func (s *Simulator) FrontURL() string { return s.frontURL }

// ListURL returns the pattern of the lists' URLs, with %s for the name of a list.
func (s *Simulator) ListURL() string { return s.listsURL + "/lists/MedMij_%s.xml" }

// Roots returns the root certificate of all servers, as PEM.
func (s *Simulator) Roots() []byte { return s.certificates.ca.pem }

// ClientCertificate returns a certificate for ClientID and its key, as PEM.
func (s *Simulator) ClientCertificate() (certPEM, keyPEM []byte) {
	return s.certificates.client.cert, s.certificates.client.key
}
