package ui

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// csrfField is the hidden field of every form that has the token. The template "csrf" in templates/parts.html repeats
// the name.
const csrfField = "token"

// CheckCSRF refuses every form that was not sent from a page of this site: the browser must say that it was, and the
// form must have the token of a page that was shown to the same browser and login. A form of before a person signed in
// or out changes nothing; handleStaleForm says what is so now.
func (u *UI) CheckCSRF(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsSafeMethod(r) {
			err := u.csrf.check(r)
			var stale *staleFormError
			switch {
			case errors.As(err, &stale):
				if !u.handleStaleForm(w, r, stale.cause) {
					return
				}
			case err != nil:
				u.handleError(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// csrf checks forms against the address of the site.
type csrf struct{ publicURL *url.URL }

// check parses the form and returns what is wrong with it: a [*staleFormError] if only the browser's cookies have
// changed since its page was shown.
func (c csrf) check(r *http.Request) error {
	if !c.sameOrigin(r) {
		return PageBadForm.Wrap(fmt.Errorf("form is not from a page of this site: its origin is %.200q, and the "+
			"public URL is %s", r.Header.Get("Origin"), c.publicURL))
	}
	if err := parseForm(r); err != nil {
		return err
	}
	b, token := BrowserOf(r), r.PostForm.Get(csrfField)
	if b.id != "" && hmac.Equal([]byte(token), []byte(b.csrfToken())) {
		return nil
	}
	_, login, ok := strings.Cut(token, csrfSeparator)
	switch {
	case !ok:
		return PageBadForm.Wrap(errors.New("form has no token of this site"))
	case b.id == "" && !b.Known:
		return PageCookiesBlocked.Wrap(errors.New("browser keeps no cookies"))
	}
	return &staleFormError{staleCauseOf(login, b.loginTag())}
}

// csrfSeparator stands in a token between its MAC and the tag of the login.
const csrfSeparator = "."

// csrfToken is the token of the browser's forms. It depends on the login as well, so that a page that was shown to one
// person cannot be sent by another.
func (b *Browser) csrfToken() string {
	return b.mac("carrel form\x00"+b.LoginSecret.Reveal()) + csrfSeparator + b.loginTag()
}

// loginTag tells one login from another in a token, so that a page can say why a token is not the browser's any more.
// It is empty if nobody has signed in, and proves nothing.
func (b *Browser) loginTag() string {
	if b.LoginSecret.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte("carrel form login\x00" + b.LoginSecret.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// mac is a MAC of a text under the browser's id.
func (b *Browser) mac(text string) string {
	mac := hmac.New(sha256.New, []byte(b.id))
	mac.Write([]byte(text))
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
