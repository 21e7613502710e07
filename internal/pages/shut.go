package pages

import (
	"fmt"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// shutPage is all there is while a library waits to be deleted.
type shutPage struct {
	*view
	DeleteAt time.Time
}

// showShut shows a shut library, within a link or by itself.
func (s *site) showShut(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way) error {
	p := &shutPage{view: s.newView(r, visitOf(r).texts.text("delete.done.h1")), DeleteAt: in.Library.DeleteAt}
	s.forLink(w, p.view, way.request)
	s.letSignOut(p.view, way)
	return s.render(w, http.StatusOK, "shut", p)
}

func (s *site) showOwnShut(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	if !in.Library.Shut() {
		return seeOther(w, r, "/files")
	}
	return s.showShut(w, r, in, way{})
}

// takeOwnShut brings the library back.
func (s *site) takeOwnShut(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	if err := s.people.Reopen(r.Context(), in); err != nil {
		return fmt.Errorf("reopen library: %w", err)
	}
	s.leaveNotice(w, "delete.undone", "")
	return seeOther(w, r, "/files")
}
