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

// providers has the networks of providers that the operator has configured.
type providers struct {
	// set selects the network by the key of a provider.
	set *provider.Networks
	// medmij is MedMij's network; nil if the operator has not configured it.
	medmij *medmij.Network
	// smart is the network of plain FHIR servers; nil if the operator has not configured any.
	smart *smart.Network
	// listers list the sources of the networks.
	listers []catalogue.SourceLister
	// run has the background tasks of the networks. Each runs until its context ends.
	run []func(ctx context.Context)
}

// openProviders opens the configured networks. MedMij's lists may still be missing: a background task fetches them.
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
		p.medmij = network
		networks["medmij"] = network
		p.listers = append(p.listers, &medmijLister{network: network, names: names})
		p.run = append(p.run, network.Run)
	}
	if len(c.FHIRServers) > 0 {
		network, err := smart.New(
			smart.Config{Servers: c.FHIRServers, AllowLoopback: c.LoopbackProviders, Now: c.Now, Log: c.Log},
		)
		if err != nil {
			return nil, err
		}
		p.smart = network
		networks["smart"] = network
		p.listers = append(p.listers, serverLister(network.Servers()))
	}
	p.set = provider.NewNetworks(networks)
	return p, nil
}

// medmijLister lists the services on MedMij's network to which resources can be sent. It uses the providers' names in
// the directory, where it has them.
type medmijLister struct {
	network *medmij.Network
	names   catalogue.Directory

	mu         sync.Mutex
	generation uint64
	list       []catalogue.Source
}

// ListSources implements [catalogue.SourceLister].
func (l *medmijLister) ListSources() ([]catalogue.Source, uint64, error) {
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

// serverLister lists the FHIR servers of the configuration.
type serverLister []smart.Server

// ListSources implements [catalogue.SourceLister].
func (l serverLister) ListSources() ([]catalogue.Source, uint64, error) {
	list := make([]catalogue.Source, 0, len(l))
	for _, s := range l {
		list = append(list, catalogue.Source{
			ID: s.Source, Name: s.Name, Reference: s.ID, Address: catalogue.Address{City: s.City},
			Service: catalogue.Service{ID: catalogue.ServiceFHIR},
			Push:    true, Status: wire.Approved, Provider: s.Key(), Version: s.Version,
		})
	}
	return list, 1, nil
}
