package smart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/provider"
)

const (
	discoverTimeout   = 10 * time.Second
	maxDiscoveryBytes = 1 << 20
	// discoveryLife is how long what a server said of itself counts.
	discoveryLife = time.Hour
)

// endpoints are those that a person's consent is got by.
type endpoints struct{ authorize, token string }

// endpointsOf are the configured ones, or those that the server names in
// [base]/.well-known/smart-configuration (SMART App Launch, "Conformance").
func (n *Network) endpointsOf(ctx context.Context, p *connection) (endpoints, error) {
	if p.AuthorizationEndpoint != "" {
		return endpoints{p.AuthorizationEndpoint, p.TokenEndpoint}, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := n.now()
	if now.Before(p.discoveredUntil) {
		return p.discovered, nil
	}
	found, err := n.discover(ctx, p)
	if err != nil {
		return endpoints{}, fmt.Errorf("ask FHIR server %q for its endpoints: %w", p.ID, err)
	}
	p.discovered, p.discoveredUntil = found, now.Add(discoveryLife)
	return found, nil
}

func (n *Network) discover(ctx context.Context, p *connection) (endpoints, error) {
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	r, err := p.client.Do(ctx, provider.Request{
		Method: http.MethodGet, URL: strings.TrimSuffix(p.BaseURL, "/") + "/.well-known/smart-configuration",
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {provider.UserAgent}}, MaxResponse: maxDiscoveryBytes,
	})
	switch {
	case err != nil:
		return endpoints{}, err
	case r.Status != http.StatusOK:
		return endpoints{}, fmt.Errorf("it answered %d", r.Status)
	case r.BodyError != "":
		return endpoints{}, errors.New("its answer " + string(r.BodyError))
	}
	found, err := readDiscovery(r.Body, n.loopback)
	if err == nil && !p.ClientSecret.IsZero() && !sameHost(p.BaseURL, found.token) {
		// Whoever answers for base, or once did, would otherwise choose who gets the secret.
		err = errors.New("it names a token endpoint that is not at the host and port of base, and the client secret " +
			"goes elsewhere only if you say so: set authorize and token")
	}
	if err != nil {
		return endpoints{}, err
	}
	return found, nil
}

func readDiscovery(body []byte, loopback bool) (endpoints, error) {
	var d struct {
		Authorize string `json:"authorization_endpoint"`
		Token     string `json:"token_endpoint"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return endpoints{}, errors.New("its answer is not JSON, or not as expected")
	}
	if err := checkEndpoints(d.Authorize, d.Token, loopback); err != nil {
		return endpoints{}, err
	}
	return endpoints{d.Authorize, d.Token}, nil
}
