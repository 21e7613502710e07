package library_test

import (
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

// TestVerify checks that the call of a registered contract is let through, with its claims.
func TestVerify(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	c := app.Contract(library.Read)
	call := c.Requests(func(q *wire.RequestClaims) { q.State = "with claims" })
	if call.Contract.ID != c.Contract.ID || call.Application.ID != app.ID || call.Claims.State != "with claims" ||
		!call.Key().Equal(&carreltest.Key(0).PublicKey) {
		t.Errorf("call %+v", call)
	}
	usesNoNonce(t, w)
}

// usesNoNonce checks that verifying has used up no nonce.
func usesNoNonce(t *testing.T, w *carreltest.World) {
	t.Helper()
	if n := w.Rows("nonces"); n != 0 {
		t.Errorf("%d nonces were used up by verifying", n)
	}
}

// TestVerifyTimestamp checks that a timestamp is at most five minutes from the clock.
func TestVerifyTimestamp(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Read)
	stamp := library.InvalidRequest("timestamp: want milliseconds, within 5 minutes of the server's clock")
	for name, test := range map[string]struct {
		change func(now wire.Millis) wire.Millis
		want   *library.Refusal // nil: let through
	}{
		"five minutes old":   {func(now wire.Millis) wire.Millis { return now - 5*60*1000 }, nil},
		"five minutes ahead": {func(now wire.Millis) wire.Millis { return now + 5*60*1000 }, nil},
		"older":              {func(now wire.Millis) wire.Millis { return now - 5*60*1000 - 1 }, stamp},
		"further ahead":      {func(now wire.Millis) wire.Millis { return now + 5*60*1000 + 1 }, stamp},
		"no timestamp":       {func(wire.Millis) wire.Millis { return 0 }, stamp},
		"in seconds":         {func(now wire.Millis) wire.Millis { return now / 1000 }, stamp},
		"before time":        {func(now wire.Millis) wire.Millis { return -now }, stamp},
		"the end of time": {func(wire.Millis) wire.Millis { return 1<<63 - 1 },
			library.InvalidRequest("bearer token claims: timestamp: want a number, got one out of range")},
	} {
		change := func(q *wire.RequestClaims) { q.Timestamp = test.change(q.Timestamp) }
		_, err := w.Clients.Verify(t.Context(), c.Signs(change))
		if test.want != nil {
			carreltest.Refused(t, name, err, test.want)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	usesNoNonce(t, w)
}

// TestVerifyNonce checks that a nonce has the shape of one.
func TestVerifyNonce(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Read)
	nonce := wire.NewNonce()
	for name, wrong := range map[string]string{
		"none":        "",
		"short":       nonce[1:],
		"long":        nonce + "A",
		"other signs": nonce[1:] + "-",
	} {
		_, err := w.Clients.Verify(t.Context(), c.Signs(func(q *wire.RequestClaims) { q.Nonce = wrong }))
		carreltest.Refused(t, name, err, library.InvalidRequest("nonce: want 32 letters and digits"))
	}
	usesNoNonce(t, w)
}

// TestVerifyClient checks that the client id names a contract and its application.
func TestVerifyClient(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	c, foreign := app.Contract(library.Read), w.Application().Contract(library.Read)
	for name, id := range map[string]string{
		"none":                  "",
		"an application alone":  string(app.ID),
		"an unknown contract":   string(app.ID) + "_x",
		"a foreign application": string(foreign.Application.ID) + "_" + string(c.Contract.ID),
		"two underscores":       c.ID().String() + "_x",
	} {
		_, err := w.Clients.Verify(t.Context(), c.Signs(func(q *wire.RequestClaims) { q.ClientID = id }))
		carreltest.Refused(t, name, err, library.InvalidClient(id))
	}
	long := c.Signs(func(q *wire.RequestClaims) { q.ClientID = strings.Repeat("a", 5000) })
	_, err := w.Clients.Verify(t.Context(), long)
	carreltest.Refused(t, "a long id", err, library.InvalidClient(strings.Repeat("a", 200)+"…"))
	usesNoNonce(t, w)
}

// TestVerifySignature checks that a token is one that the contract's key has signed.
func TestVerifySignature(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	c, sibling := app.Contract(library.Read), app.Contract(library.Write)
	claims := wire.RequestClaims{
		ClientID:  c.ID().String(),
		Nonce:     wire.NewNonce(),
		Timestamp: wire.MillisOf(w.Clock.Now()),
	}
	sign := func(key *rsa.PrivateKey, header wire.Header) string { return must(wire.Sign(key, header, claims))(t) }
	good, swapped := sign(carreltest.Key(0), wire.Header{}), strings.Split(sibling.Signs(), ".")
	for name, token := range map[string]string{
		"another's key":       sign(carreltest.Key(1), wire.Header{}),
		"a key set":           sign(carreltest.Key(0), wire.Header{KeySetURL: "https://evil.example"}),
		"a cloud token":       sign(carreltest.Key(0), wire.Header{Type: wire.TypeCloud}),
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
	usesNoNonce(t, w)
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
	w.Clock.Moves(6 * time.Minute) // twice the window and a minute after the use
	if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	used := library.Nonce{Client: c.ID(), Value: late.Claims.Nonce, At: w.Clock.Now()}
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
		"bounds of services, and reads none": func(k *library.Contract) {
			k.ID, k.Scope = "c2", library.Scope{Raw: true, TimeRanges: []wire.TimeRange{{Last: "1y"}}}
		},
		"a group that is no number": func(k *library.Contract) {
			k.ID, k.Scope = "c2", library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{{ID: -1}}}
		},
		"a period that is none": func(k *library.Contract) {
			k.ID, k.Scope = "c2", library.Scope{Mapped: true, TimeRanges: []wire.TimeRange{{Last: "1 c"}}}
		},
		"an empty period": func(k *library.Contract) {
			k.ID, k.Scope = "c2", library.Scope{Mapped: true, TimeRanges: []wire.TimeRange{{}}}
		},
		"a period that ends before it begins": func(k *library.Contract) {
			k.ID, k.Scope = "c2", library.Scope{Mapped: true, TimeRanges: []wire.TimeRange{{From: 2, To: 1}}}
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
