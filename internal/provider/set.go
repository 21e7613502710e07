package provider

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Set is several networks of providers as one. The part of a key before the first
// colon names the network: "medmij:huisartslinde~53".
type Set struct{ networks map[string]library.Providers }

var _ library.Providers = (*Set)(nil)

// NewSet returns the set of the networks, by the names that their keys begin with.
func NewSet(networks map[string]library.Providers) *Set {
	return &Set{maps.Clone(networks)}
}

func (s *Set) find(key library.ProviderKey) (library.Providers, error) {
	name, _, ok := strings.Cut(string(key), ":")
	if n := s.networks[name]; ok && n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("find the network of %q: %w", key, library.ErrProviderGone)
}

// Depart implements [library.Providers].
func (s *Set) Depart(ctx context.Context, d library.Departure) (string, error) {
	n, err := s.find(d.Provider)
	if err != nil {
		return "", err
	}
	return n.Depart(ctx, d)
}

// Return implements [library.Providers].
func (s *Set) Return(ctx context.Context, d library.Departure, code seal.Secret) (library.ProviderAccess, error) {
	n, err := s.find(d.Provider)
	if err != nil {
		return library.ProviderAccess{}, err
	}
	return n.Return(ctx, d, code)
}

// Declined implements [library.Providers].
func (s *Set) Declined(ctx context.Context, d library.Departure, oauthError string) error {
	n, err := s.find(d.Provider)
	if err != nil {
		return err
	}
	return n.Declined(ctx, d, oauthError)
}

// Renew implements [library.Providers].
func (s *Set) Renew(ctx context.Context, key library.ProviderKey, refresh seal.Secret, correlation string) (library.ProviderAccess, error) {
	n, err := s.find(key)
	if err != nil {
		return library.ProviderAccess{}, err
	}
	return n.Renew(ctx, key, refresh, correlation)
}

// noNetwork is why nothing was sent to a provider of a network that is not ours.
const noNetwork = "not sent: this server knows no such network of providers"

// Send implements [library.Providers]. Without a network nothing was sent, and a
// server that is started with the network may still deliver.
func (s *Set) Send(ctx context.Context, key library.ProviderKey, sending library.Sending) library.Outcome {
	n, err := s.find(key)
	if err != nil {
		return library.Outcome{Kind: library.OutcomeNotFiled, Reason: noNetwork}
	}
	return n.Send(ctx, key, sending)
}
