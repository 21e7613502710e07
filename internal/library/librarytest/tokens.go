package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestTokens tests the codes, tokens and sessions of a library.ConsentStore.
func TestTokens(t *testing.T, open func(t *testing.T) Store) {
	t.Run("come of a code", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, a, _ := f.Approve(p, f.AnyClient(library.Read))
		access, refresh := anyToken(g.ID, library.UseAccess), anyToken(g.ID, library.UseRefresh)
		Must(t, f.RedeemAuthCode(Ctx, a.Code.Hash, Later(time.Second), []library.Token{access, refresh}))
		code := Value(f.GetAuthCode(Ctx, a.Code.Hash))(t)
		Same(t, "used", code.UsedAt, Later(time.Second))
		Same(t, "seal of the code", len(code.Seal), 0)
		h := Value(f.GetTokenInfo(Ctx, access.Hash, library.UseAccess))(t)
		Same(t, "access token", h.Token, access)
		Same(t, "grant", h.Grant, g)
		sameLibrary(t, h.Library, p.Library)
		Same(t, "refresh token", Value(f.GetTokenInfo(Ctx, refresh.Hash, library.UseRefresh))(t).Token, refresh)
		for _, wrong := range []struct {
			hash seal.Hash
			use  library.TokenUse
		}{{access.Hash, library.UseRefresh}, {refresh.Hash, library.UseAccess}, {AnyHash(), library.UseAccess}} {
			_, err := f.GetTokenInfo(Ctx, wrong.hash, wrong.use)
			WantErr(t, "token as "+string(wrong.use), err, library.ErrNotFound)
		}
	})
	t.Run("come of a code once", func(t *testing.T) {
		f := NewFixture(t, open)
		g, a, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Read))
		tokens := make([]library.Token, 16)
		for i := range tokens {
			tokens[i] = anyToken(g.ID, library.UseAccess)
		}
		errs := Race(len(tokens), func(i int) error {
			return f.RedeemAuthCode(Ctx, a.Code.Hash, Now, []library.Token{tokens[i]})
		})
		OneWins(t, "code", errs, library.ErrUsed)
		for i, token := range tokens {
			_, err := f.GetTokenInfo(Ctx, token.Hash, library.UseAccess)
			if (err == nil) != (errs[i] == nil) {
				t.Errorf("redeeming said %v, its token is there: %t", errs[i], err == nil)
			}
		}
		WantErr(t, "unknown code", f.RedeemAuthCode(Ctx, AnyHash(), Now, nil), library.ErrNotFound)
		_, err := f.GetAuthCode(Ctx, AnyHash())
		WantErr(t, "unknown code", err, library.ErrNotFound)
	})
	t.Run("end with a second use of their code", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		g, a, s := f.Approve(p, c)
		reused := library.Event{Library: p.ID, At: Now, Kind: library.EventCodeReused}
		revoked := library.Event{Library: p.ID, At: Now, Kind: library.EventCodeRevoked}
		events := len(f.Events(p.ID))
		Must(t, f.RecordAuthCodeReuse(Ctx, a.Code.Hash, true, revoked)) // it was not used yet
		Same(t, "events", len(f.Events(p.ID)), events)
		access, refreshed := anyToken(g.ID, library.UseAccess), anyToken(g.ID, library.UseAccess)
		other := anyToken(g.ID, library.UseAccess)
		access.Code, refreshed.Code = a.Code.Hash, a.Code.Hash
		Must(t, f.RedeemAuthCode(Ctx, a.Code.Hash, Now, []library.Token{access}))
		Must(t, f.AddToken(Ctx, refreshed))
		Must(t, f.AddToken(Ctx, other))
		Same(t, "code of the token", Value(f.GetTokenInfo(Ctx, refreshed.Hash, library.UseAccess))(t).Token, refreshed)
		for range 3 {
			Must(t, f.RecordAuthCodeReuse(Ctx, a.Code.Hash, false, reused))
		}
		Same(t, "events", len(f.Events(p.ID)), events+1)
		_ = Value(f.GetTokenInfo(Ctx, access.Hash, library.UseAccess))(t)
		_ = Value(f.GetSession(Ctx, s.Hash))(t)
		for _, err := range Race(8, func(i int) error {
			if i == 0 {
				late := anyToken(g.ID, library.UseAccess)
				late.Code = a.Code.Hash
				if err := f.AddToken(Ctx, late); err != nil {
					WantErr(t, "refresh at the same time", err, library.ErrNotFound)
				}
				refreshed = late
				return nil
			}
			return f.RecordAuthCodeReuse(Ctx, a.Code.Hash, true, revoked)
		}) {
			Must(t, err)
		}
		Must(t, f.RecordAuthCodeReuse(Ctx, a.Code.Hash, false, reused))
		Same(t, "events", len(f.Events(p.ID)), events+2)
		Same(t, "kind of the newest", f.NewestEvent(p.ID).Kind, library.EventCodeRevoked)
		for _, token := range []library.Token{access, refreshed} {
			_, err := f.GetTokenInfo(Ctx, token.Hash, library.UseAccess)
			WantErr(t, "token of the code", err, library.ErrNotFound)
		}
		_ = Value(f.GetTokenInfo(Ctx, other.Hash, library.UseAccess))(t)
		_, err := f.GetSession(Ctx, s.Hash)
		WantErr(t, "session", err, library.ErrNotFound)
		WantErr(t, "refresh", f.AddToken(Ctx, refreshed), library.ErrNotFound)
		WantErr(t, "unknown code", f.RecordAuthCodeReuse(Ctx, AnyHash(), true, revoked), library.ErrNotFound)
	})
	t.Run("let a file in while they are there", func(t *testing.T) {
		f := NewFixture(t, open)
		g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
		token := anyToken(g.ID, library.UseAccess)
		Must(t, f.AddToken(Ctx, token))
		file := newFile(g, Now)
		file.Token = token.Hash
		Must(t, f.AddFile(Ctx, file))
		file = newFile(g, Now)
		file.Token = AnyHash()
		WantErr(t, "another token", f.AddFile(Ctx, file), library.ErrNotFound)
	})
	t.Run("come whole or not at all", func(t *testing.T) {
		f := NewFixture(t, open)
		g, a, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Read))
		first, second := anyToken(g.ID, library.UseAccess), anyToken(g.ID, library.UseRefresh)
		Must(t, f.AddToken(Ctx, second))
		if err := f.RedeemAuthCode(Ctx, a.Code.Hash, Now, []library.Token{first, second}); err == nil {
			t.Fatal("a token was added twice")
		}
		_, err := f.GetTokenInfo(Ctx, first.Hash, library.UseAccess)
		WantErr(t, "token", err, library.ErrNotFound)
		code := Value(f.GetAuthCode(Ctx, a.Code.Hash))(t)
		Same(t, "used", code.UsedAt, time.Time{})
		Same(t, "seal of the code", code.Seal, a.Code.Seal)
	})
	t.Run("without a seal", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Write)
		l, s := f.AnyRequest(c)
		a := NewApproval(p, c, l, Now)
		a.Code.Seal, a.SessionSeal = nil, nil
		g, _, err := f.Allow(Ctx, a)
		Must(t, err)
		if seal := Value(f.GetAuthCode(Ctx, a.Code.Hash))(t).Seal; seal != nil {
			t.Errorf("the code has the seal %x, want nil", seal)
		}
		if seal := Value(f.GetSession(Ctx, s.Hash))(t).Seal; seal != nil {
			t.Errorf("the session has the seal %x, want nil", seal)
		}
		token := anyToken(g.ID, library.UseAccess)
		token.Seal = nil
		Must(t, f.AddToken(Ctx, token))
		Same(t, "token", Value(f.GetTokenInfo(Ctx, token.Hash, library.UseAccess))(t).Token, token)
	})
	t.Run("are added to a grant", func(t *testing.T) {
		f := NewFixture(t, open)
		g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Read))
		for _, err := range Race(16, func(int) error { return f.AddToken(Ctx, anyToken(g.ID, library.UseAccess)) }) {
			Must(t, err)
		}
		WantErr(t, "token of no grant", f.AddToken(Ctx, anyToken("none", library.UseAccess)), library.ErrNotFound)
	})
	t.Run("are not left over by a revocation at the same time", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		for range 10 {
			g, a, _ := f.Approve(p, c)
			tokens := make([]library.Token, 6)
			for i := range tokens {
				tokens[i] = anyToken(g.ID, library.UseAccess)
			}
			Race(len(tokens)+1, func(i int) error {
				switch i {
				case len(tokens):
					return f.RevokeGrant(Ctx, p.ID, g.ID, Now, AnyEvent(p.ID))
				case 0:
					return f.RedeemAuthCode(Ctx, a.Code.Hash, Now, tokens[:1])
				}
				return f.AddToken(Ctx, tokens[i])
			})
			if Value(f.GetGrant(Ctx, g.ID))(t).RevokedAt.IsZero() {
				t.Fatal("the grant was not revoked")
			}
			for _, token := range tokens {
				h, err := f.GetTokenInfo(Ctx, token.Hash, library.UseAccess)
				if err == nil && len(h.Token.Seal) > 0 {
					t.Error("a token of a revoked grant has kept its seal")
				}
			}
		}
	})
	t.Run("sessions", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		g, _, _ := f.Approve(p, c)
		s := library.Session{Hash: AnyHash(), Client: c.ID(), Grant: g.ID, PublicKey: anyKey(t), Seal: AnySeal(),
			CreatedAt: Now, ExpiresAt: Later(time.Hour)}
		Must(t, f.AddSession(Ctx, s))
		sameSession(t, Value(f.GetSession(Ctx, s.Hash))(t), s)
		free := library.Session{Hash: AnyHash(), Client: c.ID()}
		Must(t, f.AddSession(Ctx, free))
		sameSession(t, Value(f.GetSession(Ctx, free.Hash))(t), free)
		_, err := f.GetSession(Ctx, AnyHash())
		WantErr(t, "unknown session", err, library.ErrNotFound)
		s.Hash, s.Grant = AnyHash(), "none"
		WantErr(t, "session of no grant", f.AddSession(Ctx, s), library.ErrNotFound)
	})
}
