package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/provider/smart"
	"github.com/carrelhq/carrel/internal/server"
)

// providerFlags are the settings of providers: those of MedMij's network, and plain FHIR
// servers.
type providerFlags struct {
	MedMijClientID    string            `name:"medmij-client-id" help:"Host name of this node on MedMij's OAuth client list. Without it, MedMij is off." env:"CARREL_MEDMIJ_CLIENT_ID"`
	MedMijLists       string            `name:"medmij-lists" help:"URL of MedMij's lists, with %s for the name of a list. Default: MedMij's own." env:"CARREL_MEDMIJ_LISTS"`
	MedMijCert        string            `name:"medmij-cert" help:"Client certificate chain of this node in PEM (PKIoverheid G1 private)." env:"CARREL_MEDMIJ_CERT" type:"path"`
	MedMijKey         string            `name:"medmij-key" help:"Private key of the client certificate." env:"CARREL_MEDMIJ_KEY" type:"path"`
	MedMijRoots       string            `name:"medmij-roots" help:"Root certificates in PEM of providers' servers; no others are trusted." env:"CARREL_MEDMIJ_ROOTS" type:"path"`
	MedMijListRoots   string            `name:"medmij-list-roots" help:"Root certificates in PEM of the list server. Default: those of --medmij-roots." env:"CARREL_MEDMIJ_LIST_ROOTS" type:"path"`
	MedMijRefresh     time.Duration     `name:"medmij-refresh" help:"How often the lists are fetched." default:"15m" env:"CARREL_MEDMIJ_REFRESH" positive:""`
	MedMijServices    []string          `name:"medmij-services" help:"Ids of the data services to send to." default:"53,57,60" env:"CARREL_MEDMIJ_SERVICES"`
	MedMijSystemRoles map[string]string `name:"medmij-system-roles" help:"System role for each data service, for providers that list several: 53=CODE;57=CODE." env:"CARREL_MEDMIJ_SYSTEM_ROLES"`
	MedMijDirectory   string            `name:"medmij-directory" help:"JSON file with the names of providers; docs/catalogue.md." env:"CARREL_MEDMIJ_DIRECTORY" type:"path"`
	LoopbackProviders bool              `name:"loopback-providers" help:"Accept providers on this machine; for the simulator only." env:"CARREL_LOOPBACK_PROVIDERS"`
	FHIRServers       string            `name:"fhir-servers" help:"JSON file of plain FHIR servers; docs/providers.md." env:"CARREL_FHIR_SERVERS" type:"path"`
	MedMijLog         string            `name:"medmij-log" help:"File for the chain log of MedMij's Logging interface, as JSON lines. Default: none." env:"CARREL_MEDMIJ_LOG" type:"path"`
}

// open reads the files that the flags name into the configuration of the server. The
// function done closes the chain log.
func (f *providerFlags) open(data string, into *server.Config) (done func() error, err error) {
	done = func() error { return nil }
	into.LoopbackProviders = f.LoopbackProviders
	if f.MedMijDirectory != "" {
		if into.Directory, err = catalogue.LoadDirectory(f.MedMijDirectory); err != nil {
			return done, fmt.Errorf("--medmij-directory (CARREL_MEDMIJ_DIRECTORY): %w", err)
		}
	}
	if f.FHIRServers != "" {
		if into.FHIRServers, err = smart.LoadServers(f.FHIRServers); err != nil {
			return done, fmt.Errorf("--fhir-servers (CARREL_FHIR_SERVERS): %w", err)
		}
	}
	if f.MedMijClientID == "" {
		return done, f.checkNoMedMij()
	}
	config := &medmij.Config{
		ListURL: f.MedMijLists, ClientID: f.MedMijClientID, CacheFolder: filepath.Join(data, "medmij"),
		UpdateInterval: f.MedMijRefresh, Services: f.MedMijServices, SystemRoles: f.MedMijSystemRoles,
	}
	into.MedMij = config
	if config.Credentials, err = f.medMijCredentials(); err != nil {
		return done, err
	}
	if f.MedMijLog != "" {
		var log io.WriteCloser
		if log, err = os.OpenFile(f.MedMijLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return done, fmt.Errorf("--medmij-log: %w", err)
		}
		done = log.Close
		config.ChainLog = slog.New(slog.NewJSONHandler(log, nil))
	}
	return done, nil
}

// checkNoMedMij returns an error if a setting is given that does nothing without the id of the node.
func (f *providerFlags) checkNoMedMij() error {
	for _, setting := range []struct{ flag, value string }{
		{"--medmij-lists", f.MedMijLists}, {"--medmij-cert", f.MedMijCert}, {"--medmij-key", f.MedMijKey},
		{"--medmij-roots", f.MedMijRoots}, {"--medmij-list-roots", f.MedMijListRoots}, {"--medmij-log", f.MedMijLog},
	} {
		if setting.value != "" {
			return fmt.Errorf("--medmij-client-id (CARREL_MEDMIJ_CLIENT_ID) is missing: without it %s does nothing",
				setting.flag)
		}
	}
	return nil
}

// medMijCredentials reads the certificates with which the node and MedMij's servers know each other.
func (f *providerFlags) medMijCredentials() (c medmij.Credentials, err error) {
	for _, file := range []struct {
		flag, path string
		into       *[]byte
		needed     bool
	}{
		{"--medmij-cert", f.MedMijCert, &c.Certificate, true},
		{"--medmij-key", f.MedMijKey, &c.Key, true},
		{"--medmij-roots", f.MedMijRoots, &c.Roots, true},
		{"--medmij-list-roots", f.MedMijListRoots, &c.ListRoots, false},
	} {
		if file.path == "" {
			if file.needed {
				return c, fmt.Errorf("%s is missing: providers and this server use mutual TLS", file.flag)
			}
			continue
		}
		if *file.into, err = os.ReadFile(file.path); err != nil {
			return c, fmt.Errorf("%s: %w", file.flag, err)
		}
	}
	return c, nil
}
