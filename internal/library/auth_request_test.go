package library_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestAuthorizeWithToken: an access token among the claims names the library that is
// to be joined. It may have expired; it is of the same application; it is not revoked.
func TestAuthorizeWithToken(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna := w.Person("anna@example.org")
	old := anna.Allows(app.Contract(library.Write))
	second, foreign := app.Contract(library.Read), w.Application().Contract(library.Read)
	authorize := func(c *carreltest.Contract, token string) error {
		_, err := w.Consents.Authorize(t.Context(),
			c.Requests(carreltest.Authorizing, carreltest.WithToken(token)), wire.SessionOptions{})
		return err
	}
	invalid := library.InvalidToken(wire.KindAccessToken)
	token := old.Token()
	if err := authorize(second, token); err != nil {
		t.Errorf("same application: %v", err)
	}
	carreltest.Refused(t, "another application", authorize(foreign, token), invalid)
	carreltest.Refused(t, "unknown token", authorize(second, strings.Repeat("A", 43)), invalid)
	carreltest.Refused(t, "refresh token", authorize(second, old.Refresh()), invalid)
	w.Clock.Moves(200 * 24 * time.Hour)
	if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := authorize(second, token); err != nil {
		t.Errorf("token and consent expired: %v", err)
	}

	again := anna.Allows(old.Contract)
	grants := must(w.Consents.ListGrants(t.Context(), anna.SignedIn()))(t)
	if err := w.Consents.Revoke(t.Context(), anna.SignedIn(), grants[0].Grant.ID); err != nil {
		t.Fatal(err)
	}
	carreltest.Refused(t, "revoked", authorize(second, again.Token()), invalid)
}

// TestRequestForAPerson: a request that names a library is answered by its person alone. A
// browser in which somebody else is signed in joins nothing.
func TestRequestForAPerson(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	g := anna.Allows(app.Contract(library.Write))
	reader := app.Contract(library.Read)
	opened := reader.Authorizes(carreltest.WithToken(g.Token()))
	request := anna.Opens(library.AuthorizeRequest, opened.Code)
	if !request.IsForAnother(bram.SignedIn()) || request.IsForAnother(anna.SignedIn()) {
		t.Error("the pages cannot tell whose request it is")
	}
	_, err := w.Consents.Allow(t.Context(), bram.SignedIn(), request, request.Shown(""))
	if !errors.Is(err, library.ErrWrongPerson) {
		t.Errorf("another person allows: %v", err)
	}
	if n := w.Rows("grants"); n != 1 { // the writer's
		t.Errorf("%d grants, want 1", n)
	}
	if _, err := w.Consents.Allow(t.Context(), anna.SignedIn(), request, request.Shown("")); err != nil {
		t.Errorf("the person herself: %v", err)
	}
	_, err = w.Consents.Deny(t.Context(), request, bram.SignedIn(), library.CallbackUserCancel)
	if !errors.Is(err, library.ErrUsed) {
		t.Errorf("another person denies afterwards: %v", err)
	}
	if got := bram.Activity(); got != "you.created" {
		t.Errorf("activity of the other person: %s", got)
	}
}

// TestLinkIsAnsweredOnce, by yes or by no, however many try.
func TestLinkIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Read)
	anna := w.Person("anna@example.org")
	open := func(code string) error {
		_, err := w.Consents.FindRequest(t.Context(), library.AuthorizeRequest, code)
		return err
	}
	opened := c.Authorizes()
	request := anna.Opens(library.AuthorizeRequest, opened.Code)
	in := anna.SignedIn()
	var wg sync.WaitGroup
	var answered atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = w.Consents.Allow(t.Context(), in, request, request.Shown(""))
			} else {
				_, err = w.Consents.Deny(t.Context(), request, in, library.CallbackUserCancel)
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

	late := c.Authorizes()
	w.Clock.Moves(30*time.Minute - time.Millisecond)
	if err := open(late.Code.Reveal()); err != nil {
		t.Errorf("after almost half an hour: %v", err)
	}
	w.Clock.Moves(time.Millisecond)
	if err := open(late.Code.Reveal()); !errors.As(err, &fault) || fault.Problem != library.RequestExpired {
		t.Errorf("after half an hour: %v", err)
	}
	for name, code := range map[string]string{"none": "", "invented": strings.Repeat("A", 43),
		"a session's key": opened.Session.Key} {
		if err := open(code); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("code %s: %v", name, err)
		}
	}
	_, err := w.Consents.FindRequest(t.Context(), library.UserReauthRequest, opened.Code.Reveal())
	if !errors.Is(err, library.ErrNotFound) {
		t.Errorf("on another page: %v", err)
	}
}

// TestDeny: a no leaves a line for the person and nothing for the application.
func TestDeny(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Read)
	anna := w.Person("anna@example.org")
	var sessions []string
	open := func() *library.PendingRequest {
		opened := c.Authorizes()
		sessions = append(sessions, opened.Session.Key)
		return anna.Opens(library.AuthorizeRequest, opened.Code)
	}
	request := open()
	back := carreltest.QueryOf(t,
		must(w.Consents.Deny(t.Context(), request, anna.SignedIn(), library.CallbackUserCancel))(t))
	if back.Get("success") != "false" || back.Get("errorCode") != "USER_CANCEL" || back.Has("code") {
		t.Errorf("the application hears %v", back)
	}
	request = open()
	must(w.Consents.Deny(t.Context(), request, nil, library.CallbackInvalidCode))(t) // nobody was signed in
	if got := anna.Activity(); got != "you.created app.denied" {
		t.Errorf("activity %s", got)
	}
	if n := w.Rows("grants"); n != 0 {
		t.Errorf("%d grants came of two refusals", n)
	}
	for _, key := range sessions {
		if s := must(w.Store.GetSession(t.Context(), seal.SecretOf(key).Hash()))(t); s.Grant != "" || s.Seal != nil {
			t.Errorf("session of a refused request: %+v", s)
		}
	}
}

