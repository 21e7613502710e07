package provider

import (
	"context"
	"errors"
	"testing"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// named answers every call with its name.
type named string

func (n named) Depart(context.Context, library.Departure) (string, error) { return string(n), nil }

func (n named) Return(context.Context, library.Departure, seal.Secret) (library.ProviderAccess, error) {
	return library.ProviderAccess{Token: seal.SecretOf(string(n))}, nil
}

func (n named) Declined(context.Context, library.Departure, string) error {
	return errors.New(string(n))
}

func (n named) Renew(context.Context, library.ProviderKey, seal.Secret, string) (library.ProviderAccess, error) {
	return library.ProviderAccess{Token: seal.SecretOf(string(n))}, nil
}

func (n named) Send(context.Context, library.ProviderKey, library.Sending) library.Outcome {
	return library.Outcome{Kind: library.OutcomeDelivered, Reason: string(n)}
}

func TestSet(t *testing.T) {
	s := NewSet(map[string]library.Providers{"medmij": named("MedMij"), "smart": named("SMART"), "": named("nobody"), "off": nil})
	for key, want := range map[library.ProviderKey]string{
		"medmij:huisartslinde~53": "MedMij", "smart:demo": "SMART", "smart:a:b": "SMART", ":x": "nobody",
	} {
		address, err1 := s.Depart(t.Context(), library.Departure{Provider: key})
		returned, err2 := s.Return(t.Context(), library.Departure{Provider: key}, seal.Secret{})
		renewed, err3 := s.Renew(t.Context(), key, seal.Secret{}, "")
		if err := s.Declined(t.Context(), library.Departure{Provider: key}, ""); err.Error() != want {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
		o := s.Send(t.Context(), key, library.Sending{})
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		if address != want || returned.Token.Reveal() != want || renewed.Token.Reveal() != want || o.Reason != want {
			t.Errorf("%s: %q %q %q %q, want %q", key, address, returned.Token.Reveal(), renewed.Token.Reveal(), o.Reason, want)
		}
	}
	for _, key := range []library.ProviderKey{"", "medmij", "other:x", "medmijx:y", "off:x"} {
		_, err1 := s.Depart(t.Context(), library.Departure{Provider: key})
		_, err2 := s.Return(t.Context(), library.Departure{Provider: key}, seal.Secret{})
		_, err3 := s.Renew(t.Context(), key, seal.Secret{}, "")
		err4 := s.Declined(t.Context(), library.Departure{Provider: key}, "access_denied")
		for _, err := range []error{err1, err2, err3, err4} {
			if !errors.Is(err, library.ErrProviderGone) {
				t.Errorf("%q: %v", key, err)
			}
		}
		if o := s.Send(t.Context(), key, library.Sending{}); o.Kind != library.OutcomeNotFiled {
			t.Errorf("%q: %+v", key, o)
		}
	}
}
