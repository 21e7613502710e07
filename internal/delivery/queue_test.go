package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
)

// TestDeliver: what a provider answers decides the state, the application's answer and
// the person's activity; only what was certainly not filed is tried again.
func TestDeliver(t *testing.T) {
	t.Parallel()
	answer := []byte(`{"resourceType":"OperationOutcome"}`)
	for _, test := range []struct {
		name  string
		first delivery.Outcome
		state delivery.State // after the first attempt
		event string
		after delivery.State // after ten minutes at a provider that takes it
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
			w := carreltest.New(t)
			w.Provider.GivesTokens(true)
			p := w.Person("anna@example.org")
			g, account := p.Connects(w.Application().Contract(library.Write))
			w.Provider.RefusesTokens(delivery.ErrReconnect)
			before := p.Activity()
			w.Provider.Answers(test.first)
			pushed := carreltest.Must(g.Sends(account.ID, carreltest.Observation("planted-content")))(t)
			t.Run("state", func(t *testing.T) {
				kept := w.Delivery(pushed)
				if pushed.Delivery.State != test.state || kept.State != test.state ||
					kept.Status != test.first.Status || kept.State.Final() != (kept.Payload == nil) {
					t.Errorf("state %s, kept as %+v, want %s", pushed.Delivery.State, kept, test.state)
				}
			})
			t.Run("activity", func(t *testing.T) {
				if got := strings.TrimSpace(strings.TrimPrefix(p.Activity(), before)); got != test.event {
					t.Errorf("activity %q, want %q", got, test.event)
				}
			})
			t.Run("answer", func(t *testing.T) {
				b := carreltest.Must(g.Bearer())(t)
				asked := carreltest.Must(w.Queue.Get(t.Context(), b, pushed.Delivery.ID))(t)
				if string(asked.Answer) != string(pushed.Answer) {
					t.Errorf("answer %q, then %q", pushed.Answer, asked.Answer)
				}
			})
			t.Run("tried again", func(t *testing.T) {
				w.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201})
				w.Clock.Moves(10 * time.Minute) // the access of the waiting one is still good
				w.Work(w.Queue)
				if got := w.Delivery(pushed).State; got != test.after {
					t.Errorf("ten minutes later %s, want %s", got, test.after)
				}
				if n := len(w.Provider.Sent()); n != test.sent {
					t.Errorf("sent %d times, want %d", n, test.sent)
				}
			})
			t.Run("hidden at rest", func(t *testing.T) {
				for _, text := range []string{"planted-content", "access-1", "refresh-1", "OperationOutcome"} {
					if len(w.Mentions(text)) > 0 {
						t.Errorf("the database holds %q in the clear", text)
					}
				}
			})
		})
	}
}

// TestDeliveryGivesUp: a delivery is tried for its time and then no more.
func TestDeliveryGivesUp(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t, func(c *server.Config) {
		c.Deliveries = delivery.QueueConfig{Lifetime: 10 * time.Minute, FirstRetry: time.Minute}
	})
	p := w.Person("anna@example.org")
	g, account := p.Connects(w.Application().Contract(library.Write))
	w.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeNotFiled, Reason: "refused the connection"})
	pushed := carreltest.Must(g.Sends(account.ID, carreltest.Observation("1")))(t)
	for range 12 {
		w.Clock.Moves(time.Minute)
		w.Work(w.Queue)
	}
	kept := w.Delivery(pushed)
	if kept.State != delivery.Expired || kept.Reason != "refused the connection" {
		t.Errorf("state %s for %q", kept.State, kept.Reason)
	}
	if kept.Attempts < 3 || kept.Attempts > 7 {
		t.Errorf("%d attempts in ten minutes of one, two, four, …", kept.Attempts)
	}
	if !strings.HasSuffix(p.Activity(), "sent.given_up") {
		t.Errorf("activity %s", p.Activity())
	}
}

