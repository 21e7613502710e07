package provider

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

// Networks is several networks of providers. It passes each call to the network whose
// name is the part of the provider's key before the first colon:
// "medmij:huisartslinde~53".
type Networks struct{ byName map[string]delivery.Providers }

var _ delivery.Providers = (*Networks)(nil)

// NewNetworks returns the networks of the map, whose keys are the networks' names.
func NewNetworks(networks map[string]delivery.Providers) *Networks {
	return &Networks{maps.Clone(networks)}
}

func (n *Networks) find(key delivery.ProviderKey) (delivery.Providers, error) {
	name, _, ok := strings.Cut(string(key), ":")
	if network := n.byName[name]; ok && network != nil {
		return network, nil
	}
	return nil, fmt.Errorf("find the network of %q: %w", key, delivery.ErrProviderGone)
}

// AuthorizationURL implements [delivery.Providers].
func (n *Networks) AuthorizationURL(ctx context.Context, p delivery.AuthorizationParams) (string, error) {
	network, err := n.find(p.Provider)
	if err != nil {
		return "", err
	}
	return network.AuthorizationURL(ctx, p)
}

// Exchange implements [delivery.Providers].
func (n *Networks) Exchange(
	ctx context.Context, p delivery.AuthorizationParams, code seal.Secret,
) (delivery.ProviderTokens, error) {
	network, err := n.find(p.Provider)
	if err != nil {
		return delivery.ProviderTokens{}, err
	}
	return network.Exchange(ctx, p, code)
}

// AuthorizationError implements [delivery.Providers].
func (n *Networks) AuthorizationError(ctx context.Context, p delivery.AuthorizationParams, oauthError string) error {
	network, err := n.find(p.Provider)
	if err != nil {
		return err
	}
	return network.AuthorizationError(ctx, p, oauthError)
}

// RefreshTokens implements [delivery.Providers].
func (n *Networks) RefreshTokens(
	ctx context.Context, key delivery.ProviderKey, refresh seal.Secret, correlation string,
) (delivery.ProviderTokens, error) {
	network, err := n.find(key)
	if err != nil {
		return delivery.ProviderTokens{}, err
	}
	return network.RefreshTokens(ctx, key, refresh, correlation)
}

// RevokeTokens implements [delivery.Providers].
func (n *Networks) RevokeTokens(
	ctx context.Context, key delivery.ProviderKey, tokens delivery.ProviderTokens, correlation string,
) error {
	network, err := n.find(key)
	if err != nil {
		return err
	}
	return network.RevokeTokens(ctx, key, tokens, correlation)
}

// reasonNoNetwork is why nothing was sent to a provider of an unknown network.
const reasonNoNetwork = "not sent: this server knows no such network of providers"

// Send implements [delivery.Providers]. Without the network the outcome is
// [delivery.OutcomeNotFiled]: the server may be started again with the network.
func (n *Networks) Send(ctx context.Context, key delivery.ProviderKey, r delivery.SendRequest) delivery.Outcome {
	network, err := n.find(key)
	if err != nil {
		return delivery.Outcome{Kind: delivery.OutcomeNotFiled, Reason: reasonNoNetwork}
	}
	return network.Send(ctx, key, r)
}
