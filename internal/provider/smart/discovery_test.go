package smart

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestSecretStaysHome: a server does not choose who gets our secret.
func TestSecretStaysHome(t *testing.T) {
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
			ca := providertest.NewCA(t, "another authority")
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
			if tt.elsewhere { // the same name, another port
				mux := http.NewServeMux()
				mux.HandleFunc("POST /token", grant)
				token = providertest.Serve(t, &tls.Config{Certificates: []tls.Certificate{ca.IssuePair(t, providertest.CertOptions{Hosts: []string{"localhost"}})}}, mux) + "/token"
				w.server.Roots = append(w.server.Roots, ca.PEM...)
			} else {
				w.mux.HandleFunc("POST /token", grant)
			}
			authorize := w.server.AuthorizationEndpoint
			if tt.configured {
				w.server.TokenEndpoint = token
			} else {
				w.server.AuthorizationEndpoint, w.server.TokenEndpoint = "", ""
			}
			w.mux.HandleFunc("GET /fhir/.well-known/smart-configuration", func(rw http.ResponseWriter, _ *http.Request) {
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
				if (err == nil) != tt.want || err != nil && (!strings.Contains(err.Error(), "set authorize and token") || strings.Contains(err.Error(), "planted")) {
					t.Errorf("%v, want success: %v", err, tt.want)
				}
			}
			if tt.want != (calls == 2) || !tt.want && calls > 0 {
				t.Errorf("%d calls of the token endpoint", calls)
			}
		})
	}
}

func TestSameHost(t *testing.T) {
	for _, tt := range []struct {
		base, token string
		want        bool
	}{
		{"https://fhir.example/r4", "https://fhir.example/token", true},
		{"https://fhir.example/r4", "https://FHIR.example:443/token", true},
		{"https://fhir.example:8443", "https://fhir.example:8443/token", true},
		{"http://localhost", "http://localhost:80/token", true},
		{"https://fhir.example/r4", "https://fhir.example:8443/token", false},
		{"https://fhir.example/r4", "https://login.example/token", false},
		{"https://fhir.example/r4", "https://fhir.example.evil.example/token", false},
		{"https://fhir.example/r4", "https://evil.example/fhir.example", false},
		{"https://localhost:443", "http://localhost:443/token", false},
		{"https://[::1]/r4", "https://[::1]:443/token", true},
	} {
		if got := sameHost(tt.base, tt.token); got != tt.want {
			t.Errorf("%s and %s: %v", tt.base, tt.token, got)
		}
	}
}
