package librarytest

import (
	"bytes"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestRequests tests the requests of a library.ConsentStore, and what answers them.
func TestRequests(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := NewFixture(t, open)
		l, s := f.AnyRequest(f.AnyClient(library.Read))
		Same(t, "request", Value(f.GetAuthRequest(Ctx, l.Hash))(t), l)
		sameSession(t, Value(f.GetSession(Ctx, s.Hash))(t), s)
		_, err := f.GetAuthRequest(Ctx, AnyHash())
		WantErr(t, "unknown request", err, library.ErrNotFound)

		l = library.AuthRequest{Hash: AnyHash(), Library: "a"}
		Must(t, f.AddAuthRequest(Ctx, l, library.Session{}))
		Same(t, "request without a session", Value(f.GetAuthRequest(Ctx, l.Hash))(t), l)
		_, err = f.GetSession(Ctx, seal.Hash{})
		WantErr(t, "session that there is not", err, library.ErrNotFound)
	})
	t.Run("answers once", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		for _, first := range []string{"allow", "deny", "close"} {
			l, _ := f.AnyRequest(c)
			events := len(f.Events(p.ID))
			denial := library.Answer{Outcome: "USER_CANCEL", By: "browser"}
			answers := map[string]func() error{
				"allow": func() error {
					a := NewApproval(p, c, l, Now)
					a.By = "browser"
					_, _, err := f.Allow(Ctx, a)
					return err
				},
				"deny": func() error { return f.Deny(Ctx, l.Hash, Now, denial, AnyEvent(p.ID)) },
				"close": func() error {
					return f.CloseAuthRequest(Ctx, l.Hash, Now, library.Answer{Outcome: library.Completed}, "", nil)
				},
			}
			Must(t, answers[first]())
			Same(t, "answered", Value(f.GetAuthRequest(Ctx, l.Hash))(t).AnsweredAt, Now)
			want := map[string]library.Answer{
				"allow": {Outcome: library.Allowed, By: "browser"},
				"deny":  denial,
				"close": {Outcome: library.Completed},
			}[first]
			Same(t, "answer", Value(f.GetAuthRequest(Ctx, l.Hash))(t).Answer, want)
			if first != "close" {
				events++
			}
			for second, again := range answers {
				WantErr(t, second+" after "+first, again(), library.ErrUsed)
			}
			Same(t, "first answer", Value(f.GetAuthRequest(Ctx, l.Hash))(t).Answer, want)
			Same(t, "number of events", len(f.Events(p.ID)), events)
		}
	})
	t.Run("answers once of many at once", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		l, _ := f.AnyRequest(c)
		OneWins(t, "answer", Race(16, func(i int) error {
			if i%2 == 0 {
				return f.Deny(Ctx, l.Hash, Now, library.Answer{}, AnyEvent(p.ID))
			}
			_, _, err := f.Allow(Ctx, NewApproval(p, c, l, Now))
			return err
		}), library.ErrUsed)
		Same(t, "number of events", len(f.Events(p.ID)), 2)
	})
	t.Run("denies for nobody", func(t *testing.T) {
		f := NewFixture(t, open)
		l, _ := f.AnyRequest(f.AnyClient(library.Read))
		Must(t, f.Deny(Ctx, l.Hash, Now, library.Answer{}, library.Event{}))
	})
	t.Run("answers no unknown request", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		unknown := library.AuthRequest{Hash: AnyHash()}
		_, _, err := f.Allow(Ctx, NewApproval(p, c, unknown, Now))
		WantErr(t, "allow", err, library.ErrNotFound)
		WantErr(t, "deny", f.Deny(Ctx, unknown.Hash, Now, library.Answer{}, AnyEvent(p.ID)), library.ErrNotFound)
		WantErr(t, "close", f.CloseAuthRequest(Ctx, unknown.Hash, Now, library.Answer{}, "", nil), library.ErrNotFound)
		Same(t, "number of events", len(f.Events(p.ID)), 1)
		Same(t, "grants", len(Value(f.ListGrants(Ctx, p.ID))(t)), 0)
	})
}

