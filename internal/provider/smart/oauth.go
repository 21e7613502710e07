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

// AuthorizationURL implements [delivery.Providers].
func (n *Network) AuthorizationURL(ctx context.Context, p delivery.AuthorizationParams) (string, error) {
	server, config, err := n.oauthConfig(ctx, p.Provider, p.RedirectURI)
	if err != nil {
		return "", fmt.Errorf("make an authorization request: %w", err)
	}
	return config.AuthCodeURL(p.State.Reveal(),
		oauth2.S256ChallengeOption(p.Verifier.Reveal()),
		oauth2.SetAuthURLParam("aud", server.BaseURL)), nil
}

// Exchange implements [delivery.Providers].
func (n *Network) Exchange(
	ctx context.Context, p delivery.AuthorizationParams, code seal.Secret,
) (delivery.ProviderTokens, error) {
	server, config, err := n.oauthConfig(ctx, p.Provider, p.RedirectURI)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("exchange the code: %w", err)
	}
	ctx, cancel := server.withTokenClient(ctx, p.Correlation)
	defer cancel()
	requested := n.now()
	token, err := config.Exchange(ctx, code.Reveal(), oauth2.VerifierOption(p.Verifier.Reveal()))
	tokens, err := newTokens(token, requested, tokenError(err, delivery.ErrProviderRefused))
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("exchange the code at FHIR server %q: %w", server.ID, err)
	}
	return tokens, nil
}

// AuthorizationError implements [delivery.Providers].
func (n *Network) AuthorizationError(_ context.Context, p delivery.AuthorizationParams, oauthError string) error {
	return fmt.Errorf("authorization at %s: %w", p.Provider, provider.AuthorizationError(oauthError))
}

// RefreshTokens implements [delivery.Providers].
func (n *Network) RefreshTokens(
	ctx context.Context, key delivery.ProviderKey, refresh seal.Secret, correlation string,
) (delivery.ProviderTokens, error) {
	server, config, err := n.oauthConfig(ctx, key, "")
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("refresh the tokens: %w", err)
	}
	ctx, cancel := server.withTokenClient(ctx, correlation)
	defer cancel()
	requested := n.now()
	// A TokenSource keeps the old refresh token if the response has none.
	token, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh.Reveal()}).Token()
	tokens, err := newTokens(token, requested, tokenError(err, delivery.ErrReconnect))
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("refresh the tokens at FHIR server %q: %w", server.ID, err)
	}
	return tokens, nil
}

// oauthConfig finds a server and returns the configuration of an OAuth client for it. The
// authentication style is fixed: package oauth2 would find it out by a second request,
// but a code must be sent once only.
func (n *Network) oauthConfig(
	ctx context.Context, key delivery.ProviderKey, redirectURI string,
) (*fhirServer, *oauth2.Config, error) {
	server, err := n.find(key)
	if err != nil {
		return nil, nil, err
	}
	ep, err := n.endpointsOf(ctx, server)
	if err != nil {
		return nil, nil, err
	}
	style := oauth2.AuthStyleInParams // a public client sends client_id only
	if !server.ClientSecret.IsZero() {
		style = oauth2.AuthStyleInHeader // "client-confidential-symmetric"
	}
	return server, &oauth2.Config{
		ClientID: server.ClientID, ClientSecret: server.ClientSecret.Reveal(),
		RedirectURL: redirectURI, Scopes: server.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: ep.authorization, TokenURL: ep.token, AuthStyle: style},
	}, nil
}

// withTokenClient returns a context in which package oauth2 uses the server's client, and
// that limits the time of a token request.
func (s *fhirServer) withTokenClient(ctx context.Context, correlation string) (context.Context, context.CancelFunc) {
	client := &http.Client{
		Transport:     headerTransport{s.client, correlation},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, client), provider.TokenTimeout)
}

// headerTransport adds headers to a request.
type headerTransport struct {
	client      *provider.Client
	correlation string
}

// RoundTrip implements [http.RoundTripper].
func (t headerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header["X-Correlation-ID"] = []string{t.correlation}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", provider.UserAgent)
	return t.client.RoundTrip(req)
}

// tokenError converts an error of package oauth2, whose text contains the response, into
// one that contains nothing of the request or the response. refused is the error for
// invalid_grant.
func tokenError(err, refused error) error {
	if err == nil {
		return nil
	}
	var response *oauth2.RetrieveError
	var transport *provider.TransportError
	switch {
	case errors.As(err, &response):
		status := response.Response.StatusCode
		switch {
		case response.ErrorCode == "invalid_grant" && status < 500:
			return refused
		case response.ErrorCode != "":
			code := provider.LoggableErrorCode(response.ErrorCode)
			return fmt.Errorf("the token endpoint answered %d: %s", status, code)
		}
		return fmt.Errorf("the token endpoint answered %d", status)
	case errors.As(err, &transport):
		return transport
	}
	return errors.New("the token response is truncated or invalid")
}

// newTokens returns the tokens of a response, or err if it is not nil. requested is when
// the token request was made.
func newTokens(token *oauth2.Token, requested time.Time, err error) (delivery.ProviderTokens, error) {
	if err != nil {
		return delivery.ProviderTokens{}, err
	}
	if token.Type() != "Bearer" { // Type ignores case, and returns Bearer if the type is missing
		return delivery.ProviderTokens{}, errors.New("the token endpoint issued a token that is not a bearer token")
	}
	return provider.NewTokens(token.AccessToken, token.RefreshToken, token.ExpiresIn, requested)
}