// TestUserReauth: a consent whose time is over is renewed with its expired token, by
// its own person.
func TestUserReauth(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	app := w.Application()
	c := app.Contract(library.Read)
	g := anna.Allows(c)
	refer := func(token string, with ...func(*wire.RequestClaims)) (*library.AuthorizeResult, error) {
		claims := append([]func(*wire.RequestClaims){carreltest.Authorizing, carreltest.WithToken(token)}, with...)
		return w.Consents.AuthorizeForToken(t.Context(), c.Requests(claims...), wire.SessionOptions{})
	}
	onboard := func(q *wire.RequestClaims) { q.CodeChallenge, q.CodeChallengeMethod = "", "" }
	if _, err := refer(g.Token(), onboard); err != nil {
		t.Errorf("to connect a source: %v", err)
	}
	w.Clock.Moves(181 * 24 * time.Hour)
	_, err := refer(g.Token(), onboard)
	carreltest.Refused(t, "to connect a source, expired", err, library.ExpiredToken(wire.KindAccessToken))
	_, err = refer(strings.Repeat("A", 43))
	carreltest.Refused(t, "unknown token", err, library.InvalidToken(wire.KindAccessToken))
	_, err = refer(g.Token(), func(q *wire.RequestClaims) { q.CodeChallengeMethod = "plain" })
	carreltest.Refused(t, "plain challenge", err, library.InvalidParameter("code_challenge_method must be S256"))

	anna.SignsIn()
	sibling := anna.Allows(app.Contract(library.Read))
	_, err = refer(sibling.Token())
	carreltest.Refused(t, "token of a sibling contract", err, library.InvalidToken(wire.KindAccessToken))

	opened := must(refer(g.Token()))(t)
	request := anna.Opens(library.UserReauthRequest, opened.Code)
	bram.SignsIn()
	_, err = w.Consents.Allow(t.Context(), bram.SignedIn(), request, request.Shown(""))
	if !errors.Is(err, library.ErrWrongPerson) {
		t.Errorf("another person renews: %v", err)
	}
	back := anna.Answers(library.UserReauthRequest, opened.Code)
	if back.Get("success") != "true" || back.Get("code") == "" || back.Get("state") != "a state" ||
		back.Has("accountReference") {
		t.Errorf("the application hears %v", back)
	}
	g.Tokens = must(w.Consents.Exchange(t.Context(), c.Requests(carreltest.Exchanging(back.Get("code")))))(t)
	if _, err := g.Reads(); err != nil {
		t.Errorf("reading with the renewed consent: %v", err)
	}
}

// TestRefusedRenewal: to refuse to renew a consent that stands ends it; a no to a first
// request of a contract leaves what was allowed before.
func TestRefusedRenewal(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	c := w.Application().Contract(library.Read)
	g := anna.Allows(c)
	deny := func(kind library.RequestKind, opened *library.AuthorizeResult, who *carreltest.Person) {
		request := must(w.Consents.FindRequest(t.Context(), kind, opened.Code.Reveal()))(t)
		must(w.Consents.Deny(t.Context(), request, who.SignedIn(), library.CallbackUserCancel))(t)
	}
	refer := func() *library.AuthorizeResult {
		return must(w.Consents.AuthorizeForToken(t.Context(),
			c.Requests(carreltest.Authorizing, carreltest.WithToken(g.Token())), wire.SessionOptions{}))(t)
	}
	deny(library.AuthorizeRequest, c.Authorizes(), anna)
	must(g.Reads())(t)
	deny(library.UserReauthRequest, refer(), bram) // in a browser of somebody else's
	must(g.Reads())(t)
	deny(library.UserReauthRequest, refer(), anna)
	_, err := g.Bearer()
	carreltest.Refused(t, "after the no", err, library.InvalidToken(wire.KindAccessToken))
	if got := anna.Activity(); got != "you.created app.allowed app.denied app.stopped app.denied" {
		t.Errorf("activity %s", got)
	}
}

// TestRenewal: agreeing again to a contract that stands makes no second grant; it moves
// the end.
func TestRenewal(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	c := w.Application().Contract(library.Read)
	first := anna.Allows(c)
	w.Clock.Moves(100 * 24 * time.Hour)
	second := anna.Allows(c)
	if first.Tokens.ConsentID != second.Tokens.ConsentID {
		t.Error("a second grant was made")
	}
	grants := must(w.Consents.ListGrants(t.Context(), anna.SignedIn()))(t)
	if want := w.Clock.Now().Add(180 * 24 * time.Hour); len(grants) != 1 || !grants[0].Grant.ExpiresAt.Equal(want) {
		t.Errorf("grants %+v, want one until %v", grants, want)
	}
	if got := anna.Activity(); !strings.HasSuffix(got, "app.allowed you.signed_in you.code app.renewed") {
		t.Errorf("activity %s", got)
	}
	w.Clock.Moves(100 * 24 * time.Hour) // the first refresh token's own time is over
	_, err := w.Consents.Refresh(t.Context(), c.Requests(carreltest.Refreshing(first.Refresh())))
	carreltest.Refused(t, "first refresh token", err, library.ExpiredToken(wire.KindRefreshToken))
	must(w.Consents.Refresh(t.Context(), c.Requests(carreltest.Refreshing(second.Refresh()))))(t)
}
