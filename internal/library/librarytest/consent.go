package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestLinks tests the links of a library.ConsentStore, and what answers them.
func TestLinks(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := fresh(t, open)
		l, s := f.link(f.client(library.Read))
		same(t, "link", value(f.GetAuthRequest(ctx, l.Hash))(t), l)
		sameSession(t, value(f.GetSession(ctx, s.Hash))(t), s)
		_, err := f.GetAuthRequest(ctx, anyHash())
		wantErr(t, "unknown link", err, library.ErrNotFound)

		l = library.AuthRequest{Hash: anyHash(), Library: "a"}
		must(t, f.AddAuthRequest(ctx, l, library.Session{}))
		same(t, "link without a session", value(f.GetAuthRequest(ctx, l.Hash))(t), l)
		_, err = f.GetSession(ctx, seal.Hash{})
		wantErr(t, "session that there is not", err, library.ErrNotFound)
	})
	t.Run("answers once", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		for _, first := range []string{"allow", "deny", "close"} {
			l, _ := f.link(c)
			events := len(f.events(p.ID))
			answers := map[string]func() error{
				"allow": func() error { _, _, err := f.Allow(ctx, answer(p, c, l, now)); return err },
				"deny":  func() error { return f.Deny(ctx, l.Hash, now, anyEvent(p.ID)) },
				"close": func() error { return f.CloseAuthRequest(ctx, l.Hash, now, "", nil) },
			}
			must(t, answers[first]())
			same(t, "answered", value(f.GetAuthRequest(ctx, l.Hash))(t).AnsweredAt, now)
			if first != "close" {
				events++
			}
			for second, again := range answers {
				wantErr(t, second+" after "+first, again(), library.ErrUsed)
			}
			same(t, "number of events", len(f.events(p.ID)), events)
		}
	})
	t.Run("answers once of many at once", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		l, _ := f.link(c)
		oneWins(t, "answer", race(16, func(i int) error {
			if i%2 == 0 {
				return f.Deny(ctx, l.Hash, now, anyEvent(p.ID))
			}
			_, _, err := f.Allow(ctx, answer(p, c, l, now))
			return err
		}), library.ErrUsed)
		same(t, "number of events", len(f.events(p.ID)), 2)
	})
	t.Run("denies for nobody", func(t *testing.T) {
		f := fresh(t, open)
		l, _ := f.link(f.client(library.Read))
		must(t, f.Deny(ctx, l.Hash, now, library.Event{}))
	})
	t.Run("answers no unknown link", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		unknown := library.AuthRequest{Hash: anyHash()}
		_, _, err := f.Allow(ctx, answer(p, c, unknown, now))
		wantErr(t, "allow", err, library.ErrNotFound)
		wantErr(t, "deny", f.Deny(ctx, unknown.Hash, now, anyEvent(p.ID)), library.ErrNotFound)
		wantErr(t, "close", f.CloseAuthRequest(ctx, unknown.Hash, now, "", nil), library.ErrNotFound)
		same(t, "number of events", len(f.events(p.ID)), 1)
		same(t, "grants", len(value(f.ListGrants(ctx, p.ID))(t)), 0)
	})
}

