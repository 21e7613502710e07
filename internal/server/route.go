package server

import (
	"net"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/carrelhq/carrel/internal/httpserve"
)

// route returns a handler that passes each request either to the protocol's mux or to that of the pages. No route of
// one can be reached through the other.
func (s *Server) route(protocol, pages http.Handler, secure bool) http.Handler {
	probes := http.NewServeMux()
	probes.HandleFunc("/healthz", health)
	probes.HandleFunc("/readyz", s.ready)
	probed := httpserve.Handler(s.config.IdleTimeout, probes)
	locate := s.locateClients()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSecurityHeaders(w.Header(), secure)
		locate(r)
		switch {
		case r.URL.Path == "/healthz" || r.URL.Path == "/readyz":
			probed.ServeHTTP(w, r)
		// The path is cleaned for the comparison only: a client that sends a double slash gets an error of the
		// protocol, not a page.
		case isProtocol(r.URL.Path) || isProtocol(path.Clean(r.URL.Path)):
			protocol.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// isProtocol reports whether a path is one of the protocol's.
func isProtocol(urlPath string) bool {
	return strings.HasPrefix(urlPath, "/v1.") || strings.HasPrefix(urlPath, "/cloud/")
}

// hsts makes browsers use TLS for a year. It does not speak for subdomains, which may be somebody else's.
const hsts = "max-age=31536000"

// setSecurityHeaders sets the headers of every answer, be it of a call, a page or a probe. The pages have more.
func setSecurityHeaders(h http.Header, secure bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if secure {
		h.Set("Strict-Transport-Security", hsts)
	}
}

// locateClients returns a function that sets a request's RemoteAddr to the address of its client: behind a proxy the
// one that the proxy reports, if it can be read. It warns once of a setting that does not fit the requests.
func (s *Server) locateClients() func(*http.Request) {
	var once sync.Once
	warn := func(text string) { once.Do(func() { s.config.Log.Warn(text) }) }
	return func(r *http.Request) {
		forwarded := r.Header.Get("X-Forwarded-For") != ""
		if !s.config.BehindProxy {
			if forwarded {
				warn(
					"a request has X-Forwarded-For, and --behind-proxy (CARREL_BEHIND_PROXY) is not set: behind a " +
						"proxy that sets this header, all visitors count as one for the limits on wrong passwords " +
						"and connections",
				)
			}
			return
		}
		client, ok := httpserve.ForwardedFor(r.Header)
		if ok {
			r.RemoteAddr = net.JoinHostPort(client.String(), "0")
			return
		}
		// Probes come directly.
		if !strings.HasPrefix(r.URL.Path, "/healthz") && !strings.HasPrefix(r.URL.Path, "/readyz") {
			warn(
				"--behind-proxy (CARREL_BEHIND_PROXY) is set, and a request has no X-Forwarded-For that can be read: " +
					"let the proxy set it, or all visitors count as one",
			)
		}
	}
}
