package web

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/account"
	"github.com/carrelhq/carrel/internal/web/onboarding"
	"github.com/carrelhq/carrel/internal/web/signin"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Config is what the pages need.
type Config struct {
	People   *library.People
	Consents *library.Consents
	Files    *library.Files
	Activity *library.Activity
	// Connections and Deliveries are those at providers. Browsers come back from there to [ProviderReturnPath].
	Connections *delivery.Connections
	Deliveries  *delivery.Queue
	// Catalogue is what people choose providers from.
	Catalogue *catalogue.Catalogue

	// Operator is who runs the site, by the name that people know; empty means the host of PublicURL.
	Operator string
	// PublicURL is where browsers reach the pages. Its scheme decides whether cookies are for TLS only, its origin
	// which forms are accepted.
	PublicURL *url.URL
	// DeleteWait is how long the deletion of a library can be undone, as in the configuration of People; zero means
	// not at all.
	DeleteWait time.Duration
	// Zone is the time zone of the site; nil means that of the machine.
	Zone *time.Location

	Now func() time.Time
	Log *slog.Logger
}

// ProviderReturnPath is where browsers come back to from providers, each below it at the id of its source.
const ProviderReturnPath = onboarding.ProviderReturnPath

// New returns the handler of everything that is not the API.
func New(c Config) http.Handler {
	u := newUI(c)
	mux := http.NewServeMux()
	for _, rt := range routes(u, c) {
		mux.Handle(rt.pattern, u.Wrap(rt.handler))
	}
	return chain(mux,
		ui.SecureHeaders, // on every answer, errors included
		ui.LimitBody,     // before anything reads a form
		u.LoadBrowser,    // language and cookies, for every page
		u.RecoverPanics,  // a panic below becomes an error page
		u.CheckCSRF,      // forms from elsewhere are refused here
	)
}

func newUI(c Config) *ui.UI {
	if c.Operator == "" {
		c.Operator = c.PublicURL.Hostname()
	}
	if c.Zone == nil {
		c.Zone = time.Local
	}
	return ui.New(ui.Config{
		Operator: c.Operator, PublicURL: c.PublicURL, Zone: c.Zone, Now: c.Now, Log: c.Log,
		Templates: []fs.FS{signin.Templates, onboarding.Templates, account.Templates},
	})
}

// route is a handler with the pattern that it is mounted under.
type route struct {
	pattern string
	handler ui.Handler
}

// routes is every page.
func routes(u *ui.UI, c Config) []route {
	s := signin.New(u, c.People)
	o := onboarding.New(u, s, onboarding.Services{
		Consents: c.Consents, Connections: c.Connections, Catalogue: c.Catalogue,
	})
	a := account.New(u, s.Logins, account.Services{
		People: c.People, Consents: c.Consents, Files: c.Files, Activity: c.Activity,
		Connections: c.Connections, Deliveries: c.Deliveries, DeleteWait: c.DeleteWait,
	})
	return []route{
		// An application's request: one address for all its pages.
		{"GET /apps/saas/authorize", o.Show(library.AuthorizeRequest)},
		{"POST /apps/saas/authorize", o.Post(library.AuthorizeRequest)},
		{"GET /apps/saas/user-reauth", o.Show(library.UserReauthRequest)},
		{"POST /apps/saas/user-reauth", o.Post(library.UserReauthRequest)},
		{"GET /apps/saas/onboard", o.Show(library.OnboardRequest)},
		{"POST /apps/saas/onboard", o.Post(library.OnboardRequest)},
		{"GET /apps/saas/reauthorize", o.Show(library.ReauthorizeRequest)},
		{"POST /apps/saas/reauthorize", o.Post(library.ReauthorizeRequest)},
		{"GET /apps/saas/revoke", o.Show(library.RevokeRequest)},
		{"POST /apps/saas/revoke", o.Post(library.RevokeRequest)},

		// From a provider, back to the request.
		{"GET " + onboarding.ProviderReturnPath + "/{source}", o.ProviderRedirect.HandleCallback},

		// For a person who comes by themselves.
		{"GET /{$}", s.Start},
		{"GET /sign-in", s.RequireSignedOut(s.SignIn.Show)},
		{"POST /sign-in", s.RequireSignedOut(s.SignIn.Post)},
		{"GET /create", s.RequireSignedOut(s.Create.Show)},
		{"POST /create", s.RequireSignedOut(s.Create.Post)},
		{"GET /recover", s.RequireSignedOut(s.Recover.Show)},
		{"POST /recover", s.RequireSignedOut(s.Recover.Post)},
		{"GET /sign-out", s.Start}, // a person loads the page again after its form was refused
		{"POST /sign-out", s.Logins.SignOut},

		// Before a person can use their library.
		{"GET /recovery-code", s.RequireLogin(s.RecoveryCode.ShowOwn)},
		{"POST /recovery-code", s.RequireLogin(s.RecoveryCode.PostOwn)},
		{"GET /shut", s.RequireLogin(s.PendingDeletion.ShowOwn)},
		{"POST /shut", s.RequireLogin(s.PendingDeletion.PostOwn)},

		// The library.
		{"GET /files", s.RequireReady(a.Files.List)},
		{"GET /files/{file}", s.RequireReady(a.Files.Show)},
		{"GET /files/{file}/download", s.RequireReady(a.Files.Download)},
		{"GET /grants", s.RequireReady(a.Grants.List)},
		{"GET /grants/{grant}/stop", s.RequireReady(a.Grants.ShowRevoke)},
		{"POST /grants/{grant}/stop", s.RequireReady(a.Grants.PostRevoke)},
		{"GET /accounts", s.RequireReady(a.Connections.List)},
		{"GET /accounts/{account}/disconnect", s.RequireReady(a.Connections.ShowDisconnect)},
		{"POST /accounts/{account}/disconnect", s.RequireReady(a.Connections.PostDisconnect)},
		{"GET /activity", s.RequireReady(a.Activity.List)},
		{"GET /settings", s.RequireReady(a.Settings.Show)},
		{"POST /settings", s.RequireReady(a.Settings.PostLanguage)},
		{"GET /settings/password", s.RequireReady(a.Password.Show)},
		{"POST /settings/password", s.RequireReady(a.Password.Post)},
		{"GET /settings/recovery-code", s.RequireReady(a.RecoveryCode.Show)},
		{"POST /settings/recovery-code", s.RequireReady(a.RecoveryCode.Post)},
		{"GET /delete", s.RequireReady(a.Deletion.Show)},
		{"POST /delete", s.RequireReady(a.Deletion.Post)},

		{"GET /language/{language}", u.SwitchLanguage},
		{"GET /static/{asset}", u.ServeAsset},
		{"/", ui.NotFound},
	}
}

// chain wraps h in middleware, the first outermost.
func chain(h http.Handler, middleware ...func(http.Handler) http.Handler) http.Handler {
	for i := len(middleware) - 1; i >= 0; i-- {
		h = middleware[i](h)
	}
	return h
}
