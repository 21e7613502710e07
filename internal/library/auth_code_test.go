package library_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestAuthorizeChecksItsClaims: what makes no request for consent.
func TestAuthorizeChecksItsClaims(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Read)
	challenge := library.InvalidParameter("code_challenge: want 32 bytes in base64url, which are 43 characters")
	for name, test := range map[string]struct {
		change func(*wire.RequestClaims)
		want   *library.Refusal
	}{
		"no challenge": {func(q *wire.RequestClaims) { q.CodeChallenge = "" }, challenge},
		"a short challenge": {func(q *wire.RequestClaims) { q.CodeChallenge = q.CodeChallenge[1:] },
			challenge},
		"a long challenge": {func(q *wire.RequestClaims) { q.CodeChallenge += "A" }, challenge},
		"a challenge of another alphabet": {func(q *wire.RequestClaims) { q.CodeChallenge = q.CodeChallenge[1:] + "=" },
			challenge},
		"a plain challenge": {func(q *wire.RequestClaims) { q.CodeChallengeMethod = "plain" },
			library.InvalidParameter("code_challenge_method must be S256")},
		"no challenge method": {func(q *wire.RequestClaims) { q.CodeChallengeMethod = "" },
			library.InvalidParameter("code_challenge_method must be S256")},
		"an implicit flow": {func(q *wire.RequestClaims) { q.ResponseType = "token" },
			library.InvalidParameter("response_type: want code")},
		"a fragment's response": {func(q *wire.RequestClaims) { q.ResponseMode = "fragment" },
			library.InvalidParameter("response_mode: want query")},
		"a very long state": {func(q *wire.RequestClaims) { q.State = strings.Repeat("s", 4097) },
			library.InvalidParameter("state is too long")},
	} {
		_, err := w.Consents.Authorize(
			t.Context(),
			c.Requests(carreltest.Authorizing, test.change),
			wire.SessionOptions{},
		)
		carreltest.Refused(t, name, err, test.want)
	}
	options := wire.SessionOptions{Scope: &wire.Scope{Criteria: []wire.Criterion{{Last: "3 weeks"}}}}
	_, err := w.Consents.Authorize(t.Context(), c.Requests(carreltest.Authorizing), options)
	carreltest.Refused(t, "options that cannot be followed", err, library.InvalidParameter(
		"scope.criteria.last: want a number from 1 to 10000 and a unit: 12h, 3d, 2w, 6m or 1y"))
	if n := w.Rows("links") + w.Rows("sessions"); n != 0 {
		t.Errorf("%d requests and sessions came of it", n)
	}
}

// TestCode: an authorisation code works once, in its time, for its contract, with the
// verifier of its challenge.
func TestCode(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	c, sibling, foreign := app.Contract(
		library.Read,
	), app.Contract(
		library.Read,
	), w.Application().
		Contract(library.Read)
	anna := w.Person("anna@example.org")
	code := func() string {
		opened := c.Authorizes()
		return anna.Answers(library.AuthorizeRequest, opened.Code).Get("code")
	}
	invalid := library.InvalidToken(wire.KindAuthorizationCode)
	wrongVerifier := library.InvalidToken(wire.KindCodeVerifier)
	noCode := library.InvalidParameter("code: want the one that the browser has brought")
	for name, test := range map[string]struct {
		by     *carreltest.Contract
		change func(*wire.RequestClaims)
		want   *library.Refusal
	}{
		"a sibling contract": {sibling, nil, invalid},
		"a foreign contract": {foreign, nil, invalid},
		"no code":            {c, func(q *wire.RequestClaims) { q.Code = "" }, noCode},
		"a code with a NUL":  {c, func(q *wire.RequestClaims) { q.Code += "\x00" }, noCode},
		"an invented code":   {c, func(q *wire.RequestClaims) { q.Code = strings.Repeat("A", 43) }, invalid},
		"another code's end": {c, func(q *wire.RequestClaims) { q.Code = q.Code[:42] + "_" }, invalid},
		"no verifier":        {c, func(q *wire.RequestClaims) { q.CodeVerifier = "" }, wrongVerifier},
		"another verifier": {c, func(q *wire.RequestClaims) { q.CodeVerifier = strings.Repeat("a", 43) },
			wrongVerifier},
		"the challenge itself": {c, func(q *wire.RequestClaims) {
			q.CodeVerifier = wire.Challenge(carreltest.Verifier)
		}, wrongVerifier},
		"a verifier with an end": {c, func(q *wire.RequestClaims) { q.CodeVerifier += "=" }, wrongVerifier},
	} {
		good := code()
		change := test.change
		if change == nil {
			change = func(*wire.RequestClaims) {}
		}
		_, err := w.Consents.Exchange(t.Context(), test.by.Requests(carreltest.Exchanging(good), change))
		carreltest.Refused(t, name, err, test.want)
		if _, err := w.Consents.Exchange(t.Context(), c.Requests(carreltest.Exchanging(good))); err != nil {
			t.Errorf("%s: afterwards the code is no good: %v", name, err)
		}
	}

	late := code()
	w.Clock.Moves(10*time.Minute - time.Millisecond)
	almost := code()
	must(w.Consents.Exchange(t.Context(), c.Requests(carreltest.Exchanging(late))))(t)
	w.Clock.Moves(10 * time.Minute)
	_, err := w.Consents.Exchange(t.Context(), c.Requests(carreltest.Exchanging(almost)))
	carreltest.Refused(t, "after ten minutes", err, invalid)
}

