package library_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestVerify: who signs as a registered contract is let through, and nobody else.
func TestVerify(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	c, sibling, foreign := app.Contract(library.Read), app.Contract(library.Write),
		w.Application().Contract(library.Read)
	call := c.Requests(func(q *wire.RequestClaims) { q.State = "with claims" })
	if call.Contract.ID != c.Contract.ID || call.Application.ID != app.ID || call.Claims.State != "with claims" ||
		!call.Key().Equal(&carreltest.Key(0).PublicKey) {
		t.Errorf("call %+v", call)
	}

	nonce := library.InvalidRequest("nonce")
	stamp := library.InvalidRequest("timestamp")
	client := func(id string) *library.Refusal { return library.InvalidClient(id) }
	for name, test := range map[string]struct {
		change func(*wire.RequestClaims)
		want   *library.Refusal // nil: let through
	}{
		"five minutes old":   {func(q *wire.RequestClaims) { q.Timestamp -= 5 * 60 * 1000 }, nil},
		"five minutes ahead": {func(q *wire.RequestClaims) { q.Timestamp += 5 * 60 * 1000 }, nil},
		"older":              {func(q *wire.RequestClaims) { q.Timestamp -= 5*60*1000 + 1 }, stamp},
		"further ahead":      {func(q *wire.RequestClaims) { q.Timestamp += 5*60*1000 + 1 }, stamp},
		"no timestamp":       {func(q *wire.RequestClaims) { q.Timestamp = 0 }, stamp},
		"in seconds":         {func(q *wire.RequestClaims) { q.Timestamp /= 1000 }, stamp},
		"before time":        {func(q *wire.RequestClaims) { q.Timestamp = -q.Timestamp }, stamp},
		"the end of time": {func(q *wire.RequestClaims) { q.Timestamp = 1<<63 - 1 },
			library.InvalidRequest("bearer token claims")},
		"no nonce":               {func(q *wire.RequestClaims) { q.Nonce = "" }, nonce},
		"a short nonce":          {func(q *wire.RequestClaims) { q.Nonce = q.Nonce[1:] }, nonce},
		"a long nonce":           {func(q *wire.RequestClaims) { q.Nonce += "A" }, nonce},
		"a nonce of other signs": {func(q *wire.RequestClaims) { q.Nonce = q.Nonce[1:] + "-" }, nonce},
		"no client":              {func(q *wire.RequestClaims) { q.ClientID = "" }, client("")},
		"an application alone":   {func(q *wire.RequestClaims) { q.ClientID = string(app.ID) }, client(string(app.ID))},
		"an unknown contract": {func(q *wire.RequestClaims) { q.ClientID = string(app.ID) + "_x" },
			client(string(app.ID) + "_x")},
		"a foreign application": {func(q *wire.RequestClaims) {
			q.ClientID = string(foreign.Application.ID) + "_" + string(c.Contract.ID)
		},
			client(string(foreign.Application.ID) + "_" + string(c.Contract.ID))},
		"two underscores": {func(q *wire.RequestClaims) { q.ClientID += "_x" }, client(c.ID().String() + "_x")},
		"a long id": {func(q *wire.RequestClaims) { q.ClientID = strings.Repeat("a", 5000) },
			client(strings.Repeat("a", 200) + "…")},
	} {
		_, err := w.Clients.Verify(t.Context(), c.Signs(test.change))
		if test.want != nil {
			carreltest.Refused(t, name, err, test.want)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	strange := must(rsa.GenerateKey(rand.Reader, wire.KeyBits))(t)
	claims := wire.RequestClaims{
		ClientID:  c.ID().String(),
		Nonce:     wire.NewNonce(),
		Timestamp: wire.MillisOf(w.Clock.Now()),
	}
	good := must(wire.Sign(carreltest.Key(0), wire.Header{}, claims))(t)
	swapped := strings.Split(sibling.Signs(), ".")
	for name, token := range map[string]string{
		"another's key": must(wire.Sign(strange, wire.Header{}, claims))(t),
		"a key set": must(wire.Sign(carreltest.Key(0), wire.Header{KeySetURL: "https://evil.example"},
			claims))(t),
		"a cloud token":       must(wire.Sign(carreltest.Key(0), wire.Header{Type: wire.TypeCloud}, claims))(t),
		"a key of its own":    strings.Replace(good, ".", "x.", 1),
		"another's signature": good[:strings.LastIndex(good, ".")+1] + swapped[2],
		"no signature":        good[:strings.LastIndex(good, ".")+1],
		"nothing":             "",
		"no token":            "Bearer",
		"very long":           strings.Repeat("A", 100_000),
	} {
		_, err := w.Clients.Verify(t.Context(), token)
		var refusal *library.Refusal
		if !errors.As(err, &refusal) || refusal.Kind != library.RefusedRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.Rows("nonces"); n != 0 {
		t.Errorf("%d nonces were used up by verifying", n)
	}
}

// TestSpend: a client can use a nonce once, however many requests arrive at once; another client may use the same one.
func TestSpend(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c, other := w.Application().Contract(library.Read), w.Application().Contract(library.Read)
	nonce := wire.NewNonce()
	with := func(q *wire.RequestClaims) { q.Nonce = nonce }
	var wg sync.WaitGroup
	var won atomic.Int32
	for range 10 {
		call := c.Requests(with)
		wg.Go(func() {
			if err := w.Clients.UseNonce(t.Context(), call); err == nil {
				won.Add(1)
			} else {
				carreltest.Refused(t, "at once", err, library.ReplayedNonce(nonce))
			}
			if err := w.Clients.UseNonce(t.Context(), call); err != nil {
				t.Errorf("spending again what has been spent: %v", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("used %d times", won.Load())
	}
	if err := w.Clients.UseNonce(t.Context(), other.Requests(with)); err != nil {
		t.Errorf("another client: %v", err)
	}
	// As long as the request would be let through, the nonce is remembered.
	late := c.Requests(func(q *wire.RequestClaims) { q.Timestamp += 5 * 60 * 1000 })
	if err := w.Clients.UseNonce(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	w.Clock.Moves(10 * time.Minute)
	if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := c.Signs(func(q *wire.RequestClaims) { q.Nonce, q.Timestamp = late.Claims.Nonce, late.Claims.Timestamp })
	call := must(w.Clients.Verify(t.Context(), again))(t)
	carreltest.Refused(t, "ten minutes later", w.Clients.UseNonce(t.Context(), call),
		library.ReplayedNonce(late.Claims.Nonce))
	w.Clock.Moves(time.Minute)
	if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	used := library.Nonce{Client: c.ID(), Value: late.Claims.Nonce, ForgetAt: w.Clock.Now()}
	if err := w.Store.UseNonce(t.Context(), used); err != nil {
		t.Errorf("the nonce is kept for longer than it counts: %v", err)
	}
}

// TestRegister: what an application and a contract must have.
func TestRegister(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := must(w.Clients.AddApplication(t.Context(), library.Application{ID: "app1", Name: "  An application "}))(t)
	if app.Name != "An application" || app.PartnerID != "app1" {
		t.Errorf("registered %+v", app)
	}
	for name, a := range map[string]library.Application{"the same id": {ID: "app1", Name: "x"}, "no name": {Name: " "},
		"an underscore": {ID: "a_b", Name: "x"}, "a path": {ID: "../x", Name: "x"}} {
		if _, err := w.Clients.AddApplication(t.Context(), a); err == nil {
			t.Errorf("application with %s is registered", name)
		}
	}
	key := string(wire.MarshalPublicKey(&carreltest.Key(0).PublicKey))
	good := library.Contract{
		ID:           "c1",
		Application:  "app1",
		Access:       library.Read,
		PublicKey:    key,
		RedirectURIs: []string{carreltest.Callback},
	}
	k := must(w.Clients.AddContract(t.Context(), good))(t)
	if !k.Scope.Raw || !k.Scope.Mapped || !k.ExpiresAt.Equal(w.Clock.Now().AddDate(10, 0, 0)) {
		t.Errorf("registered %+v", k)
	}
	for name, change := range map[string]func(*library.Contract){
		"the same id":              func(*library.Contract) {},
		"an id with an underscore": func(k *library.Contract) { k.ID = "a_b" },
		"no access type":           func(k *library.Contract) { k.ID, k.Access = "c2", "" },
		"both access types":        func(k *library.Contract) { k.ID, k.Access = "c2", "rw" },
		"no key":                   func(k *library.Contract) { k.ID, k.PublicKey = "c2", "" },
		"a private key": func(k *library.Contract) {
			k.ID, k.PublicKey = "c2",
				string(wire.MarshalPrivateKey(carreltest.Key(0)))
		},
		"an unknown application": func(k *library.Contract) { k.ID, k.Application = "c2", "app2" },
	} {
		k := good
		change(&k)
		if _, err := w.Clients.AddContract(t.Context(), k); err == nil {
			t.Errorf("contract with %s is registered", name)
		}
	}
	if list := must(w.Clients.ListContracts(t.Context(), "app1"))(t); len(list) != 1 {
		t.Errorf("%d contracts", len(list))
	}
	details := w.ContractOf("c1", 0).Requests().ContractDetails()
	if details.ID != "c1" || details.AccessType != "r" || details.Application.ID != "app1" {
		t.Errorf("details %+v", details)
	}
}
