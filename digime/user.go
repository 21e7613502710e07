package digime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
)

// A User makes the calls that one person's token for one contract allows. It refreshes the access token when the server
// no longer accepts it. It may be used by several goroutines at once.
type User struct {
	contract *Contract
	save     func(context.Context, UserAccessToken) error

	mu     sync.Mutex
	token  UserAccessToken
	flight *refreshFlight
	// unsaved is a token that the hook has failed to save. The next call that needs a token passes it to the hook
	// again, and does not refresh.
	unsaved *UserAccessToken
	// refused is the error of a refresh that can never succeed again.
	refused error
}

// A UserOption configures a [User].
type UserOption func(*User)

// OnTokenChange sets a function that saves a refreshed token. It is called once for each token, before the calls that
// wait for the token continue. If it returns an error, those calls return that error, and the next call passes the same
// token to it again.
func OnTokenChange(save func(context.Context, UserAccessToken) error) UserOption {
	return func(u *User) { u.save = save }
}

// User returns a [User] for the person whom the token belongs to. A token belongs to the contract that it was exchanged
// for: with a token of another contract, the calls return [ErrRevoked]. If there is no access token, they return
// [ErrValidation]. User itself sends nothing.
func (k *Contract) User(token UserAccessToken, options ...UserOption) *User {
	u := &User{contract: k, token: token}
	for _, option := range options {
		option(u)
	}
	return u
}

// Token returns the current token: the last one that was refreshed, or the one that the User was created with.
func (u *User) Token() UserAccessToken {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.token
}

// String describes the token and hides its secrets.
func (u *User) String() string { return u.Token().String() }

// Format prints String for every verb.
func (u *User) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, u.String()) }

// LogValue returns the log value of the token, which hides its secrets.
func (u *User) LogValue() slog.Value { return u.Token().LogValue() }

// DeleteUser ends what the application has of the person. At digi.me that is the person's whole library. Carrel ends
// everything that the person has allowed the application, under all its contracts, and leaves the library; only under a
// contract that the operator has registered with the right to delete the library it shuts that, and the person can take
// it back for some days. Later calls return [ErrRevoked].
func (u *User) DeleteUser(ctx context.Context) error {
	if err := u.do(ctx, call{method: http.MethodDelete, path: literal("user")}, readAcknowledgement); err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

// do makes a call for the person. If the server refuses the access token, do refreshes it and makes the call once more.
func (u *User) do(ctx context.Context, cl call, handle func(*http.Response) error) error {
	token := u.Token()
	if err := token.check(); err != nil {
		return err
	}
	used := token.AccessToken.Value
	cl.claims.AccessToken = used.Reveal()
	err := u.contract.send(ctx, cl, handle)
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
	return u.contract.send(ctx, cl, handle)
}

func (u *User) doJSON(ctx context.Context, cl call, v any) error {
	return u.do(ctx, cl, jsonResponse{v, maxJSON}.read)
}

// tokenRefused reports whether a new access token may help. A response to HEAD has no body, so a 401 without a code
// counts. A resource that the server has accepted for delivery is never sent again.
func tokenRefused(err error) bool {
	var accepted *DeliveryError
	if errors.As(err, &accepted) {
		return false
	}
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized && (e.Code == CodeInvalidToken || e.Code == "")
}