// TestCodeIsUsedOnce: a second use is refused and stands in the person's activity,
// however close it comes to the first.
func TestCodeIsUsedOnce(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Read)
	anna := w.Person("anna@example.org")
	g := anna.Allows(c)
	_, err := w.Consents.Exchange(t.Context(), c.Requests(carreltest.Exchanging(g.Code)))
	carreltest.Refused(t, "second use", err, library.InvalidToken(wire.KindAuthorizationCode))
	if _, err := g.Bearer(); err != nil {
		t.Errorf("tokens of the first use: %v", err)
	}
	if got := anna.Activity(); !strings.HasSuffix(got, " app.allowed app.code_reused") {
		t.Errorf("activity %s", got)
	}

	opened := c.Authorizes()
	code := anna.Answers(library.AuthorizeRequest, opened.Code).Get("code")
	var wg sync.WaitGroup
	var won atomic.Int32
	for range 10 {
		call := c.Requests(carreltest.Exchanging(code))
		wg.Go(func() {
			if _, err := w.Consents.Exchange(t.Context(), call); err == nil {
				won.Add(1)
			} else {
				carreltest.Refused(t, "at once", err, library.InvalidToken(wire.KindAuthorizationCode))
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 10 exchanges at once had their way, want 1", won.Load())
	}
	if got := strings.Count(anna.Activity(), "app.code_reused"); got != 2 {
		t.Errorf("%d uses again are noted, want one for each code", got)
	}
}

// TestCodeInOtherHands: a code that comes again from whoever should not have it ends what the first use has led to, and
// nothing else of the person's.
func TestCodeInOtherHands(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	c, sibling := app.Contract(library.Read), app.Contract(library.Read)
	foreign := w.Application().Contract(library.Read)
	for name, test := range map[string]struct {
		by   *carreltest.Contract
		wait time.Duration
		with func(*wire.RequestClaims)
		want *library.Refusal
	}{
		"a sibling":          {by: sibling, want: library.InvalidToken(wire.KindAuthorizationCode)},
		"a foreign contract": {by: foreign, want: library.InvalidToken(wire.KindAuthorizationCode)},
		"another verifier": {by: c, want: library.InvalidToken(wire.KindCodeVerifier),
			with: func(q *wire.RequestClaims) { q.CodeVerifier = strings.Repeat("a", 43) }},
		"no verifier": {by: c, want: library.InvalidToken(wire.KindCodeVerifier),
			with: func(q *wire.RequestClaims) { q.CodeVerifier = "" }},
		"after its life": {by: c, wait: 23 * time.Hour, want: library.InvalidToken(wire.KindAuthorizationCode)},
	} {
		t.Run(name, func(t *testing.T) {
			anna := w.Person(strings.ReplaceAll(name, " ", ".") + "@example.org")
			g := anna.Allows(c)
			must(anna.Allows(w.Application().Contract(library.Write)).Pushes("letter", []byte("dear")))(t)
			refreshed := must(w.Consents.Refresh(t.Context(), c.Requests(carreltest.Refreshing(g.Refresh()))))(t)
			session := must(g.StartsSession(wire.SessionOptions{}))(t)
			other := anna.Allows(c) // the same grant, by another code
			w.Clock.Moves(test.wait)
			if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				with := func(q *wire.RequestClaims) {
					if test.with != nil {
						test.with(q)
					}
				}
				_, err := w.Consents.Exchange(t.Context(), test.by.Requests(carreltest.Exchanging(g.Code), with))
				carreltest.Refused(t, "exchange", err, test.want)
			}
			for what, token := range map[string]string{"first": g.Token(), "refreshed": refreshed.AccessToken.Value} {
				_, err := c.GrantOfToken(token).Bearer()
				carreltest.Refused(t, what+" access token", err, library.InvalidToken(wire.KindAccessToken))
			}
			_, err := w.Consents.Refresh(t.Context(), c.Requests(carreltest.Refreshing(g.Refresh())))
			carreltest.Refused(t, "refresh token", err, library.InvalidToken(wire.KindRefreshToken))
			if _, err := other.Bearer(); err != nil {
				t.Errorf("the tokens of another code: %v", err)
			}
			_, err = other.FindsSession(session)
			carreltest.Refused(t, "session", err, library.Unknown("Session"))
			if got := anna.Activity(); strings.Count(got, "app.code_") != 1 ||
				!strings.Contains(got, " app.code_revoked") {
				t.Errorf("activity %s", got)
			}
		})
	}
}

// TestCachedTokenOfACodeInOtherHands: a push trusts what it knows of a token for a minute, but not against this.
func TestCachedTokenOfACodeInOtherHands(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Write)
	g := w.Person("anna@example.org").Allows(c)
	bearer := must(w.Consents.CachedBearer(t.Context(), c.Requests(carreltest.WithToken(g.Token()))))(t)
	_, err := w.Consents.Exchange(t.Context(), w.Application().Contract(library.Read).Requests(
		carreltest.Exchanging(g.Code)))
	carreltest.Refused(t, "exchange", err, library.InvalidToken(wire.KindAuthorizationCode))
	for name, b := range map[string]*library.Bearer{"of before": bearer, "cached": must(
		w.Consents.CachedBearer(t.Context(), c.Requests(carreltest.WithToken(g.Token()))))(t)} {
		_, err := w.Files.Push(t.Context(), b, carreltest.Descriptor(t, nil), strings.NewReader("x"))
		carreltest.Refused(t, name, err, library.InvalidToken(wire.KindAccessToken))
	}
	if n := w.Rows("files"); n != 0 {
		t.Errorf("%d files were stored", n)
	}
}

// TestCodeOfARevokedGrant is worth nothing, and is no second use either.
func TestCodeOfARevokedGrant(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Read)
	anna := w.Person("anna@example.org")
	opened := c.Authorizes()
	code := anna.Answers(library.AuthorizeRequest, opened.Code).Get("code")
	grants := must(w.Consents.ListGrants(t.Context(), anna.SignedIn()))(t)
	if err := w.Consents.Revoke(t.Context(), anna.SignedIn(), grants[0].Grant.ID); err != nil {
		t.Fatal(err)
	}
	_, err := w.Consents.Exchange(t.Context(), c.Requests(carreltest.Exchanging(code)))
	carreltest.Refused(t, "exchange", err, library.InvalidToken(wire.KindAuthorizationCode))
	if got := anna.Activity(); got != "you.created app.allowed app.stopped" {
		t.Errorf("activity %s", got)
	}
	if n := w.Rows("tokens"); n != 0 {
		t.Errorf("%d tokens came of it", n)
	}
}
