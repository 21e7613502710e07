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

// revocation is a grant that its person has revoked, with all that came of it, beside two that stand.
type revocation struct {
	w              *carreltest.World
	anna           *carreltest.Person
	reader         *carreltest.Contract
	revoked        *carreltest.Grant
	other, brams   *carreltest.Grant    // of another contract, and of another person
	underWay       *library.ReadSession // a request that had come as far as this
	session        string               // that was opened
	unusedSession  string               // that was promised with the unused code
	unusedAuthCode string
}

func newRevocation(t *testing.T) *revocation {
	t.Helper()
	w := carreltest.New(t)
	app := w.Application()
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	r := &revocation{w: w, anna: anna, reader: app.Contract(library.Read)}
	must(anna.Allows(app.Contract(library.Write)).Pushes("a file", []byte("text")))(t)
	r.revoked, r.other = anna.Allows(r.reader), anna.Allows(app.Contract(library.Read))
	r.brams = bram.Allows(r.reader)
	r.session = must(r.revoked.StartsSession(wire.SessionOptions{}))(t)
	r.underWay = must(r.revoked.FindsSession(r.session))(t)
	unused := r.reader.Authorizes()
	r.unusedSession = unused.Session.Key
	r.unusedAuthCode = anna.Answers(library.AuthorizeRequest, unused.Code).Get("code")

	if err := w.Consents.Revoke(t.Context(), bram.SignedIn(), r.revoked.ID()); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("another person revokes: %v", err)
	}
	if err := w.Consents.Revoke(t.Context(), anna.SignedIn(), "invented"); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("a grant that is not there: %v", err)
	}
	for range 2 { // twice is once
		anna.Stops(r.revoked)
	}
	return r
}

// TestRevoke checks that a revoked grant ends at once, with everything that came of it, and nothing else.
func TestRevoke(t *testing.T) {
	t.Parallel()
	r := newRevocation(t)
	t.Run("its tokens and codes are refused", r.secretsAreRefused)
	t.Run("a read under way does not go on", r.readDoesNotGoOn)
	t.Run("no seal of the library's key is left", r.sealsAreGone)
	t.Run("its sessions are gone", r.sessionsAreGone)
	t.Run("other grants stand", r.othersStand)
	t.Run("the person sees it", r.isInActivity)
	t.Run("a new consent is a new grant of the same person", r.canBeAllowedAgain)
}

func (r *revocation) secretsAreRefused(t *testing.T) {
	w, ctx, g := r.w, t.Context(), r.revoked
	_, err := g.Bearer()
	carreltest.Refused(t, "access token", err, library.InvalidToken(wire.KindAccessToken))
	_, err = w.Consents.Refresh(ctx, g.Requests(carreltest.Refreshing(g.Refresh())))
	carreltest.Refused(t, "refresh token", err, library.InvalidToken(wire.KindRefreshToken))
	_, err = w.Consents.Exchange(ctx, g.Requests(carreltest.Exchanging(r.unusedAuthCode)))
	carreltest.Refused(t, "code", err, library.InvalidToken(wire.KindAuthorizationCode))
	linking := func() *library.SignedRequest {
		return r.reader.Requests(carreltest.Authorizing, carreltest.WithToken(g.Token()))
	}
	_, err = w.Consents.Authorize(ctx, linking(), wire.SessionOptions{})
	carreltest.Refused(t, "linking", err, library.InvalidToken(wire.KindAccessToken))
	_, err = w.Consents.AuthorizeForToken(ctx, linking(), wire.SessionOptions{})
	carreltest.Refused(t, "renewing", err, library.InvalidToken(wire.KindAccessToken))
}

func (r *revocation) readDoesNotGoOn(t *testing.T) {
	files := 0
	err := r.w.Files.List(t.Context(), r.underWay, func(e wire.FileEntry) error {
		files++
		_, _, err := r.w.Files.Open(t.Context(), r.underWay, e.Name)
		carreltest.Refused(t, "a read under way", err, library.InvalidToken(wire.KindAccessToken))
		return nil
	})
	if err != nil || files != 1 {
		t.Errorf("%d files are tried, error %v", files, err)
	}
	if _, err := r.w.Consents.StartSession(t.Context(), r.underWay.Bearer, wire.SessionOptions{}); err == nil {
		t.Error("a request under way opens a session")
	}
}

func (r *revocation) sealsAreGone(t *testing.T) {
	hash := func(secret string) seal.Hash { return seal.SecretOf(secret).Hash() }
	for use, text := range map[library.TokenUse]string{
		library.UseAccess:  r.revoked.Token(),
		library.UseRefresh: r.revoked.Refresh(),
	} {
		if info := must(r.w.Store.GetTokenInfo(t.Context(), hash(text), use))(t); info.Token.Seal != nil {
			t.Errorf("the %s token holds the library's key still", use)
		}
	}
	for _, text := range []string{r.revoked.Code, r.unusedAuthCode} {
		if c := must(r.w.Store.GetAuthCode(t.Context(), hash(text)))(t); c.Seal != nil {
			t.Error("a code holds the library's key still")
		}
	}
}

func (r *revocation) sessionsAreGone(t *testing.T) {
	for _, key := range []string{r.revoked.Session.Key, r.session, r.unusedSession} {
		_, err := r.w.Store.GetSession(t.Context(), seal.SecretOf(key).Hash())
		if !errors.Is(err, library.ErrNotFound) {
			t.Errorf("a session of the grant: %v", err)
		}
	}
}

func (r *revocation) othersStand(t *testing.T) {
	for name, g := range map[string]*carreltest.Grant{"another contract": r.other, "another person": r.brams} {
		if _, err := g.Reads(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (r *revocation) isInActivity(t *testing.T) {
	got := r.anna.Activity()
	if strings.Count(got, "app.stopped") != 1 || strings.Contains(got, "file.read app.stopped file.read") {
		t.Errorf("activity %s", got)
	}
}

func (r *revocation) canBeAllowedAgain(t *testing.T) {
	again := r.anna.Allows(r.reader)
	if again.Tokens.ConsentID == r.revoked.Tokens.ConsentID {
		t.Error("a new consent has brought the revoked grant back")
	}
	if got := must(again.Reads())(t); got["a file"] != "text" {
		t.Errorf("after a new consent: %v", got)
	}
	if again.Tokens.Subject != r.revoked.Tokens.Subject {
		t.Error("the person has another name after a new consent")
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
