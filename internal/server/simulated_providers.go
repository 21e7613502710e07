package server

import (
	"context"
	"fmt"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/provider/medmij"
)

// SimulatedProviders describes simulated providers to a server. Package simulator implements it.
type SimulatedProviders interface {
	ListURL() string
	Roots() []byte
	ClientCertificate() (certPEM, keyPEM []byte)
	Directory() []byte
}

// UseSimulatedProviders configures the server to use simulated providers, where its client_id is clientID. It fetches
// the lists into cacheFolder, so that the server has them when it starts.
func (c *Config) UseSimulatedProviders(
	ctx context.Context, simulated SimulatedProviders, clientID, cacheFolder string,
) error {
	directory, err := catalogue.ParseDirectory(simulated.Directory())
	if err != nil {
		return fmt.Errorf("use simulated providers: %w", err)
	}
	config := &medmij.Config{
		ListURL: simulated.ListURL(), ClientID: clientID, Roots: simulated.Roots(), CacheFolder: cacheFolder,
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
