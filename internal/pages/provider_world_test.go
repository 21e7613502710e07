package pages_test

import (
	"context"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/pages"
	"github.com/carrelhq/carrel/internal/seal"
)

// listing is what can be connected in the test's world.
type listing struct {
	mu         sync.Mutex
	list       []catalogue.Source
	generation uint64
	err        error
}

// ListSources implements [catalogue.SourceLister].
func (l *listing) ListSources() ([]catalogue.Source, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list, l.generation, l.err
}

func (l *listing) set(err error, list ...catalogue.Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list, l.err = list, err
	l.generation++
}

// The sources of the tests; their ids follow from their keys.
var (
	lucas  = source("lucas", "53", "Sint Lucas Hospital", "hospital", "Utrecht")
	linde  = source("linde", "53", "De Linde general practice", "general-practitioner", "Nieuwegein")
	papers = source("oosterwal", "57", "Oosterwal", "physiotherapy", "Zeist")
)

func source(provider, service, name, kind, city string) catalogue.Source {
	return catalogue.MedMijSource(delivery.ProviderKey("fake:"+provider+"~"+service), provider+"@medmij", service, "Service "+service,
		catalogue.Directory{provider: {Name: name, City: city, ZipCode: "3511 AB", OrganizationType: kind}})
}

// many are as many sources as it takes to search for them.
func many(n int) []catalogue.Source {
	list := []catalogue.Source{lucas, linde}
	for i := range n {
		list = append(list, source(fmt.Sprintf("praktijk%c%c%c", 'a'+i/676%26, 'a'+i/26%26, 'a'+i%26), "53", fmt.Sprintf("Practice %03d", i), "general-practitioner", "Almere"))
	}
	return list
}

// provider is a care provider with its pages, and the way to it.
type provider struct {
	w   *world
	url string

	mu      sync.Mutex
	codes   int
	visits  []*http.Request
	access  func() (delivery.ProviderTokens, error)
	outcome delivery.Outcome
	gone    bool
}

func (w *world) openProviders() {
	p := &provider{w: w, outcome: delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: http.StatusCreated}}
	p.access = func() (delivery.ProviderTokens, error) {
		return delivery.ProviderTokens{Access: seal.NewSecret(), ExpiresAt: w.clock().Add(15 * time.Minute)}, nil
	}
	server := httptest.NewServer(p)
	w.t.Cleanup(server.Close)
	// By another name than ours, so that it is another site to a browser.
	p.url = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	w.provider, w.listing = p, &listing{}
	var err error
	if w.catalogue, err = catalogue.Parse(nil); err != nil {
		w.t.Fatal(err)
	}
	w.catalogue.AddListers(w.listing)
	ring, err := seal.ParseKeyring(masterKeys())
	if err != nil {
		w.t.Fatal(err)
	}
	w.accounts = delivery.NewConnections(w.db, w.db, w.consents, w.catalogue, p, ring, w.clock, w.url+pages.ProviderReturnPath)
	w.deliveries = delivery.NewQueue(w.db, w.accounts, w.clients, p, ring, w.clock, delivery.QueueConfig{}, slog.New(slog.DiscardHandler))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		w.deliveries.Close(ctx)
	})
}

var masterKeys = sync.OnceValue(seal.NewKeyringText)

// Depart implements [delivery.Providers].
func (p *provider) AuthorizationURL(_ context.Context, d delivery.AuthorizationParams) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return "", delivery.ErrProviderGone
	}
	return p.url + "/authorize?" + url.Values{"state": {d.State.Reveal()}, "redirect_uri": {d.RedirectURI}}.Encode(), nil
}

// Return implements [delivery.Providers].
func (p *provider) AuthorizationError(_ context.Context, _ delivery.AuthorizationParams, oauthError string) error {
	if oauthError == "access_denied" {
		return delivery.ErrProviderRefused
	}
	return http.ErrHandlerTimeout
}

func (p *provider) Exchange(_ context.Context, _ delivery.AuthorizationParams, code seal.Secret) (delivery.ProviderTokens, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !strings.HasPrefix(code.Reveal(), "providers-code-") {
		return delivery.ProviderTokens{}, delivery.ErrProviderRefused
	}
	return p.access()
}

