package smart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider"
	"github.com/carrelhq/carrel/internal/seal"
)

// Depart implements [delivery.Providers].
func (n *Network) AuthorizationURL(ctx context.Context, d delivery.AuthorizationParams) (string, error) {
	p, err := n.find(d.Provider)
	if err != nil {
		return "", fmt.Errorf("depart: %w", err)
	}
	c, err := n.oauth(ctx, p, d.RedirectURI)
	if err != nil {
		return "", fmt.Errorf("depart: %w", err)
	}
	return c.AuthCodeURL(d.State.Reveal(),
		oauth2.S256ChallengeOption(d.Verifier.Reveal()),
		oauth2.SetAuthURLParam("aud", p.Base)), nil
}

// Return implements [delivery.Providers].
func (n *Network) Exchange(ctx context.Context, d delivery.AuthorizationParams, code seal.Secret) (delivery.ProviderTokens, error) {
	p, err := n.find(d.Provider)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("return: %w", err)
	}
	c, err := n.oauth(ctx, p, d.RedirectURI)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("return: %w", err)
	}
	ctx, cancel := p.calling(ctx, d.Correlation)
	defer cancel()
	start := n.now()
	t, err := c.Exchange(ctx, code.Reveal(), oauth2.VerifierOption(d.Verifier.Reveal()))
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("swap the code at FHIR server %q: %w", p.ID, why(err, delivery.ErrProviderRefused))
	}
	a, err := access(t, start)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("swap the code at FHIR server %q: %w", p.ID, err)
	}
	return a, nil
}

// Declined implements [delivery.Providers].
func (n *Network) AuthorizationError(_ context.Context, d delivery.AuthorizationParams, oauthError string) error {
	return fmt.Errorf("return from %s: %w", d.Provider, provider.Declined(oauthError))
}

// Renew implements [delivery.Providers].
func (n *Network) RefreshTokens(ctx context.Context, key delivery.ProviderKey, refresh seal.Secret, correlation string) (delivery.ProviderTokens, error) {
	p, err := n.find(key)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("renew: %w", err)
	}
	c, err := n.oauth(ctx, p, "")
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("renew: %w", err)
	}
	ctx, cancel := p.calling(ctx, correlation)
	defer cancel()
	start := n.now()
	// The source keeps the old refresh token if the answer brings none.
	t, err := c.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh.Reveal()}).Token()
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("renew the access at FHIR server %q: %w", p.ID, why(err, delivery.ErrReconnect))
	}
	a, err := access(t, start)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("renew the access at FHIR server %q: %w", p.ID, err)
	}
	return a, nil
}

// oauth is the client that we are at a server. How we show who we are is fixed: the
// package would find it out by trying, and a code is offered once.
func (n *Network) oauth(ctx context.Context, p *peer, redirect string) (*oauth2.Config, error) {
	e, err := n.endpointsOf(ctx, p)
	if err != nil {
		return nil, err
	}
	style := oauth2.AuthStyleInParams // a public client: client_id alone
	if !p.Secret.IsZero() {
		style = oauth2.AuthStyleInHeader // "client-confidential-symmetric"
	}
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret.Reveal(), RedirectURL: redirect, Scopes: p.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: e.authorize, TokenURL: e.token, AuthStyle: style},
	}, nil
}

// calling prepares a token request: our own client, bounded in time.
func (p *peer) calling(ctx context.Context, correlation string) (context.Context, context.CancelFunc) {
	client := &http.Client{
		Transport:     headers{p.way, correlation},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, client), provider.TokenTimeout)
}

// headers adds ours to a request.
type headers struct {
	way         *provider.Way
	correlation string
}

// RoundTrip implements [http.RoundTripper].
func (h headers) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header["X-Correlation-ID"] = []string{h.correlation}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", provider.UserAgent)
	return h.way.RoundTrip(req)
}

// why turns an error of package oauth2 into one that says nothing of what was sent or
// answered, which theirs do. refused is what invalid_grant means here.
func why(err, refused error) error {
	var answer *oauth2.RetrieveError
	var fault *provider.Fault
	switch {
	case errors.As(err, &answer):
		status := answer.Response.StatusCode
		switch {
		case answer.ErrorCode == "invalid_grant" && status < 500:
			return refused
		case answer.ErrorCode != "":
			return fmt.Errorf("the token endpoint answered %d: %s", status, provider.OAuthError(answer.ErrorCode))
		}
		return fmt.Errorf("the token endpoint answered %d", status)
	case errors.As(err, &fault):
		return fault
	}
	return errors.New("the answer of the token endpoint was cut off, or not as expected")
}

// access reads a token that was asked for at the given time.
func access(t *oauth2.Token, at time.Time) (delivery.ProviderTokens, error) {
	if t.Type() != "Bearer" { // which it is for any spelling, and for none
		return delivery.ProviderTokens{}, errors.New("the token endpoint gave a token that is not a bearer token")
	}
	return provider.Access(t.AccessToken, t.RefreshToken, t.ExpiresIn, at)
}
