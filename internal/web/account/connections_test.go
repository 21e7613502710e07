package account_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// unavailable is what a provider answers that takes nothing now.
var unavailable = delivery.Outcome{
	Kind: delivery.OutcomeNotFiled, Status: http.StatusServiceUnavailable, Reason: "later, says <the provider>",
}

// newConnection returns a site where a person has connected Sint Lucas Hospital for an application.
func newConnection(t *testing.T) (w *webtest.World, clinic *webtest.App, b *webtest.Browser, token string) {
	t.Helper()
	w = webtest.New(t)
	w.Provider.Lists(webtest.Lucas)
	clinic = w.Register("Demo Clinic")
	b, token = w.Connects(webtest.Anna, clinic, webtest.Lucas)
	return w, clinic, b, token
}

func TestNoConnections(t *testing.T) {
	t.Parallel()
	b := webtest.New(t).NewPerson(webtest.Anna)
	const want = "Nothing is connected yet. An app asks you when it is needed."
	if got := b.Get("/accounts").TextOf("accounts"); got != want {
		t.Errorf("empty: %q", got)
	}
}

// TestConnections visits the list of accounts while an account works, does not work for now, and has expired.
func TestConnections(t *testing.T) {
	t.Parallel()
	w, clinic, b, token := newConnection(t)
	id := clinic.ConnectionTo(token, webtest.Lucas.ID)
	row := "account-" + string(id)

	t.Run("works", func(t *testing.T) {
		delivered := clinic.Send(token, id, "Observation")
		p := b.Get("/accounts")
		for _, want := range []string{
			"Sint Lucas Hospital Connected", "For the app Demo Clinic", "Since 24 November 2026",
			"Last time: Today, 10:42",
		} {
			if !strings.Contains(p.TextOf(row), want) {
				t.Errorf("no %q: %s", want, p.TextOf(row))
			}
		}
		got := p.TextOf("delivery-" + string(delivered.ID))
		if !strings.Contains(got, "A measurement Sint Lucas Hospital accepted it") ||
			!strings.Contains(got, "From Demo Clinic") {
			t.Errorf("delivered: %s", got)
		}
	})
	t.Run("does not work for now", func(t *testing.T) {
		waiting := sendInVain(w, clinic, token, id)
		p := b.Get("/accounts")
		if got := p.TextOf(row); !strings.Contains(got, "Does not work now, we keep trying") {
			t.Errorf("account: %s", got)
		}
		if p.Attr(waiting, "data-state") != "waiting" ||
			!strings.HasPrefix(p.TextOf(waiting), "A document On its way From Demo Clinic To Sint Lucas Hospital") {
			t.Errorf("delivery: %s", p.TextOf(waiting))
		}
		if got := b.Get("/delete"); !strings.Contains(got.Text(), "1 thing on its way will not be sent.") {
			t.Errorf("deleting: %s", got.Text())
		}
	})
	t.Run("expired", func(t *testing.T) {
		w.Clock.Moves(15 * time.Minute)
		got := b.Get("/accounts").TextOf(row)
		if !strings.Contains(got, "You must connect again") ||
			!strings.Contains(got, "You cannot do that here. Demo Clinic asks you when it is needed.") {
			t.Errorf("account: %s", got)
		}
	})
}

// sendInVain sends a document to a provider that takes nothing now, and returns the data-testid of its delivery.
func sendInVain(w *webtest.World, clinic *webtest.App, token string, account wire.AccountID) string {
	w.Clock.Moves(time.Second)
	w.Provider.Answers(unavailable)
	return "delivery-" + string(clinic.Send(token, account, "DocumentReference", "Binary").ID)
}

// TestDisconnect disconnects an account to which a delivery is on its way.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	w, clinic, b, token := newConnection(t)
	id := clinic.ConnectionTo(token, webtest.Lucas.ID)
	clinic.Send(token, id, "Observation")
	waiting := sendInVain(w, clinic, token, id)

	question := b.Get("/accounts").Click("disconnect-" + string(id))
	if question.Title() != "Disconnect Sint Lucas Hospital?" ||
		question.Click("cancel").Title() != "Connected accounts" {
		t.Errorf("question: %s", question.Text())
	}
	p := question.Click("disconnect-confirm")
	t.Run("it is no longer in the list", func(t *testing.T) {
		if p.TextOf("notice") != "Sint Lucas Hospital is disconnected." || p.Has("account-"+string(id)) {
			t.Errorf("disconnected: %s", p.Text())
		}
	})
	t.Run("the delivery is called off", func(t *testing.T) {
		if p.Attr(waiting, "data-state") != "given_up" ||
			!strings.Contains(p.TextOf(waiting), "Not delivered. We stopped trying on 24 November 2026 .") {
			t.Errorf("called off: %s", p.TextOf(waiting))
		}
	})
	t.Run("the application has lost it", func(t *testing.T) {
		if len(clinic.Connections(token)) != 0 {
			t.Error("the application still has it")
		}
	})
	t.Run("it cannot be disconnected again", func(t *testing.T) {
		p := b.Get("/accounts/" + string(id) + "/disconnect")
		if p.TextOf("notice") != "That account is not connected." {
			t.Errorf("again: %s", p.Text())
		}
	})
	t.Run("the activity has it", func(t *testing.T) {
		got := b.Get("/activity").TextOf("activity")
		for _, want := range []string{
			"You disconnected Sint Lucas Hospital .", "You connected Sint Lucas Hospital .",
			"Demo Clinic sent a measurement to Sint Lucas Hospital . Accepted.",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q: %s", want, got)
			}
		}
	})
}

// An account does not work although the delivery that waits stands on a later page.
func TestConnectionWithWaitingDeliveryOnLaterPage(t *testing.T) {
	t.Parallel()
	w, clinic, b, token := newConnection(t)
	id := clinic.ConnectionTo(token, webtest.Lucas.ID)
	send := func(o delivery.Outcome) string {
		w.Provider.Answers(o)
		w.Clock.Moves(time.Second)
		return "delivery-" + string(clinic.Send(token, id, "Observation").ID)
	}
	waiting := send(unavailable)
	for range 25 {
		send(delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: http.StatusCreated})
	}
	row := "account-" + string(id)
	p := b.Get("/accounts")
	if p.Has(waiting) || !strings.Contains(p.TextOf(row), "Does not work now, we keep trying") {
		t.Errorf("%s", p.Text())
	}
	if p = p.Click("next"); p.Has(row) || !p.Has(waiting) {
		t.Errorf("the later page: %s", p.Text())
	}
}

// Disconnecting takes a form of the person's own page, for an account of the person's own.
func TestDisconnectIsProtected(t *testing.T) {
	t.Parallel()
	w, clinic, b, token := newConnection(t)
	id := clinic.ConnectionTo(token, webtest.Lucas.ID)
	question := b.Get("/accounts").Click("disconnect-" + string(id))
	action, fields := question.Form("disconnect-confirm")
	webtest.CheckForgedForms(t, question, "disconnect-confirm", w.Provider.URL)

	bob := w.NewPerson(webtest.Bob)
	const gone = "That account is not connected."
	if p := bob.Get(question.URL.Path); p.TextOf("notice") != gone || p.Has("disconnect-confirm") {
		t.Errorf("Bob is asked: %s", p.Text())
	}
	fields.Set("token", bob.Get("/settings").CSRFToken())
	if p := bob.Get("/accounts").Submit(action, fields); p.TextOf("notice") != gone {
		t.Errorf("Bob disconnects: %s", p.Text())
	}
	if len(clinic.Connections(token)) != 1 {
		t.Error("it was disconnected")
	}
}
