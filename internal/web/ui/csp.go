package ui

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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

// allowScriptRequests is the directive that lets a script send requests to this site.
const allowScriptRequests = "; connect-src 'self'"

// AllowScriptRequests sets the content security policy so that the page's script can send requests to this site.
func AllowScriptRequests(w http.ResponseWriter) {
	if policy := w.Header().Get(cspHeader); !strings.HasSuffix(policy, allowScriptRequests) {
		w.Header().Set(cspHeader, policy+allowScriptRequests)
	}
}

// setFormTargets replaces the targets of forms in the content security policy, and leaves the rest as it is.
func setFormTargets(w http.ResponseWriter, targets ...string) {
	policy := csp(targets...)
	if strings.HasSuffix(w.Header().Get(cspHeader), allowScriptRequests) {
		policy += allowScriptRequests
	}
	w.Header().Set(cspHeader, policy)
}

// AllowFormToCallback sets the content security policy so that the page's forms can end at the request's callback:
// Chromium also applies form-action to the redirect that answers a form.
func AllowFormToCallback(w http.ResponseWriter, r *library.PendingRequest) {
	if targets := callbackTargets(r); len(targets) > 0 {
		setFormTargets(w, targets...)
	}
}

// callbackTargets returns the source expressions that allow the request's callbacks in form-action.
func callbackTargets(r *library.PendingRequest) (targets []string) {
	for _, uri := range r.RedirectURIs() {
		if target := formTarget(uri); target != "" && !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
	}
	return targets
}

// AllowFormToProviders sets the content security policy so that the page's forms can end at the request's callback and
// at any provider. The hosts cannot be listed: most providers redirect the browser at once, to DigiD, and Chromium
// applies form-action to each redirect.
func (u *UI) AllowFormToProviders(w http.ResponseWriter, r *library.PendingRequest) {
	targets := append(callbackTargets(r), "https:")
	if u.PublicURL.Scheme == "http" {
		targets = append(targets, "http:") // on a developer's machine, where the provider is simulated
	}
	setFormTargets(w, targets...)
}

// formTarget returns the source expression that allows a callback in form-action. It is empty if the callback's URL
// cannot be written as one.
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
