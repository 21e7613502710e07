package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// How an account is connected:
//
//	AuthRequest ──StartAuthorization──> Authorization ··· the browser is at the provider
//	                                        │                       │
//	                                        └──time──> pending      └──HandleCallback──> refused, failed
//	                                                                │
//	                                                   Connection (pending) ──Deny──> removed
//	                                                                │
//	                                                                └──Allow, Complete──> the application may use it
//
// The provider's tokens are sealed by the keyring. Of all servers, one at a time refreshes an
// account's tokens, and stores what the provider gives before it uses it: a refresh token may be
// valid once.

// Authorization is a person's authorization at a provider (an OAuth 2.0 authorization code flow),
// found by the hash of its state parameter. It ends once, or expires.
type Authorization struct {
	State seal.Hash
	// Request is the hash of the authorization request that the account is connected for.
	Request     seal.Hash
	Application wire.ApplicationID
	Library     library.ID
	// Login is the browser that was sent to the provider. No other may return.
	Login  library.LoginID
	Source Source
	// Account is the account that is to be connected again; empty for a new one.
	Account wire.AccountID
	// Correlation names the authorization in the provider's log and ours (X-Correlation-ID).
	Correlation string
	// Secrets are what HandleCallback needs, sealed by the keyring; once it has ended, the page to go on
	// with.
	Secrets   []byte
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time
	// Result is how it ended; empty until that is known.
	Result AuthorizationResult
}

// AuthorizationStore stores authorizations at providers.
type AuthorizationStore interface {
	AddAuthorization(ctx context.Context, a Authorization) error
	// GetAuthorization finds an authorization by the hash of its state, an ended one too.
	GetAuthorization(ctx context.Context, state seal.Hash) (Authorization, error)
	// EndAuthorization marks the authorization ended and replaces its secrets by what is left of them.
	// It adds the event unless the event's library is empty. It returns ErrUsed if the authorization
	// had ended.
	EndAuthorization(ctx context.Context, state seal.Hash, at time.Time, left []byte, e library.Event) error
	// SetAuthorizationResult sets Result.
	SetAuthorizationResult(ctx context.Context, state seal.Hash, result AuthorizationResult) error
}

// redirectURI returns the redirect URI of a source's provider.
func (c *Connections) redirectURI(s Source) string { return fmt.Sprintf("%s/%d", c.redirectBase, s.ID) }

// StartAuthorization starts a person's authorization at a provider, and returns the address to send
// their browser to. HandleCallback ends it, and returns returnTo, the page to go on with. It
// returns ErrWrongPerson, ErrProviderGone, and ErrNotFound for a target that cannot be connected
// now or is not the person's.
func (c *Connections) StartAuthorization(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
	target Target,
	returnTo string,
) (address string, err error) {
	if err := r.CheckPerson(s); err != nil {
		return "", err
	}
	source, err := c.findTarget(ctx, s, r, target)
	if err != nil {
		return "", err
	}
	state := seal.NewSecret()
	params := AuthorizationParams{
		Provider:    source.Provider,
		State:       state,
		Verifier:    seal.NewSecret(),
		RedirectURI: c.redirectURI(source),
		Correlation: newCorrelation(),
	}
	if address, err = c.providers.AuthorizationURL(ctx, params); err != nil {
		return "", fmt.Errorf("start authorization at %s: %w", source.Provider, err)
	}
	now := c.now()
	authorization := Authorization{
		State:       state.Hash(),
		Request:     r.Hash,
		Application: r.Client.Application.ID,
		Library:     s.Library.ID,
		Login:       s.Login.ID,
		Source:      source,
		Account:     target.Account,
		Correlation: params.Correlation,
		CreatedAt:   now,
		ExpiresAt:   now.Add(authorizationLifetime),
	}
	if authorization.Secrets, err = c.boxes.sealAuthorization(authorization, r.Client.Contract.ID,
		params.Verifier, returnTo); err != nil {
		return "", err
	}
	if err := c.store.AddAuthorization(ctx, authorization); err != nil {
		return "", fmt.Errorf("add authorization: %w", err)
	}
	return address, nil
}

// AuthorizationResult says how an authorization at a provider ended.
type AuthorizationResult string

