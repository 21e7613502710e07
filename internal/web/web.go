package web

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/httpserve"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/web/account"
	"github.com/carrelhq/carrel/internal/web/onboarding"
	"github.com/carrelhq/carrel/internal/web/reference"
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
	Fetches     *fetch.Fetcher
	// Storages are the files that applications keep for people.
	Storages *storage.Storages
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

	// Requests bounds the requests of each address; nil bounds none.
	Requests *httpserve.RequestLimit
	// IdleTimeout is how long a browser may send and read nothing; zero for the default of package httpserve.
	IdleTimeout time.Duration

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
	return httpserve.Handler(c.IdleTimeout, chain(mux,
		ui.SecureHeaders,            // on every answer, errors included
		keepOpener,                  // for applications that open the first pages in a window of their own
		u.LogRequests,               // every request has a line in the log
		ui.LimitBody,                // before anything reads a form
		u.LoadBrowser,               // language and cookies, for every page
		u.RecoverPanics,             // a panic below becomes an error page
		u.LimitRequests(c.Requests), // of one address
		u.CheckCSRF,                 // forms from elsewhere are refused here
	))
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
		Services:  c.Catalogue,
		Templates: []fs.FS{signin.Templates, onboarding.Templates, account.Templates, reference.Templates},
	})
}

// route is a handler with the pattern that it is mounted under.
type route struct {
	pattern string
	handler ui.Handler
}

