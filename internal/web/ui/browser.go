package ui

import (
	"context"
	"net/http"

	"github.com/carrelhq/carrel/internal/seal"
)

// Browser is what a request says about the browser that sent it.
type Browser struct {
	// Texts are in the language to answer in.
	Texts *Texts
	// LoginSecret is the secret of the login cookie; zero without one.
	LoginSecret seal.Secret
	// LoginExpired reports that the login of the cookie has ended.
	LoginExpired bool
	// Known reports that somebody has signed in with this browser before.
	Known bool
	// Proofs prove to the library that a person has signed in with this browser: see [library.People.BrowserProofs].
	Proofs string

	// id binds forms to the browser; empty if the browser keeps no cookies, or has none yet.
	id string
}

type browserKey struct{}

// BrowserOf returns the browser that [UI.LoadBrowser] has put into the request's context.
func BrowserOf(r *http.Request) *Browser {
	return r.Context().Value(browserKey{}).(*Browser)
}

// LoadBrowser reads the request's language and cookies, and gives a browser without a cookie the one that its forms
// are bound to.
func (u *UI) LoadBrowser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &Browser{
			Texts:       u.languageOf(r),
			LoginSecret: seal.SecretOf(u.Cookies.Get(r, CookieLogin)),
			Known:       u.Cookies.Get(r, CookieKnown) != "",
			Proofs:      u.Cookies.Get(r, CookieKnown),
			id:          u.Cookies.Get(r, cookieBrowser),
		}
		if b.id == "" && IsSafeMethod(r) {
			u.RenewBrowser(w, b)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), browserKey{}, b)))
	})
}

// RenewBrowser gives the browser a new cookie for its forms. Forms that were shown to the browser before are then
// refused.
func (u *UI) RenewBrowser(w http.ResponseWriter, b *Browser) {
	b.id = seal.NewSecret().Reveal()
	u.Cookies.Set(w, cookieBrowser, b.id, 0)
}
