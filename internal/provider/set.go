package provider

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

// Set is several networks of providers as one. The part of a key before the first
// colon names the network: "medmij:huisartslinde~53".
type Set struct{ networks map[string]delivery.Providers }

var _ delivery.Providers = (*Set)(nil)

// NewSet returns the set of the networks, by the names that their keys begin with.
func NewSet(networks map[string]delivery.Providers) *Set {
	return &Set{maps.Clone(networks)}
}

func (s *Set) find(key delivery.ProviderKey) (delivery.Providers, error) {
	name, _, ok := strings.Cut(string(key), ":")
	if n := s.networks[name]; ok && n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("find the network of %q: %w", key, delivery.ErrProviderGone)
}

// Depart implements [delivery.Providers].
func (s *Set) AuthorizationURL(ctx context.Context, d delivery.AuthorizationParams) (string, error) {
	n, err := s.find(d.Provider)
	if err != nil {
		return "", err
	}
	return n.AuthorizationURL(ctx, d)
}

// Return implements [delivery.Providers].
func (s *Set) Exchange(ctx context.Context, d delivery.AuthorizationParams, code seal.Secret) (delivery.ProviderTokens, error) {
	n, err := s.find(d.Provider)
	if err != nil {
		return delivery.ProviderTokens{}, err
	}
	return n.Exchange(ctx, d, code)
}

// Declined implements [delivery.Providers].
func (s *Set) AuthorizationError(ctx context.Context, d delivery.AuthorizationParams, oauthError string) error {
	n, err := s.find(d.Provider)
	if err != nil {
		return err
	}
	return n.AuthorizationError(ctx, d, oauthError)
}

// Renew implements [delivery.Providers].
func (s *Set) RefreshTokens(ctx context.Context, key delivery.ProviderKey, refresh seal.Secret, correlation string) (delivery.ProviderTokens, error) {
	n, err := s.find(key)
	if err != nil {
		return delivery.ProviderTokens{}, err
	}
	return n.RefreshTokens(ctx, key, refresh, correlation)
}

// noNetwork is why nothing was sent to a provider of a network that is not ours.
const noNetwork = "not sent: this server knows no such network of providers"

// Send implements [delivery.Providers]. Without a network nothing was sent, and a
// server that is started with the network may still deliver.
func (s *Set) Send(ctx context.Context, key delivery.ProviderKey, sending delivery.SendRequest) delivery.Outcome {
	n, err := s.find(key)
	if err != nil {
		return delivery.Outcome{Kind: delivery.OutcomeNotFiled, Reason: noNetwork}
	}
	return n.Send(ctx, key, sending)
}
