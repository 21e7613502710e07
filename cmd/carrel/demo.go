package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/simulator"
)

type demoCmd struct {
	Headless             bool          `help:"Do the main job once without a browser, and exit 0 or 1."`
	File                 string        `help:"File to push with --headless; a letter that comes along if missing." type:"existingfile"`
	Credentials          string        `help:"Write what any other client needs to this file." type:"path"`
	Listen               string        `help:"Address of the server." default:"127.0.0.1:8080"`
	ClinicListen         string        `help:"Address of the demo clinic." default:"127.0.0.1:8090"`
	ProviderListen       string        `help:"Address of the practice providers' pages, on loopback." default:"127.0.0.1:8091"`
	Callback             string        `help:"Callback for other clients; nothing listens there." default:"http://127.0.0.1:8095/callback"`
	Data                 string        `help:"Folder to keep everything in. Default: a fresh one." type:"path"`
	AccessTokenLifetime  time.Duration `help:"How long an access token is good." default:"24h"`
	RefreshTokenLifetime time.Duration `help:"How long a consent and its refresh token are good." default:"4320h"`
	Verbose              bool          `help:"Print the server's log."`
}

// Help is what --help adds.
func (demoCmd) Help() string {
	return `Examples:

  carrel demo                                   then open the address it prints
  carrel demo --headless --file letter.pdf      the main job, end to end
  carrel demo --credentials demo.json           for your own application, with any digi.me SDK`
}

// Run runs the demo until the context ends, or the headless job until it is done.
func (c *demoCmd) Run(ctx context.Context) error {
	data, err := c.folder()
	if err != nil {
		return err
	}
	if c.Headless {
		c.anyPort()
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen (another address can be given with --listen): %w", err)
	}
	tune("")
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = newLog("text")
	}
	public := urlOf(l.Addr())
	config := server.Config{PublicURL: public, Database: filepath.Join(data, "carrel.db"),
		Blobs: filepath.Join(data, "blobs"), Keyring: filepath.Join(data, "master.key"), Operator: "Carrel Demo",
		AccessTokenLifetime: c.AccessTokenLifetime, GrantLifetime: c.RefreshTokenLifetime, DeleteWait: 7 * 24 * time.Hour, Log: log}
	providers, err := startProviders(ctx, c.ProviderListen, data, log, &config)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	s, err := server.Open(ctx, config)
	if err != nil {
		return errors.Join(err, l.Close(), providers.Close())
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(serving, l, nil) }()
	if c.Headless {
		err = c.headless(ctx, s, providers, data, public)
	} else {
		err = c.interactive(ctx, s, providers, data, public)
	}
	stop()
	return errors.Join(err, <-served, s.Close(), providers.Close())
}

// folder is where everything is kept. The fresh one of a headless run is thrown away
// by nobody: it is named, so that one can look.
func (c *demoCmd) folder() (string, error) {
	if c.Data == "" {
		data, err := os.MkdirTemp("", "carrel-demo-*")
		if err != nil {
			return "", fmt.Errorf("make data folder: %w", err)
		}
		return data, nil
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return "", fmt.Errorf("make data folder: %w", err)
	}
	return c.Data, nil
}

// anyPort lets a headless run stand beside a demo that is running: unless told
// otherwise, it takes a free port.
func (c *demoCmd) anyPort() {
	c.ProviderListen = ""
	if c.Listen == "127.0.0.1:8080" && c.Data == "" {
		c.Listen = "127.0.0.1:0"
	}
}

func (c *demoCmd) headless(ctx context.Context, s *server.Server, providers *simulator.Simulator, data, public string) error {
	credentials, err := c.prepare(ctx, s, providers, data, public, "")
	if err != nil {
		return err
	}
	h := demo.Headless{Credentials: credentials, File: c.File, MIMEType: "application/octet-stream", Step: func(what string, took time.Duration) {
		fmt.Printf("%8.1f ms  %s\n", float64(took.Microseconds())/1000, what)
	}}
	h.Provider = "Huisartsenpraktijk De Linde"
	h.Arrived = func() (bodies [][]byte) {
		for _, r := range providers.Received() {
			bodies = append(bodies, r.Body)
		}
		return bodies
	}
	if h.File == "" {
		h.File = filepath.Join(data, demo.LetterName)
		if err := os.WriteFile(h.File, demo.Letter, 0o600); err != nil {
			return fmt.Errorf("write letter: %w", err)
		}
	}
	h.Name = filepath.Base(h.File)
	if t := mime.TypeByExtension(filepath.Ext(h.File)); t != "" {
		h.MIMEType = t
	}
	fmt.Printf("A Carrel on %s, kept in %s\n", public, data)
	if err := h.Run(ctx); err != nil {
		return err
	}
	fmt.Println("Done: pushed into the library and read back, and sent to a provider, byte for byte.")
	return nil
}

func (c *demoCmd) prepare(ctx context.Context, s *server.Server, providers *simulator.Simulator, data, public, clinic string) (demo.Credentials, error) {
	credentials, err := demo.Prepare(ctx, s.Clients, filepath.Join(data, "demo.json"), public, c.Callback, clinic)
	if err != nil {
		return demo.Credentials{}, err
	}
	credentials.Providers = providers.FrontURL() + "/"
	if c.Credentials != "" {
		if err := credentials.WriteFile(c.Credentials); err != nil {
			return demo.Credentials{}, err
		}
	}
	return credentials, nil
}

// interactive runs the demo clinic beside the server.
func (c *demoCmd) interactive(ctx context.Context, s *server.Server, providers *simulator.Simulator, data, public string) error {
	l, err := c.listenClinic(ctx)
	if err != nil {
		return err
	}
	address := urlOf(l.Addr())
	credentials, err := c.prepare(ctx, s, providers, data, public, address+demo.CallbackPath)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	clinic, err := demo.NewClinic(credentials)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	fmt.Printf("Demo clinic         %s   start here: push a letter, read it back, send a measurement\n", address)
	fmt.Printf("Your library        %s\n", public)
	fmt.Printf("Practice providers  %s   what arrived there, and how they behave\n", credentials.Providers)
	fmt.Printf("Kept in             %s\n", data)
	if c.Credentials != "" {
		fmt.Printf("Credentials         %s, for any other client\n", c.Credentials)
	}
	fmt.Println("Ctrl-C ends it.")
	h := &http.Server{Handler: clinic, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = h.Close() })
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve clinic: %w", err)
	}
	return nil
}

// listenClinic takes any port where the usual one is taken.
func (c *demoCmd) listenClinic(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.ClinicListen)
	if err != nil {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("listen for the clinic: %w", err)
	}
	return l, nil
}
