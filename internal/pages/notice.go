package pages

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// What has been done is told on the next page, after the redirect: it waits in a
// cookie, so that no address can make a page say it.

// notices are the texts that may wait. They have at most one placeholder: {app} or
// {provider}.
var notices = []string{"sign_in.signed_out", "revoke.done", "accounts.done", "settings.changed", "settings.language_saved", "delete.undone"}

const noticeLasts = time.Minute

// leaveNotice has the next page tell something, of an application or a provider where
// it is about one.
func (s *site) leaveNotice(w http.ResponseWriter, key, name string) {
	s.cookies.set(w, cookieNotice, key+"/"+base64.RawURLEncoding.EncodeToString([]byte(name)), noticeLasts)
}

// takeNotice is what the page before has left to tell.
func (s *site) takeNotice(w http.ResponseWriter, r *http.Request) string {
	value := s.cookies.get(r, cookieNotice)
	if value == "" {
		return ""
	}
	s.cookies.clear(w, cookieNotice)
	key, encoded, _ := strings.Cut(value, "/")
	name, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !slices.Contains(notices, key) {
		return ""
	}
	about := quote(string(name))
	return visitOf(r).texts.text(key, "app", about, "provider", about)
}
