package smart

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

const (
	plantedCode    = "planted-code"
	plantedToken   = "planted-token"
	plantedRefresh = "planted-refresh"
	plantedSecret  = "planted secret/+"
	verifier       = "planted-verifier-planted-verifier-planted-verifier"
	correlationID  = "7d5f9f57-3a6c-4a51-9d4c-2f6d1d0a7a11"
)

// testServer is a FHIR server whose responses a test sets, and its configuration.
type testServer struct {
	t      *testing.T
	server Server
	mux    *http.ServeMux
	now    time.Time
	log    strings.Builder
}

// newTestServer starts a server.
func newTestServer(t *testing.T) *testServer {
	ca := providertest.NewCA(t, "a public authority")
	w := &testServer{t: t, mux: http.NewServeMux(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	certificate := ca.IssuePair(t, providertest.CertOptions{Hosts: []string{"localhost"}})
	base := providertest.Serve(t, &tls.Config{Certificates: []tls.Certificate{certificate}}, w.mux)
	w.server = Server{
		ID: "demo-fhir", Source: 900500, Name: "Demo", City: "Utrecht", BaseURL: base + "/fhir", Version: fhir.STU3,
		AuthorizationEndpoint: base + "/authorize?realm=x", TokenEndpoint: base + "/token", ClientID: "carrel id",
		Scopes: []string{"openid", "user/*.write"}, Roots: ca.PEM,
	}
	return w
}

// network returns a network with the server.
func (w *testServer) network() *Network {
	w.t.Helper()
	n, err := New(Config{
		Servers: []Server{
			w.server,
		}, Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// authorizationParams returns the parameters of an authorization at the server.
func authorizationParams() delivery.AuthorizationParams {
	return delivery.AuthorizationParams{
		Provider: "smart:demo-fhir", State: seal.SecretOf("planted-state"), Verifier: seal.SecretOf(verifier),
		RedirectURI: "https://carrel.example/return", Correlation: correlationID,
	}
}
