// Package api answers the calls of the wire: it decodes a request, asks package
// library, and encodes the answer. It holds no rules of its own about who may do
// what.
//
// Every route and all of the middleware stand in this file. A handler returns an
// error; one place (answer.go) turns it into the wire's answer and a log line with
// the same reference.
package api

import (
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// Base is the path under which the calls live. The version is part of the
// protocol: under v1.6 and below files have another inner format.
const Base = "/v1.7/"

// Config is what the api asks.
type Config struct {
	Clients  *library.Clients
	People   *library.People
	Consents *library.Consents
	Files    *library.Files
	// Accounts and Deliveries are those at providers.
	Accounts   *delivery.Connections
	Deliveries *delivery.Queue
	Signer     *library.Signer
	// Catalogue is what people can connect.
	Catalogue *catalogue.Catalogue
	// PublicURL is where clients reach the server, without a slash at the end.
	PublicURL string
	// MaxInFlight bounds the calls under way; further ones get 503 and Retry-After.
	MaxInFlight int
	// Patience is how long a client may go without sending or taking anything.
	Patience time.Duration
	Log      *slog.Logger
}

type api struct {
	Config
	places chan struct{}
	large  chan struct{} // places for large resources
}

// New returns the handler of everything that clients call; what is not a call gets
// the wire's NotFound.
func New(c Config) http.Handler {
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 1024
	}
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
	}
	a := &api{c, make(chan struct{}, c.MaxInFlight), make(chan struct{}, largeAtOnce)}
	mux := http.NewServeMux()
	handle := func(pattern string, h handler) {
		method, rest, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" "+Base+rest, a.answering(h))
	}

	handle("GET jwks/oauth", a.keySet)
	handle("POST oauth/authorize", a.signed(a.authorize))
	handle("POST oauth/token", a.signed(a.token))
	handle("POST oauth/token/reference", a.signed(a.tokenReference))
	handle("POST reference", a.signed(a.reference))

	handle("GET permission-access/contract", a.signed(a.contract))
	handle("GET permission-access/accounts", a.signed(a.bearing(a.accounts)))
	handle("POST permission-access/import", a.signedOnce(a.pushing(a.push)))
	handle("POST permission-access/import/h:accountId/fhir/{version}", a.signed(a.bearing(a.pushToProvider)))
	handle("GET permission-access/deliveries", a.signed(a.bearing(a.deliveries)))
	handle("GET permission-access/deliveries/{delivery}", a.signed(a.bearing(a.delivery)))
	handle("GET permission-access/revoke/h:accountId", a.signed(a.bearing(a.revokeAccount)))
	handle("DELETE permission-access/service/h:accountId", a.signed(a.bearing(a.deleteAccount)))
	handle("POST permission-access/trigger", a.signed(a.bearing(a.trigger)))
	handle("GET permission-access/query/{session}", a.signed(a.bearing(a.reading(a.fileList))))
	handle("GET permission-access/query/{session}/{file}", a.signedOnce(a.bearing(a.reading(a.file))))
	handle("DELETE user", a.signed(a.deleteUser))

	handle("POST discovery/sources", a.signed(a.sources))
	handle("POST discovery/categories", a.signed(listing(a.Catalogue.Categories)))
	handle("POST discovery/countries", a.signed(listing(a.Catalogue.Countries)))
	handle("POST discovery/platforms", a.signed(listing(a.Catalogue.Platforms)))
	handle("POST discovery/sourceTypes", a.signed(listing(a.Catalogue.SourceTypes)))
	handle("GET permission-access/sample/datasets/{source}", a.signed(a.sampleDataSets))

	mux.Handle("/", a.answering(func(http.ResponseWriter, *http.Request) error { return wire.NotFound("Call") }))
	return a.clean(mux)
}

// clean refuses a path that ServeMux would redirect: a redirected POST arrives with
// a nonce that is used up, and a stream cannot be sent again.
func (a *api) clean(next http.Handler) http.Handler {
	lost := a.answering(func(http.ResponseWriter, *http.Request) error { return wire.NotFound("Call") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path.Clean(r.URL.Path) {
			lost.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
