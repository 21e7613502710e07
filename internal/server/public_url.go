package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// errPlainHTTP says why a public URL without TLS is refused.
var errPlainHTTP = errors.New("without TLS, whoever is on the network reads passwords and files, and changes pages: " +
	"give an https URL, with --tls-cert or a proxy in front. On a network where nobody else is, allow it with " +
	"--allow-http (CARREL_ALLOW_HTTP)")

// ParsePublicURL reads the URL of a server and normalises it to an origin as browsers write it (RFC 6454): lower case,
// an internationalised name in ASCII, no default port. Forms are compared with it. http on another host than this
// machine has to be allowed.
func ParsePublicURL(text string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		var parse *url.Error // which repeats the URL, with a password that may be in it
		if errors.As(err, &parse) {
			err = parse.Err
		}
		return nil, fmt.Errorf("public URL (--public-url, CARREL_PUBLIC_URL): %w", err)
	}
	origin, err := normalOrigin(u)
	if err == nil && origin.Scheme == "http" && !allowHTTP && !isLoopback(origin.Hostname()) {
		err = errPlainHTTP
	}
	if err != nil {
		return nil, fmt.Errorf("public URL %q (--public-url, CARREL_PUBLIC_URL): %w", u.Redacted(), err)
	}
	return origin, nil
}

func normalOrigin(u *url.URL) (*url.URL, error) {
	if err := checkOrigin(u); err != nil {
		return nil, err
	}
	host, err := normalHost(u)
	if err != nil {
		return nil, err
	}
	port, err := normalPort(u)
	if err != nil {
		return nil, err
	}
	origin := &url.URL{Scheme: u.Scheme, Host: host}
	switch {
	case port != "":
		origin.Host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		origin.Host = "[" + host + "]"
	}
	return origin, nil
}

// checkOrigin returns an error for a URL that has more than a scheme, a host and a port.
func checkOrigin(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return errors.New("want https://host[:port]")
	case u.User != nil:
		return errors.New("it has a user name: leave that out")
	case strings.Trim(u.Path, "/") != "":
		return errors.New("it has a path: the server needs a host name of its own")
	case u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return errors.New("it has a query or a fragment: leave that out")
	}
	return nil
}

// hostProfile converts names as browsers do, which also take names with an underscore.
var hostProfile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(false))

// normalHost returns a URL's host: a canonical address, or a name in lower case and ASCII without a dot at its end.
func normalHost(u *url.URL) (string, error) {
	name := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		address, err := netip.ParseAddr(name)
		if err != nil || address.Zone() != "" {
			return "", errors.New("its IPv6 address is malformed, or has a zone")
		}
		return address.String(), nil
	}
	ascii, err := hostProfile.ToASCII(name)
	if err != nil {
		return "", fmt.Errorf("its host is no domain name: %w", err)
	}
	ascii = strings.TrimSuffix(ascii, ".")
	if ascii == "" || strings.Trim(ascii, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" ||
		strings.Contains(ascii, "..") {
		return "", errors.New("its host is no domain name")
	}
	// Browsers take a name whose last part is a number for an IPv4 address, in whatever form.
	last := ascii[strings.LastIndexByte(ascii, '.')+1:]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil || strings.Trim(last, "0123456789") == "" {
		if address, err := netip.ParseAddr(ascii); err != nil || !address.Is4() {
			return "", errors.New("its host is no IPv4 address in the usual form, such as 192.0.2.1")
		}
	}
	return ascii, nil
}

// normalPort returns a URL's port; empty for the default one of its scheme.
func normalPort(u *url.URL) (string, error) {
	if u.Port() == "" {
		return "", nil
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("its port is none between 1 and 65535")
	}
	if u.Scheme == "https" && n == 443 || u.Scheme == "http" && n == 80 {
		return "", nil
	}
	return strconv.FormatUint(n, 10), nil
}

// isLoopback reports whether a host is this machine, as browsers see it (W3C Secure Contexts).
func isLoopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
