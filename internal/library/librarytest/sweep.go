package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestSweeper tests a library.Sweeper.
func TestSweeper(t *testing.T, open func(t *testing.T) Store) {
	const keep = 24 * time.Hour
	f := NewFixture(t, open)
	p, c := f.AnyPerson(), f.AnyClient(library.Read)
	g, _, _ := f.Approve(p, c)

	// Of each kind: one that ends at now, one a millisecond later, one never.
	ends := []time.Time{Now, Later(time.Millisecond), {}}
	var nonces []library.Nonce
	var requests []library.AuthRequest
	var sessions []library.Session
	var codes []library.AuthCode
	var logins []library.Login
	var handles []library.AccountHandle
	var tokens []library.Token
	for _, keepFor := range []time.Duration{-time.Minute, time.Minute} { // a database may have a clock of its own
		n := library.Nonce{Client: c.ID(), Value: wire.NewNonce(), At: Now, KeepFor: keepFor}
		Must(t, f.UseNonce(Ctx, n))
		nonces = append(nonces, n)
	}
	for _, end := range ends {
		request := library.AuthRequest{Hash: AnyHash(), ClientID: c.ID(), ExpiresAt: end}
		session := library.Session{Hash: AnyHash(), Client: c.ID(), ExpiresAt: end}
		Must(t, f.AddAuthRequest(Ctx, request, session))
		requests, sessions = append(requests, request), append(sessions, session)

		answered, _ := f.AnyRequest(c)
		a := NewApproval(p, c, answered, Now)
		a.Code.ExpiresAt = end
		_, _, err := f.Allow(Ctx, a)
		Must(t, err)
		codes = append(codes, a.Code)

		login := anyLogin(p.ID)
		login.ExpiresAt = end
		Must(t, f.AddLogin(Ctx, login, AnyEvent(p.ID)))
		logins = append(logins, login)

		handle := library.AccountHandle{ID: AnyID(), Client: c.ID(), Account: "a", ExpiresAt: end}
		Must(t, f.AddAccountHandle(Ctx, handle))
		handles = append(handles, handle)

		token := anyToken(g.ID, library.UseAccess)
		token.ExpiresAt = end
		Must(t, f.AddToken(Ctx, token))
		tokens = append(tokens, token)
	}
	old := anyToken(g.ID, library.UseAccess)
	old.ExpiresAt = Now.Add(-keep)
	Must(t, f.AddToken(Ctx, old))

	Must(t, f.Sweep(Ctx, Now, keep))
	Must(t, f.UseNonce(Ctx, nonces[0])) // forgotten
	WantErr(t, "nonce", f.UseNonce(Ctx, nonces[1]), library.ErrReplayed)
	for i := range ends {
		kept := error(nil)
		if i == 0 {
			kept = library.ErrNotFound
		}
		_, err := f.GetAuthRequest(Ctx, requests[i].Hash)
		WantErr(t, "request", err, kept)
		_, err = f.GetSession(Ctx, sessions[i].Hash)
		WantErr(t, "session", err, kept)
		_, err = f.GetAuthCode(Ctx, codes[i].Hash)
		WantErr(t, "code", err, kept)
		_, _, err = f.GetLogin(Ctx, logins[i].Hash)
		WantErr(t, "login", err, kept)
		_, err = f.GetAccountHandle(Ctx, handles[i].ID)
		WantErr(t, "handle", err, kept)
		h := Value(f.GetTokenInfo(Ctx, tokens[i].Hash, library.UseAccess))(t)
		Same(t, "seal of the token", len(h.Token.Seal) > 0, i > 0)
	}
	_, err := f.GetTokenInfo(Ctx, old.Hash, library.UseAccess)
	WantErr(t, "old token", err, library.ErrNotFound)
	_ = Value(f.GetGrant(Ctx, g.ID))(t)

	// More than fits into one portion of an implementation that works in portions.
	many := make([]library.Nonce, 2500)
	for i := range many {
		many[i] = library.Nonce{Client: c.ID(), Value: wire.NewNonce(), At: Now, KeepFor: -time.Minute}
	}
	useAll := func() {
		t.Helper()
		for _, err := range Race(50, func(i int) error {
			for _, n := range many[i*50 : (i+1)*50] {
				if err := f.UseNonce(Ctx, n); err != nil {
					return err
				}
			}
			return nil
		}) {
			Must(t, err)
		}
	}
	useAll()
	Must(t, f.Sweep(Ctx, Now, keep))
	useAll()

	Must(t, f.DeleteLibrary(Ctx, p.ID, Later(time.Minute)))
	Must(t, f.Sweep(Ctx, Later(time.Minute), keep))
	was, err := f.WasDeleted(Ctx, tokens[1].Hash, Now)
	Must(t, err)
	Same(t, "deleted token after its time", was, false)
}
