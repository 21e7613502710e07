package bench

import (
	"bytes"
	"context"
	"errors"

	"github.com/carrelhq/carrel/digime/wire"
)

// Exchange measures exchanges of authorization codes for tokens. Each request has a code of its own.
func Exchange(ctx context.Context, c Config, progress func(string)) (Result, error) {
	return measure(ctx, c, needs{reads: true}, progress, func(_ Config, of carrel) Scenario {
		return exchangeScenario{of}
	})
}

// Refresh measures refreshes of access tokens. Each request has a refresh token of its own.
func Refresh(ctx context.Context, c Config, progress func(string)) (Result, error) {
	return measure(ctx, c, needs{reads: true}, progress, newRefreshScenario)
}

type exchangeScenario struct{ carrel carrel }

// Name implements [Scenario].
func (exchangeScenario) Name() string { return "exchange" }

// Requests implements [Scenario].
func (s exchangeScenario) Requests(ctx context.Context, n int, progress func(string)) ([]Request, error) {
	progress("seeding authorization codes")
	codes, err := s.carrel.codes(ctx, n)
	if err != nil {
		return nil, err
	}
	return presign(ctx, n, progress, func(i int) (Request, error) {
		return tokenRequest(s.carrel.target(), codes[i].signer, wire.RequestClaims{
			GrantType: wire.GrantAuthorizationCode, Code: codes[i].code, CodeVerifier: codes[i].verifier,
		})
	})
}

// Check implements [Scenario].
func (exchangeScenario) Check(_ *Request, a Answer) error { return checkToken(a) }

type refreshScenario struct{ carrel carrel }

func newRefreshScenario(_ Config, of carrel) Scenario { return refreshScenario{of} }

// Name implements [Scenario].
func (refreshScenario) Name() string { return "refresh" }

// Requests implements [Scenario].
func (s refreshScenario) Requests(ctx context.Context, n int, progress func(string)) ([]Request, error) {
	progress("seeding refresh tokens")
	tokens, err := s.carrel.refreshTokens(ctx, n)
	if err != nil {
		return nil, err
	}
	return presign(ctx, n, progress, func(i int) (Request, error) {
		return tokenRequest(s.carrel.target(), tokens[i].signer, wire.RequestClaims{
			GrantType: wire.GrantRefreshToken, RefreshToken: tokens[i].token,
		})
	})
}

// Check implements [Scenario].
func (refreshScenario) Check(_ *Request, a Answer) error { return checkToken(a) }

func tokenRequest(t Target, s *signer, claims wire.RequestClaims) (Request, error) {
	head, err := s.head(t, "POST", "oauth/token", claims, "Content-Length: 0\r\n")
	return Request{Head: head}, err
}

// checkToken returns an error unless an answer has a signed token.
func checkToken(a Answer) error {
	if !bytes.Contains(a.Body, []byte(`"token":"`)) {
		return errors.New("the answer has no token: " + excerpt(a.Body))
	}
	return nil
}
