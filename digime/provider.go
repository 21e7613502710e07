package digime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// FHIRVersion is a version of FHIR, as the protocol spells it.
type FHIRVersion string

// STU3 is FHIR 3.0, the version that Dutch providers take.
const STU3 FHIRVersion = "stu3"

// ProviderAnswer is what came of a push to a provider.
type ProviderAnswer struct {
	// Status is the HTTP status. 202 means that the server has accepted the
	// resource and goes on delivering it.
	Status int
	// Body is the provider's own answer; it may be empty.
	Body json.RawMessage
}

// PushToProvider sends a FHIR resource or Bundle, as JSON, to the provider that the
// account connects: one of [User.ReadAccounts] whose type is PUSH. It needs a
// write contract that was authorised with [SourcePush]. What was pushed so cannot
// be read back. The call is never tried again by itself, other than after
// refreshing a refused access token: a provider must not get a resource twice.
func (u *User) PushToProvider(ctx context.Context, account AccountID, version FHIRVersion, resource json.RawMessage) (ProviderAnswer, error) {
	if account == "" {
		return ProviderAnswer{}, errors.New("push to provider: no account")
	}
	if !json.Valid(resource) {
		return ProviderAnswer{}, errors.New("push to provider: the resource is not JSON")
	}
	var answer ProviderAnswer
	err := u.do(ctx, call{
		method: http.MethodPost,
		path:   routeOf("permission-access/import/h:accountId/fhir/{version}", string(version)),
		header: map[string]string{"accountId": string(account)},
		body:   resource,
	}, func(resp *http.Response) error {
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxJSON))
		if err != nil {
			// It has been taken; only what was said about it is lost.
			return fmt.Errorf("read the provider's answer: %w", err)
		}
		answer = ProviderAnswer{Status: resp.StatusCode, Body: body}
		return nil
	})
	if err != nil {
		return ProviderAnswer{}, fmt.Errorf("push to provider: %w", err)
	}
	return answer, nil
}
