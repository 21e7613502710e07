package pages

import (
	"net/http"
	"time"
)

// The cookies. Only the first two are secrets; none says anything about the person.
const (
	// cookieLogin opens the library of who has signed in.
	cookieLogin = "carrel_login"
	// cookieVisit binds forms to the browser, also before sign-in.
	cookieVisit = "carrel_visit"
	// cookieLanguage is the language that the person chose.
	cookieLanguage = "carrel_language"
	// cookieKnown says that somebody has signed in here before.
	cookieKnown = "carrel_known"
	// cookieNotice is what the next page has to tell; see notice.go.
	cookieNotice = "carrel_notice"
	// cookieLeft says which link the browser has left for a provider; see trip.go.
	cookieLeft = "carrel_left"
)

const longLived = 400 * 24 * time.Hour

// cookies are set and read under a name that, where there is TLS, no other host and
// no plain connection can set.
type cookies struct{ secure bool }

func (c cookies) name(name string) string {
	if c.secure {
		return "__Host-" + name
	}
	return name
}

// set keeps a cookie until the browser closes, or for a time.
func (c cookies) set(w http.ResponseWriter, name, value string, lasts time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name:     c.name(name),
		Value:    value,
		Path:     "/",
		MaxAge:   int(lasts.Seconds()),
		Secure:   c.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}

func (c cookies) clear(w http.ResponseWriter, name string) { c.set(w, name, "", -time.Second) }

// get is a cookie's value, or empty.
func (c cookies) get(r *http.Request, name string) string {
	cookie, err := r.Cookie(c.name(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}
