package pages

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"unicode/utf8"
)

// maxForm bounds the body of a form, in bytes.
const maxForm = 64 << 10

// tokenField is the hidden field of every form.
const tokenField = "token"

// limitBody bounds what a request may send. Nothing that a form of ours sends comes
// near.
func (s *site) limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// refuseStrangers lets a form pass only if the browser says that it comes from a
// page of ours, and if it has the token of a page that this browser was shown.
func (s *site) refuseStrangers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isRead(r) {
			next.ServeHTTP(w, r)
			return
		}
		if err := s.checkForm(r); err != nil {
			s.answerError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checkForm reads the form and says what is wrong with it.
func (s *site) checkForm(r *http.Request) error {
	if !s.sameOrigin(r) {
		return faultForm.because(errors.New("form is not from a page of ours"))
	}
	if err := parseForm(r); err != nil {
		return err
	}
	v, token := visitOf(r), r.PostForm.Get(tokenField)
	switch {
	case v.id == "" && token != "":
		return faultCookies.because(errors.New("browser keeps no cookies"))
	case v.id == "" || !hmac.Equal([]byte(token), []byte(v.token())):
		return faultForm.because(errors.New("form has no token, or another one's"))
	}
	return nil
}

// token is what the visit's forms carry. It is bound to who has signed in, too, so
// that a page shown to one person cannot be answered as another.
func (v *visit) token() string {
	mac := hmac.New(sha256.New, []byte(v.id))
	mac.Write([]byte("carrel form\x00" + v.login.Reveal()))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// sameOrigin reports whether a request comes from a page of ours, by the word of
// the browser. One that says nothing is not believed.
func (s *site) sameOrigin(r *http.Request) bool {
	origin, fetched := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	switch {
	case fetched == "cross-site" || fetched == "same-site":
		return false
	case origin != "":
		return origin == originOf(s.config.PublicURL) || s.config.PublicURL.Scheme == "http" && loopbackOrigin(origin, r.Host)
	}
	return fetched == "same-origin"
}

// loopbackOrigin reports whether a page of this very server was opened by another
// of the names of this machine, such as localhost for 127.0.0.1.
func loopbackOrigin(origin, host string) bool {
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

// parseForm reads a form. What no browser sends from a page of ours is refused
// whole, in place of being guessed at.
func parseForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return faultForm.with(statusOf(err)).because(errors.New("form does not parse")) // its error repeats the form
	}
	for name, values := range r.PostForm {
		if len(values) != 1 || !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return faultForm.with(http.StatusBadRequest).because(errors.New("form has a field twice, or one that is no text"))
		}
	}
	return nil
}

func statusOf(err error) int {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}
