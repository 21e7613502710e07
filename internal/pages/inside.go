package pages

import (
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/library"
)

// insider answers who is signed in.
type insider func(http.ResponseWriter, *http.Request, *library.SignedIn) error

// inside lets only those in who are signed in; the others come back here once they
// are.
func (s *site) inside(h insider) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		in, err := s.signedIn(r)
		if err != nil {
			return err
		}
		if in == nil {
			return seeOther(w, r, "/sign-in?"+url.Values{"to": {r.URL.RequestURI()}}.Encode())
		}
		return h(w, r, in)
	}
}

// atDesk lets a person use their library: once it is open, and once they have their
// recovery code.
func (s *site) atDesk(h insider) handler {
	return s.inside(func(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
		if in.Library.Shut() {
			return seeOther(w, r, "/shut")
		}
		_, pending, err := s.people.PendingCode(r.Context(), in)
		if err != nil {
			return err
		}
		if pending {
			return seeOther(w, r, "/recovery-code?"+url.Values{"to": {r.URL.RequestURI()}}.Encode())
		}
		return h(w, r, in)
	})
}

// newDesk begins a page of the library; current is its entry in the menu.
func (s *site) newDesk(w http.ResponseWriter, r *http.Request, current, title string) *view {
	v := s.newView(r, title)
	v.Desk, v.SignOut = current, "/sign-out"
	v.Notice = s.takeNotice(w, r)
	return v
}
