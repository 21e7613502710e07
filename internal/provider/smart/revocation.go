package smart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider"
)

// maxRevocationBytes is the longest answer that is read. Nothing in it matters.
const maxRevocationBytes = 64 << 10

// RevokeTokens implements [delivery.Providers] (RFC 7009).
func (n *Network) RevokeTokens(
	ctx context.Context, key delivery.ProviderKey, tokens delivery.ProviderTokens, correlation string,
) error {
	server, err := n.find(key)
	if err != nil {
		return fmt.Errorf("revoke the tokens: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, provider.TokenTimeout)
	defer cancel()
	ep, err := n.endpointsOf(ctx, server)
	if err != nil {
		return fmt.Errorf("revoke the tokens: %w", err)
	}
	if ep.revocation == "" {
		return nil
	}
	form := url.Values{"token": {tokens.Refresh.Reveal()}, "token_type_hint": {"refresh_token"}}
	if tokens.Refresh.IsZero() {
		form = url.Values{"token": {tokens.Access.Reveal()}, "token_type_hint": {"access_token"}}
	}
	request := provider.Request{
		Method: http.MethodPost, URL: ep.revocation, MaxResponse: maxRevocationBytes,
		Header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"},
			"User-Agent": {provider.UserAgent}, "X-Correlation-ID": {correlation},
		},
	}
	if server.ClientSecret.IsZero() {
		form.Set("client_id", server.ClientID)
	} else {
		basic := http.Request{Header: request.Header}
		// RFC 6749, section 2.3.1: both are encoded first.
		basic.SetBasicAuth(url.QueryEscape(server.ClientID), url.QueryEscape(server.ClientSecret.Reveal()))
	}
	request.Body = []byte(form.Encode())
	response, err := server.client.Do(ctx, request)
	var transport *provider.TransportError
	switch {
	case errors.As(err, &transport):
		return fmt.Errorf("revoke the tokens at FHIR server %q: %w", server.ID, transport)
	case err != nil:
		return fmt.Errorf("revoke the tokens at FHIR server %q: no answer", server.ID)
	case response.Status != http.StatusOK:
		return fmt.Errorf("the revocation endpoint of FHIR server %q answered %d", server.ID, response.Status)
	}
	return nil
}
