package account_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/web/account"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// The page says how each delivery ended, and nothing that the provider said itself.
func TestDeliveryStates(t *testing.T) {
	t.Parallel()
	w, clinic, b, token := newConnection(t)
	id := clinic.ConnectionTo(token, webtest.Lucas.ID)
	for _, tt := range []struct {
		kind        delivery.OutcomeKind
		status      int
		state, text string
	}{
		{delivery.OutcomeRefused, 422, "refused", "Sint Lucas Hospital refused it: something in it is not right."},
		{delivery.OutcomeRefused, 418, "refused", "Sint Lucas Hospital refused it: we do not know why."},
		{delivery.OutcomeUnknown, 0, "unknown", "We do not know if it arrived. Ask Sint Lucas Hospital ."},
		{delivery.OutcomeDelivered, 201, "accepted", "Sint Lucas Hospital accepted it"},
	} {
		w.Provider.Answers(delivery.Outcome{
			Kind: tt.kind, Status: tt.status, Answer: []byte(`{"issue":"secret <b>words</b>"}`), Reason: "secret words",
		})
		name := "delivery-" + string(clinic.Send(token, id, "Observation", "Observation").ID)
		p := b.Get("/accounts")
		if p.Attr(name, "data-state") != tt.state || !strings.HasPrefix(p.TextOf(name), "Measurements "+tt.text) {
			t.Errorf("%d: %s %s", tt.status, p.Attr(name, "data-state"), p.TextOf(name))
		}
		if strings.Contains(p.Body, "secret") {
			t.Error("the page tells what the provider said")
		}
		w.Clock.Moves(time.Second)
	}
}

func TestDeliveryPages(t *testing.T) {
	t.Parallel()
	w, clinic, b, token := newConnection(t)
	id := clinic.ConnectionTo(token, webtest.Lucas.ID)
	var sent []string
	for range 25 {
		sent = append(sent, "delivery-"+string(clinic.Send(token, id, "Observation").ID))
		w.Clock.Moves(time.Second)
	}
	slices.Reverse(sent)
	p := b.Get("/accounts")
	if !p.Has(sent[0]) || !p.Has(sent[19]) || p.Has(sent[20]) {
		t.Errorf("first page: %s", p.TextOf("deliveries"))
	}
	p = p.Click("next")
	if p.Has(sent[19]) || !p.Has(sent[20]) || !p.Has(sent[24]) || p.Has("next") {
		t.Errorf("second page: %s", p.Text())
	}
	if !p.Click("newest").Has(sent[0]) {
		t.Error("no link back to the newest")
	}
	for _, before := range []string{
		"x", "-", "1-", "-1-x", "99999999999999999999-x", "1-..%2F", "253402300799999-zz",
	} {
		if p := b.Get("/accounts?before=" + before); p.Status != http.StatusOK {
			t.Errorf("%s: %d", before, p.Status)
		}
	}
	title := w.NewBrowser().Get("/accounts").Title()
	if title != "Create your library" && title != "Sign in to your library" {
		t.Errorf("a stranger sees %q", title)
	}
}

func TestDeliveryStatesHaveTexts(t *testing.T) {
	t.Parallel()
	for _, state := range []delivery.State{
		delivery.Waiting, delivery.Posting, delivery.Delivered, delivery.Refused, delivery.Unknown, delivery.Expired,
		delivery.Reconnect,
	} {
		if !account.HasText(state) {
			t.Errorf("no text for a delivery that is %s", state)
		}
	}
}
