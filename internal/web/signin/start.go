package signin

import (
	"net/http"

	"github.com/carrelhq/carrel/internal/web/ui"
)

// Start redirects from the home page: to the person's files, or to sign in, or to create a library where nobody has
// signed in with the browser before, and the site makes new ones.
func (p *Pages) Start(w http.ResponseWriter, r *http.Request) error {
	in, err := p.Logins.Get(r)
	switch {
	case err != nil:
		return err
	case in != nil:
		return ui.SeeOther(w, r, "/files")
	case ui.BrowserOf(r).Known, !p.Create.people.MakesLibraries():
		return ui.SeeOther(w, r, "/sign-in")
	}
	return ui.SeeOther(w, r, "/create")
}