// TestGrants tests the grants of a library.ConsentStore.
func TestGrants(t *testing.T, open func(t *testing.T) Store) {
	t.Run("come of a yes", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		l, s := f.link(c)
		a := answer(p, c, l, now)
		g, account, err := f.Allow(ctx, a)
		must(t, err)
		same(t, "grant", g, a.Grant)
		same(t, "account", account, a.Account)
		same(t, "stored grant", value(f.GetGrant(ctx, g.ID))(t), a.Grant)
		code := a.Code
		code.Grant = g.ID
		same(t, "code", value(f.GetCode(ctx, a.Code.Hash))(t), code)
		s.Grant, s.Seal = g.ID, a.SessionSeal
		sameSession(t, value(f.GetSession(ctx, s.Hash))(t), s)
		e := f.newest(p.ID)
		same(t, "kind of event", e.Kind, library.EventAllowed)
		same(t, "grant of event", e.Details.Grant, g.ID)
		same(t, "application of event", e.Details.Application, c.Application.ID)
	})
	t.Run("are renewed", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		first, _, _ := f.allow(p, c)
		l, s := f.link(c)
		a := answer(p, c, l, later(time.Hour))
		g, account, err := f.Allow(ctx, a)
		must(t, err)
		want := first
		want.ExpiresAt = a.Grant.ExpiresAt
		same(t, "grant", g, want)
		same(t, "grants", value(f.ListGrants(ctx, p.ID))(t), []library.Grant{want})
		same(t, "accounts", value(f.ListAccounts(ctx, p.ID, c.Application.ID))(t), []library.Account{account})
		same(t, "grant of code", value(f.GetCode(ctx, a.Code.Hash))(t).Grant, first.ID)
		same(t, "grant of session", value(f.GetSession(ctx, s.Hash))(t).Grant, first.ID)
		e := f.newest(p.ID)
		same(t, "kind of event", e.Kind, library.EventRenewed)
		same(t, "grant of event", e.Details.Grant, first.ID)
	})
	t.Run("are added anew when none stands", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		revoked, _, _ := f.allow(p, c)
		must(t, f.RevokeGrant(ctx, p.ID, revoked.ID, now, anyEvent(p.ID)))
		l, _ := f.link(c)
		expired, _, err := f.Allow(ctx, answer(p, c, l, now))
		must(t, err)
		l, _ = f.link(c)
		last, _, err := f.Allow(ctx, answer(p, c, l, expired.ExpiresAt))
		must(t, err)
		if last.ID == revoked.ID || last.ID == expired.ID || expired.ID == revoked.ID {
			t.Error("a grant that does not stand was renewed")
		}
		var ids []library.GrantID
		for _, g := range value(f.ListGrants(ctx, p.ID))(t) {
			ids = append(ids, g.ID)
		}
		same(t, "newest", ids[0], last.ID)
		same(t, "number", len(ids), 3)
	})
	t.Run("are one for each library and contract", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		answers := make([]library.Approval, 16)
		for i := range answers {
			l, _ := f.link(c)
			answers[i] = answer(p, c, l, now)
		}
		for _, err := range race(len(answers), func(i int) error {
			_, _, err := f.Allow(ctx, answers[i])
			return err
		}) {
			must(t, err)
		}
		same(t, "grants", len(value(f.ListGrants(ctx, p.ID))(t)), 1)
		same(t, "accounts", len(value(f.ListAccounts(ctx, p.ID, c.Application.ID))(t)), 1)
		f.allow(p, f.contract(c.Application, library.Write))
		f.allow(f.person(), c)
		same(t, "grants with one more contract", len(value(f.ListGrants(ctx, p.ID))(t)), 2)
	})
	t.Run("are refused to what is shut or gone", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		l, _ := f.link(c)
		must(t, f.ShutLibrary(ctx, p.ID, later(time.Hour), "", anyEvent(p.ID)))
		_, _, err := f.Allow(ctx, answer(p, c, l, now))
		wantErr(t, "shut library", err, library.ErrNotFound)
		must(t, f.DeleteLibrary(ctx, p.ID, now))
		_, _, err = f.Allow(ctx, answer(p, c, l, now))
		wantErr(t, "deleted library", err, library.ErrNotFound)
		same(t, "answered", value(f.GetAuthRequest(ctx, l.Hash))(t).AnsweredAt, time.Time{})
	})
	t.Run("are revoked with all that came of them", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		g, a, s := f.allow(p, c)
		token := anyToken(g.ID, library.UseAccess)
		must(t, f.AddToken(ctx, token))
		kept, ka, ks := f.allow(p, f.client(library.Read))
		keptToken := anyToken(kept.ID, library.UseAccess)
		must(t, f.AddToken(ctx, keptToken))

		must(t, f.RevokeGrant(ctx, p.ID, g.ID, later(time.Minute), anyEvent(p.ID)))
		same(t, "revoked", value(f.GetGrant(ctx, g.ID))(t).RevokedAt, later(time.Minute))
		h := value(f.GetTokenInfo(ctx, token.Hash, library.UseAccess))(t)
		same(t, "grant of the token", h.Grant.RevokedAt, later(time.Minute))
		same(t, "seal of the token", len(h.Token.Seal), 0)
		same(t, "seal of the code", len(value(f.GetCode(ctx, a.Code.Hash))(t).Seal), 0)
		wantErr(t, "redeem", f.RedeemCode(ctx, a.Code.Hash, now, nil), library.ErrUsed)
		_, err := f.GetSession(ctx, s.Hash)
		wantErr(t, "session", err, library.ErrNotFound)
		session := library.Session{Hash: anyHash(), Client: c.ID(), Grant: g.ID}
		wantErr(t, "new session", f.AddSession(ctx, session), library.ErrNotFound)
		wantErr(t, "new token", f.AddToken(ctx, anyToken(g.ID, library.UseAccess)), library.ErrNotFound)
		wantErr(t, "push", f.AddFile(ctx, arrival(g, now)), library.ErrNotFound)
		read := anyEvent(p.ID)
		wantErr(t, "read", f.AddRead(ctx, nil, g.ID, read), library.ErrNotFound)

		same(t, "other token", value(f.GetTokenInfo(ctx, keptToken.Hash, library.UseAccess))(t).Token, keptToken)
		same(t, "other code", value(f.GetCode(ctx, ka.Code.Hash))(t).Seal, ka.Code.Seal)
		_ = value(f.GetSession(ctx, ks.Hash))(t)

		events := len(f.events(p.ID))
		must(t, f.RevokeGrant(ctx, p.ID, g.ID, later(time.Hour), anyEvent(p.ID)))
		same(t, "revoked first", value(f.GetGrant(ctx, g.ID))(t).RevokedAt, later(time.Minute))
		same(t, "number of events", len(f.events(p.ID)), events)
		stranger := f.person()
		wantErr(t, "grant of somebody else", f.RevokeGrant(ctx, stranger.ID, kept.ID, now, anyEvent(stranger.ID)), library.ErrNotFound)
		wantErr(t, "unknown grant", f.RevokeGrant(ctx, p.ID, "none", now, anyEvent(p.ID)), library.ErrNotFound)
		same(t, "kept", value(f.GetGrant(ctx, kept.ID))(t).RevokedAt, time.Time{})
		_, err = f.GetGrant(ctx, "none")
		wantErr(t, "unknown grant", err, library.ErrNotFound)
	})
	t.Run("are revoked once of many at once", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		g, _, _ := f.allow(p, f.client(library.Read))
		for _, err := range race(16, func(int) error { return f.RevokeGrant(ctx, p.ID, g.ID, now, anyEvent(p.ID)) }) {
			must(t, err)
		}
		same(t, "number of events", len(f.events(p.ID)), 3)
	})
}

