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
	discoveryTimeout  = 10 * time.Second
	maxDiscoveryBytes = 1 << 20
	// discoveryLifetime is how long discovered endpoints are used.
	discoveryLifetime = time.Hour
)

// endpoints are the OAuth endpoints of a server; revocation is empty if it has none.
type endpoints struct{ authorization, token, revocation string }

// endpointsOf returns the configured endpoints, or those of the server's
// [base]/.well-known/smart-configuration (SMART App Launch, "Conformance").
func (n *Network) endpointsOf(ctx context.Context, server *fhirServer) (endpoints, error) {
	if server.AuthorizationEndpoint != "" {
		return endpoints{server.AuthorizationEndpoint, server.TokenEndpoint, server.RevocationEndpoint}, nil
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	now := n.now()
	if now.Before(server.discoveredUntil) {
		return server.discovered, nil
	}
	found, err := n.discover(ctx, server)
	if err != nil {
		return endpoints{}, fmt.Errorf("discover the endpoints of FHIR server %q: %w", server.ID, err)
	}
	server.discovered, server.discoveredUntil = found, now.Add(discoveryLifetime)
	return found, nil
}

func (n *Network) discover(ctx context.Context, server *fhirServer) (endpoints, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	r, err := server.client.Do(ctx, provider.Request{
		Method: http.MethodGet, URL: strings.TrimSuffix(server.BaseURL, "/") + "/.well-known/smart-configuration",
		Header:      http.Header{"Accept": {"application/json"}, "User-Agent": {provider.UserAgent}},
		MaxResponse: maxDiscoveryBytes,
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
	if err == nil && !server.ClientSecret.IsZero() && !sameHost(server.BaseURL, found.token) {
		// Otherwise the server at base could choose who gets the secret.
		err = errors.New("its token endpoint is not at the host and port of base, and the client secret is sent to " +
			"another host only if it is configured: set authorize and token")
	}
	if err != nil {
		return endpoints{}, err
	}
	return found, nil
}

// readDiscovery reads a smart-configuration.
func readDiscovery(body []byte, loopback bool) (endpoints, error) {
	var d struct {
		Authorization string `json:"authorization_endpoint"`
		Token         string `json:"token_endpoint"`
		Revocation    string `json:"revocation_endpoint"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return endpoints{}, errors.New("its answer is not a JSON object with endpoints")
	}
	if err := checkEndpoints(d.Authorization, d.Token, loopback); err != nil {
		return endpoints{}, err
	}
	// The token endpoint issued the tokens. No other host may get them.
	if checkURL(d.Revocation, false, loopback) != nil || !sameHost(d.Revocation, d.Token) {
		d.Revocation = ""
	}
	return endpoints{d.Authorization, d.Token, d.Revocation}, nil
}
