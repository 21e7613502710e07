package account

import (
	"embed"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/web/signin"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Templates are the templates of the package's pages.
//
//go:embed templates/*.html
var Templates embed.FS

// Pages are a person's own pages.
type Pages struct {
	Files        *Files
	Grants       *Grants
	Connections  *Connections
	Activity     *Activity
	Settings     *Settings
	Password     *Password
	RecoveryCode *RecoveryCode
	Deletion     *Deletion
}

// Services are the parts of the domain that the pages use.
type Services struct {
	People      *library.People
	Consents    *library.Consents
	Files       *library.Files
	Activity    *library.Activity
	Connections *delivery.Connections
	Deliveries  *delivery.Queue
	Fetches     *fetch.Fetcher
	Storages    *storage.Storages
	// DeleteWait is how long the deletion of a library can be undone; zero means not at all.
	DeleteWait time.Duration
}

// New returns a person's own pages.
func New(u *ui.UI, logins *signin.Logins, services Services) *Pages {
	return &Pages{
		Files: &Files{
			ui: u, files: services.Files, people: services.People, connections: services.Connections,
		},
		Grants: &Grants{
			ui: u, consents: services.Consents, connections: services.Connections, storages: services.Storages,
		},
		Connections: &Connections{
			ui: u, consents: services.Consents, connections: services.Connections, deliveries: services.Deliveries,
			fetches: services.Fetches,
		},
		Activity:     &Activity{ui: u, activity: services.Activity},
		Settings:     &Settings{ui: u, files: services.Files},
		Password:     &Password{ui: u, people: services.People, logins: logins},
		RecoveryCode: &RecoveryCode{ui: u, people: services.People},
		Deletion: &Deletion{
			ui: u, logins: logins, people: services.People, consents: services.Consents, files: services.Files,
			deliveries: services.Deliveries, wait: services.DeleteWait,
		},
	}
}

// The entries of the menu.
const (
	menuFiles       = "files"
	menuGrants      = "grants"
	menuConnections = "accounts"
	menuActivity    = "activity"
	menuSettings    = "settings"
)

// newAccountPage returns a page with the menu and what has just been done.
func newAccountPage(u *ui.UI, w http.ResponseWriter, r *http.Request, menu, title string) *ui.Page {
	p := u.NewPage(r, title)
	p.Menu, p.SignOutURL = menu, "/sign-out"
	p.Flash = u.TakeFlash(w, r)
	return p
}
