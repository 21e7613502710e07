package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/simulator"
)

// startProviders starts practice providers, whose pages are at the address or, where that
// is taken, at any, and sets the server up to reach them. Their lists have been
// fetched by then: the first click finds them.
func startProviders(ctx context.Context, address, data string, log *slog.Logger, c *server.Config) (*simulator.Simulator, error) {
	config := simulator.Config{FrontAddr: address, FrontHTTP: true, Folder: filepath.Join(data, "providers"), Log: log}
	s, err := simulator.Start(ctx, config)
	if err != nil {
		config.FrontAddr = ""
		s, err = simulator.Start(ctx, config)
	}
	if err != nil {
		return nil, err
	}
	c.MedMij = &medmij.Config{ListURL: s.ListURL(), ClientID: s.ClientID, Roots: s.Roots(), CacheFolder: filepath.Join(data, "medmij"),
		AllowLoopback: true, Log: log}
	c.LoopbackProviders = true
	c.MedMij.Certificate, c.MedMij.Key = s.ClientCertificate()
	c.Directory, err = catalogue.ParseDirectory(s.Directory())
	if err == nil {
		err = fetchLists(ctx, *c.MedMij)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// fetchLists puts the lists into the folder, where the server finds them.
func fetchLists(ctx context.Context, c medmij.Config) error {
	network, err := medmij.New(c)
	if err != nil {
		return err
	}
	return network.UpdateLists(ctx)
}
