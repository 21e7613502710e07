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
//	link ──Depart──> Trip ··· the browser is at the provider ··· ──Arrive──> Connection (pending)
//	                  │                                            │             │ Allow, Connect: it stands
//	                  └──time──> pending, for the pages             └─no─> refused │ Deny: it is gone
//
// What the provider gives us is kept sealed by the keyring. Access that can be renewed
// is renewed by one at a time, on all nodes together, and what the provider gives in
// its place is stored before it is used: a refresh token counts once.

// authorizationSecrets are what the return needs and nobody else may see.
type authorizationSecrets struct {
	Verifier string `json:"verifier"`
	// Return is the page that the person left.
	Return string `json:"return"`
}

func purposeAuthorization(state seal.Hash) string { return "carrel trip " + state.String() }

// returnFrom is where browsers come back to from a source's provider.
func (a *Connections) redirectURI(s Source) string { return fmt.Sprintf("%s/%d", a.redirectBase, s.ID) }

// Depart prepares a person's trip to a provider and returns the address to send their
// browser to. They will come back to Arrive, which hands out returnTo: the page to go on
// with. It returns ErrWrongPerson, ErrNotFound as Find does, or ErrProviderGone.
func (a *Connections) StartAuthorization(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
	t Target,
	returnTo string,
) (address string, err error) {
	if err := r.CheckPerson(s); err != nil {
		return "", err
	}
	source, err := a.findTarget(ctx, s, r, t)
	if err != nil {
		return "", err
	}
	state := seal.NewSecret()
	d := AuthorizationParams{
		Provider:    source.Provider,
		State:       state,
		Verifier:    seal.NewSecret(),
		RedirectURI: a.redirectURI(source),
		Correlation: newCorrelation(),
	}
	if address, err = a.providers.AuthorizationURL(ctx, d); err != nil {
		return "", fmt.Errorf("depart to %s: %w", source.Provider, err)
	}
	now := a.now()
	trip := Authorization{
		State:       state.Hash(),
		Request:     r.Hash,
		Application: r.Client.Application.ID,
		Library:     s.Library.ID,
		Login:       s.Login.ID,
		Source:      source,
		Correlation: d.Correlation,
		CreatedAt:   now,
		ExpiresAt:   now.Add(authorizationLifetime),
	}
	if trip.Secrets, err = a.sealJSON(purposeAuthorization(trip.State), authorizationSecrets{d.Verifier.Reveal(), returnTo}); err != nil {
		return "", err
	}
	if err := a.store.AddAuthorization(ctx, trip); err != nil {
		return "", fmt.Errorf("add trip: %w", err)
	}
	return address, nil
}

// AuthorizationResult is how a trip to a provider ended.
type AuthorizationResult string

// The ends of a trip, in the words of data-state.
const (
	AuthorizationConnected AuthorizationResult = "ok"
	// AuthorizationRefused: the person said no, or the provider has nothing to do with them.
	AuthorizationRefused AuthorizationResult = "refused"
	AuthorizationFailed  AuthorizationResult = "failed"
	// AuthorizationTimedOut: it took too long.
	AuthorizationTimedOut AuthorizationResult = "pending"
)

// CallbackParams is what a browser that comes back from a provider carries.
type CallbackParams struct {
	// Source is that of the address at which the browser came back.
	Source int
	State  seal.Secret
	Code   seal.Secret
	// Error is the error code of OAuth; empty for a success.
	Error string
}

// CallbackResult is a trip that has come back.
type CallbackResult struct {
	Result AuthorizationResult
	Source Source
	// Return is the page to go on with.
	Return string
	// Cause is why it failed: for the log.
	Cause error
}

// ReturnPage is the page that the person of a trip left; ErrNotFound for a state that is
// not one of ours, or no longer.
func (a *Connections) ReturnPage(ctx context.Context, state seal.Secret) (string, error) {
	trip, err := a.store.GetAuthorization(ctx, state.Hash())
	if err != nil {
		return "", fmt.Errorf("get trip: %w", err)
	}
	var secrets authorizationSecrets
	if trip.Secrets == nil {
		return "", fmt.Errorf("trip has ended: %w", library.ErrNotFound)
	}
	if err := a.openJSON(purposeAuthorization(trip.State), trip.Secrets, &secrets); err != nil {
		return "", err
	}
	return secrets.Return, nil
}

