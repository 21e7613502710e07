package medmij_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/simulator"
	"github.com/carrelhq/carrel/internal/testenv"
)

// simulated is the simulator, and a network that is configured for it.
type simulated struct {
	*testing.T
	sim     *simulator.Simulator
	network *medmij.Network
	logs    *syncBuffer
	// browser is a person's browser, without a client certificate.
	browser *http.Client
}

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

// startSimulator starts the simulator and updates the network's lists.
func startSimulator(t *testing.T) *simulated {
	t.Helper()
	sim, err := simulator.Start(t.Context(), simulator.Config{ClientID: clientID})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &simulated{T: t, sim: sim, logs: new(syncBuffer)}
	s.network = s.newNetwork(nil)
	if err := s.network.UpdateLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sim.Roots())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	s.browser = &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// newNetwork returns a network; change may change its configuration.
func (s *simulated) newNetwork(change func(*medmij.Config)) *medmij.Network {
	s.Helper()
	cert, key := s.sim.ClientCertificate()
	c := medmij.Config{
		ListURL: s.sim.ListURL(), ClientID: clientID,
		Credentials:   medmij.Credentials{Certificate: cert, Key: key, Roots: s.sim.Roots()},
		AllowLoopback: true,
		Log:           slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ChainLog:      slog.New(slog.NewJSONHandler(s.logs, nil)),
	}
	if change != nil {
		change(&c)
	}
	n, err := medmij.New(c)
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// authorizationURLError returns the error of an authorization request at a provider.
func (s *simulated) authorizationURLError() error {
	_, err := s.network.AuthorizationURL(s.Context(),
		delivery.AuthorizationParams{Provider: "medmij:balanspunt~53", State: seal.NewSecret(), RedirectURI: callback,
			Correlation: uuid.NewString()})
	return err
}

// checkClean checks that no request broke a rule, and that the logs contain no secret and
// nothing of a resource.
func (s *simulated) checkClean() {
	s.Helper()
	for _, v := range s.sim.Violations() {
		s.Errorf("violation: %s", v)
	}
	logs := s.logs.String()
	for _, secret := range s.sim.Secrets() {
		if strings.Contains(logs, secret) {
			s.Errorf("the logs contain a code or a token")
		}
	}
	for _, content := range []string{"mm[Hg]", "85354-9", "Practice", "BEGIN"} {
		if strings.Contains(logs, content) {
			s.Errorf("the logs contain %q", content)
		}
	}
}

// authorize sends a person to the provider's authorization endpoint and returns the
// parameters of the callback.
func (s *simulated) authorize(key delivery.ProviderKey) (delivery.AuthorizationParams, url.Values) {
	s.Helper()
	d := delivery.AuthorizationParams{
		Provider: key, State: seal.NewSecret(), Verifier: seal.NewSecret(), RedirectURI: callback,
		Correlation: uuid.NewString(),
	}
	address, err := s.network.AuthorizationURL(s.Context(), d)
	if err != nil {
		s.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, address, nil)
	if err != nil {
		s.Fatal(err)
	}
	answer, err := s.browser.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	answer.Body.Close()
	back, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), callback+"?") {
		s.Fatalf("the provider answered %d and leads to %q", answer.StatusCode, back)
	}
	if got := back.Query().Get("state"); got != d.State.Reveal() {
		s.Errorf("the state came back as another")
	}
	return d, back.Query()
}

// connect does the whole authorization and returns the tokens.
func (s *simulated) connect(key delivery.ProviderKey) (delivery.AuthorizationParams, delivery.ProviderTokens) {
	s.Helper()
	d, q := s.authorize(key)
	a, err := s.network.Exchange(s.Context(), d, seal.SecretOf(q.Get("code")))
	if err != nil {
		s.Fatal(err)
	}
	return d, a
}

// send sends a resource.
func (s *simulated) send(d delivery.AuthorizationParams, a delivery.ProviderTokens, r delivery.Resource,
	within time.Duration) delivery.Outcome {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), within)
	defer cancel()
	return s.network.Send(ctx, d.Provider,
		delivery.SendRequest{Resource: r, Token: a.Access, Correlation: d.Correlation})
}

// measurements returns the shared Bundle of a person's own measurements.
func measurements(t *testing.T) delivery.Resource {
	t.Helper()
	body, err := os.ReadFile(testenv.Shared(t, "fhir", "stu3", "valid",
		"push-selfmeasurements-bloodpressure-batch.json"))
	if err != nil {
		t.Fatal(err)
	}
	return delivery.Resource{Version: fhir.STU3, Types: []string{"Bundle"}, Body: body}
}

// pressure returns a single Observation.
func pressure() delivery.Resource {
	return delivery.Resource{
		Version: fhir.STU3, Path: "Observation", Types: []string{"Observation"},
		Body: []byte(`{"resourceType":"Observation",
"meta":{"profile":["http://nictiz.nl/fhir/StructureDefinition/zib-BloodPressure"]},"status":"final",
"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure"}],"text":"Blood pressure"},
"effectiveDateTime":"2026-01-05T09:00:00+01:00","subject":{"display":"Practice patient"},
"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}],"text":"Systolic"},
"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`),
	}
}

func countEntries(t *testing.T, r delivery.Resource) int {
	t.Helper()
	var b struct{ Entry []json.RawMessage }
	if err := json.Unmarshal(r.Body, &b); err != nil {
		t.Fatal(err)
	}
	return len(b.Entry)
}
