package delivery_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// standsFor is the account that stands for the grant's person, as the application sees it.
func standsFor(t *testing.T, w *carreltest.World, g *carreltest.Grant) wire.AccountID {
	t.Helper()
	for _, a := range carreltest.Must(w.Connections.ListForBearer(t.Context(), carreltest.Must(g.Bearer())(t)))(t) {
		if a.Type == wire.AccountTypeUser {
			return a.ID
		}
	}
	t.Fatal("no account stands for the person")
	return ""
}

// revocation is a request to take an account from the grant's application.
func revocation(
	t *testing.T, w *carreltest.World, g *carreltest.Grant, account wire.AccountID,
) *library.PendingRequest {
	t.Helper()
	bearer, uri := carreltest.Must(g.Bearer())(t), carreltest.Callback+"?mine=1"
	return opened(t, w, carreltest.Must(w.Connections.OpenRevocation(t.Context(), bearer, account, uri))(t))
}

// opened finds the request of a code.
func opened(t *testing.T, w *carreltest.World, code seal.Secret) *library.PendingRequest {
	t.Helper()
	return carreltest.Must(w.Consents.FindRequest(t.Context(), library.RevokeRequest, code.Reveal()))(t)
}

// TestOpenRevocationRefused: an application may ask only about what it sees, and come back only to
// where its contract says.
func TestOpenRevocationRefused(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	g, account := anna.Connects(w.Application().Contract(library.Write))
	elsewhere, brams := anna.Allows(w.Application().Contract(library.Write)), bram.Allows(g.Contract)
	user := standsFor(t, w, g)
	for name, tt := range map[string]struct {
		by      *carreltest.Grant
		account wire.AccountID
		uri     string
		want    *library.Refusal
	}{
		"another place": {g, account.ID, "https://elsewhere.example/callback",
			library.InvalidRedirectURI("https://elsewhere.example/callback")},
		"nowhere": {g, account.ID, "", library.InvalidRedirectURI("")},
		"another place first": {g, "nosuchaccount", carreltest.Callback + "/x",
			library.InvalidRedirectURI(carreltest.Callback + "/x")},
		"an account that is not":    {g, "nosuchaccount", carreltest.Callback, library.Unknown("Account")},
		"none":                      {g, "", carreltest.Callback, library.Unknown("Account")},
		"another application's":     {elsewhere, account.ID, carreltest.Callback, library.Unknown("Account")},
		"another person's":          {brams, account.ID, carreltest.Callback, library.Unknown("Account")},
		"the other person":          {brams, user, carreltest.Callback, library.Unknown("Account")},
		"the person to another app": {elsewhere, user, carreltest.Callback, library.Unknown("Account")},
	} {
		t.Run(name, func(t *testing.T) {
			bearer := carreltest.Must(tt.by.Bearer())(t)
			w.Unchanged(name, func() {
				_, err := w.Connections.OpenRevocation(t.Context(), bearer, tt.account, tt.uri)
				carreltest.Refused(t, name, err, tt.want)
			})
		})
	}
}

// TestOpenRevocation: a request to revoke is about one account of one person, and nobody else can
// look at it or answer it.
func TestOpenRevocation(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	app := w.Application()
	g, account := anna.Connects(app.Contract(library.Write))
	user := standsFor(t, w, g)
	for access, by := range map[string]*carreltest.Grant{
		"write": g, "read": anna.Allows(app.Contract(library.Read)),
	} {
		for name, id := range map[string]wire.AccountID{"at a provider": account.ID, "of the person": user} {
			t.Run(access+", "+name, func(t *testing.T) {
				r := revocation(t, w, by, id)
				if r.Account != id || r.Library != anna.Library || r.Client.ID() != by.Contract.Client.ID() {
					t.Errorf("link %+v", r.AuthRequest)
				}
				_, err := w.Connections.Revocation(t.Context(), bram.SignedIn(), r)
				if !errors.Is(err, library.ErrWrongPerson) {
					t.Errorf("another person asks: %v", err)
				}
				_, err = w.Connections.Revoke(t.Context(), bram.SignedIn(), r)
				if !errors.Is(err, library.ErrWrongPerson) {
					t.Errorf("another person answers: %v", err)
				}
			})
		}
	}
}

// TestRevocationCode: the code of a request to revoke opens no request of another kind, and
// expires.
func TestRevocationCode(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	g := w.Person().Allows(w.Application().Contract(library.Write))
	code := carreltest.Must(w.Connections.OpenRevocation(t.Context(), carreltest.Must(g.Bearer())(t),
		standsFor(t, w, g), carreltest.Callback))(t)
	for _, kind := range []library.RequestKind{library.AuthorizeRequest, library.OnboardRequest,
		library.ReauthorizeRequest, library.UserReauthRequest} {
		if _, err := w.Consents.FindRequest(t.Context(), kind, code.Reveal()); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("opened as %s: %v", kind, err)
		}
	}
	opened(t, w, code)
	w.Clock.Moves(30 * time.Minute)
	wantProblem(t, w, code, library.RequestExpired)
}

