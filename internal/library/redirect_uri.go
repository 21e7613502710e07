package library

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// browserSchemes are schemes that a browser runs, or shows as its own.
var browserSchemes = []string{
	"javascript",
	"data",
	"vbscript",
	"file",
	"blob",
	"about",
	"view-source",
	"filesystem",
	"ftp",
	"ws",
	"wss",
}

// checkRedirectURI returns an error unless people may be sent to the URI: https, http on a
// loopback address, or a scheme of the application's own.
func checkRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || !isPrintableASCII(uri):
		return fmt.Errorf("redirect URI %q is not a URI", uri)
	case u.Scheme == "" || u.Host == "":
		return fmt.Errorf("redirect URI %q: want scheme://host/path", uri)
	case u.Fragment != "" || strings.Contains(uri, "#"):
		return fmt.Errorf("redirect URI %q: it may have no fragment", uri)
	case u.User != nil:
		return fmt.Errorf("redirect URI %q: it may have no user name", uri)
	case slices.Contains(browserSchemes, strings.ToLower(u.Scheme)):
		return fmt.Errorf("redirect URI %q: the scheme %s is not allowed", uri, u.Scheme)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("redirect URI %q: http is for this machine only, use https", uri)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// isPrintableASCII reports whether a URI is printable ASCII without spaces.
func isPrintableASCII(uri string) bool {
	for i := range len(uri) {
		if uri[i] <= ' ' || uri[i] >= 0x7f {
			return false
		}
	}
	return true
}

// maxRedirectURI is the largest length of a request's redirect URI, in bytes.
const maxRedirectURI = 2048

// AllowsRedirect reports whether a request may name uri: scheme, host, port and path are
// those of a registered URI, byte by byte, without normalising. Only the query is free.
func (c Contract) AllowsRedirect(uri string) bool {
	if len(uri) > maxRedirectURI || !isPrintableASCII(uri) || strings.Contains(uri, "#") {
		return false
	}
	base, query, _ := strings.Cut(uri, "?")
	if _, err := url.ParseQuery(query); err != nil {
		return false
	}
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		r, _, _ := strings.Cut(registered, "?")
		return base == r
	})
}
