package webtest

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

// Listing is what can be connected.
type Listing struct {
	mu         sync.Mutex
	list       []catalogue.Source
	generation uint64
	err        error
}

// ListSources implements [catalogue.SourceLister].
func (l *Listing) ListSources() ([]catalogue.Source, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list, l.generation, l.err
}

// Set replaces the sources.
func (l *Listing) Set(list ...catalogue.Source) { l.set(nil, list) }

// Fail makes the list impossible to load.
func (l *Listing) Fail(err error) { l.set(err, nil) }

func (l *Listing) set(err error, list []catalogue.Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list, l.err = list, err
	l.generation++
}

// Sources to connect. Oosterwal takes documents and answers, the others measurements.
var (
	Lucas     = newSource("lucas", "53", "Sint Lucas Hospital", "hospital", "Utrecht")
	Linde     = newSource("linde", "53", "De Linde general practice", "general-practitioner", "Nieuwegein")
	Oosterwal = newSource("oosterwal", "57", "Oosterwal", "physiotherapy", "Zeist")
)

func newSource(provider, service, name, kind, city string) catalogue.Source {
	key := delivery.ProviderKey("fake:" + provider + "~" + service)
	return catalogue.MedMijSource(key, provider+"@medmij", service, "Service "+service, catalogue.Directory{
		provider: {Name: name, City: city, ZipCode: "3511 AB", OrganizationType: kind},
	})
}

// ManySources are Lucas, Linde, and n general practices.
func ManySources(n int) []catalogue.Source {
	list := []catalogue.Source{Lucas, Linde}
	for i := range n {
		key := fmt.Sprintf("praktijk%c%c%c", 'a'+i/676%26, 'a'+i/26%26, 'a'+i%26)
		list = append(list, newSource(key, "53", fmt.Sprintf("Practice %03d", i), "general-practitioner", "Almere"))
	}
	return list
}

// SourceID is the data-testid of a source's button.
func SourceID(s catalogue.Source) string { return fmt.Sprintf("service-%d", s.ID) }

// Provider is a care provider: the page where a person confirms, and what it answers to the site.
type Provider struct {
	URL string

	mu       sync.Mutex
	codes    int
	requests []*http.Request
	exchange func() (delivery.ProviderTokens, error)
	outcome  delivery.Outcome
	gone     bool
}

func newProvider(w *World) *Provider {
	p := &Provider{outcome: delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: http.StatusCreated}}
	p.exchange = func() (delivery.ProviderTokens, error) {
		return delivery.ProviderTokens{Access: seal.NewSecret(), ExpiresAt: w.Now().Add(15 * time.Minute)}, nil
	}
	server := httptest.NewServer(p)
	w.T.Cleanup(server.Close)
	// By another name than the site's, so that it is another site to a browser.
	p.URL = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	return p
}

// FailExchange makes the provider give no tokens.
func (p *Provider) FailExchange() {
	p.change(func() {
		p.exchange = func() (delivery.ProviderTokens, error) {
			return delivery.ProviderTokens{}, http.ErrHandlerTimeout
		}
	})
}

// ExpireAt makes the provider give access until a time.
func (p *Provider) ExpireAt(at time.Time) {
	p.change(func() {
		p.exchange = func() (delivery.ProviderTokens, error) { return delivery.ProviderTokens{ExpiresAt: at}, nil }
	})
}

// Answer makes the provider answer what is sent to it with an outcome.
func (p *Provider) Answer(o delivery.Outcome) { p.change(func() { p.outcome = o }) }

// Leave makes the provider impossible to reach.
func (p *Provider) Leave() { p.change(func() { p.gone = true }) }

func (p *Provider) change(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// Requests are the requests to the provider's page.
func (p *Provider) Requests() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// AuthorizationURL implements [delivery.Providers].
func (p *Provider) AuthorizationURL(_ context.Context, a delivery.AuthorizationParams) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return "", delivery.ErrProviderGone
	}
	query := url.Values{"state": {a.State.Reveal()}, "redirect_uri": {a.RedirectURI}}
	return p.URL + "/authorize?" + query.Encode(), nil
}

// AuthorizationError implements [delivery.Providers].
func (p *Provider) AuthorizationError(_ context.Context, _ delivery.AuthorizationParams, oauthError string) error {
	if oauthError == "access_denied" {
		return delivery.ErrProviderRefused
	}
	return http.ErrHandlerTimeout
}

// Exchange implements [delivery.Providers].
func (p *Provider) Exchange(
	_ context.Context, _ delivery.AuthorizationParams, code seal.Secret,
) (delivery.ProviderTokens, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !strings.HasPrefix(code.Reveal(), "providers-code-") {
		return delivery.ProviderTokens{}, delivery.ErrProviderRefused
	}
	return p.exchange()
}

// RefreshTokens implements [delivery.Providers].
func (p *Provider) RefreshTokens(
	context.Context, delivery.ProviderKey, seal.Secret, string,
) (delivery.ProviderTokens, error) {
	return delivery.ProviderTokens{}, delivery.ErrReconnect
}

// Send implements [delivery.Providers].
func (p *Provider) Send(context.Context, delivery.ProviderKey, delivery.SendRequest) delivery.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outcome
}

var providerPage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>Practice provider</title>
<main><h1>Practice provider</h1><form method="post"><p>
<button name="say" value="yes" data-testid="sim-approve">Confirm</button>
<button name="say" value="no" data-testid="sim-deny">Do not confirm</button></p></form></main>`))

// ServeHTTP serves the provider's page. Its form may end at the redirect URI and nowhere else.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.change(func() { p.requests = append(p.requests, r) })
	callback, err := url.Parse(r.FormValue("redirect_uri"))
	if err != nil || r.URL.Path != "/authorize" {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Security-Policy", "form-action 'self' "+callback.Scheme+"://"+callback.Host)
		_ = providerPage.Execute(w, nil)
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
	callback.RawQuery = answer.Encode()
	http.Redirect(w, r, callback.String(), http.StatusSeeOther)
}