// wantProblem checks why the request of a code can no longer be answered.
func wantProblem(t *testing.T, w *carreltest.World, code seal.Secret, want library.RequestProblem) {
	t.Helper()
	_, err := w.Consents.FindRequest(t.Context(), library.RevokeRequest, code.Reveal())
	var fault *library.RequestError
	if !errors.As(err, &fault) || fault.Problem != want {
		t.Errorf("the request gives %v, want problem %v", err, want)
	}
}

// TestDenyRevocation: a no leaves everything as it is.
func TestDenyRevocation(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p := w.Person("anna@example.org")
	g, account := p.Connects(w.Application().Contract(library.Write))
	before := p.Activity()
	back := carreltest.Must(w.Consents.Deny(t.Context(), revocation(t, w, g, account.ID), p.SignedIn(),
		library.CallbackUserCancel))(t)
	if want := carreltest.Callback + "?mine=1&error_message=USER_CANCEL&result=failed"; back != want {
		t.Errorf("callback %s, want %s", back, want)
	}
	if _, err := g.Sends(account.ID, carreltest.Observation("1")); err != nil ||
		!strings.HasPrefix(p.Activity(), before+" sent.accepted") {
		t.Errorf("%v, activity %s", err, p.Activity())
	}
}

// TestRevokeAccount: a yes disconnects the account, and answers the request for good.
func TestRevokeAccount(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p := w.Person("anna@example.org")
	g, account := p.Connects(w.Application().Contract(library.Write))
	code := carreltest.Must(w.Connections.OpenRevocation(t.Context(), carreltest.Must(g.Bearer())(t), account.ID,
		carreltest.Callback+"?mine=1"))(t)
	carreltest.Must(g.Sends(account.ID, carreltest.Observation("1")))(t)
	back := carreltest.Must(w.Connections.Revoke(t.Context(), p.SignedIn(), opened(t, w, code)))(t)
	if want := carreltest.Callback + "?mine=1&result=success"; back != want {
		t.Errorf("callback %s, want %s", back, want)
	}
	_, err := g.Sends(account.ID, carreltest.Observation("2"))
	carreltest.Refused(t, "push", err, library.Unknown("Account"))
	if !strings.HasSuffix(p.Activity(), "sent.accepted account.removed") {
		t.Errorf("activity %s", p.Activity())
	}
	wantProblem(t, w, code, library.RequestAnswered)
}

// TestRevokeGoneAccount: a request about an account that has gone meanwhile can be answered all the
// same, once.
func TestRevokeGoneAccount(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p := w.Person("anna@example.org")
	g, account := p.Connects(w.Application().Contract(library.Write))
	first, other := revocation(t, w, g, account.ID), revocation(t, w, g, account.ID)
	carreltest.Must(w.Connections.Revoke(t.Context(), p.SignedIn(), first))(t)
	if v := carreltest.Must(w.Connections.Revocation(t.Context(), p.SignedIn(), other))(t); !v.Over() {
		t.Errorf("there is something left to end: %+v", v)
	}
	back := carreltest.Must(w.Connections.Revoke(t.Context(), p.SignedIn(), other))(t)
	if !strings.HasSuffix(back, "result=success") {
		t.Errorf("callback %s", back)
	}
	if _, err := w.Connections.Revoke(t.Context(), p.SignedIn(), other); !errors.Is(err, library.ErrUsed) {
		t.Errorf("answered twice: %v", err)
	}
	_, err := w.Consents.Deny(t.Context(), other, p.SignedIn(), library.CallbackUserCancel)
	if !errors.Is(err, library.ErrUsed) {
		t.Errorf("answered with both: %v", err)
	}
}

