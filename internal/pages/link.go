package pages

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// How a link goes. Its address stays the same; which step is shown follows from how
// far the person is:
//
//	nobody signed in ──> create, or sign in where this browser has been before, or recover
//	someone else's   ──> error page: sign in as another, or go back
//	library is shut  ──> bring it back
//	code not saved   ──> recovery code
//	to be connected  ──> choose a provider, go there, come back; see errand.go
//	otherwise        ──> consent (authorize, user-reauth), or back at once (onboard, reauthorize),
//	                     or what is to end (revoke)
//
// Each step can be left for the application: the link is then answered with no.

// The steps that forms of a link take, besides those of the door.
const (
	stepSaved   = "saved"
	stepReopen  = "reopen"
	stepAnswer  = "answer"
	stepSignOut = "sign-out"
	stepStop    = "stop"
	stepChoose  = "choose"
	stepDepart  = "depart"
)

// openLink finds what a link asks for. A fault of the link, or of what the
// application wrote into its address, is an error page with the way back.
func (s *site) openLink(r *http.Request, kind library.RequestKind) (way, error) {
	query := r.URL.Query()
	if len(query["code"]) != 1 {
		return way{}, faultLinkBad.because(errors.New("link has no code, or several"))
	}
	request, err := s.consents.FindRequest(r.Context(), kind, query.Get("code"))
	var fault *library.RequestError
	switch {
	case errors.Is(err, library.ErrNotFound):
		return way{}, faultLinkBad.because(err)
	case errors.As(err, &fault):
		return way{}, linkFaults[fault.Problem].because(err).of(fault.Request)
	case err != nil:
		return way{}, err
	}
	asked, err := parseLinkQuery(query)
	if err != nil {
		return way{}, faultRequest.because(err).of(request)
	}
	return linkWay(r, request, asked), nil
}

var linkFaults = map[library.RequestProblem]fault{
	library.RequestExpired:     faultLinkExpired,
	library.RequestAnswered:    faultLinkUsed,
	library.RequestClientEnded: faultContractEnded,
}

// showLink shows the step that a link is at.
func (s *site) showLink(kind library.RequestKind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		way, err := s.openLink(r, kind)
		if err != nil {
			return err
		}
		return inLink(s.showStep(w, r, way), way.request)
	}
}

func (s *site) showStep(w http.ResponseWriter, r *http.Request, way way) error {
	if step := r.URL.Query().Get("step"); step == stepTerms || step == stepPrivacy {
		return s.showTerms(w, r, way, step)
	}
	in, err := s.signedIn(r)
	if err != nil {
		return err
	}
	if in == nil {
		return s.showLinkDoor(w, r, way)
	}
	if way.request.IsForAnother(in) {
		return wrongPerson(way.request, in, library.ErrWrongPerson)
	}
	if in.Library.Shut() {
		return s.showShut(w, r, in, way)
	}
	code, pending, err := s.people.PendingCode(r.Context(), in)
	if err != nil {
		return err
	}
	if pending {
		return s.showCode(w, r, in, way, code)
	}
	if way.request.Kind == library.RevokeRequest {
		return s.showRevoke(w, r, in, way)
	}
	errand, connected, err := s.errandOf(r, in, way)
	switch {
	case err != nil:
		return err
	case errand != nil:
		return s.showErrand(w, r, in, way, errand)
	case !asksConsent(way.request):
		return s.connect(w, r, in, way, connected)
	}
	return s.showConsent(w, r, in, way, connected)
}

// asksConsent reports whether a link asks for consent, and not for an account.
func asksConsent(r *library.PendingRequest) bool {
	return r.Kind == library.AuthorizeRequest || r.Kind == library.UserReauthRequest
}

// showLinkDoor shows the way in that a person has chosen, else the likely one.
func (s *site) showLinkDoor(w http.ResponseWriter, r *http.Request, way way) error {
	switch r.URL.Query().Get("step") {
	case stepSignIn:
		return s.showSignIn(w, r, way)
	case stepCreate:
		return s.showCreate(w, r, way)
	case stepRecover:
		return s.showRecover(w, r, way)
	}
	// A link that is for one library leaves nothing to create.
	if visitOf(r).known || way.request.Library != "" {
		return s.showSignIn(w, r, way)
	}
	return s.showCreate(w, r, way)
}

