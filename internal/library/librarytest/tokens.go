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
		f := fresh(t, open)
		p := f.person()
		g, a, _ := f.allow(p, f.client(library.Read))
		access, refresh := anyToken(g.ID, library.UseAccess), anyToken(g.ID, library.UseRefresh)
		must(t, f.RedeemCode(ctx, a.Code.Hash, later(time.Second), []library.Token{access, refresh}))
		code := value(f.GetCode(ctx, a.Code.Hash))(t)
		same(t, "used", code.UsedAt, later(time.Second))
		same(t, "seal of the code", len(code.Seal), 0)
		h := value(f.GetTokenInfo(ctx, access.Hash, library.UseAccess))(t)
		same(t, "access token", h.Token, access)
		same(t, "grant", h.Grant, g)
		sameLibrary(t, h.Library, p.Library)
		same(t, "refresh token", value(f.GetTokenInfo(ctx, refresh.Hash, library.UseRefresh))(t).Token, refresh)
		for _, wrong := range []struct {
			hash seal.Hash
			use  library.TokenUse
		}{{access.Hash, library.UseRefresh}, {refresh.Hash, library.UseAccess}, {anyHash(), library.UseAccess}} {
			_, err := f.GetTokenInfo(ctx, wrong.hash, wrong.use)
			wantErr(t, "token as "+string(wrong.use), err, library.ErrNotFound)
		}
	})
	t.Run("come of a code once", func(t *testing.T) {
		f := fresh(t, open)
		g, a, _ := f.allow(f.person(), f.client(library.Read))
		tokens := make([]library.Token, 16)
		for i := range tokens {
			tokens[i] = anyToken(g.ID, library.UseAccess)
		}
		errs := race(len(tokens), func(i int) error {
			return f.RedeemCode(ctx, a.Code.Hash, now, []library.Token{tokens[i]})
		})
		oneWins(t, "code", errs, library.ErrUsed)
		for i, token := range tokens {
			_, err := f.GetTokenInfo(ctx, token.Hash, library.UseAccess)
			if (err == nil) != (errs[i] == nil) {
				t.Errorf("redeeming said %v, its token is there: %t", errs[i], err == nil)
			}
		}
		wantErr(t, "unknown code", f.RedeemCode(ctx, anyHash(), now, nil), library.ErrNotFound)
		_, err := f.GetCode(ctx, anyHash())
		wantErr(t, "unknown code", err, library.ErrNotFound)
	})
	t.Run("come whole or not at all", func(t *testing.T) {
		f := fresh(t, open)
		g, a, _ := f.allow(f.person(), f.client(library.Read))
		first, second := anyToken(g.ID, library.UseAccess), anyToken(g.ID, library.UseRefresh)
		must(t, f.AddToken(ctx, second))
		if err := f.RedeemCode(ctx, a.Code.Hash, now, []library.Token{first, second}); err == nil {
			t.Fatal("a token was added twice")
		}
		_, err := f.GetTokenInfo(ctx, first.Hash, library.UseAccess)
		wantErr(t, "token", err, library.ErrNotFound)
		code := value(f.GetCode(ctx, a.Code.Hash))(t)
		same(t, "used", code.UsedAt, time.Time{})
		same(t, "seal of the code", code.Seal, a.Code.Seal)
	})
	t.Run("without a seal", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Write)
		l, s := f.link(c)
		a := answer(p, c, l, now)
		a.Code.Seal, a.SessionSeal = nil, nil
		g, _, err := f.Allow(ctx, a)
		must(t, err)
		if seal := value(f.GetCode(ctx, a.Code.Hash))(t).Seal; seal != nil {
			t.Errorf("the code has the seal %x, want nil", seal)
		}
		if seal := value(f.GetSession(ctx, s.Hash))(t).Seal; seal != nil {
			t.Errorf("the session has the seal %x, want nil", seal)
		}
		token := anyToken(g.ID, library.UseAccess)
		token.Seal = nil
		must(t, f.AddToken(ctx, token))
		same(t, "token", value(f.GetTokenInfo(ctx, token.Hash, library.UseAccess))(t).Token, token)
	})
	t.Run("are added to a grant", func(t *testing.T) {
		f := fresh(t, open)
		g, _, _ := f.allow(f.person(), f.client(library.Read))
		for _, err := range race(16, func(int) error { return f.AddToken(ctx, anyToken(g.ID, library.UseAccess)) }) {
			must(t, err)
		}
		wantErr(t, "token of no grant", f.AddToken(ctx, anyToken("none", library.UseAccess)), library.ErrNotFound)
	})
	t.Run("are not left over by a revocation at the same time", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		for range 10 {
			g, a, _ := f.allow(p, c)
			tokens := make([]library.Token, 6)
			for i := range tokens {
				tokens[i] = anyToken(g.ID, library.UseAccess)
			}
			race(len(tokens)+1, func(i int) error {
				switch i {
				case len(tokens):
					return f.RevokeGrant(ctx, p.ID, g.ID, now, anyEvent(p.ID))
				case 0:
					return f.RedeemCode(ctx, a.Code.Hash, now, tokens[:1])
				}
				return f.AddToken(ctx, tokens[i])
			})
			if value(f.GetGrant(ctx, g.ID))(t).RevokedAt.IsZero() {
				t.Fatal("the grant was not revoked")
			}
			for _, token := range tokens {
				h, err := f.GetTokenInfo(ctx, token.Hash, library.UseAccess)
				if err == nil && len(h.Token.Seal) > 0 {
					t.Error("a token of a revoked grant has kept its seal")
				}
			}
		}
	})
	t.Run("sessions", func(t *testing.T) {
		f := fresh(t, open)
		p, c := f.person(), f.client(library.Read)
		g, _, _ := f.allow(p, c)
		s := library.Session{Hash: anyHash(), Client: c.ID(), Grant: g.ID, PublicKey: anyKey(t), Seal: anySeal(),
			CreatedAt: now, ExpiresAt: later(time.Hour)}
		must(t, f.AddSession(ctx, s))
		sameSession(t, value(f.GetSession(ctx, s.Hash))(t), s)
		free := library.Session{Hash: anyHash(), Client: c.ID()}
		must(t, f.AddSession(ctx, free))
		sameSession(t, value(f.GetSession(ctx, free.Hash))(t), free)
		_, err := f.GetSession(ctx, anyHash())
		wantErr(t, "unknown session", err, library.ErrNotFound)
		s.Hash, s.Grant = anyHash(), "none"
		wantErr(t, "session of no grant", f.AddSession(ctx, s), library.ErrNotFound)
	})
}
