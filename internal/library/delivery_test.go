package library_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestDeliver: what a provider answers decides the state, the application's answer and
// the person's activity; only what surely was not filed is tried again.
func TestDeliver(t *testing.T) {
	t.Parallel()
	answer := []byte(`{"resourceType":"OperationOutcome"}`)
	for _, test := range []struct {
		name  string
		first delivery.Outcome
		state delivery.State // after the first attempt
		event string
		after delivery.State // after an hour at a provider that takes it
		sent  int            // how often it was sent in all
	}{
		{"delivered", delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201, Answer: answer},
			delivery.Delivered, "sent.accepted", delivery.Delivered, 1},
		{"delivered without a word", delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 200},
			delivery.Delivered, "sent.accepted", delivery.Delivered, 1},
		{"an answer that is not JSON", delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 200,
			Answer: []byte("<html>")}, delivery.Delivered, "sent.accepted", delivery.Delivered, 1},
		{"refused", delivery.Outcome{Kind: delivery.OutcomeRefused, Status: 422, Answer: answer, Reason: "422"},
			delivery.Refused, "sent.refused", delivery.Refused, 1},
		{"unknown", delivery.Outcome{Kind: delivery.OutcomeUnknown, Status: 500, Reason: "500"}, delivery.Unknown,
			"sent.unknown", delivery.Unknown, 1},
		{"a forgotten outcome", delivery.Outcome{}, delivery.Unknown, "sent.unknown", delivery.Unknown, 1},
		{"busy", delivery.Outcome{Kind: delivery.OutcomeNotFiled, Status: 503, RetryAfter: time.Minute,
			Reason: "busy"}, delivery.Waiting, "", delivery.Delivered, 2},
		{"unauthorised", delivery.Outcome{Kind: delivery.OutcomeUnauthorized, Status: 401}, delivery.Reconnect,
			"account.ended sent.given_up", delivery.Reconnect, 1},
		{"forbidden", delivery.Outcome{Kind: delivery.OutcomeForbidden, Status: 403}, delivery.Reconnect,
			"account.ended sent.given_up", delivery.Reconnect, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.providers.access = w.lasting(true)
			p := w.resident("anna@example.org")
			g, account := p.connect(w.contract(w.application(), library.Write))
			w.providers.access = func(int) (delivery.ProviderTokens, error) {
				return delivery.ProviderTokens{},
					delivery.ErrReconnect
			}
			before := p.events()
			w.providers.answer(always(test.first))
			pushed := must(g.deliver(account.ID, observation("planted-content")))(t)
			if pushed.Delivery.State != test.state {
				t.Errorf("state %s, want %s", pushed.Delivery.State, test.state)
			}
			kept := w.state(pushed)
			if kept.State != test.state || kept.Status != test.first.Status ||
				kept.State.Final() != (kept.Payload == nil) {
				t.Errorf("kept as %+v", kept)
			}
			if got := strings.TrimSpace(strings.TrimPrefix(p.events(), before)); got != test.event {
				t.Errorf("activity %q, want %q", got, test.event)
			}
			b := must(g.bearer())(t)
			asked := must(w.deliveries.Get(t.Context(), b, kept.ID))(t)
			if string(asked.Answer) != string(pushed.Answer) {
				t.Errorf("answer %q, then %q", pushed.Answer, asked.Answer)
			}
			w.providers.answer(always(delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201}))
			w.pass(10 * time.Minute) // the access of the waiting one is still good
			w.work(w.deliveries)
			if got := w.state(pushed).State; got != test.after {
				t.Errorf("an hour later %s, want %s", got, test.after)
			}
			if n := len(w.providers.sendings()); n != test.sent {
				t.Errorf("sent %d times, want %d", n, test.sent)
			}
			w.holdsNone("planted-content", "access-1", "refresh-1", "OperationOutcome")
		})
	}
}

