package library_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestAuthorizeWithToken: an access token among the claims names the library that is
// to be joined. It may have expired; it is of the same application; it is not revoked.
func TestAuthorizeWithToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	anna := w.resident("anna@example.org")
	old := anna.allow(w.contract(app, library.Write))
	second, foreign := w.contract(app, library.Read), w.contract(w.application(), library.Read)
	authorize := func(c client, token string) error {
		_, err := w.consents.Authorize(t.Context(), c.call(authorizing, accessToken(token)), wire.SessionOptions{})
		return err
	}
	invalid := library.InvalidToken(wire.KindAccessToken)
	token := old.tokens.AccessToken.Value
	if err := authorize(second, token); err != nil {
		t.Errorf("same application: %v", err)
	}
	refused(t, "another application", authorize(foreign, token), invalid)
	refused(t, "unknown token", authorize(second, strings.Repeat("A", 43)), invalid)
	refused(t, "refresh token", authorize(second, old.tokens.RefreshToken.Value), invalid)
	w.pass(200 * 24 * time.Hour)
	if err := w.keeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := authorize(second, token); err != nil {
		t.Errorf("token and consent expired: %v", err)
	}

	again := anna.allowAgain(old.client)
	grants := must(w.consents.ListGrants(t.Context(), anna.in()))(t)
	if err := w.consents.Revoke(t.Context(), anna.in(), grants[0].Grant.ID); err != nil {
		t.Fatal(err)
	}
	refused(t, "revoked", authorize(second, again.tokens.AccessToken.Value), invalid)
}

// TestLinkForAPerson: a link that names a library is answered by its person alone. A
// browser in which somebody else is signed in joins nothing.
func TestLinkForAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	g := anna.allow(w.contract(app, library.Write))
	reader := w.contract(app, library.Read)
	opened := must(
		w.consents.Authorize(
			t.Context(),
			reader.call(authorizing, accessToken(g.tokens.AccessToken.Value)),
			wire.SessionOptions{},
		),
	)(t)
	request := must(w.consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal()))(t)
	if !request.IsForAnother(bram.in()) || request.IsForAnother(anna.in()) {
		t.Error("the pages cannot tell whose link it is")
	}
	if _, err := w.consents.Allow(t.Context(), bram.in(), request, ""); !errors.Is(err, library.ErrWrongPerson) {
		t.Errorf("another person allows: %v", err)
	}
	if n := w.db.count("Allow"); n != 1 { // the writer's
		t.Errorf("%d grants, want 1", n)
	}
	if _, err := w.consents.Allow(t.Context(), anna.in(), request, ""); err != nil {
		t.Errorf("the person herself: %v", err)
	}
	if _, err := w.consents.Deny(t.Context(), request, bram.in(), library.CallbackUserCancel); !errors.Is(
		err,
		library.ErrUsed,
	) {
		t.Errorf("another person denies afterwards: %v", err)
	}
	if got := bram.events(); got != "you.created" {
		t.Errorf("activity of the other person: %s", got)
	}
}

// TestLinkIsAnsweredOnce, by yes or by no, however many try.
func TestLinkIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.contract(w.application(), library.Read)
	anna := w.resident("anna@example.org")
	open := func(code string) error {
		_, err := w.consents.FindRequest(t.Context(), library.AuthorizeRequest, code)
		return err
	}
	opened := must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t)
	request := must(w.consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal()))(t)
	in := anna.in()
	var wg sync.WaitGroup
	var answered atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = w.consents.Allow(t.Context(), in, request, "")
			} else {
				_, err = w.consents.Deny(t.Context(), request, in, library.CallbackUserCancel)
			}
			if err == nil {
				answered.Add(1)
			} else if !errors.Is(err, library.ErrUsed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if answered.Load() != 1 {
		t.Errorf("answered %d times", answered.Load())
	}
	var fault *library.RequestError
	if err := open(opened.Code.Reveal()); !errors.As(err, &fault) || fault.Problem != library.RequestAnswered ||
		fault.Request == nil {
		t.Errorf("opened again: %v", err)
	}

	late := must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t)
	w.pass(30*time.Minute - time.Millisecond)
	if err := open(late.Code.Reveal()); err != nil {
		t.Errorf("after almost half an hour: %v", err)
	}
	w.pass(time.Millisecond)
	if err := open(late.Code.Reveal()); !errors.As(err, &fault) || fault.Problem != library.RequestExpired {
		t.Errorf("after half an hour: %v", err)
	}
	for name, code := range map[string]string{"none": "", "invented": strings.Repeat("A", 43),
		"a session's key": opened.Session.Key} {
		if err := open(code); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("code %s: %v", name, err)
		}
	}
	if _, err := w.consents.FindRequest(t.Context(), library.UserReauthRequest, opened.Code.Reveal()); !errors.Is(
		err,
		library.ErrNotFound,
	) {
		t.Errorf("on another page: %v", err)
	}
}

// TestDeny: a no leaves a line for the person and nothing for the application.
func TestDeny(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.contract(w.application(), library.Read)
	anna := w.resident("anna@example.org")
	var sessions []string
	open := func() *library.PendingRequest {
		opened := must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t)
		sessions = append(sessions, opened.Session.Key)
		return must(w.consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal()))(t)
	}
	request := open()
	back := queryOf(t, must(w.consents.Deny(t.Context(), request, anna.in(), library.CallbackUserCancel))(t))
	if back.Get("success") != "false" || back.Get("errorCode") != "USER_CANCEL" || back.Has("code") {
		t.Errorf("the application hears %v", back)
	}
	request = open()
	must(w.consents.Deny(t.Context(), request, nil, library.CallbackInvalidCode))(t) // nobody was signed in
	if got := anna.events(); got != "you.created app.denied" {
		t.Errorf("activity %s", got)
	}
	if n := w.db.count("Allow"); n != 0 {
		t.Errorf("%d grants came of two refusals", n)
	}
	for _, key := range sessions {
		if s := must(w.db.GetSession(t.Context(), seal.SecretOf(key).Hash()))(t); s.Grant != "" || s.Seal != nil {
			t.Errorf("session of a refused request: %+v", s)
		}
	}
}

