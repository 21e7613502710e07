package medmij_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
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

const (
	clientID = "medmij.example.nl"
	callback = "https://medmij.example.nl/return"
	linde    = delivery.ProviderKey("medmij:huisartslinde~53")
)

// net is the simulator, and the network that it makes for us.
type net struct {
	*testing.T
	sim  *simulator.Simulator
	n    *medmij.Network
	logs *safeBuffer
	// browser is a person's, which knows nothing of MedMij.
	browser *http.Client
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func start(t *testing.T) *net {
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
	s := &net{T: t, sim: sim, logs: new(safeBuffer)}
	s.n = s.open(nil)
	if err := s.n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sim.Roots())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	s.browser = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// open opens the network; change may change its configuration.
func (s *net) open(change func(*medmij.Config)) *medmij.Network {
	s.Helper()
	cert, key := s.sim.ClientCertificate()
	c := medmij.Config{
		Lists: s.sim.ListURL(), ClientID: clientID, Certificate: cert, Key: key, Roots: s.sim.Roots(), AllowLoopback: true,
		Log:      slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ChainLog: slog.New(slog.NewJSONHandler(s.logs, nil)),
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

// ready says what keeps people from being sent to providers, nil if nothing does.
func (s *net) ready() error {
	_, err := s.n.AuthorizationURL(s.Context(), delivery.AuthorizationParams{Provider: "medmij:balanspunt~53", State: seal.NewSecret(), RedirectURI: callback, Correlation: uuid.NewString()})
	return err
}

// end checks what every test must leave: no rule broken, no secret and nothing of a
// resource in a log.
func (s *net) end() {
	s.Helper()
	for _, v := range s.sim.Violations() {
		s.Errorf("violation: %s", v)
	}
	logs := s.logs.String()
	for _, secret := range s.sim.Secrets() {
		if strings.Contains(logs, secret) {
			s.Errorf("a code or token stands in the logs")
		}
	}
	for _, content := range []string{"mm[Hg]", "85354-9", "Practice", "BEGIN"} {
		if strings.Contains(logs, content) {
			s.Errorf("%q stands in the logs", content)
		}
	}
}

// travel sends a person to the provider and back.
func (s *net) travel(key delivery.ProviderKey) (delivery.AuthorizationParams, url.Values) {
	s.Helper()
	d := delivery.AuthorizationParams{
		Provider: key, State: seal.NewSecret(), Verifier: seal.NewSecret(), RedirectURI: callback, Correlation: uuid.NewString(),
	}
	address, err := s.n.AuthorizationURL(s.Context(), d)
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

// connect is a whole run until we may send.
func (s *net) connect(key delivery.ProviderKey) (delivery.AuthorizationParams, delivery.ProviderTokens) {
	s.Helper()
	d, q := s.travel(key)
	a, err := s.n.Exchange(s.Context(), d, seal.SecretOf(q.Get("code")))
	if err != nil {
		s.Fatal(err)
	}
	return d, a
}

func (s *net) send(d delivery.AuthorizationParams, a delivery.ProviderTokens, r delivery.Resource, within time.Duration) delivery.Outcome {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), within)
	defer cancel()
	return s.n.Send(ctx, d.Provider, delivery.SendRequest{Resource: r, Token: a.Access, Correlation: d.Correlation})
}

// measurements is the shared Bundle of a person's own measurements.
func measurements(t *testing.T) delivery.Resource {
	t.Helper()
	body, err := os.ReadFile(testenv.Shared(t, "fhir", "stu3", "valid", "push-selfmeasurements-bloodpressure-batch.json"))
	if err != nil {
		t.Fatal(err)
	}
	return delivery.Resource{Version: fhir.STU3, Types: []string{"Bundle"}, Body: body}
}

// pressure is one measurement.
func pressure() delivery.Resource {
	return delivery.Resource{Version: fhir.STU3, Path: "Observation", Types: []string{"Observation"}, Body: []byte(`{"resourceType":"Observation",
"meta":{"profile":["http://nictiz.nl/fhir/StructureDefinition/zib-BloodPressure"]},"status":"final",
"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure"}],"text":"Blood pressure"},
"effectiveDateTime":"2026-01-05T09:00:00+01:00","subject":{"display":"Practice patient"},
"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}],"text":"Systolic"},
"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`)}
}

func TestWholeRun(t *testing.T) {
	s := start(t)
	defer s.end()
	s.sim.Behave("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove, RefreshTokens: true})
	services, _, err := s.n.DataServices()
	if err != nil || s.ready() != nil {
		t.Fatal(err, s.ready())
	}
	var keys []string
	for _, sv := range services {
		keys = append(keys, string(sv.Key)+" "+sv.Name)
	}
	want := []string{
		"medmij:balanspunt~53 Meetwaarden vitale functies", "medmij:huisartslinde~53 Meetwaarden vitale functies",
		"medmij:huisartslinde~57 Documenten (PDF/A)", "medmij:rivierenland~53 Meetwaarden vitale functies",
		"medmij:rivierenland~57 Documenten (PDF/A)", "medmij:rivierenland~60 Antwoorden op vragenlijst",
	}
	if strings.Join(keys, "\n") != strings.Join(want, "\n") {
		t.Errorf("services:\n%s", strings.Join(keys, "\n"))
	}

	d, a := s.connect(linde)
	if a.Refresh.IsZero() || time.Until(a.ExpiresAt) < 14*time.Minute {
		t.Errorf("refresh: %v, until %v", !a.Refresh.IsZero(), a.ExpiresAt)
	}
	if o := s.send(d, a, pressure(), time.Minute); o.Kind != delivery.OutcomeDelivered || o.Status != 201 || len(o.Answer) == 0 {
		t.Errorf("one: %+v", o)
	}
	renewal := uuid.NewString() // names the run from then on
	again, err := s.n.RefreshTokens(t.Context(), linde, a.Refresh, renewal)
	if err != nil || again.Refresh.Reveal() == a.Refresh.Reveal() {
		t.Errorf("renew: %v, replaced: %v", err, again.Refresh.Reveal() != a.Refresh.Reveal())
	}
	if _, err := s.n.RefreshTokens(t.Context(), linde, seal.NewSecret(), uuid.NewString()); !errors.Is(err, delivery.ErrReconnect) {
		t.Errorf("renew with another: %v", err)
	}
	bundle := measurements(t)
	first := d.Correlation
	d.Correlation = renewal
	if o := s.send(d, again, bundle, time.Minute); o.Kind != delivery.OutcomeDelivered || len(o.Answer) == 0 {
		t.Errorf("Bundle: %+v", o)
	}
	if filed := s.sim.Filed(); len(filed) != 2 || filed[0].CorrelationID != first || filed[1].CorrelationID != renewal {
		t.Errorf("%+v", filed)
	}
	if o := s.send(d, delivery.ProviderTokens{Access: seal.NewSecret()}, pressure(), time.Minute); o.Kind != delivery.OutcomeUnauthorized || o.Status != 401 {
		t.Errorf("another token: %+v", o)
	}
}

func TestPersonRefuses(t *testing.T) {
	s := start(t)
	defer s.end()
	s.sim.Behave("", simulator.Behaviour{Authorize: simulator.AuthorizeRefuse})
	if _, q := s.travel(linde); q.Get("error") != "access_denied" {
		t.Errorf("came back with %v", q)
	}
}

// TestResourceModes has all that the simulator can do to a resource request, and checks
// each outcome against what was really filed.
func TestResourceModes(t *testing.T) {
	s := start(t)
	defer s.end()
	const (
		delivered, refused, notFiled    = delivery.OutcomeDelivered, delivery.OutcomeRefused, delivery.OutcomeNotFiled
		unauthorized, forbidden, unsure = delivery.OutcomeUnauthorized, delivery.OutcomeForbidden, delivery.OutcomeUnknown
	)
	expected := map[simulator.ResourceMode][2]delivery.OutcomeKind{ // a Bundle, one resource
		simulator.ResourceRight: {delivered, delivered},
		"400":                   {refused, refused},
		"401":                   {unauthorized, unauthorized},
		"403":                   {forbidden, forbidden},
		"404":                   {refused, refused},
		"405":                   {refused, refused},
		"406":                   {refused, refused},
		"409":                   {refused, refused},
		"410":                   {refused, refused},
		"412":                   {refused, refused},
		"415":                   {refused, refused},
		"422":                   {refused, refused},
		"429":                   {notFiled, notFiled},
		"500":                   {unsure, unsure},
		"501":                   {unsure, unsure},
		"502":                   {unsure, unsure},
		"503":                   {notFiled, notFiled},
		"504":                   {unsure, unsure},

		simulator.ResourceFiled500:    {unsure, unsure},
		simulator.ResourceFiled502:    {unsure, unsure},
		simulator.ResourceFiled504:    {unsure, unsure},
		simulator.ResourceBatchEntry:  {refused, delivered}, // it is about batches only
		simulator.ResourceSlow:        {delivered, delivered},
		simulator.ResourceLate:        {unsure, unsure},
		simulator.ResourceCutAfter:    {unsure, unsure},
		simulator.ResourceCutWithin:   {unsure, delivered},
		simulator.ResourceCutBefore:   {unsure, unsure},
		simulator.ResourceClosed:      {unsure, notFiled}, // the second request finds the door closed
		simulator.ResourceHTML:        {unsure, unsure},
		simulator.ResourceXML:         {unsure, delivered},
		simulator.ResourceNotJSON:     {unsure, delivered},
		simulator.ResourceEndless:     {unsure, delivered},
		simulator.ResourceEmpty:       {unsure, delivered},
		simulator.ResourceBare:        {unsure, delivered},
		simulator.ResourceOutcome:     {unsure, delivered},
		simulator.ResourceStrange:     {unsure, delivered},
		simulator.ResourceShort:       {unsure, delivered},
		simulator.ResourceRedirect:    {refused, refused},
		simulator.ResourceRedirectToo: {refused, refused},
	}
	s.sim.Behave("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove})
	d, a := s.connect(linde)
	bundle := measurements(t)
	entries := countEntries(t, bundle)
	for _, mode := range simulator.ResourceModes {
		want, ok := expected[mode]
		if !ok {
			t.Errorf("the simulator has a mode that no test expects: %q", mode)
			continue
		}
		s.sim.Behave("", simulator.Behaviour{
			Authorize: simulator.AuthorizeApprove, Resource: mode, Slow: 100 * time.Millisecond, Late: time.Minute, RetryAfter: 90 * time.Second,
		})
		for i, r := range []delivery.Resource{bundle, pressure()} {
			before := len(s.sim.Filed())
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if mode == simulator.ResourceLate {
				go func() { // our time is up once it was filed
					for len(s.sim.Filed()) == before && ctx.Err() == nil {
						time.Sleep(time.Millisecond)
					}
					cancel()
				}()
			}
			o := s.n.Send(ctx, d.Provider, delivery.SendRequest{Resource: r, Token: a.Access, Correlation: d.Correlation})
			cancel()
			what := fmt.Sprintf("%s, %s", mode, r.Types[0])
			if o.Kind != want[i] {
				t.Errorf("%s: %+v, want %v", what, o, want[i])
			}
			if o.Reason == "" || o.Answer != nil && !json.Valid(o.Answer) || len(o.Answer) > 2<<20 {
				t.Errorf("%s: %+v", what, o)
			}
			if wait := o.RetryAfter; (wait == 90*time.Second) != (o.Status == 429 || o.Status == 503) {
				t.Errorf("%s: to wait %v", what, wait)
			}
			filed := s.sim.Filed()[before:]
			switch {
			case len(filed) > 1:
				t.Errorf("%s: filed %d times", what, len(filed))
			case o.Kind == delivered && (len(filed) != 1 || i == 0 && filed[0].Entries != entries):
				t.Errorf("%s: delivered, but filed: %+v", what, filed)
			case o.Kind == refused && len(filed) == 1 && filed[0].Entries == entries && i == 0:
				t.Errorf("%s: refused, but filed: %+v", what, filed)
			case (o.Kind == notFiled || o.Kind == unauthorized || o.Kind == forbidden) && len(filed) != 0:
				t.Errorf("%s: not filed, but filed: %+v", what, filed)
			}
		}
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

func TestTokenModes(t *testing.T) {
	s := start(t)
	defer s.end()
	for _, mode := range simulator.TokenModes {
		s.sim.Behave("", simulator.Behaviour{
			Authorize: simulator.AuthorizeApprove, Token: mode, Slow: 100 * time.Millisecond, Late: 2 * time.Second,
		})
		d, q := s.travel(linde)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if mode == simulator.TokenLate {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		}
		a, err := s.n.Exchange(ctx, d, seal.SecretOf(q.Get("code")))
		cancel()
		switch mode {
		case simulator.TokenRight, simulator.TokenSlow:
			if err != nil || a.Access.IsZero() {
				t.Errorf("%s: %v", mode, err)
			}
		case simulator.TokenUsed, simulator.TokenExpired, simulator.TokenWrongRedirect, simulator.TokenRevoked, "invalid_grant":
			if !errors.Is(err, delivery.ErrProviderRefused) {
				t.Errorf("%s: %v", mode, err)
			}
		default:
			if err == nil || errors.Is(err, delivery.ErrProviderRefused) || errors.Is(err, delivery.ErrReconnect) || errors.Is(err, delivery.ErrProviderGone) {
				t.Errorf("%s: %v", mode, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), q.Get("code")) {
			t.Errorf("%s: the code stands in the error", mode)
		}
	}
}

// TestTraps moves the endpoints to places where we must not go.
func TestTraps(t *testing.T) {
	s := start(t)
	defer s.end()
	s.sim.Behave("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove})
	d, a := s.connect(linde)
	for _, trap := range simulator.Traps {
		s.sim.Behave("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove, EndpointsAt: trap})
		if err := s.n.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		o := s.send(d, a, pressure(), time.Minute)
		if o.Kind != delivery.OutcomeNotFiled || o.Reason == "" {
			t.Errorf("%s: %+v", trap, o)
		}
		_, err := s.n.Exchange(t.Context(), d, seal.NewSecret())
		if err == nil || errors.Is(err, delivery.ErrProviderGone) != (trap == simulator.TrapNotWhitelist) {
			t.Errorf("%s: %v", trap, err)
		}
		t.Logf("%s: %s; %v", trap, o.Reason, err)
	}
	if filed := s.sim.Filed(); len(filed) != 0 {
		t.Errorf("%+v", filed)
	}
}

// TestListFaults: whatever the list server does, what was good stands.
func TestListFaults(t *testing.T) {
	s := start(t)
	defer s.end()
	for _, fault := range simulator.ListFaults {
		if fault == simulator.ListRight || fault == simulator.ListSlow {
			continue
		}
		for _, list := range simulator.Lists {
			if fault == simulator.ListEndless && list != simulator.ListProviders {
				continue // once is slow enough
			}
			if fault != simulator.ListOlder {
				s.sim.PublishLists()
			}
			s.sim.SpoilList(list, fault)
			err := s.n.Refresh(t.Context())
			if err == nil || strings.Contains(err.Error(), "@medmij") {
				t.Errorf("%s with %s: %v", list, fault, err)
			}
			if n, _, err := s.n.DataServices(); len(n) != 6 || err != nil || s.ready() != nil {
				t.Errorf("%s with %s: %d services, %v, %v", list, fault, len(n), err, s.ready())
			}
			s.sim.SpoilList(list, simulator.ListRight)
			if err := s.n.Refresh(t.Context()); err != nil {
				t.Errorf("%s after %s: %v", list, fault, err)
			}
		}
	}
	s.sim.SetZALRelease(3)
	s.sim.SetBareNodes(true)
	if err := s.n.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	if n, _, err := s.n.DataServices(); len(n) != 6 || err != nil {
		t.Errorf("release 3: %d services, %v", len(n), err)
	}
	number := s.sim.Volgnummer(simulator.ListProviders)
	s.sim.SetVolgnummer(simulator.ListProviders, number-1)
	if err := s.n.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "lower than") {
		t.Errorf("an older list: %v", err)
	}
	s.sim.SetVolgnummer(simulator.ListProviders, number+1)
	s.sim.SetListed("huisartslinde", false)
	if err := s.n.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	if n, _, _ := s.n.DataServices(); len(n) != 4 {
		t.Errorf("without one provider: %d services", len(n))
	}
	s.sim.SetClients("other.example.nl")
	if err := s.n.Refresh(t.Context()); err != nil || !strings.Contains(fmt.Sprint(s.ready()), "not on MedMij's OAuth client list") {
		t.Errorf("%v, %v", err, s.ready())
	}
}

// TestBadCertificates: the simulator turns us away, and nothing was filed.
func TestBadCertificates(t *testing.T) {
	s := start(t)
	s.sim.Behave("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove})
	d, a := s.connect(linde)
	for what, o := range map[string]simulator.IssueOptions{
		"expired": {Expired: true}, "not yet": {NotYet: true}, "a stranger's": {OtherAuthority: true}, "another host's": {Host: "other.example.nl"},
	} {
		n := s.open(func(c *medmij.Config) { c.Certificate, c.Key = s.sim.Issue(o) })
		if err := n.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		out := n.Send(t.Context(), linde, delivery.SendRequest{Resource: pressure(), Token: a.Access, Correlation: d.Correlation})
		if out.Kind != delivery.OutcomeNotFiled || !strings.Contains(out.Reason, "does not take our certificate") {
			t.Errorf("%s: %+v", what, out)
		}
	}
	if filed := s.sim.Filed(); len(filed) != 0 {
		t.Errorf("%+v", filed)
	}
}
