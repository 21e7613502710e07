package ui

import (
	"errors"
	"net/http"
	"strings"
)

// A person goes back to a page, or has it open in another tab, and sends its form after they have signed in or out. The
// form does nothing then. What they read next depends on what has happened in between.

// staleCause is why the token of a form is not the browser's any more.
type staleCause string

// The causes.
const (
	// staleSignedOut: nobody is signed in any more.
	staleSignedOut staleCause = "nobody is signed in any more"
	// staleSignedIn: the page was for nobody, and somebody has signed in.
	staleSignedIn staleCause = "somebody has signed in since"
	// staleOtherLogin: somebody has signed in again, the same person or another.
	staleOtherLogin staleCause = "somebody has signed in again since"
	// staleCookie: the login is the same, or there is none as before, but the browser has another cookie.
	staleCookie staleCause = "the browser has another cookie"
)

// staleCauseOf compares the tag of the login that a page was shown to with that of today.
func staleCauseOf(then, now string) staleCause {
	switch {
	case then == now:
		return staleCookie
	case now == "":
		return staleSignedOut
	case then == "":
		return staleSignedIn
	}
	return staleOtherLogin
}

// staleFormError says that the token of a form is not the browser's any more.
type staleFormError struct{ cause staleCause }

func (e *staleFormError) Error() string { return "form is of an earlier page: " + string(e.cause) }

// signOutPath is where the form for signing out is sent, and signOutStep what it says in its field "step": at the
// address of an application's request it has this address.
const (
	signOutPath = "/sign-out"
	signOutStep = "sign-out"
)

func isSignOutForm(r *http.Request) bool {
	return r.URL.Path == signOutPath || r.PostForm.Get("step") == signOutStep
}

// handleStaleForm answers a form of an earlier page, which changes nothing. It reports whether the form may go on
// nevertheless: one that signs out, where nobody is signed in.
func (u *UI) handleStaleForm(w http.ResponseWriter, r *http.Request, cause staleCause) (goOn bool) {
	page := r.URL.RequestURI()
	if !IsLocalPath(page) {
		page = "/"
	}
	isRequest := strings.HasPrefix(r.URL.Path, "/apps/")
	notice := ""
	switch {
	case isSignOutForm(r) && BrowserOf(r).LoginSecret.IsZero():
		return true
	case cause == staleSignedOut:
		notice = "sign_in.since"
	case cause == staleCookie && BrowserOf(r).LoginSecret.IsZero():
		notice = "sign_in.stale"
	case cause == staleSignedIn && isRequest: // the next page of the request says whose library it is
	case cause == staleSignedIn:
		notice = "sign_in.already"
	case cause == staleOtherLogin:
		u.handleError(w, r, PageOtherLogin.Wrap(errors.New(string(cause))))
		return false
	default:
		u.handleError(w, r, PageStaleForm.Wrap(errors.New(string(cause))))
		return false
	}
	if notice != "" {
		u.SetFlash(w, notice, "")
	}
	http.Redirect(w, r, page, http.StatusSeeOther)
	return false
}
