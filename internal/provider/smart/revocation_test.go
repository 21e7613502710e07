package smart

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

// The refresh token is revoked, or the access token without one, by a client that says who it is.
func TestRevokeTokens(t *testing.T) {
	for name, test := range map[string]struct {
		secret  string
		refresh string
		want    string
	}{
		"public client": {"", plantedRefresh,
			"client_id=carrel+id&token=planted-refresh&token_type_hint=refresh_token"},
		"confidential client": {plantedSecret, plantedRefresh, "token=planted-refresh&token_type_hint=refresh_token"},
		"no refresh token":    {"", "", "client_id=carrel+id&token=planted-token&token_type_hint=access_token"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestServer(t)
			w.server.ClientSecret = seal.SecretOf(test.secret)
			w.server.RevocationEndpoint = strings.TrimSuffix(w.server.TokenEndpoint, "/token") + "/revoke"
			status, calls := http.StatusOK, 0
			w.mux.HandleFunc("POST /revoke", func(out http.ResponseWriter, r *http.Request) {
				calls++
				user, password, basic := r.BasicAuth()
				if err := r.ParseForm(); err != nil || r.PostForm.Encode() != test.want {
					t.Errorf("form %s, want %s", r.PostForm.Encode(), test.want)
				}
				if basic != (test.secret != "") ||
					basic && (user != "carrel+id" || password != "planted+secret%2F%2B") {
					t.Errorf("client %q %q", user, password)
				}
				out.WriteHeader(status)
			})
			tokens := delivery.ProviderTokens{Access: seal.SecretOf(plantedToken), Refresh: seal.SecretOf(test.refresh)}
			n := w.network()
			if err := n.RevokeTokens(t.Context(), "smart:demo-fhir", tokens, correlationID); err != nil || calls != 1 {
				t.Errorf("%d calls, %v", calls, err)
			}
			status = http.StatusServiceUnavailable
			err := n.RevokeTokens(t.Context(), "smart:demo-fhir", tokens, correlationID)
			if err == nil || strings.Contains(err.Error(), "planted") {
				t.Errorf("unavailable: %v", err)
			}
		})
	}
}

// A server without the endpoint is not called, and neither is a host that did not issue the tokens.
func TestNoRevocationEndpoint(t *testing.T) {
	w := newTestServer(t)
	tokens := delivery.ProviderTokens{Access: seal.SecretOf(plantedToken)}
	if err := w.network().RevokeTokens(t.Context(), "smart:demo-fhir", tokens, correlationID); err != nil {
		t.Error(err)
	}
	for revocation, want := range map[string]string{
		"https://login.example/revoke": "https://login.example/revoke",
		"https://other.example/revoke": "",
		"http://login.example/revoke":  "",
		"":                             "",
	} {
		found, err := readDiscovery([]byte(`{"authorization_endpoint":"https://login.example/authorize",`+
			`"token_endpoint":"https://login.example/token","revocation_endpoint":"`+revocation+`"}`), false)
		if err != nil || found.revocation != want {
			t.Errorf("%q: %q, %v", revocation, found.revocation, err)
		}
	}
}
