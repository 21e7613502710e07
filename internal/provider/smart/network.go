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

// Config configures a Network.
type Config struct {
	Servers []Server
	// AllowLoopback allows plain HTTP to loopback hosts, for tests and the demo.
	AllowLoopback bool
	// Now is the clock, [time.Now] if nil.
	Now func() time.Time
	// Log gets a record of each request that was not delivered. Nil discards them.
	Log *slog.Logger
}

// Network is the configured FHIR servers. Its methods are safe for concurrent use.
type Network struct {
	loopback bool
	now      func() time.Time
	log      *slog.Logger
	servers  []Server
	byKey    map[delivery.ProviderKey]*fhirServer
}

var _ delivery.Providers = (*Network)(nil)

// fhirServer is a server with the client for it.
type fhirServer struct {
	Server
	client *provider.Client

	mu              sync.Mutex
	discovered      endpoints // of the server's smart-configuration
	discoveredUntil time.Time // when to discover them again
}

// New checks the configuration. It sends no request.
func New(c Config) (*Network, error) {
	n := &Network{
		loopback: c.AllowLoopback, now: c.Now, log: c.Log,
		servers: slices.Clone(c.Servers), byKey: map[delivery.ProviderKey]*fhirServer{},
	}
	if n.now == nil {
		n.now = time.Now
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	sources := map[int]string{}
	for _, server := range c.Servers {
		if err := server.check(c.AllowLoopback); err != nil {
			return nil, fmt.Errorf("FHIR server %q: %w", server.ID, err)
		}
		if n.byKey[server.Key()] != nil {
			return nil, fmt.Errorf("FHIR server %q: a second one with this id", server.ID)
		}
		if other, ok := sources[server.Source]; ok {
			return nil, fmt.Errorf("FHIR server %q: source %d is also that of %q", server.ID, server.Source, other)
		}
		sources[server.Source] = server.ID
		client := provider.NewClient(tlsConfig(server), c.AllowLoopback, n.now)
		n.byKey[server.Key()] = &fhirServer{Server: server, client: client}
	}
	return n, nil
}

func tlsConfig(s Server) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(s.Roots) > 0 {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(s.Roots) // checked before
	}
	return c
}

// SetRoots replaces the certificate authorities of all servers, for the connections from now on. It takes nothing else
// from the list. It returns an error if a server is not on the list, or has roots that are cut off or have expired, and
// then keeps the present ones of all servers.
func (n *Network) SetRoots(list []Server) error {
	found := map[delivery.ProviderKey]Server{}
	for _, server := range list {
		found[server.Key()] = server
	}
	for key, current := range n.byKey {
		server, ok := found[key]
		if !ok {
			return fmt.Errorf("FHIR server %q is not on the list any more: start the server again", current.ID)
		}
		if len(server.Roots) == 0 {
			continue
		}
		if err := provider.CheckRoots(server.Roots); err != nil {
			return fmt.Errorf("FHIR server %q: roots: %w", current.ID, err)
		}
	}
	for key, current := range n.byKey {
		current.client.SetTLS(tlsConfig(found[key]))
	}
	return nil
}

// Servers lists the configured servers.
func (n *Network) Servers() []Server { return slices.Clone(n.servers) }

func (n *Network) find(key delivery.ProviderKey) (*fhirServer, error) {
	if s := n.byKey[key]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("find FHIR server %q: %w", key, delivery.ErrProviderGone)
}
