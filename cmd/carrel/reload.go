package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/carrelhq/carrel/internal/server"
)

// reloadOn reads the certificates again at each signal, until the context ends.
func (c *serveCmd) reloadOn(
	ctx context.Context, signals <-chan os.Signal, own *server.Certificate, s *server.Server, log *slog.Logger,
) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		if own == nil && c.MedMijClientID == "" {
			log.Info("there is no certificate to reload: this server has none of its own")
		}
		if own != nil {
			logReload(log, "--tls-cert", own.Reload)
		}
		if c.MedMijClientID != "" {
			logReload(log, "--medmij-cert", func() (time.Time, error) { return c.reloadMedMij(s) })
		}
	}
}

// reloadMedMij reads the certificate again that the node shows to MedMij's providers.
func (c *serveCmd) reloadMedMij(s *server.Server) (until time.Time, err error) {
	certificate, err := os.ReadFile(c.MedMijCert)
	if err != nil {
		return time.Time{}, fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(c.MedMijKey)
	if err != nil {
		return time.Time{}, fmt.Errorf("read key: %w", err)
	}
	return s.SetMedMijCertificate(certificate, key)
}

func logReload(log *slog.Logger, flag string, reload func() (time.Time, error)) {
	until, err := reload()
	if err != nil {
		log.Error("certificate not reloaded: the present one stays in use", "certificate", flag, "error", err)
		return
	}
	log.Info("certificate reloaded", "certificate", flag, "validUntil", until.UTC())
}
