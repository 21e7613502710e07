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
	notSent            = "not sent: "
	reasonNotListed    = notSent + "the provider is not on MedMij's list any more"
	reasonOtherVersion = notSent + "the service takes FHIR STU3 only"
)

// ownReasons are the reasons that say nothing of a provider.
var ownReasons = []error{errNoLists, errNotListed, errNotWhitelisted}

// Send implements [delivery.Providers]: one request of the Resource interface. The
// token says whose record it is, so nothing else in address and headers does.
func (n *Network) Send(ctx context.Context, key delivery.ProviderKey, s delivery.SendRequest) delivery.Outcome {
	o, err := n.endpointsFor(key)
	switch {
	case err != nil:
		return delivery.Outcome{Kind: delivery.OutcomeNotFiled, Reason: notSentReason(err)}
	case s.Resource.Version != fhir.STU3:
		// All services of delen are STU3; what the provider would make of anything else
		// nobody can say.
		return delivery.Outcome{Kind: delivery.OutcomeRefused, Reason: reasonOtherVersion}
	}
	trace := uuid.NewString()
	p := provider.ResourceRequest{BaseURL: o.resource, Resource: s.Resource, Token: s.Token, Header: n.backchannelHeader(s.Correlation, trace)}
	r := n.chainRequest(o, p.URL())
	r.method = http.MethodPost
	n.chainLog.write(ctx, chainEvent{stepSendResource, s.Correlation, trace}, r, 0, "", "")
	a := n.backchannel.SendResource(ctx, p)
	n.logResult(ctx, s.Correlation, trace, a)
	return a.Outcome
}

// whyNot says why a provider may not be called.
func notSentReason(err error) string {
	for _, known := range ownReasons {
		if errors.Is(err, known) {
			return notSent + known.Error()
		}
	}
	return reasonNotListed
}

// logAttempt writes the step that answers a resource request. The description of an
// error is our own: the provider's may hold content.
func (n *Network) logResult(ctx context.Context, session, trace string, a provider.ResourceResult) {
	e := chainEvent{stepReceiveResource, session, trace}
	switch {
	case a.Status >= 200 && a.Status < 300:
		n.chainLog.write(ctx, e, chainRequest{}, a.Status, "", "")
		return
	case a.Status == http.StatusBadRequest, a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		e.step = stepResourceRequestError
	default:
		e.step = stepResourceError
	}
	code := codeOther
	switch {
	case a.BearerError != "":
		code = a.BearerError
	case a.Timeout, a.Status == http.StatusRequestTimeout, a.Status == http.StatusServiceUnavailable:
		code = codeUnavailable
	}
	n.chainLog.write(ctx, e, chainRequest{}, a.Status, code, a.Reason)
}
