package simulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// fakeClock is a clock that a test moves.
type fakeClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *fakeClock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *fakeClock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

const callback = "https://carrel.example/callback"

// testClient is a MedMij client that does not use package medmij, and the simulator that it sends
// requests to.
type testClient struct {
	*testing.T
	s     *Simulator
	clock *fakeClock
	http  *http.Client
}

// startSimulator starts a simulator and returns a client for it.
func startSimulator(t *testing.T) *testClient {
	t.Helper()
	c := &fakeClock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s, err := Start(t.Context(), Config{FrontHTTP: true, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	cert, key := s.ClientCertificate()
	return &testClient{t, s, c, newClient(t, s, cert, key)}
}

// newClient returns an HTTP client with a certificate, or without one if cert is nil.
func newClient(t *testing.T, s *Simulator, cert, key []byte) *http.Client {
	t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if !config.RootCAs.AppendCertsFromPEM(s.Roots()) {
		t.Fatal("the roots are not certificates")
	}
	if cert != nil {
		both, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &both, nil }
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// service returns a service of a provider.
func (n *testClient) service(provider, id string) Service {
	n.Helper()
	for _, p := range n.s.Providers() {
		for _, sv := range p.Services {
			if p.Name == provider && sv.ID == id {
				return sv
			}
		}
	}
	n.Fatalf("%s has no service %s", provider, id)
	return Service{}
}

// testResponse is a response whose body has been read.
type testResponse struct {
	status int
	header http.Header
	body   []byte
}

func (n *testClient) do(r *http.Request) (testResponse, error) {
	answer, err := n.http.Do(r)
	if err != nil {
		return testResponse{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return testResponse{answer.StatusCode, answer.Header, body}, err
}

func (n *testClient) mustRespond(r testResponse, err error) testResponse {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
	return r
}

// get requests a page or a list.
func (n *testClient) get(address string) testResponse {
	n.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		n.Fatal(err)
	}
	return n.mustRespond(n.do(r))
}

// authorizationParams returns valid parameters of an authorization request.
func authorizationParams(provider, service string) url.Values {
	return url.Values{"response_type": {"code"}, "client_id": {"carrel.example"}, "redirect_uri": {callback},
		"scope": {provider + "~" + service},
		"state": {newSecret()}, requestID: {uuid.NewString()}, correlationID: {uuid.NewString()}}
}

// authorize sends an authorization request to a provider that approves without a page, and
// returns the response parameters.
func (n *testClient) authorize(provider, service string, q url.Values) url.Values {
	n.Helper()
	got := n.get(n.service(provider, service).AuthorizeURL + "?" + q.Encode())
	back, err := url.Parse(got.header.Get("Location"))
	if err != nil || got.status != http.StatusFound || !strings.HasPrefix(got.header.Get("Location"), callback+"?") {
		n.Fatalf("authorization endpoint: %d, %q: %s", got.status, got.header.Get("Location"), got.body)
	}
	return back.Query()
}

// tokenRequest returns the valid form for a code.
func tokenRequest(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {"carrel.example"},
		"redirect_uri": {callback}}
}

// refreshRequest returns the valid form for a refresh token.
func refreshRequest(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"carrel.example"}}
}

func (n *testClient) newTokenRequest(provider, service, correlation string, form url.Values) *http.Request {
	n.Helper()
	r, err := http.NewRequest(http.MethodPost, n.service(provider, service).TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		n.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set(requestID, uuid.NewString())
	r.Header.Set(correlationID, correlation)
	return r
}

// session is a connected provider with its tokens.
type session struct {
	*testClient
	provider, service, correlation, access, refresh string
}

// connect obtains tokens from a provider that approves without a page.
func (n *testClient) connect(provider, service string) session {
	n.Helper()
	before := n.s.Behaviour(provider)
	b := before
	b.Authorize = AuthorizeApprove
	n.s.SetBehaviour(provider, b)
	defer n.s.SetBehaviour(provider, before)
	q := authorizationParams(provider, service)
	code := n.authorize(provider, service, q).Get("code")
	correlation := q.Get(correlationID)
	got := n.mustRespond(n.do(n.newTokenRequest(provider, service, correlation, tokenRequest(code))))
	var token tokenResponse
	if err := json.Unmarshal(got.body, &token); err != nil || got.status != http.StatusOK || token.AccessToken == "" {
		n.Fatalf("token endpoint: %d: %s", got.status, got.body)
	}
	return session{n, provider, service, correlation, token.AccessToken, token.RefreshToken}
}

// request returns a valid request to the resource endpoint. The body is a string, or a value that
// is encoded as JSON, or nil.
func (c session) request(method, path string, body any) *http.Request {
	c.Helper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			c.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(context.Background(), method,
		c.testClient.service(c.provider, c.service).ResourceURL+path, bytes.NewReader(raw))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.access)
	r.Header.Set(requestID, uuid.NewString())
	r.Header.Set(correlationID, c.correlation)
	r.Header.Set("Accept", fhirJSON)
	if body != nil {
		r.Header.Set("Content-Type", fhirJSON)
		r.Header.Set("Prefer", "return=representation")
	}
	return r
}

func (c session) send(method, path string, body any) testResponse {
	c.Helper()
	return c.mustRespond(c.do(c.request(method, path, body)))
}

// assertNoViolations checks that no rule was broken.
func (n *testClient) assertNoViolations() {
	n.Helper()
	if broken := n.s.Violations(); len(broken) > 0 {
		n.Errorf("rules broken: %q", broken)
	}
}

// assertViolation checks that a rule was broken, and resets the record.
func (n *testClient) assertViolation(rule string) {
	n.Helper()
	found := false
	for _, v := range n.s.Violations() {
		found = found || strings.HasPrefix(v, rule+":")
	}
	if !found {
		n.Errorf("no violation of %s, only %q", rule, n.s.Violations())
	}
	n.s.ResetRecord()
}

// pressure returns a blood pressure for service 53.
func pressure(run string) element {
	e := bloodPressure(1, 120, 80)
	delete(e, "id")
	e["identifier"] = []any{element{"system": runSystem, "value": run}}
	return e
}

// entryOf returns an entry that posts a resource.
func entryOf(urn string, e element) element {
	return element{"fullUrl": urn, "resource": e, "request": element{"method": "POST", "url": e["resourceType"]}}
}

// bundleOf returns a batch or a transaction.
func bundleOf(kind string, entries ...any) element {
	return element{"resourceType": "Bundle", "type": kind, "entry": entries}
}

const (
	patientURN  = "urn:uuid:9d3ab6bb-5cb8-4b1a-a3d5-1c5b3a0f0001"
	pressureURN = "urn:uuid:9d3ab6bb-5cb8-4b1a-a3d5-1c5b3a0f0002"
)

// measurementsBundle returns a Bundle for service 53.
func measurementsBundle(kind, run string) element {
	patient := samplePatient("Somebody")
	delete(patient, "id")
	e := pressure(run)
	e["subject"] = element{"reference": patientURN, "display": "Somebody"}
	return bundleOf(kind, entryOf(patientURN, patient), entryOf(pressureURN, e))
}

func decodeXML(t *testing.T, body []byte, into any) {
	t.Helper()
	if err := xml.Unmarshal(body, into); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
}

func listURL(n *testClient, l ListName) string { return fmt.Sprintf(n.s.ListURL(), l) }
