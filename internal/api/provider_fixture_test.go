package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
)

// accounts lists the accounts that an application sees of a person.
func (w *world) accounts(t testing.TB, g *carreltest.Grant) (list []wire.Account) {
	t.Helper()
	w.mustSend(t, get("permission-access/accounts", w.as(g, nil)), &list)
	return list
}

// userAccount is the account that stands for the person.
func (w *world) userAccount(t testing.TB, g *carreltest.Grant) wire.AccountID {
	t.Helper()
	for _, a := range w.accounts(t, g) {
		if a.Type == wire.AccountTypeUser {
			return a.ID
		}
	}
	t.Fatal("no account stands for the person")
	return ""
}

// importPath is the path of a push to a provider.
func importPath(version string) string { return "permission-access/import/h:accountId/fhir/" + version }

// deliver is a push of a resource to an account.
func (w *world) deliver(g *carreltest.Grant, account wire.AccountID, body string) request {
	r := post(importPath("stu3"), w.as(g, nil), body)
	r.header = http.Header{"Accountid": {string(account)}}
	return r
}

// weight is a valid resource. Nobody but the provider may read its note.
func weight(note string) string {
	return `{"resourceType":"Observation","status":"final",` +
		`"meta":{"profile":["http://nictiz.nl/fhir/StructureDefinition/zib-BodyWeight"]},` +
		`"code":{"text":"Weight"},"valueQuantity":{"value":72.50,"unit":"kg"},"comment":` + quoted(note) + `}`
}

// batch is a valid Bundle of weights.
func batch(notes ...string) string {
	var entries []string
	for i, note := range notes {
		uuid := "urn:uuid:0b7d5b4e-6b3c-4d0a-9a3e-00000000000" + string(rune('1'+i))
		entries = append(entries, `{"fullUrl":"`+uuid+`","resource":`+weight(note)+
			`,"request":{"method":"POST","url":"Observation"}}`)
	}
	return `{"resourceType":"Bundle","type":"batch","entry":[` + strings.Join(entries, ",") + `]}`
}

func quoted(s string) string { return string(must(json.Marshal(s))) }

// deliveryOf asks how far a delivery is.
func (w *world) deliveryOf(t testing.TB, g *carreltest.Grant, id string) (d wire.Delivery) {
	t.Helper()
	w.mustSend(t, get("permission-access/deliveries/"+id, w.as(g, nil)), &d)
	return d
}

// deliveryWorld is a world in which applications have sent deliveries for two people.
type deliveryWorld struct {
	*world
	k         *sender // has sent own
	sibling   *sender // another contract of the same application, for the same person
	theirs    *sender // the same contract, for another person
	elsewhere *sender // another application, for the same person
	reader    *carreltest.Grant

	own     []string // newest first
	foreign []string // of theirs and of elsewhere
}

func newDeliveryWorld(t *testing.T) *deliveryWorld {
	t.Helper()
	w := &deliveryWorld{world: newProviderWorld(t)}
	w.k, w.theirs = w.sender(t), w.sender(t)
	w.elsewhere = w.senderOf(t, w.k.person, w.foreignWrite)
	w.reader = w.Person().Allows(w.read)
	send := func(by *sender, note string) string {
		return w.send(t, w.deliver(by.Grant, by.account, weight(note))).Header.Get(wire.HeaderDelivery)
	}
	w.own = []string{send(w.k, "note 0"), send(w.k, "note 1"), send(w.k, "note 2")}
	slices.Reverse(w.own)
	w.foreign = []string{send(w.theirs, "x"), send(w.elsewhere, "x")}
	w.sibling = w.senderOf(t, w.k.person, w.second)
	return w
}

