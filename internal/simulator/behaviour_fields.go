package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// behaviourFields sets the fields of a Behaviour by name, for the command line and the home
// page.
var behaviourFields = map[string]func(*Behaviour, string) error{
	"authorize":     func(b *Behaviour, v string) error { b.Authorize = AuthorizeMode(v); return nil },
	"token":         func(b *Behaviour, v string) error { b.Token = TokenMode(v); return nil },
	"resource":      func(b *Behaviour, v string) error { b.Resource = ResourceMode(v); return nil },
	"endpoints":     func(b *Behaviour, v string) error { b.BadEndpoint = BadEndpoint(v); return nil },
	"tokenTimes":    func(b *Behaviour, v string) error { return setInt(&b.TokenTimes, v) },
	"resourceTimes": func(b *Behaviour, v string) error { return setInt(&b.ResourceTimes, v) },
	"refreshTokens": func(b *Behaviour, v string) (err error) {
		b.RefreshTokens, err = strconv.ParseBool(v)
		return err
	},
	"accessLife":  func(b *Behaviour, v string) error { return setDuration(&b.AccessTokenLife, v) },
	"codeLife":    func(b *Behaviour, v string) error { return setDuration(&b.CodeLife, v) },
	"refreshLife": func(b *Behaviour, v string) error { return setDuration(&b.RefreshTokenLife, v) },
	"slow":        func(b *Behaviour, v string) error { return setDuration(&b.Slow, v) },
	"late":        func(b *Behaviour, v string) error { return setDuration(&b.Late, v) },
	"retryAfter":  func(b *Behaviour, v string) error { return setDuration(&b.RetryAfter, v) },
}

func setInt(into *int, v string) (err error) { *into, err = strconv.Atoi(v); return err }

func setDuration(into *time.Duration, v string) (err error) {
	*into, err = time.ParseDuration(v)
	return err
}

// SetByName sets one field of the behaviour of all providers, such as "resource", or of
// one provider, such as "huisartslinde.resource". The values are those of the modes, with
// "right", "ask" or "none" for the empty one.
func (s *Simulator) SetByName(name, value string) error {
	provider, field, ok := strings.Cut(name, ".")
	if !ok {
		provider, field = "", name
	}
	if value == "right" || value == "ask" || value == "none" {
		value = ""
	}
	if err := s.providers.check(provider); err != nil {
		return err
	}
	set, ok := behaviourFields[field]
	if !ok {
		names := make([]string, 0, len(behaviourFields))
		for name := range behaviourFields {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Errorf("no behaviour %q; there are %s", field, strings.Join(names, ", "))
	}
	moved, err := s.behaviours.update(provider, func(b *Behaviour) error {
		if err := set(b, value); err != nil {
			return err
		}
		return b.check()
	})
	if err != nil {
		return fmt.Errorf("set %s to %q: %w", name, value, err)
	}
	if moved {
		s.Lists.Publish()
	}
	return nil
}
