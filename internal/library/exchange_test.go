package library_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestAuthorizeChecksItsClaims: what makes no request for consent.
func TestAuthorizeChecksItsClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.contract(w.application(), library.Read)
	for name, test := range map[string]struct {
		change func(*wire.RequestClaims)
		want   *library.Refusal
	}{
		"no challenge": {func(q *wire.RequestClaims) { q.CodeChallenge = "" },
			library.InvalidParameter("code_challenge")},
		"a short challenge": {func(q *wire.RequestClaims) { q.CodeChallenge = q.CodeChallenge[1:] },
			library.InvalidParameter("code_challenge")},
		"a long challenge": {func(q *wire.RequestClaims) { q.CodeChallenge += "A" },
			library.InvalidParameter("code_challenge")},
		"a plain challenge": {func(q *wire.RequestClaims) { q.CodeChallengeMethod = "plain" },
			library.InvalidParameter("code_challenge_method must be S256")},
		"no challenge method": {func(q *wire.RequestClaims) { q.CodeChallengeMethod = "" },
			library.InvalidParameter("code_challenge_method must be S256")},
		"an implicit flow": {func(q *wire.RequestClaims) { q.ResponseType = "token" },
			library.InvalidParameter("response_type")},
		"a fragment's response": {func(q *wire.RequestClaims) { q.ResponseMode = "fragment" },
			library.InvalidParameter("response_mode")},
		"a very long state": {func(q *wire.RequestClaims) { q.State = strings.Repeat("s", 4097) },
			library.InvalidParameter("state is too long")},
	} {
		_, err := w.consents.Authorize(t.Context(), c.call(authorizing, test.change), wire.SessionOptions{})
		refused(t, name, err, test.want)
	}
	options := wire.SessionOptions{Scope: &wire.Scope{Criteria: []wire.Criterion{{Last: "3 weeks"}}}}
	_, err := w.consents.Authorize(t.Context(), c.call(authorizing), options)
	refused(t, "options that cannot be followed", err, library.InvalidParameter("scope.criteria.last"))
	if n := w.db.count("AddAuthRequest"); n != 0 {
		t.Errorf("%d links and sessions came of it", n)
	}
}

// TestCode: an authorisation code works once, in its time, for its contract, with the
// verifier of its challenge.
func TestCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	c, sibling, foreign := w.contract(
		app,
		library.Read,
	), w.contract(
		app,
		library.Read,
	), w.contract(
		w.application(),
		library.Read,
	)
	anna := w.resident("anna@example.org")
	code := func() string {
		opened := must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t)
		return anna.answer(library.AuthorizeRequest, opened.Code.Reveal()).Get("code")
	}
	invalid, wrongVerifier := library.InvalidToken(
		wire.KindAuthorizationCode,
	), library.InvalidToken(
		wire.KindCodeVerifier,
	)
	for name, test := range map[string]struct {
		by     client
		change func(*wire.RequestClaims)
		want   *library.Refusal
	}{
		"a sibling contract": {sibling, nil, invalid},
		"a foreign contract": {foreign, nil, invalid},
		"no code":            {c, func(q *wire.RequestClaims) { q.Code = "" }, invalid},
		"an invented code":   {c, func(q *wire.RequestClaims) { q.Code = strings.Repeat("A", 43) }, invalid},
		"another code's end": {c, func(q *wire.RequestClaims) { q.Code = q.Code[:42] + "_" }, invalid},
		"no verifier":        {c, func(q *wire.RequestClaims) { q.CodeVerifier = "" }, wrongVerifier},
		"another verifier": {c, func(q *wire.RequestClaims) { q.CodeVerifier = strings.Repeat("a", 43) },
			wrongVerifier},
		"the challenge itself": {c, func(q *wire.RequestClaims) { q.CodeVerifier = wire.Challenge(verifier) },
			wrongVerifier},
		"a verifier with an end": {c, func(q *wire.RequestClaims) { q.CodeVerifier += "=" }, wrongVerifier},
	} {
		good := code()
		change := test.change
		if change == nil {
			change = func(*wire.RequestClaims) {}
		}
		_, err := w.consents.Exchange(t.Context(), test.by.call(exchanging(good), change))
		refused(t, name, err, test.want)
		if _, err := w.consents.Exchange(t.Context(), c.call(exchanging(good))); err != nil {
			t.Errorf("%s: afterwards the code is no good: %v", name, err)
		}
	}

	late := code()
	w.pass(10*time.Minute - time.Millisecond)
	almost := code()
	must(w.consents.Exchange(t.Context(), c.call(exchanging(late))))(t)
	w.pass(10 * time.Minute)
	_, err := w.consents.Exchange(t.Context(), c.call(exchanging(almost)))
	refused(t, "after ten minutes", err, invalid)
}

// TestCodeIsUsedOnce: a second use is refused and stands in the person's activity,
// however close it comes to the first.
func TestCodeIsUsedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.contract(w.application(), library.Read)
	anna := w.resident("anna@example.org")
	g := anna.allow(c)
	_, err := w.consents.Exchange(t.Context(), c.call(exchanging(g.code)))
	refused(t, "second use", err, library.InvalidToken(wire.KindAuthorizationCode))
	if _, err := g.bearer(); err != nil {
		t.Errorf("tokens of the first use: %v", err)
	}
	if got := anna.events(); !strings.HasSuffix(got, " app.allowed app.code_reused") {
		t.Errorf("activity %s", got)
	}

	opened := must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t)
	code := anna.answer(library.AuthorizeRequest, opened.Code.Reveal()).Get("code")
	var wg sync.WaitGroup
	var won atomic.Int32
	for range 10 {
		call := c.call(exchanging(code))
		wg.Go(func() {
			if _, err := w.consents.Exchange(t.Context(), call); err == nil {
				won.Add(1)
			} else {
				refused(t, "at once", err, library.InvalidToken(wire.KindAuthorizationCode))
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 10 exchanges at once had their way, want 1", won.Load())
	}
	if got := strings.Count(anna.events(), "app.code_reused"); got != 10 {
		t.Errorf("%d uses again are noted, want 10", got)
	}
}

// TestCodeOfARevokedGrant is worth nothing, and is no second use either.
func TestCodeOfARevokedGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.contract(w.application(), library.Read)
	anna := w.resident("anna@example.org")
	opened := must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t)
	code := anna.answer(library.AuthorizeRequest, opened.Code.Reveal()).Get("code")
	grants := must(w.consents.ListGrants(t.Context(), anna.in()))(t)
	if err := w.consents.Revoke(t.Context(), anna.in(), grants[0].Grant.ID); err != nil {
		t.Fatal(err)
	}
	_, err := w.consents.Exchange(t.Context(), c.call(exchanging(code)))
	refused(t, "exchange", err, library.InvalidToken(wire.KindAuthorizationCode))
	if got := anna.events(); got != "you.created app.allowed app.stopped" {
		t.Errorf("activity %s", got)
	}
	if n := w.db.count("RedeemCode"); n != 0 {
		t.Errorf("%d tokens came of it", n)
	}
}
