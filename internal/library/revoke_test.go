package library_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestRevoke ends a grant at once, with everything that came of it, and nothing else.
func TestRevoke(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	writer, reader := app.Contract(library.Write), app.Contract(library.Read)
	must(anna.Allows(writer).Pushes("a file", []byte("text")))(t)
	g, other, brams := anna.Allows(reader), anna.Allows(app.Contract(library.Read)), bram.Allows(reader)
	session := must(g.StartsSession(wire.SessionOptions{}))(t)
	r := must(g.FindsSession(session))(t) // a request that has come as far as this
	unused := reader.Authorizes()
	code := anna.Answers(library.AuthorizeRequest, unused.Code).Get("code")

	id := g.ID()
	if err := w.Consents.Revoke(t.Context(), bram.SignedIn(), id); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("another person revokes: %v", err)
	}
	if err := w.Consents.Revoke(t.Context(), anna.SignedIn(), "invented"); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("a grant that is not there: %v", err)
	}
	for range 2 { // twice is once
		if err := w.Consents.Revoke(t.Context(), anna.SignedIn(), id); err != nil {
			t.Fatal(err)
		}
	}

	_, err := g.Bearer()
	carreltest.Refused(t, "access token", err, library.InvalidToken(wire.KindAccessToken))
	_, err = w.Consents.Refresh(t.Context(), g.Requests(carreltest.Refreshing(g.Refresh())))
	carreltest.Refused(t, "refresh token", err, library.InvalidToken(wire.KindRefreshToken))
	_, err = w.Consents.Exchange(t.Context(), g.Requests(carreltest.Exchanging(code)))
	carreltest.Refused(t, "code", err, library.InvalidToken(wire.KindAuthorizationCode))
	_, err = w.Consents.Authorize(t.Context(),
		reader.Requests(carreltest.Authorizing, carreltest.WithToken(g.Token())), wire.SessionOptions{})
	carreltest.Refused(t, "linking", err, library.InvalidToken(wire.KindAccessToken))
	_, err = w.Consents.AuthorizeForToken(t.Context(),
		reader.Requests(carreltest.Authorizing, carreltest.WithToken(g.Token())), wire.SessionOptions{})
	carreltest.Refused(t, "renewing", err, library.InvalidToken(wire.KindAccessToken))
	_ = w.Files.List(t.Context(), r, func(e wire.FileEntry) error {
		_, _, err := w.Files.Open(t.Context(), r, e.Name)
		carreltest.Refused(t, "a read under way", err, library.InvalidToken(wire.KindAccessToken))
		return nil
	})
	_, err = w.Consents.StartSession(t.Context(), r.Bearer, wire.SessionOptions{})
	if err == nil {
		t.Error("a request under way opens a session")
	}
	hash := func(secret string) seal.Hash { return seal.SecretOf(secret).Hash() }
	for use, text := range map[library.TokenUse]string{
		library.UseAccess:  g.Token(),
		library.UseRefresh: g.Refresh(),
	} {
		if info := must(w.Store.GetTokenInfo(t.Context(), hash(text), use))(t); info.Token.Seal != nil {
			t.Errorf("the %s token holds the library's key still", use)
		}
	}
	for _, text := range []string{g.Code, code} {
		if c := must(w.Store.GetAuthCode(t.Context(), hash(text)))(t); c.Seal != nil {
			t.Error("a code holds the library's key still")
		}
	}
	for _, key := range []string{g.Session.Key, session, unused.Session.Key} {
		if _, err := w.Store.GetSession(t.Context(), hash(key)); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("a session of the grant: %v", err)
		}
	}

	for name, g := range map[string]*carreltest.Grant{"another contract": other, "another person": brams} {
		if _, err := g.Reads(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := anna.Activity(); strings.Count(got, "app.stopped") != 1 ||
		strings.Contains(got, "file.read app.stopped file.read") {
		t.Errorf("activity %s", got)
	}
	again := anna.Allows(reader)
	if again.Tokens.ConsentID == g.Tokens.ConsentID {
		t.Error("a new yes has brought the revoked grant back")
	}
	if got := must(again.Reads())(t); got["a file"] != "text" {
		t.Errorf("after a new yes: %v", got)
	}
	if again.Tokens.Subject != g.Tokens.Subject {
		t.Error("the person has another name after a new yes")
	}
}

// TestRevokeDuringAPush: content that is on its way when the person revokes is not
// stored, however far it has come.
func TestRevokeDuringAPush(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Newcomer("anna@example.org")
	writer := w.Application().Contract(library.Write)
	for name, content := range map[string][]byte{"small": []byte("text"), "large": carreltest.Large("x")} {
		for end, how := range map[string]func(library.GrantID) error{
			"revoked": func(id library.GrantID) error { return w.Consents.Revoke(t.Context(), anna.SignedIn(), id) },
			"shut": func(library.GrantID) error {
				if _, err := w.People.Shut(t.Context(), anna.SignedIn(), carreltest.Password); err != nil {
					return err
				}
				return w.People.Reopen(t.Context(), anna.SignedIn())
			},
		} {
			g := anna.Allows(writer)
			body := io.MultiReader(bytes.NewReader(content), hook(func() error { return how(g.ID()) }))
			_, err := w.Files.Push(t.Context(), must(g.Bearer())(t), carreltest.Descriptor(t, nil), body)
			carreltest.Refused(t, name+", "+end, err, library.InvalidToken(wire.KindAccessToken))
		}
	}
	if n := anna.FileCount(); n != 0 {
		t.Errorf("%d files are left", n)
	}
	if keys := w.BlobKeys(); len(keys) != 0 {
		t.Errorf("blobs are left: %v", keys)
	}
	if got := anna.Activity(); strings.Contains(got, "file.added") {
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
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	first, second := w.Application().Contract(library.Write), w.Application().Contract(library.Read)
	g := anna.Allows(first)
	w.Clock.Moves(1)
	anna.Allows(second)
	bram.Allows(first)
	must(g.Pushes("a file", nil))(t)
	if err := w.Consents.Revoke(t.Context(), anna.SignedIn(), g.ID()); err != nil {
		t.Fatal(err)
	}
	views := must(w.Consents.ListGrants(t.Context(), anna.SignedIn()))(t)
	if len(views) != 2 {
		t.Fatalf("%d grants", len(views))
	}
	byID := map[library.GrantID]library.GrantWithClient{}
	for _, v := range views {
		byID[v.Grant.ID] = v
	}
	ended := byID[g.ID()]
	if ended.Client.Contract.ID != first.Contract.ID || ended.Grant.Active(w.Clock.Now()) ||
		ended.Grant.LastUsedAt.IsZero() {
		t.Errorf("what has ended: %+v", ended)
	}
	for id, v := range byID {
		if id != ended.Grant.ID && (v.Client.Contract.ID != second.Contract.ID || !v.Grant.Active(w.Clock.Now())) {
			t.Errorf("what stands: %+v", v)
		}
	}
}
