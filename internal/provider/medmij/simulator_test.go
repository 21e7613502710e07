package medmij_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/simulator"
)

const (
	clientID = "medmij.example.nl"
	callback = "https://medmij.example.nl/return"
	linde    = delivery.ProviderKey("medmij:huisartslinde~53")
)

func TestServicesOfSimulator(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	services, _, err := s.network.DataServices()
	if err != nil || s.authorizationURLError() != nil {
		t.Fatal(err, s.authorizationURLError())
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
}

// TestWholeRun connects a provider, sends a resource, refreshes the tokens and sends a Bundle.
func TestWholeRun(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	s.sim.SetBehaviour("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove, RefreshTokens: true})
	d, a := s.connect(linde)
	if a.Refresh.IsZero() || time.Until(a.ExpiresAt) < 14*time.Minute {
		t.Errorf("refresh: %v, until %v", !a.Refresh.IsZero(), a.ExpiresAt)
	}
	if o := s.send(d, a, pressure(), time.Minute); o.Kind != delivery.OutcomeDelivered || o.Status != 201 ||
		len(o.Answer) == 0 {
		t.Errorf("one: %+v", o)
	}
	renewal := uuid.NewString() // names the run from then on
	again, err := s.network.RefreshTokens(t.Context(), linde, a.Refresh, renewal)
	if err != nil || again.Refresh.Reveal() == a.Refresh.Reveal() {
		t.Errorf("renew: %v, replaced: %v", err, again.Refresh.Reveal() != a.Refresh.Reveal())
	}
	first := d.Correlation
	d.Correlation = renewal
	if o := s.send(d, again, measurements(t), time.Minute); o.Kind != delivery.OutcomeDelivered || len(o.Answer) == 0 {
		t.Errorf("Bundle: %+v", o)
	}
	if filed := s.sim.Filed(); len(filed) != 2 || filed[0].CorrelationID != first || filed[1].CorrelationID != renewal {
		t.Errorf("%+v", filed)
	}
}

func TestStrangersTokens(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	s.sim.SetBehaviour("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove, RefreshTokens: true})
	d, _ := s.connect(linde)
	_, err := s.network.RefreshTokens(t.Context(), linde, seal.NewSecret(), uuid.NewString())
	if !errors.Is(err, delivery.ErrReconnect) {
		t.Errorf("renew with another: %v", err)
	}
	o := s.send(d, delivery.ProviderTokens{Access: seal.NewSecret()}, pressure(), time.Minute)
	if o.Kind != delivery.OutcomeUnauthorized || o.Status != 401 {
		t.Errorf("another token: %+v", o)
	}
}

func TestPersonRefuses(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	s.sim.SetBehaviour("", simulator.Behaviour{Authorize: simulator.AuthorizeRefuse})
	if _, q := s.authorize(linde); q.Get("error") != "access_denied" {
		t.Errorf("came back with %v", q)
	}
}

// Short names of the outcomes, for the table.
const (
	delivered, refused, notFiled    = delivery.OutcomeDelivered, delivery.OutcomeRefused, delivery.OutcomeNotFiled
	unauthorized, forbidden, unsure = delivery.OutcomeUnauthorized, delivery.OutcomeForbidden, delivery.OutcomeUnknown
)

// outcomes has the outcome of a Bundle and of a single resource for each behaviour.
var outcomes = map[simulator.ResourceMode][2]delivery.OutcomeKind{
	simulator.ResourceOK: {delivered, delivered},
	"400":                {refused, refused},
	"401":                {unauthorized, unauthorized},
	"403":                {forbidden, forbidden},
	"404":                {refused, refused},
	"405":                {refused, refused},
	"406":                {refused, refused},
	"409":                {refused, refused},
	"410":                {refused, refused},
	"412":                {refused, refused},
	"415":                {refused, refused},
	"422":                {refused, refused},
	"429":                {notFiled, notFiled},
	"500":                {unsure, unsure},
	"501":                {unsure, unsure},
	"502":                {unsure, unsure},
	"503":                {notFiled, notFiled},
	"504":                {unsure, unsure},

	simulator.ResourceFiled500:         {unsure, unsure},
	simulator.ResourceFiled502:         {unsure, unsure},
	simulator.ResourceFiled504:         {unsure, unsure},
	simulator.ResourceFailedEntry:      {refused, delivered}, // a single resource has no entries
	simulator.ResourceSlow:             {delivered, delivered},
	simulator.ResourceLate:             {unsure, unsure},
	simulator.ResourceCutAfter:         {unsure, unsure},
	simulator.ResourceCutDuring:        {unsure, delivered},
	simulator.ResourceCutBefore:        {unsure, unsure},
	simulator.ResourceClosed:           {unsure, notFiled}, // the second connection is closed before the handshake
	simulator.ResourceHTML:             {unsure, unsure},
	simulator.ResourceXML:              {unsure, delivered},
	simulator.ResourceNotJSON:          {unsure, delivered},
	simulator.ResourceEndless:          {unsure, delivered},
	simulator.ResourceEmpty:            {unsure, delivered},
	simulator.ResourceNoBody:           {unsure, delivered},
	simulator.ResourceOperationOutcome: {unsure, delivered},
	simulator.ResourceWrongResource:    {unsure, delivered},
	simulator.ResourceMissingEntry:     {unsure, delivered},
	simulator.ResourceRedirect:         {refused, refused},
	simulator.ResourceRedirect307:      {refused, refused},
}

// TestResourceModes has every behaviour of the simulator's resource endpoint, and compares
// each outcome with what was really filed.
func TestResourceModes(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	s.sim.SetBehaviour("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove})
	d, a := s.connect(linde)
	bundle := measurements(t)
	for _, mode := range simulator.ResourceModes {
		t.Run(string(mode), func(t *testing.T) {
			want, ok := outcomes[mode]
			if !ok {
				t.Fatal("no test expects this mode of the simulator")
			}
			s.sim.SetBehaviour("", simulator.Behaviour{
				Authorize: simulator.AuthorizeApprove, Resource: mode, Slow: 100 * time.Millisecond, Late: time.Minute,
				RetryAfter: 90 * time.Second,
			})
			o, filed := s.sendInMode(mode, d, a, bundle)
			checkModeOutcome(t, "Bundle", o, want[0])
			checkOutcome(t, "Bundle", o, filed, countEntries(t, bundle))
			o, filed = s.sendInMode(mode, d, a, pressure())
			checkModeOutcome(t, "Observation", o, want[1])
			checkOutcome(t, "Observation", o, filed, 0)
		})
	}
}

// sendInMode sends a resource, and returns the outcome and what was filed meanwhile.
func (s *simulated) sendInMode(
	mode simulator.ResourceMode, d delivery.AuthorizationParams, a delivery.ProviderTokens, r delivery.Resource,
) (delivery.Outcome, []simulator.Filing) {
	before := len(s.sim.Filed())
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	if mode == simulator.ResourceLate {
		go func() { // cancel once it was filed
			for len(s.sim.Filed()) == before && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
	}
	o := s.network.Send(ctx, d.Provider,
		delivery.SendRequest{Resource: r, Token: a.Access, Correlation: d.Correlation})
	return o, s.sim.Filed()[before:]
}

func checkModeOutcome(t *testing.T, name string, o delivery.Outcome, want delivery.OutcomeKind) {
	t.Helper()
	if o.Kind != want {
		t.Errorf("%s: %+v, want %v", name, o, want)
	}
	if wait := o.RetryAfter; (wait == 90*time.Second) != (o.Status == 429 || o.Status == 503) {
		t.Errorf("%s: to wait %v", name, wait)
	}
}

// checkOutcome checks that an outcome is true: it compares it with what was filed. entries
// is the number of entries of a Bundle, 0 for a single resource.
func checkOutcome(t *testing.T, name string, o delivery.Outcome, filed []simulator.Filing, entries int) {
	t.Helper()
	if o.Reason == "" || o.Answer != nil && !json.Valid(o.Answer) || len(o.Answer) > 2<<20 {
		t.Errorf("%s: %+v", name, o)
	}
	complete := len(filed) == 1 && (entries == 0 || filed[0].Entries == entries)
	switch o.Kind {
	case delivery.OutcomeDelivered:
		if !complete {
			t.Errorf("%s: delivered, but filed: %+v", name, filed)
		}
	case delivery.OutcomeRefused:
		if entries > 0 && complete {
			t.Errorf("%s: refused, but filed: %+v", name, filed)
		}
	case delivery.OutcomeNotFiled, delivery.OutcomeUnauthorized, delivery.OutcomeForbidden:
		if len(filed) != 0 {
			t.Errorf("%s: not filed, but filed: %+v", name, filed)
		}
	}
	if len(filed) > 1 {
		t.Errorf("%s: filed %d times", name, len(filed))
	}
}

func TestTokenModes(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	for _, mode := range simulator.TokenModes {
		t.Run(string(mode), func(t *testing.T) {
			s.sim.SetBehaviour("", simulator.Behaviour{
				Authorize: simulator.AuthorizeApprove, Token: mode, Slow: 100 * time.Millisecond, Late: 2 * time.Second,
			})
			d, q := s.authorize(linde)
			within := time.Minute
			if mode == simulator.TokenLate {
				within = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			a, err := s.network.Exchange(ctx, d, seal.SecretOf(q.Get("code")))
			switch mode {
			case simulator.TokenOK, simulator.TokenSlow:
				if err != nil || a.Access.IsZero() {
					t.Error(err)
				}
			case simulator.TokenUsed, simulator.TokenExpired, simulator.TokenWrongRedirect, simulator.TokenRevoked,
				"invalid_grant":
				if !errors.Is(err, delivery.ErrProviderRefused) {
					t.Error(err)
				}
			default:
				if err == nil || errors.Is(err, delivery.ErrProviderRefused) ||
					errors.Is(err, delivery.ErrReconnect) || errors.Is(err, delivery.ErrProviderGone) {
					t.Error(err)
				}
			}
			if err != nil && strings.Contains(err.Error(), q.Get("code")) {
				t.Error("the error contains the code")
			}
		})
	}
}

// Nothing is sent to endpoints that a client must not use.
func TestBadEndpoints(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	s.sim.SetBehaviour("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove})
	d, a := s.connect(linde)
	for _, bad := range simulator.BadEndpoints {
		s.sim.SetBehaviour("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove, BadEndpoint: bad})
		if err := s.network.UpdateLists(t.Context()); err != nil {
			t.Fatal(err)
		}
		o := s.send(d, a, pressure(), time.Minute)
		if o.Kind != delivery.OutcomeNotFiled || o.Reason == "" {
			t.Errorf("%s: %+v", bad, o)
		}
		_, err := s.network.Exchange(t.Context(), d, seal.NewSecret())
		if err == nil || errors.Is(err, delivery.ErrProviderGone) != (bad == simulator.EndpointNotWhitelisted) {
			t.Errorf("%s: %v", bad, err)
		}
		t.Logf("%s: %s; %v", bad, o.Reason, err)
	}
	if filed := s.sim.Filed(); len(filed) != 0 {
		t.Errorf("%+v", filed)
	}
}

// The last good lists stay in use, whatever the list server does.
func TestListFailures(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	for _, failure := range simulator.ListFailures {
		if failure == simulator.ListOK || failure == simulator.ListSlow {
			continue
		}
		for _, list := range simulator.ListNames {
			if failure == simulator.ListEndless && list != simulator.ListProviders {
				continue // once is slow enough
			}
			if failure != simulator.ListOlder {
				s.sim.Lists.Publish()
			}
			s.sim.Lists.SetFailure(list, failure)
			err := s.network.UpdateLists(t.Context())
			if err == nil || strings.Contains(err.Error(), "@medmij") {
				t.Errorf("%s with %s: %v", list, failure, err)
			}
			if n, _, err := s.network.DataServices(); len(n) != 6 || err != nil || s.authorizationURLError() != nil {
				t.Errorf("%s with %s: %d services, %v, %v", list, failure, len(n), err, s.authorizationURLError())
			}
			s.sim.Lists.SetFailure(list, simulator.ListOK)
			if err := s.network.UpdateLists(t.Context()); err != nil {
				t.Errorf("%s after %s: %v", list, failure, err)
			}
		}
	}
}

// countServices counts the services that can be used.
func (s *simulated) countServices(t *testing.T) int {
	t.Helper()
	list, _, err := s.network.DataServices()
	if err != nil {
		t.Error(err)
	}
	return len(list)
}

func TestListRelease3(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	s.sim.Lists.SetRelease(3)
	s.sim.Lists.SetBareNodes(true)
	if err := s.network.UpdateLists(t.Context()); err != nil {
		t.Error(err)
	}
	if n := s.countServices(t); n != 6 {
		t.Errorf("release 3: %d services", n)
	}
}

// The network follows the changes of the lists.
func TestListChanges(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	defer s.checkClean()
	number := s.sim.Lists.Number(simulator.ListProviders)
	s.sim.Lists.SetNumber(simulator.ListProviders, number-1)
	if err := s.network.UpdateLists(t.Context()); err == nil || !strings.Contains(err.Error(), "lower than") {
		t.Errorf("an older list: %v", err)
	}
	s.sim.Lists.SetNumber(simulator.ListProviders, number+1)
	s.sim.Lists.SetListed("huisartslinde", false)
	if err := s.network.UpdateLists(t.Context()); err != nil {
		t.Error(err)
	}
	if n := s.countServices(t); n != 4 {
		t.Errorf("without one provider: %d services", n)
	}
	s.sim.Lists.SetClients("other.example.nl")
	if err := s.network.UpdateLists(t.Context()); err != nil ||
		!strings.Contains(fmt.Sprint(s.authorizationURLError()), "not on MedMij's OAuth client list") {
		t.Errorf("%v, %v", err, s.authorizationURLError())
	}
}

// The simulator refuses a bad client certificate, and nothing is filed.
func TestBadCertificates(t *testing.T) {
	t.Parallel()
	s := startSimulator(t)
	s.sim.SetBehaviour("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove})
	d, a := s.connect(linde)
	for what, o := range map[string]simulator.CertificateOptions{
		"expired": {Expired: true}, "not yet": {NotYet: true}, "a stranger's": {OtherAuthority: true},
		"another host's": {Host: "other.example.nl"},
	} {
		n := s.newNetwork(func(c *medmij.Config) { c.Certificate, c.Key = s.sim.IssueCertificate(o) })
		if err := n.UpdateLists(t.Context()); err != nil {
			t.Fatal(err)
		}
		out := n.Send(t.Context(), linde,
			delivery.SendRequest{Resource: pressure(), Token: a.Access, Correlation: d.Correlation})
		if out.Kind != delivery.OutcomeNotFiled || !strings.Contains(out.Reason, "does not take our certificate") {
			t.Errorf("%s: %+v", what, out)
		}
	}
	if filed := s.sim.Filed(); len(filed) != 0 {
		t.Errorf("%+v", filed)
	}
}