// The results of authorizations; pages show them as data-state.
const (
	AuthorizationConnected AuthorizationResult = "ok"
	// AuthorizationRefused: the person or the provider refused.
	AuthorizationRefused AuthorizationResult = "refused"
	AuthorizationFailed  AuthorizationResult = "failed"
	// AuthorizationTimedOut: it took too long.
	AuthorizationTimedOut AuthorizationResult = "pending"
)

// CallbackParams are what a browser brings back from a provider.
type CallbackParams struct {
	// Source is the source of the redirect URI at which the browser returned.
	Source int
	State  seal.Secret
	Code   seal.Secret
	// Error is the OAuth error code; empty for a success.
	Error string
}

// CallbackResult is the result of an authorization that has ended.
type CallbackResult struct {
	Result AuthorizationResult
	Source Source
	// Return is the page to go on with.
	Return string
	// Cause is why it failed, for the log.
	Cause error
}

// ReturnPage returns the page to go on with after the authorization of a state. It returns
// ErrNotFound if the state is unknown, or if the authorization has ended.
func (c *Connections) ReturnPage(ctx context.Context, state seal.Secret) (string, error) {
	authorization, err := c.store.GetAuthorization(ctx, state.Hash())
	if err != nil {
		return "", fmt.Errorf("get authorization: %w", err)
	}
	if !authorization.EndedAt.IsZero() {
		return "", fmt.Errorf("authorization has ended: %w", library.ErrNotFound)
	}
	secrets, err := c.openAuthorization(ctx, authorization)
	if err != nil {
		return "", err
	}
	return secrets.Return, nil
}

// HandleCallback ends a person's authorization: it exchanges the code for tokens and connects the
// account, which the application may use once the person has answered the request. A browser that
// comes back a second time gets the same result: it waits for the first to have one. HandleCallback
// returns ErrWrongPerson for another browser than the one that was sent to the provider, and
// ErrNotFound for an unknown state.
func (c *Connections) HandleCallback(
	ctx context.Context,
	s *library.SignedIn,
	answer CallbackParams,
) (*CallbackResult, error) {
	authorization, err := c.store.GetAuthorization(ctx, answer.State.Hash())
	if err != nil {
		return nil, fmt.Errorf("get authorization: %w", err)
	}
	secrets, err := c.openAuthorization(ctx, authorization)
	if err != nil {
		return nil, err
	}
	if authorization.Source.ID != answer.Source {
		return nil, fmt.Errorf("the authorization is at another provider: %w", library.ErrNotFound)
	}
	if authorization.Library != s.Library.ID || authorization.Login != s.Login.ID {
		return nil, library.ErrWrongPerson
	}
	if !authorization.EndedAt.IsZero() {
		return c.waitForResult(ctx, authorization)
	}
	client, err := c.consents.GetRequestClient(ctx, authorization.Request)
	if err != nil {
		return nil, err
	}
	if client.Application.ID != authorization.Application || client.Contract.ID != secrets.Owner.Contract {
		err := misplaced(secrets.Owner, AuthorizationPurpose(authorization.State), "is for a request that is said to "+
			"be of another contract")
		return nil, c.recordTampering(ctx, err, authorization.Library)
	}
	result := &CallbackResult{Source: authorization.Source, Return: secrets.Return}
	// End it before the code is used: both may be used once.
	now := c.now()
	left, err := c.boxes.sealAuthorization(authorization, secrets.Owner.Contract, seal.Secret{}, secrets.Return)
	if err != nil {
		return nil, err
	}
	err = c.store.EndAuthorization(ctx, authorization.State, now, left, library.Event{})
	if errors.Is(err, library.ErrUsed) { // by the same browser, at the same time
		return c.waitForResult(ctx, authorization)
	}
	if err != nil {
		return nil, fmt.Errorf("end authorization: %w", err)
	}
	// The code is used up now, even if the browser goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	event := library.Event{Library: authorization.Library, At: now, Kind: library.EventConnected,
		Details: client.EventDetails()}
	event.Details.Provider = authorization.Source.Name
	var access ProviderTokens
	result.Result = AuthorizationTimedOut
	if now.Before(authorization.ExpiresAt) {
		access, result.Cause = c.exchange(ctx, authorization, secrets, answer)
		result.Result = authorizationResult(result.Cause)
	}
	if result.Result == AuthorizationConnected {
		err = c.connect(ctx, authorization, secrets.Owner.Contract, access, event)
	} else {
		event.Kind = library.EventNotConnected
		if err = c.events.AddEvent(ctx, event); err != nil && !errors.Is(err, library.ErrNotFound) {
			err = fmt.Errorf("record that nothing was connected: %w", err)
		} else {
			err = nil
		}
	}
	ended := result.Result
	if err != nil {
		ended = AuthorizationFailed
	}
	return result, errors.Join(err, c.store.SetAuthorizationResult(ctx, authorization.State, ended))
}

