package library_test

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestTokensAreTheirContracts: a token is worth something to the contract that it was
// given to, and to no other, whoever's that is.
func TestTokensAreTheirContracts(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna := w.Person("anna@example.org")
	g := anna.Allows(app.Contract(library.Read))
	access, refresh := g.Token(), g.Refresh()
	if _, err := w.Consents.Bearer(t.Context(), g.Requests(carreltest.WithToken(access))); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*carreltest.Contract{
		"a sibling contract": app.Contract(library.Read), "a foreign contract": w.Application().Contract(library.Read),
	} {
		_, err := w.Consents.Bearer(t.Context(), other.Requests(carreltest.WithToken(access)))
		carreltest.Refused(t, "access token of "+name, err, library.InvalidToken(wire.KindAccessToken))
		_, err = w.Consents.Refresh(t.Context(), other.Requests(carreltest.Refreshing(refresh)))
		carreltest.Refused(t, "refresh token of "+name, err, library.InvalidToken(wire.KindRefreshToken))
	}
	for name, text := range map[string]string{
		"none": "", "invented": strings.Repeat("A",
			43), "the refresh token": refresh, "cut": access[:42], "longer": access + "A",
		"the code": g.Code, "the session": g.Session.Key, "the cookie": anna.Cookie.Reveal(),
		"its hash": anna.Cookie.Hash().String(),
	} {
		_, err := w.Consents.Bearer(t.Context(), g.Requests(carreltest.WithToken(text)))
		carreltest.Refused(t, name+" as an access token", err, library.InvalidToken(wire.KindAccessToken))
		if text == refresh {
			text = access
		}
		_, err = w.Consents.Refresh(t.Context(), g.Requests(carreltest.Refreshing(text)))
		carreltest.Refused(t, name+" as a refresh token", err, library.InvalidToken(wire.KindRefreshToken))
	}
}

// TestExpiredIsNotRevoked: clients tell the two apart, since an expired token can be
// renewed.
func TestExpiredIsNotRevoked(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person("anna@example.org")
	g := anna.Allows(w.Application().Contract(library.Read))
	bearer := func() error { _, err := g.Bearer(); return err }
	refresh := func() error {
		_, err := w.Consents.Refresh(t.Context(), g.Requests(carreltest.Refreshing(g.Refresh())))
		return err
	}
	w.Clock.Moves(24*time.Hour - time.Millisecond)
	if err := errors.Join(bearer(), refresh()); err != nil {
		t.Errorf("a moment before the day is over: %v", err)
	}
	w.Clock.Moves(time.Millisecond)
	carreltest.Refused(t, "after a day", bearer(), library.ExpiredToken(wire.KindAccessToken))
	refreshed := must(w.Consents.Refresh(t.Context(), g.Requests(carreltest.Refreshing(g.Refresh()))))(t)
	w.Clock.Moves(179 * 24 * time.Hour)
	carreltest.Refused(t, "after 180 days", bearer(), library.ExpiredToken(wire.KindAccessToken))
	carreltest.Refused(t, "refresh after 180 days", refresh(), library.ExpiredToken(wire.KindRefreshToken))
	if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	carreltest.Refused(t, "after tidying", bearer(), library.ExpiredToken(wire.KindAccessToken))
	for text, use := range map[string]library.TokenUse{
		g.Token():                   library.UseAccess,
		refreshed.AccessToken.Value: library.UseAccess,
		g.Refresh():                 library.UseRefresh,
	} {
		info := must(w.Store.GetTokenInfo(t.Context(), seal.SecretOf(text).Hash(), use))(t)
		if info.Token.Seal != nil {
			t.Errorf("an expired %s token holds the library's key after tidying", use)
		}
	}

	h := anna.Allows(g.Contract)
	grants := must(w.Consents.ListGrants(t.Context(), anna.SignedIn()))(t)
	if err := w.Consents.Revoke(t.Context(), anna.SignedIn(), grants[0].Grant.ID); err != nil {
		t.Fatal(err)
	}
	_, err := h.Bearer()
	carreltest.Refused(t, "revoked", err, library.InvalidToken(wire.KindAccessToken))
	w.Clock.Moves(48 * time.Hour)
	_, err = h.Bearer()
	carreltest.Refused(t, "revoked, and its time over", err, library.InvalidToken(wire.KindAccessToken))
}

