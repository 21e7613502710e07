package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
)

func TestAccounts(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	if got := v.get("/accounts").text("accounts"); got != "Nothing is connected yet. An app asks you when it is needed." {
		t.Errorf("empty: %q", got)
	}
	token := w.exchange(clinic, p.connectAt(lucas).click("allow").callback())
	id := w.connected(clinic, token)[0].ID
	row, delivered := "account-"+string(id), w.send(clinic, token, id, "Observation")

	p = v.get("/accounts")
	for _, want := range []string{"Sint Lucas Hospital Connected", "For the app Demo Clinic", "Since 24 November 2026", "Last time: Today, 10:42"} {
		if !strings.Contains(p.text(row), want) {
			t.Errorf("no %q: %s", want, p.text(row))
		}
	}
	if got := p.text("delivery-" + string(delivered.ID)); !strings.Contains(got, "A measurement Sint Lucas Hospital accepted it") || !strings.Contains(got, "From Demo Clinic") {
		t.Errorf("delivered: %s", got)
	}

	w.pass(time.Second)
	w.provider.change(func() {
		w.provider.outcome = delivery.Outcome{Kind: delivery.OutcomeNotFiled, Status: http.StatusServiceUnavailable, Reason: "later, says <the provider>"}
	})
	waiting := w.send(clinic, token, id, "DocumentReference", "Binary")
	p = v.get("/accounts")
	if got := p.text(row); !strings.Contains(got, "Does not work now, we keep trying") {
		t.Errorf("in trouble: %s", got)
	}
	if n := p.find("delivery-" + string(waiting.ID)); attr(n, "data-state") != "waiting" || !strings.HasPrefix(textOf(n), "A document On its way From Demo Clinic To Sint Lucas Hospital") {
		t.Errorf("waiting: %s", textOf(n))
	}
	if got := v.get("/delete"); !strings.Contains(textOf(got.root), "1 thing on its way will not be sent.") {
		t.Errorf("deleting: %s", textOf(got.root))
	}

	w.pass(15 * time.Minute)
	if got := v.get("/accounts").text(row); !strings.Contains(got, "You must connect again") || !strings.Contains(got, "You cannot do that here. Demo Clinic asks you when it is needed.") {
		t.Errorf("over: %s", got)
	}
	p = v.get("/accounts").click("disconnect-" + string(id))
	if p.title() != "Disconnect Sint Lucas Hospital?" || p.click("cancel").title() != "Connected accounts" {
		t.Errorf("disconnecting: %s", textOf(p.root))
	}
	p = p.click("disconnect-confirm")
	if p.text("notice") != "Sint Lucas Hospital is disconnected." || p.find(row) != nil {
		t.Errorf("disconnected: %s", textOf(p.root))
	}
	if n := p.find("delivery-" + string(waiting.ID)); attr(n, "data-state") != "given_up" || !strings.Contains(textOf(n), "Not delivered. We stopped trying on 24 November 2026 .") {
		t.Errorf("called off: %s", textOf(n))
	}
	if len(w.connected(clinic, token)) != 0 {
		t.Error("the application still has it")
	}
	if p = v.get(p.url.Path + "/" + string(id) + "/disconnect"); p.status != http.StatusNotFound {
		t.Errorf("again: %d", p.status)
	}
	log := v.get("/activity").text("activity")
	for _, want := range []string{"You disconnected Sint Lucas Hospital .", "Demo Clinic sent a measurement to Sint Lucas Hospital . Accepted.", "You connected Sint Lucas Hospital ."} {
		if !strings.Contains(log, want) {
			t.Errorf("activity has no %q: %s", want, log)
		}
	}
}

// An account says that it does not work although what waits stands on a later page.
func TestAccountsWaitingLater(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	token := w.exchange(clinic, p.connectAt(lucas).click("allow").callback())
	id := w.connected(clinic, token)[0].ID
	send := func(o delivery.Outcome) delivery.Delivery {
		w.provider.change(func() { w.provider.outcome = o })
		w.pass(time.Second)
		return w.send(clinic, token, id, "Observation")
	}
	waiting := "delivery-" + string(send(delivery.Outcome{Kind: delivery.OutcomeNotFiled, Status: http.StatusServiceUnavailable}).ID)
	for range 25 {
		send(delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: http.StatusCreated})
	}
	row := "account-" + string(id)
	p = v.get("/accounts")
	if p.find(waiting) != nil || !strings.Contains(p.text(row), "Does not work now, we keep trying") {
		t.Errorf("%s", textOf(p.root))
	}
	if p = p.click("next"); p.find(row) != nil || p.find(waiting) == nil {
		t.Errorf("the later page: %s", textOf(p.root))
	}
}

func TestDeliveries(t *testing.T) {
	w, clinic := newProviderWorld(t)
	v, p := atChoice(t, w, clinic)
	token := w.exchange(clinic, p.connectAt(lucas).click("allow").callback())
	id := w.connected(clinic, token)[0].ID
	var sent []string
	for _, o := range []struct {
		kind   delivery.OutcomeKind
		status int
		state  string
		say    string
	}{
		{delivery.OutcomeRefused, 422, "refused", "Sint Lucas Hospital refused it: something in it is not right."},
		{delivery.OutcomeRefused, 418, "refused", "Sint Lucas Hospital refused it: we do not know why."},
		{delivery.OutcomeUnknown, 0, "unknown", "We do not know if it arrived. Ask Sint Lucas Hospital ."},
		{delivery.OutcomeDelivered, 201, "accepted", "Sint Lucas Hospital accepted it"},
	} {
		w.provider.change(func() {
			w.provider.outcome = delivery.Outcome{Kind: o.kind, Status: o.status, Answer: []byte(`{"issue":"secret <b>words</b>"}`), Reason: "secret words"}
		})
		d := w.send(clinic, token, id, "Observation", "Observation")
		p = v.get("/accounts")
		n := p.find("delivery-" + string(d.ID))
		if attr(n, "data-state") != o.state || !strings.HasPrefix(textOf(n), "Measurements "+o.say) {
			t.Errorf("%d: %s %s", o.status, attr(n, "data-state"), textOf(n))
		}
		if strings.Contains(p.body, "secret") {
			t.Error("the page tells what the provider said")
		}
		sent = append(sent, string(d.ID))
		w.pass(time.Second)
	}
	for range 21 {
		sent = append(sent, string(w.send(clinic, token, id, "Observation").ID))
		w.pass(time.Second)
	}
	slices.Reverse(sent)
	p = v.get("/accounts")
	if p.find("delivery-"+sent[0]) == nil || p.find("delivery-"+sent[19]) == nil || p.find("delivery-"+sent[20]) != nil {
		t.Errorf("first page: %s", p.text("deliveries"))
	}
	p = p.click("next")
	if p.find("delivery-"+sent[19]) != nil || p.find("delivery-"+sent[20]) == nil || p.find("delivery-"+sent[24]) == nil || p.find("next") != nil {
		t.Errorf("second page: %s", textOf(p.root))
	}
	if p.click("newest").find("delivery-"+sent[0]) == nil {
		t.Error("no way back to the newest")
	}
	for _, before := range []string{"x", "-", "1-", "-1-x", "99999999999999999999-x", "1-..%2F", "253402300799999-zz"} {
		if p := v.get("/accounts?before=" + before); p.status != http.StatusOK {
			t.Errorf("%s: %d", before, p.status)
		}
	}
	if got := w.visitor().get("/accounts"); got.title() != "Create your library" && got.title() != "Sign in to your library" {
		t.Errorf("a stranger sees %q", got.title())
	}
}
