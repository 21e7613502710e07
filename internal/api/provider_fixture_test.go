package api_test

import (
	"encoding/json"
	"net/http"
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
