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

// maxTokenAnswer bounds the answer of a token endpoint.
const maxTokenAnswer = 1 << 20

// Grant types of the Token interface.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// Return implements [delivery.Providers]. The code is offered once, and never again.
func (n *Network) Exchange(ctx context.Context, d delivery.AuthorizationParams, code seal.Secret) (delivery.ProviderTokens, error) {
	o, err := n.offerFor(d.Provider)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("return from a provider of MedMij: %w", err)
	}
	n.chain.write(ctx, event{stepReceiveAuthorization, d.Correlation, tripID(d.State)}, n.request(o, o.authorization), 0, "", "")
	a, err := n.token(ctx, o, d.Correlation, grantCode, url.Values{
		"code":         {code.Reveal()},
		"redirect_uri": {d.RedirectURI},
	})
	if errors.Is(err, errInvalidGrant) {
		err = delivery.ErrProviderRefused
	}
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("swap the code at %s: %w", o.provider, err)
	}
	return a, nil
}

// Declined implements [delivery.Providers].
func (n *Network) AuthorizationError(ctx context.Context, d delivery.AuthorizationParams, oauthError string) error {
	err := provider.Declined(oauthError)
	o, gone := n.offerFor(d.Provider)
	if gone != nil {
		return fmt.Errorf("return from a provider of MedMij: %w", err) // whatever has become of it meanwhile
	}
	n.chain.write(ctx, event{stepReceiveAuthorization, d.Correlation, tripID(d.State)}, n.request(o, o.authorization), 0,
		provider.OAuthError(oauthError), "")
	return fmt.Errorf("return from %s: %w", o.provider, err)
}

// Renew implements [delivery.Providers]. Whether providers give refresh tokens for delen
// is unconfirmed; those that do replace it at each use.
func (n *Network) RefreshTokens(ctx context.Context, key delivery.ProviderKey, refresh seal.Secret, correlation string) (delivery.ProviderTokens, error) {
	o, err := n.offerFor(key)
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("renew the access at a provider of MedMij: %w", err)
	}
	a, err := n.token(ctx, o, correlation, grantRefresh, url.Values{"refresh_token": {refresh.Reveal()}})
	if errors.Is(err, errInvalidGrant) {
		err = delivery.ErrReconnect
	}
	if err != nil {
		return delivery.ProviderTokens{}, fmt.Errorf("renew the access at %s: %w", o.provider, err)
	}
	return a, nil
}

var errInvalidGrant = errors.New("invalid_grant")

// token makes a token request: mutual TLS, a form, the two headers, client_id and no
// secret, as the client is known by its certificate (Token interface).
func (n *Network) token(ctx context.Context, o offer, correlation, grant string, form url.Values) (delivery.ProviderTokens, error) {
	ctx, cancel := context.WithTimeout(ctx, provider.TokenTimeout)
	defer cancel()
	form.Set("grant_type", grant)
	form.Set("client_id", n.c.ClientID)
	trace := uuid.NewString()
	h := n.headers(correlation, trace)
	h.Set("Accept", "application/json")
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	h.Set("User-Agent", provider.UserAgent)
	r := n.request(o, o.token)
	r.method, r.grant = http.MethodPost, grant
	n.chain.write(ctx, event{stepSendToken, correlation, trace}, r, 0, "", "")

	start := n.c.Now()
	reply, err := n.back.Do(ctx, provider.Call{
		Method: http.MethodPost, URL: o.token, Header: h, Body: []byte(form.Encode()), Limit: maxTokenAnswer,
	})
	if err != nil {
		code := codeOther
		if timedOut(err) {
			code = codeUnavailable
		}
		n.chain.write(ctx, event{stepTokenErrorResponse, correlation, trace}, request{}, 0, code, err.Error())
		return delivery.ProviderTokens{}, err
	}
	access, code, err := readTokenAnswer(reply, start)
	if err != nil {
		kind := stepTokenErrorResponse
		if reply.Status >= 400 && reply.Status < 500 {
			kind = stepTokenRequestError
		}
		n.chain.write(ctx, event{kind, correlation, trace}, request{}, reply.Status, code, err.Error())
		return delivery.ProviderTokens{}, err
	}
	n.chain.write(ctx, event{stepReceiveToken, correlation, trace}, request{}, reply.Status, "", "")
	return access, nil
}

// headers are those that every request of the backchannel has, spelled as MedMij does.
func (n *Network) headers(correlation, trace string) http.Header {
	return http.Header{"MedMij-Request-ID": {trace}, "X-Correlation-ID": {correlation}}
}

func timedOut(err error) bool {
	var f *provider.Fault
	return errors.As(err, &f) && f.Timeout
}

// tokenAnswer is the answer of a token endpoint, good or bad.
type tokenAnswer struct {
	AccessToken  string       `json:"access_token"`
	TokenType    string       `json:"token_type"`
	ExpiresIn    *json.Number `json:"expires_in"`
	RefreshToken string       `json:"refresh_token"`
	Error        string       `json:"error"`
}

// readTokenAnswer reads the answer to a token request that was made at the given time.
// code is the error's, for the log. No error repeats anything of the answer but a
// status and an error code of RFC 6749.
func readTokenAnswer(r provider.Reply, at time.Time) (access delivery.ProviderTokens, code string, err error) {
	if r.Loss != "" {
		return access, codeOther, errors.New("the answer of the token endpoint " + string(r.Loss))
	}
	var a tokenAnswer
	bad := json.Unmarshal(r.Body, &a)
	switch {
	case r.Status >= 400 && r.Status < 500 && bad == nil && a.Error == "invalid_grant":
		return access, a.Error, errInvalidGrant
	case r.Status >= 400 && bad == nil && a.Error != "":
		code := provider.OAuthError(a.Error)
		return access, code, fmt.Errorf("the token endpoint answered %d: %s", r.Status, code)
	case r.Status != http.StatusOK:
		return access, codeOther, fmt.Errorf("the token endpoint answered %d", r.Status)
	case bad != nil:
		return access, codeOther, errors.New("the answer of the token endpoint is not JSON, or not as expected")
	case !strings.EqualFold(a.TokenType, "Bearer"):
		return access, codeOther, errors.New("the token endpoint gave a token that is not a bearer token")
	}
	var seconds int64
	if a.ExpiresIn != nil {
		if seconds, err = a.ExpiresIn.Int64(); err != nil || seconds <= 0 {
			seconds = -1
		}
	}
	if access, err = provider.Access(a.AccessToken, a.RefreshToken, seconds, at); err != nil {
		return access, codeOther, err
	}
	return access, "", nil
}
