package librarytest

import (
	"slices"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestLibraries tests a library.LibraryStore.
func TestLibraries(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		sameLibrary(t, Value(f.FindLibrary(Ctx, p.Email))(t), p.Library)
		got, l, err := f.GetLogin(Ctx, p.Login.Hash)
		Must(t, err)
		Same(t, "login", got, p.Login)
		sameLibrary(t, l, p.Library)
		all := f.Events(p.ID)
		Same(t, "number of events", len(all), 1)
		Same(t, "details of the event", all[0].Details, AnyEvent(p.ID).Details)
	})
	t.Run("finds only what is there", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		for _, email := range []string{"", "%", "_" + p.Email[1:], p.Email + " ", "\x00\xff"} {
			_, err := f.FindLibrary(Ctx, email)
			WantErr(t, "library of "+email, err, library.ErrNotFound)
		}
		_, err := f.FindLibrary(Ctx, "none")
		WantErr(t, "library", err, library.ErrNotFound)
		_, err = f.GetLock(Ctx, "none", library.LockPassword)
		WantErr(t, "lock of no library", err, library.ErrNotFound)
		_, err = f.GetLock(Ctx, p.ID, "none")
		WantErr(t, "lock of no kind", err, library.ErrNotFound)
	})
	t.Run("has one library for an address", func(t *testing.T) {
		f := NewFixture(t, open)
		email := "a@example.org"
		add := func(int) error {
			id := library.ID(AnyID())
			l := library.Library{ID: id, Email: email, PublicKey: anyKey(t), CreatedAt: Now}
			return f.AddLibrary(Ctx, l, []library.Lock{anyLock(id, library.LockPassword)}, anyLogin(id), AnyEvent(id))
		}
		OneWins(t, "library", Race(20, add), library.ErrExists)
		email = "A@example.org" // compared as given
		Must(t, add(0))
	})
	t.Run("adds a library whole or not at all", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		id := library.ID(AnyID())
		l := library.Library{ID: id, Email: "b@example.org", PublicKey: p.PublicKey, CreatedAt: Now}
		login := anyLogin(id)
		login.Hash = p.Login.Hash // as if random were not
		if err := f.AddLibrary(Ctx, l, []library.Lock{anyLock(id, library.LockPassword)}, login,
			AnyEvent(id)); err == nil {
			t.Fatal("a login was added twice")
		}
		_, err := f.FindLibrary(Ctx, l.Email)
		WantErr(t, "library", err, library.ErrNotFound)
		_, err = f.GetLock(Ctx, id, library.LockPassword)
		WantErr(t, "lock", err, library.ErrNotFound)
	})
	t.Run("has sandboxes", testSandboxes(open))
	t.Run("replaces locks", func(t *testing.T) {
		f := NewFixture(t, open)
		p, other := f.AnyPerson(), f.AnyPerson()
		recovery := Value(f.GetLock(Ctx, p.ID, library.LockRecovery))(t)
		lock := anyLock(p.ID, library.LockPassword)
		lock.CreatedAt = Later(time.Hour)
		Must(t, f.SetLocks(Ctx, []library.Lock{lock}, false, "", AnyEvent(p.ID)))
		Same(t, "lock", Value(f.GetLock(Ctx, p.ID, library.LockPassword))(t), lock)
		Same(t, "the other lock", Value(f.GetLock(Ctx, p.ID, library.LockRecovery))(t), recovery)
		Same(t, "logins", f.logins(p.Login), 1)
		Same(t, "number of events", len(f.Events(p.ID)), 2)

		second := anyLogin(p.ID)
		Must(t, f.AddLogin(Ctx, second, AnyEvent(p.ID)))
		locks := []library.Lock{anyLock(p.ID, library.LockPassword), anyLock(p.ID, library.LockRecovery)}
		Must(t, f.SetLocks(Ctx, locks, true, second.ID, AnyEvent(p.ID)))
		Same(t, "password", Value(f.GetLock(Ctx, p.ID, library.LockPassword))(t), locks[0])
		Same(t, "recovery", Value(f.GetLock(Ctx, p.ID, library.LockRecovery))(t), locks[1])
		Same(t, "login kept", f.logins(second), 1)
		Same(t, "logins ended", f.logins(p.Login), 0)
		Same(t, "logins of others", f.logins(other.Login), 1)

		Must(t, f.SetLocks(Ctx, locks, true, "", AnyEvent(p.ID)))
		Same(t, "logins after all have ended", f.logins(second), 0)
		WantErr(t, "locks of no library",
			f.SetLocks(Ctx, []library.Lock{anyLock("none", library.LockPassword)}, true, "",
				AnyEvent("none")), library.ErrNotFound)
	})
	t.Run("makes and saves a recovery code", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		first := Value(f.GetLock(Ctx, p.ID, library.LockRecovery))(t)
		Must(t, f.SaveRecoveryCode(Ctx, p.ID, first.Box))
		got, l, err := f.GetLogin(Ctx, p.Login.Hash)
		Must(t, err)
		Same(t, "code saved", l.CodeSaved, true)
		Same(t, "code to show", len(got.PendingCode), 0)

		second := anyLogin(p.ID)
		Must(t, f.AddLogin(Ctx, second, AnyEvent(p.ID)))
		lock, pending := anyLock(p.ID, library.LockRecovery), AnySeal()
		lock.CreatedAt = Later(time.Hour)
		Must(t, f.SetRecoveryCode(Ctx, lock, p.Login.ID, pending, AnyEvent(p.ID)))
		Same(t, "lock", Value(f.GetLock(Ctx, p.ID, library.LockRecovery))(t), lock)
		got, l, err = f.GetLogin(Ctx, p.Login.Hash)
		Must(t, err)
		Same(t, "code saved", l.CodeSaved, false)
		Same(t, "code made", l.CodeMadeAt, lock.CreatedAt)
		Same(t, "code to show", got.PendingCode, pending)
		got, _, err = f.GetLogin(Ctx, second.Hash)
		Must(t, err)
		Same(t, "code of the other login, which is no longer good", len(got.PendingCode), 0)

		WantErr(t, "code of before", f.SaveRecoveryCode(Ctx, p.ID, first.Box), library.ErrCodeReplaced)
		got, l, err = f.GetLogin(Ctx, p.Login.Hash)
		Must(t, err)
		Same(t, "code saved", l.CodeSaved, false)
		Same(t, "code to show", got.PendingCode, pending)

		stranger := f.AnyPerson()
		WantErr(t, "login of somebody else", f.SetRecoveryCode(Ctx, lock, stranger.Login.ID, pending, AnyEvent(p.ID)),
			library.ErrNotFound)
		Same(t, "number of events", len(f.Events(p.ID)), 3)
		WantErr(t, "code of no library", f.SaveRecoveryCode(Ctx, "none", first.Box), library.ErrNotFound)
	})
	t.Run("shuts and reopens", func(t *testing.T) {
		f := NewFixture(t, open)
		p, other := f.AnyPerson(), f.AnyPerson()
		g, a, s := f.Approve(p, f.AnyClient(library.Read))
		token := anyToken(g.ID, library.UseAccess)
		Must(t, f.AddToken(Ctx, token))
		kept := anyLogin(p.ID)
		Must(t, f.AddLogin(Ctx, kept, AnyEvent(p.ID)))

		event := AnyEvent(p.ID)
		event.At = Later(time.Minute)
		Must(t, f.ShutLibrary(Ctx, p.ID, Later(time.Hour), kept.ID, event))
		Same(t, "delete at", Value(f.FindLibrary(Ctx, p.Email))(t).DeleteAt, Later(time.Hour))
		Same(t, "revoked", Value(f.GetGrant(Ctx, g.ID))(t).RevokedAt, event.At)
		h := Value(f.GetTokenInfo(Ctx, token.Hash, library.UseAccess))(t)
		Same(t, "seal of the token", len(h.Token.Seal), 0)
		Same(t, "seal of the code", len(Value(f.GetAuthCode(Ctx, a.Code.Hash))(t).Seal), 0)
		WantErr(t, "redeem", f.RedeemAuthCode(Ctx, a.Code.Hash, Now, nil), library.ErrUsed)
		_, err := f.GetSession(Ctx, s.Hash)
		WantErr(t, "session", err, library.ErrNotFound)
		Same(t, "login kept", f.logins(kept), 1)
		Same(t, "login ended", f.logins(p.Login), 0)
		Same(t, "login of others", f.logins(other.Login), 1)
		WantErr(t, "push", f.AddFile(Ctx, newFile(g, Now)), library.ErrNotFound)

		Same(t, "due too early", len(Value(f.ListShut(Ctx, Later(time.Hour-time.Millisecond)))(t)), 0)
		Same(t, "due", Value(f.ListShut(Ctx, Later(time.Hour)))(t), []library.ID{p.ID})
		Must(t, f.ReopenLibrary(Ctx, p.ID, AnyEvent(p.ID)))
		Same(t, "delete at", Value(f.FindLibrary(Ctx, p.Email))(t).DeleteAt, time.Time{})
		Same(t, "due when open", len(Value(f.ListShut(Ctx, Later(24*time.Hour)))(t)), 0)
		Same(t, "revoked for good", Value(f.GetGrant(Ctx, g.ID))(t).RevokedAt, event.At)
		Same(t, "number of events", len(f.Events(p.ID)), 5)

		WantErr(t, "shut none", f.ShutLibrary(Ctx, "none", Now, "", AnyEvent("none")), library.ErrNotFound)
		WantErr(t, "reopen none", f.ReopenLibrary(Ctx, "none", AnyEvent("none")), library.ErrNotFound)
	})
	t.Run("deletes", testDelete(open))
}

