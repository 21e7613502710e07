package medmij

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider"
)

// Why nothing is sent, to those that see the delivery: without the provider's name, which
// it has.
const (
	notSent      = "not sent: "
	notListed    = notSent + "the provider is not on MedMij's list any more"
	otherVersion = notSent + "the service takes FHIR STU3 only"
)

// ours are the reasons that say nothing of a provider.
var ours = []error{errNoLists, errNotListed, errNotWhite}

// Send implements [delivery.Providers]: one request of the Resource interface. The
// token says whose record it is, so nothing else in address and headers does.
func (n *Network) Send(ctx context.Context, key delivery.ProviderKey, s delivery.SendRequest) delivery.Outcome {
	o, err := n.offerFor(key)
	switch {
	case err != nil:
		return delivery.Outcome{Kind: delivery.OutcomeNotFiled, Reason: whyNot(err)}
	case s.Resource.Version != fhir.STU3:
		// All services of delen are STU3; what the provider would make of anything else
		// nobody can say.
		return delivery.Outcome{Kind: delivery.OutcomeRefused, Reason: otherVersion}
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

// whyNot says why a provider may not be called.
func whyNot(err error) string {
	for _, known := range ours {
		if errors.Is(err, known) {
			return notSent + known.Error()
		}
	}
	return notListed
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
