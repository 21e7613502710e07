package medmij

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider"
)

var (
	// errNoLists is returned until all lists have been loaded that a request needs.
	errNoLists = errors.New("MedMij's lists have not been loaded yet")
	// errNotListed is returned while the node is not on the OAuth client list: providers
	// refuse unknown clients.
	errNotListed = errors.New("our node is not on MedMij's OAuth client list")
)

// Network is the MedMij network. Its methods are safe for concurrent use.
type Network struct {
	config      Config
	reader      listReader
	backchannel *provider.Client
	listServer  *provider.Client
	certificate atomic.Pointer[tls.Certificate]
	chainLog    chainLog

	updating sync.Mutex // held by UpdateLists
	mu       sync.Mutex // guards the fields below and the cache folder
	etags    map[listName]string
	uncached map[listName]bool // lists that are in use but could not be cached

	current atomic.Pointer[snapshot]
}

var _ delivery.Providers = (*Network)(nil)

// New checks the configuration and loads the cached lists. It sends no request: see
// [Network.UpdateLists] and [Network.Run].
func New(c Config) (*Network, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("set up MedMij: %w", err)
	}
	n := &Network{
		config: c, reader: listReader{c.AllowLoopback},
		chainLog: chainLog{log: c.ChainLog, location: c.ClientID, now: c.Now},
		etags:    map[listName]string{}, uncached: map[listName]bool{},
	}
	pair, err := parseCertificate(c.Certificate, c.Key)
	if err == nil {
		n.certificate.Store(pair)
		back, lists, failed := c.tlsConfigs(pair)
		if err = failed; err == nil {
			n.backchannel = provider.NewClient(back, c.AllowLoopback, c.Now)
			n.listServer = provider.NewClient(lists, c.AllowLoopback, c.Now)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("set up MedMij: %w", err)
	}
	n.current.Store(&snapshot{})
	if err := n.loadCache(); err != nil {
		return nil, fmt.Errorf("set up MedMij: %w", err)
	}
	if err := n.checkCertificate(); err != nil {
		c.Log.Warn("providers will refuse the client certificate", "error", err)
	}
	return n, nil
}

// Run updates the lists regularly until ctx ends.
func (n *Network) Run(ctx context.Context) {
	for {
		if err := n.UpdateLists(ctx); err != nil && ctx.Err() == nil {
			level := slog.LevelWarn
			if errors.Is(n.checkReady(), errNoLists) {
				level = slog.LevelError
			}
			n.config.Log.Log(ctx, level,
				"MedMij's lists could not all be updated; the last good ones stay in use", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(n.nextUpdateDelay()):
		}
	}
}

// nextUpdateDelay returns the time until the next update: the configured interval with
// 10 % jitter, at most half a minute while a list is missing.
func (n *Network) nextUpdateDelay() time.Duration {
	interval := n.config.UpdateInterval
	if errors.Is(n.checkReady(), errNoLists) {
		interval = min(interval, 30*time.Second)
	}
	return time.Duration(float64(interval) * (0.9 + 0.2*rand.Float64())) //nolint:gosec // G404: jitter needs no secrecy
}

// checkReady returns an error while no provider can be reached.
func (n *Network) checkReady() error {
	s := n.current.Load()
	switch {
	case s.zal == nil:
		return fmt.Errorf("%s: %w", nameZAL, errNoLists)
	case s.whl == nil:
		return fmt.Errorf("%s: %w", nameWHL, errNoLists)
	case s.ocl == nil:
		return fmt.Errorf("%s: %w", nameOCL, errNoLists)
	}
	if _, ok := s.ocl.names[n.config.ClientID]; !ok {
		return fmt.Errorf("%s: %w", n.config.ClientID, errNotListed)
	}
	return n.checkCertificate()
}

// checkCertificate checks that the client certificate is valid and for ClientID.
func (n *Network) checkCertificate() error { return n.config.checkLeaf(n.certificate.Load().Leaf) }

// DataService is a data service of a provider that resources can be sent to.
type DataService struct {
	// Key is "medmij:<provider>~<id>".
	Key delivery.ProviderKey
	// Provider is the provider's name, without @medmij.
	Provider string
	// ID is the service's MedMij id, such as 53, and Name its name in the list of names.
	ID, Name string
	// Version is the FHIR version of the service.
	Version fhir.Version
}

// DataServices lists the data services of the current lists, sorted by key. It fails
// until the lists have been loaded. generation changes when the result may have changed.
func (n *Network) DataServices() (list []DataService, generation uint64, err error) {
	s := n.current.Load()
	if s.zal == nil || s.whl == nil {
		return nil, s.generation, errNoLists
	}
	return slices.Clone(s.services), s.generation, nil
}
