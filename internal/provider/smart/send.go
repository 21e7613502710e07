package smart

import (
	"context"
	"net/http"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider"
)

// Why nothing is sent.
const (
	notConfigured = "not sent: this FHIR server is not configured any more"
	otherVersion  = "not sent: this FHIR server takes another version of FHIR"
)

// Send implements [delivery.Providers].
func (n *Network) Send(ctx context.Context, key delivery.ProviderKey, s delivery.SendRequest) delivery.Outcome {
	p, err := n.find(key)
	switch {
	case err != nil:
		// It may be configured again before the delivery's time is up.
		return delivery.Outcome{Kind: delivery.OutcomeNotFiled, Reason: notConfigured}
	case s.Resource.Version != p.Version:
		return delivery.Outcome{Kind: delivery.OutcomeRefused, Reason: otherVersion}
	}
	a := p.way.Post(ctx, provider.Parcel{
		Base: p.Base, Resource: s.Resource, Token: s.Token,
		Header: http.Header{"X-Correlation-ID": {s.Correlation}},
	})
	if a.Kind != delivery.OutcomeDelivered {
		n.log.InfoContext(ctx, "a FHIR server did not take what was sent",
			"server", p.ID, "correlation", s.Correlation, "status", a.Status, "reason", a.Reason)
	}
	return a.Outcome
}
