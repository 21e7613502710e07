package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestLimits tests that a store deletes the oldest beyond library.Limits, of the contract and the person alone.
func TestLimits(t *testing.T, open func(t *testing.T) Store) {
	const keep = 3
	bounded := func(t *testing.T) *Fixture {
		f := NewFixture(t, open)
		f.SetLimits(library.Limits{AuthRequests: keep, AnonymousAuthRequests: keep + 1, Sessions: keep, Tokens: keep,
			AccountHandles: keep})
		return f
	}
	// wantLast checks that the last of n are found, and no other.
	wantLast := func(t *testing.T, what string, n, last int, find func(i int) error) {
		t.Helper()
		for i := range n {
			var want error
			if i < n-last {
				want = library.ErrNotFound
			}
			WantErr(t, what, find(i), want)
		}
	}
	t.Run("requests", func(t *testing.T) {
		f := bounded(t)
		p, c, other := f.AnyPerson(), f.AnyClient(library.Read), f.AnyClient(library.Read)
		for _, of := range []struct {
			library library.ID
			keep    int
		}{{p.ID, keep}, {"", keep + 1}, {f.AnyPerson().ID, keep}} {
			add := func(c library.Client, at time.Time) (library.AuthRequest, library.Session) {
				s := library.Session{Hash: AnyHash(), Client: c.ID(), CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
				r := library.AuthRequest{Hash: AnyHash(), Kind: library.AuthorizeRequest, ClientID: c.ID(),
					Library: of.library, Session: s.Hash, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
				Must(t, f.AddAuthRequest(Ctx, r, s))
				return r, s
			}
			kept, _ := add(other, Now)
			answered, read := add(c, Now)
			a := NewApproval(p, c, answered, Now)
			g, _, err := f.Allow(Ctx, a)
			Must(t, err)
			var requests []library.AuthRequest
			var sessions []library.Session
			for i := range keep + 3 {
				r, s := add(c, Later(time.Duration(i+1)*time.Second))
				requests, sessions = append(requests, r), append(sessions, s)
			}
			wantLast(t, "request", len(requests), of.keep, func(i int) error {
				_, err := f.GetAuthRequest(Ctx, requests[i].Hash)
				return err
			})
			wantLast(t, "session of request", len(sessions), of.keep, func(i int) error {
				_, err := f.GetSession(Ctx, sessions[i].Hash)
				return err
			})
			_, err = f.GetAuthRequest(Ctx, answered.Hash)
			WantErr(t, "oldest request", err, library.ErrNotFound)
			Same(t, "grant of its session", Value(f.GetSession(Ctx, read.Hash))(t).Grant, g.ID)
			_ = Value(f.GetAuthRequest(Ctx, kept.Hash))(t)
		}
	})
	t.Run("sessions", func(t *testing.T) {
		f := bounded(t)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		g, _, _ := f.Approve(p, c)
		_, _, theirs := f.Approve(f.AnyPerson(), c)
		var hashes []seal.Hash
		for i := range keep + 3 {
			at := Later(time.Duration(i+1) * time.Second)
			s := library.Session{
				Hash:      AnyHash(),
				Client:    c.ID(),
				Grant:     g.ID,
				CreatedAt: at,
				ExpiresAt: at.Add(time.Hour),
			}
			Must(t, f.AddSession(Ctx, s))
			hashes = append(hashes, s.Hash)
		}
		wantLast(t, "session", len(hashes), keep, func(i int) error {
			_, err := f.GetSession(Ctx, hashes[i])
			return err
		})
		_ = Value(f.GetSession(Ctx, theirs.Hash))(t)
	})
	t.Run("tokens", func(t *testing.T) {
		f := bounded(t)
		c := f.AnyClient(library.Read)
		g, a, _ := f.Approve(f.AnyPerson(), c)
		theirs, _, _ := f.Approve(f.AnyPerson(), c)
		refresh, other := anyToken(g.ID, library.UseRefresh), anyToken(theirs.ID, library.UseAccess)
		other.ExpiresAt = Now
		Must(t, f.AddToken(Ctx, other))
		Must(t, f.RedeemAuthCode(Ctx, a.Code.Hash, Now, []library.Token{refresh}))
		var hashes []seal.Hash
		for i := range keep + 3 {
			token := anyToken(g.ID, library.UseAccess)
			token.ExpiresAt = Later(time.Duration(i+1) * time.Second)
			Must(t, f.AddToken(Ctx, token))
			hashes = append(hashes, token.Hash)
		}
		wantLast(t, "token", len(hashes), keep, func(i int) error {
			_, err := f.GetTokenInfo(Ctx, hashes[i], library.UseAccess)
			return err
		})
		_ = Value(f.GetTokenInfo(Ctx, refresh.Hash, library.UseRefresh))(t)
		_ = Value(f.GetTokenInfo(Ctx, other.Hash, library.UseAccess))(t)
	})
	t.Run("account handles", func(t *testing.T) {
		f := bounded(t)
		c, other := f.AnyClient(library.Read), f.AnyClient(library.Read)
		add := func(c library.Client, expiresAt time.Time) string {
			h := library.AccountHandle{ID: AnyID(), Client: c.ID(), Account: "a", ExpiresAt: expiresAt}
			Must(t, f.AddAccountHandle(Ctx, h))
			return h.ID
		}
		theirs := add(other, Now)
		var ids []string
		for i := range keep + 3 {
			ids = append(ids, add(c, Later(time.Duration(i+1)*time.Second)))
		}
		wantLast(t, "handle", len(ids), keep, func(i int) error {
			_, err := f.GetAccountHandle(Ctx, ids[i])
			return err
		})
		_ = Value(f.GetAccountHandle(Ctx, theirs))(t)
	})
}
