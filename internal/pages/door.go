package pages

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// atDoor wraps a page at the door for who comes by themselves. Who is inside
// already goes on.
func (s *site) atDoor(h func(http.ResponseWriter, *http.Request, way) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		way := ownWay(r)
		if isRead(r) {
			in, err := s.signedIn(r)
			if err != nil {
				return err
			}
			if in != nil {
				return seeOther(w, r, way.next())
			}
		}
		return h(w, r, way)
	}
}

// showStart leads to where a person left off.
func (s *site) showStart(w http.ResponseWriter, r *http.Request) error {
	in, err := s.signedIn(r)
	switch {
	case err != nil:
		return err
	case in != nil:
		return seeOther(w, r, "/files")
	case visitOf(r).known:
		return seeOther(w, r, "/sign-in")
	}
	return seeOther(w, r, "/create")
}

// doorPage is one of the three ways in.
type doorPage struct {
	*view
	way way
}

// SignIn, Create and Recover are the links from one way in to the others.
func (p *doorPage) SignIn() string  { return p.way.step(stepSignIn) }
func (p *doorPage) Create() string  { return p.way.step(stepCreate) }
func (p *doorPage) Recover() string { return p.way.step(stepRecover) }

// App is the name of who sent the person.
func (p *doorPage) App() string { return p.way.app() }

// Bound says that only one library can answer, so that a new one is no use.
func (p *doorPage) Bound() bool {
	return p.way.request != nil && p.way.request.Library != ""
}

func (s *site) newDoor(w http.ResponseWriter, r *http.Request, way way, title, step string, f *form) *doorPage {
	p := &doorPage{view: s.newView(r, visitOf(r).texts.text(title)), way: way}
	p.Here, p.Form = way.step(step), f
	s.forLink(w, p.view, way.request)
	return p
}

// forLink says on a page who sent the person, and lets its forms end there.
func (s *site) forLink(w http.ResponseWriter, v *view, request *library.PendingRequest) {
	if request == nil {
		return
	}
	v.From, v.Stop = senderOf(request), true
	allowEndAt(w, request)
}

// linkSteps are the pages of a link for who creates a library: create, recovery code,
// consent; choosing a provider comes before the last.
const linkSteps = 3

// countSteps says how far along a link's pages this one is.
func (s *site) countSteps(v *view, way way, step int) {
	if way.request == nil || way.request.Kind == library.RevokeRequest {
		return
	}
	v.Step, v.Steps = step, linkSteps
	if asks, err := s.accounts.AsksForProvider(way.request, way.connectionQuery()); asks || err != nil {
		v.Steps++
	}
}

// showFaults shows a form again with what is wrong in it.
func (s *site) showFaults(w http.ResponseWriter, name string, p page) error {
	return s.render(w, http.StatusUnprocessableEntity, name, p)
}

// showWait shows a form again to who has tried too often.
func (s *site) showWait(w http.ResponseWriter, name string, p page, wait *library.WaitError) error {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.After.Seconds()))))
	return s.render(w, http.StatusTooManyRequests, name, p)
}

// waitText says how long to wait, in whole minutes.
func (t *texts) waitText(wait *library.WaitError) []piece {
	minutes := int(math.Ceil(wait.After.Minutes()))
	return t.say(plural("sign_in.error.wait", minutes), "minutes", minutes)
}

// emailFault is what is plainly wrong with an address; nil if nothing is.
func (t *texts) emailFault(email string) []piece {
	if email == "" {
		return t.say("sign_in.error.email_missing")
	}
	if _, err := library.NormalizeEmail(email); err != nil {
		return t.say("sign_in.error.email_shape")
	}
	return nil
}

// seeOther answers with a redirect. The target is our own, or one that the library
// made.
func seeOther(w http.ResponseWriter, r *http.Request, target string) error {
	http.Redirect(w, r, target, http.StatusSeeOther)
	return nil
}

// asWait finds out whether somebody has to wait.
func asWait(err error) *library.WaitError {
	var wait *library.WaitError
	if errors.As(err, &wait) && wait.After > 0 {
		return wait
	}
	if wait != nil {
		return &library.WaitError{After: time.Second}
	}
	return nil
}
