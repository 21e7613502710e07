package library_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// standsFor is the account that stands for the person, as the application sees it.
func (g granted) standsFor() wire.AccountID {
	g.w.t.Helper()
	for _, a := range must(g.w.accounts.ListForBearer(g.w.t.Context(), must(g.bearer())(g.w.t)))(g.w.t) {
		if a.Type == wire.AccountTypeUser {
			return a.ID
		}
	}
	g.w.t.Fatal("no account stands for the person")
	return ""
}

// revocation opens a link to revoke and finds its request.
func (g granted) revocation(account wire.AccountID) *library.PendingRequest {
	g.w.t.Helper()
	return g.openedLink(
		must(g.w.accounts.OpenRevocation(g.w.t.Context(), must(g.bearer())(g.w.t), account, callback+"?mine=1"))(g.w.t),
	)
}

func (g granted) openedLink(code seal.Secret) *library.PendingRequest {
	g.w.t.Helper()
	return must(g.w.consents.FindRequest(g.w.t.Context(), library.RevokeRequest, code.Reveal()))(g.w.t)
}

// TestOpenRevocation: an application may ask about what it sees, and come back to where
// its contract says.
func TestOpenRevocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	app := w.application()
	g, account := anna.connect(w.contract(app, library.Write))
	reader, elsewhere, brams := anna.allow(
		w.contract(app, library.Read),
	), anna.allow(
		w.contract(w.application(), library.Write),
	), bram.allow(
		g.client,
	)
	user, requests := g.standsFor(), w.db.count("AddAuthRequest")

	for name, tt := range map[string]struct {
		by      granted
		account wire.AccountID
		uri     string
		want    *library.Refusal
	}{
		"another place": {g, account.ID, "https://elsewhere.example/callback",
			library.InvalidRedirectURI("https://elsewhere.example/callback")},
		"nowhere":                   {g, account.ID, "", library.InvalidRedirectURI("")},
		"another place first":       {g, "nosuchaccount", callback + "/x", library.InvalidRedirectURI(callback + "/x")},
		"an account that is not":    {g, "nosuchaccount", callback, library.Unknown("Account")},
		"none":                      {g, "", callback, library.Unknown("Account")},
		"another application's":     {elsewhere, account.ID, callback, library.Unknown("Account")},
		"another person's":          {brams, account.ID, callback, library.Unknown("Account")},
		"the other person":          {brams, user, callback, library.Unknown("Account")},
		"the person to another app": {elsewhere, user, callback, library.Unknown("Account")},
	} {
		_, err := w.accounts.OpenRevocation(t.Context(), must(tt.by.bearer())(t), tt.account, tt.uri)
		refused(t, name, err, tt.want)
	}
	if n := w.db.count("AddAuthRequest") - requests; n != 0 {
		t.Errorf("%d requests of refused calls", n)
	}
	for _, by := range []granted{g, reader} {
		for _, id := range []wire.AccountID{account.ID, user} {
			r := by.revocation(id)
			if r.Account != id || r.Library != anna.in().Library.ID || r.Client.ID() != by.ID() {
				t.Errorf("link %+v", r.AuthRequest)
			}
			if _, err := w.accounts.Revocation(t.Context(), bram.in(), r); !errors.Is(err, library.ErrWrongPerson) {
				t.Errorf("another person asks: %v", err)
			}
			if _, err := w.accounts.Revoke(t.Context(), bram.in(), r); !errors.Is(err, library.ErrWrongPerson) {
				t.Errorf("another person answers: %v", err)
			}
		}
	}
	code := must(w.accounts.OpenRevocation(t.Context(), must(g.bearer())(t), user, callback))(t)
	for _, kind := range []library.RequestKind{library.AuthorizeRequest, library.OnboardRequest,
		library.ReauthorizeRequest, library.UserReauthRequest} {
		if _, err := w.consents.FindRequest(t.Context(), kind, code.Reveal()); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("opened as %s: %v", kind, err)
		}
	}
	w.pass(30 * time.Minute)
	var fault *library.RequestError
	if _, err := w.consents.FindRequest(t.Context(), library.RevokeRequest, code.Reveal()); !errors.As(err, &fault) ||
		fault.Problem != library.RequestExpired {
		t.Errorf("after half an hour: %v", err)
	}
}

// TestRevokeAccount: a yes disconnects the account, a no leaves everything as it is.
func TestRevokeAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.resident("anna@example.org")
	g, account := p.connect(w.contract(w.application(), library.Write))
	code := must(w.accounts.OpenRevocation(t.Context(), must(g.bearer())(t), account.ID, callback+"?mine=1"))(t)
	other := g.revocation(account.ID)

	before := p.events()
	back := must(w.consents.Deny(t.Context(), g.revocation(account.ID), p.in(), library.CallbackUserCancel))(t)
	if want := callback + "?mine=1&error_message=USER_CANCEL&result=failed"; back != want {
		t.Errorf("after a no: %s, want %s", back, want)
	}
	if _, err := g.deliver(account.ID, observation("1")); err != nil ||
		!strings.HasPrefix(p.events(), before+" sent.accepted") {
		t.Errorf("after a no: %v, activity %s", err, p.events())
	}

	back = must(w.accounts.Revoke(t.Context(), p.in(), g.openedLink(code)))(t)
	if want := callback + "?mine=1&result=success"; back != want {
		t.Errorf("after a yes: %s, want %s", back, want)
	}
	_, err := g.deliver(account.ID, observation("2"))
	refused(t, "push", err, library.Unknown("Account"))
	if !strings.HasSuffix(p.events(), "sent.accepted account.removed") {
		t.Errorf("activity %s", p.events())
	}
	var fault *library.RequestError
	if _, err := w.consents.FindRequest(t.Context(), library.RevokeRequest, code.Reveal()); !errors.As(err, &fault) ||
		fault.Problem != library.RequestAnswered {
		t.Errorf("the same link again: %v", err)
	}
	// What another link is about has gone; it can be answered all the same, once.
	if v := must(w.accounts.Revocation(t.Context(), p.in(), other))(t); !v.Over() {
		t.Errorf("there is something left to end: %+v", v)
	}
	if back := must(w.accounts.Revoke(t.Context(), p.in(), other))(t); !strings.HasSuffix(back, "result=success") {
		t.Errorf("callback %s", back)
	}
	if _, err := w.accounts.Revoke(t.Context(), p.in(), other); !errors.Is(err, library.ErrUsed) {
		t.Errorf("answered twice: %v", err)
	}
	if _, err := w.consents.Deny(t.Context(), other, p.in(), library.CallbackUserCancel); !errors.Is(
		err,
		library.ErrUsed,
	) {
		t.Errorf("answered with both: %v", err)
	}
}