// TestRevokeUser: the account that stands for the person ends all that the application
// may do with that library, and nothing else.
func TestRevokeUser(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	writing, reading := app.Contract(library.Write), app.Contract(library.Read)
	writer, reader, elsewhere, brams := anna.Allows(writing), anna.Allows(reading),
		anna.Allows(w.Application().Contract(library.Read)), bram.Allows(writing)
	request := revocation(t, w, writer, standsFor(t, w, writer))
	v := carreltest.Must(w.Connections.Revocation(t.Context(), anna.SignedIn(), request))(t)
	if v.Account != nil || len(v.Grants) != 2 {
		t.Errorf("it would end %+v", v)
	}
	carreltest.Must(w.Connections.Revoke(t.Context(), anna.SignedIn(), request))(t)
	for name, g := range map[string]*carreltest.Grant{"writer": writer, "reader": reader} {
		_, err := g.Bearer()
		carreltest.Refused(t, name, err, library.InvalidToken(wire.KindAccessToken))
	}
	for name, g := range map[string]*carreltest.Grant{"another application": elsewhere, "another person": brams} {
		if _, err := g.Bearer(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := anna.Activity(); strings.Count(got, "app.stopped_all") != 1 {
		t.Errorf("activity %s", got)
	}
	if again := anna.Allows(reading); again.Tokens.Subject != reader.Tokens.Subject {
		t.Error("the person has another name at the application after a new consent")
	}
}

// TestDeleteUserAccount: an application no longer sees the account that stands for the
// person, and goes on otherwise, until the person consents again.
func TestDeleteUserAccount(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p, other := w.Person("anna@example.org"), w.Person("bram@example.org")
	app := w.Application()
	g, account := p.Connects(app.Contract(library.Write))
	reader, theirs := p.Allows(app.Contract(library.Read)), other.Allows(g.Contract)
	user, before := standsFor(t, w, g), p.Activity()
	pending := revocation(t, w, g, user)
	for range 2 { // clients try again
		if err := w.Connections.DeleteForBearer(t.Context(), carreltest.Must(g.Bearer())(t), user); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("is no event", func(t *testing.T) {
		if p.Activity() != before {
			t.Errorf("activity %s: nothing has ended", p.Activity())
		}
	})
	for name, g := range map[string]*carreltest.Grant{"write": g, "read": reader} {
		t.Run("hides it from the contract to "+name, func(t *testing.T) {
			b := carreltest.Must(g.Bearer())(t)
			list := carreltest.Must(w.Connections.ListForBearer(t.Context(), b))(t)
			if len(list) != 1 || list[0].ID != account.ID {
				t.Errorf("accounts %+v", list)
			}
			_, err := w.Connections.OpenRevocation(t.Context(), b, user, carreltest.Callback)
			carreltest.Refused(t, "revocation", err, library.Unknown("Account"))
		})
	}
	t.Run("hides it from references", func(t *testing.T) {
		ref := carreltest.Must(w.Consents.AddAccountHandle(t.Context(), g.Requests(),
			wire.ReferenceRequest{Type: "accountId", Value: string(user)}))(t)
		opened := carreltest.Must(w.Consents.AuthorizeForToken(t.Context(),
			g.Requests(carreltest.WithToken(g.Token()), carreltest.ReturningTo(carreltest.Callback)),
			wire.SessionOptions{}))(t)
		link := p.Opens(library.ReauthorizeRequest, opened.Code)
		_, err := w.Connections.ConnectionStep(t.Context(), p.SignedIn(), link,
			delivery.ConnectionQuery{AccountHandle: ref})
		if !errors.Is(err, library.ErrNotFound) {
			t.Errorf("referred to: %v", err)
		}
	})
	t.Run("hides nobody else's", func(t *testing.T) { standsFor(t, w, theirs) })
	t.Run("leaves the tokens", func(t *testing.T) {
		tokens := carreltest.Must(w.Consents.Refresh(t.Context(), g.Requests(carreltest.Refreshing(g.Refresh()))))(t)
		if tokens.Subject != g.Tokens.Subject || tokens.Subject == "" || tokens.Identifier.ID != tokens.Subject {
			t.Errorf("refreshed for %q, was %q", tokens.Subject, g.Tokens.Subject)
		}
	})
	t.Run("leaves the account at the provider", func(t *testing.T) {
		if _, err := g.Sends(account.ID, carreltest.Observation("1")); err != nil {
			t.Errorf("push: %v", err)
		}
	})
	t.Run("leaves requests", func(t *testing.T) {
		v := carreltest.Must(w.Connections.Revocation(t.Context(), p.SignedIn(), pending))(t)
		if len(v.Grants) != 2 {
			t.Errorf("a link from before would end %+v", v)
		}
	})
	t.Run("lasts until a new consent", func(t *testing.T) {
		opened := carreltest.Must(w.Consents.Authorize(t.Context(),
			g.Requests(carreltest.Authorizing, carreltest.WithToken(g.Token())), wire.SessionOptions{}))(t)
		back := p.Answers(library.AuthorizeRequest, opened.Code)
		list := carreltest.Must(w.Connections.ListForBearer(t.Context(), carreltest.Must(g.Bearer())(t)))(t)
		if len(list) != 2 || list[0].ID != user || list[0].Reference != back.Get("accountReference") {
			t.Errorf("accounts %+v, reference %s", list, back.Get("accountReference"))
		}
	})
}
