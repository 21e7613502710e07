package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/server/servertest"
	"github.com/carrelhq/carrel/internal/simulator"
)

// providerWorld is a world with practice providers, and contracts of two applications
// that write.
type providerWorld struct {
	*world
	sim *simulator.Simulator
	// other writes for another application than write does.
	other contract
}

// linde is the provider that most is sent to, as the simulator calls it.
const linde = "huisartslinde"

func newProviderWorld(t testing.TB, options ...func(*server.Config)) *providerWorld {
	t.Helper()
	w := &providerWorld{}
	w.world = newWorld(t, append([]func(*server.Config){func(c *server.Config) {
		var connect servertest.Option
		w.sim, connect = servertest.OpenProviders(t, filepath.Join(t.TempDir(), "medmij"), c.Now)
		connect(c)
	}}, options...)...)
	t.Cleanup(func() {
		w.secrets.plant(w.sim.Secrets()...) // before the log is searched
		if v := w.sim.Violations(); len(v) > 0 {
			t.Errorf("the providers saw rules broken: %q", v)
		}
	})
	k, err := w.Clients.AddContract(t.Context(), library.Contract{ID: "writeM", Application: w.foreign.id.Application,
		Access:    library.Write,
		PublicKey: string(wire.MarshalPublicKey(&w.foreign.key.PublicKey)), RedirectURIs: []string{callback}})
	if err != nil {
		t.Fatal(err)
	}
	w.other = contract{wire.ClientID{Application: k.Application, Contract: k.ID}, w.foreign.key, k.Access}
	return w
}

// sender is a consent with an account at a provider.
type sender struct {
	*consent
	account wire.AccountID
	person  *demo.Walker
}

// newPerson is somebody who goes through the pages.
func newPerson() *demo.Walker {
	return demo.NewWalker("person-"+seal.RandomID(10)+"@example.org", seal.RandomID(20))
}

// consentAt has a person connect a provider and allow a contract to send there.
func (w *providerWorld) consentAt(t testing.TB, p *demo.Walker, c contract, provider string) *sender {
	t.Helper()
	verifier := wire.RandomAlphanumeric(43)
	var signed wire.SignedAnswer
	w.mustSend(t,
		post("oauth/authorize", w.bearer(c, authorizing(claims{"code_challenge": wire.Challenge(verifier)})),
			""), &signed)
	token, err := wire.ParseToken(signed.Token)
	if err != nil {
		t.Fatal(err)
	}
	var link struct {
		Code string `json:"preauthorization_code"`
	}
	if err := token.Peek(&link); err != nil {
		t.Fatal(err)
	}
	scope := url.QueryEscape(`{"dataType":["measurements-vital-signs"]}`)
	p.Provider = provider
	back, err := p.Walk(t.Context(), "http://"+w.address+"/apps/saas/authorize?"+url.Values{"code": {link.Code},
		"sourceType": {"push"}, "sourcesScope": {scope}}.Encode(), callback)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	k := &consent{contract: c, code: u.Query().Get("code"), verifier: verifier}
	got, err := w.tokens(w.send(t, post("oauth/token", w.bearer(c, exchanging(k)), "")))
	if err != nil {
		t.Fatal(err)
	}
	k.access, k.refresh, k.grant = got.AccessToken.Value, got.RefreshToken.Value, library.GrantID(got.ConsentID)
	for _, a := range w.accounts(t, k) {
		if a.Reference == u.Query().Get("accountReference") {
			return &sender{k, a.ID, p}
		}
	}
	t.Fatalf("no account has the reference in %s", back)
	return nil
}

// sender is somebody new who lets the clinic send to a provider.
func (w *providerWorld) sender(t testing.TB, provider string) *sender {
	t.Helper()
	return w.consentAt(t, newPerson(), w.write, provider)
}

// accounts lists what an application sees of a person's accounts.
func (w *world) accounts(t testing.TB, k *consent) (list []wire.Account) {
	t.Helper()
	w.mustSend(t, get("permission-access/accounts", w.as(k, nil)), &list)
	return list
}

// standsFor is the account that stands for the person.
func (w *world) standsFor(t testing.TB, k *consent) wire.AccountID {
	t.Helper()
	for _, a := range w.accounts(t, k) {
		if a.Type == wire.AccountTypeUser {
			return a.ID
		}
	}
	t.Fatal("no account stands for the person")
	return ""
}

// import is the path of a push to a provider.
func importPath(version string) string { return "permission-access/import/h:accountId/fhir/" + version }

// deliver is a push of a resource to an account.
func (w *world) deliver(k *consent, account wire.AccountID, body string) request {
	r := post(importPath("stu3"), w.as(k, nil), body)
	r.header = http.Header{"Accountid": {string(account)}}
	return r
}

// weight is an honest resource. Its note is what nobody but the provider may read.
func weight(note string) string {
	return `{"resourceType":"Observation","status":"final","meta":{"profile":["http://nictiz.nl/fhir/StructureDefinition/zib-BodyWeight"]},` +
		`"code":{"text":"Weight"},"valueQuantity":{"value":72.50,"unit":"kg"},"comment":` + quoted(note) + `}`
}

// batch is an honest Bundle of weights.
func batch(notes ...string) string {
	var entries []string
	for i, note := range notes {
		entries = append(entries,
			`{"fullUrl":"urn:uuid:0b7d5b4e-6b3c-4d0a-9a3e-00000000000`+string(rune('1'+i))+`","resource":`+weight(note)+
				`,"request":{"method":"POST","url":"Observation"}}`)
	}
	return `{"resourceType":"Bundle","type":"batch","entry":[` + strings.Join(entries, ",") + `]}`
}

func quoted(s string) string { return string(must(json.Marshal(s))) }

// deliveryOf asks how far a delivery is.
func (w *world) deliveryOf(t testing.TB, k *consent, id string) (d wire.Delivery) {
	t.Helper()
	w.mustSend(t, get("permission-access/deliveries/"+id, w.as(k, nil)), &d)
	return d
}
