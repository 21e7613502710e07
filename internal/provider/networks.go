package provider

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Networks is several networks of providers as one. The part of a key before the first
// colon names the network: "medmij:huisartslinde~53".
type Networks struct{ byName map[string]library.Providers }

var _ library.Providers = (*Networks)(nil)

// NewNetworks returns the set of the networks, by the names that their keys begin with.
func NewNetworks(networks map[string]library.Providers) *Networks {
	return &Networks{maps.Clone(networks)}
}

func (s *Networks) find(key library.ProviderKey) (library.Providers, error) {
	name, _, ok := strings.Cut(string(key), ":")
	if n := s.byName[name]; ok && n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("find the network of %q: %w", key, library.ErrProviderGone)
}

// Depart implements [library.Providers].
func (s *Networks) AuthorizationURL(ctx context.Context, d library.AuthorizationParams) (string, error) {
	n, err := s.find(d.Provider)
	if err != nil {
		return "", err
	}
	return n.AuthorizationURL(ctx, d)
}

// Return implements [library.Providers].
func (s *Networks) Exchange(ctx context.Context, d library.AuthorizationParams, code seal.Secret) (library.ProviderTokens, error) {
	n, err := s.find(d.Provider)
	if err != nil {
		return library.ProviderTokens{}, err
	}
	return n.Exchange(ctx, d, code)
}

// Declined implements [library.Providers].
func (s *Networks) AuthorizationError(ctx context.Context, d library.AuthorizationParams, oauthError string) error {
	n, err := s.find(d.Provider)
	if err != nil {
		return err
	}
	return n.AuthorizationError(ctx, d, oauthError)
}

// Renew implements [library.Providers].
func (s *Networks) RefreshTokens(ctx context.Context, key library.ProviderKey, refresh seal.Secret, correlation string) (library.ProviderTokens, error) {
	n, err := s.find(key)
	if err != nil {
		return library.ProviderTokens{}, err
	}
	return n.RefreshTokens(ctx, key, refresh, correlation)
}

// reasonNoNetwork is why nothing was sent to a provider of a network that is not ours.
const reasonNoNetwork = "not sent: this server knows no such network of providers"

// Send implements [library.Providers]. Without a network nothing was sent, and a
// server that is started with the network may still deliver.
func (s *Networks) Send(ctx context.Context, key library.ProviderKey, sending library.SendRequest) library.Outcome {
	n, err := s.find(key)
	if err != nil {
		return library.Outcome{Kind: library.OutcomeNotFiled, Reason: reasonNoNetwork}
	}
	return n.Send(ctx, key, sending)
}
