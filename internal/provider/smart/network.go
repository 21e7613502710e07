package smart

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider"
)

// Config is the servers, and how they are reached.
type Config struct {
	Servers []Server
	// AllowLoopback admits http for servers of this machine: for tests and the demo.
	AllowLoopback bool
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Log hears what an operator should know; nobody if nil.
	Log *slog.Logger
}

// Network is the FHIR servers that the operator has configured. All its methods may be
// called by several goroutines.
type Network struct {
	loopback bool
	now      func() time.Time
	log      *slog.Logger
	servers  []Server
	peers    map[delivery.ProviderKey]*peer
}

var _ delivery.Providers = (*Network)(nil)

// peer is a server and the way to it.
type peer struct {
	Server
	way *provider.Way

	mu    sync.Mutex
	found endpoints // what the server says of itself, and until when that counts
	until time.Time
}

// New checks the servers. It calls none of them.
func New(c Config) (*Network, error) {
	n := &Network{
		loopback: c.AllowLoopback, now: c.Now, log: c.Log,
		servers: slices.Clone(c.Servers), peers: map[delivery.ProviderKey]*peer{},
	}
	if n.now == nil {
		n.now = time.Now
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	sources := map[int]string{}
	for _, s := range c.Servers {
		if err := s.check(c.AllowLoopback); err != nil {
			return nil, fmt.Errorf("FHIR server %q: %w", s.ID, err)
		}
		if n.peers[s.Key()] != nil {
			return nil, fmt.Errorf("FHIR server %q: a second one with this id", s.ID)
		}
		if other, ok := sources[s.Source]; ok {
			return nil, fmt.Errorf("FHIR server %q: source %d is that of %q", s.ID, s.Source, other)
		}
		sources[s.Source] = s.ID
		n.peers[s.Key()] = &peer{Server: s, way: provider.NewWay(tlsFor(s), c.AllowLoopback, n.now)}
	}
	return n, nil
}

func tlsFor(s Server) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(s.Roots) > 0 {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(s.Roots) // checked before
	}
	return c
}

// Servers lists the servers, as they were configured.
func (n *Network) Servers() []Server { return slices.Clone(n.servers) }

func (n *Network) find(key delivery.ProviderKey) (*peer, error) {
	if p := n.peers[key]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("find FHIR server %q: %w", key, delivery.ErrProviderGone)
}
