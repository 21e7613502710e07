package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// TestLogins tests a library.LoginStore.
func TestLogins(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		login := anyLogin(p.ID)
		login.PendingCode = nil
		Must(t, f.AddLogin(Ctx, login, AnyEvent(p.ID)))
		got, l, err := f.GetLogin(Ctx, login.Hash)
		Must(t, err)
		Same(t, "login", got, login)
		sameLibrary(t, l, p.Library)
		Same(t, "number of events", len(f.Events(p.ID)), 2)
		_, _, err = f.GetLogin(Ctx, AnyHash())
		WantErr(t, "unknown hash", err, library.ErrNotFound)
		WantErr(t, "login to no library", f.AddLogin(Ctx, anyLogin("none"), AnyEvent("none")), library.ErrNotFound)
	})
	t.Run("touches and ends", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		Must(t, f.TouchLogin(Ctx, p.Login.ID, Later(time.Minute), Later(2*time.Hour)))
		want := p.Login
		want.SeenAt, want.ExpiresAt = Later(time.Minute), Later(2*time.Hour)
		got, _, err := f.GetLogin(Ctx, p.Login.Hash)
		Must(t, err)
		Same(t, "login", got, want)
		Must(t, f.EndLogin(Ctx, p.Login.ID))
		Same(t, "logins", f.logins(p.Login), 0)
		Must(t, f.EndLogin(Ctx, p.Login.ID))
		WantErr(t, "touch what has ended", f.TouchLogin(Ctx, p.Login.ID, Now, Now), library.ErrNotFound)
	})
}
