package medmij

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider"
	"github.com/carrelhq/carrel/internal/seal"
)

// AuthorizationURL implements [delivery.Providers]. The URL has the parameters of the
// Authorization interface and no others. A browser sends no headers of ours, so the two
// ids are parameters. MedMij does not have PKCE (unconfirmed), so the verifier is unused.
func (n *Network) AuthorizationURL(ctx context.Context, params delivery.AuthorizationParams) (string, error) {
	ep, err := n.endpointsFor(params.Provider)
	if err != nil {
		return "", fmt.Errorf("make a MedMij authorization request: %w", err)
	}
	u, err := url.Parse(ep.authorization)
	if err != nil {
		return "", fmt.Errorf("make a MedMij authorization request: the endpoint of %q is not a URL", params.Provider)
	}
	requestID := authorizationRequestID(params.State)
	u.RawQuery = url.Values{
		"response_type":     {"code"},
		"client_id":         {n.config.ClientID},
		"redirect_uri":      {params.RedirectURI},
		"scope":             {ep.provider + "~" + ep.service}, // delen: exactly one service
		"state":             {params.State.Reveal()},
		"MedMij-Request-ID": {requestID},
		"X-Correlation-ID":  {params.Correlation},
	}.Encode()
	logged := n.chainRequest(ep, ep.authorization)
	logged.method = http.MethodGet
	n.chainLog.write(ctx, chainEvent{stepSendAuthorization, params.Correlation, requestID}, logged, 0, "", "")
	return u.String(), nil
}

// AuthorizationError implements [delivery.Providers].
func (n *Network) AuthorizationError(ctx context.Context, p delivery.AuthorizationParams, oauthError string) error {
	err := provider.AuthorizationError(oauthError)
	e, notFound := n.endpointsFor(p.Provider)
	if notFound != nil { // the provider's error is returned even if the provider is not listed any more
		return fmt.Errorf("authorization at a MedMij provider: %w", err)
	}
	event := chainEvent{stepReceiveAuthorization, p.Correlation, authorizationRequestID(p.State)}
	n.chainLog.write(ctx, event, n.chainRequest(e, e.authorization), 0, provider.LoggableErrorCode(oauthError), "")
	return fmt.Errorf("authorization at %s: %w", e.provider, err)
}

// authorizationRequestID returns the MedMij-Request-ID of an authorization request. It
// is a hash of the state, which is new for each request, so the chain log can name the
// request when the response arrives although nothing about it was stored.
func authorizationRequestID(state seal.Secret) string {
	sum := sha256.Sum256([]byte("carrel MedMij-Request-ID\x00" + state.Reveal()))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x40 // in the form of a random UUID
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// endpointsFor returns the endpoints of a provider's data service. It looks the hosts up
// for each request: a host may be called only while it is on the whitelist.
func (n *Network) endpointsFor(key delivery.ProviderKey) (endpoints, error) {
	s := n.current.Load()
	e, err := s.find(key)
	if err != nil {
		return endpoints{}, err
	}
	if s.ocl == nil {
		return endpoints{}, fmt.Errorf("%s: %w", nameOCL, errNoLists)
	}
	if _, ok := s.ocl.names[n.config.ClientID]; !ok {
		return endpoints{}, fmt.Errorf("%s: %w", n.config.ClientID, errNotListed)
	}
	return e, nil
}

// chainRequest returns what the chain log records of a request to one of the endpoints.
func (n *Network) chainRequest(e endpoints, address string) chainRequest {
	return chainRequest{
		client: n.config.ClientID, server: hostOf(address), uri: address,
		provider: e.provider + nameSuffix, service: e.service,
	}
}
