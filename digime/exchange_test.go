package digime_test

import (
	"errors"
	"strings"
	"testing"

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
