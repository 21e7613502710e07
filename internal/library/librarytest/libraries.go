package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestLibraries tests a library.LibraryStore.
func TestLibraries(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		sameLibrary(t, value(f.GetLibrary(ctx, p.ID))(t), p.Library)
		sameLibrary(t, value(f.FindLibrary(ctx, p.Email))(t), p.Library)
		got, l, err := f.GetLogin(ctx, p.login.Hash)
		must(t, err)
		same(t, "login", got, p.login)
		sameLibrary(t, l, p.Library)
		all := f.events(p.ID)
		same(t, "number of events", len(all), 1)
		same(t, "details of the event", all[0].Details, anyEvent(p.ID).Details)
	})
	t.Run("finds only what is there", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		for _, email := range []string{"", "%", "_" + p.Email[1:], p.Email + " ", "\x00\xff"} {
			_, err := f.FindLibrary(ctx, email)
			wantErr(t, "library of "+email, err, library.ErrNotFound)
		}
		_, err := f.GetLibrary(ctx, "none")
		wantErr(t, "library", err, library.ErrNotFound)
		_, err = f.GetLock(ctx, "none", library.LockPassword)
		wantErr(t, "lock of no library", err, library.ErrNotFound)
		_, err = f.GetLock(ctx, p.ID, "none")
		wantErr(t, "lock of no kind", err, library.ErrNotFound)
	})
	t.Run("has one library for an address", func(t *testing.T) {
		f := fresh(t, open)
		email := "a@example.org"
		add := func(int) error {
			id := library.ID(anyID())
			l := library.Library{ID: id, Email: email, PublicKey: anyKey(t), CreatedAt: now}
			return f.AddLibrary(ctx, l, []library.Lock{anyLock(id, library.LockPassword)}, anyLogin(id), anyEvent(id))
		}
		oneWins(t, "library", race(20, add), library.ErrExists)
		email = "A@example.org" // compared as given
		must(t, add(0))
	})
	t.Run("adds a library whole or not at all", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		id := library.ID(anyID())
		l := library.Library{ID: id, Email: "b@example.org", PublicKey: p.PublicKey, CreatedAt: now}
		login := anyLogin(id)
		login.Hash = p.login.Hash // as if random were not
		if err := f.AddLibrary(ctx, l, []library.Lock{anyLock(id, library.LockPassword)}, login, anyEvent(id)); err == nil {
			t.Fatal("a login was added twice")
		}
		_, err := f.GetLibrary(ctx, id)
		wantErr(t, "library", err, library.ErrNotFound)
		_, err = f.GetLock(ctx, id, library.LockPassword)
		wantErr(t, "lock", err, library.ErrNotFound)
	})
	t.Run("replaces locks", func(t *testing.T) {
		f := fresh(t, open)
		p, other := f.person(), f.person()
		recovery := value(f.GetLock(ctx, p.ID, library.LockRecovery))(t)
		lock := anyLock(p.ID, library.LockPassword)
		lock.CreatedAt = later(time.Hour)
		must(t, f.SetLocks(ctx, []library.Lock{lock}, false, "", anyEvent(p.ID)))
		same(t, "lock", value(f.GetLock(ctx, p.ID, library.LockPassword))(t), lock)
		same(t, "the other lock", value(f.GetLock(ctx, p.ID, library.LockRecovery))(t), recovery)
		same(t, "logins", f.logins(p.login), 1)
		same(t, "number of events", len(f.events(p.ID)), 2)

		second := anyLogin(p.ID)
		must(t, f.AddLogin(ctx, second, anyEvent(p.ID)))
		locks := []library.Lock{anyLock(p.ID, library.LockPassword), anyLock(p.ID, library.LockRecovery)}
		must(t, f.SetLocks(ctx, locks, true, second.ID, anyEvent(p.ID)))
		same(t, "password", value(f.GetLock(ctx, p.ID, library.LockPassword))(t), locks[0])
		same(t, "recovery", value(f.GetLock(ctx, p.ID, library.LockRecovery))(t), locks[1])
		same(t, "login kept", f.logins(second), 1)
		same(t, "logins ended", f.logins(p.login), 0)
		same(t, "logins of others", f.logins(other.login), 1)

		must(t, f.SetLocks(ctx, locks, true, "", anyEvent(p.ID)))
		same(t, "logins after all have ended", f.logins(second), 0)
		wantErr(t, "locks of no library",
			f.SetLocks(ctx, []library.Lock{anyLock("none", library.LockPassword)}, true, "", anyEvent("none")), library.ErrNotFound)
	})
	t.Run("makes and saves a recovery code", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		must(t, f.SaveCode(ctx, p.ID))
		got, l, err := f.GetLogin(ctx, p.login.Hash)
		must(t, err)
		same(t, "code saved", l.CodeSaved, true)
		same(t, "code to show", len(got.PendingCode), 0)

		second := anyLogin(p.ID)
		must(t, f.AddLogin(ctx, second, anyEvent(p.ID)))
		lock, pending := anyLock(p.ID, library.LockRecovery), anySeal()
		lock.CreatedAt = later(time.Hour)
		must(t, f.SetCode(ctx, lock, p.login.ID, pending, anyEvent(p.ID)))
		same(t, "lock", value(f.GetLock(ctx, p.ID, library.LockRecovery))(t), lock)
		got, l, err = f.GetLogin(ctx, p.login.Hash)
		must(t, err)
		same(t, "code saved", l.CodeSaved, false)
		same(t, "code made", l.CodeMadeAt, lock.CreatedAt)
		same(t, "code to show", got.PendingCode, pending)
		got, _, err = f.GetLogin(ctx, second.Hash)
		must(t, err)
		same(t, "code of the other login, which is no longer good", len(got.PendingCode), 0)

		stranger := f.person()
		wantErr(t, "login of somebody else", f.SetCode(ctx, lock, stranger.login.ID, pending, anyEvent(p.ID)), library.ErrNotFound)
		same(t, "number of events", len(f.events(p.ID)), 3)
		wantErr(t, "code of no library", f.SaveCode(ctx, "none"), library.ErrNotFound)
	})
	t.Run("shuts and reopens", func(t *testing.T) {
		f := fresh(t, open)
		p, other := f.person(), f.person()
		g, a, s := f.allow(p, f.client(library.Read))
		token := anyToken(g.ID, library.UseAccess)
		must(t, f.AddToken(ctx, token))
		kept := anyLogin(p.ID)
		must(t, f.AddLogin(ctx, kept, anyEvent(p.ID)))

		event := anyEvent(p.ID)
		event.At = later(time.Minute)
		must(t, f.ShutLibrary(ctx, p.ID, later(time.Hour), kept.ID, event))
		same(t, "delete at", value(f.GetLibrary(ctx, p.ID))(t).DeleteAt, later(time.Hour))
		same(t, "revoked", value(f.GetGrant(ctx, g.ID))(t).RevokedAt, event.At)
		h := value(f.GetTokenInfo(ctx, token.Hash, library.UseAccess))(t)
		same(t, "seal of the token", len(h.Token.Seal), 0)
		same(t, "seal of the code", len(value(f.GetCode(ctx, a.Code.Hash))(t).Seal), 0)
		wantErr(t, "redeem", f.RedeemCode(ctx, a.Code.Hash, now, nil), library.ErrUsed)
		_, err := f.GetSession(ctx, s.Hash)
		wantErr(t, "session", err, library.ErrNotFound)
		same(t, "login kept", f.logins(kept), 1)
		same(t, "login ended", f.logins(p.login), 0)
		same(t, "login of others", f.logins(other.login), 1)
		wantErr(t, "push", f.AddFile(ctx, arrival(g, now)), library.ErrNotFound)

		same(t, "due too early", len(value(f.ListShut(ctx, later(time.Hour-time.Millisecond)))(t)), 0)
		same(t, "due", value(f.ListShut(ctx, later(time.Hour)))(t), []library.ID{p.ID})
		must(t, f.ReopenLibrary(ctx, p.ID, anyEvent(p.ID)))
		same(t, "delete at", value(f.GetLibrary(ctx, p.ID))(t).DeleteAt, time.Time{})
		same(t, "due when open", len(value(f.ListShut(ctx, later(24*time.Hour)))(t)), 0)
		same(t, "revoked for good", value(f.GetGrant(ctx, g.ID))(t).RevokedAt, event.At)
		same(t, "number of events", len(f.events(p.ID)), 5)

		wantErr(t, "shut none", f.ShutLibrary(ctx, "none", now, "", anyEvent("none")), library.ErrNotFound)
		wantErr(t, "reopen none", f.ReopenLibrary(ctx, "none", anyEvent("none")), library.ErrNotFound)
	})
	t.Run("deletes", testDelete(open))
}

