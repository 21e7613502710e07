package digime_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/carrelhq/carrel/digime"
)

func TestRevokeAccount(t *testing.T) {
	l := start(t)
	user := l.reader(t)
	visit := func(answer func(string) (*url.URL, error)) error {
		t.Helper()
		address, err := user.RevokeAccountURL(t.Context(), "2_provider", l.RedirectURL)
		if err != nil {
			t.Fatal(err)
		}
		back, err := answer(address)
		if err != nil {
			t.Fatal(err)
		}
		return digime.ParseRevokeCallback(back.Query())
	}
	var failed *digime.CallbackError
	if err := visit(l.Deny); !errors.As(err, &failed) || failed.Code != digime.CallbackUserCancel {
		t.Errorf("refused: %v", err)
	}
	if err := visit(l.Allow); err != nil {
		t.Errorf("revoked: %v", err)
	}
	if accounts, err := user.ListAccounts(t.Context()); err != nil || len(accounts) != 1 {
		t.Errorf("accounts %+v, error %v", accounts, err)
	}
	if _, err := user.RevokeAccountURL(t.Context(), "2_provider", l.RedirectURL); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("once more: %v", err)
	}
}
