package ui

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// csrfField is the hidden field of every form that has the token. The template "csrf" in templates/parts.html repeats
// the name.
const csrfField = "token"

// signOutPath is where the form for signing out is sent.
const signOutPath = "/sign-out"

// CheckCSRF refuses every form that was not sent from a page of this site: the browser must say that it was, and the
// form must have the token of a page that was shown to the same browser and login.
func (u *UI) CheckCSRF(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsSafeMethod(r) {
			if r.URL.Path == signOutPath && BrowserOf(r).LoginSecret.IsZero() {
				// Nobody is signed in any more: the form is of a page from before, and does nothing.
				http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
				return
			}
			err := u.csrf.check(r)
			if errors.Is(err, errWrongToken) && isSignInForm(r) && !BrowserOf(r).LoginSecret.IsZero() {
				// The person has signed in since the page was shown, and went back to it.
				http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther)
				return
			}
			if err != nil {
				u.handleError(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

var errWrongToken = errors.New("form has no token, or the token of another browser or login")

// signInForms are the forms of a person who has not signed in: their paths are these below the root, or they have these
// steps at the address of an application's request.
var signInForms = []string{"create", "sign-in", "recover"}

// isSignInForm reports whether a form is one of those.
func isSignInForm(r *http.Request) bool {
	return slices.Contains(signInForms, strings.TrimPrefix(r.URL.Path, "/")) ||
		slices.Contains(signInForms, r.PostForm.Get("step"))
}

// csrf checks forms against the address of the site.
type csrf struct{ publicURL *url.URL }

// check parses the form and returns what is wrong with it.
func (c csrf) check(r *http.Request) error {
	if !c.sameOrigin(r) {
		return PageBadForm.Wrap(errors.New("form is not from a page of this site"))
	}
	if err := parseForm(r); err != nil {
		return err
	}
	b, token := BrowserOf(r), r.PostForm.Get(csrfField)
	switch {
	case b.id == "" && token != "":
		return PageCookiesBlocked.Wrap(errors.New("browser keeps no cookies"))
	case b.id == "" || !hmac.Equal([]byte(token), []byte(b.csrfToken())):
		return PageBadForm.Wrap(errWrongToken)
	}
	return nil
}

// csrfToken is the token of the browser's forms. It depends on the login as well, so that a page that was shown to one
// person cannot be sent by another.
func (b *Browser) csrfToken() string {
	mac := hmac.New(sha256.New, []byte(b.id))
	mac.Write([]byte("carrel form\x00" + b.LoginSecret.Reveal()))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// sameOrigin reports whether the browser says that a request comes from a page of this site. It returns false for a
// request with neither an Origin nor a Sec-Fetch-Site header.
func (c csrf) sameOrigin(r *http.Request) bool {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	switch {
	case site == "cross-site" || site == "same-site":
		return false
	case origin != "":
		return origin == originOf(c.publicURL) || c.publicURL.Scheme == "http" && isLoopbackOrigin(origin, r.Host)
	}
	return site == "same-origin"
}

// isLoopbackOrigin reports whether the origin is the requested host, and that host is this machine: a developer may
// open the pages by another name than the public address has, such as localhost for 127.0.0.1.
func isLoopbackOrigin(origin, host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if ip, err := netip.ParseAddr(name); name != "localhost" && (err != nil || !ip.IsLoopback()) {
		return false
	}
	return origin == "http://"+host
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// IsSafeMethod reports whether a request's method is GET or HEAD, which change nothing.
func IsSafeMethod(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}