// TestDeliveryGivesUp: a delivery is tried for its time and then no more.
func TestDeliveryGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorldWith(
		t,
		settings{deliveries: delivery.QueueConfig{Lifetime: 10 * time.Minute, FirstRetry: time.Minute}},
	)
	p := w.resident("anna@example.org")
	g, account := p.connect(w.contract(w.application(), library.Write))
	w.providers.answer(always(delivery.Outcome{Kind: delivery.OutcomeNotFiled, Reason: "refused the connection"}))
	pushed := must(g.deliver(account.ID, observation("1")))(t)
	for range 12 {
		w.pass(time.Minute)
		w.work(w.deliveries)
	}
	kept := w.state(pushed)
	if kept.State != delivery.Expired || kept.Reason != "refused the connection" {
		t.Errorf("state %s for %q", kept.State, kept.Reason)
	}
	if kept.Attempts < 3 || kept.Attempts > 7 {
		t.Errorf("%d attempts in ten minutes of one, two, four, …", kept.Attempts)
	}
	if !strings.HasSuffix(p.events(), "sent.given_up") {
		t.Errorf("activity %s", p.events())
	}
}

// TestDeliverySurvivesItsServer: what a server leaves when it dies is taken over when
// its lease is over: sent once if it was not on the wire, and never again if it was.
func TestDeliverySurvivesItsServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.resident("anna@example.org")
	w.providers.access = w.lasting(true)
	g, account := p.connect(w.contract(w.application(), library.Write))
	w.providers.answer(always(delivery.Outcome{Kind: delivery.OutcomeNotFiled}))
	waiting, posting := must(
		g.deliver(account.ID, observation("waiting")),
	)(t), must(
		g.deliver(account.ID, observation("posting")),
	)(t)
	w.pass(time.Minute)
	// A server claims both, begins with one, and dies.
	now := w.clock()
	claimed := must(w.db.ClaimDeliveries(t.Context(), "dead", now, now.Add(80*time.Second), 10))(t)
	if len(claimed) != 2 {
		t.Fatalf("claimed %d", len(claimed))
	}
	if err := w.db.BeginPosting(t.Context(), posting.Delivery.ID, "dead", now, now.Add(80*time.Second)); err != nil {
		t.Fatal(err)
	}
	sent := len(w.providers.sendings())
	w.providers.answer(always(delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201}))
	other := w.server(delivery.QueueConfig{})
	ctx := t.Context()
	if got := must(w.db.ClaimDeliveries(ctx, "early", now.Add(time.Second), now.Add(time.Minute), 10))(t); len(
		got,
	) != 0 {
		t.Errorf("claimed under somebody's lease: %v", got)
	}
	w.pass(2 * time.Minute)
	w.work(other)
	if got := w.state(waiting).State; got != delivery.Delivered {
		t.Errorf("the one that waited: %s", got)
	}
	if got := w.state(posting).State; got != delivery.Unknown {
		t.Errorf("the one on the wire: %s", got)
	}
	if n := len(w.providers.sendings()) - sent; n != 1 {
		t.Errorf("sent %d, want the one that waited", n)
	}
	if got := p.events(); !strings.Contains(got, "sent.unknown") || !strings.Contains(got, "sent.accepted") {
		t.Errorf("activity %s", got)
	}
}