// routes is every page.
func routes(u *ui.UI, c Config) []route {
	signIn := signin.New(u, c.People)
	onboardingPages := onboarding.New(u, signIn, onboarding.Services{
		People: c.People, Consents: c.Consents, Connections: c.Connections, Fetches: c.Fetches, Catalogue: c.Catalogue,
		DeleteWait: c.DeleteWait,
	})
	accountPages := account.New(u, signIn.Logins, account.Services{
		People: c.People, Consents: c.Consents, Files: c.Files, Activity: c.Activity,
		Connections: c.Connections, Deliveries: c.Deliveries, Fetches: c.Fetches, Storages: c.Storages,
		DeleteWait: c.DeleteWait,
	})
	referencePages := reference.New(u)
	return []route{
		// An application's request: one address for all its pages.
		{"GET /apps/saas/authorize", onboardingPages.Show(library.AuthorizeRequest)},
		{"POST /apps/saas/authorize", onboardingPages.Post(library.AuthorizeRequest)},
		{"GET /apps/saas/user-reauth", onboardingPages.Show(library.UserReauthRequest)},
		{"POST /apps/saas/user-reauth", onboardingPages.Post(library.UserReauthRequest)},
		{"GET /apps/saas/onboard", onboardingPages.Show(library.OnboardRequest)},
		{"POST /apps/saas/onboard", onboardingPages.Post(library.OnboardRequest)},
		{"GET /apps/saas/reauthorize", onboardingPages.Show(library.ReauthorizeRequest)},
		{"POST /apps/saas/reauthorize", onboardingPages.Post(library.ReauthorizeRequest)},
		{"GET /apps/saas/revoke", onboardingPages.Show(library.RevokeRequest)},
		{"POST /apps/saas/revoke", onboardingPages.Post(library.RevokeRequest)},

		// From a provider, back to the request.
		{"GET " + onboarding.ProviderReturnPath + "/{source}", onboardingPages.ProviderRedirect.HandleCallback},

		// For a person who comes by themselves.
		{"GET /{$}", signIn.Start},
		{"GET /sign-in", signIn.RequireSignedOut(signIn.SignIn.Show)},
		{"POST /sign-in", signIn.RequireSignedOut(signIn.SignIn.Post)},
		{"GET /create", signIn.RequireSignedOut(signIn.Create.Show)},
		{"POST /create", signIn.RequireSignedOut(signIn.Create.Post)},
		{"GET /recover", signIn.RequireSignedOut(signIn.Recover.Show)},
		{"POST /recover", signIn.RequireSignedOut(signIn.Recover.Post)},
		{"GET /sign-out", signIn.Start}, // a person loads the page again after its form was refused
		{"POST /sign-out", signIn.Logins.SignOut},

		// Before a person can use their library.
		{"GET /recovery-code", signIn.RequireLogin(signIn.RecoveryCode.ShowOwn)},
		{"POST /recovery-code", signIn.RequireLogin(signIn.RecoveryCode.PostOwn)},
		{"GET /shut", signIn.RequireLogin(signIn.PendingDeletion.ShowOwn)},
		{"POST /shut", signIn.RequireLogin(signIn.PendingDeletion.PostOwn)},

		// The library.
		{"GET /files", signIn.RequireReady(accountPages.Files.List)},
		{"GET /files/{file}", signIn.RequireReady(accountPages.Files.Show)},
		{"GET /files/{file}/download", signIn.RequireReady(accountPages.Files.Download)},
		{"GET /grants", signIn.RequireReady(accountPages.Grants.List)},
		{"GET /grants/{grant}/stop", signIn.RequireReady(accountPages.Grants.ShowRevoke)},
		{"POST /grants/{grant}/stop", signIn.RequireReady(accountPages.Grants.PostRevoke)},
		{"GET /grants/app/{application}/stop", signIn.RequireReady(accountPages.Grants.ShowStop)},
		{"POST /grants/app/{application}/stop", signIn.RequireReady(accountPages.Grants.PostStop)},
		{"GET /grants/app/{application}/storage", signIn.RequireReady(accountPages.Grants.ShowDeleteStorage)},
		{"POST /grants/app/{application}/storage", signIn.RequireReady(accountPages.Grants.PostDeleteStorage)},
		{"GET /accounts", signIn.RequireReady(accountPages.Connections.List)},
		{"GET /accounts/{account}/disconnect", signIn.RequireReady(accountPages.Connections.ShowDisconnect)},
		{"POST /accounts/{account}/fetch", signIn.RequireReady(accountPages.Connections.PostFetch)},
		{"POST /accounts/{account}/reconnect", signIn.RequireReady(accountPages.Connections.PostReconnect)},
		{"POST /accounts/{account}/disconnect", signIn.RequireReady(accountPages.Connections.PostDisconnect)},
		{"GET /activity", signIn.RequireReady(accountPages.Activity.List)},
		{"GET /activity/checkpoint", signIn.RequireReady(accountPages.Activity.SaveCheckpoint)},
		{"GET /activity/check", signIn.RequireReady(accountPages.Activity.ShowCheck)},
		{"POST /activity/check", signIn.RequireReady(accountPages.Activity.PostCheck)},
		{"GET /settings", signIn.RequireReady(accountPages.Settings.Show)},
		{"POST /settings", signIn.RequireReady(accountPages.Settings.PostLanguage)},
		{"GET /settings/password", signIn.RequireReady(accountPages.Password.Show)},
		{"POST /settings/password", signIn.RequireReady(accountPages.Password.Post)},
		{"GET /settings/recovery-code", signIn.RequireNoCode(accountPages.RecoveryCode.Show)},
		{"POST /settings/recovery-code", signIn.RequireNoCode(accountPages.RecoveryCode.Post)},
		{"GET /delete", signIn.RequireReady(accountPages.Deletion.Show)},
		{"POST /delete", signIn.RequireReadyAfter(accountPages.Deletion.Post, accountPages.Deletion.AfterDeletion)},

		// For developers.
		{"GET /docs", referencePages.Show},
		{"GET /docs/openapi.json", referencePages.JSON},
		{"GET /docs/openapi.yaml", referencePages.YAML},
		{"GET /docs/portability-report.xsd", referencePages.PortabilityReport},

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

// keepOpener lets the application that has opened a request in a window of its own keep hold of that window: its
// callback page there tells the result to the page that has opened it (window.opener), and that page sees when the
// person closes the window. Web applications of digi.me do that. Any other Cross-Origin-Opener-Policy than unsafe-none,
// on one of the answers between the two pages of the application, redirects included, would part them;
// same-origin-allow-popups is for the other side, pages that open windows.
//
// What the application can do with the window, it can do with a window of its own making: lead it elsewhere. It can
// read nothing in it, and the pages listen to no messages. Nobody can frame them. The pages of the library itself are
// parted from whoever has opened them.
func keepOpener(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, path := range []string{
			"/apps/saas/",
			ProviderReturnPath + "/",
			"/language/", "/sign-out", // these redirect to the request
		} {
			if strings.HasPrefix(r.URL.Path, path) {
				w.Header().Set("Cross-Origin-Opener-Policy", "unsafe-none")
			}
		}
		next.ServeHTTP(w, r)
	})
}
