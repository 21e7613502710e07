package provider

import (
	"context"
	"errors"
	"testing"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// named is a network that answers each call with its name.
type named string

func (n named) AuthorizationURL(context.Context, library.AuthorizationParams) (string, error) {
	return string(n), nil
}

func (n named) Exchange(context.Context, library.AuthorizationParams, seal.Secret) (library.ProviderTokens, error) {
	return library.ProviderTokens{Access: seal.SecretOf(string(n))}, nil
}

func (n named) AuthorizationError(context.Context, library.AuthorizationParams, string) error {
	return errors.New(string(n))
}

func (n named) RefreshTokens(context.Context, library.ProviderKey, seal.Secret, string) (library.ProviderTokens, error) {
	return library.ProviderTokens{Access: seal.SecretOf(string(n))}, nil
}

func (n named) Send(context.Context, library.ProviderKey, library.SendRequest) library.Outcome {
	return library.Outcome{Kind: library.OutcomeDelivered, Reason: string(n)}
}

func TestNetworks(t *testing.T) {
	s := NewNetworks(map[string]library.Providers{"medmij": named("MedMij"), "smart": named("SMART"), "": named("nobody"), "off": nil})
	for key, want := range map[library.ProviderKey]string{
		"medmij:huisartslinde~53": "MedMij", "smart:demo": "SMART", "smart:a:b": "SMART", ":x": "nobody",
	} {
		address, err1 := s.AuthorizationURL(t.Context(), library.AuthorizationParams{Provider: key})
		returned, err2 := s.Exchange(t.Context(), library.AuthorizationParams{Provider: key}, seal.Secret{})
		renewed, err3 := s.RefreshTokens(t.Context(), key, seal.Secret{}, "")
		if err := s.AuthorizationError(t.Context(), library.AuthorizationParams{Provider: key}, ""); err.Error() != want {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
		o := s.Send(t.Context(), key, library.SendRequest{})
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		if address != want || returned.Access.Reveal() != want || renewed.Access.Reveal() != want || o.Reason != want {
			t.Errorf("%s: %q %q %q %q, want %q", key, address, returned.Access.Reveal(), renewed.Access.Reveal(), o.Reason, want)
		}
	}
	for _, key := range []library.ProviderKey{"", "medmij", "other:x", "medmijx:y", "off:x"} {
		_, err1 := s.AuthorizationURL(t.Context(), library.AuthorizationParams{Provider: key})
		_, err2 := s.Exchange(t.Context(), library.AuthorizationParams{Provider: key}, seal.Secret{})
		_, err3 := s.RefreshTokens(t.Context(), key, seal.Secret{}, "")
		err4 := s.AuthorizationError(t.Context(), library.AuthorizationParams{Provider: key}, "access_denied")
		for _, err := range []error{err1, err2, err3, err4} {
			if !errors.Is(err, library.ErrProviderGone) {
				t.Errorf("%q: %v", key, err)
			}
		}
		if o := s.Send(t.Context(), key, library.SendRequest{}); o.Kind != library.OutcomeNotFiled {
			t.Errorf("%q: %+v", key, o)
		}
	}
}
