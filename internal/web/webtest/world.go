package webtest

import (
	"log/slog"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/web"
)

// World is a world with a site and a provider with a page.
type World struct {
	*carreltest.World
	T testing.TB
	// Config is that of the site.
	Config web.Config
}

// New starts a site. It is 24 November 2026, 10:42 in UTC, and there are no providers.
func New(t testing.TB, options ...carreltest.Option) *World {
	t.Helper()
	site := httptest.NewUnstartedServer(nil)
	url := carreltest.Must(url.Parse("http://" + site.Listener.Addr().String()))(t)
	w := &World{T: t}
	deleteWait := time.Duration(0)
	w.World = carreltest.New(t, append(append([]carreltest.Option{
		func(c *server.Config) { c.PublicURL = url.String() },
	}, options...), func(c *server.Config) { deleteWait = c.DeleteWait })...)
	w.Provider.OpensPages()
	w.Provider.Lists()
	w.Secrets.Plant(Password)
	w.Config = web.Config{
		People: w.People, Consents: w.Consents, Files: w.Files, Activity: w.Activity, Connections: w.Connections,
		Deliveries: w.Queue, Fetches: w.Fetches, Storages: w.Storages, Catalogue: w.Catalogue,
		Operator:   "Example Hosting",
		PublicURL:  url,
		DeleteWait: deleteWait,
		Zone:       time.UTC, Now: w.Clock.Now, Log: slog.New(slog.NewTextHandler(w.Log, nil)),
	}
	site.Config.Handler = web.New(w.Config)
	site.Start()
	t.Cleanup(site.Close)
	return w
}
