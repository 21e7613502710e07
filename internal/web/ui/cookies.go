package ui

import (
	"net/http"
	"time"
)

// The cookies. Only the first two are secrets; none says anything about the person.
const (
	// CookieLogin opens the library of the person who has signed in.
	CookieLogin = "carrel_login"
	// cookieBrowser binds forms to the browser, also before sign-in.
	cookieBrowser = "carrel_visit"
	// cookieLanguage is the language that the person chose.
	cookieLanguage = "carrel_language"
	// CookieKnown proves that somebody has signed in with this browser before. It opens nothing.
	CookieKnown = "carrel_known"
	// cookieFlash is a message for the next page; see flash.go.
	cookieFlash = "carrel_notice"
	// CookieAtProvider says for which request the browser has gone to a provider.
	CookieAtProvider = "carrel_left"
)

// LongLived is how long a cookie lasts that outlives the browser's session.
const LongLived = 400 * 24 * time.Hour

// Cookies sets and reads cookies. On a site with TLS their names begin with __Host-, so that browsers refuse them from
// other hosts and over connections without TLS.
type Cookies struct{ secure bool }

func (c Cookies) name(name string) string {
	if c.secure {
		return "__Host-" + name
	}
	return name
}

// Set sets a cookie that lasts until the browser closes, or for the given time if that is not zero.
func (c Cookies) Set(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name:     c.name(name),
		Value:    value,
		Path:     "/",
		MaxAge:   int(lifetime.Seconds()),
		Secure:   c.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}

// Clear removes a cookie.
func (c Cookies) Clear(w http.ResponseWriter, name string) { c.Set(w, name, "", -time.Second) }

// Get returns a cookie's value; empty without the cookie.
func (c Cookies) Get(r *http.Request, name string) string {
	cookie, err := r.Cookie(c.name(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}
