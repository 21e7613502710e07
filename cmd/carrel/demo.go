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
	Headless             bool          `help:"Do the main job once without a browser, and exit with 0 or 1."`
	File                 string        `help:"File to push with --headless; a built-in letter if missing." type:"existingfile"`
	Credentials          string        `help:"Write the credentials for other clients to this file." type:"path"`
	Listen               string        `help:"Address of the server." default:"127.0.0.1:8080"`
	ClinicListen         string        `help:"Address of the demo clinic." default:"127.0.0.1:8090"`
	ProviderListen       string        `help:"Address of the simulated providers' pages, on loopback." default:"127.0.0.1:8091"`
	Callback             string        `help:"Callback for other clients; nothing listens there." default:"http://127.0.0.1:8095/callback"`
	Data                 string        `help:"Folder for all data. Default: a new one." type:"path"`
	AccessTokenLifetime  time.Duration `help:"Lifetime of an access token." default:"24h"`
	RefreshTokenLifetime time.Duration `help:"Lifetime of a consent and its refresh token." default:"4320h"`
	Legacy               bool          `help:"Serve clients of earlier generations, too: the Node SDK 5 to 8 and the Android SDK 4, and all of the Node SDK 9 and 10."`
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
		return fmt.Errorf("listen (--listen sets another address): %w", err)
	}
	tune("")
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = newLog("text")
	}
	public := urlOf(l.Addr())
	config := server.Config{PublicURL: public, AllowHTTP: true, Database: filepath.Join(data, "carrel.db"),
		Blobs: filepath.Join(data, "blobs"), Keyring: filepath.Join(data, "master.key"), Operator: "Carrel Demo",
		AccessTokenLifetime: c.AccessTokenLifetime, GrantLifetime: c.RefreshTokenLifetime,
		DeleteWait: 7 * 24 * time.Hour, Legacy: c.Legacy, Log: log}
	providers, err := startProviders(ctx, c.ProviderListen, data, log, &config)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	s, err := server.Open(ctx, config)
	if err != nil && ctx.Err() != nil && !c.Headless { // stopped before it has started
		fmt.Println("Stopped before it has started.")
		return errors.Join(l.Close(), providers.Close())
	}
	if err != nil {
		return errors.Join(err, l.Close(), providers.Close())
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(serving, l, nil) }()
	d := &runningDemo{demoCmd: c, server: s, providers: providers, data: data, publicURL: public}
	if c.Headless {
		err = d.headless(ctx)
	} else {
		err = d.interactive(ctx)
	}
	stop()
	if err := errors.Join(err, <-served, s.Close(), providers.Close()); err != nil || c.Headless {
		return err
	}
	fmt.Printf("Stopped. To go on with what is in the library: carrel demo --data %s\n", data)
	return nil
}

// folder creates the data folder. A new one is not removed at the end: its path is
// printed, so that a person can look into it.
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

// anyPort sets a free port, unless the flags set one, so that a headless run works
// beside a running demo.
func (c *demoCmd) anyPort() {
	c.ProviderListen = ""
	if c.Listen == "127.0.0.1:8080" && c.Data == "" {
		c.Listen = "127.0.0.1:0"
	}
}

// runningDemo is a demo whose server and providers are running.
type runningDemo struct {
	*demoCmd
	server          *server.Server
	providers       *simulator.Simulator
	data, publicURL string
}

// headless does the main job once.
func (d *runningDemo) headless(ctx context.Context) error {
	registered, err := d.prepare(ctx, "")
	if err != nil {
		return err
	}
	h := demo.Headless{
		Credentials: registered, File: d.File, MIMEType: "application/octet-stream",
		Provider: "Huisartsenpraktijk De Linde",
		Step: func(what string, took time.Duration) {
			fmt.Printf("%8.1f ms  %s\n", float64(took.Microseconds())/1000, what)
		},
		Arrived: func() (bodies [][]byte) {
			for _, r := range d.providers.Received() {
				bodies = append(bodies, r.Body)
			}
			return bodies
		},
	}
	if h.File == "" {
		h.File = filepath.Join(d.data, demo.LetterName)
		if err := os.WriteFile(h.File, demo.Letter, 0o600); err != nil {
			return fmt.Errorf("write letter: %w", err)
		}
	}
	h.Name = filepath.Base(h.File)
	if t := mime.TypeByExtension(filepath.Ext(h.File)); t != "" {
		h.MIMEType = t
	}
	fmt.Printf("A Carrel on %s, kept in %s\n", d.publicURL, d.data)
	if err := h.Run(ctx); err != nil {
		return err
	}
	fmt.Println("Done: pushed into the library and read back, and sent to a provider, byte for byte.")
	return nil
}

// prepare registers the applications, with the callback of the clinic if there is one,
// and writes the credentials.
func (d *runningDemo) prepare(ctx context.Context, clinic string) (demo.Credentials, error) {
	path := filepath.Join(d.data, "demo.json")
	registered, err := demo.LoadOrRegister(ctx, d.server.Clients, path, d.publicURL, d.Callback, clinic)
	if err != nil {
		return demo.Credentials{}, err
	}
	registered.Providers = d.providers.FrontURL() + "/"
	if d.Credentials != "" {
		if err := registered.WriteFile(d.Credentials); err != nil {
			return demo.Credentials{}, err
		}
	}
	return registered, nil
}

// interactive runs the demo clinic beside the server.
func (d *runningDemo) interactive(ctx context.Context) error {
	l, err := d.listenClinic(ctx)
	if err != nil {
		return err
	}
	address := urlOf(l.Addr())
	registered, err := d.prepare(ctx, address+demo.CallbackPath)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	clinic, err := demo.NewClinic(registered)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	fmt.Printf("Demo clinic         %s   start here: push a letter, read it back, send a measurement\n", address)
	fmt.Printf("Your library        %s\n", d.publicURL)
	fmt.Printf("Practice providers  %s   what arrived there, and how they behave\n", registered.Providers)
	fmt.Printf("Kept in             %s\n", d.data)
	if d.Credentials != "" {
		fmt.Printf("Credentials         %s, for any other client\n", d.Credentials)
	}
	fmt.Println("Ctrl-C ends it.")
	h := &http.Server{Handler: clinic, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = h.Close() })
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve clinic: %w", err)
	}
	return nil
}

// listenClinic listens on the clinic's address or, if that is in use, on any port.
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