// TestDeliveryCalledOff: what waits is not sent once the person has stopped the
// application, disconnected the account or shut the library.
func TestDeliveryCalledOff(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(w *world, p *person, g granted, account wire.AccountID) error{
		"stopped": func(w *world, p *person, g granted, _ wire.AccountID) error {
			return w.consents.Revoke(w.t.Context(), p.in(), library.GrantID(g.tokens.ConsentID))
		},
		"disconnected": func(w *world, p *person, _ granted, account wire.AccountID) error {
			return w.accounts.Disconnect(w.t.Context(), p.in(), account)
		},
		"disconnected by the application": func(w *world, _ *person, g granted, account wire.AccountID) error {
			return w.accounts.DeleteForBearer(w.t.Context(), must(g.bearer())(w.t), account)
		},
		"shut": func(w *world, p *person, _ granted, _ wire.AccountID) error {
			_, err := w.people.Shut(w.t.Context(), p.in(), p.password)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.providers.access = w.lasting(true)
			p := w.person("anna@example.org")
			g, account := p.connect(w.contract(w.application(), library.Write))
			w.providers.answer(always(delivery.Outcome{Kind: delivery.OutcomeNotFiled}))
			pushed := must(g.deliver(account.ID, observation("planted-content")))(t)
			if err := stop(w, p, g, account.ID); err != nil {
				t.Fatal(err)
			}
			w.pass(time.Hour)
			w.work(w.deliveries)
			if kept := w.state(pushed); kept.State != delivery.Expired || kept.Payload != nil || kept.Reason == "" {
				t.Errorf("kept as %s for %q", kept.State, kept.Reason)
			}
			if n := len(w.providers.sendings()); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

// TestRenewal: access is renewed by one at a time, stored before use, and a refresh
// token is presented once.
func TestRenewAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.providers.access = w.lasting(true)
	p := w.resident("anna@example.org")
	g, account := p.connect(w.contract(w.application(), library.Write))
	w.pass(time.Hour)
	var done sync.WaitGroup
	for i := range 20 {
		done.Go(func() {
			if pushed, err := g.deliver(account.ID, observation(fmt.Sprint(i))); err != nil ||
				pushed.Delivery.State != delivery.Delivered {
				t.Errorf("push %d: %+v, %v", i, pushed, err)
			}
		})
	}
	done.Wait()
	if got := w.providers.renewals; !slices.Equal(got, []string{"refresh-1"}) {
		t.Errorf("presented %v", got)
	}
	correlations := map[string]bool{}
	for _, s := range w.providers.sendings() {
		correlations[s.Correlation] = true
		if s.Token.Reveal() != "access-2" {
			t.Errorf("sent with %s", s.Token.Reveal())
		}
	}
	if len(correlations) != 1 {
		t.Errorf("%d correlation ids", len(correlations))
	}
	// A provider that takes the token no longer, before its time: once more with new access.
	refuse := true
	w.providers.answer(func(delivery.SendRequest) delivery.Outcome {
		if refuse {
			refuse = false
			return delivery.Outcome{Kind: delivery.OutcomeUnauthorized, Status: 401}
		}
		return delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201}
	})
	if pushed := must(g.deliver(account.ID, observation("again")))(t); pushed.Delivery.State != delivery.Delivered ||
		pushed.Delivery.Attempts != 1 {
		t.Errorf("after a 401: %+v", pushed.Delivery)
	}
	// A renewal that fails for now leaves the delivery waiting, and the refresh token to be
	// presented again.
	w.pass(time.Hour)
	w.providers.access = func(int) (delivery.ProviderTokens, error) { return delivery.ProviderTokens{}, errPassing }
	pushed := must(g.deliver(account.ID, observation("waits")))(t)
	if pushed.Delivery.State != delivery.Waiting {
		t.Errorf("while the provider is away: %s", pushed.Delivery.State)
	}
	w.providers.access = w.lasting(true)
	w.pass(time.Minute)
	w.work(w.deliveries)
	if got := w.state(pushed).State; got != delivery.Delivered {
		t.Errorf("when it is back: %s", got)
	}
}

// TestReconnect: when the provider's consent is over, the application is told, the
// person connects the same account again, and the next push goes.
func TestReconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.resident("anna@example.org")
	c := w.contract(w.application(), library.Write)
	g, account := p.connect(c)
	w.pass(16 * time.Minute)
	_, err := g.deliver(account.ID, observation("1"))
	if !errors.Is(err, delivery.ErrReconnect) {
		t.Errorf("push after a quarter of an hour: %v", err)
	}
	if list := must(w.accounts.ListForBearer(t.Context(),
		must(g.bearer())(t)))(t); list[1].AccessTokenStatus.Authorized {
		t.Errorf("account %+v", list[1])
	}
	opened := must(w.consents.AuthorizeForToken(t.Context(), c.call(accessToken(g.tokens.AccessToken.Value),
		func(q *wire.RequestClaims) { q.RedirectURI = callback }), wire.SessionOptions{}))(t)
	handle := must(
		w.consents.AddReference(
			t.Context(),
			c.call(),
			wire.ReferenceRequest{Type: "accountId", Value: string(account.ID)},
		),
	)(t)
	code := opened.Code.Reveal()
	r := must(w.consents.FindRequest(t.Context(), library.ReauthorizeRequest, code))(t)
	asked := delivery.ConnectionQuery{AccountReference: handle}
	step := must(w.accounts.ConnectionStep(t.Context(), p.in(), r, asked))(t)
	if !step.Required || step.Target.Account != account.ID {
		t.Fatalf("the handle means %+v", step)
	}
	state := p.depart(r, delivery.Target{Account: account.ID})
	must(
		w.accounts.HandleCallback(
			t.Context(),
			p.in(),
			delivery.CallbackParams{Source: gp.ID, State: state, Code: seal.SecretOf("good")},
		),
	)(t)
	r = p.again(r, code)
	if c := p.connected(r); c == nil || c.ID != account.ID || c.Reference != account.Reference {
		t.Fatalf("connected %+v, want the same account", c)
	}
	if q := queryOf(t, must(w.accounts.Complete(t.Context(), p.in(), r, asked))(t)); q.Get("success") != "true" {
		t.Errorf("callback %v", q)
	}
	if pushed := must(g.deliver(account.ID, observation("2")))(t); pushed.Delivery.State != delivery.Delivered {
		t.Errorf("state %s", pushed.Delivery.State)
	}
}