func testDelete(open func(t *testing.T) Store) func(t *testing.T) {
	return func(t *testing.T) {
		f := NewFixture(t, open)
		p, other := f.AnyPerson(), f.AnyPerson()
		c := f.AnyClient(library.Read)
		g, a, s := f.Approve(p, c)
		og, _, _ := f.Approve(other, c)
		access, refresh := anyToken(g.ID, library.UseAccess), anyToken(g.ID, library.UseRefresh)
		Must(t, f.RedeemAuthCode(Ctx, a.Code.Hash, Now, []library.Token{access, refresh}))
		theirs := anyToken(og.ID, library.UseAccess)
		Must(t, f.AddToken(Ctx, theirs))
		file, their := newFile(g, Now), newFile(og, Now)
		Must(t, f.AddFile(Ctx, file))
		Must(t, f.AddFile(Ctx, their))

		Must(t, f.DeleteLibrary(Ctx, p.ID, Later(10*time.Minute)))
		_, err := f.FindLibrary(Ctx, p.Email)
		WantErr(t, "library", err, library.ErrNotFound)
		_, err = f.FindLibrary(Ctx, p.Email)
		WantErr(t, "library by address", err, library.ErrNotFound)
		_, err = f.GetLock(Ctx, p.ID, library.LockPassword)
		WantErr(t, "lock", err, library.ErrNotFound)
		Same(t, "logins", f.logins(p.Login), 0)
		_, err = f.GetGrant(Ctx, g.ID)
		WantErr(t, "grant", err, library.ErrNotFound)
		_, err = f.GetTokenInfo(Ctx, access.Hash, library.UseAccess)
		WantErr(t, "token", err, library.ErrNotFound)
		_, err = f.GetSession(Ctx, s.Hash)
		WantErr(t, "session", err, library.ErrNotFound)
		_, err = f.GetFile(Ctx, p.ID, file.File.ID)
		WantErr(t, "file", err, library.ErrNotFound)
		Same(t, "number of files", Value(f.CountFiles(Ctx, p.ID))(t), 0)
		Same(t, "number of events", len(Value(f.ListEvents(Ctx, p.ID, 0, 10))(t)), 0)
		Same(t, "accounts", len(Value(f.ListAccounts(Ctx, p.ID, c.Application.ID))(t)), 0)
		WantErr(t, "push", f.AddFile(Ctx, newFile(g, Now)), library.ErrNotFound)
		WantErr(t, "delete again", f.DeleteLibrary(Ctx, p.ID, Now), library.ErrNotFound)

		for _, remembered := range []struct {
			what  string
			token seal.Hash
			at    time.Time
			want  bool
		}{
			{"access token", access.Hash, Later(10*time.Minute - time.Millisecond), true},
			{"access token later", access.Hash, Later(10 * time.Minute), false},
			{"refresh token", refresh.Hash, Now, false},
			{"token of another library", theirs.Hash, Now, false},
			{"unknown token", AnyHash(), Now, false},
		} {
			Same(t, remembered.what, Value(f.WasDeleted(Ctx, remembered.token, remembered.at))(t), remembered.want)
		}

		Same(t, "file of another library", Value(f.GetFile(Ctx, other.ID, their.File.ID))(t), their.File)
		Same(t, "token of another library", Value(f.GetTokenInfo(Ctx, theirs.Hash, library.UseAccess))(t).Token, theirs)
		Same(t, "login of another library", f.logins(other.Login), 1)
		// The address is free again.
		l := library.Library{ID: library.ID(AnyID()), Email: p.Email, PublicKey: p.PublicKey, CreatedAt: Now}
		Must(t, f.AddLibrary(Ctx, l, nil, anyLogin(l.ID), AnyEvent(l.ID)))
	}
}

