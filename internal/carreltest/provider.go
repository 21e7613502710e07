package carreltest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/seal"
)

// The source of a world of [New], and the code that its provider takes.
const (
	SourceID   = 900123
	SourceName = "Huisartsenpraktijk De Linde"
	GoodCode   = "providers-code"

	sourceKey = "fake:delinde~53"
)

// Source returns the source of a world of [New].
func Source() catalogue.Source {
	return catalogue.Source{ID: SourceID, Name: SourceName, Reference: "delinde~53", Provider: sourceKey, Push: true,
		Version: fhir.STU3, Status: wire.Approved, Service: catalogue.Service{ID: catalogue.ServiceMedMij}}
}

// Provider is the care provider of a world of [New]. It answers what the test says, and records what it was sent.
// It is the catalogue's list of sources too.
type Provider struct {
	// URL is that of its pages. Nothing answers there before [Provider.OpensPages].
	URL string

	w *World

	mu         sync.Mutex
	gone       bool
	requests   []*http.Request // to its page
	sources    []catalogue.Source
	sourcesErr error
	generation uint64
	tokens     func(n int) (delivery.ProviderTokens, error)
	outcome    func(delivery.SendRequest) delivery.Outcome
	issued     int
	refreshes  []string
	revoked    []string
	revokeErr  error
	sent       []delivery.SendRequest
}

// newProvider returns a provider that takes everything, and whose tokens last for a quarter of an hour.
func newProvider(w *World) *Provider {
	p := &Provider{URL: "https://provider.example", w: w, sources: []catalogue.Source{Source()}, generation: 1}
	p.Answers(
		delivery.Outcome{
			Kind:   delivery.OutcomeDelivered,
			Status: 201,
			Answer: []byte(`{"resourceType":"Observation"}`),
		},
	)
	p.GivesTokens(false)
	return p
}

// Answers makes the provider answer every resource so from now on.
func (p *Provider) Answers(o delivery.Outcome) {
	p.AnswersWith(func(delivery.SendRequest) delivery.Outcome { return o })
}

// AnswersWith makes the provider answer each resource with what a function returns.
func (p *Provider) AnswersWith(outcome func(delivery.SendRequest) delivery.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcome = outcome
}

// GivesTokens makes the provider give tokens that last for a quarter of an hour: access-1, access-2 and so on, with
// refresh-1, refresh-2 and so on if they can be refreshed.
func (p *Provider) GivesTokens(refreshable bool) {
	p.GivesTokensWith(func(n int) (delivery.ProviderTokens, error) {
		t := delivery.ProviderTokens{
			Access:    seal.SecretOf(fmt.Sprintf("access-%d", n)),
			ExpiresAt: p.w.Clock.Now().Add(15 * time.Minute),
		}
		if refreshable {
			t.Refresh = seal.SecretOf(fmt.Sprintf("refresh-%d", n))
		}
		return t, nil
	})
}

// GivesTokensWith makes the provider answer the n-th code or refresh token with what a function returns.
func (p *Provider) GivesTokensWith(tokens func(n int) (delivery.ProviderTokens, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens = tokens
}

// RefusesTokens makes the provider give no tokens, but an error.
func (p *Provider) RefusesTokens(err error) {
	p.GivesTokensWith(func(int) (delivery.ProviderTokens, error) { return delivery.ProviderTokens{}, err })
}

// GivesTokensUntil makes the provider give access until a time.
func (p *Provider) GivesTokensUntil(at time.Time) {
	p.GivesTokensWith(func(int) (delivery.ProviderTokens, error) { return delivery.ProviderTokens{ExpiresAt: at}, nil })
}

// Lists makes the provider list these sources from now on.
func (p *Provider) Lists(sources ...catalogue.Source) { p.list(sources, nil) }

// FailsToList makes the provider's list unavailable.
func (p *Provider) FailsToList(err error) { p.list(nil, err) }

func (p *Provider) list(sources []catalogue.Source, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sources, p.sourcesErr = sources, err
	p.generation++
}

// Leaves makes the provider one that cannot be reached by the rules.
func (p *Provider) Leaves() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
}

// Sent returns the attempts to send something, in order.
func (p *Provider) Sent() []delivery.SendRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

// Refreshes returns the refresh tokens that were presented, in order.
func (p *Provider) Refreshes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.refreshes)
}

// Revoked returns the tokens that were revoked, in order.
func (p *Provider) Revoked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.revoked)
}

// FailsToRevoke makes the provider answer each revocation with an error, or with success if it is nil.
func (p *Provider) FailsToRevoke(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revokeErr = err
}

// RevokeTokens implements [delivery.Providers].
func (p *Provider) RevokeTokens(
	_ context.Context, _ delivery.ProviderKey, tokens delivery.ProviderTokens, _ string,
) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.revokeErr != nil {
		return p.revokeErr
	}
	token := tokens.Refresh
	if token.IsZero() {
		token = tokens.Access
	}
	p.revoked = append(p.revoked, token.Reveal())
	return nil
}

// ErrAway is the error of a provider that cannot be reached for now.
var ErrAway = errors.New("the provider is away for a moment")

// ListSources implements [catalogue.SourceLister].
func (p *Provider) ListSources() ([]catalogue.Source, uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sources, p.generation, p.sourcesErr
}

// AuthorizationURL implements [delivery.Providers].
func (p *Provider) AuthorizationURL(_ context.Context, d delivery.AuthorizationParams) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return "", delivery.ErrProviderGone
	}
	return p.URL + "/authorize?" + url.Values{
		"state":        {d.State.Reveal()},
		"correlation":  {d.Correlation},
		"redirect_uri": {d.RedirectURI},
		"verifier":     {d.Verifier.Reveal()},
	}.Encode(), nil
}

// Exchange implements [delivery.Providers].
func (p *Provider) Exchange(
	_ context.Context, _ delivery.AuthorizationParams, code seal.Secret,
) (delivery.ProviderTokens, error) {
	if code.Reveal() != GoodCode {
		return delivery.ProviderTokens{}, delivery.ErrProviderRefused
	}
	return p.issue()
}

// AuthorizationError implements [delivery.Providers].
func (p *Provider) AuthorizationError(_ context.Context, _ delivery.AuthorizationParams, oauthError string) error {
	if oauthError == "access_denied" {
		return delivery.ErrProviderRefused
	}
	return ErrAway
}

// RefreshTokens implements [delivery.Providers].
func (p *Provider) RefreshTokens(
	_ context.Context, _ delivery.ProviderKey, refresh seal.Secret, _ string,
) (delivery.ProviderTokens, error) {
	p.mu.Lock()
	p.refreshes = append(p.refreshes, refresh.Reveal())
	p.mu.Unlock()
	return p.issue()
}

func (p *Provider) issue() (delivery.ProviderTokens, error) {
	p.mu.Lock()
	p.issued++
	n, tokens := p.issued, p.tokens
	p.mu.Unlock()
	return tokens(n)
}

// Send implements [delivery.Providers].
func (p *Provider) Send(_ context.Context, _ delivery.ProviderKey, r delivery.SendRequest) delivery.Outcome {
	p.mu.Lock()
	p.sent = append(p.sent, r)
	outcome := p.outcome
	p.mu.Unlock()
	return outcome(r)
}
