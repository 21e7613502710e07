package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider"
	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/provider/smart"
)

// providers are the ways to providers that the operator has configured.
type providers struct {
	set      *provider.Networks
	listings []catalogue.SourceLister
	// run keeps them going until the context ends.
	run []func(ctx context.Context)
}

// openProviders opens what the configuration names. Their lists may still be missing:
// they are fetched once the server runs.
func openProviders(c Config, names catalogue.Directory) (*providers, error) {
	p := &providers{}
	networks := map[string]delivery.Providers{}
	if c.MedMij != nil {
		config := *c.MedMij
		config.Now, config.Log, config.AllowLoopback = c.Now, c.Log, c.LoopbackProviders
		network, err := medmij.New(config)
		if err != nil {
			return nil, err
		}
		networks["medmij"] = network
		p.listings = append(p.listings, &medmijListing{network: network, names: names})
		p.run = append(p.run, network.Run)
	}
	if len(c.FHIRServers) > 0 {
		network, err := smart.New(
			smart.Config{Servers: c.FHIRServers, AllowLoopback: c.LoopbackProviders, Now: c.Now, Log: c.Log},
		)
		if err != nil {
			return nil, err
		}
		networks["smart"] = network
		p.listings = append(p.listings, serverListing(network.Servers()))
	}
	p.set = provider.NewNetworks(networks)
	return p, nil
}

// medmijListing gives the catalogue what can be sent to on MedMij's network, under the
// names that people know.
type medmijListing struct {
	network *medmij.Network
	names   catalogue.Directory

	mu         sync.Mutex
	generation uint64
	list       []catalogue.Source
}

// Sources implements [catalogue.SourceLister].
func (l *medmijListing) ListSources() ([]catalogue.Source, uint64, error) {
	services, generation, err := l.network.DataServices()
	if err != nil {
		return nil, generation, fmt.Errorf("list MedMij's providers: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list == nil || l.generation != generation {
		l.generation, l.list = generation, make([]catalogue.Source, 0, len(services))
		for _, s := range services {
			l.list = append(l.list, catalogue.MedMijSource(s.Key, s.Provider, s.ID, s.Name, l.names))
		}
	}
	return l.list, generation, nil
}

// serverListing gives the catalogue the FHIR servers of the configuration.
type serverListing []smart.Server

// Sources implements [catalogue.SourceLister].
func (l serverListing) ListSources() ([]catalogue.Source, uint64, error) {
	list := make([]catalogue.Source, 0, len(l))
	for _, s := range l {
		list = append(
			list,
			catalogue.Source{ID: s.Source, Name: s.Name, Reference: s.ID, Address: catalogue.Address{City: s.City},
				Service: catalogue.Service{
					ID: catalogue.ServiceFHIR,
				}, Push: true, Status: wire.Approved, Provider: s.Key(), Version: s.Version},
		)
	}
	return list, 1, nil
}
