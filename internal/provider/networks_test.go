package provider

import (
	"context"
	"errors"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

// named is a network that answers each call with its name.
type named string

func (n named) AuthorizationURL(context.Context, delivery.AuthorizationParams) (string, error) {
	return string(n), nil
}

func (n named) Exchange(context.Context, delivery.AuthorizationParams, seal.Secret) (delivery.ProviderTokens, error) {
	return delivery.ProviderTokens{Access: seal.SecretOf(string(n))}, nil
}

func (n named) AuthorizationError(context.Context, delivery.AuthorizationParams, string) error {
	return errors.New(string(n))
}

func (n named) RefreshTokens(
	context.Context, delivery.ProviderKey, seal.Secret, string,
) (delivery.ProviderTokens, error) {
	return delivery.ProviderTokens{Access: seal.SecretOf(string(n))}, nil
}

func (n named) RevokeTokens(context.Context, delivery.ProviderKey, delivery.ProviderTokens, string) error {
	return errors.New(string(n))
}

func (n named) Send(context.Context, delivery.ProviderKey, delivery.SendRequest) delivery.Outcome {
	return delivery.Outcome{Kind: delivery.OutcomeDelivered, Reason: string(n)}
}

func TestNetworks(t *testing.T) {
	s := NewNetworks(map[string]delivery.Providers{
		"medmij": named("MedMij"),
		"smart":  named("SMART"),
		"":       named("nobody"),
		"off":    nil,
	})
	for key, want := range map[delivery.ProviderKey]string{
		"medmij:huisartslinde~53": "MedMij", "smart:demo": "SMART", "smart:a:b": "SMART", ":x": "nobody",
	} {
		address, err1 := s.AuthorizationURL(t.Context(), delivery.AuthorizationParams{Provider: key})
		returned, err2 := s.Exchange(t.Context(), delivery.AuthorizationParams{Provider: key}, seal.Secret{})
		renewed, err3 := s.RefreshTokens(t.Context(), key, seal.Secret{}, "")
		err := s.AuthorizationError(t.Context(), delivery.AuthorizationParams{Provider: key}, "")
		if err.Error() != want {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
		if err := s.RevokeTokens(t.Context(), key, delivery.ProviderTokens{}, ""); err.Error() != want {
			t.Errorf("%s: revoked at %v, want %q", key, err, want)
		}
		o := s.Send(t.Context(), key, delivery.SendRequest{})
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		if address != want || returned.Access.Reveal() != want || renewed.Access.Reveal() != want || o.Reason != want {
			t.Errorf("%s: %q %q %q %q, want %q", key, address, returned.Access.Reveal(), renewed.Access.Reveal(),
				o.Reason, want)
		}
	}
	for _, key := range []delivery.ProviderKey{"", "medmij", "other:x", "medmijx:y", "off:x"} {
		_, err1 := s.AuthorizationURL(t.Context(), delivery.AuthorizationParams{Provider: key})
		_, err2 := s.Exchange(t.Context(), delivery.AuthorizationParams{Provider: key}, seal.Secret{})
		_, err3 := s.RefreshTokens(t.Context(), key, seal.Secret{}, "")
		err4 := s.AuthorizationError(t.Context(), delivery.AuthorizationParams{Provider: key}, "access_denied")
		for _, err := range []error{err1, err2, err3, err4} {
			if !errors.Is(err, delivery.ErrProviderGone) {
				t.Errorf("%q: %v", key, err)
			}
		}
		if o := s.Send(t.Context(), key, delivery.SendRequest{}); o.Kind != delivery.OutcomeNotFiled {
			t.Errorf("%q: %+v", key, o)
		}
	}
}
