package digime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
)

// FHIRVersion is a version of FHIR, as the protocol spells it. "3.0.2" and "4.0.1" are
// other spellings of [STU3] and [R4].
type FHIRVersion string

// The versions of FHIR.
const (
	// STU3 is FHIR 3.0, the version that Dutch providers take.
	STU3 FHIRVersion = "stu3"
	// R4 is FHIR 4.0. Carrel takes it for the providers that do; digi.me itself does
	// not.
	R4 FHIRVersion = "r4"
)

func (v FHIRVersion) known() bool {
	switch v {
	case STU3, R4, "3.0.2", "4.0.1":
		return true
	}
	return false
}

// maxResource is how large a resource may be, as JSON.
const maxResource = 10 << 20

// providerAnswer bounds a provider's answer to a resource of so many bytes, as Carrel does,
// which asks it to give back what it has filed, and 1 MiB for what travels around it.
func providerAnswer(sent int) int64 { return 3<<20 + 2*int64(sent) }

// ProviderAnswer is what came of a push to a provider.
type ProviderAnswer struct {
	// Status is the HTTP status.
	Status int
	// Body is the provider's own answer, as JSON; empty when it gave none, or none yet.
	Body json.RawMessage
	// DeliveryID is what [User.Delivery] and [User.WaitForDelivery] take; digi.me
	// itself gives none.
	DeliveryID DeliveryID
}

// Delivered reports whether the provider has taken the resource, and said so. If not, the
// server has accepted it and goes on delivering it: see [User.WaitForDelivery].
func (a ProviderAnswer) Delivered() bool { return a.Status/100 == 2 && a.Status != http.StatusAccepted }

// PushToProvider sends a FHIR resource or Bundle to the provider that the account
// connects: one of [User.ReadAccounts] whose Type is [AccountPush]. It needs a write
// contract that was authorised with [SourcePush]. What was pushed so cannot be read back.
//
// The resource is its JSON, as a []byte, a [json.RawMessage] or an [io.Reader], or
// any other value that [json.Marshal] makes a JSON object of. A missing account, an
// unknown version, and what is no JSON object with a resourceType, or larger than 10 MiB, are
// refused before anything is sent.
//
// Without an error the provider has it, or the server keeps it and goes on:
// [ProviderAnswer.Delivered] says which. The errors to tell apart:
//
//   - [ErrValidation]: it is not well formed. Outcome in the [*Error] says where.
//   - [ErrServiceAuthorization]: the provider does not let the server in any longer.
//     Send the person to [User.ReauthorizeAccount], then push again.
//   - [ErrProviderRefused]: the provider does not take it, or a part of a Bundle.
//     Outcome is what it said.
//   - [ErrDeliveryUnknown]: it may or may not have arrived.
//   - [ErrDeliveryExpired]: it did not arrive.
//
// A provider must not get a resource twice, so the call is never made again by itself, other
// than after refreshing an access token that was refused before anything was kept. When
// the connection breaks, nobody knows how far it came: [User.Deliveries] does.
func (u *User) PushToProvider(ctx context.Context, account AccountID, version FHIRVersion, resource any) (ProviderAnswer, error) {
	answer, err := u.pushToProvider(ctx, account, version, resource)
	if err != nil {
		return answer, fmt.Errorf("push to provider: %w", err)
	}
	return answer, nil
}

func (u *User) pushToProvider(ctx context.Context, account AccountID, version FHIRVersion, resource any) (ProviderAnswer, error) {
	if account == "" {
		return ProviderAnswer{}, errors.New("no account")
	}
	if !version.known() {
		return ProviderAnswer{}, fmt.Errorf("FHIR version %q is neither %q nor %q", version, STU3, R4)
	}
	body, err := resourceBody(resource)
	if err != nil {
		return ProviderAnswer{}, err
	}
	limit := providerAnswer(len(body))
	var answer ProviderAnswer
	err = u.do(ctx, call{
		method: http.MethodPost,
		path:   routeOf("permission-access/import/h:accountId/fhir/{version}", string(version)),
		header: map[string]string{"accountId": string(account)},
		body:   body,
		// The provider's answer is in an error too.
		errorLimit: limit,
	}, func(resp *http.Response) error {
		answer.Status, answer.DeliveryID = resp.StatusCode, DeliveryID(resp.Header.Get(wire.HeaderDelivery))
		var body json.RawMessage
		if err := (jsonAnswer{&body, limit}).read(resp); err != nil {
			return delivering(answer.DeliveryID, fmt.Errorf("it has been taken, but its answer is lost: %w", err))
		}
		if !ofTheServer(body, answer.DeliveryID) {
			answer.Body = body
		}
		return nil
	})
	return answer, err
}

// ofTheServer says whether the body is the server's own, which it answers where the
// provider has said nothing.
func ofTheServer(body []byte, id DeliveryID) bool {
	var own wire.PushAnswer
	return id != "" && json.Unmarshal(body, &own) == nil && own.Delivery != nil && DeliveryID(own.Delivery.ID) == id
}

// resourceBody is a resource as it travels.
func resourceBody(resource any) (body []byte, err error) {
	switch r := resource.(type) {
	case nil:
		return nil, errors.New("no resource")
	case []byte:
		body = r
	case json.RawMessage:
		body = r
	case json.Marshaler:
		body, err = json.Marshal(r)
	case io.Reader:
		body, err = io.ReadAll(io.LimitReader(r, maxResource+1))
	default:
		body, err = json.Marshal(r)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the resource: %w", err)
	case len(body) > maxResource:
		return nil, fmt.Errorf("the resource is larger than %d bytes", maxResource)
	}
	var members map[string]shortText
	var syntax *json.SyntaxError
	if err := json.Unmarshal(body, &members); errors.As(err, &syntax) {
		return nil, fmt.Errorf("the resource is not JSON: %w", err)
	}
	switch {
	case members == nil:
		return nil, errors.New("the resource is no JSON object")
	case members["resourceType"] == "": // spelled so, whatever fields of Go are called
		return nil, errors.New(`the resource has no "resourceType"`)
	}
	return body, nil
}

// shortText is a member's value if it is a short text, and keeps nothing of another.
type shortText string

// UnmarshalJSON reads one value.
func (t *shortText) UnmarshalJSON(value []byte) error {
	if value[0] == '"' && len(value) < 100 {
		return json.Unmarshal(value, (*string)(t))
	}
	return nil
}
