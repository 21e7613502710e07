package api

import (
	"errors"
	"io"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
)

const (
	// largeResource is from what size on a resource needs one of a few places, so that
	// many at once do not fill the memory.
	largeResource = 256 << 10
	largeAtOnce   = 8
)

// pushToProvider checks a FHIR resource or Bundle and sends it on to the provider that
// the account in the header connects.
func (a *api) pushToProvider(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	account, err := accountOf(r)
	if err != nil {
		return err
	}
	to, err := a.Deliveries.FindDestination(r.Context(), b, account)
	if err != nil {
		return err
	}
	version, ok := fhir.ParseVersion(r.PathValue("version"))
	if !ok {
		return wire.Validation("FHIR version")
	}
	kept, err := a.keep(r, to, version)
	if err != nil {
		return err
	}
	return answerPush(w, kept.Wait(r.Context()))
}

// keep reads, checks and keeps a resource. Nothing of it is held any longer then, while
// the provider takes its time.
func (a *api) keep(r *http.Request, to *delivery.Destination, version fhir.Version) (*delivery.Queued, error) {
	body, done, err := a.readResource(r)
	if err != nil {
		return nil, err
	}
	defer done()
	out, err := fhir.Prepare(version, body)
	if err != nil {
		return nil, faultsOf(err)
	}
	return a.Deliveries.Enqueue(r.Context(), to, delivery.Resource{
		Version: version, Path: out.Path, Types: out.Types, Body: out.Body})
}

// readResource reads the body. Done gives back what it holds.
func (a *api) readResource(r *http.Request) (body []byte, done func(), err error) {
	body, err = io.ReadAll(io.LimitReader(r.Body, largeResource))
	done = func() {}
	if err == nil && len(body) == largeResource {
		select {
		case a.large <- struct{}{}:
			done = func() { <-a.large }
		default:
			return nil, nil, wire.Busy()
		}
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(r.Body, fhir.MaxBody-largeResource+1))
		body = append(body, rest...)
	}
	switch {
	case err != nil:
		done()
		return nil, nil, &library.BodyError{Err: err}
	case len(body) > fhir.MaxBody:
		done()
		return nil, nil, tooLarge("resource", fhir.MaxBody)
	}
	return body, done, nil
}

// faultsOf is what the check found, as the wire's error: the first fault in the
// message, all of them in the outcome.
func faultsOf(err error) error {
	var faults *fhir.ValidationError
	if !errors.As(err, &faults) {
		return err
	}
	e := wire.Validation(faults.Error())
	e.Outcome = faults.Outcome()
	return e
}

// answerPush tells what came of a push so far. The provider's own words are handed on.
func answerPush(w http.ResponseWriter, p *delivery.Result) error {
	v := p.Delivery
	w.Header().Set(wire.HeaderDelivery, string(v.ID))
	switch v.State {
	case delivery.Delivered:
		status := v.Status
		if status/100 != 2 || status == http.StatusAccepted || status == http.StatusNoContent {
			status = http.StatusCreated
		}
		if p.Answer != nil {
			writeRaw(w, status, p.Answer)
		} else {
			writeJSON(w, status, wire.PushAnswer{Status: wire.PushDelivered, Delivery: deliveryOf(v)})
		}
		return nil
	case delivery.Refused:
		return wire.ProviderRefused(v.Status, v.Reason, p.Answer)
	case delivery.Unknown:
		return wire.DeliveryUnknown(v.Reason)
	case delivery.Expired:
		return wire.DeliveryExpired(v.Reason)
	case delivery.Reconnect:
		return wire.ServiceAuthorization()
	}
	writeJSON(w, http.StatusAccepted, wire.PushAnswer{Status: wire.PushAccepted, Delivery: deliveryOf(v)})
	return nil
}

// deliveries lists what the application has pushed to the person's providers.
func (a *api) deliveries(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	list, err := a.Deliveries.List(r.Context(), b)
	if err != nil {
		return err
	}
	answer := wire.DeliveryList{Data: make([]wire.Delivery, 0, len(list))}
	for _, v := range list {
		answer.Data = append(answer.Data, *deliveryOf(v))
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// delivery tells how far a delivery is, and what the provider said.
func (a *api) delivery(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	p, err := a.Deliveries.Get(r.Context(), b, library.DeliveryID(r.PathValue("delivery")))
	if err != nil {
		return err
	}
	answer := deliveryOf(p.Delivery)
	answer.Answer = p.Answer
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func deliveryOf(v delivery.Delivery) *wire.Delivery {
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
