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
	// largeResource is the size from which a resource needs one of a few places, so that many at
	// once do not fill the memory.
	largeResource     = 256 << 10
	maxLargeResources = 8
)

// pushVersions are the versions of FHIR as the path of a push spells them, byte by byte. The protocol has STU3; R4 is
// an extension.
var pushVersions = map[string]fhir.Version{
	"stu3": fhir.STU3, "3.0.2": fhir.STU3,
	"r4": fhir.R4, "4.0.1": fhir.R4,
}

// pushToProvider checks a FHIR resource or Bundle and sends it to the provider of the account in
// the header.
func (a *api) pushToProvider(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	version, ok := pushVersions[r.PathValue("version")]
	if !ok {
		return wire.Validation("FHIR version: want stu3, 3.0.2, r4 or 4.0.1")
	}
	account, err := accountID(r)
	if err != nil {
		return err
	}
	to, err := a.Deliveries.FindDestination(r.Context(), b, account)
	if err != nil {
		return err
	}
	kept, err := a.enqueue(r, b, to, version)
	if err != nil {
		return err
	}
	return respondToPush(w, kept.Wait(r.Context()))
}

// enqueue reads, checks and stores a resource. When it returns, nothing of the resource is in
// memory any more while the provider is waited for.
func (a *api) enqueue(
	r *http.Request, b *library.Bearer, to *delivery.Destination, version fhir.Version,
) (*delivery.Queued, error) {
	body, done, err := a.readResource(r, b.Request())
	if err != nil {
		return nil, err
	}
	defer done()
	out, err := fhir.Prepare(version, body)
	if err != nil {
		return nil, fhirError(err)
	}
	return a.Deliveries.Enqueue(r.Context(), to, delivery.Resource{
		Version: version, Path: out.Path, Types: out.Types, Body: out.Body})
}

// readResource reads the body. The caller must call done, which releases a place.
func (a *api) readResource(r *http.Request, signed *library.SignedRequest) (body []byte, done func(), err error) {
	body, err = io.ReadAll(io.LimitReader(r.Body, largeResource))
	done = func() {}
	if err == nil && len(body) == largeResource {
		if done, err = a.large.takeFor(signed.Client.ID()); err != nil {
			return nil, nil, err
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
		return nil, nil, largerThan("resource", fhir.MaxBody)
	}
	return body, done, nil
}

// fhirError returns the protocol's error for what the check found: the first fault in the message,
// all of them in the outcome.
func fhirError(err error) error {
	var faults *fhir.ValidationError
	if !errors.As(err, &faults) {
		return err
	}
	e := wire.Validation(faults.Error())
	e.Outcome = faults.OperationOutcome()
	return e
}

// respondToPush answers with the state of a delivery, or with the provider's answer.
func respondToPush(w http.ResponseWriter, result *delivery.Result) error {
	d := result.Delivery
	w.Header().Set(wire.HeaderDelivery, string(d.ID))
	switch d.State {
	case delivery.Delivered:
		status := d.Status
		if status/100 != 2 || status == http.StatusAccepted || status == http.StatusNoContent {
			status = http.StatusCreated
		}
		if result.Answer != nil {
			writeRaw(w, status, result.Answer)
		} else {
			writeJSON(w, status, wire.PushAnswer{Status: wire.PushDelivered, Delivery: wireDelivery(d)})
		}
		return nil
	case delivery.Refused:
		return providerRefused(d.Status, d.Reason, result.Answer)
	case delivery.Unknown:
		return deliveryUnknown(d.Reason)
	case delivery.Expired:
		return deliveryExpired(d.Reason)
	case delivery.Reconnect:
		return serviceAuthorization()
	}
	writeJSON(w, http.StatusAccepted, wire.PushAnswer{Status: wire.PushAccepted, Delivery: wireDelivery(d)})
	return nil
}