// TestDeliveriesAreOwn checks that a contract follows what it has sent for a person, and nothing else.
func TestDeliveriesAreOwn(t *testing.T) {
	t.Parallel()
	w := newDeliveryWorld(t)
	t.Run("none", func(t *testing.T) {
		a := w.mustSend(t, get("permission-access/deliveries", w.as(w.sender(t).Grant, nil)), nil)
		if string(a.body) != `{"data":[]}` {
			t.Errorf("none: %s", a.body)
		}
	})
	t.Run("listed for its own contract", func(t *testing.T) { w.listsOwn(t, w.k.Grant) })
	t.Run("not listed for another contract of the application", func(t *testing.T) {
		if w.sibling.account == w.k.account {
			t.Errorf("it has the account of the first contract, %s", w.k.account)
		}
		w.refuses(t, w.deliver(w.sibling.Grant, w.k.account, weight("x")), notFound("Account"))
		a := w.mustSend(t, get("permission-access/deliveries", w.as(w.sibling.Grant, nil)), nil)
		if string(a.body) != `{"data":[]}` {
			t.Errorf("another contract's: %s", a.body)
		}
	})
	t.Run("not listed for another person", func(t *testing.T) {
		var list wire.DeliveryList
		if w.mustSend(t, get("permission-access/deliveries", w.as(w.reader, nil)), &list); len(list.Data) != 0 {
			t.Errorf("another person's: %+v", list.Data)
		}
	})
	for _, by := range []*carreltest.Grant{w.theirs.Grant, w.elsewhere.Grant, w.reader, w.sibling.Grant} {
		t.Run("not found by a foreign grant", func(t *testing.T) {
			w.refuses(t, get("permission-access/deliveries/"+w.own[0], w.as(by, nil)), notFound("Delivery"))
		})
	}
}

// listsOwn checks the list of the own deliveries, which holds nothing of what was sent.
func (w *deliveryWorld) listsOwn(t *testing.T, by *carreltest.Grant) {
	t.Helper()
	var list wire.DeliveryList
	a := w.mustSend(t, get("permission-access/deliveries", w.as(by, nil)), &list)
	var ids []string
	for _, d := range list.Data {
		ids = append(ids, d.ID)
		if d.State != "delivered" || d.Answer != nil || d.ProviderStatus != 201 ||
			!slices.Equal(d.Types, []string{"Observation"}) ||
			d.Created == 0 || d.Updated < d.Created || d.Expires <= d.Created {
			t.Errorf("%+v", d)
		}
	}
	if !slices.Equal(ids, w.own) {
		t.Errorf("listed %v, want %v", ids, w.own)
	}
	if strings.Contains(string(a.body), "note ") || strings.Contains(string(a.body), "null") {
		t.Errorf("the list holds more than it should: %s", a.body)
	}
}

// TestDeliveryRefused asks for deliveries in ways that are refused.
func TestDeliveryRefused(t *testing.T) {
	t.Parallel()
	w := newDeliveryWorld(t)
	for _, id := range append(w.foreign, "nosuchdelivery", "%25", "..%2e", strings.Repeat("x", 5000), "%00",
		"%E2%98%82", strings.ToUpper(w.own[0])+"x") {
		t.Run(fmt.Sprintf("%.20s", id), func(t *testing.T) {
			w.refuses(t, get("permission-access/deliveries/"+id, w.as(w.k.Grant, nil)), notFound("Delivery"))
		})
	}
	t.Run("without an access token", func(t *testing.T) {
		w.refuses(t, get("permission-access/deliveries", w.bearer(w.write, nil)), invalid(wire.KindAccessToken))
	})
	t.Run("without a bearer token", func(t *testing.T) {
		w.refuses(t, get("permission-access/deliveries/"+w.own[0], ""), badBearer("bearer token"))
	})
	t.Run("deleting", func(t *testing.T) {
		w.refuses(t, request{method: "DELETE", path: "permission-access/deliveries/" + w.own[0],
			bearer: w.as(w.k.Grant, nil), header: http.Header{}}, notFound("Call"))
	})
}

// TestDeliveryOutlivesAccount checks that what has been sent stays known when the account is gone.
func TestDeliveryOutlivesAccount(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	id := w.send(t, w.deliver(k.Grant, k.account, weight("x"))).Header.Get(wire.HeaderDelivery)
	w.mustSend(t, w.deleting(k.Grant, k.account), nil)
	if d := w.deliveryOf(t, k.Grant, id); d.State != "delivered" || d.Answer == nil {
		t.Errorf("after the account has gone: %+v", d)
	}
}
