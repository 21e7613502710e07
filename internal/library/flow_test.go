package library_test

import (
	"reflect"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestWholeWay goes the way of a consent: an application asks to write and pushes; a
// second contract of it joins the library and reads the same bytes back.
func TestWholeWay(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	writer := app.Contract(library.Write)
	reader := app.Contract(library.Read)
	anna := w.Person("anna@example.org")

	pushing := anna.Allows(writer)
	want := map[string]string{"small": "a small file", "empty": "", "large": string(carreltest.Large("large")),
		"at the limit":     string(carreltest.Large("x")[:library.InlineLimit]),
		"beyond the limit": string(carreltest.Large("x")[:library.InlineLimit+1])}
	for name, content := range want {
		must(pushing.Pushes(name, []byte(content)))(t)
	}
	if n := len(w.BlobKeys()); n != 2 {
		t.Errorf("%d blobs, want those beyond the limit: 2", n)
	}

	reading := anna.Allows(reader, carreltest.WithToken(pushing.Token()))
	for name, session := range map[string]string{
		"promised with the link": reading.Session.Key,
		"opened later":           must(reading.StartsSession(wire.SessionOptions{}))(t),
	} {
		if got, err := reading.ReadsSession(session); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("session %s: %d files, %v", name, len(got), err)
		}
	}
	if reading.Tokens.Subject != pushing.Tokens.Subject {
		t.Error("a person has two names at one application")
	}
	if n := must(w.Files.Count(t.Context(), anna.SignedIn()))(t); n != len(want) {
		t.Errorf("the person counts %d files, want %d", n, len(want))
	}
	got := anna.Activity()
	want2 := "you.created app.allowed file.added file.added file.added file.added file.added app.allowed" +
		" file.read file.read file.read file.read file.read file.read file.read file.read file.read file.read"
	if got != want2 {
		t.Errorf("activity %s\nwant %s", got, want2)
	}
}

// TestTokenAnswer: what an exchange gives is what the clients need, with the lifetimes
// that were set.
func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person("anna@example.org")
	g := anna.Allows(w.Application().Contract(library.Read))
	day := wire.Seconds(24 * 60 * 60)
	now := wire.SecondsOf(w.Clock.Now())
	if got := g.Tokens.AccessToken.ExpiresOn - now; got != day {
		t.Errorf("the access token lasts %d s, want a day", got)
	}
	if got := g.Tokens.RefreshToken.ExpiresOn - now; got != 180*day {
		t.Errorf("the refresh token lasts %d s, want 180 days", got)
	}
	if g.Tokens.TokenType != "Bearer" || g.Tokens.ConsentID == "" || g.Tokens.Subject == "" ||
		g.Tokens.Identifier.ID != g.Tokens.Subject {
		t.Errorf("answer %+v", g.Tokens)
	}
}

// TestNothingIsShared: contracts of two applications, and two people at one: each sees
// what is theirs, under names that tell nothing.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	type pair struct{ writer, reader *carreltest.Grant }
	one, two := w.Application(), w.Application()
	contracts := map[string][2]*carreltest.Contract{
		"one": {one.Contract(library.Write), one.Contract(library.Read, ownOnly)},
		"two": {two.Contract(library.Write), two.Contract(library.Read, ownOnly)},
	}
	people := map[string]*carreltest.Person{"anna": w.Person("anna@example.org"), "bram": w.Person("bram@example.org")}
	grants := map[string]pair{}
	for who, p := range people {
		for app, c := range contracts {
			g := pair{writer: p.Allows(c[0])}
			g.reader = p.Allows(c[1], carreltest.WithToken(g.writer.Token()))
			grants[who+" at "+app] = g
			must(g.writer.Pushes(who+" at "+app, []byte("of "+who+" by "+app)))(t)
		}
	}
	subjects := map[string]string{}
	for whose, g := range grants {
		got := must(g.reader.Reads())(t)
		if len(got) != 1 || got[whose] == "" {
			t.Errorf("%s reads %v", whose, got)
		}
		if other, ok := subjects[g.reader.Tokens.Subject]; ok {
			t.Errorf("%s and %s have the same name", whose, other)
		}
		subjects[g.reader.Tokens.Subject] = whose
		accounts := must(w.Consents.ListAccounts(t.Context(), must(g.reader.Bearer())(t)))(t)
		if len(accounts) != 1 || accounts[0].Type != wire.AccountTypeUser {
			t.Errorf("%s sees the accounts %+v", whose, accounts)
		}
	}
	ids := map[wire.AccountID]bool{}
	for _, g := range grants {
		ids[must(w.Consents.ListAccounts(t.Context(), must(g.writer.Bearer())(t)))(t)[0].ID] = true
	}
	if len(ids) != len(grants) {
		t.Errorf("%d account ids for %d people at applications", len(ids), len(grants))
	}
	for _, p := range people {
		if n := must(w.Files.Count(t.Context(), p.SignedIn()))(t); n != 2 {
			t.Errorf("%s has %d files, want 2", p.Email, n)
		}
		p.Activity()
	}
}

func ownOnly(k *library.Contract) { k.Scope = library.Scope{Raw: true, Own: true} }

// TestAccessTypes: what a contract is not for is InsufficientScope, not an error of
// the token.
func TestAccessTypes(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna := w.Person("anna@example.org")
	writer, reader := anna.Allows(app.Contract(library.Write)), anna.Allows(app.Contract(library.Read))
	_, err := reader.Pushes("a file", []byte("text"))
	carreltest.Refused(t, "push with a read contract", err, library.WrongAccess())
	_, err = writer.StartsSession(wire.SessionOptions{})
	carreltest.Refused(t, "session of a write contract", err, library.WrongAccess())
	_, err = writer.FindsSession(must(reader.StartsSession(wire.SessionOptions{}))(t))
	carreltest.Refused(t, "reading with a write contract", err, library.WrongAccess())
	_, err = writer.FindsSession(writer.Session.Key)
	carreltest.Refused(t, "the session promised to a write contract", err, library.WrongAccess())
	session := must(w.Store.GetSession(t.Context(), seal.SecretOf(writer.Session.Key).Hash()))(t)
	if !session.PublicKey.IsZero() {
		t.Error("the library's key could be sealed to a session of the write contract")
	}
	for use, text := range map[library.TokenUse]string{
		library.UseAccess:  writer.Token(),
		library.UseRefresh: writer.Refresh(),
	} {
		info := must(w.Store.GetTokenInfo(t.Context(), seal.SecretOf(text).Hash(), use))(t)
		if info.Token.Seal != nil {
			t.Errorf("the %s token of the write contract holds the key", use)
		}
	}
	for _, g := range []*carreltest.Grant{writer, reader} {
		if code := must(w.Store.GetAuthCode(t.Context(), seal.SecretOf(g.Code).Hash()))(t); code.Seal != nil {
			t.Errorf("the used code of contract %s holds the key still", g.Client.Contract.ID)
		}
	}
}