// testSandboxes tests that the libraries are listed that nobody signs in to and no token opens.
func testSandboxes(open func(t *testing.T) Store) func(t *testing.T) {
	return func(t *testing.T) {
		f := NewFixture(t, open)
		c := f.AnyClient(library.Read)
		add := func(at time.Time, sandbox bool, locks ...library.LockKind) Person {
			l := library.Library{ID: library.ID(AnyID()), Email: "sandbox " + AnyID(), PublicKey: anyKey(t),
				CreatedAt: at, CodeSaved: true, CodeMadeAt: at, Binding: []byte(AnyID()), Sandbox: sandbox}
			var all []library.Lock
			for _, kind := range locks {
				all = append(all, anyLock(l.ID, kind))
			}
			Must(t, f.AddLibrary(Ctx, l, all, library.Login{}, AnyEvent(l.ID)))
			sameLibrary(t, Value(f.GetLibrary(Ctx, l.ID))(t), l)
			return Person{Library: l}
		}
		tokens := func(p Person, expiresAt time.Time) library.Grant {
			l, _ := f.AnyRequest(c)
			a := NewApproval(p, c, l, Now)
			g, _, err := f.Allow(Ctx, a)
			Must(t, err)
			access, refresh := anyToken(g.ID, library.UseAccess), anyToken(g.ID, library.UseRefresh)
			access.ExpiresAt, refresh.ExpiresAt = Later(time.Minute), expiresAt
			Must(t, f.RedeemAuthCode(Ctx, a.Code.Hash, Now, []library.Token{access, refresh}))
			return g
		}
		add(Now, false) // a person's, whatever opens it
		add(Now, true, library.LockPassword)
		add(Now, true, library.LockRecovery)
		never, young := add(Now, true), add(Later(2*time.Minute), true)
		live, expired := add(Later(time.Millisecond), true), add(Later(time.Second), true)
		revoked := add(Later(2*time.Second), true)
		tokens(live, Later(24*time.Hour))
		tokens(expired, Later(time.Hour))
		g := tokens(revoked, Later(24*time.Hour))
		Must(t, f.RevokeGrant(Ctx, revoked.ID, g.ID, Now, AnyEvent(revoked.ID)))
		for _, tt := range []struct {
			before, now time.Time
			limit       int
			want        []library.ID
		}{
			{Later(time.Minute), Later(time.Hour - time.Second), 9, []library.ID{never.ID, revoked.ID}},
			{Later(time.Minute), Later(time.Hour), 9, []library.ID{never.ID, expired.ID, revoked.ID}},
			{Later(time.Minute), Later(time.Hour), 2, []library.ID{never.ID, expired.ID}},
			{Later(time.Second), Later(time.Hour), 9, []library.ID{never.ID, expired.ID}},
			{Later(time.Hour), Later(25 * time.Hour), 9,
				[]library.ID{never.ID, live.ID, expired.ID, revoked.ID, young.ID}},
			{Later(-time.Second), Later(time.Hour), 9, nil},
		} {
			got := Value(f.ListUnopenable(Ctx, tt.before, tt.now, tt.limit))(t)
			if !slices.Equal(got, tt.want) {
				t.Errorf("made until %s, at %s: %v, want %v", tt.before, tt.now, got, tt.want)
			}
		}
	}
}

// logins is how many of the logins are still there.
func (f *Fixture) logins(logins ...library.Login) int {
	f.T.Helper()
	n := 0
	for _, l := range logins {
		if _, _, err := f.GetLogin(Ctx, l.Hash); err == nil {
			n++
		} else {
			WantErr(f.T, "login", err, library.ErrNotFound)
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
	Same(t, "library", got, want)
}