// TestDeliverySurvivesItsServer: what a server leaves when it dies is taken over when
// its lease is over: sent once if it was not on the wire, and never again if it was.
func TestDeliverySurvivesItsServer(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p := w.Person("anna@example.org")
	w.Provider.GivesTokens(true)
	g, account := p.Connects(w.Application().Contract(library.Write))
	w.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeNotFiled})
	waiting, posting := carreltest.Must(g.Sends(account.ID, carreltest.Observation("waiting")))(t),
		carreltest.Must(g.Sends(account.ID, carreltest.Observation("posting")))(t)
	w.Clock.Moves(time.Minute)
	// A server claims both, begins with one, and dies.
	now := w.Clock.Now()
	claimed := carreltest.Must(w.Store.ClaimDeliveries(t.Context(), "dead", now, now.Add(80*time.Second), 10))(t)
	if len(claimed) != 2 {
		t.Fatalf("claimed %d", len(claimed))
	}
	if err := w.Store.BeginPosting(t.Context(), posting.Delivery.ID, "dead", now, now.Add(80*time.Second)); err != nil {
		t.Fatal(err)
	}
	sent := len(w.Provider.Sent())
	w.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201})
	other := w.NewQueue(delivery.QueueConfig{})
	ctx := t.Context()
	got := carreltest.Must(w.Store.ClaimDeliveries(ctx, "early", now.Add(time.Second), now.Add(time.Minute), 10))(t)
	if len(got) != 0 {
		t.Errorf("claimed under somebody's lease: %v", got)
	}
	w.Clock.Moves(2 * time.Minute)
	w.Work(other)
	if got := w.Delivery(waiting).State; got != delivery.Delivered {
		t.Errorf("the one that waited: %s", got)
	}
	if got := w.Delivery(posting).State; got != delivery.Unknown {
		t.Errorf("the one on the wire: %s", got)
	}
	if n := len(w.Provider.Sent()) - sent; n != 1 {
		t.Errorf("sent %d, want the one that waited", n)
	}
	if got := p.Activity(); !strings.Contains(got, "sent.unknown") || !strings.Contains(got, "sent.accepted") {
		t.Errorf("activity %s", got)
	}
}

// TestDeliveryCalledOff: what waits is not sent once the person has stopped the
// application, disconnected the account or shut the library.
func TestDeliveryCalledOff(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(w *carreltest.World, p *carreltest.Person, g *carreltest.Grant,
		account wire.AccountID) error{
		"stopped": func(w *carreltest.World, p *carreltest.Person, g *carreltest.Grant, _ wire.AccountID) error {
			return w.Consents.Revoke(context.Background(), p.SignedIn(), library.GrantID(g.Tokens.ConsentID))
		},
		"disconnected": func(w *carreltest.World, p *carreltest.Person, _ *carreltest.Grant,
			account wire.AccountID) error {
			return w.Connections.Disconnect(context.Background(), p.SignedIn(), account)
		},
		"disconnected by the application": func(w *carreltest.World, _ *carreltest.Person, g *carreltest.Grant,
			account wire.AccountID) error {
			return w.Connections.DeleteForBearer(context.Background(), carreltest.Must(g.Bearer())(t), account)
		},
		"shut": func(w *carreltest.World, p *carreltest.Person, _ *carreltest.Grant, _ wire.AccountID) error {
			_, err := w.People.Shut(context.Background(), p.SignedIn(), p.Password)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := carreltest.New(t)
			w.Provider.GivesTokens(true)
			p := w.Person("anna@example.org")
			g, account := p.Connects(w.Application().Contract(library.Write))
			w.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeNotFiled})
			pushed := carreltest.Must(g.Sends(account.ID, carreltest.Observation("planted-content")))(t)
			if err := stop(w, p, g, account.ID); err != nil {
				t.Fatal(err)
			}
			w.Clock.Moves(time.Hour)
			w.Work(w.Queue)
			if kept := w.Delivery(pushed); kept.State != delivery.Expired || kept.Payload != nil || kept.Reason == "" {
				t.Errorf("kept as %s for %q", kept.State, kept.Reason)
			}
			if n := len(w.Provider.Sent()); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

// connected returns a world in which a person has connected an account at a provider that gives
// refresh tokens.
func connected(t *testing.T) (w *carreltest.World, g *carreltest.Grant, account wire.AccountID) {
	t.Helper()
	w = carreltest.New(t)
	w.Provider.GivesTokens(true)
	g, a := w.Person("anna@example.org").Connects(w.Application().Contract(library.Write))
	return w, g, a.ID
}

// TestRenewAccess: access is renewed by one at a time, stored before use, and a refresh
// token is presented once.
func TestRenewAccess(t *testing.T) {
	t.Parallel()
	w, g, account := connected(t)
	w.Clock.Moves(time.Hour)
	var done sync.WaitGroup
	for i := range 20 {
		done.Go(func() {
			if pushed, err := g.Sends(account, carreltest.Observation(fmt.Sprint(i))); err != nil ||
				pushed.Delivery.State != delivery.Delivered {
				t.Errorf("push %d: %+v, %v", i, pushed, err)
			}
		})
	}
	done.Wait()
	if got := w.Provider.Refreshes(); !slices.Equal(got, []string{"refresh-1"}) {
		t.Errorf("presented %v", got)
	}
	correlations := map[string]bool{}
	for _, s := range w.Provider.Sent() {
		correlations[s.Correlation] = true
		if s.Token.Reveal() != "access-2" {
			t.Errorf("sent with %s", s.Token.Reveal())
		}
	}
	if len(correlations) != 1 {
		t.Errorf("%d correlation ids", len(correlations))
	}
}

// TestRenewRefusedAccess: if a provider takes the token no longer, before its time, the delivery is
// sent once more with new access.
func TestRenewRefusedAccess(t *testing.T) {
	t.Parallel()
	w, g, account := connected(t)
	refuse := true
	w.Provider.AnswersWith(func(delivery.SendRequest) delivery.Outcome {
		if refuse {
			refuse = false
			return delivery.Outcome{Kind: delivery.OutcomeUnauthorized, Status: 401}
		}
		return delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201}
	})
	pushed := carreltest.Must(g.Sends(account, carreltest.Observation("again")))(t)
	if pushed.Delivery.State != delivery.Delivered || pushed.Delivery.Attempts != 1 {
		t.Errorf("after a 401: %+v", pushed.Delivery)
	}
	var tokens []string
	for _, s := range w.Provider.Sent() {
		tokens = append(tokens, s.Token.Reveal())
	}
	if want := []string{"access-1", "access-2"}; !slices.Equal(tokens, want) {
		t.Errorf("sent with %v, want %v", tokens, want)
	}
}

