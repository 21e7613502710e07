package medmij

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

// Depart implements [delivery.Providers]: the address of the Authorization interface,
// with its parameters and no others. A browser sends no headers of ours, so the two ids
// are parameters here. PKCE is not part of MedMij (unconfirmed), so the verifier stays.
func (n *Network) AuthorizationURL(ctx context.Context, d delivery.AuthorizationParams) (string, error) {
	o, err := n.endpointsFor(d.Provider)
	if err != nil {
		return "", fmt.Errorf("depart for a provider of MedMij: %w", err)
	}
	u, err := url.Parse(o.authorization)
	if err != nil {
		return "", fmt.Errorf("depart for a provider of MedMij: the authorization endpoint of %q is not an address", d.Provider)
	}
	trace := authorizationRequestID(d.State)
	u.RawQuery = url.Values{
		"response_type":     {"code"},
		"client_id":         {n.config.ClientID},
		"redirect_uri":      {d.RedirectURI},
		"scope":             {o.provider + "~" + o.service}, // delen: exactly one service
		"state":             {d.State.Reveal()},
		"MedMij-Request-ID": {trace},
		"X-Correlation-ID":  {d.Correlation},
	}.Encode()
	r := n.chainRequest(o, o.authorization)
	r.method = http.MethodGet
	n.chainLog.write(ctx, chainEvent{stepSendAuthorization, d.Correlation, trace}, r, 0, "", "")
	return u.String(), nil
}

// authorizationRequestID is the MedMij-Request-ID of an authorization request. It is made from the
// state, which is fresh for each, so that the log of the answer can name the request
// without that anything was kept of it; nobody can get back to the state from it.
func authorizationRequestID(state seal.Secret) string {
	sum := sha256.Sum256([]byte("carrel MedMij-Request-ID\x00" + state.Reveal()))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x40 // a random UUID, by its form
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// offerFor finds what may be used of a provider. Its hosts are looked up anew for each
// call: a host may be called only while it is on the whitelist.
func (n *Network) endpointsFor(key delivery.ProviderKey) (endpoints, error) {
	s := n.current.Load()
	o, err := s.find(key)
	if err != nil {
		return endpoints{}, err
	}
	if s.ocl == nil {
		return endpoints{}, fmt.Errorf("%s: %w", nameOCL, errNoLists)
	}
	if _, ok := s.ocl.names[n.config.ClientID]; !ok {
		return endpoints{}, fmt.Errorf("%s: %w", n.config.ClientID, errNotListed)
	}
	return o, nil
}

// chainRequest is what the chain log says of a request to an address.
func (n *Network) chainRequest(o endpoints, address string) chainRequest {
	return chainRequest{client: n.config.ClientID, server: hostOf(address), uri: address, provider: o.provider + nameSuffix, service: o.service}
}
