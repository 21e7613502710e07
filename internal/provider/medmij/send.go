package medmij

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/provider"
)

// Send implements [library.Providers]: one request of the Resource interface. The
// token says whose record it is, so nothing else in address and headers does.
func (n *Network) Send(ctx context.Context, key library.ProviderKey, s library.Sending) library.Outcome {
	o, err := n.offerFor(key)
	switch {
	case errors.Is(err, errNoLists), errors.Is(err, errNotListed), errors.Is(err, library.ErrProviderGone):
		return library.Outcome{Kind: library.OutcomeNotFiled, Reason: "not sent: " + whyNot(err)}
	case err != nil:
		return library.Outcome{Kind: library.OutcomeNotFiled, Reason: "not sent: the provider cannot be found"}
	case s.Resource.Version != library.STU3:
		// All services of delen are STU3; what the provider would make of anything else
		// nobody can say.
		return library.Outcome{Kind: library.OutcomeRefused, Reason: "not sent: the service takes FHIR STU3 only"}
	}
	trace := uuid.NewString()
	p := provider.Parcel{Base: o.resource, Resource: s.Resource, Token: s.Token, Header: n.headers(s.Correlation, trace)}
	r := n.request(o, p.Address())
	r.method = http.MethodPost
	n.chain.write(ctx, event{stepSendResource, s.Correlation, trace}, r, 0, "", "")
	a := n.back.Post(ctx, p)
	n.logAttempt(ctx, s.Correlation, trace, a)
	return a.Outcome
}

// whyNot says why a provider may not be called, without its name: the delivery has it.
func whyNot(err error) string {
	for _, known := range []error{errNoLists, errNotListed, errNotWhite} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "the provider is not on MedMij's list any more"
}

// logAttempt writes the step that answers a resource request. The description of an
// error is our own: the provider's may hold content.
func (n *Network) logAttempt(ctx context.Context, session, trace string, a provider.Attempt) {
	e := event{stepReceiveResource, session, trace}
	switch {
	case a.Status >= 200 && a.Status < 300:
		n.chain.write(ctx, e, request{}, a.Status, "", "")
		return
	case a.Status == http.StatusBadRequest, a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		e.kind = stepResourceRequestError
	default:
		e.kind = stepResourceError
	}
	code := codeOther
	switch {
	case a.BearerError != "":
		code = a.BearerError
	case a.Timeout, a.Status == http.StatusRequestTimeout, a.Status == http.StatusServiceUnavailable:
		code = codeUnavailable
	}
	n.chain.write(ctx, e, request{}, a.Status, code, a.Reason)
}