// TestRevokeUser: the account that stands for the person ends all that the application
// may do with that library, and nothing else.
func TestRevokeUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	writing, reading := w.contract(app, library.Write), w.contract(app, library.Read)
	writer, reader, elsewhere, brams := anna.allow(
		writing,
	), anna.allow(
		reading,
	), anna.allow(
		w.contract(w.application(), library.Read),
	), bram.allow(
		writing,
	)
	request := writer.revocation(writer.standsFor())
	v := must(w.accounts.Revocation(t.Context(), anna.in(), request))(t)
	if v.Account != nil || len(v.Grants) != 2 {
		t.Errorf("it would end %+v", v)
	}
	must(w.accounts.Revoke(t.Context(), anna.in(), request))(t)
	for name, g := range map[string]granted{"writer": writer, "reader": reader} {
		_, err := g.bearer()
		refused(t, name, err, library.InvalidToken(wire.KindAccessToken))
	}
	for name, g := range map[string]granted{"another application": elsewhere, "another person": brams} {
		if _, err := g.bearer(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := anna.events(); strings.Count(got, "app.stopped") != 2 {
		t.Errorf("activity %s", got)
	}
	if again := anna.allow(reading); again.tokens.Subject != reader.tokens.Subject {
		t.Error("the person has another name at the application after a new consent")
	}
}

// TestDeleteUserAccount: an application no longer sees the account that stands for the
// person, and goes on otherwise, until the person consents again.
func TestDeleteUserAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.resident("anna@example.org"), w.resident("bram@example.org")
	app := w.application()
	g, account := p.connect(w.contract(app, library.Write))
	reader, theirs := p.allow(w.contract(app, library.Read)), other.allow(g.client)
	user, before := g.standsFor(), p.events()
	pending := g.revocation(user)
	for range 2 { // clients try again
		if err := w.accounts.DeleteForBearer(t.Context(), must(g.bearer())(t), user); err != nil {
			t.Fatal(err)
		}
	}
	if p.events() != before {
		t.Errorf("activity %s: nothing has ended", p.events())
	}
	for _, g := range []granted{g, reader} {
		if list := must(w.accounts.ListForBearer(t.Context(), must(g.bearer())(t)))(t); len(list) != 1 ||
			list[0].ID != account.ID {
			t.Errorf("accounts %+v", list)
		}
		_, err := w.accounts.OpenRevocation(t.Context(), must(g.bearer())(t), user, callback)
		refused(t, "revocation", err, library.Unknown("Account"))
	}
	ref := must(
		w.consents.AddReference(t.Context(), g.call(), wire.ReferenceRequest{Type: "accountId", Value: string(user)}),
	)(t)
	opened := must(
		w.consents.AuthorizeForToken(
			t.Context(),
			g.call(accessToken(g.tokens.AccessToken.Value), func(q *wire.RequestClaims) { q.RedirectURI = callback }),
			wire.SessionOptions{},
		),
	)(t)
	link := must(w.consents.FindRequest(t.Context(), library.ReauthorizeRequest, opened.Code.Reveal()))(t)
	if _, err := w.accounts.ConnectionStep(t.Context(), p.in(), link,
		delivery.ConnectionQuery{AccountReference: ref}); !errors.Is(
		err,
		library.ErrNotFound,
	) {
		t.Errorf("referred to: %v", err)
	}
	theirs.standsFor() // is another person's, and seen

	tokens := must(w.consents.Refresh(t.Context(), g.call(refreshing(g.tokens.RefreshToken.Value))))(t)
	if tokens.Subject != g.tokens.Subject || tokens.Subject == "" || tokens.Identifier.ID != tokens.Subject {
		t.Errorf("refreshed for %q, was %q", tokens.Subject, g.tokens.Subject)
	}
	if _, err := g.deliver(account.ID, observation("1")); err != nil {
		t.Errorf("push: %v", err)
	}
	if v := must(w.accounts.Revocation(t.Context(), p.in(), pending))(t); len(v.Grants) != 2 {
		t.Errorf("a link from before would end %+v", v)
	}

	opened = must(
		w.consents.Authorize(
			t.Context(),
			g.call(authorizing, accessToken(g.tokens.AccessToken.Value)),
			wire.SessionOptions{},
		),
	)(t)
	back := p.answer(library.AuthorizeRequest, opened.Code.Reveal())
	list := must(w.accounts.ListForBearer(t.Context(), must(g.bearer())(t)))(t)
	if len(list) != 2 || list[0].ID != user || list[0].Reference != back.Get("accountReference") {
		t.Errorf("after a new consent: %+v, reference %s", list, back.Get("accountReference"))
	}
}
