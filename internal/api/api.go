// Package api answers the calls of the protocol: it decodes a request, calls package library or
// delivery, and encodes the answer. It decides nothing about who may do what.
//
// All routes are in this file, but those of the file storage, which cloud.go has. A handler returns an
// error: refusal.go makes the protocol's error of it, and response.go an answer and a log line with
// the same reference.
package api

import (
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/httpserve"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// Base is the path below which the calls are. The version is part of the protocol: up to v1.6
// files have another inner format. See older.go for the calls below the bases of before.
const Base = "/v1.7/"

// Config is what the handlers call, and their limits.
type Config struct {
	Clients  *library.Clients
	People   *library.People
	Consents *library.Consents
	Files    *library.Files
	// Connections and Deliveries are the accounts at providers and what is sent there.
	Connections *delivery.Connections
	Deliveries  *delivery.Queue
	// Fetches fetches from the sources that people have connected.
	Fetches *fetch.Fetcher
	// Storages are the files that applications keep for people.
	Storages *storage.Storages
	// CloudTokensOnce refuses a token of the file storage that was used before. Otherwise one can be used again for the
	// minute or two that it is valid.
	CloudTokensOnce bool
	// Legacy serves clients of earlier generations, which read without a signature and push to postboxes. Without it,
	// what only they call is refused.
	Legacy bool
	Signer *library.Signer
	// Catalogue is what people can connect.
	Catalogue *catalogue.Catalogue
	// PublicURL is where clients reach the server, without a slash at the end.
	PublicURL string
	// MaxInFlight is how many calls run at once, of which one contract may make a quarter. Further ones get 503 and
	// Retry-After.
	MaxInFlight int
	// Requests bounds the requests of each address; nil bounds none.
	Requests *httpserve.RequestLimit
	// IdleTimeout is how long a client may send and read nothing.
	IdleTimeout time.Duration
	Log         *slog.Logger
}

type api struct {
	Config
	places *places
	kept   *places // for the calls of keptCalls
	open   *places // for those of openCalls
	large  *places // for large resources
	// serviceLists are answers of discovery/services.
	serviceLists serviceLists
}

// New returns the handler of all calls. It answers anything else with the protocol's NotFound.
func New(c Config) http.Handler {
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 1024
	}
	a := &api{Config: c, places: newPlaces(c.MaxInFlight, aQuarter), kept: newPlaces(keptPlaces, aQuarter),
		open: newPlaces(openPlaces, aQuarter), large: newPlaces(maxLargeResources, aHalf)}
	mux := http.NewServeMux()
	below := func(base string) func(string, handler) {
		return func(pattern string, h handler) {
			method, rest, _ := strings.Cut(pattern, " ")
			mux.Handle(method+" "+base+rest, a.respond(h))
		}
	}
	handle := below(Base)
	handleOlder := func(pattern string, h handler) { below(OlderBase)(pattern, a.withLegacy(h)) }
	handleAnyOlder := func(pattern string, h handler) { below(anyOlderBase)(pattern, a.withOlderBase(h)) }

	handle("GET jwks/oauth", a.keySet)
	handleAnyOlder("GET jwks/oauth", a.keySet)
	handle("POST oauth/authorize", a.withSignedRequest(a.authorize))
	handle("POST oauth/token", a.withSignedRequest(a.token))
	handle("POST oauth/token/reference", a.withSignedRequest(a.tokenReference))
	handle("POST reference", a.withSignedRequest(a.accountHandle))

	handle("POST storage", a.withSignedRequest(a.createStorage))
	handle("GET storage", a.withSignedRequest(a.withBearer(a.userStorage)))

	handle("GET permission-access/contract", a.withSignedRequest(a.contract))
	handle("GET permission-access/contract/{contract}/{application}", a.contractCertificate)
	handle("GET permission-access/accounts", a.withSignedRequest(a.withBearer(a.accounts)))
	handle("POST permission-access/import", a.withSignedRequestOnce(a.withCachedBearer(a.push)))
	handle("POST permission-access/import/h:accountId/fhir/{version}",
		a.withSignedRequest(a.withBearer(a.pushToProvider)))
	handle("GET permission-access/deliveries", a.withSignedRequest(a.withBearer(a.deliveries)))
	handle("GET permission-access/deliveries/{delivery}", a.withSignedRequest(a.withBearer(a.delivery)))
	handle("GET permission-access/revoke/h:accountId", a.withSignedRequest(a.withBearer(a.revokeAccount)))
	handle("DELETE permission-access/service/h:accountId", a.withSignedRequest(a.withBearer(a.deleteAccount)))
	handle("POST permission-access/trigger", a.withSignedRequest(a.withBearer(a.trigger)))
	handle("GET permission-access/query/{session}", a.withSignedRequest(a.withBearer(a.withSession(a.fileList))))
	handle("GET permission-access/query/{session}/{file}", a.withSignedRequestOnce(a.withBearer(a.withSession(a.file))))
	handle("GET export/{service}/report", a.withSignedRequest(a.withBearer(a.report)))
	handle("DELETE user", a.withSignedRequest(a.deleteUser))

	handle("GET discovery/services", a.services)
	handleAnyOlder("GET discovery/services", a.services)
	handle("POST discovery/sources", a.withSignedRequest(a.sources))
	handle("POST discovery/categories", a.withSignedRequest(listing(a.Catalogue.Categories)))
	handle("POST discovery/countries", a.withSignedRequest(listing(a.Catalogue.Countries)))
	handle("POST discovery/platforms", a.withSignedRequest(listing(a.Catalogue.Platforms)))
	handle("POST discovery/sourceTypes", a.withSignedRequest(listing(a.Catalogue.SourceTypes)))
	handle("GET permission-access/sample/datasets/{source}", a.withSignedRequest(a.sampleDataSets))

	handle("POST tracking/sdk", a.withSignedRequest(a.tracking))

	handle("POST permission-access/postbox/{postbox}", a.withLegacy(a.withSignedRequestOnce(a.pushToPostbox)))
	handleOlder("POST permission-access/postbox/{postbox}", a.withSignedRequestOnce(a.pushToPostbox))
	handleOlder("POST oauth/authorize", a.withSignedRequest(a.authorize))
	handleOlder("POST oauth/token", a.withSignedRequest(a.token))
	handleOlder("POST oauth/token/reference", a.withSignedRequest(a.tokenReference))
	handleOlder("POST permission-access/session", a.unsignedSession)
	handleOlder("POST permission-access/trigger", a.withSignedRequest(a.withBearer(a.trigger)))
	handleOlder("GET permission-access/query/{session}", a.withUnsignedSession(a.fileList))
	handleOlder("GET permission-access/query/{session}/{file}", a.withUnsignedSession(a.hashedFile))
	handleOlder("DELETE user", a.withSignedRequest(a.deleteUser))

	mux.Handle("/", a.respond(func(http.ResponseWriter, *http.Request) error { return notFound("Call") }))
	return httpserve.Handler(c.IdleTimeout, a.dispatch(mux))
}

// dispatch leads the calls of the file storage past ServeMux, and refuses a path that that would redirect: a
// redirected POST would arrive with a nonce that is used up, and a stream cannot be sent again.
func (a *api) dispatch(next http.Handler) http.Handler {
	cloud := a.respond(a.cloud)
	lost := a.respond(func(http.ResponseWriter, *http.Request) error { return notFound("Call") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isCloud(r.URL.Path) {
			cloud.ServeHTTP(w, r)
			return
		}
		if r.URL.Path != path.Clean(r.URL.Path) {
			lost.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
