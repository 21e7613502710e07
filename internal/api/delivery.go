package api

import (
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// deliveries lists the contract's deliveries to the person's providers.
func (a *api) deliveries(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	list, err := a.Deliveries.List(r.Context(), b)
	if err != nil {
		return err
	}
	answer := wire.DeliveryList{Data: make([]wire.Delivery, 0, len(list))}
	for _, v := range list {
		answer.Data = append(answer.Data, *wireDelivery(v))
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// delivery answers with a delivery and the provider's answer.
func (a *api) delivery(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	p, err := a.Deliveries.Get(r.Context(), b, library.DeliveryID(r.PathValue("delivery")))
	if err != nil {
		return err
	}
	answer := wireDelivery(p.Delivery)
	answer.Answer = p.Answer
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// wireDelivery returns a delivery as the wire has it.
func wireDelivery(v delivery.Delivery) *wire.Delivery {
	d := &wire.Delivery{ID: string(v.ID), Account: v.Account, Provider: v.ProviderName, State: string(v.State),
		Reason:         v.Reason,
		ProviderStatus: v.Status, Types: v.Types, Attempts: v.Attempts, Created: wire.MillisOf(v.CreatedAt),
		Updated: wire.MillisOf(v.UpdatedAt),
		Expires: wire.MillisOf(v.ExpiresAt)}
	if v.State == delivery.Waiting {
		d.NextAttempt = wire.MillisOf(v.NextAt)
	}
	return d
}
