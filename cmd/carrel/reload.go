package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/carrelhq/carrel/internal/provider/smart"
	"github.com/carrelhq/carrel/internal/server"
)

// reloadOn reads the certificates and the roots again at each signal, until the context ends.
func (c *serveCmd) reloadOn(
	ctx context.Context, signals <-chan os.Signal, own *server.Certificate, s *server.Server, log *slog.Logger,
) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		if own == nil && c.MedMijClientID == "" && c.FHIRServers == "" {
			log.Info("there is no certificate to reload: this server has none of its own")
		}
		if own != nil {
			logReload(log, "--tls-cert", own.Reload)
			own.Warn(log)
		}
		if c.MedMijClientID != "" { // and --medmij-key, --medmij-roots and --medmij-list-roots: all of them or none
			logReload(log, "--medmij-cert", func() (time.Time, error) { return c.reloadMedMij(s) })
		}
		if c.FHIRServers != "" {
			logReload(log, "--fhir-servers", func() (time.Time, error) { return time.Time{}, c.reloadFHIRServers(s) })
		}
	}
}

// reloadMedMij reads the certificate again that the node shows to MedMij's servers, and the roots of theirs.
func (c *serveCmd) reloadMedMij(s *server.Server) (until time.Time, err error) {
	credentials, err := c.medMijCredentials()
	if err != nil {
		return time.Time{}, err
	}
	return s.SetMedMijCredentials(credentials)
}

// reloadFHIRServers reads the roots of the plain FHIR servers again.
func (c *serveCmd) reloadFHIRServers(s *server.Server) error {
	servers, err := smart.LoadServers(c.FHIRServers)
	if err != nil {
		return err
	}
	return s.SetFHIRServerRoots(servers)
}

// logReload reads what a flag names again. Its error says which file is wrong, and why.
func logReload(log *slog.Logger, flag string, reload func() (until time.Time, err error)) {
	until, err := reload()
	switch {
	case err != nil:
		log.Error("certificate not reloaded: the present one stays in use", "certificate", flag, "error", err)
	case until.IsZero():
		log.Info("roots reloaded", "roots", flag)
	default:
		log.Info("certificate reloaded", "certificate", flag, "validUntil", until.UTC())
	}
}
