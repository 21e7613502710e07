package server

import (
	"context"
	"fmt"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/provider/medmij"
)

// SimulatedProviders is what a server needs to know about simulated providers. Package simulator implements it.
type SimulatedProviders interface {
	// ListURL returns the pattern of the lists' URLs, with %s for the name of a list.
	ListURL() string
	// Roots returns the root certificate of the providers, as PEM.
	Roots() []byte
	// ClientCertificate returns a certificate that the providers accept, and its key.
	ClientCertificate() (certPEM, keyPEM []byte)
	// Directory returns the text of a [catalogue.Directory] with the providers.
	Directory() []byte
}

// UseSimulatedProviders configures the server to use simulated providers, at which its client_id is clientID. It
// fetches the lists into cacheFolder, so that the server has them when it starts.
func (c *Config) UseSimulatedProviders(
	ctx context.Context, simulated SimulatedProviders, clientID, cacheFolder string,
) error {
	directory, err := catalogue.ParseDirectory(simulated.Directory())
	if err != nil {
		return fmt.Errorf("use simulated providers: %w", err)
	}
	config := &medmij.Config{
		ListURL: simulated.ListURL(), ClientID: clientID, CacheFolder: cacheFolder,
		Credentials:   medmij.Credentials{Roots: simulated.Roots()},
		AllowLoopback: true, Now: c.Now, Log: c.Log,
	}
	config.Certificate, config.Key = simulated.ClientCertificate()
	network, err := medmij.New(*config)
	if err == nil {
		err = network.UpdateLists(ctx)
	}
	if err != nil {
		return fmt.Errorf("use simulated providers: %w", err)
	}
	c.MedMij, c.Directory, c.LoopbackProviders = config, directory, true
	return nil
}