// takeLink takes a form of one of a link's steps.
func (s *site) takeLink(kind library.RequestKind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		way, err := s.openLink(r, kind)
		if err != nil {
			return err
		}
		return inLink(s.takeStep(w, r, way), way.request)
	}
}

func (s *site) takeStep(w http.ResponseWriter, r *http.Request, way way) error {
	step := r.PostForm.Get("step")
	switch step {
	case stepSignIn:
		return s.takeSignIn(w, r, way)
	case stepCreate:
		return s.takeCreate(w, r, way)
	case stepRecover:
		return s.takeRecover(w, r, way)
	}
	in, err := s.signedIn(r)
	if err != nil {
		return err
	}
	switch {
	case step == stepStop:
		return s.stop(w, r, in, way)
	case in == nil:
		return seeOther(w, r, way.next()) // rested: sign in, and back to the same step
	}
	return s.takeInside(w, r, in, way)
}

// takeInside takes the forms that only a person who is signed in is shown.
func (s *site) takeInside(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way) error {
	switch r.PostForm.Get("step") {
	case stepSignOut:
		if err := s.signOut(w, r); err != nil {
			return err
		}
		s.leaveNotice(w, "sign_in.signed_out", "")
		return seeOther(w, r, way.step(stepSignIn))
	case stepSaved:
		if err := s.saveCode(r, in); err != nil {
			return err
		}
	case stepReopen:
		if err := s.people.Reopen(r.Context(), in); err != nil {
			return fmt.Errorf("reopen library: %w", err)
		}
	case stepChoose, stepDepart, stepAnswer:
		return s.takeSettled(w, r, in, way)
	default:
		return faultForm.with(http.StatusBadRequest).because(errors.New("form of no step"))
	}
	return seeOther(w, r, way.next())
}

// takeSettled takes the forms that come after the door.
func (s *site) takeSettled(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way) error {
	_, pending, err := s.people.PendingCode(r.Context(), in)
	if err != nil {
		return err
	}
	if pending || in.Library.Shut() {
		return seeOther(w, r, way.next()) // one thing after the other
	}
	step := r.PostForm.Get("step")
	switch {
	case way.request.Kind == library.RevokeRequest:
		return s.takeRevoke(w, r, in, way)
	case step == stepChoose:
		return s.takeChoice(w, r, way)
	case step == stepDepart:
		return s.depart(w, r, in, way)
	}
	return s.takeAnswer(w, r, in, way)
}

// connect ends the links that ask no consent: whatever could be connected has been.
func (s *site) connect(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way, connected *delivery.Connection) error {
	callback, err := s.accounts.Complete(r.Context(), in, way.request, way.connectionQuery())
	if err != nil {
		return answerFault(err, in, way)
	}
	if connected != nil && fromElsewhere(r) {
		return s.leaveAnew(w, r, way.request, connected, callback)
	}
	return s.leave(w, r, way.request, callback, outcomeNone)
}

// stop goes back to the application without an answer, which for it is a no: the
// person's own, or the provider's.
func (s *site) stop(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way) error {
	code := library.CallbackUserCancel
	if r.PostForm.Get("ended") != "" {
		code = library.CallbackOnboardError
	}
	callback, err := s.consents.Deny(r.Context(), way.request, in, code)
	if err != nil {
		return answerFault(err, in, way)
	}
	return s.leave(w, r, way.request, callback, outcomeDenied)
}

// answerFault is the page for an answer that did not count.
func answerFault(err error, in *library.SignedIn, way way) error {
	switch {
	case errors.Is(err, library.ErrUsed):
		return faultLinkUsed.because(err).of(way.request)
	case errors.Is(err, library.ErrWrongPerson):
		return wrongPerson(way.request, in, err)
	}
	return faultServer.because(err).of(way.request)
}

func wrongPerson(request *library.PendingRequest, in *library.SignedIn, cause error) error {
	e := faultWrongPerson.because(cause).of(request)
	e.person = in
	return e
}