// TestRenewalFails: a renewal that fails for now leaves the delivery waiting, and the refresh token
// to be presented again.
func TestRenewalFails(t *testing.T) {
	t.Parallel()
	w, g, account := connected(t)
	w.Clock.Moves(time.Hour)
	w.Provider.RefusesTokens(errors.New("the provider is away for a moment"))
	pushed := carreltest.Must(g.Sends(account, carreltest.Observation("waits")))(t)
	if pushed.Delivery.State != delivery.Waiting {
		t.Errorf("while the provider is away: %s", pushed.Delivery.State)
	}
	w.Provider.GivesTokens(true)
	w.Clock.Moves(time.Minute)
	w.Work(w.Queue)
	if got := w.Delivery(pushed).State; got != delivery.Delivered {
		t.Errorf("when it is back: %s", got)
	}
	if got := w.Provider.Refreshes(); !slices.Equal(got, []string{"refresh-1", "refresh-1"}) {
		t.Errorf("presented %v", got)
	}
}

// ended returns a world in which the provider's consent is over.
func ended(t *testing.T) (*carreltest.World, *carreltest.Person, *carreltest.Grant, delivery.Connection) {
	t.Helper()
	w := carreltest.New(t)
	p := w.Person("anna@example.org")
	g, account := p.Connects(w.Application().Contract(library.Write))
	w.Clock.Moves(16 * time.Minute)
	return w, p, g, account
}

// TestConsentEnds: when the provider's consent is over, the application is told.
func TestConsentEnds(t *testing.T) {
	t.Parallel()
	w, _, g, account := ended(t)
	_, err := g.Sends(account.ID, carreltest.Observation("1"))
	if !errors.Is(err, delivery.ErrReconnect) {
		t.Errorf("push after a quarter of an hour: %v", err)
	}
	list := carreltest.Must(w.Connections.ListForBearer(t.Context(), carreltest.Must(g.Bearer())(t)))(t)
	if list[1].AccessTokenStatus.Authorized {
		t.Errorf("account %+v", list[1])
	}
}

