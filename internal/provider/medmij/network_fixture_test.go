package medmij

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/google/uuid"
)

const testClientID = "medmij.example.nl"

// testNetwork is a list server, a provider's server whose handlers a test sets, and the
// configuration of a Network for them.
type testNetwork struct {
	t      testing.TB
	ca     *providertest.CA
	lists  *listServer
	config Config
	url    string // of the provider's server
	log    *syncBuffer
	chain  *syncBuffer

	mu           sync.Mutex
	tokenHandler http.HandlerFunc
	fhirHandler  http.HandlerFunc
}

// syncBuffer is a log that a test reads.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const linde = "huisartslinde"

// newTestNetwork starts the servers, with valid lists that have one provider.
func newTestNetwork(t testing.TB) *testNetwork {
	t.Helper()
	ca := providertest.NewCA(t, "Private Root of the test")
	w := &testNetwork{
		t: t, ca: ca, log: new(syncBuffer), chain: new(syncBuffer),
		lists: &listServer{lists: map[string]string{}, statuses: map[string]int{}, served: map[string]int{}},
	}
	local := ca.IssuePair(t, providertest.CertOptions{Hosts: []string{"localhost"}})
	lists := providertest.Serve(t, &tls.Config{Certificates: []tls.Certificate{local}}, w.lists)
	w.url = providertest.Serve(t, &tls.Config{
		Certificates: []tls.Certificate{local}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(),
	}, http.HandlerFunc(w.serve))
	w.lists.publish(
		zal2XML(10, w.service("53")), oclXML(10, "other.example.nl", testClientID),
		whlXML(10, "other.example.nl", "localhost"),
		gnlXML(10, "53", "Meetwaarden vitale functies", "57", "Documenten"))
	w.config = Config{
		ListURL: lists + "/MedMij_%s.xml", ClientID: testClientID, Credentials: Credentials{Roots: ca.PEM},
		AllowLoopback: true,
		Log:           slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ChainLog:      slog.New(slog.NewJSONHandler(w.chain, nil)),
	}
	w.config.Certificate, w.config.Key = ca.Issue(t, providertest.CertOptions{Hosts: []string{testClientID}})
	return w
}

// service returns a service of the provider.
func (w *testNetwork) service(id string) testService {
	return testService{
		name: linde, id: id, authorization: "https://login.example.nl/authorize", token: w.url + "/token",
		roles: []string{"ROLE-1", w.url + "/fhir"},
	}
}

func (w *testNetwork) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	serveToken, serveFHIR := w.tokenHandler, w.fhirHandler
	w.mu.Unlock()
	switch {
	case r.URL.Path == "/token" && serveToken != nil:
		serveToken(rw, r)
	case strings.HasPrefix(r.URL.Path, "/fhir") && serveFHIR != nil:
		serveFHIR(rw, r)
	default:
		w.t.Errorf("unexpected %s %s", r.Method, r.URL)
	}
}

// handle sets the handlers of the provider's token and FHIR endpoints.
func (w *testNetwork) handle(serveToken, serveFHIR http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokenHandler, w.fhirHandler = serveToken, serveFHIR
}

// newNetwork returns a Network without lists.
func (w *testNetwork) newNetwork() *Network {
	w.t.Helper()
	n, err := New(w.config)
	if err != nil {
		w.t.Fatalf("new network: %v", err)
	}
	return n
}

// newUpdatedNetwork returns a Network with lists.
func (w *testNetwork) newUpdatedNetwork() *Network {
	w.t.Helper()
	n := w.newNetwork()
	if err := n.UpdateLists(w.t.Context()); err != nil {
		w.t.Fatalf("update lists: %v", err)
	}
	return n
}

const key53 = delivery.ProviderKey("medmij:huisartslinde~53")

// Secrets and content that must not occur in logs and errors.
const (
	plantedState   = "planted-state"
	plantedCode    = "planted-code"
	plantedToken   = "planted-token"
	plantedRefresh = "planted-refresh"
	plantedContent = "planted-content"
	correlationID  = "7d5f9f57-3a6c-4a51-9d4c-2f6d1d0a7a11"
)

// authorizationParams returns the parameters of an authorization.
func authorizationParams() delivery.AuthorizationParams {
	return delivery.AuthorizationParams{
		Provider: key53, State: seal.SecretOf(plantedState), Verifier: seal.SecretOf("planted-verifier"),
		RedirectURI: "https://medmij.example.nl/return", Correlation: correlationID,
	}
}

// sendRequest returns a request to send a Bundle.
func sendRequest() delivery.SendRequest {
	return delivery.SendRequest{
		Resource: delivery.Resource{
			Version: fhir.STU3, Types: []string{"Bundle"},
			Body: []byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"x":"planted-content"}}]}`),
		},
		Token: seal.SecretOf(plantedToken), Correlation: correlationID,
	}
}

// checkBackchannelRequest checks what every backchannel request has, and adds its id to seen.
func checkBackchannelRequest(t *testing.T, r *http.Request, seen map[string]bool) {
	t.Helper()
	id := r.Header.Get("MedMij-Request-ID")
	if _, err := uuid.Parse(id); err != nil || seen[id] {
		t.Errorf("MedMij-Request-ID %q, seen before: %v", id, seen[id])
	}
	seen[id] = true
	if got := r.Header.Get("X-Correlation-ID"); got != correlationID {
		t.Errorf("X-Correlation-ID is %q", got)
	}
	if name := r.TLS.PeerCertificates[0].DNSNames; len(name) != 1 || name[0] != testClientID {
		t.Errorf("the certificate is that of %q", name)
	}
	if r.Method != http.MethodPost || r.URL.RawQuery != "" {
		t.Errorf("%s %s", r.Method, r.URL)
	}
}
