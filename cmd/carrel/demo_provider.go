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

// startProviders starts simulated providers, and sets the configuration of the server to
// use them. Their pages are at the address or, if that is in use, at any. Their lists have
// been fetched when it returns, so that the first request finds them.
func startProviders(
	ctx context.Context, address, data string, log *slog.Logger, c *server.Config,
) (*simulator.Simulator, error) {
	config := simulator.Config{FrontAddr: address, FrontHTTP: true, Folder: filepath.Join(data, "providers"), Log: log}
	s, err := simulator.Start(ctx, config)
	if err != nil {
		config.FrontAddr = ""
		s, err = simulator.Start(ctx, config)
	}
	if err != nil {
		return nil, err
	}
	c.MedMij = &medmij.Config{
		ListURL: s.ListURL(), ClientID: s.ClientID, Roots: s.Roots(), CacheFolder: filepath.Join(data, "medmij"),
		AllowLoopback: true, Log: log,
	}
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

// fetchLists fetches the lists into the cache folder of the server.
func fetchLists(ctx context.Context, c medmij.Config) error {
	network, err := medmij.New(c)
	if err != nil {
		return err
	}
	return network.UpdateLists(ctx)
}
