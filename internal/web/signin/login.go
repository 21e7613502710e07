package signin

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Logins are the logins of browsers. A cookie has the secret of each.
type Logins struct {
	ui     *ui.UI
	people *library.People
}

// Get returns who has signed in with the browser; nil if nobody has.
func (l *Logins) Get(r *http.Request) (*library.SignedIn, error) {
	b := ui.BrowserOf(r)
	if b.LoginSecret.IsZero() {
		return nil, nil
	}
	in, err := l.people.Login(r.Context(), b.LoginSecret)
	if errors.Is(err, library.ErrNotFound) {
		b.LoginExpired = true
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find login: %w", err)
	}
	in.Address = ui.DeviceOf(r).Address
	return in, nil
}

// start gives the browser the cookie of a new login, and ends the login before.
func (l *Logins) start(w http.ResponseWriter, r *http.Request, secret seal.Secret) error {
	if err := l.endStored(r); err != nil {
		return err
	}
	in, err := l.people.Login(r.Context(), secret)
	switch {
	case errors.Is(err, library.ErrNotFound): // the same form, sent at the same time, has ended this login
	case err != nil:
		return fmt.Errorf("find new login: %w", err)
	default:
		if err := l.Remember(w, r, in); err != nil {
			return err
		}
	}
	l.ui.Cookies.Set(w, ui.CookieLogin, secret.Reveal(), 0)
	l.ui.RenewBrowser(w, ui.BrowserOf(r))
	return nil
}

// Remember gives the browser the proof that the person has signed in with it, with the password that they have now. It
// is for a new login and for a new password.
func (l *Logins) Remember(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	proofs, err := l.people.BrowserProofs(r.Context(), in, ui.BrowserOf(r).Proofs)
	if err != nil {
		return fmt.Errorf("prove that the browser has signed in: %w", err)
	}
	l.ui.Cookies.Set(w, ui.CookieKnown, proofs, ui.LongLived)
	return nil
}

// deviceOf returns the device that a person signs in with.
func deviceOf(r *http.Request) library.Device {
	device := ui.DeviceOf(r)
	device.Proofs = ui.BrowserOf(r).Proofs
	return device
}

// End ends the login at the server and removes the browser's cookie. The next page tells the person so.
func (l *Logins) End(w http.ResponseWriter, r *http.Request) error {
	if err := l.endStored(r); err != nil {
		return err
	}
	l.Forget(w, r)
	l.ui.SetFlash(w, "sign_in.signed_out", "")
	return nil
}

// Forget removes the browser's cookie. The login has ended with its library.
func (l *Logins) Forget(w http.ResponseWriter, r *http.Request) {
	l.ui.Cookies.Clear(w, ui.CookieLogin)
	l.ui.RenewBrowser(w, ui.BrowserOf(r))
}

// endStored ends the browser's login at the server, if there is one.
func (l *Logins) endStored(r *http.Request) error {
	in, err := l.Get(r)
	if in == nil || err != nil {
		return err
	}
	if err := l.people.SignOut(r.Context(), in); err != nil {
		return fmt.Errorf("end login: %w", err)
	}
	return nil
}

// SignOut ends the login and shows the page for signing in.
func (l *Logins) SignOut(w http.ResponseWriter, r *http.Request) error {
	if err := l.End(w, r); err != nil {
		return err
	}
	return ui.SeeOther(w, r, "/sign-in")
}