// TestGrants tests the grants of a library.ConsentStore.
func TestGrants(t *testing.T, open func(t *testing.T) Store) {
	t.Run("come of a yes", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		l, s := f.AnyRequest(c)
		a := NewApproval(p, c, l, Now)
		g, account, err := f.Allow(Ctx, a)
		Must(t, err)
		sameGrant(t, "grant", g, a.Grant)
		Same(t, "account", account, a.Account)
		Same(t, "stored grant", Value(f.GetGrant(Ctx, g.ID))(t), g)
		code := a.Code
		code.Grant = g.ID
		Same(t, "code", Value(f.GetAuthCode(Ctx, a.Code.Hash))(t), code)
		s.Grant, s.Seal = g.ID, a.SessionSeal
		sameSession(t, Value(f.GetSession(Ctx, s.Hash))(t), s)
		e := f.NewestEvent(p.ID)
		Same(t, "kind of event", e.Kind, library.EventAllowed)
		Same(t, "grant of event", e.Details.Grant, g.ID)
		Same(t, "application of event", e.Details.Application, c.Application.ID)
	})
	t.Run("are renewed", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		first, _, _ := f.Approve(p, c)
		l, s := f.AnyRequest(c)
		a := NewApproval(p, c, l, Later(time.Hour))
		g, account, err := f.Allow(Ctx, a)
		Must(t, err)
		want := first
		want.ExpiresAt = a.Grant.ExpiresAt
		sameGrant(t, "grant", g, want)
		Same(t, "grants", Value(f.ListGrants(Ctx, p.ID))(t), []library.Grant{g})
		Same(t, "binding made anew", bytes.Equal(g.Binding, first.Binding), false)
		Same(t, "accounts", Value(f.ListAccounts(Ctx, p.ID, c.Application.ID))(t), []library.Account{account})
		Same(t, "grant of code", Value(f.GetAuthCode(Ctx, a.Code.Hash))(t).Grant, first.ID)
		Same(t, "grant of session", Value(f.GetSession(Ctx, s.Hash))(t).Grant, first.ID)
		e := f.NewestEvent(p.ID)
		Same(t, "kind of event", e.Kind, library.EventRenewed)
		Same(t, "grant of event", e.Details.Grant, first.ID)
	})
	t.Run("are added anew when none stands", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		revoked, _, _ := f.Approve(p, c)
		Must(t, f.RevokeGrant(Ctx, p.ID, revoked.ID, Now, AnyEvent(p.ID)))
		l, _ := f.AnyRequest(c)
		expired, _, err := f.Allow(Ctx, NewApproval(p, c, l, Now))
		Must(t, err)
		l, _ = f.AnyRequest(c)
		last, _, err := f.Allow(Ctx, NewApproval(p, c, l, expired.ExpiresAt))
		Must(t, err)
		if last.ID == revoked.ID || last.ID == expired.ID || expired.ID == revoked.ID {
			t.Error("a grant that does not stand was renewed")
		}
		var ids []library.GrantID
		for _, g := range Value(f.ListGrants(Ctx, p.ID))(t) {
			ids = append(ids, g.ID)
		}
		Same(t, "newest", ids[0], last.ID)
		Same(t, "number", len(ids), 3)
	})
	t.Run("are one for each library and contract", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		answers := make([]library.Approval, 16)
		for i := range answers {
			l, _ := f.AnyRequest(c)
			answers[i] = NewApproval(p, c, l, Now)
		}
		for _, err := range Race(len(answers), func(i int) error {
			_, _, err := f.Allow(Ctx, answers[i])
			return err
		}) {
			Must(t, err)
		}
		Same(t, "grants", len(Value(f.ListGrants(Ctx, p.ID))(t)), 1)
		Same(t, "accounts", len(Value(f.ListAccounts(Ctx, p.ID, c.Application.ID))(t)), 1)
		f.Approve(p, f.AnyContract(c.Application, library.Write))
		f.Approve(f.AnyPerson(), c)
		Same(t, "grants with one more contract", len(Value(f.ListGrants(Ctx, p.ID))(t)), 2)
	})
	t.Run("are used", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Write)
		g, _, _ := f.Approve(p, c)
		for _, use := range []struct{ at, want time.Time }{
			{Now, Now}, {Later(59 * time.Second), Now}, {Later(time.Minute), Later(time.Minute)},
		} {
			Must(t, f.UseGrant(Ctx, p.ID, g.ID, use.at))
			Same(t, "last use", Value(f.GetGrant(Ctx, g.ID))(t).LastUsedAt, use.want)
		}
		WantErr(t, "by another library", f.UseGrant(Ctx, f.AnyPerson().ID, g.ID, Later(time.Hour)),
			library.ErrNotFound)
		Must(t, f.RevokeGrant(Ctx, p.ID, g.ID, Now, AnyEvent(p.ID)))
		WantErr(t, "once it is revoked", f.UseGrant(Ctx, p.ID, g.ID, Later(time.Hour)), library.ErrNotFound)
		Same(t, "last use", Value(f.GetGrant(Ctx, g.ID))(t).LastUsedAt, Later(time.Minute))
	})
	t.Run("are refused to what is shut or gone", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		l, _ := f.AnyRequest(c)
		Must(t, f.ShutLibrary(Ctx, p.ID, Later(time.Hour), "", AnyEvent(p.ID)))
		_, _, err := f.Allow(Ctx, NewApproval(p, c, l, Now))
		WantErr(t, "shut library", err, library.ErrNotFound)
		Must(t, f.DeleteLibrary(Ctx, p.ID, Now))
		_, _, err = f.Allow(Ctx, NewApproval(p, c, l, Now))
		WantErr(t, "deleted library", err, library.ErrNotFound)
		Same(t, "answered", Value(f.GetAuthRequest(Ctx, l.Hash))(t).AnsweredAt, time.Time{})
	})
	t.Run("are revoked with their application", func(t *testing.T) {
		f := NewFixture(t, open)
		p, a := f.AnyPerson(), f.AnyApplication()
		writes, reads := f.AnyContract(a, library.Write), f.AnyContract(a, library.Read)
		g, _, _ := f.Approve(p, writes)
		second, approval, s := f.Approve(p, reads)
		theirs, _, _ := f.Approve(f.AnyPerson(), writes)
		kept, _, _ := f.Approve(p, f.AnyClient(library.Write))
		token, refresh := anyToken(second.ID, library.UseAccess), anyToken(second.ID, library.UseRefresh)
		keptToken := anyToken(kept.ID, library.UseAccess)
		for _, t := range []library.Token{token, refresh, keptToken} {
			Must(f.T, f.AddToken(Ctx, t))
		}
		bound, boundSession := f.AnyRequest(reads)
		bound = library.AuthRequest{Hash: AnyHash(), Kind: library.AuthorizeRequest, ClientID: reads.ID(),
			Library: p.ID, Session: boundSession.Hash, ExpiresAt: bound.ExpiresAt}
		Must(t, f.AddAuthRequest(Ctx, bound, library.Session{}))
		open, openSession := f.AnyRequest(reads)

		e := AnyEvent(p.ID)
		e.At, e.Kind = Later(time.Minute), library.EventStoppedAll
		Must(t, f.RevokeApplication(Ctx, p.ID, a.ID, Later(11*time.Minute), e))
		for _, id := range []library.GrantID{g.ID, second.ID} {
			Same(t, "revoked", Value(f.GetGrant(Ctx, id))(t).RevokedAt, Later(time.Minute))
		}
		for _, id := range []library.GrantID{theirs.ID, kept.ID} {
			Same(t, "another's", Value(f.GetGrant(Ctx, id))(t).RevokedAt, time.Time{})
		}
		Same(t, "seal", len(Value(f.GetTokenInfo(Ctx, token.Hash, library.UseAccess))(t).Token.Seal), 0)
		Same(t, "seal of the code", len(Value(f.GetAuthCode(Ctx, approval.Code.Hash))(t).Seal), 0)
		for _, gone := range []seal.Hash{s.Hash, boundSession.Hash} {
			_, err := f.GetSession(Ctx, gone)
			WantErr(t, "session", err, library.ErrNotFound)
		}
		Same(t, "request of this library expires", Value(f.GetAuthRequest(Ctx, bound.Hash))(t).ExpiresAt, e.At)
		Same(t, "request of any library", Value(f.GetAuthRequest(Ctx, open.Hash))(t), open)
		_ = Value(f.GetSession(Ctx, openSession.Hash))(t)
		Same(t, "kind of event", f.NewestEvent(p.ID).Kind, library.EventStoppedAll)
		for _, remembered := range []struct {
			what  string
			token seal.Hash
			at    time.Time
			want  bool
		}{
			{"access token", token.Hash, Later(11*time.Minute - time.Millisecond), true},
			{"access token later", token.Hash, Later(11 * time.Minute), false},
			{"refresh token", refresh.Hash, Now, false},
			{"token of another application", keptToken.Hash, Now, false},
		} {
			Same(t, remembered.what, Value(f.WasDeleted(Ctx, remembered.token, remembered.at))(t), remembered.want)
		}

		events := len(f.Events(p.ID))
		e.At = Later(time.Hour)
		Must(t, f.RevokeApplication(Ctx, p.ID, a.ID, time.Time{}, e))
		Same(t, "revoked first", Value(f.GetGrant(Ctx, g.ID))(t).RevokedAt, Later(time.Minute))
		Same(t, "number of events", len(f.Events(p.ID)), events)
		e.Library = "none"
		WantErr(t, "unknown library", f.RevokeApplication(Ctx, "none", a.ID, time.Time{}, e), library.ErrNotFound)

		Must(t, f.RememberTokens(Ctx, p.ID, Later(time.Hour)))
		Same(t, "token of the library", Value(f.WasDeleted(Ctx, keptToken.Hash, Now))(t), true)
	})
	t.Run("are revoked with all that came of them", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		g, a, s := f.Approve(p, c)
		token := anyToken(g.ID, library.UseAccess)
		Must(t, f.AddToken(Ctx, token))
		kept, ka, ks := f.Approve(p, f.AnyClient(library.Read))
		keptToken := anyToken(kept.ID, library.UseAccess)
		Must(t, f.AddToken(Ctx, keptToken))

		Must(t, f.RevokeGrant(Ctx, p.ID, g.ID, Later(time.Minute), AnyEvent(p.ID)))
		Same(t, "revoked", Value(f.GetGrant(Ctx, g.ID))(t).RevokedAt, Later(time.Minute))
		h := Value(f.GetTokenInfo(Ctx, token.Hash, library.UseAccess))(t)
		Same(t, "grant of the token", h.Grant.RevokedAt, Later(time.Minute))
		Same(t, "seal of the token", len(h.Token.Seal), 0)
		Same(t, "seal of the code", len(Value(f.GetAuthCode(Ctx, a.Code.Hash))(t).Seal), 0)
		WantErr(t, "redeem", f.RedeemAuthCode(Ctx, a.Code.Hash, Now, nil), library.ErrUsed)
		_, err := f.GetSession(Ctx, s.Hash)
		WantErr(t, "session", err, library.ErrNotFound)
		session := library.Session{Hash: AnyHash(), Client: c.ID(), Grant: g.ID}
		WantErr(t, "new session", f.AddSession(Ctx, session), library.ErrNotFound)
		WantErr(t, "new token", f.AddToken(Ctx, anyToken(g.ID, library.UseAccess)), library.ErrNotFound)
		WantErr(t, "push", f.AddFile(Ctx, newFile(g, Now)), library.ErrNotFound)
		read := AnyEvent(p.ID)
		WantErr(t, "read", f.AddRead(Ctx, nil, g.ID, read), library.ErrNotFound)

		Same(t, "other token", Value(f.GetTokenInfo(Ctx, keptToken.Hash, library.UseAccess))(t).Token, keptToken)
		Same(t, "other code", Value(f.GetAuthCode(Ctx, ka.Code.Hash))(t).Seal, ka.Code.Seal)
		_ = Value(f.GetSession(Ctx, ks.Hash))(t)

		events := len(f.Events(p.ID))
		Must(t, f.RevokeGrant(Ctx, p.ID, g.ID, Later(time.Hour), AnyEvent(p.ID)))
		Same(t, "revoked first", Value(f.GetGrant(Ctx, g.ID))(t).RevokedAt, Later(time.Minute))
		Same(t, "number of events", len(f.Events(p.ID)), events)
		stranger := f.AnyPerson()
		WantErr(t, "grant of somebody else", f.RevokeGrant(Ctx, stranger.ID, kept.ID, Now, AnyEvent(stranger.ID)),
			library.ErrNotFound)
		WantErr(t, "unknown grant", f.RevokeGrant(Ctx, p.ID, "none", Now, AnyEvent(p.ID)), library.ErrNotFound)
		Same(t, "kept", Value(f.GetGrant(Ctx, kept.ID))(t).RevokedAt, time.Time{})
		_, err = f.GetGrant(Ctx, "none")
		WantErr(t, "unknown grant", err, library.ErrNotFound)
	})
	t.Run("are revoked once of many at once", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Read))
		for _, err := range Race(16, func(int) error { return f.RevokeGrant(Ctx, p.ID, g.ID, Now, AnyEvent(p.ID)) }) {
			Must(t, err)
		}
		Same(t, "number of events", len(f.Events(p.ID)), 3)
	})
}

