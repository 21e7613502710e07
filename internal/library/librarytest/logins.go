package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// TestLogins tests a library.LoginStore.
func TestLogins(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		login := anyLogin(p.ID)
		login.PendingCode = nil
		must(t, f.AddLogin(ctx, login, anyEvent(p.ID)))
		got, l, err := f.GetLogin(ctx, login.Hash)
		must(t, err)
		same(t, "login", got, login)
		sameLibrary(t, l, p.Library)
		same(t, "number of events", len(f.events(p.ID)), 2)
		_, _, err = f.GetLogin(ctx, anyHash())
		wantErr(t, "unknown hash", err, library.ErrNotFound)
		wantErr(t, "login to no library", f.AddLogin(ctx, anyLogin("none"), anyEvent("none")), library.ErrNotFound)
	})
	t.Run("touches and ends", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		must(t, f.TouchLogin(ctx, p.login.ID, later(time.Minute), later(2*time.Hour)))
		want := p.login
		want.SeenAt, want.ExpiresAt = later(time.Minute), later(2*time.Hour)
		got, _, err := f.GetLogin(ctx, p.login.Hash)
		must(t, err)
		same(t, "login", got, want)
		must(t, f.EndLogin(ctx, p.login.ID))
		same(t, "logins", f.logins(p.login), 0)
		must(t, f.EndLogin(ctx, p.login.ID))
		wantErr(t, "touch what has ended", f.TouchLogin(ctx, p.login.ID, now, now), library.ErrNotFound)
	})
}
