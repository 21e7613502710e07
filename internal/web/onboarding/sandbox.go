package onboarding

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// An application that is being developed can have its request answered without any page, if the operator has registered
// its contract as a sandbox and nobody is signed in with the browser. The request is then answered in the name of a new
// library, with sample data in it or empty, which nobody but the application can open. A person is never answered for:
// a browser that is signed in shows the pages.
//
// A link that only has to be opened may be opened by programs, too, and by other sites. It works once, and makes
// nothing but a library without any person's data; [library.People.UseSandbox] says how many a network address gets.

// sandboxAnswer is what to answer a request with that skips the pages.
type sandboxAnswer struct {
	// source is connected with sample data; nil for none.
	source *delivery.Source
}

// defaultSample is the set of sample data of an address that names none.
const defaultSample = "default"

// skipsPages returns the answer to a request that skips the pages; nil if the pages ask.
func (p *Pages) skipsPages(r *http.Request, flow *requestFlow) (*sandboxAnswer, error) {
	request, query := flow.request, flow.query
	contract := request.Client.Contract
	if !query.skipsPages || !contract.Sandbox || query.push || request.Kind != library.AuthorizeRequest ||
		request.Library != "" || r.URL.Query().Get("step") != "" || !isNavigation(r) {
		return nil, nil
	}
	if isPrefetch(r) { // a failure is not kept for the person who may follow
		cause := errors.New("a browser may not open this before the person does")
		return nil, ui.PageUnavailable.Wrap(cause).Expected()
	}
	if contract.Access != library.Read || !contract.Scope.Mapped {
		return &sandboxAnswer{}, nil
	}
	named := query.connectionQuery()
	if named.Sample == "" {
		named.Sample = defaultSample
	}
	source, err := p.connections.FindSample(request, named)
	if errors.Is(err, library.ErrNotFound) || errors.Is(err, delivery.ErrListUnavailable) {
		return nil, nil // the person chooses, or is told
	}
	return &sandboxAnswer{source: &source}, err
}

// answerInSandbox answers a request with yes in the name of a new library, and sends the browser back.
func (p *Pages) answerInSandbox(
	w http.ResponseWriter, r *http.Request, flow *requestFlow, answer *sandboxAnswer,
) error {
	var callback string
	err := p.people.UseSandbox(r.Context(), ui.DeviceOf(r), func(in *library.SignedIn) (err error) {
		shown := flow.request.Shown("")
		if shown.Storage, err = p.consent.storage(r, in, flow); err != nil {
			return err
		}
		if answer.source != nil {
			connected, err := p.connections.ConnectSample(r.Context(), in, flow.request, *answer.source)
			if err != nil {
				return answeredMeanwhile(err)
			}
			shown.Connection = connected.ID
		}
		if callback, err = p.consents.Allow(r.Context(), in, flow.request, shown); err != nil {
			return answeredMeanwhile(err)
		}
		if answer.source != nil {
			p.fetches.start(r, in, flow, answer.source.ID)
		}
		return nil
	})
	wait := ui.WaitErrorOf(err)
	switch {
	case errors.Is(err, library.ErrNoNewLibraries):
		return p.showSignedOut(w, r, flow)
	case wait != nil:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.After.Seconds()))))
		return ui.PageSandboxLimit.Wrap(err).For(flow.request)
	case errors.Is(err, library.ErrUsed):
		return ui.PageSandboxUsed.Wrap(err)
	case err != nil:
		return answerError(err, nil, flow)
	}
	return p.app.redirect(w, r, flow.request, callback, outcomeNone)
}

// answeredMeanwhile is the error of an answer in the name of a new library: if that is not found, or another account is
// connected, the same link was opened a second time at the same moment.
func answeredMeanwhile(err error) error {
	if errors.Is(err, library.ErrNotFound) || errors.Is(err, library.ErrConnectionChanged) {
		return fmt.Errorf("%w: %w", library.ErrUsed, err)
	}
	return err
}

// isNavigation reports whether a browser opens an address as a page, and not as a part of another one. A client that
// does not say so is taken at its word.
func isNavigation(r *http.Request) bool {
	destination := r.Header.Get("Sec-Fetch-Dest")
	return r.Method == http.MethodGet && (destination == "" || destination == "document")
}

// isPrefetch reports whether a browser opens an address before a person does.
func isPrefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		purpose := strings.ToLower(r.Header.Get(name))
		if strings.Contains(purpose, "prefetch") || strings.Contains(purpose, "preview") ||
			strings.Contains(purpose, "prerender") {
			return true
		}
	}
	return false
}
