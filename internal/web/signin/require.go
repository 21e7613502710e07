package signin

import (
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// PersonHandler answers a request of a person who has signed in.
type PersonHandler func(http.ResponseWriter, *http.Request, *library.SignedIn) error

// flowHandler answers a request of a person who has not been sent by an application.
type flowHandler func(http.ResponseWriter, *http.Request, Flow) error

// RequireLogin serves a page only to a person who has signed in. Others sign in first and then come back.
func (p *Pages) RequireLogin(handle PersonHandler) ui.Handler {
	return p.requireLogin(handle, redirectToSignIn)
}

func redirectToSignIn(w http.ResponseWriter, r *http.Request) error {
	return ui.SeeOther(w, r, withTarget("/sign-in", r.URL.RequestURI()))
}

// requireLogin serves a page to a person who has signed in, and calls otherwise for anybody else.
func (p *Pages) requireLogin(handle PersonHandler, otherwise ui.Handler) ui.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		in, err := p.Logins.Get(r)
		if err != nil {
			return err
		}
		if in == nil {
			return otherwise(w, r)
		}
		return handle(w, r, in)
	}
}

// RequireReady serves a page only to a person who has signed in, whose library is not to be deleted, and who has saved
// their recovery code.
func (p *Pages) RequireReady(handle PersonHandler) ui.Handler {
	return p.RequireReadyAfter(handle, func(next ui.Handler) ui.Handler { return next })
}

// RequireReadyAfter is RequireReady for a form that can come after it has ended the login itself. Without a login it
// serves what after returns; next redirects to the page for signing in.
func (p *Pages) RequireReadyAfter(handle PersonHandler, after func(next ui.Handler) ui.Handler) ui.Handler {
	return p.requireLogin(func(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
		if in.Library.Shut() {
			return ui.SeeOther(w, r, "/shut")
		}
		_, pending, err := p.RecoveryCode.Pending(r, in)
		if err != nil {
			return err
		}
		if pending || !in.Library.CodeSaved { // or a code is pending in another browser only
			return ui.SeeOther(w, r, withTarget("/recovery-code", r.URL.RequestURI()))
		}
		return handle(w, r, in)
	}, after(redirectToSignIn))
}

// RequireNoCode serves the page for making a recovery code to a person who has signed in, unless their library is to be
// deleted or this browser has a code to show. So a person whose other browser has made a code can make one here.
func (p *Pages) RequireNoCode(handle PersonHandler) ui.Handler {
	return p.RequireLogin(func(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
		if in.Library.Shut() {
			return ui.SeeOther(w, r, "/shut")
		}
		_, pending, err := p.RecoveryCode.Pending(r, in)
		if err != nil {
			return err
		}
		if pending {
			return ui.SeeOther(w, r, withTarget("/recovery-code", r.URL.RequestURI()))
		}
		return handle(w, r, in)
	})
}

// RequireSignedOut serves one of the pages for signing in, outside any application's request. If a person has already
// signed in, a GET is redirected to the next page. A POST is not redirected: it signs in again.
func (p *Pages) RequireSignedOut(handle flowHandler) ui.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		flow := ownFlow(r)
		if ui.IsSafeMethod(r) {
			in, err := p.Logins.Get(r)
			if err != nil {
				return err
			}
			if in != nil {
				return ui.SeeOther(w, r, flow.NextURL)
			}
		}
		return handle(w, r, flow)
	}
}