// Renew implements [delivery.Providers].
func (p *provider) RefreshTokens(context.Context, delivery.ProviderKey, seal.Secret, string) (delivery.ProviderTokens, error) {
	return delivery.ProviderTokens{}, delivery.ErrReconnect
}

// Send implements [delivery.Providers].
func (p *provider) Send(context.Context, delivery.ProviderKey, delivery.SendRequest) delivery.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outcome
}

func (p *provider) change(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

var providersPage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>Practice provider</title>
<main><h1>Practice provider</h1><form method="post"><p>
<button name="say" value="yes" data-testid="sim-approve">Confirm</button>
<button name="say" value="no" data-testid="sim-deny">Do not confirm</button></p></form></main>`))

// ServeHTTP is the provider's own page, as strict as ours: its form ends at the
// redirect URI and nowhere else.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.change(func() { p.visits = append(p.visits, r) })
	back, err := url.Parse(r.FormValue("redirect_uri"))
	if err != nil || r.URL.Path != "/authorize" {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Security-Policy", "form-action 'self' "+back.Scheme+"://"+back.Host)
		_ = providersPage.Execute(w, nil)
		return
	}
	answer := url.Values{"state": {r.FormValue("state")}}
	if r.FormValue("say") == "yes" {
		p.change(func() {
			p.codes++
			answer.Set("code", fmt.Sprintf("providers-code-%d", p.codes))
		})
	} else {
		answer.Set("error", "access_denied")
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// seen are the requests that have reached the provider's pages.
func (p *provider) seen() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.visits)
}

// away follows a redirect to another site, as a browser does.
func (p *page) away() *page {
	p.visitor.t.Helper()
	to := p.header.Get("Location")
	if p.status != http.StatusSeeOther || strings.HasPrefix(to, "/") {
		p.visitor.t.Fatalf("%s (%d) leads nowhere else:\n%s", p.url.Path, p.status, textOf(p.root))
	}
	return p.visitor.get(to)
}

// testIDOf is the data-testid of a source's button.
func testIDOf(s catalogue.Source) string { return fmt.Sprintf("service-%d", s.ID) }

// send pushes something to a provider as the client does.
func (w *world) send(c library.Client, accessToken string, account wire.AccountID, types ...string) delivery.Delivery {
	w.t.Helper()
	bearer, err := w.consents.Bearer(w.t.Context(), &library.SignedRequest{Client: c, Claims: wire.RequestClaims{AccessToken: accessToken}})
	if err != nil {
		w.t.Fatal(err)
	}
	to, err := w.deliveries.FindDestination(w.t.Context(), bearer, account)
	if err != nil {
		w.t.Fatal(err)
	}
	kept, err := w.deliveries.Enqueue(w.t.Context(), to, delivery.Resource{Version: fhir.STU3, Types: types, Body: []byte(`{}`)})
	if err != nil {
		w.t.Fatal(err)
	}
	return kept.Wait(w.t.Context()).Delivery
}

// connected lists what an application knows of the accounts at providers.
func (w *world) connected(c library.Client, accessToken string) []wire.Account {
	w.t.Helper()
	bearer, err := w.consents.Bearer(w.t.Context(), &library.SignedRequest{Client: c, Claims: wire.RequestClaims{AccessToken: accessToken}})
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := w.accounts.ListForBearer(w.t.Context(), bearer)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []wire.Account
	for _, a := range all {
		if a.Type == wire.AccountTypePush {
			list = append(list, a)
		}
	}
	return list
}

// disconnect ends an account as the client does.
func (w *world) disconnect(c library.Client, accessToken string, account wire.AccountID) {
	w.t.Helper()
	bearer, err := w.consents.Bearer(w.t.Context(), &library.SignedRequest{Client: c, Claims: wire.RequestClaims{AccessToken: accessToken}})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.accounts.DeleteForBearer(w.t.Context(), bearer, account); err != nil {
		w.t.Fatal(err)
	}
}
