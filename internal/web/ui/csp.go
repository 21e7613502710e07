package ui

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/carrelhq/carrel/internal/library"
)

const cspHeader = "Content-Security-Policy"

// csp returns the Content-Security-Policy of a page whose forms may end at the given targets besides this site.
func csp(formTargets ...string) string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action " +
		strings.Join(append([]string{"'self'"}, formTargets...), " ") +
		"; frame-ancestors 'none'; base-uri 'none'"
}

// AllowFetch lets the page's script send requests to this site.
func AllowFetch(w http.ResponseWriter) {
	w.Header().Set(cspHeader, w.Header().Get(cspHeader)+"; connect-src 'self'")
}

// AllowCallback lets the page's forms end at the request's callback: Chromium applies form-action to the redirect that
// answers a form, too.
func AllowCallback(w http.ResponseWriter, r *library.PendingRequest) {
	if target := formTarget(r.RedirectURI); target != "" {
		w.Header().Set(cspHeader, csp(target))
	}
}

// AllowProviders lets the page's forms end at any provider as well. The hosts cannot be listed: most providers
// redirect the browser at once, to DigiD, and Chromium applies form-action to each redirect.
func (u *UI) AllowProviders(w http.ResponseWriter, r *library.PendingRequest) {
	targets := []string{formTarget(r.RedirectURI), "https:"}
	if u.PublicURL.Scheme == "http" {
		targets = append(targets, "http:") // on a developer's machine, where the provider is simulated
	}
	w.Header().Set(cspHeader, csp(targets...))
}

// formTarget returns the source by which form-action allows a callback. It is empty for a callback that no source can
// name.
func formTarget(callback string) string {
	u, err := url.Parse(callback)
	if err != nil || u.Scheme == "" {
		return ""
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return u.Scheme + ":"
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.Is6() {
		return u.Scheme + ":" // a source cannot have brackets
	}
	for _, c := range u.Host {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:", c) {
			return ""
		}
	}
	return originOf(u)
}
