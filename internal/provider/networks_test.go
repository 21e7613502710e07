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

// networks has two networks, one under an empty name, and one that is off.
func networks() *Networks {
	return NewNetworks(map[string]delivery.Providers{
		"medmij": named("MedMij"),
		"smart":  named("SMART"),
		"":       named("nobody"),
		"off":    nil,
	})
}

func TestNetworks(t *testing.T) {
	s := networks()
	for key, want := range map[delivery.ProviderKey]string{
		"medmij:huisartslinde~53": "MedMij", "smart:demo": "SMART", "smart:a:b": "SMART", ":x": "nobody",
	} {
		t.Run(string(key), func(t *testing.T) {
			address, err1 := s.AuthorizationURL(t.Context(), delivery.AuthorizationParams{Provider: key})
			returned, err2 := s.Exchange(t.Context(), delivery.AuthorizationParams{Provider: key}, seal.Secret{})
			renewed, err3 := s.RefreshTokens(t.Context(), key, seal.Secret{}, "")
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Error(err)
			}
			err := s.AuthorizationError(t.Context(), delivery.AuthorizationParams{Provider: key}, "")
			revoked := s.RevokeTokens(t.Context(), key, delivery.ProviderTokens{}, "")
			o := s.Send(t.Context(), key, delivery.SendRequest{})
			for _, got := range []string{
				address, returned.Access.Reveal(), renewed.Access.Reveal(), err.Error(), revoked.Error(), o.Reason,
			} {
				if got != want {
					t.Errorf("%q answers, want %q", got, want)
				}
			}
		})
	}
}

func TestNoNetwork(t *testing.T) {
	s := networks()
	for _, key := range []delivery.ProviderKey{"", "medmij", "other:x", "medmijx:y", "off:x"} {
		t.Run(string(key), func(t *testing.T) {
			_, err1 := s.AuthorizationURL(t.Context(), delivery.AuthorizationParams{Provider: key})
			_, err2 := s.Exchange(t.Context(), delivery.AuthorizationParams{Provider: key}, seal.Secret{})
			_, err3 := s.RefreshTokens(t.Context(), key, seal.Secret{}, "")
			err4 := s.AuthorizationError(t.Context(), delivery.AuthorizationParams{Provider: key}, "access_denied")
			for _, err := range []error{err1, err2, err3, err4} {
				if !errors.Is(err, delivery.ErrProviderGone) {
					t.Error(err)
				}
			}
			if o := s.Send(t.Context(), key, delivery.SendRequest{}); o.Kind != delivery.OutcomeNotFiled {
				t.Errorf("%+v", o)
			}
		})
	}
}
