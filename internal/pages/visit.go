package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/text/language"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// visit is what a request has brought along.
type visit struct {
	texts *texts
	// id binds forms to the browser; empty if it keeps no cookies, or not yet.
	id string
	// login is the secret of who has signed in; zero if nobody says to have.
	login seal.Secret
	// known says that somebody has signed in with this browser before.
	known bool
	// rested says that a login was presented that is over.
	rested bool
}

type visitKey struct{}

// visitOf is the visit that rememberVisit has put into the request.
func visitOf(r *http.Request) *visit {
	return r.Context().Value(visitKey{}).(*visit)
}

// rememberVisit reads the request's language and cookies, and gives a browser that
// has none the cookie that its forms will be bound to.
func (s *site) rememberVisit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{
			texts: s.languageOf(r),
			id:    s.cookies.get(r, cookieVisit),
			login: seal.SecretOf(s.cookies.get(r, cookieLogin)),
			known: s.cookies.get(r, cookieKnown) != "",
		}
		if v.id == "" && isRead(r) {
			s.startVisit(w, v)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// startVisit gives the browser a fresh cookie; forms that were shown before no
// longer count.
func (s *site) startVisit(w http.ResponseWriter, v *visit) {
	v.id = seal.NewSecret().Reveal()
	s.cookies.set(w, cookieVisit, v.id, 0)
}

// languageOf is the language to answer in: what the address asks for, else what the
// person chose, else what the browser prefers, else English.
func (s *site) languageOf(r *http.Request) *texts {
	for _, wanted := range []string{r.URL.Query().Get("lng"), s.cookies.get(r, cookieLanguage)} {
		if tag, err := language.Parse(wanted); err == nil {
			if t := s.languages.find(tag); t != nil {
				return t
			}
		}
	}
	accepted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err == nil {
		if t := s.languages.find(accepted...); t != nil {
			return t
		}
	}
	return s.languages.all[0]
}

// signedIn is who has signed in with this browser, nil if nobody.
func (s *site) signedIn(r *http.Request) (*library.SignedIn, error) {
	v := visitOf(r)
	if v.login.IsZero() {
		return nil, nil
	}
	in, err := s.people.Login(r.Context(), v.login)
	if errors.Is(err, library.ErrNotFound) {
		v.rested = true
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find login: %w", err)
	}
	return in, nil
}

// signIn gives the browser the cookie of a fresh login, and ends the one before.
func (s *site) signIn(w http.ResponseWriter, r *http.Request, secret seal.Secret) error {
	if err := s.endLogin(r); err != nil {
		return err
	}
	s.cookies.set(w, cookieLogin, secret.Reveal(), 0)
	s.cookies.set(w, cookieKnown, "1", longLived)
	s.startVisit(w, visitOf(r))
	return nil
}

// signOut ends the login at the server and takes the browser's cookie.
func (s *site) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.endLogin(r); err != nil {
		return err
	}
	s.cookies.clear(w, cookieLogin)
	s.startVisit(w, visitOf(r))
	return nil
}

// endLogin ends the login that the browser has presented, if there is one.
func (s *site) endLogin(r *http.Request) error {
	in, err := s.signedIn(r)
	if in == nil || err != nil {
		return err
	}
	if err := s.people.SignOut(r.Context(), in); err != nil {
		return fmt.Errorf("end login: %w", err)
	}
	return nil
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
