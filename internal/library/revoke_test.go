package library_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestRevoke ends a grant at once, with everything that came of it, and nothing else.
func TestRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	writer, reader := w.contract(app, library.Write), w.contract(app, library.Read)
	must(anna.allow(writer).push("a file", []byte("text")))(t)
	g, other, brams := anna.allow(reader), anna.allow(w.contract(app, library.Read)), bram.allow(reader)
	session := must(g.open(wire.SessionOptions{}))(t)
	r := must(g.reading(session))(t) // a request that has come as far as this
	unused := must(w.consents.Authorize(t.Context(), reader.call(authorizing), wire.SessionOptions{}))(t)
	code := anna.answer(library.AuthorizeRequest, unused.Code.Reveal()).Get("code")

	id := library.GrantID(g.tokens.ConsentID)
	if err := w.consents.Revoke(t.Context(), bram.in(), id); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("another person revokes: %v", err)
	}
	if err := w.consents.Revoke(t.Context(), anna.in(), "invented"); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("a grant that is not there: %v", err)
	}
	for range 2 { // twice is once
		if err := w.consents.Revoke(t.Context(), anna.in(), id); err != nil {
			t.Fatal(err)
		}
	}

	_, err := g.bearer()
	refused(t, "access token", err, library.InvalidToken(wire.KindAccessToken))
	_, err = w.consents.Refresh(t.Context(), g.call(refreshing(g.tokens.RefreshToken.Value)))
	refused(t, "refresh token", err, library.InvalidToken(wire.KindRefreshToken))
	_, err = w.consents.Exchange(t.Context(), g.call(exchanging(code)))
	refused(t, "code", err, library.InvalidToken(wire.KindAuthorizationCode))
	_, err = w.consents.Authorize(
		t.Context(),
		reader.call(authorizing, accessToken(g.tokens.AccessToken.Value)),
		wire.SessionOptions{},
	)
	refused(t, "linking", err, library.InvalidToken(wire.KindAccessToken))
	_, err = w.consents.AuthorizeForToken(
		t.Context(),
		reader.call(authorizing, accessToken(g.tokens.AccessToken.Value)),
		wire.SessionOptions{},
	)
	refused(t, "renewing", err, library.InvalidToken(wire.KindAccessToken))
	_ = w.files.List(t.Context(), r, func(e wire.FileEntry) error {
		_, _, err := w.files.Open(t.Context(), r, e.Name)
		refused(t, "a read under way", err, library.InvalidToken(wire.KindAccessToken))
		return nil
	})
	_, err = w.consents.StartSession(t.Context(), r.Bearer, wire.SessionOptions{})
	if err == nil {
		t.Error("a request under way opens a session")
	}
	hash := func(secret string) seal.Hash { return seal.SecretOf(secret).Hash() }
	for use, text := range map[library.TokenUse]string{
		library.UseAccess:  g.tokens.AccessToken.Value,
		library.UseRefresh: g.tokens.RefreshToken.Value,
	} {
		if info := must(w.db.GetTokenInfo(t.Context(), hash(text), use))(t); info.Token.Seal != nil {
			t.Errorf("the %s token holds the library's key still", use)
		}
	}
	for _, text := range []string{g.code, code} {
		if c := must(w.db.GetCode(t.Context(), hash(text)))(t); c.Seal != nil {
			t.Error("a code holds the library's key still")
		}
	}
	for _, key := range []string{g.session.Key, session, unused.Session.Key} {
		if _, err := w.db.GetSession(t.Context(), hash(key)); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("a session of the grant: %v", err)
		}
	}

	for name, g := range map[string]granted{"another contract": other, "another person": brams} {
		if _, err := g.readNow(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := anna.events(); strings.Count(got, "app.stopped") != 1 ||
		strings.Contains(got, "file.read app.stopped file.read") {
		t.Errorf("activity %s", got)
	}
	again := anna.allow(reader)
	if again.tokens.ConsentID == g.tokens.ConsentID {
		t.Error("a new yes has brought the revoked grant back")
	}
	if got := must(again.readNow())(t); got["a file"] != "text" {
		t.Errorf("after a new yes: %v", got)
	}
	if again.tokens.Subject != g.tokens.Subject {
		t.Error("the person has another name after a new yes")
	}
}

// TestRevokeDuringAPush: content that is on its way when the person revokes is not
// stored, however far it has come.
func TestRevokeDuringAPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.person("anna@example.org")
	writer := w.contract(w.application(), library.Write)
	for name, content := range map[string][]byte{"small": []byte("text"), "large": large("x")} {
		for end, how := range map[string]func(library.GrantID) error{
			"revoked": func(id library.GrantID) error { return w.consents.Revoke(t.Context(), anna.in(), id) },
			"shut": func(library.GrantID) error {
				if _, err := w.people.Shut(t.Context(), anna.in(), password); err != nil {
					return err
				}
				return w.people.Reopen(t.Context(), anna.in())
			},
		} {
			g := anna.allow(writer)
			body := io.MultiReader(
				bytes.NewReader(content),
				hook(func() error { return how(library.GrantID(g.tokens.ConsentID)) }),
			)
			_, err := w.files.Push(t.Context(), must(g.bearer())(t), descriptor(t, nil), body)
			refused(t, name+", "+end, err, library.InvalidToken(wire.KindAccessToken))
		}
	}
	if n := anna.countFiles(); n != 0 {
		t.Errorf("%d files are left", n)
	}
	if keys := w.blobKeys(); len(keys) != 0 {
		t.Errorf("blobs are left: %v", keys)
	}
	if got := anna.events(); strings.Contains(got, "file.added") {
		t.Errorf("activity %s", got)
	}
}

// hook is an end of content at which something happens.
type hook func() error

func (h hook) Read([]byte) (int, error) {
	if err := h(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

// TestGrants: the person sees what stands and what has ended, newest first, with who
// has it.
func TestGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	first, second := w.contract(w.application(), library.Write), w.contract(w.application(), library.Read)
	g := anna.allow(first)
	w.pass(1)
	anna.allow(second)
	bram.allow(first)
	must(g.push("a file", nil))(t)
	if err := w.consents.Revoke(t.Context(), anna.in(), library.GrantID(g.tokens.ConsentID)); err != nil {
		t.Fatal(err)
	}
	views := must(w.consents.ListGrants(t.Context(), anna.in()))(t)
	if len(views) != 2 {
		t.Fatalf("%d grants", len(views))
	}
	byID := map[library.GrantID]library.GrantWithClient{}
	for _, v := range views {
		byID[v.Grant.ID] = v
	}
	ended := byID[library.GrantID(g.tokens.ConsentID)]
	if ended.Client.Contract.ID != first.Contract.ID || ended.Grant.Active(w.clock()) ||
		ended.Grant.LastUsedAt.IsZero() {
		t.Errorf("what has ended: %+v", ended)
	}
	for id, v := range byID {
		if id != ended.Grant.ID && (v.Client.Contract.ID != second.Contract.ID || !v.Grant.Active(w.clock())) {
			t.Errorf("what stands: %+v", v)
		}
	}
}