// TestAccounts tests the accounts and references of a library.ConsentStore.
func TestAccounts(t *testing.T, open func(t *testing.T) Store) {
	t.Run("are one for each application", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		_, a, _ := f.allow(p, c)
		f.allow(p, f.contract(c.Application, library.Write))
		other := f.client(library.Read)
		_, oa, _ := f.allow(p, other)
		same(t, "accounts", value(f.ListAccounts(ctx, p.ID, c.Application.ID))(t), []library.Account{a.Account})
		same(t, "accounts at another", value(f.ListAccounts(ctx, p.ID, other.Application.ID))(t), []library.Account{oa.Account})
		same(t, "accounts at none", len(value(f.ListAccounts(ctx, p.ID, "none"))(t)), 0)
	})
	t.Run("are hidden until the next consent", func(t *testing.T) {
		f := fresh(t, open)
		p, c, other := f.person(), f.client(library.Read), f.client(library.Read)
		application := c.Application.ID
		_, a, _ := f.allow(p, c)
		_, oa, _ := f.allow(p, other)
		_, ta, _ := f.allow(f.person(), c)
		same(t, "account", value(f.GetUserAccount(ctx, p.ID, application))(t), a.Account)

		must(t, f.HideAccount(ctx, p.ID, application, later(time.Minute)))
		must(t, f.HideAccount(ctx, p.ID, application, later(time.Hour)))
		same(t, "accounts", len(value(f.ListAccounts(ctx, p.ID, application))(t)), 0)
		hidden := a.Account
		hidden.HiddenAt = later(time.Minute)
		same(t, "hidden account", value(f.GetUserAccount(ctx, p.ID, application))(t), hidden)
		same(t, "accounts at another", value(f.ListAccounts(ctx, p.ID, other.Application.ID))(t), []library.Account{oa.Account})
		same(t, "accounts of another", value(f.ListAccounts(ctx, ta.Grant.Library, application))(t), []library.Account{ta.Account})

		l, _ := f.link(c)
		must(t, f.CloseAuthRequest(ctx, l.Hash, now, a.Grant.ID, nil))
		l, _ = f.link(c)
		must(t, f.Deny(ctx, l.Hash, now, library.Event{}))
		same(t, "accounts after other answers", len(value(f.ListAccounts(ctx, p.ID, application))(t)), 0)
		l, _ = f.link(c)
		_, given, err := f.Allow(ctx, answer(p, c, l, later(time.Hour)))
		must(t, err)
		same(t, "account of the consent", given, a.Account)
		same(t, "accounts after a consent", value(f.ListAccounts(ctx, p.ID, application))(t), []library.Account{a.Account})

		must(t, f.HideAccount(ctx, p.ID, "none", now))
		must(t, f.HideAccount(ctx, "none", application, now))
		_, err = f.GetUserAccount(ctx, p.ID, "none")
		wantErr(t, "account at none", err, library.ErrNotFound)
		_, err = f.GetUserAccount(ctx, "none", application)
		wantErr(t, "account of nobody", err, library.ErrNotFound)
	})
	t.Run("are referred to", func(t *testing.T) {
		f := fresh(t, open)
		r := library.AccountReference{ID: "r1", Client: wire.ClientID{Application: "a", Contract: "k"},
			Account: "420_%", ExpiresAt: later(time.Minute)}
		must(t, f.AddReference(ctx, r))
		same(t, "reference", value(f.GetReference(ctx, "r1"))(t), r)
		for _, id := range []string{"", "r_", "r%", "\x00\xff"} {
			_, err := f.GetReference(ctx, id)
			wantErr(t, "reference "+id, err, library.ErrNotFound)
		}
		r.ID, r.Account = "r2", "\x00\xff"
		must(t, f.AddReference(ctx, r))
	})
}

func sameSession(t *testing.T, got, want library.Session) {
	t.Helper()
	if !got.PublicKey.Equal(want.PublicKey) {
		t.Error("session has another public key")
	}
	got.PublicKey, want.PublicKey = seal.PublicKey{}, seal.PublicKey{}
	same(t, "session", got, want)
}
