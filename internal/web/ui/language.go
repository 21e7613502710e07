package ui

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/text/language"
)

// Languages are the languages of the pages, the fallback first.
type Languages struct {
	All     []*Texts
	matcher language.Matcher
}

// LoadLanguages loads the texts of every language.
func LoadLanguages() *Languages {
	all := []*Texts{
		loadTexts(language.English, "English"),
		loadTexts(language.Dutch, "Nederlands"),
	}
	return &Languages{All: all, matcher: language.NewMatcher([]language.Tag{language.English, language.Dutch})}
}

// Get finds a language by its exact code; nil if there is none.
func (l *Languages) Get(code string) *Texts {
	for _, t := range l.All {
		if t.Code == code {
			return t
		}
	}
	return nil
}

// match finds the language that fits the wanted ones best, such as "nl" for "nl-BE"; nil if none fits.
func (l *Languages) match(wanted ...language.Tag) *Texts {
	if len(wanted) == 0 {
		return nil
	}
	_, index, confidence := l.matcher.Match(wanted...)
	if confidence == language.No {
		return nil
	}
	return l.All[index]
}

// languageOf returns the language to answer in: the one in the address, else the one that the person chose, else the
// one that the browser prefers, else English.
func (u *UI) languageOf(r *http.Request) *Texts {
	for _, wanted := range []string{r.URL.Query().Get("lng"), u.Cookies.Get(r, cookieLanguage)} {
		if tag, err := language.Parse(wanted); err == nil {
			if t := u.Languages.match(tag); t != nil {
				return t
			}
		}
	}
	accepted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err == nil {
		if t := u.Languages.match(accepted...); t != nil {
			return t
		}
	}
	return u.Languages.All[0]
}

// LanguageLink leads to a page in another language.
type LanguageLink struct{ Code, Name, URL string }

// languageLinks leads to the requested page in the other languages.
func (u *UI) languageLinks(r *http.Request, current *Texts) []LanguageLink {
	var links []LanguageLink
	for _, t := range u.Languages.All {
		if t != current {
			query := url.Values{"to": {r.URL.RequestURI()}}
			links = append(links, LanguageLink{t.Code, t.Name, "/language/" + t.Code + "?" + query.Encode()})
		}
	}
	return links
}

// SetLanguage remembers the language that a person chose.
func (u *UI) SetLanguage(w http.ResponseWriter, t *Texts) {
	u.Cookies.Set(w, cookieLanguage, t.Code, LongLived)
}

// SwitchLanguage remembers the language that a person chose and goes back to the page that they chose it on. The
// address of an application's request may have a language too, so that one is replaced.
func (u *UI) SwitchLanguage(w http.ResponseWriter, r *http.Request) error {
	chosen := u.Languages.Get(r.PathValue("language"))
	if chosen == nil {
		return PageNotFound.Wrap(errors.New("no such language"))
	}
	u.SetLanguage(w, chosen)
	to := r.URL.Query().Get("to")
	if !IsLocalPath(to) {
		to = "/"
	}
	if address, err := url.Parse(to); err == nil && strings.HasPrefix(address.Path, "/apps/saas/") {
		query := address.Query()
		query.Set("lng", chosen.Code)
		to = (&url.URL{Path: address.Path, RawQuery: query.Encode()}).RequestURI()
	}
	return SeeOther(w, r, to)
}