// openAuthorization opens the secrets of an authorization. It returns ErrNotFound for one that an older
// program has ended.
func (c *Connections) openAuthorization(ctx context.Context, a Authorization) (authorizationSecrets, error) {
	if !a.EndedAt.IsZero() && a.Secrets == nil {
		return authorizationSecrets{}, fmt.Errorf("nothing is left of the authorization: %w", library.ErrNotFound)
	}
	secrets, err := c.boxes.openAuthorization(a)
	return secrets, c.recordTampering(ctx, err, a.Library)
}

// waitForResult returns the result of an authorization that the same browser has ended before, or is
// about to end.
func (c *Connections) waitForResult(ctx context.Context, authorization Authorization) (*CallbackResult, error) {
	const pause = 100 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		current, err := c.store.GetAuthorization(ctx, authorization.State)
		if err != nil {
			return nil, fmt.Errorf("get authorization: %w", err)
		}
		if current.Result == "" && waited < exchangeTimeout {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(pause):
			}
			continue
		}
		if current.Result == "" { // the server stopped in between
			current.Result = AuthorizationTimedOut
		}
		secrets, err := c.openAuthorization(ctx, current)
		if err != nil {
			return nil, err
		}
		return &CallbackResult{Source: current.Source, Result: current.Result, Return: secrets.Return}, nil
	}
}

// exchange exchanges the code that the browser brought back for tokens.
func (c *Connections) exchange(
	ctx context.Context,
	authorization Authorization,
	secrets authorizationSecrets,
	answer CallbackParams,
) (ProviderTokens, error) {
	params := AuthorizationParams{
		Provider:    authorization.Source.Provider,
		State:       answer.State,
		Verifier:    seal.SecretOf(secrets.Verifier),
		RedirectURI: c.redirectURI(authorization.Source),
		Correlation: authorization.Correlation,
	}
	if answer.Error != "" || answer.Code.IsZero() {
		return ProviderTokens{}, c.providers.AuthorizationError(ctx, params, answer.Error)
	}
	return c.providers.Exchange(ctx, params, answer.Code)
}

// authorizationResult returns the result of an exchange that returned err.
func authorizationResult(err error) AuthorizationResult {
	switch {
	case err == nil:
		return AuthorizationConnected
	case errors.Is(err, ErrProviderRefused):
		return AuthorizationRefused
	}
	return AuthorizationFailed
}

// connect adds the account of an authorization for a contract that succeeded.
func (c *Connections) connect(
	ctx context.Context,
	a Authorization,
	contract wire.ContractID,
	access ProviderTokens,
	e library.Event,
) error {
	now := c.now()
	connection := Connection{
		ID:        wire.AccountID(fmt.Sprintf("%d_%s", a.Source.ServiceID, wire.RandomAlphanumeric(22))),
		Reference: library.AccountReference(wire.RandomAlphanumeric(16)),
		Library:   a.Library, Application: a.Application, Source: a.Source, Pending: true,
		AccessUntil: accessEnd(access), Correlation: a.Correlation, CreatedAt: now, UpdatedAt: now,
	}
	var err error
	connection.Access, err = c.boxes.sealAccess(connection, contract, access, a.Correlation)
	if err != nil {
		return err
	}
	if _, err := c.store.Connect(ctx, a.Request, a.Account, connection, e); err != nil {
		// The library, the request or the account has ended meanwhile: nobody can use the tokens.
		err = c.recordTampering(ctx, err, a.Library)
		return errors.Join(fmt.Errorf("connect account: %w", err), c.store.AddTokenRevocation(ctx, connection, now))
	}
	return nil
}
