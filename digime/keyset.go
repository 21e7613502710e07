package digime

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
)

// openSigned checks that the server has signed the token and reads its claims. The
// token's header says where the server's keys are (jku) and which one it is (kid).
// The address must be of the server that the client was set up for: else whoever
// answers would say who must be believed. Keys are fetched each time, so that one
// that the server has given up is given up here too; these calls are rare.
func (c *Client) openSigned(ctx context.Context, text string, claims any) error {
	token, err := wire.ParseToken(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	if err := c.checkKeySet(token.Header.KeySetURL); err != nil {
		return err
	}
	var set wire.KeySet
	err = c.callJSON(ctx, nil, call{method: http.MethodGet, path: route{pattern: "{keys}"}, url: token.Header.KeySetURL, unsigned: true}, &set)
	if err != nil {
		return fmt.Errorf("fetch the server's keys: %w", err)
	}
	for _, k := range set.Keys {
		if k.KeyID != token.Header.KeyID {
			continue
		}
		key, err := wire.ParsePublicKey([]byte(k.PEM))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
		if err := token.Verify(key); err != nil {
			return fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
		return token.Peek(claims)
	}
	return fmt.Errorf("%w: it has no key %q", ErrUntrusted, token.Header.KeyID)
}

// checkKeySet refuses the address of a key set that is elsewhere than the API.
func (c *Client) checkKeySet(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%w: the address of its keys is no URL", ErrUntrusted)
	}
	if origin(u) != origin(c.base) || u.User != nil {
		return fmt.Errorf("%w: its keys are at %s, but the client was set up for %s", ErrUntrusted, u.Redacted(), c.base)
	}
	return nil
}

// origin is scheme, host and port, the port in full.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