// TestAccessEndsWithConsent: no token lives longer than what the person agreed to.
func TestAccessEndsWithConsent(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person("anna@example.org")
	short := w.Application().Contract(library.Read, func(k *library.Contract) { k.GrantFor = time.Hour })
	ending := w.Application().Contract(library.Read,
		func(k *library.Contract) { k.ExpiresAt = w.Clock.Now().Add(2 * time.Hour) })
	for name, test := range map[string]struct {
		by    *carreltest.Contract
		until time.Duration
	}{"a consent of an hour": {short, time.Hour}, "a contract that ends": {ending, 2 * time.Hour}} {
		g := anna.Allows(test.by)
		want := wire.SecondsOf(w.Clock.Now().Add(test.until))
		if g.Tokens.AccessToken.ExpiresOn != want || g.Tokens.RefreshToken.ExpiresOn != want {
			t.Errorf("%s: tokens until %d and %d, want %d", name, g.Tokens.AccessToken.ExpiresOn,
				g.Tokens.RefreshToken.ExpiresOn, want)
		}
	}
	g := anna.Allows(short)
	w.Clock.Moves(59 * time.Minute)
	fresh := must(w.Consents.Refresh(t.Context(), g.Requests(carreltest.Refreshing(g.Refresh()))))(t)
	if got := fresh.AccessToken.ExpiresOn - wire.SecondsOf(w.Clock.Now()); got != 60 {
		t.Errorf("a refresh a minute before the end lasts %d s", got)
	}
}

// TestRefreshManyAtOnce: clients refresh in parallel with one refresh token, and some
// throw the answer away. All of them get on.
func TestRefreshManyAtOnce(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person("anna@example.org")
	app := w.Application()
	must(anna.Allows(app.Contract(library.Write)).Pushes("a file", []byte("text")))(t)
	g := anna.Allows(app.Contract(library.Read))
	w.Clock.Moves(25 * time.Hour)

	var wg sync.WaitGroup
	answers := make([]wire.TokenClaims, 30)
	for i := range answers {
		call := g.Requests(carreltest.Refreshing(g.Refresh()))
		wg.Go(func() {
			var err error
			if answers[i], err = w.Consents.Refresh(t.Context(), call); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, a := range answers {
		seen[a.AccessToken.Value] = true
		if a.RefreshToken != g.Tokens.RefreshToken || a.Subject != g.Tokens.Subject ||
			a.ConsentID != g.Tokens.ConsentID {
			t.Errorf("answer %+v", a)
		}
		g.Tokens = a
		if got, err := g.Reads(); err != nil || !reflect.DeepEqual(got, map[string]string{"a file": "text"}) {
			t.Errorf("read %v, %v", got, err)
		}
	}
	if len(seen) != len(answers) {
		t.Errorf("%d access tokens for %d refreshes", len(seen), len(answers))
	}
}

// TestEndedClient: a contract or application that the operator has ended, or whose
// time is over, makes no calls.
func TestEndedClient(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	contract, application := app.Contract(library.Read), w.Application().Contract(library.Read)
	expiring := app.Contract(library.Read, func(k *library.Contract) { k.ExpiresAt = w.Clock.Now().Add(time.Hour) })
	opened := contract.Authorizes()
	err := errors.Join(w.Clients.DisableContract(t.Context(), contract.Contract.ID),
		w.Clients.DisableApplication(t.Context(), application.Application.ID))
	if err != nil {
		t.Fatal(err)
	}
	w.Clock.Moves(time.Minute)
	for name, c := range map[string]*carreltest.Contract{"contract": contract, "application": application} {
		_, err := w.Clients.Verify(t.Context(), c.Signs())
		carreltest.Refused(t, "ended "+name, err, library.InvalidClient(c.ID().String()))
	}
	expiring.Requests()
	w.Clock.Moves(time.Hour)
	_, err = w.Clients.Verify(t.Context(), expiring.Signs())
	carreltest.Refused(t, "contract whose time is over", err, library.InvalidClient(expiring.ID().String()))

	var fault *library.RequestError
	w.Clock.Moves(-time.Hour)
	_, err = w.Consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal())
	if !errors.As(err, &fault) || fault.Problem != library.RequestClientEnded {
		t.Errorf("request of an ended contract: %v", err)
	}
}
