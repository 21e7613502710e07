package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// languageHref is the link that shows this page in another language.
func languageHref(other *texts, r *http.Request) string {
	return "/language/" + other.Code + "?" + url.Values{"to": {r.URL.RequestURI()}}.Encode()
}

// switchLanguage remembers the language that a person chose and goes back to the
// page that they chose it on. An application's link says its own language, so there
// the address must change, too.
func (s *site) switchLanguage(w http.ResponseWriter, r *http.Request) error {
	chosen := s.byCode(r.PathValue("language"))
	if chosen == nil {
		return faultNotFound.because(errors.New("no such language"))
	}
	s.cookies.set(w, cookieLanguage, chosen.Code, longLived)
	to := r.URL.Query().Get("to")
	if !localPath(to) {
		to = "/"
	}
	if u, err := url.Parse(to); err == nil && strings.HasPrefix(u.Path, "/apps/saas/") {
		query := u.Query()
		query.Set("lng", chosen.Code)
		to = (&url.URL{Path: u.Path, RawQuery: query.Encode()}).RequestURI()
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// byCode finds a language by its exact code.
func (s *site) byCode(code string) *texts {
	for _, t := range s.languages.all {
		if t.Code == code {
			return t
		}
	}
	return nil
}
