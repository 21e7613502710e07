package pages

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// policy is the Content-Security-Policy of a page whose forms may end at formTargets
// besides here.
func policy(formTargets ...string) string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action " +
		strings.Join(append([]string{"'self'"}, formTargets...), " ") +
		"; frame-ancestors 'none'; base-uri 'none'"
}

// letFetch lets the page's script ask here for more.
func letFetch(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy", w.Header().Get("Content-Security-Policy")+"; connect-src 'self'")
}

// formTarget is the source by which form-action lets a form end at a callback:
// Chromium applies it to the redirect after a post, too. It is empty for a callback
// that cannot be named.
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

// secureHeaders stands on every answer, so that no page can be framed, cached,
// sniffed or made to load anything. A page may allow itself more.
func (s *site) secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy())
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		// Not no-referrer: with that, browsers send "Origin: null" with our own forms.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
