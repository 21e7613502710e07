package library_test

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestTokensAreTheirContracts: a token is worth something to the contract that it was
// given to, and to no other, whoever's that is.
func TestTokensAreTheirContracts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	anna := w.resident("anna@example.org")
	g := anna.allow(w.contract(app, library.Read))
	access, refresh := g.tokens.AccessToken.Value, g.tokens.RefreshToken.Value
	if _, err := w.consents.Bearer(t.Context(), g.call(accessToken(access))); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]client{
		"a sibling contract": w.contract(app, library.Read), "a foreign contract": w.contract(w.application(),
			library.Read),
	} {
		_, err := w.consents.Bearer(t.Context(), other.call(accessToken(access)))
		refused(t, "access token of "+name, err, library.InvalidToken(wire.KindAccessToken))
		_, err = w.consents.Refresh(t.Context(), other.call(refreshing(refresh)))
		refused(t, "refresh token of "+name, err, library.InvalidToken(wire.KindRefreshToken))
	}
	for name, text := range map[string]string{
		"none": "", "invented": strings.Repeat("A",
			43), "the refresh token": refresh, "cut": access[:42], "longer": access + "A",
		"the code": g.code, "the session": g.session.Key, "the cookie": anna.secret.Reveal(),
		"its hash": anna.secret.Hash().String(),
	} {
		_, err := w.consents.Bearer(t.Context(), g.call(accessToken(text)))
		refused(t, name+" as an access token", err, library.InvalidToken(wire.KindAccessToken))
		if text == refresh {
			text = access
		}
		_, err = w.consents.Refresh(t.Context(), g.call(refreshing(text)))
		refused(t, name+" as a refresh token", err, library.InvalidToken(wire.KindRefreshToken))
	}
}

// TestExpiredIsNotRevoked: clients tell the two apart, since an expired token can be
// renewed.
func TestExpiredIsNotRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.resident("anna@example.org")
	g := anna.allow(w.contract(w.application(), library.Read))
	bearer := func() error { _, err := g.bearer(); return err }
	refresh := func() error {
		_, err := w.consents.Refresh(t.Context(), g.call(refreshing(g.tokens.RefreshToken.Value)))
		return err
	}
	w.pass(24*time.Hour - time.Millisecond)
	if err := errors.Join(bearer(), refresh()); err != nil {
		t.Errorf("a moment before the day is over: %v", err)
	}
	w.pass(time.Millisecond)
	refused(t, "after a day", bearer(), library.ExpiredToken(wire.KindAccessToken))
	refreshed := must(w.consents.Refresh(t.Context(), g.call(refreshing(g.tokens.RefreshToken.Value))))(t)
	w.pass(179 * 24 * time.Hour)
	refused(t, "after 180 days", bearer(), library.ExpiredToken(wire.KindAccessToken))
	refused(t, "refresh after 180 days", refresh(), library.ExpiredToken(wire.KindRefreshToken))
	if err := w.keeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, "after tidying", bearer(), library.ExpiredToken(wire.KindAccessToken))
	for text, use := range map[string]library.TokenUse{
		g.tokens.AccessToken.Value:  library.UseAccess,
		refreshed.AccessToken.Value: library.UseAccess,
		g.tokens.RefreshToken.Value: library.UseRefresh,
	} {
		info := must(w.db.GetTokenInfo(t.Context(), seal.SecretOf(text).Hash(), use))(t)
		if info.Token.Seal != nil {
			t.Errorf("an expired %s token holds the library's key after tidying", use)
		}
	}

	h := anna.allowAgain(g.client)
	grants := must(w.consents.ListGrants(t.Context(), anna.in()))(t)
	if err := w.consents.Revoke(t.Context(), anna.in(), grants[0].Grant.ID); err != nil {
		t.Fatal(err)
	}
	_, err := h.bearer()
	refused(t, "revoked", err, library.InvalidToken(wire.KindAccessToken))
	w.pass(48 * time.Hour)
	_, err = h.bearer()
	refused(t, "revoked, and its time over", err, library.InvalidToken(wire.KindAccessToken))
}

