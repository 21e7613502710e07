package digime_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
)

func TestExchangeRedeemsCodeOnce(t *testing.T) {
	l := start(t)
	contract := l.write(t)
	auth, err := contract.Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: l.RedirectURL})
	if err != nil {
		t.Fatal(err)
	}
	back, err := l.Allow(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	callback, err := auth.ParseCallback(back.Query())
	if err != nil {
		t.Fatal(err)
	}
	_, err = contract.Exchange(t.Context(), digime.Callback{Verifier: auth.Verifier})
	if !errors.Is(err, digime.ErrValidation) || !strings.Contains(err.Error(), "no code") {
		t.Errorf("no code: error %v", err)
	}
	wrong := digime.Callback{Code: callback.Code, Verifier: digime.NewSecret("wrong")}
	if _, err := contract.Exchange(t.Context(), wrong); !errors.Is(err, digime.ErrInvalidToken) {
		t.Errorf("wrong verifier: error %v", err)
	}
	if _, err := contract.Exchange(t.Context(), callback); err != nil {
		t.Errorf("right verifier: error %v", err)
	}
	_, err = contract.Exchange(t.Context(), callback)
	if !errors.Is(err, digime.ErrInvalidToken) || errors.Is(err, digime.ErrReauthorize) ||
		errors.Is(err, digime.ErrRevoked) {
		t.Errorf("used code: error %v", err)
	}
}

// Each error of a refresh names a step, and the step works.
func TestRefreshErrorsLeadOn(t *testing.T) {
	l := start(t)
	authorize := func() error {
		auth, err := l.read(t).Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: l.RedirectURL})
		if err != nil {
			return err
		}
		back, err := l.Allow(auth.URL)
		if err != nil {
			return err
		}
		callback, err := auth.ParseCallback(back.Query())
		if err != nil {
			return err
		}
		_, err = l.read(t).Exchange(t.Context(), callback)
		return err
	}
	soon := func(token digime.UserAccessToken, after time.Duration) digime.UserAccessToken {
		token.RefreshToken.Expiry = time.Now().Add(after)
		return token
	}
	for name, test := range map[string]struct {
		happens func(digime.UserAccessToken) digime.UserAccessToken
		want    error // of the call
		renew   error // of Reauthorize
	}{
		"expired": {func(token digime.UserAccessToken) digime.UserAccessToken {
			l.ExpireRefreshTokens()
			return token
		}, digime.ErrReauthorize, nil},
		"revoked": {func(token digime.UserAccessToken) digime.UserAccessToken {
			l.Revoke()
			return token
		}, digime.ErrRevoked, digime.ErrRevoked},
		"revoked, and past its expiry": {func(token digime.UserAccessToken) digime.UserAccessToken {
			l.Revoke()
			return soon(token, -time.Hour)
		}, digime.ErrReauthorize, digime.ErrRevoked},
		"revoked, about to expire": {func(token digime.UserAccessToken) digime.UserAccessToken {
			l.Revoke()
			return soon(token, time.Minute)
		}, digime.ErrReauthorize, digime.ErrRevoked},
		"revoked, expiry not known": {func(token digime.UserAccessToken) digime.UserAccessToken {
			l.Revoke()
			token.RefreshToken.Expiry = time.Time{}
			return token
		}, digime.ErrReauthorize, digime.ErrRevoked},
	} {
		t.Run(name, func(t *testing.T) {
			user := l.read(t).User(test.happens(l.Token(l.ReadContract)))
			_, err := user.ListAccounts(t.Context())
			other := digime.ErrRevoked
			if errors.Is(test.want, digime.ErrRevoked) {
				other = digime.ErrReauthorize
			}
			if !errors.Is(err, test.want) || errors.Is(err, other) || !errors.Is(err, digime.ErrInvalidToken) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			_, err = user.Reauthorize(t.Context(), digime.ReauthorizeOptions{RedirectURL: l.RedirectURL})
			if !errors.Is(err, test.renew) {
				t.Errorf("reauthorize: error %v, want %v", err, test.renew)
			}
			if err := authorize(); err != nil {
				t.Errorf("a new consent: %v", err)
			}
		})
	}
	user := l.read(t).User(l.Token(l.ReadContract))
	if err := user.DeleteUser(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := user.ListAccounts(t.Context()); !errors.Is(err, digime.ErrRevoked) {
		t.Errorf("after the library was deleted: error %v", err)
	}
}

func TestRefreshWithoutRefreshToken(t *testing.T) {
	l := start(t)
	token := l.Token(l.ReadContract)
	token.RefreshToken = digime.Token{}
	if _, err := l.read(t).Refresh(t.Context(), token); !errors.Is(err, digime.ErrValidation) {
		t.Errorf("error %v, want ErrValidation", err)
	}
	l.ExpireAccessTokens()
	_, err := l.read(t).User(token).ListAccounts(t.Context())
	if !errors.Is(err, digime.ErrInvalidToken) || errors.Is(err, digime.ErrValidation) {
		t.Errorf("error %v, want ErrInvalidToken", err)
	}
}
