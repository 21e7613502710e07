package ui

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A flash message tells on the next page, after the redirect, what has been done. It waits in a cookie, so that no
// address can make a page show it.

// flashKeys are the texts of flash messages. They have at most one placeholder: {app} or {provider}.
var flashKeys = []string{
	"sign_in.signed_out", "revoke.done", "accounts.done", "accounts.gone", "accounts.fetch_started",
	"settings.changed", "settings.language_saved", "storage.deleted", "storage.gone", "delete.undone",
	"sign_in.since", "sign_in.stale", "sign_in.already",
}

const flashLifetime = time.Minute

// SetFlash has the next page show a text. Name is the application or the provider that the text is about, if any.
func (u *UI) SetFlash(w http.ResponseWriter, key, name string) {
	u.Cookies.Set(w, cookieFlash, key+"/"+base64.RawURLEncoding.EncodeToString([]byte(name)), flashLifetime)
}

// TakeFlashValue returns the name of a message whose text the page itself makes, and removes the message. It reports
// whether a message of that key waits.
func (u *UI) TakeFlashValue(w http.ResponseWriter, r *http.Request, key string) (name string, ok bool) {
	waiting, encoded, _ := strings.Cut(u.Cookies.Get(r, cookieFlash), "/")
	value, err := base64.RawURLEncoding.DecodeString(encoded)
	if waiting != key || err != nil {
		return "", false
	}
	u.Cookies.Clear(w, cookieFlash)
	return string(value), true
}

// TakeFlash returns the message that the page before has set, and removes it; empty if there is none.
func (u *UI) TakeFlash(w http.ResponseWriter, r *http.Request) string {
	value := u.Cookies.Get(r, cookieFlash)
	if value == "" {
		return ""
	}
	u.Cookies.Clear(w, cookieFlash)
	key, encoded, _ := strings.Cut(value, "/")
	name, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !slices.Contains(flashKeys, key) {
		return ""
	}
	clean := CleanText(string(name))
	return BrowserOf(r).Texts.Text(key, "app", clean, "provider", clean)
}
