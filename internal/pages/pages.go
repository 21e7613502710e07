package pages

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// Config is what the pages are made of.
type Config struct {
	People   *library.People
	Consents *library.Consents
	Files    *library.Files
	Activity *library.Activity
	// Accounts and Deliveries are those at providers. Browsers come back from there to
	// [ProviderReturnPath].
	Accounts   *delivery.Connections
	Deliveries *delivery.Queue
	// Catalogue is what people choose providers from.
	Catalogue *catalogue.Catalogue

	// Operator is who runs the site, in the words that people know them by.
	Operator string
	// PublicURL is where browsers reach the pages. Its scheme decides whether cookies
	// are for TLS only, its origin where forms may come from.
	PublicURL *url.URL
	// DeleteWait is how long a shut library can be brought back, as the people's
	// configuration has it; zero means not at all.
	DeleteWait time.Duration
	// Zone is the time zone of the site; nil means that of the machine.
	Zone *time.Location

	Now func() time.Time
	Log *slog.Logger
}

// New returns the handler of everything that is not the API.
func New(c Config) http.Handler {
	s := newSite(c)
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		mux.Handle(rt.pattern, s.answer(rt.handler))
	}
	return chain(mux,
		s.secureHeaders,   // on every answer, errors included
		s.limitBody,       // before anything reads a form
		s.rememberVisit,   // language and cookies, for every page
		s.recoverPanics,   // whatever happens below, the person gets a page
		s.refuseStrangers, // forms from elsewhere end here
	)
}

// route is a handler with the pattern that it is mounted under.
type route struct {
	pattern string
	handler handler
}

// routes is every page there is.
func (s *site) routes() []route {
	return []route{
		// An application's link: one address for all its steps.
		{"GET /apps/saas/authorize", s.showLink(library.AuthorizeRequest)},
		{"POST /apps/saas/authorize", s.takeLink(library.AuthorizeRequest)},
		{"GET /apps/saas/user-reauth", s.showLink(library.UserReauthRequest)},
		{"POST /apps/saas/user-reauth", s.takeLink(library.UserReauthRequest)},
		{"GET /apps/saas/onboard", s.showLink(library.OnboardRequest)},
		{"POST /apps/saas/onboard", s.takeLink(library.OnboardRequest)},
		{"GET /apps/saas/reauthorize", s.showLink(library.ReauthorizeRequest)},
		{"POST /apps/saas/reauthorize", s.takeLink(library.ReauthorizeRequest)},
		{"GET /apps/saas/revoke", s.showLink(library.RevokeRequest)},
		{"POST /apps/saas/revoke", s.takeLink(library.RevokeRequest)},

		// From a provider, back into the link.
		{"GET " + ProviderReturnPath + "/{source}", s.arrive},

		// The ways in, for who comes by themselves.
		{"GET /{$}", s.showStart},
		{"GET /sign-in", s.atDoor(s.showSignIn)},
		{"POST /sign-in", s.atDoor(s.takeSignIn)},
		{"GET /create", s.atDoor(s.showCreate)},
		{"POST /create", s.atDoor(s.takeCreate)},
		{"GET /recover", s.atDoor(s.showRecover)},
		{"POST /recover", s.atDoor(s.takeRecover)},
		{"GET /sign-out", s.showStart}, // who comes back after its form was refused
		{"POST /sign-out", s.takeSignOut},

		// Between the door and the library: what has to be settled first.
		{"GET /recovery-code", s.inside(s.showOwnCode)},
		{"POST /recovery-code", s.inside(s.takeOwnCode)},
		{"GET /shut", s.inside(s.showOwnShut)},
		{"POST /shut", s.inside(s.takeOwnShut)},

		// The library.
		{"GET /files", s.atDesk(s.showFiles)},
		{"GET /files/{file}", s.atDesk(s.showFile)},
		{"GET /files/{file}/download", s.atDesk(s.downloadFile)},
		{"GET /grants", s.atDesk(s.showGrants)},
		{"GET /grants/{grant}/stop", s.atDesk(s.showStop)},
		{"POST /grants/{grant}/stop", s.atDesk(s.takeStop)},
		{"GET /accounts", s.atDesk(s.showAccounts)},
		{"GET /accounts/{account}/disconnect", s.atDesk(s.showDisconnect)},
		{"POST /accounts/{account}/disconnect", s.atDesk(s.takeDisconnect)},
		{"GET /activity", s.atDesk(s.showActivity)},
		{"GET /settings", s.atDesk(s.showSettings)},
		{"POST /settings", s.atDesk(s.takeLanguage)},
		{"GET /settings/password", s.atDesk(s.showPassword)},
		{"POST /settings/password", s.atDesk(s.takePassword)},
		{"GET /settings/recovery-code", s.atDesk(s.showNewCode)},
		{"POST /settings/recovery-code", s.atDesk(s.takeNewCode)},
		{"GET /delete", s.atDesk(s.showDelete)},
		{"POST /delete", s.atDesk(s.takeDelete)},

		{"GET /language/{language}", s.switchLanguage},
		{"GET /static/{asset}", s.serveAsset},
		{"/", s.notFound},
	}
}

// chain puts middleware around h, the first outermost.
func chain(h http.Handler, around ...func(http.Handler) http.Handler) http.Handler {
	for i := len(around) - 1; i >= 0; i-- {
		h = around[i](h)
	}
	return h
}
