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

// The reasons of outcomes for which nothing was sent. They do not name the provider: a
// delivery shows its name beside the reason.
const (
	notSent            = "not sent: "
	reasonNotListed    = notSent + "the provider is not on MedMij's list any more"
	reasonOtherVersion = notSent + "the service takes FHIR STU3 only"
)

// ownReasons are the errors whose text is a reason.
var ownReasons = []error{errNoLists, errNotListed, errNotWhitelisted}

// Send implements [delivery.Providers] by one request of the Resource interface. The
// token identifies the person; the address and the headers do not.
func (n *Network) Send(ctx context.Context, key delivery.ProviderKey, r delivery.SendRequest) delivery.Outcome {
	ep, err := n.endpointsFor(key)
	switch {
	case err != nil:
		return delivery.Outcome{Kind: delivery.OutcomeNotFiled, Reason: notSentReason(err)}
	case r.Resource.Version != fhir.STU3:
		// All services of delen are STU3. A provider's response to another version would
		// not say what it did.
		return delivery.Outcome{Kind: delivery.OutcomeRefused, Reason: reasonOtherVersion}
	}
	requestID := uuid.NewString()
	request := provider.ResourceRequest{
		BaseURL: ep.resource, Resource: r.Resource, Token: r.Token,
		Header: n.backchannelHeader(r.Correlation, requestID),
	}
	logged := n.chainRequest(ep, request.URL())
	logged.method = http.MethodPost
	n.chainLog.write(ctx, chainEvent{stepSendResource, r.Correlation, requestID}, logged, 0, "", "")
	result := n.backchannel.SendResource(ctx, request)
	n.logResult(ctx, r.Correlation, requestID, result)
	return result.Outcome
}

// notSentReason returns the reason for an error of endpointsFor.
func notSentReason(err error) string {
	for _, known := range ownReasons {
		if errors.Is(err, known) {
			return notSent + known.Error()
		}
	}
	return reasonNotListed
}

// logResult writes the step that follows a resource request. The description of an error
// is Carrel's own: the provider's may contain content of the resource.
func (n *Network) logResult(ctx context.Context, correlation, requestID string, r provider.ResourceResult) {
	event := chainEvent{stepReceiveResource, correlation, requestID}
	switch {
	case r.Status >= 200 && r.Status < 300:
		n.chainLog.write(ctx, event, chainRequest{}, r.Status, "", "")
		return
	case r.Status == http.StatusBadRequest, r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		event.step = stepResourceRequestError
	default:
		event.step = stepResourceError
	}
	code := codeOther
	switch {
	case r.BearerError != "":
		code = r.BearerError
	case r.Timeout, r.Status == http.StatusRequestTimeout, r.Status == http.StatusServiceUnavailable:
		code = codeUnavailable
	}
	n.chainLog.write(ctx, event, chainRequest{}, r.Status, code, r.Reason)
}
