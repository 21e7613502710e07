package pages

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
)

// revokePage asks whether to end what an application has sent a person for.
type revokePage struct {
	*view
	Text, Confirm string
	// Yes is the data-testid of the yes.
	Yes string
}

// showRevoke asks. Where it has ended already there is nothing to ask, and the
// application has what it wanted.
func (s *site) showRevoke(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way) error {
	v, err := s.accounts.Revocation(r.Context(), in, way.request)
	switch {
	case err != nil:
		return answerFault(err, in, way)
	case v.Over():
		callback, err := s.accounts.Revoke(r.Context(), in, way.request)
		if err != nil {
			return answerFault(err, in, way)
		}
		return s.leave(w, r, way.request, callback, outcomeNone)
	}
	t := visitOf(r).texts
	p := &revokePage{Text: t.text("revoke.text", "app", way.app()), Confirm: t.text("revoke.confirm"), Yes: "revoke-confirm"}
	title := t.text("revoke.h1", "app", way.app())
	if v.Account != nil {
		p.Text, p.Confirm, p.Yes = t.text("accounts.disconnect_text"), t.text("accounts.disconnect"), "disconnect-confirm"
		title = t.text("accounts.disconnect_h1", "provider", quote(v.Account.Source.Name))
	}
	p.view = s.newView(r, title)
	p.From = senderOf(way.request)
	p.From.Asks = true
	s.letSignOut(p.view, way)
	allowEndAt(w, way.request)
	return s.render(w, http.StatusOK, "revoke", p)
}

// takeRevoke takes the answer. Anything but a plain yes is a no.
func (s *site) takeRevoke(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way) error {
	if r.PostForm.Get("step") != stepAnswer {
		return faultForm.with(http.StatusBadRequest).because(errors.New("form of a step that a link to revoke has not"))
	}
	switch r.PostForm.Get("answer") {
	case "revoke":
	case "keep":
		return s.stop(w, r, in, way)
	default:
		return faultForm.with(http.StatusBadRequest).because(errors.New("answer is neither yes nor no"))
	}
	t := visitOf(r).texts
	title := t.text("revoke.done", "app", way.app())
	v, err := s.accounts.Revocation(r.Context(), in, way.request)
	if err != nil {
		return answerFault(err, in, way)
	}
	if v.Account != nil {
		title = t.text("accounts.done", "provider", quote(v.Account.Source.Name))
	}
	callback, err := s.accounts.Revoke(r.Context(), in, way.request)
	if err != nil {
		return answerFault(err, in, way)
	}
	return s.leaveSaying(w, r, way.request, callback, &donePage{view: s.newView(r, title), Outcome: outcomeRevoked})
}