// TestAccounts tests the accounts and references of a library.ConsentStore.
func TestAccounts(t *testing.T, open func(t *testing.T) Store) {
	t.Run("are one for each application", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		_, a, _ := f.Approve(p, c)
		f.Approve(p, f.AnyContract(c.Application, library.Write))
		other := f.AnyClient(library.Read)
		_, oa, _ := f.Approve(p, other)
		Same(t, "accounts", Value(f.ListAccounts(Ctx, p.ID, c.Application.ID))(t), []library.Account{a.Account})
		Same(t, "accounts at another", Value(f.ListAccounts(Ctx, p.ID, other.Application.ID))(t),
			[]library.Account{oa.Account})
		Same(t, "accounts at none", len(Value(f.ListAccounts(Ctx, p.ID, "none"))(t)), 0)
	})
	t.Run("are hidden until the next consent", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c, other := f.AnyPerson(), f.AnyClient(library.Read), f.AnyClient(library.Read)
		application := c.Application.ID
		_, a, _ := f.Approve(p, c)
		_, oa, _ := f.Approve(p, other)
		_, ta, _ := f.Approve(f.AnyPerson(), c)
		Same(t, "account", Value(f.GetUserAccount(Ctx, p.ID, application))(t), a.Account)

		Must(t, f.HideAccount(Ctx, p.ID, application, Later(time.Minute)))
		Must(t, f.HideAccount(Ctx, p.ID, application, Later(time.Hour)))
		Same(t, "accounts", len(Value(f.ListAccounts(Ctx, p.ID, application))(t)), 0)
		hidden := a.Account
		hidden.HiddenAt = Later(time.Minute)
		Same(t, "hidden account", Value(f.GetUserAccount(Ctx, p.ID, application))(t), hidden)
		Same(t, "accounts at another", Value(f.ListAccounts(Ctx, p.ID, other.Application.ID))(t),
			[]library.Account{oa.Account})
		Same(t, "accounts of another", Value(f.ListAccounts(Ctx, ta.Grant.Library, application))(t),
			[]library.Account{ta.Account})

		l, _ := f.AnyRequest(c)
		Must(t, f.CloseAuthRequest(Ctx, l.Hash, Now, library.Answer{}, a.Grant.ID, nil))
		l, _ = f.AnyRequest(c)
		Must(t, f.Deny(Ctx, l.Hash, Now, library.Answer{}, library.Event{}))
		Same(t, "accounts after other answers", len(Value(f.ListAccounts(Ctx, p.ID, application))(t)), 0)
		l, _ = f.AnyRequest(c)
		_, given, err := f.Allow(Ctx, NewApproval(p, c, l, Later(time.Hour)))
		Must(t, err)
		Same(t, "account of the consent", given, a.Account)
		Same(t, "accounts after a consent", Value(f.ListAccounts(Ctx, p.ID, application))(t),
			[]library.Account{a.Account})

		Must(t, f.HideAccount(Ctx, p.ID, "none", Now))
		Must(t, f.HideAccount(Ctx, "none", application, Now))
		_, err = f.GetUserAccount(Ctx, p.ID, "none")
		WantErr(t, "account at none", err, library.ErrNotFound)
		_, err = f.GetUserAccount(Ctx, "none", application)
		WantErr(t, "account of nobody", err, library.ErrNotFound)
	})
	t.Run("have handles", func(t *testing.T) {
		f := NewFixture(t, open)
		h := library.AccountHandle{ID: "h1", Client: wire.ClientID{Application: "a", Contract: "k"},
			Account: "420_%", ExpiresAt: Later(time.Minute)}
		Must(t, f.AddAccountHandle(Ctx, h))
		Same(t, "handle", Value(f.GetAccountHandle(Ctx, "h1"))(t), h)
		for _, id := range []string{"", "h_", "h%", "\x00\xff"} {
			_, err := f.GetAccountHandle(Ctx, id)
			WantErr(t, "handle "+id, err, library.ErrNotFound)
		}
		h.ID, h.Account = "h2", "\x00\xff"
		Must(t, f.AddAccountHandle(Ctx, h))
	})
}

// sameGrant compares a grant that the store has bound with one that has another binding, or none.
func sameGrant(t *testing.T, what string, got, want library.Grant) {
	t.Helper()
	Same(t, what+", length of its binding", len(got.Binding), 37)
	want.Binding = got.Binding
	Same(t, what, got, want)
}

func sameSession(t *testing.T, got, want library.Session) {
	t.Helper()
	if !got.PublicKey.Equal(want.PublicKey) {
		t.Error("session has another public key")
	}
	got.PublicKey, want.PublicKey = seal.PublicKey{}, seal.PublicKey{}
	Same(t, "session", got, want)
}