// TestDeliveryIsNobodyElses: no other application, contract or person finds an account
// or a delivery, or can tell it from one that is not there.
func TestDeliveryIsNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, other := w.application(), w.application()
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	g, account := anna.connect(w.contract(app, library.Write))
	pushed := must(g.deliver(account.ID, observation("1")))(t)
	for name, stranger := range map[string]granted{
		"another application": anna.allow(w.contract(other, library.Write)),
		"another person":      bram.allow(w.contract(app, library.Write)),
	} {
		_, err := stranger.deliver(account.ID, observation("2"))
		refused(t, name+" pushes", err, library.Unknown("Account"))
		b := must(stranger.bearer())(t)
		_, err = w.deliveries.Get(t.Context(), b, pushed.Delivery.ID)
		refused(t, name+" asks", err, library.Unknown("Delivery"))
		if list := must(w.deliveries.List(t.Context(), b))(t); len(list) != 0 {
			t.Errorf("%s lists %d deliveries", name, len(list))
		}
		if list := must(w.accounts.ListForBearer(t.Context(), b))(t); len(list) != 1 {
			t.Errorf("%s lists %d accounts", name, len(list))
		}
		if err := w.accounts.DeleteForBearer(t.Context(), b, account.ID); err != nil {
			t.Errorf("%s deletes: %v", name, err)
		}
	}
	if _, err := w.accounts.Get(t.Context(), bram.in(), account.ID); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("another person looks: %v", err)
	}
	if err := w.accounts.Disconnect(t.Context(), bram.in(), account.ID); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("another person disconnects: %v", err)
	}
	reader := anna.allow(w.contract(app, library.Read))
	_, err := reader.deliver(account.ID, observation("3"))
	refused(t, "a read contract pushes", err, library.WrongAccess())
	must(g.deliver(account.ID, observation("4")))(t) // it is still there
	_, err = g.deliver(
		account.ID,
		delivery.Resource{Version: fhir.R4, Types: []string{"Observation"}, Body: []byte(`{}`)},
	)
	refused(t, "another version", err, library.InvalidParameter("this provider takes FHIR 3.0"))
}
