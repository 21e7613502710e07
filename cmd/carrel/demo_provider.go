package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

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
	err = c.UseSimulatedProviders(ctx, s, s.ClientID, filepath.Join(data, "medmij"))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}