// TestReconnect: when the provider's consent is over, the person connects the same account again,
// and the next push goes.
func TestReconnect(t *testing.T) {
	t.Parallel()
	w, p, g, account := ended(t)
	_, err := g.Sends(account.ID, carreltest.Observation("1"))
	if !errors.Is(err, delivery.ErrReconnect) {
		t.Fatalf("push after a quarter of an hour: %v", err)
	}
	opened := carreltest.Must(w.Consents.AuthorizeForToken(t.Context(),
		g.Requests(carreltest.WithToken(g.Token()), carreltest.ReturningTo(carreltest.Callback)),
		wire.SessionOptions{}))(t)
	handle := carreltest.Must(w.Consents.AddAccountHandle(t.Context(), g.Requests(),
		wire.ReferenceRequest{Type: "accountId", Value: string(account.ID)}))(t)
	code := opened.Code.Reveal()
	r := carreltest.Must(w.Consents.FindRequest(t.Context(), library.ReauthorizeRequest, code))(t)
	asked := delivery.ConnectionQuery{AccountHandle: handle}
	step := carreltest.Must(w.Connections.ConnectionStep(t.Context(), p.SignedIn(), r, asked))(t)
	if !step.Required || step.Target.Account != account.ID {
		t.Fatalf("the handle means %+v", step)
	}
	state := p.LeavesFor(r, delivery.Target{Account: account.ID})
	carreltest.Must(w.Connections.HandleCallback(t.Context(), p.SignedIn(), delivery.CallbackParams{
		Source: carreltest.SourceID, State: state, Code: seal.SecretOf(carreltest.GoodCode),
	}))(t)
	r = p.Opens(r.Kind, seal.SecretOf(code))
	if c := p.Connected(r); c == nil || c.ID != account.ID || c.Reference != account.Reference {
		t.Fatalf("connected %+v, want the same account", c)
	}
	q := carreltest.QueryOf(t, carreltest.Must(w.Connections.Complete(t.Context(), p.SignedIn(), r, asked))(t))
	if q.Get("success") != "true" {
		t.Errorf("callback %v", q)
	}
	pushed := carreltest.Must(g.Sends(account.ID, carreltest.Observation("2")))(t)
	if pushed.Delivery.State != delivery.Delivered {
		t.Errorf("state %s", pushed.Delivery.State)
	}
}

// TestDeliveryIsNobodyElses: no other application, contract or person finds an account
// or a delivery, or can tell it from one that is not there.
func TestDeliveryIsNobodyElses(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app, other := w.Application(), w.Application()
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	g, account := anna.Connects(app.Contract(library.Write))
	pushed := carreltest.Must(g.Sends(account.ID, carreltest.Observation("1")))(t)
	for name, stranger := range map[string]*carreltest.Grant{
		"another application": anna.Allows(other.Contract(library.Write)),
		"another person":      bram.Allows(app.Contract(library.Write)),
	} {
		b := carreltest.Must(stranger.Bearer())(t)
		t.Run(name+" pushes", func(t *testing.T) {
			_, err := stranger.Sends(account.ID, carreltest.Observation("2"))
			carreltest.Refused(t, name, err, library.Unknown("Account"))
		})
		t.Run(name+" asks", func(t *testing.T) {
			_, err := w.Queue.Get(t.Context(), b, pushed.Delivery.ID)
			carreltest.Refused(t, name, err, library.Unknown("Delivery"))
		})
		t.Run(name+" lists", func(t *testing.T) {
			if list := carreltest.Must(w.Queue.List(t.Context(), b))(t); len(list) != 0 {
				t.Errorf("%d deliveries", len(list))
			}
			if list := carreltest.Must(w.Connections.ListForBearer(t.Context(), b))(t); len(list) != 1 {
				t.Errorf("%d accounts", len(list))
			}
		})
		t.Run(name+" deletes", func(t *testing.T) {
			if err := w.Connections.DeleteForBearer(t.Context(), b, account.ID); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("another person's browser", func(t *testing.T) {
		_, err := w.Connections.Get(t.Context(), bram.SignedIn(), account.ID)
		if !errors.Is(err, library.ErrNotFound) {
			t.Errorf("looks: %v", err)
		}
		err = w.Connections.Disconnect(t.Context(), bram.SignedIn(), account.ID)
		if !errors.Is(err, library.ErrNotFound) {
			t.Errorf("disconnects: %v", err)
		}
	})
	t.Run("a read contract pushes", func(t *testing.T) {
		_, err := anna.Allows(app.Contract(library.Read)).Sends(account.ID, carreltest.Observation("3"))
		carreltest.Refused(t, "push", err, library.WrongAccess())
	})
	carreltest.Must(g.Sends(account.ID, carreltest.Observation("4")))(t) // it is still there
}

// TestDeliveryVersion: a resource of a FHIR version that the provider does not take is refused.
func TestDeliveryVersion(t *testing.T) {
	t.Parallel()
	_, g, account := connected(t)
	_, err := g.Sends(account,
		delivery.Resource{Version: fhir.R4, Types: []string{"Observation"}, Body: []byte(`{}`)})
	carreltest.Refused(t, "another version", err, library.InvalidParameter("this provider takes FHIR 3.0"))
}