// allowAgain signs in first, for a long time has passed.
func (p *person) allowAgain(c client, with ...func(*wire.RequestClaims)) granted {
	p.w.t.Helper()
	p.signIn()
	return p.allow(c, with...)
}

// TestAccessEndsWithConsent: no token lives longer than what the person agreed to.
func TestAccessEndsWithConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.resident("anna@example.org")
	short := w.contract(w.application(), library.Read, func(k *library.Contract) { k.GrantFor = time.Hour })
	ending := w.contract(
		w.application(),
		library.Read,
		func(k *library.Contract) { k.ExpiresAt = w.clock().Add(2 * time.Hour) },
	)
	for name, test := range map[string]struct {
		by    client
		until time.Duration
	}{"a consent of an hour": {short, time.Hour}, "a contract that ends": {ending, 2 * time.Hour}} {
		g := anna.allow(test.by)
		want := wire.SecondsOf(w.clock().Add(test.until))
		if g.tokens.AccessToken.ExpiresOn != want || g.tokens.RefreshToken.ExpiresOn != want {
			t.Errorf(
				"%s: tokens until %d and %d, want %d",
				name,
				g.tokens.AccessToken.ExpiresOn,
				g.tokens.RefreshToken.ExpiresOn,
				want,
			)
		}
	}
	g := anna.allow(short)
	w.pass(59 * time.Minute)
	fresh := must(w.consents.Refresh(t.Context(), g.call(refreshing(g.tokens.RefreshToken.Value))))(t)
	if got := fresh.AccessToken.ExpiresOn - wire.SecondsOf(w.clock()); got != 60 {
		t.Errorf("a refresh a minute before the end lasts %d s", got)
	}
}

// TestRefreshManyAtOnce: clients refresh in parallel with one refresh token, and some
// throw the answer away. All of them get on.
func TestRefreshManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.resident("anna@example.org")
	app := w.application()
	must(anna.allow(w.contract(app, library.Write)).push("a file", []byte("text")))(t)
	g := anna.allow(w.contract(app, library.Read))
	w.pass(25 * time.Hour)

	var wg sync.WaitGroup
	answers := make([]wire.TokenClaims, 30)
	for i := range answers {
		call := g.call(refreshing(g.tokens.RefreshToken.Value))
		wg.Go(func() {
			var err error
			if answers[i], err = w.consents.Refresh(t.Context(), call); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, a := range answers {
		seen[a.AccessToken.Value] = true
		if a.RefreshToken != g.tokens.RefreshToken || a.Subject != g.tokens.Subject ||
			a.ConsentID != g.tokens.ConsentID {
			t.Errorf("answer %+v", a)
		}
		g.tokens = a
		if got, err := g.readNow(); err != nil || !reflect.DeepEqual(got, map[string]string{"a file": "text"}) {
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
	w := newWorld(t)
	app := w.application()
	contract, application := w.contract(app, library.Read), w.contract(w.application(), library.Read)
	expiring := w.contract(app, library.Read, func(k *library.Contract) { k.ExpiresAt = w.clock().Add(time.Hour) })
	opened := must(w.consents.Authorize(t.Context(), contract.call(authorizing), wire.SessionOptions{}))(t)
	if err := errors.Join(w.clients.DisableContract(t.Context(), contract.Contract.ID),
		w.clients.DisableApplication(t.Context(), application.Application.ID)); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	for name, c := range map[string]client{"contract": contract, "application": application} {
		_, err := w.clients.Verify(t.Context(), c.token())
		refused(t, "ended "+name, err, library.InvalidClient(c.ID().String()))
	}
	expiring.call()
	w.pass(time.Hour)
	_, err := w.clients.Verify(t.Context(), expiring.token())
	refused(t, "contract whose time is over", err, library.InvalidClient(expiring.ID().String()))

	var fault *library.RequestError
	w.pass(-time.Hour)
	_, err = w.consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal())
	if !errors.As(err, &fault) || fault.Problem != library.RequestClientEnded {
		t.Errorf("link of an ended contract: %v", err)
	}
}
