package smart

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/carrelhq/carrel/internal/provider"
)

// checkEndpoints checks the URLs of OAuth endpoints.
func checkEndpoints(authorization, token string, loopback bool) error {
	if err := checkURL(authorization, true, loopback); err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	if err := checkURL(token, false, loopback); err != nil {
		return fmt.Errorf("token: %w", err)
	}
	return nil
}

// checkURL checks that a URL is https, or http to a loopback host if that is allowed. It
// may have a query only if allowQuery is true.
func checkURL(text string, allowQuery, loopback bool) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return errors.New("not an address") // the error of url contains the text
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback && provider.IsLoopback(u.Hostname()):
	default:
		return errors.New("not an https address")
	}
	if u.User != nil || u.Fragment != "" || strings.Contains(text, "#") {
		return errors.New("an address with a user or a fragment")
	}
	if !allowQuery && (u.RawQuery != "" || u.ForceQuery) {
		return errors.New("an address with a query")
	}
	return nil
}

// sameHost reports whether two URLs have the same scheme, host and port.
func sameHost(a, b string) bool {
	x, err1 := url.Parse(a)
	y, err2 := url.Parse(b)
	return err1 == nil && err2 == nil && x.Scheme == y.Scheme &&
		strings.EqualFold(x.Hostname(), y.Hostname()) && effectivePort(x) == effectivePort(y)
}

// effectivePort returns the port of a URL, or the default port of its scheme.
func effectivePort(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
