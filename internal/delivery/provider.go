package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/seal"
)

// What [Providers] report.
var (
	// ErrProviderRefused says that the person, or the provider, said no; MedMij makes the
	// two look alike on purpose.
	ErrProviderRefused = errors.New("the provider was not connected")
	// ErrReconnect says that the provider's consent is over and only the person can
	// renew it.
	ErrReconnect = errors.New("the provider's consent is over")
	// ErrProviderGone says that no provider of that key can be reached by the rules: it
	// is not on the lists, or not on the whitelist.
	ErrProviderGone = errors.New("no such provider")
)

// Providers reach the providers that people connect: those of MedMij's network, and
// FHIR servers that the operator has configured. An implementation keeps nothing: what
// must be kept is handed in and out. No error of it repeats a token, a code or anything
// of a resource.
type Providers interface {
	// Depart returns the address at the provider to which the person's browser is sent.
	// ErrProviderGone if there is none.
	AuthorizationURL(ctx context.Context, d AuthorizationParams) (address string, err error)
	// Return swaps the code that the browser brought back for access. It is called once
	// for a code. ErrProviderRefused if the provider does not take it; any other error
	// is a fault of the provider's, of the way, or of the configuration.
	Exchange(ctx context.Context, d AuthorizationParams, code seal.Secret) (ProviderTokens, error)
	// Declined hears that the browser brought back an error of OAuth in place of a code, or
	// neither; the error is as it stood in the address. It returns ErrProviderRefused if it
	// means a no, and another error otherwise, never nil.
	AuthorizationError(ctx context.Context, d AuthorizationParams, oauthError string) error
	// Renew gets new access for a refresh token, which the provider may replace: an
	// empty Refresh means that the old one still counts. ErrReconnect if the provider does
	// not take it any more. Any other error leaves open whether the old one still counts.
	RefreshTokens(ctx context.Context, key ProviderKey, refresh seal.Secret, correlation string) (ProviderTokens, error)
	// Send makes one attempt. It never follows a redirect and never tries again. The
	// context bounds how long it may take.
	Send(ctx context.Context, key ProviderKey, s SendRequest) Outcome
}

// AuthorizationParams is what a trip to a provider is made with, on its way out and back.
type AuthorizationParams struct {
	Provider ProviderKey
	// State comes back with the browser.
	State seal.Secret
	// Verifier is that of PKCE (RFC 7636), for the providers that know it.
	Verifier seal.Secret
	// RedirectURI is where the browser comes back to from this provider alone: https, of our
	// own, without a query.
	RedirectURI string
	// Correlation is a UUID that names the run (X-Correlation-ID).
	Correlation string
}

// ProviderTokens is what a provider gives us in the person's name.
type ProviderTokens struct {
	Access seal.Secret
	// Refresh is the zero secret if the provider gave none.
	Refresh   seal.Secret
	ExpiresAt time.Time
}

// Resource is a FHIR resource or Bundle that may leave, and how.
type Resource struct {
	Version fhir.Version `json:"version"`
	// Path is the type that it is posted to; empty for a Bundle, which goes to the base.
	Path string `json:"path,omitempty"`
	// Types are those of the resources, in order.
	Types []string `json:"types"`
	// Body is JSON. It is not part of what encodes: it may be large, and stands behind.
	Body []byte `json:"-"`
}

// SendRequest is one attempt to deliver a resource.
type SendRequest struct {
	Resource    Resource
	Token       seal.Secret
	Correlation string
}

// OutcomeKind is what an attempt came to.
type OutcomeKind int

// The outcomes of an attempt. Only after OutcomeNotFiled may it be made again.
const (
	// OutcomeUnknown: it may have been filed. It is the zero value on purpose.
	OutcomeUnknown OutcomeKind = iota
	// OutcomeDelivered: filed, all of it.
	OutcomeDelivered
	// OutcomeRefused: not filed, or not all of it, and never will be as it is.
	OutcomeRefused
	// OutcomeNotFiled: surely not filed: it was not sent, or the provider said "later".
	OutcomeNotFiled
	// OutcomeUnauthorized: not filed; the provider does not take the token (401).
	OutcomeUnauthorized
	// OutcomeForbidden: not filed; the token is not enough (403).
	OutcomeForbidden
)

// Outcome is what an attempt came to, and what the provider said.
type Outcome struct {
	Kind OutcomeKind
	// Status is the HTTP status; 0 without an answer.
	Status int
	// Approval is the provider's answer if it was JSON of a bearable size; else nil.
	Answer []byte
	// RetryAfter is how long the provider asked to wait; 0 if it did not.
	RetryAfter time.Duration
	// Reason says in a few words what happened, without anything of the content.
	Reason string
}
