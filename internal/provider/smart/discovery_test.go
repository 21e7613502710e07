package smart

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

// A server with a client secret cannot name a token endpoint at another host.
func TestDiscoveredTokenEndpoint(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		secret, elsewhere, configured, want bool
	}{
		"secret, at home":               {secret: true, want: true},
		"secret, elsewhere":             {secret: true, elsewhere: true},
		"secret, elsewhere, configured": {secret: true, elsewhere: true, configured: true, want: true},
		"no secret, elsewhere":          {elsewhere: true, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestServer(t)
			calls := 0
			grant := func(rw http.ResponseWriter, r *http.Request) {
				calls++
				if _, _, ok := r.BasicAuth(); ok != tt.secret {
					t.Errorf("with a secret: %v", ok)
				}
				rw.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(rw, `{"access_token":%q,"token_type":"Bearer"}`, plantedToken)
			}
			token := w.server.TokenEndpoint
			if tt.elsewhere {
				token = w.serveElsewhere(grant)
			} else {
				w.mux.HandleFunc("POST /token", grant)
			}
			authorize := w.server.AuthorizationEndpoint
			if tt.configured {
				w.server.TokenEndpoint = token
			} else {
				w.server.AuthorizationEndpoint, w.server.TokenEndpoint = "", ""
			}
			w.mux.HandleFunc(configuration, func(rw http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(rw, `{"authorization_endpoint":%q,"token_endpoint":%q}`, authorize, token)
			})
			if tt.secret {
				w.server.ClientSecret = seal.SecretOf(plantedSecret)
			}
			n := w.network()
			_, err1 := n.AuthorizationURL(t.Context(), authorizationParams())
			_, err2 := n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode))
			_, err3 := n.RefreshTokens(t.Context(), "smart:demo-fhir", seal.SecretOf(plantedRefresh), correlationID)
			for _, err := range []error{err1, err2, err3} {
				if (err == nil) != tt.want ||
					err != nil &&
						(!strings.Contains(err.Error(), "set authorize and token") ||
							strings.Contains(err.Error(), "planted")) {
					t.Errorf("%v, want success: %v", err, tt.want)
				}
			}
			if tt.want != (calls == 2) || !tt.want && calls > 0 {
				t.Errorf("%d calls of the token endpoint", calls)
			}
		})
	}
}

// serveElsewhere starts a token endpoint at another port of the same host, and trusts its authority.
func (w *testServer) serveElsewhere(grant http.HandlerFunc) (token string) {
	w.t.Helper()
	ca := providertest.NewCA(w.t, "another authority")
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", grant)
	certificate := ca.IssuePair(w.t, providertest.CertOptions{Hosts: []string{"localhost"}})
	w.server.Roots = append(w.server.Roots, ca.PEM...)
	return providertest.Serve(w.t, &tls.Config{Certificates: []tls.Certificate{certificate}}, mux) + "/token"
}

// configuration is where a server publishes its endpoints.
const configuration = "GET /fhir/.well-known/smart-configuration"

func TestBadDiscovery(t *testing.T) {
	t.Parallel()
	endpoints := func(authorize, token string) string {
		return fmt.Sprintf(`{"authorization_endpoint":%q,"token_endpoint":%q}`, authorize, token)
	}
	for name, answer := range map[string]string{
		"not found":                  "",
		"not JSON":                   "no JSON",
		"no endpoints":               "{}",
		"no token endpoint":          `{"authorization_endpoint":"https://x.example/a"}`,
		"authorize over plain HTTP":  endpoints("http://x.example/a", "https://x.example/t"),
		"token over plain HTTP":      endpoints("https://x.example/a", "http://localhost/t"),
		"authorize that is a script": endpoints("javascript:alert(1)", "https://x.example/t"),
		"too long":                   `{"x":"` + strings.Repeat("x", maxDiscoveryBytes) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestServer(t)
			w.server.AuthorizationEndpoint, w.server.TokenEndpoint = "", ""
			w.mux.HandleFunc(configuration, func(rw http.ResponseWriter, r *http.Request) {
				if answer == "" {
					rw.WriteHeader(http.StatusNotFound)
				}
				_, _ = io.WriteString(rw, answer)
			})
			address, err := w.network().AuthorizationURL(t.Context(), authorizationParams())
			if err == nil || errors.Is(err, delivery.ErrProviderGone) {
				t.Errorf("%s, %v", address, err)
			}
		})
	}
}

// The endpoints are asked for once in a while, and again at once after a failure.
func TestDiscoveryCache(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	authorize, token := w.server.AuthorizationEndpoint, w.server.TokenEndpoint
	w.server.AuthorizationEndpoint, w.server.TokenEndpoint = "", ""
	var asked atomic.Int32
	w.mux.HandleFunc(configuration, func(rw http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(rw, `{"authorization_endpoint":%q,"token_endpoint":%q,"capabilities":["x"]}`, authorize, token)
	})
	n := w.network()
	if address, err := n.AuthorizationURL(t.Context(), authorizationParams()); err == nil {
		t.Errorf("after a failure: %s", address)
	}
	for range 3 {
		if address, err := n.AuthorizationURL(t.Context(), authorizationParams()); err != nil ||
			!strings.HasPrefix(address, authorize) {
			t.Errorf("%s, %v", address, err)
		}
	}
	if got := asked.Load(); got != 2 {
		t.Errorf("asked %d times, want once more after the failure", got)
	}
	w.now = w.now.Add(2 * time.Hour)
	if _, err := n.AuthorizationURL(t.Context(), authorizationParams()); err != nil || asked.Load() != 3 {
		t.Errorf("two hours later: %v, asked %d times", err, asked.Load())
	}
}

func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(`{"authorization_endpoint":"https://x.example/a","token_endpoint":"https://x.example/t"}`), false)
	f.Add([]byte(`{"authorization_endpoint":"http://localhost/a?b","token_endpoint":"http://[::1]:80/t"}`), true)
	f.Fuzz(func(t *testing.T, body []byte, loopback bool) {
		e, err := readDiscovery(body, loopback)
		if err != nil {
			return
		}
		for _, s := range []string{e.authorization, e.token} {
			if !strings.HasPrefix(strings.ToLower(s), "https://") &&
				!(loopback && strings.HasPrefix(strings.ToLower(s), "http://")) {
				t.Errorf("endpoint %q", s)
			}
		}
	})
}
