package medmij

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider"
	"github.com/carrelhq/carrel/internal/seal"
)

// maxTokenResponse is the longest response of a token endpoint.
const maxTokenResponse = 1 << 20

// Grant types of the Token interface.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// Exchange implements [delivery.Providers]. It sends the code once.
func (n *Network) Exchange(
	ctx context.Context, params delivery.AuthorizationParams, code seal.Secret,
) (delivery.ProviderTokens, error) {
	ep, err := n.endpointsFor(params.Provider)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("exchange the code at a MedMij provider: %w", err)
	}
	event := chainEvent{stepReceiveAuthorization, params.Correlation, authorizationRequestID(params.State)}
	n.chainLog.write(ctx, event, n.chainRequest(ep, ep.authorization), 0, "", "")
	tokens, err := n.requestToken(ctx, ep, params.Correlation, grantCode, url.Values{
		"code":         {code.Reveal()},
		"redirect_uri": {params.RedirectURI},
	})
	if errors.Is(err, errInvalidGrant) {
		err = delivery.ErrProviderRefused
	}
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("exchange the code at %s: %w", ep.provider, err)
	}
	return tokens, nil
}

// RefreshTokens implements [delivery.Providers]. Whether providers issue refresh tokens
// for delen is unconfirmed; those that do replace the token at each use.
func (n *Network) RefreshTokens(
	ctx context.Context, key delivery.ProviderKey, refresh seal.Secret, correlation string,
) (delivery.ProviderTokens, error) {
	ep, err := n.endpointsFor(key)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("refresh the tokens at a MedMij provider: %w", err)
	}
	tokens, err := n.requestToken(ctx, ep, correlation, grantRefresh, url.Values{"refresh_token": {refresh.Reveal()}})
	if errors.Is(err, errInvalidGrant) {
		err = delivery.ErrReconnect
	}
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("refresh the tokens at %s: %w", ep.provider, err)
	}
	return tokens, nil
}

// RevokeTokens implements [delivery.Providers]. MedMij has no revocation endpoint: a provider's tokens
// end by themselves, and the person ends a consent at the provider.
func (n *Network) RevokeTokens(context.Context, delivery.ProviderKey, delivery.ProviderTokens, string) error {
	return nil
}

var errInvalidGrant = errors.New("invalid_grant")

// requestToken sends a token request: mutual TLS, a form, the two headers, and client_id
// without a secret, as the certificate authenticates the client (Token interface).
func (n *Network) requestToken(
	ctx context.Context, ep endpoints, correlation, grant string, form url.Values,
) (delivery.ProviderTokens, error) {
	ctx, cancel := context.WithTimeout(ctx, provider.TokenTimeout)
	defer cancel()
	form.Set("grant_type", grant)
	form.Set("client_id", n.config.ClientID)
	requestID := uuid.NewString()
	h := n.backchannelHeader(correlation, requestID)
	h.Set("Accept", "application/json")
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	h.Set("User-Agent", provider.UserAgent)
	logged := n.chainRequest(ep, ep.token)
	logged.method, logged.grant = http.MethodPost, grant
	n.chainLog.write(ctx, chainEvent{stepSendToken, correlation, requestID}, logged, 0, "", "")

	requested := n.config.Now()
	response, err := n.backchannel.Do(ctx, provider.Request{
		Method: http.MethodPost, URL: ep.token, Header: h, Body: []byte(form.Encode()), MaxResponse: maxTokenResponse,
	})
	var tokens delivery.ProviderTokens
	var code string
	if err != nil {
		code = codeOf(err)
	} else {
		tokens, code, err = readTokenResponse(response, requested)
	}
	n.logTokenResponse(ctx, correlation, requestID, response.Status, code, err)
	return tokens, err
}

// logTokenResponse writes the step that follows a token request.
func (n *Network) logTokenResponse(
	ctx context.Context, correlation, requestID string, status int, code string, err error,
) {
	if err == nil {
		n.chainLog.write(ctx, chainEvent{stepReceiveToken, correlation, requestID}, chainRequest{}, status, "", "")
		return
	}
	step := stepTokenErrorResponse
	if status >= 400 && status < 500 {
		step = stepTokenRequestError
	}
	n.chainLog.write(ctx, chainEvent{step, correlation, requestID}, chainRequest{}, status, code, err.Error())
}

// backchannelHeader returns the headers of every backchannel request, spelled as MedMij
// spells them.
func (n *Network) backchannelHeader(correlation, requestID string) http.Header {
	return http.Header{"MedMij-Request-ID": {requestID}, "X-Correlation-ID": {correlation}}
}

// codeOf returns the chain log's error code for a request without a response.
func codeOf(err error) string {
	var failure *provider.TransportError
	if errors.As(err, &failure) && failure.Timeout {
		return codeUnavailable
	}
	return codeOther
}

// tokenResponse is a successful or an error response of a token endpoint.
type tokenResponse struct {
	AccessToken  string       `json:"access_token"`
	TokenType    string       `json:"token_type"`
	ExpiresIn    *json.Number `json:"expires_in"`
	RefreshToken string       `json:"refresh_token"`
	Error        string       `json:"error"`
}

// readTokenResponse reads the response to a token request that was made at the given
// time. With an error it also returns the code for the chain log. An error contains
// nothing of the response but its status and an error code of RFC 6749.
func readTokenResponse(
	response provider.Response, requested time.Time,
) (tokens delivery.ProviderTokens, code string, err error) {
	if response.BodyError != "" {
		return tokens, codeOther, errors.New("the answer of the token endpoint " + string(response.BodyError))
	}
	var r tokenResponse
	invalid := json.Unmarshal(response.Body, &r)
	status := response.Status
	switch {
	case status >= 400 && status < 500 && invalid == nil && r.Error == "invalid_grant":
		return tokens, r.Error, errInvalidGrant
	case status >= 400 && invalid == nil && r.Error != "":
		code := provider.LoggableErrorCode(r.Error)
		return tokens, code, fmt.Errorf("the token endpoint answered %d: %s", status, code)
	case status != http.StatusOK:
		return tokens, codeOther, fmt.Errorf("the token endpoint answered %d", status)
	case invalid != nil:
		return tokens, codeOther, errors.New("the answer of the token endpoint is not a JSON token response")
	case !strings.EqualFold(r.TokenType, "Bearer"):
		return tokens, codeOther, errors.New("the token endpoint issued a token that is not a bearer token")
	}
	tokens, err = provider.NewTokens(r.AccessToken, r.RefreshToken, r.seconds(), requested)
	if err != nil {
		return tokens, codeOther, err
	}
	return tokens, "", nil
}

// seconds returns expires_in: 0 if it is missing, -1 if it is not valid.
func (r tokenResponse) seconds() int64 {
	if r.ExpiresIn == nil {
		return 0
	}
	seconds, err := r.ExpiresIn.Int64()
	if err != nil || seconds <= 0 {
		return -1
	}
	return seconds
}
