package medmij

import (
	"context"
	"crypto/x509"
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
	// errNoLists says that a list which is needed has never been loaded.
	errNoLists = errors.New("MedMij's lists have not been loaded yet")
	// errNotListed says that our node is not on the OAuth client list, so that no
	// provider will know us.
	errNotListed = errors.New("our node is not on MedMij's OAuth client list")
)

// Network is MedMij's network. All its methods may be called by several goroutines.
type Network struct {
	c     Config
	rules rules
	back  *provider.Way
	lists *provider.Way
	leaf  *x509.Certificate
	chain chain

	refreshing sync.Mutex // one refresh at a time
	changing   sync.Mutex // guards what follows, and the folder
	etags      map[listName]string
	unkept     map[listName]bool // lists that count, but could not be written

	known atomic.Pointer[snapshot]
}

var _ delivery.Providers = (*Network)(nil)

// New checks the configuration and loads the lists that were kept. It fetches
// nothing: that is for Refresh and Run.
func New(c Config) (*Network, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("set up MedMij: %w", err)
	}
	back, lists, leaf, err := c.ways()
	if err != nil {
		return nil, fmt.Errorf("set up MedMij: %w", err)
	}
	n := &Network{
		c: c, rules: rules{c.AllowLoopback}, back: back, lists: lists, leaf: leaf,
		chain: chain{log: c.ChainLog, location: c.ClientID, now: c.Now},
		etags: map[listName]string{}, unkept: map[listName]bool{},
	}
	n.known.Store(&snapshot{})
	if err := n.loadKept(); err != nil {
		return nil, fmt.Errorf("set up MedMij: %w", err)
	}
	if err := n.certificate(); err != nil {
		c.Log.Warn("providers will turn us away", "error", err)
	}
	return n, nil
}

// Run keeps the lists fresh until ctx ends.
func (n *Network) Run(ctx context.Context) {
	for {
		if err := n.Refresh(ctx); err != nil && ctx.Err() == nil {
			level := slog.LevelWarn
			if errors.Is(n.ready(), errNoLists) {
				level = slog.LevelError
			}
			n.c.Log.Log(ctx, level, "MedMij's lists could not all be refreshed; the last good ones stand", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(n.pause()):
		}
	}
}

// pause is how long to wait until the next refresh: a tenth more or less than asked,
// so that not everybody asks at once; at most half a minute as long as a list is missing.
func (n *Network) pause() time.Duration {
	every := n.c.Refresh
	if errors.Is(n.ready(), errNoLists) {
		every = min(every, 30*time.Second)
	}
	return time.Duration(float64(every) * (0.9 + 0.2*rand.Float64())) //nolint:gosec // G404: nobody gains by guessing it
}

// ready reports what keeps us from reaching providers, nil if nothing does.
func (n *Network) ready() error {
	s := n.known.Load()
	switch {
	case s.zal == nil:
		return fmt.Errorf("%s: %w", nameZAL, errNoLists)
	case s.whl == nil:
		return fmt.Errorf("%s: %w", nameWHL, errNoLists)
	case s.ocl == nil:
		return fmt.Errorf("%s: %w", nameOCL, errNoLists)
	}
	if _, ok := s.ocl.names[n.c.ClientID]; !ok {
		return fmt.Errorf("%s: %w", n.c.ClientID, errNotListed)
	}
	return n.certificate()
}

// certificate checks that ours counts, and is for the name that the others know. It
// goes by the real clock, as TLS does.
func (n *Network) certificate() error {
	now := time.Now()
	switch {
	case now.Before(n.leaf.NotBefore):
		return fmt.Errorf("our certificate is not valid before %s", n.leaf.NotBefore.UTC().Format(time.RFC3339))
	case now.After(n.leaf.NotAfter):
		return fmt.Errorf("our certificate has expired at %s", n.leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if err := n.leaf.VerifyHostname(n.c.ClientID); err != nil {
		return fmt.Errorf("our certificate is not that of %s", n.c.ClientID)
	}
	return nil
}

// DataService is a data service of a provider that can be sent to.
type DataService struct {
	// Key is "medmij:<provider>~<id>".
	Key delivery.ProviderKey
	// Provider is the provider's name, without @medmij.
	Provider string
	// ID is MedMij's id of it, such as 53, and Name its name by the list of names.
	ID, Name string
	// Version is the FHIR that it speaks.
	Version fhir.Version
}

// DataServices lists what can be sent to now, from the last good lists, in the order of the
// keys; an error before the first. gen changes whenever the result may have changed.
func (n *Network) DataServices() (list []DataService, gen uint64, err error) {
	s := n.known.Load()
	if s.zal == nil || s.whl == nil {
		return nil, s.gen, errNoLists
	}
	return slices.Clone(s.services), s.gen, nil
}