// Arrive ends a person's trip: it swaps the code for access and connects the account,
// which the application may use once the link is answered. Only the browser that left
// may come back; another gets ErrWrongPerson. ErrNotFound for a state that is not one of
// ours; ErrUsed for a trip that has ended.
func (a *Connections) HandleCallback(
	ctx context.Context,
	s *library.SignedIn,
	answer CallbackParams,
) (*CallbackResult, error) {
	trip, err := a.store.GetAuthorization(ctx, answer.State.Hash())
	if err != nil {
		return nil, fmt.Errorf("get trip: %w", err)
	}
	if trip.Source.ID != answer.Source {
		return nil, fmt.Errorf("the trip was to another provider: %w", library.ErrNotFound)
	}
	if trip.Library != s.Library.ID || trip.Login != s.Login.ID {
		return nil, library.ErrWrongPerson
	}
	if !trip.EndedAt.IsZero() {
		return nil, library.ErrUsed
	}
	var secrets authorizationSecrets
	if err := a.openJSON(purposeAuthorization(trip.State), trip.Secrets, &secrets); err != nil {
		return nil, err
	}
	client, err := a.consents.GetRequestClient(ctx, trip.Request)
	if err != nil {
		return nil, err
	}
	back := &CallbackResult{Source: trip.Source, Return: secrets.Return}
	// Before the code is used: it counts once, and so does the trip.
	now := a.now()
	if err := a.store.EndAuthorization(ctx, trip.State, now, library.Event{}); err != nil {
		return nil, fmt.Errorf("end trip: %w", err)
	}
	// The browser may go away now: the code is used up all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	event := library.Event{Library: trip.Library, At: now, Kind: library.EventConnected, Details: client.EventDetails()}
	event.Details.Provider = trip.Source.Name
	var access ProviderTokens
	back.Result = AuthorizationTimedOut
	if now.Before(trip.ExpiresAt) {
		access, back.Cause = a.exchange(ctx, trip, secrets, answer)
		back.Result = authorizationResult(back.Cause)
	}
	if back.Result == AuthorizationConnected {
		return back, a.connect(ctx, trip, access, event)
	}
	event.Kind = library.EventNotConnected
	if err := a.events.AddEvent(ctx, event); err != nil && !errors.Is(err, library.ErrNotFound) {
		return nil, fmt.Errorf("note that nothing was connected: %w", err)
	}
	return back, nil
}

// redeem swaps what the browser brought back for access.
func (a *Connections) exchange(
	ctx context.Context,
	t Authorization,
	secrets authorizationSecrets,
	answer CallbackParams,
) (ProviderTokens, error) {
	d := AuthorizationParams{
		Provider:    t.Source.Provider,
		State:       answer.State,
		Verifier:    seal.SecretOf(secrets.Verifier),
		RedirectURI: a.redirectURI(t.Source),
		Correlation: t.Correlation,
	}
	if answer.Error != "" || answer.Code.IsZero() {
		return ProviderTokens{}, a.providers.AuthorizationError(ctx, d, answer.Error)
	}
	return a.providers.Exchange(ctx, d, answer.Code)
}

func authorizationResult(err error) AuthorizationResult {
	switch {
	case err == nil:
		return AuthorizationConnected
	case errors.Is(err, ErrProviderRefused):
		return AuthorizationRefused
	}
	return AuthorizationFailed
}

func (a *Connections) connect(ctx context.Context, t Authorization, access ProviderTokens, e library.Event) error {
	now := a.now()
	account := Connection{
		ID:        wire.AccountID(fmt.Sprintf("%d_%s", t.Source.ServiceID, wire.RandomAlphanumeric(22))),
		Reference: library.Reference(wire.RandomAlphanumeric(16)),
		Library:   t.Library, Application: t.Application, Source: t.Source, Pending: true,
		AccessUntil: accessEnd(access), Correlation: t.Correlation, CreatedAt: now, UpdatedAt: now,
	}
	var err error
	if account.Access, err = a.sealJSON(purposeAccess(account), newStoredTokens(access, t.Correlation)); err != nil {
		return err
	}
	if _, err := a.store.Connect(ctx, t.Request, account, e); err != nil {
		return fmt.Errorf("connect account: %w", err)
	}
	return nil
}

// Authorization is a person's way to a provider and back, in their browser: found by the hash
// of the state that travels with them. It ends once, or by time.
type Authorization struct {
	State seal.Hash
	// AuthRequest is the link that the trip is for.
	Request     seal.Hash
	Application wire.ApplicationID
	Library     library.ID
	// Login is the browser that left; no other may come back.
	Login  library.LoginID
	Source Source
	// Correlation names the run in the provider's log and ours (X-Correlation-ID).
	Correlation string
	// Secrets are what is needed at the return, sealed by the keyring; see [Connections].
	Secrets   []byte
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time
}
