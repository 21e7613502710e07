package smart

import (
	"context"
	"net/http"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider"
)

// The reasons of outcomes for which nothing was sent.
const (
	reasonNotConfigured = "not sent: this FHIR server is not configured any more"
	reasonOtherVersion  = "not sent: this FHIR server takes another version of FHIR"
)

// Send implements [delivery.Providers].
func (n *Network) Send(ctx context.Context, key delivery.ProviderKey, r delivery.SendRequest) delivery.Outcome {
	server, err := n.find(key)
	switch {
	case err != nil:
		// It may be configured again before the delivery expires.
		return delivery.Outcome{Kind: delivery.OutcomeNotFiled, Reason: reasonNotConfigured}
	case r.Resource.Version != server.Version:
		return delivery.Outcome{Kind: delivery.OutcomeRefused, Reason: reasonOtherVersion}
	}
	result := server.client.SendResource(ctx, provider.ResourceRequest{
		BaseURL: server.BaseURL, Resource: r.Resource, Token: r.Token,
		Header: http.Header{"X-Correlation-ID": {r.Correlation}},
	})
	if result.Kind != delivery.OutcomeDelivered {
		text := "a FHIR server did not file a resource"
		if result.Kind == delivery.OutcomeUnknown {
			text = "a FHIR server may have filed a resource: the outcome is unknown"
		}
		n.log.InfoContext(ctx, text,
			"server", server.ID, "correlation", r.Correlation, "status", result.Status, "reason", result.Reason)
	}
	return result.Outcome
}
