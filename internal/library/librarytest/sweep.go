package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// TestSweeper tests a library.Sweeper.
func TestSweeper(t *testing.T, open func(t *testing.T) Store) {
	const keep = 24 * time.Hour
	f := fresh(t, open)
	p, c := f.person(), f.client(library.Read)
	g, _, _ := f.allow(p, c)

	// Of each kind: one that ends at now, one a millisecond later, one never.
	ends := []time.Time{now, later(time.Millisecond), {}}
	var nonces []library.Nonce
	var links []library.AuthRequest
	var sessions []library.Session
	var codes []library.AuthCode
	var logins []library.Login
	var references []library.AccountReference
	var tokens []library.Token
	var trips []delivery.Authorization
	for _, end := range ends {
		n := library.Nonce{Client: c.ID(), Value: wire.NewNonce(), ForgetAt: end}
		must(t, f.UseNonce(ctx, n))
		nonces = append(nonces, n)

		l, s := library.AuthRequest{Hash: anyHash(), ClientID: c.ID(), ExpiresAt: end}, library.Session{Hash: anyHash(), Client: c.ID(), ExpiresAt: end}
		must(t, f.AddAuthRequest(ctx, l, s))
		links, sessions = append(links, l), append(sessions, s)

		answered, _ := f.link(c)
		a := answer(p, c, answered, now)
		a.Code.ExpiresAt = end
		_, _, err := f.Allow(ctx, a)
		must(t, err)
		codes = append(codes, a.Code)

		login := anyLogin(p.ID)
		login.ExpiresAt = end
		must(t, f.AddLogin(ctx, login, anyEvent(p.ID)))
		logins = append(logins, login)

		r := library.AccountReference{ID: anyID(), Client: c.ID(), Account: "a", ExpiresAt: end}
		must(t, f.AddReference(ctx, r))
		references = append(references, r)

		token := anyToken(g.ID, library.UseAccess)
		token.ExpiresAt = end
		must(t, f.AddToken(ctx, token))
		tokens = append(tokens, token)

		trip := delivery.Authorization{State: anyHash(), Library: p.ID, ExpiresAt: end}
		must(t, f.AddAuthorization(ctx, trip))
		trips = append(trips, trip)
	}
	old := anyToken(g.ID, library.UseAccess)
	old.ExpiresAt = now.Add(-keep)
	must(t, f.AddToken(ctx, old))

	must(t, f.Sweep(ctx, now, keep))
	for i := range ends {
		kept := error(nil)
		if i == 0 {
			kept = library.ErrNotFound
			must(t, f.UseNonce(ctx, nonces[i])) // forgotten
		} else {
			wantErr(t, "nonce", f.UseNonce(ctx, nonces[i]), library.ErrReplayed)
		}
		_, err := f.GetAuthRequest(ctx, links[i].Hash)
		wantErr(t, "link", err, kept)
		_, err = f.GetSession(ctx, sessions[i].Hash)
		wantErr(t, "session", err, kept)
		_, err = f.GetCode(ctx, codes[i].Hash)
		wantErr(t, "code", err, kept)
		_, _, err = f.GetLogin(ctx, logins[i].Hash)
		wantErr(t, "login", err, kept)
		_, err = f.GetReference(ctx, references[i].ID)
		wantErr(t, "reference", err, kept)
		_, err = f.GetAuthorization(ctx, trips[i].State)
		wantErr(t, "trip", err, kept)
		h := value(f.GetTokenInfo(ctx, tokens[i].Hash, library.UseAccess))(t)
		same(t, "seal of the token", len(h.Token.Seal) > 0, i > 0)
	}
	_, err := f.GetTokenInfo(ctx, old.Hash, library.UseAccess)
	wantErr(t, "old token", err, library.ErrNotFound)
	_ = value(f.GetGrant(ctx, g.ID))(t)

	// More than fits into one portion of an implementation that works in portions.
	many := make([]library.Nonce, 2500)
	for i := range many {
		many[i] = library.Nonce{Client: c.ID(), Value: wire.NewNonce(), ForgetAt: now}
	}
	useAll := func() {
		t.Helper()
		for _, err := range race(50, func(i int) error {
			for _, n := range many[i*50 : (i+1)*50] {
				if err := f.UseNonce(ctx, n); err != nil {
					return err
				}
			}
			return nil
		}) {
			must(t, err)
		}
	}
	useAll()
	must(t, f.Sweep(ctx, now, keep))
	useAll()

	testSweepAccounts(f, g)

	must(t, f.DeleteLibrary(ctx, p.ID, later(time.Minute)))
	must(t, f.Sweep(ctx, later(time.Minute), keep))
	was, err := f.WasDeleted(ctx, tokens[1].Hash, now)
	must(t, err)
	same(t, "deleted token after its time", was, false)
}

// testSweepAccounts sweeps accounts at providers: those that are pending, have been for
// a day and are in no link any more.
func testSweepAccounts(f *fixture, g library.Grant) {
	f.t.Helper()
	const day = 24 * time.Hour
	sweep := func(at time.Time) { f.t.Helper(); must(f.t, f.Sweep(ctx, at, day)) }
	find := func(what string, a delivery.Connection, want error) {
		f.t.Helper()
		_, err := f.GetConnection(ctx, g.Library, a.ID, false)
		wantErr(f.t, what, err, want)
	}
	lost, l := f.connect(g, 1)
	linked, _ := f.connect(g, 2)
	standing := f.account(g, 3)

	sweep(later(day)) // the link has long expired, the account is not that old
	_, err := f.GetAuthRequest(ctx, l.Hash)
	wantErr(f.t, "link", err, library.ErrNotFound)
	find("account of that day", lost, nil)

	link := library.AuthRequest{Hash: anyHash(), ClientID: ClientOf(g), Account: linked.ID}
	must(f.t, f.AddAuthRequest(ctx, link, library.Session{}))
	sweep(later(day + time.Millisecond))
	find("account in no link", lost, library.ErrNotFound)
	find("account in a link", linked, nil)
	find("standing account", standing, nil)
}