// TestUserReauth: a consent whose time is over is renewed with its expired token, by
// its own person.
func TestUserReauth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	c := w.contract(w.application(), library.Read)
	g := anna.allow(c)
	refer := func(token string, with ...func(*wire.RequestClaims)) (*library.AuthorizeResult, error) {
		claims := append([]func(*wire.RequestClaims){authorizing, accessToken(token)}, with...)
		return w.consents.AuthorizeForToken(t.Context(), c.call(claims...), wire.SessionOptions{})
	}
	onboard := func(q *wire.RequestClaims) { q.CodeChallenge, q.CodeChallengeMethod = "", "" }
	if _, err := refer(g.tokens.AccessToken.Value, onboard); err != nil {
		t.Errorf("to connect a source: %v", err)
	}
	w.pass(181 * 24 * time.Hour)
	_, err := refer(g.tokens.AccessToken.Value, onboard)
	refused(t, "to connect a source, expired", err, library.ExpiredToken(wire.KindAccessToken))
	_, err = refer(strings.Repeat("A", 43))
	refused(t, "unknown token", err, library.InvalidToken(wire.KindAccessToken))
	_, err = refer(g.tokens.AccessToken.Value, func(q *wire.RequestClaims) { q.CodeChallengeMethod = "plain" })
	refused(t, "plain challenge", err, library.InvalidParameter("code_challenge_method must be S256"))

	anna.signIn()
	sibling := anna.allow(w.contract(g.Application, library.Read))
	_, err = refer(sibling.tokens.AccessToken.Value)
	refused(t, "token of a sibling contract", err, library.InvalidToken(wire.KindAccessToken))

	opened := must(refer(g.tokens.AccessToken.Value))(t)
	request := must(w.consents.FindRequest(t.Context(), library.UserReauthRequest, opened.Code.Reveal()))(t)
	bram.signIn()
	if _, err := w.consents.Allow(t.Context(), bram.in(), request, ""); !errors.Is(err, library.ErrWrongPerson) {
		t.Errorf("another person renews: %v", err)
	}
	back := anna.answer(library.UserReauthRequest, opened.Code.Reveal())
	if back.Get("success") != "true" || back.Get("code") == "" || back.Get("state") != "a state" ||
		back.Has("accountReference") {
		t.Errorf("the application hears %v", back)
	}
	g.tokens = must(w.consents.Exchange(t.Context(), c.call(exchanging(back.Get("code")))))(t)
	if _, err := g.readNow(); err != nil {
		t.Errorf("reading with the renewed consent: %v", err)
	}
}

// TestRefusedRenewal: to refuse to renew a consent that stands ends it; a no to a first
// request of a contract leaves what was allowed before.
func TestRefusedRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	c := w.contract(w.application(), library.Read)
	g := anna.allow(c)
	deny := func(kind library.RequestKind, opened *library.AuthorizeResult, who *person) {
		request := must(w.consents.FindRequest(t.Context(), kind, opened.Code.Reveal()))(t)
		must(w.consents.Deny(t.Context(), request, who.in(), library.CallbackUserCancel))(t)
	}
	refer := func() *library.AuthorizeResult {
		return must(
			w.consents.AuthorizeForToken(
				t.Context(),
				c.call(authorizing, accessToken(g.tokens.AccessToken.Value)),
				wire.SessionOptions{},
			),
		)(t)
	}
	deny(
		library.AuthorizeRequest,
		must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t),
		anna,
	)
	must(g.readNow())(t)
	deny(library.UserReauthRequest, refer(), bram) // in a browser of somebody else's
	must(g.readNow())(t)
	deny(library.UserReauthRequest, refer(), anna)
	_, err := g.bearer()
	refused(t, "after the no", err, library.InvalidToken(wire.KindAccessToken))
	if got := anna.events(); got != "you.created app.allowed app.denied app.stopped app.denied" {
		t.Errorf("activity %s", got)
	}
}

// TestRenewal: agreeing again to a contract that stands makes no second grant; it moves
// the end.
func TestRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.person("anna@example.org")
	c := w.contract(w.application(), library.Read)
	first := anna.allow(c)
	w.pass(100 * 24 * time.Hour)
	second := anna.allowAgain(c)
	if first.tokens.ConsentID != second.tokens.ConsentID {
		t.Error("a second grant was made")
	}
	grants := must(w.consents.ListGrants(t.Context(), anna.in()))(t)
	if want := w.clock().Add(180 * 24 * time.Hour); len(grants) != 1 || !grants[0].Grant.ExpiresAt.Equal(want) {
		t.Errorf("grants %+v, want one until %v", grants, want)
	}
	if got := anna.events(); !strings.HasSuffix(got, "app.allowed you.signed_in you.code app.renewed") {
		t.Errorf("activity %s", got)
	}
	w.pass(100 * 24 * time.Hour) // the first refresh token's own time is over
	_, err := w.consents.Refresh(t.Context(), c.call(refreshing(first.tokens.RefreshToken.Value)))
	refused(t, "first refresh token", err, library.ExpiredToken(wire.KindRefreshToken))
	must(w.consents.Refresh(t.Context(), c.call(refreshing(second.tokens.RefreshToken.Value))))(t)
}
