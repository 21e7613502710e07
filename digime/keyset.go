package digime

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
)

// openSigned verifies that the server has signed the token, and decodes its claims. The header of the token says where
// the server's keys are (jku) and which of them it is (kid). The address must belong to the server that the client was
// created for; otherwise whoever answers would choose the keys. The keys are fetched for every token, so that a key
// that the server has withdrawn is no longer accepted; the calls that need it are rare.
func (c *Client) openSigned(ctx context.Context, text string, claims any) error {
	token, err := wire.ParseToken(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	if err := c.checkKeySet(token.Header.KeySetURL); err != nil {
		return err
	}
	var set wire.KeySet
	err = c.send(ctx, nil, call{
		method: http.MethodGet, path: route{pattern: "{keys}"}, url: token.Header.KeySetURL, unsigned: true,
	}, jsonResponse{&set, maxJSON}.read)
	if err != nil {
		return fmt.Errorf("fetch the server's keys: %w", err)
	}
	for _, k := range set.Keys {
		if k.KeyID != token.Header.KeyID {
			continue
		}
		key, err := wire.ParsePublicKey([]byte(k.PEM))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBadSignature, err)
		}
		if err := token.Verify(key); err != nil {
			return fmt.Errorf("%w: %w", ErrBadSignature, err)
		}
		return token.Peek(claims)
	}
	return fmt.Errorf("%w: the server has no key %q", ErrBadSignature, token.Header.KeyID)
}

// checkKeySet refuses the address of a key set that is not on the host of the API.
func (c *Client) checkKeySet(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%w: the address of the keys is not a URL", ErrBadSignature)
	}
	if origin(u) != origin(c.base) || u.User != nil {
		return fmt.Errorf("%w: the keys are at %s, but the client was created for %s",
			ErrBadSignature, u.Redacted(), c.base)
	}
	return nil
}

// origin returns the scheme, the host and the port, which is never empty.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
