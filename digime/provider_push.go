package digime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
)

// FHIRVersion is a version of FHIR in the spelling of the protocol. "3.0.2" and "4.0.1" are other spellings of [STU3]
// and [R4].
type FHIRVersion string

// The versions of FHIR.
const (
	// STU3 is FHIR 3.0, which Dutch providers accept.
	STU3 FHIRVersion = "stu3"
	// R4 is FHIR 4.0. A Carrel accepts it for providers that do; digi.me does not.
	R4 FHIRVersion = "r4"
)

func (v FHIRVersion) known() bool {
	switch v {
	case STU3, R4, "3.0.2", "4.0.1":
		return true
	}
	return false
}

// maxResource is the largest resource that a provider is sent, in bytes of JSON.
const maxResource = 10 << 20

// maxProviderResponse returns the largest response of a provider to a resource of the given size. A Carrel asks the
// provider to return what it has stored, and limits its response in the same way. Around it there is up to 1 MiB.
func maxProviderResponse(sent int) int64 { return 3<<20 + 2*int64(sent) }

// ProviderResponse is the result of [User.PushToProvider].
type ProviderResponse struct {
	// Status is the HTTP status.
	Status int
	// Body is the provider's own response, as JSON. It is empty if there was none, or none yet.
	Body json.RawMessage
	// DeliveryID identifies the delivery for [User.GetDelivery] and [User.WaitForDelivery]. It is empty at digi.me.
	DeliveryID DeliveryID
}

// Delivered reports whether the provider has confirmed that it received the resource. If not, the server has accepted
// the resource and continues to deliver it: see [User.WaitForDelivery].
func (r ProviderResponse) Delivered() bool {
	return r.Status/100 == 2 && r.Status != http.StatusAccepted
}

// PushToProvider sends a FHIR resource or Bundle to a provider. The account is one of [User.ListAccounts] whose Type is
// [AccountPush]. The call requires a write contract that was authorised with [SourcePush]; [ErrNotFound] says that the
// person has not connected the account. The resource is JSON: [MarshalResource] encodes a Go value. A missing account,
// an unknown version and a resource that is not a JSON object with a resourceType, or is larger than 10 MiB, are
// refused before anything is sent.
//
// If there is no error, the provider has the resource or the server continues to deliver it; see
// [ProviderResponse.Delivered]. These errors ask for different steps:
//
//   - [ErrValidation]: the resource is malformed. If the server has found it, the Outcome of the [*Error] says where.
//   - [ErrServiceAuthorization]: the provider no longer accepts the server's access. Send the person to
//     [User.ReauthorizeAccount] and push again.
//   - [ErrProviderRefused]: the provider has refused the resource, or a part of the Bundle. The Outcome of the [*Error]
//     is its response.
//   - [ErrDeliveryUnknown]: the provider may or may not have the resource. Ask the provider before you push again.
//   - [ErrDeliveryExpired]: the provider does not have the resource.
//   - [ErrInvalidResponse], or an error of the network: the server may or may not have accepted the resource.
//     [User.ListDeliveries] says.
//
// The call is never repeated, so that a provider does not receive a resource twice. Only when the server refuses the
// access token before it accepts the resource is the token refreshed and the resource sent again.
func (u *User) PushToProvider(
	ctx context.Context, account AccountID, version FHIRVersion, resource []byte,
) (ProviderResponse, error) {
	response, err := u.pushToProvider(ctx, account, version, resource)
	if err != nil {
		return response, fmt.Errorf("push to provider: %w", err)
	}
	return response, nil
}

func (u *User) pushToProvider(
	ctx context.Context, account AccountID, version FHIRVersion, resource []byte,
) (ProviderResponse, error) {
	if err := checkAccount(account); err != nil {
		return ProviderResponse{}, err
	}
	if !version.known() {
		return ProviderResponse{}, invalid("FHIR version %q is neither %q nor %q", version, STU3, R4)
	}
	if err := checkResource(resource); err != nil {
		return ProviderResponse{}, err
	}
	limit := maxProviderResponse(len(resource))
	var response ProviderResponse
	err := u.do(ctx, call{
		method: http.MethodPost,
		path:   routeOf("permission-access/import/h:accountId/fhir/{version}", string(version)),
		header: map[string]string{"accountId": string(account)},
		body:   resource,
		// An error contains the provider's response too.
		errorLimit: limit,
	}, func(resp *http.Response) error {
		id := DeliveryID(resp.Header.Get(wire.HeaderDelivery))
		body, err := readJSON(resp, limit)
		if err == nil && len(body) > 0 && !json.Valid(body) {
			err = errNotJSON
		}
		if id != "" || err == nil {
			response.Status, response.DeliveryID = resp.StatusCode, id
		}
		switch {
		case err != nil && id != "":
			return withDelivery(id, fmt.Errorf("the resource was accepted, but the response is lost: %w", err))
		case err != nil:
			return err
		case len(body) > 0 && !isPushAnswer(body, id):
			response.Body = body
		}
		return nil
	})
	return response, err
}

// isPushAnswer reports whether the body is the server's own. It sends one if the provider has sent none.
func isPushAnswer(body []byte, id DeliveryID) bool {
	var own wire.PushAnswer
	return id != "" && json.Unmarshal(body, &own) == nil && own.Delivery != nil && DeliveryID(own.Delivery.ID) == id
}

// MarshalResource encodes a FHIR resource or Bundle for [User.PushToProvider]. It is [json.Marshal], and checks that
// the result is a JSON object with a resourceType of at most 10 MiB. Use [json.Number] for decimals whose digits
// matter.
func MarshalResource(v any) ([]byte, error) {
	resource, err := json.Marshal(v)
	if err != nil {
		return nil, invalid("marshal resource: %w", err)
	}
	if err := checkResource(resource); err != nil {
		return nil, fmt.Errorf("marshal resource: %w", err)
	}
	return resource, nil
}

// checkResource refuses what no provider would accept.
func checkResource(resource []byte) error {
	if len(resource) > maxResource {
		return invalid("the resource is larger than %d bytes", maxResource)
	}
	var members map[string]shortText
	var syntax *json.SyntaxError
	if err := json.Unmarshal(resource, &members); errors.As(err, &syntax) {
		return invalid("the resource is not JSON: %w", err)
	}
	switch {
	case members == nil:
		return invalid("the resource is not a JSON object")
	case members["resourceType"] == "": // exactly this spelling: the names of Go fields differ in case
		return invalid(`the resource has no "resourceType"`)
	}
	return nil
}

// A shortText is the value of a JSON member if it is a short text, and empty if not.
type shortText string

// UnmarshalJSON reads one value.
func (t *shortText) UnmarshalJSON(value []byte) error {
	if value[0] == '"' && len(value) < 100 {
		return json.Unmarshal(value, (*string)(t))
	}
	return nil
}
