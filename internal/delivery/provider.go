package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/seal"
)

// The errors of [Providers].
var (
	// ErrProviderRefused says that the person or the provider refused; MedMij makes the two
	// indistinguishable on purpose.
	ErrProviderRefused = errors.New("the provider was not connected")
	// ErrReconnect says that the provider does not accept our access any more, and that the person
	// has to connect the account again.
	ErrReconnect = errors.New("the provider's consent is over")
	// ErrProviderGone says that there is no provider of that key that may be called: it is not on
	// the lists, or not on the whitelist.
	ErrProviderGone = errors.New("no such provider")
)

// Providers calls the providers that people connect: those of MedMij's network, and FHIR servers
// that the operator has configured. An implementation stores nothing. Its errors repeat no token,
// no code and nothing of a resource.
type Providers interface {
	// AuthorizationURL returns the address at the provider to send the person's browser to. It
	// returns ErrProviderGone if there is no such provider.
	AuthorizationURL(ctx context.Context, d AuthorizationParams) (address string, err error)
	// Exchange exchanges the code that the browser brought back for tokens. It is called once for
	// a code. It returns ErrProviderRefused if the provider refuses the code; any other error is
	// one of the provider, the network or the configuration.
	Exchange(ctx context.Context, d AuthorizationParams, code seal.Secret) (ProviderTokens, error)
	// AuthorizationError returns the error that the browser's OAuth error code stands for; the code
	// is empty if the browser brought neither a code nor an error. It returns ErrProviderRefused
	// if the error is a refusal, and another error otherwise, never nil.
	AuthorizationError(ctx context.Context, d AuthorizationParams, oauthError string) error
	// RefreshTokens gets new tokens for a refresh token. An empty Refresh means that the old one
	// stays valid. It returns ErrReconnect if the provider does not accept the refresh token; after
	// any other error it may still be valid or not.
	RefreshTokens(ctx context.Context, key ProviderKey, refresh seal.Secret, correlation string) (ProviderTokens, error)
	// RevokeTokens tells the provider that the tokens are not used any more: the refresh token if there
	// is one, and otherwise the access token. It returns nil if the provider offers no way to revoke
	// tokens, or does not know the token.
	RevokeTokens(ctx context.Context, key ProviderKey, tokens ProviderTokens, correlation string) error
	// Send makes one attempt. It follows no redirect and does not retry. The context bounds how
	// long it may take.
	Send(ctx context.Context, key ProviderKey, s SendRequest) Outcome
}

// AuthorizationParams are the parameters of an authorization, the same for its request and for
// the exchange of its code.
type AuthorizationParams struct {
	Provider ProviderKey
	// State is the state parameter of OAuth.
	State seal.Secret
	// Verifier is the code verifier of PKCE (RFC 7636), for providers that support it.
	Verifier seal.Secret
	// RedirectURI is the redirect URI of this provider alone: https, without a query.
	RedirectURI string
	// Correlation is a UUID that names the authorization (X-Correlation-ID).
	Correlation string
}

// ProviderTokens are the tokens that a provider gives us for a person.
type ProviderTokens struct {
	Access seal.Secret
	// Refresh is the zero secret if the provider gave none.
	Refresh   seal.Secret
	ExpiresAt time.Time
}

// Resource is a FHIR resource or Bundle that has been checked and may be sent.
type Resource struct {
	Version fhir.Version `json:"version"`
	// Path is the type that it is posted to; empty for a Bundle, which is posted to the base.
	Path string `json:"path,omitempty"`
	// Types are the types of the resources, in order.
	Types []string `json:"types"`
	// Body is JSON. It is not encoded with the rest: it may be large, and is stored behind it.
	Body []byte `json:"-"`
}

// SendRequest is what one attempt sends.
type SendRequest struct {
	Resource    Resource
	Token       seal.Secret
	Correlation string
}