func testDelete(open func(t *testing.T) Store) func(t *testing.T) {
	return func(t *testing.T) {
		f := fresh(t, open)
		p, other := f.person(), f.person()
		c := f.client(library.Read)
		g, a, s := f.allow(p, c)
		og, _, _ := f.allow(other, c)
		access, refresh := anyToken(g.ID, library.UseAccess), anyToken(g.ID, library.UseRefresh)
		must(t, f.RedeemCode(ctx, a.Code.Hash, now, []library.Token{access, refresh}))
		theirs := anyToken(og.ID, library.UseAccess)
		must(t, f.AddToken(ctx, theirs))
		file, their := arrival(g, now), arrival(og, now)
		must(t, f.AddFile(ctx, file))
		must(t, f.AddFile(ctx, their))

		must(t, f.DeleteLibrary(ctx, p.ID, later(10*time.Minute)))
		_, err := f.GetLibrary(ctx, p.ID)
		wantErr(t, "library", err, library.ErrNotFound)
		_, err = f.FindLibrary(ctx, p.Email)
		wantErr(t, "library by address", err, library.ErrNotFound)
		_, err = f.GetLock(ctx, p.ID, library.LockPassword)
		wantErr(t, "lock", err, library.ErrNotFound)
		same(t, "logins", f.logins(p.login), 0)
		_, err = f.GetGrant(ctx, g.ID)
		wantErr(t, "grant", err, library.ErrNotFound)
		_, err = f.GetTokenInfo(ctx, access.Hash, library.UseAccess)
		wantErr(t, "token", err, library.ErrNotFound)
		_, err = f.GetSession(ctx, s.Hash)
		wantErr(t, "session", err, library.ErrNotFound)
		_, err = f.GetFile(ctx, p.ID, file.File.ID)
		wantErr(t, "file", err, library.ErrNotFound)
		same(t, "number of files", value(f.CountFiles(ctx, p.ID))(t), 0)
		same(t, "number of events", len(value(f.ListEvents(ctx, p.ID, 0, 10))(t)), 0)
		same(t, "accounts", len(value(f.ListAccounts(ctx, p.ID, c.Application.ID))(t)), 0)
		wantErr(t, "push", f.AddFile(ctx, arrival(g, now)), library.ErrNotFound)
		wantErr(t, "delete again", f.DeleteLibrary(ctx, p.ID, now), library.ErrNotFound)

		for _, remembered := range []struct {
			what  string
			token seal.Hash
			at    time.Time
			want  bool
		}{
			{"access token", access.Hash, later(10*time.Minute - time.Millisecond), true},
			{"access token later", access.Hash, later(10 * time.Minute), false},
			{"refresh token", refresh.Hash, now, false},
			{"token of another library", theirs.Hash, now, false},
			{"unknown token", anyHash(), now, false},
		} {
			same(t, remembered.what, value(f.WasDeleted(ctx, remembered.token, remembered.at))(t), remembered.want)
		}

		same(t, "file of another library", value(f.GetFile(ctx, other.ID, their.File.ID))(t), their.File)
		same(t, "token of another library", value(f.GetTokenInfo(ctx, theirs.Hash, library.UseAccess))(t).Token, theirs)
		same(t, "login of another library", f.logins(other.login), 1)
		// The address is free again.
		l := library.Library{ID: library.ID(anyID()), Email: p.Email, PublicKey: p.PublicKey, CreatedAt: now}
		must(t, f.AddLibrary(ctx, l, nil, anyLogin(l.ID), anyEvent(l.ID)))
	}
}

// logins is how many of the logins are still there.
func (f *fixture) logins(logins ...library.Login) int {
	f.t.Helper()
	n := 0
	for _, l := range logins {
		if _, _, err := f.GetLogin(ctx, l.Hash); err == nil {
			n++
		} else {
			wantErr(f.t, "login", err, library.ErrNotFound)
		}
	}
	return n
}

func sameLibrary(t *testing.T, got, want library.Library) {
	t.Helper()
	if !got.PublicKey.Equal(want.PublicKey) {
		t.Error("library has another public key")
	}
	got.PublicKey, want.PublicKey = seal.PublicKey{}, seal.PublicKey{}
	same(t, "library", got, want)
}
