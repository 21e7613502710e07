package onboarding

import (
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/signin"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// A person may press a button twice, load a page again, or go back to it. The browser that has answered a request and
// repeats the answer goes where the first answer led. For anything else it is told what was answered.

// answered shows pages for requests that have been answered.
type answered struct {
	consents *library.Consents
	logins   *signin.Logins
	app      *appReturn
}

// answeredRequest returns the request of an error that says that it was answered before; nil for any other error.
func answeredRequest(err error) *library.PendingRequest {
	var ended *library.RequestError
	if errors.As(err, &ended) && ended.Problem == library.RequestAnswered {
		return ended.Request
	}
	return nil
}

// handle answers a browser that comes to a request which was answered before.
func (h *answered) handle(w http.ResponseWriter, r *http.Request, request *library.PendingRequest) error {
	in, err := h.logins.Get(r)
	if err != nil {
		return err
	}
	before, err := h.consents.Answered(r.Context(), in, request)
	if err != nil {
		return err
	}
	refusal := before.Outcome.Refusal()
	switch {
	case before.Own && before.Works && before.Callback != "" && repeats(r, before.Outcome):
		return h.app.redirect(w, r, request, before.Callback, outcomeOf(r, request, before.Outcome))
	case before.Own && before.Outcome != "":
		return h.app.showAnswered(w, r, request, before)
	case refusal != "":
		return ui.PageLinkUsed.WithCode(refusal).Wrap(library.ErrUsed).For(request)
	}
	// The application has got an answer, which this browser cannot repeat: no link may tell it another.
	if request.Client.Contract.Sandbox && r.URL.Query().Get("sampleDataAutoOnboard") == "true" {
		return ui.PageSandboxUsed.Wrap(library.ErrUsed) // perhaps nobody has answered
	}
	return ui.PageLinkUsed.Wrap(library.ErrUsed)
}

// repeats reports whether a browser does the same as led to the outcome.
func repeats(r *http.Request, outcome library.Outcome) bool {
	if ui.IsSafeMethod(r) {
		// A request that asks for no consent is answered when its page is opened.
		return outcome == library.Completed
	}
	switch r.PostForm.Get("step") {
	case formAnswer:
		switch r.PostForm.Get("answer") {
		case "allow":
			return outcome == library.Allowed
		case "revoke":
			return outcome == library.Revoked
		case "deny", "keep":
			return outcome.Refusal() == library.CallbackUserCancel
		}
	case formCancel:
		return outcome.Refusal() == cancelCode(r)
	}
	return false
}

// outcomeOf is the outcome that a page shows after the same answer.
func outcomeOf(r *http.Request, request *library.PendingRequest, o library.Outcome) outcome {
	switch {
	case o == library.Allowed:
		return outcomeAllowed
	case o == library.Revoked:
		return outcomeRevoked
	case o == library.Completed, isCanceledRenewal(r, request):
		return outcomeNone
	}
	return outcomeDenied
}

// isCanceledRenewal reports whether a person has left the question of whether a consent goes on, without an answer.
func isCanceledRenewal(r *http.Request, request *library.PendingRequest) bool {
	return request.Kind == library.UserReauthRequest && r.PostForm.Get("step") == formCancel
}
