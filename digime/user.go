package digime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// A User is one person, as far as their token for one contract allows. It may be
// used by many goroutines at once.
type User struct {
	client   *Client
	contract *Contract
	onChange func(context.Context, UserAccessToken) error

	mu     sync.Mutex
	token  UserAccessToken
	flight *refreshFlight
	// unkept is a token that the server has given but the hook has not kept yet.
	// The next call that needs it hands it to the hook again, and asks for no other.
	unkept *UserAccessToken
	// refused remembers that the refresh token is good no longer.
	refused error
}

// refreshFlight is one refresh under way; err is set before done is closed.
type refreshFlight struct {
	done chan struct{}
	err  error
}

// refreshTimeout bounds one refresh, the hook included. It does not end with the
// call that began it, since others may wait for it too.
const refreshTimeout = time.Minute

// A UserOption sets up a [User].
type UserOption func(*User)

// OnTokenChange calls hook with each refreshed token, once, so that it can be
// stored: before any of the calls that waited for it goes on. When hook returns
// an error, those calls return it, and the next one hands the token to hook again.
func OnTokenChange(hook func(context.Context, UserAccessToken) error) UserOption {
	return func(u *User) { u.onChange = hook }
}

// User is the person whom the token belongs to. It makes no request itself.
func (c *Client) User(contract *Contract, token UserAccessToken, options ...UserOption) *User {
	u := &User{client: c, contract: contract, token: token}
	for _, option := range options {
		option(u)
	}
	return u
}

// Token is the person's token as it stands: the last one refreshed, or the one
// that the User was made with.
func (u *User) Token() UserAccessToken {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.token
}

// Refresh gets a new access token now. Calls do it by themselves when they need
// one.
func (u *User) Refresh(ctx context.Context) error {
	return u.refresh(ctx, u.Token().AccessToken.Value)
}

// String names the user and hides the token.
func (u *User) String() string { return u.Token().String() }

// Format prints String, whatever the verb.
func (u *User) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, u.String()) }

// LogValue is that of the token, which hides its secrets.
func (u *User) LogValue() slog.Value { return u.Token().LogValue() }

// do makes a call for the person. A refused access token is refreshed, once, and
// the call made again.
func (u *User) do(ctx context.Context, cl call, handle func(*http.Response) error) error {
	used := u.Token().AccessToken.Value
	cl.claims.AccessToken = used.Reveal()
	err := u.client.send(ctx, u.contract, cl, handle)
	if !tokenRefused(err) || u.Token().RefreshToken.Value.IsZero() {
		return err
	}
	if failed := u.refresh(ctx, used); failed != nil {
		return failed
	}
	if cl.stream != nil {
		body, ok := cl.stream.again(ctx)
		if !ok {
			return fmt.Errorf("%w: %w", ErrCannotResend, err)
		}
		cl.stream = body
	}
	cl.claims.AccessToken = u.Token().AccessToken.Value.Reveal()
	return u.client.send(ctx, u.contract, cl, handle)
}

func (u *User) doJSON(ctx context.Context, cl call, v any) error {
	return u.do(ctx, cl, jsonAnswer{v, maxJSON}.read)
}

// tokenRefused says whether a new access token may help. A 401 without a code is
// one whose body did not arrive as the protocol says, such as that of a HEAD. What
// was kept to be delivered is not sent again, whatever the answer.
func tokenRefused(err error) bool {
	var kept *DeliveryError
	if errors.As(err, &kept) {
		return false
	}
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized && (e.Code == wire.CodeInvalidToken || e.Code == "")
}

// refresh replaces the access token that a call found refused. All calls that find
// the same one refused share one refresh.
func (u *User) refresh(ctx context.Context, stale Secret) error {
	u.mu.Lock()
	if !u.token.AccessToken.Value.Equal(stale) {
		u.mu.Unlock()
		return nil // another call has been here
	}
	if u.refused != nil {
		defer u.mu.Unlock()
		return u.refused
	}
	flight := u.flight
	if flight == nil {
		flight = &refreshFlight{done: make(chan struct{})}
		u.flight = flight
		go u.fly(context.WithoutCancel(ctx), flight, u.token, u.unkept)
	}
	u.mu.Unlock()
	select {
	case <-flight.done:
		return flight.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fly makes one refresh and lets those go on who wait for it.
func (u *User) fly(ctx context.Context, flight *refreshFlight, old UserAccessToken, unkept *UserAccessToken) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	fresh, err := unkept, error(nil)
	if fresh == nil {
		var got UserAccessToken
		if got, err = u.client.Refresh(ctx, u.contract, old); err == nil {
			fresh = &got
		}
	}
	kept := err == nil
	if kept && u.onChange != nil {
		if err = u.onChange(ctx, *fresh); err != nil {
			err, kept = fmt.Errorf("keep the refreshed token: %w", err), false
		}
	}

	u.mu.Lock()
	u.flight, u.unkept = nil, nil
	switch {
	case kept:
		u.token = *fresh
	case fresh != nil:
		u.unkept = fresh
	case errors.Is(err, ErrReauthorize):
		u.refused = err
	}
	u.mu.Unlock()
	flight.err = err
	close(flight.done)
}
