package digime

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Refresh exchanges the refresh token for a new access token and, if the server gives one, a new refresh token.
// [ErrReauthorize] and [ErrRevoked] say that the refresh token no longer works, and what to do. A [User] refreshes by
// itself; Refresh is for applications that manage their tokens in another way.
func (k *Contract) Refresh(ctx context.Context, token UserAccessToken) (UserAccessToken, error) {
	if token.RefreshToken.Value.IsZero() {
		return UserAccessToken{}, invalid("refresh: there is no refresh token")
	}
	fresh, err := k.getToken(ctx, wire.RequestClaims{
		GrantType:    wire.GrantRefreshToken,
		RefreshToken: token.RefreshToken.Value.Reveal(),
	})
	if errors.Is(err, ErrInvalidToken) {
		err = fmt.Errorf("%w: %w", k.whyRefused(token.RefreshToken, err), err)
	}
	if err != nil {
		return UserAccessToken{}, fmt.Errorf("refresh: %w", err)
	}
	// The response leaves out what has not changed.
	if fresh.RefreshToken.Value.IsZero() {
		fresh.RefreshToken = token.RefreshToken
	}
	if fresh.UserID == "" {
		fresh.UserID = token.UserID
	}
	if fresh.ConsentID == "" {
		fresh.ConsentID = token.ConsentID
	}
	return fresh, nil
}

// clockSkew is how far the clocks of the client and the server may differ.
const clockSkew = 5 * time.Minute

// whyRefused tells an expired refresh token from a revoked one. The protocol has one code for both. Its message says
// "expired" for the first; the expiry decides where a server uses other words. If it is not known either,
// ErrReauthorize is right: User.Reauthorize returns ErrRevoked for a revoked token.
func (k *Contract) whyRefused(refresh Token, err error) error {
	var e *Error
	saysExpired := errors.As(err, &e) && strings.Contains(e.Message, "expired")
	if saysExpired || refresh.Expiry.IsZero() || k.client.now().Add(clockSkew).After(refresh.Expiry) {
		return ErrReauthorize
	}
	return ErrRevoked
}

// Refresh gets a new access token now. The other calls refresh by themselves.
func (u *User) Refresh(ctx context.Context) error {
	return u.refresh(ctx, u.Token().AccessToken.Value)
}

// A refreshFlight is one refresh that is running. err is set before done is closed.
type refreshFlight struct {
	done chan struct{}
	err  error
}

// refreshTimeout bounds one refresh, including the hook. A refresh does not end with the call that started it, because
// other calls may wait for it.
const refreshTimeout = time.Minute

// refresh replaces the access token that the server has refused. All calls whose token was the same share one refresh.
func (u *User) refresh(ctx context.Context, stale Secret) error {
	u.mu.Lock()
	if !u.token.AccessToken.Value.Equal(stale) {
		u.mu.Unlock()
		return nil // another call has refreshed it
	}
	if u.refused != nil {
		defer u.mu.Unlock()
		return u.refused
	}
	flight := u.flight
	if flight == nil {
		flight = &refreshFlight{done: make(chan struct{})}
		u.flight = flight
		go u.runRefresh(context.WithoutCancel(ctx), flight, u.token, u.unsaved)
	}
	u.mu.Unlock()
	select {
	case <-flight.done:
		return flight.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// runRefresh makes one refresh and wakes the waiting calls.
func (u *User) runRefresh(ctx context.Context, flight *refreshFlight, old UserAccessToken, unsaved *UserAccessToken) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	fresh, err := unsaved, error(nil)
	if fresh == nil {
		var got UserAccessToken
		if got, err = u.contract.Refresh(ctx, old); err == nil {
			fresh = &got
		}
	}
	saved := err == nil
	if saved && u.save != nil {
		if err = u.save(ctx, *fresh); err != nil {
			err, saved = fmt.Errorf("save the refreshed token: %w", err), false
		}
	}

	u.mu.Lock()
	u.flight, u.unsaved = nil, nil
	switch {
	case saved:
		u.token = *fresh
	case fresh != nil:
		u.unsaved = fresh
	case errors.Is(err, ErrReauthorize), errors.Is(err, ErrRevoked):
		u.refused = err
	}
	u.mu.Unlock()
	flight.err = err
	close(flight.done)
}
