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
	o, err := n.offerFor(d.Provider)
	if err != nil {
		return "", fmt.Errorf("depart for a provider of MedMij: %w", err)
	}
	u, err := url.Parse(o.authorization)
	if err != nil {
		return "", fmt.Errorf("depart for a provider of MedMij: the authorization endpoint of %q is not an address", d.Provider)
	}
	trace := tripID(d.State)
	u.RawQuery = url.Values{
		"response_type":     {"code"},
		"client_id":         {n.c.ClientID},
		"redirect_uri":      {d.RedirectURI},
		"scope":             {o.provider + "~" + o.service}, // delen: exactly one service
		"state":             {d.State.Reveal()},
		"MedMij-Request-ID": {trace},
		"X-Correlation-ID":  {d.Correlation},
	}.Encode()
	r := n.request(o, o.authorization)
	r.method = http.MethodGet
	n.chain.write(ctx, event{stepSendAuthorization, d.Correlation, trace}, r, 0, "", "")
	return u.String(), nil
}

// tripID is the MedMij-Request-ID of an authorization request. It is made from the
// state, which is fresh for each, so that the log of the answer can name the request
// without that anything was kept of it; nobody can get back to the state from it.
func tripID(state seal.Secret) string {
	sum := sha256.Sum256([]byte("carrel MedMij-Request-ID\x00" + state.Reveal()))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x40 // a random UUID, by its form
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// offerFor finds what may be used of a provider. Its hosts are looked up anew for each
// call: a host may be called only while it is on the whitelist.
func (n *Network) offerFor(key delivery.ProviderKey) (offer, error) {
	s := n.known.Load()
	o, err := s.find(key)
	if err != nil {
		return offer{}, err
	}
	if s.ocl == nil {
		return offer{}, fmt.Errorf("%s: %w", nameOCL, errNoLists)
	}
	if _, ok := s.ocl.names[n.c.ClientID]; !ok {
		return offer{}, fmt.Errorf("%s: %w", n.c.ClientID, errNotListed)
	}
	return o, nil
}

// request is what the chain log says of a request to an address.
func (n *Network) request(o offer, address string) request {
	return request{client: n.c.ClientID, server: hostOf(address), uri: address, provider: o.provider + suffix, service: o.service}
}
