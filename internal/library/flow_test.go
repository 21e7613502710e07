package library_test

import (
	"reflect"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestWholeWay goes the way of a consent: an application asks to write and pushes; a
// second contract of it joins the library and reads the same bytes back.
func TestWholeWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	writer := w.contract(app, library.Write)
	reader := w.contract(app, library.Read)
	anna := w.resident("anna@example.org")

	pushing := anna.allow(writer)
	want := map[string]string{"small": "a small file", "empty": "", "large": string(large("large")),
		"at the limit":     string(large("x")[:library.InlineLimit]),
		"beyond the limit": string(large("x")[:library.InlineLimit+1])}
	for name, content := range want {
		must(pushing.push(name, []byte(content)))(t)
	}
	if n := len(w.blobKeys()); n != 2 {
		t.Errorf("%d blobs, want those beyond the limit: 2", n)
	}

	reading := anna.allow(reader, accessToken(pushing.tokens.AccessToken.Value))
	for name, session := range map[string]string{
		"promised with the link": reading.session.Key,
		"opened later":           must(reading.open(wire.SessionOptions{}))(t),
	} {
		if got, err := reading.read(session); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("session %s: %d files, %v", name, len(got), err)
		}
	}
	if reading.tokens.Subject != pushing.tokens.Subject {
		t.Error("a person has two names at one application")
	}
	if n := must(w.files.Count(t.Context(), anna.in()))(t); n != len(want) {
		t.Errorf("the person counts %d files, want %d", n, len(want))
	}
	got := anna.events()
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
	w := newWorld(t)
	anna := w.resident("anna@example.org")
	g := anna.allow(w.contract(w.application(), library.Read))
	day := wire.Seconds(24 * 60 * 60)
	now := wire.SecondsOf(w.clock())
	if got := g.tokens.AccessToken.ExpiresOn - now; got != day {
		t.Errorf("the access token lasts %d s, want a day", got)
	}
	if got := g.tokens.RefreshToken.ExpiresOn - now; got != 180*day {
		t.Errorf("the refresh token lasts %d s, want 180 days", got)
	}
	if g.tokens.TokenType != "Bearer" || g.tokens.ConsentID == "" || g.tokens.Subject == "" ||
		g.tokens.Identifier.ID != g.tokens.Subject {
		t.Errorf("answer %+v", g.tokens)
	}
}

// TestNothingIsShared: contracts of two applications, and two people at one: each sees
// what is theirs, under names that tell nothing.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type pair struct{ writer, reader granted }
	one, two := w.application(), w.application()
	contracts := map[string][2]client{
		"one": {w.contract(one, library.Write), w.contract(one, library.Read, ownOnly)},
		"two": {w.contract(two, library.Write), w.contract(two, library.Read, ownOnly)},
	}
	people := map[string]*person{"anna": w.resident("anna@example.org"), "bram": w.resident("bram@example.org")}
	grants := map[string]pair{}
	for who, p := range people {
		for app, c := range contracts {
			g := pair{writer: p.allow(c[0])}
			g.reader = p.allow(c[1], accessToken(g.writer.tokens.AccessToken.Value))
			grants[who+" at "+app] = g
			must(g.writer.push(who+" at "+app, []byte("of "+who+" by "+app)))(t)
		}
	}
	subjects := map[string]string{}
	for whose, g := range grants {
		got := must(g.reader.readNow())(t)
		if len(got) != 1 || got[whose] == "" {
			t.Errorf("%s reads %v", whose, got)
		}
		if other, ok := subjects[g.reader.tokens.Subject]; ok {
			t.Errorf("%s and %s have the same name", whose, other)
		}
		subjects[g.reader.tokens.Subject] = whose
		accounts := must(w.consents.ListAccounts(t.Context(), must(g.reader.bearer())(t)))(t)
		if len(accounts) != 1 || accounts[0].Type != wire.AccountTypeUser {
			t.Errorf("%s sees the accounts %+v", whose, accounts)
		}
	}
	ids := map[wire.AccountID]bool{}
	for _, g := range grants {
		ids[must(w.consents.ListAccounts(t.Context(), must(g.writer.bearer())(t)))(t)[0].ID] = true
	}
	if len(ids) != len(grants) {
		t.Errorf("%d account ids for %d people at applications", len(ids), len(grants))
	}
	for _, p := range people {
		if n := must(w.files.Count(t.Context(), p.in()))(t); n != 2 {
			t.Errorf("%s has %d files, want 2", p.email, n)
		}
		p.events()
	}
}

func ownOnly(k *library.Contract) { k.Scope = library.Scope{Raw: true, Own: true} }

// TestAccessTypes: what a contract is not for is InsufficientScope, not an error of
// the token.
func TestAccessTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	anna := w.resident("anna@example.org")
	writer, reader := anna.allow(w.contract(app, library.Write)), anna.allow(w.contract(app, library.Read))
	_, err := reader.push("a file", []byte("text"))
	refused(t, "push with a read contract", err, library.WrongAccess())
	_, err = writer.open(wire.SessionOptions{})
	refused(t, "session of a write contract", err, library.WrongAccess())
	_, err = writer.reading(must(reader.open(wire.SessionOptions{}))(t))
	refused(t, "reading with a write contract", err, library.WrongAccess())
	_, err = writer.reading(writer.session.Key)
	refused(t, "the session promised to a write contract", err, library.WrongAccess())
	session := must(w.db.GetSession(t.Context(), seal.SecretOf(writer.session.Key).Hash()))(t)
	if !session.PublicKey.IsZero() {
		t.Error("the library's key could be sealed to a session of the write contract")
	}
	for use, text := range map[library.TokenUse]string{
		library.UseAccess:  writer.tokens.AccessToken.Value,
		library.UseRefresh: writer.tokens.RefreshToken.Value,
	} {
		info := must(w.db.GetTokenInfo(t.Context(), seal.SecretOf(text).Hash(), use))(t)
		if info.Token.Seal != nil {
			t.Errorf("the %s token of the write contract holds the key", use)
		}
	}
	for _, g := range []granted{writer, reader} {
		if code := must(w.db.GetCode(t.Context(), seal.SecretOf(g.code).Hash()))(t); code.Seal != nil {
			t.Errorf("the used code of contract %s holds the key still", g.Contract.ID)
		}
	}
}
