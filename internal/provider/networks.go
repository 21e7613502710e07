package provider

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Networks is several networks of providers. It passes each call to the network whose
// name is the part of the provider's key before the first colon:
// "medmij:huisartslinde~53".
type Networks struct{ byName map[string]library.Providers }

var _ library.Providers = (*Networks)(nil)

// NewNetworks returns the networks of the map, whose keys are the networks' names.
func NewNetworks(networks map[string]library.Providers) *Networks {
	return &Networks{maps.Clone(networks)}
}

func (n *Networks) find(key library.ProviderKey) (library.Providers, error) {
	name, _, ok := strings.Cut(string(key), ":")
	if network := n.byName[name]; ok && network != nil {
		return network, nil
	}
	return nil, fmt.Errorf("find the network of %q: %w", key, library.ErrProviderGone)
}

// AuthorizationURL implements [library.Providers].
func (n *Networks) AuthorizationURL(ctx context.Context, p library.AuthorizationParams) (string, error) {
	network, err := n.find(p.Provider)
	if err != nil {
		return "", err
	}
	return network.AuthorizationURL(ctx, p)
}

// Exchange implements [library.Providers].
func (n *Networks) Exchange(ctx context.Context, p library.AuthorizationParams, code seal.Secret) (library.ProviderTokens, error) {
	network, err := n.find(p.Provider)
	if err != nil {
		return library.ProviderTokens{}, err
	}
	return network.Exchange(ctx, p, code)
}

// AuthorizationError implements [library.Providers].
func (n *Networks) AuthorizationError(ctx context.Context, p library.AuthorizationParams, oauthError string) error {
	network, err := n.find(p.Provider)
	if err != nil {
		return err
	}
	return network.AuthorizationError(ctx, p, oauthError)
}

// RefreshTokens implements [library.Providers].
func (n *Networks) RefreshTokens(ctx context.Context, key library.ProviderKey, refresh seal.Secret, correlation string) (library.ProviderTokens, error) {
	network, err := n.find(key)
	if err != nil {
		return library.ProviderTokens{}, err
	}
	return network.RefreshTokens(ctx, key, refresh, correlation)
}

// reasonNoNetwork is why nothing was sent to a provider of an unknown network.
const reasonNoNetwork = "not sent: this server knows no such network of providers"

// Send implements [library.Providers]. Without the network the outcome is
// [library.OutcomeNotFiled]: the server may be started again with the network.
func (n *Networks) Send(ctx context.Context, key library.ProviderKey, r library.SendRequest) library.Outcome {
	network, err := n.find(key)
	if err != nil {
		return library.Outcome{Kind: library.OutcomeNotFiled, Reason: reasonNoNetwork}
	}
	return network.Send(ctx, key, r)
}
