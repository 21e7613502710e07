package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/server"
)

// hidden stands in the bodies of the tests, where nothing but the provider may repeat it.
const hidden = "Geheim-4711"

// The version in the path is how clients spell it, and the one that the provider takes.
func TestProviderVersions(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	w.Secrets.Plant(hidden)
	push := func(version string) request {
		r := w.deliver(k.Grant, k.account, weight(hidden))
		r.path = importPath(version)
		return r
	}
	for _, version := range []string{"stu3", "3.0.2"} {
		a := w.send(t, push(version))
		if a.StatusCode != 201 {
			t.Errorf("%s: %d %s", version, a.StatusCode, a.body)
		}
	}
	for version, want := range map[string]refusal{
		"r4": bad("this provider takes FHIR 3.0"), "4.0.1": bad("this provider takes FHIR 3.0"),
		"STU3": badVersion, "Stu3": badVersion, "3.0": badVersion,
		"3.0.1": badVersion, "R4": badVersion, "4.0": badVersion,
		"stu4": badVersion, "dstu2": badVersion, "3.0.20": badVersion,
		"3": badVersion, "stu3%20": badVersion,
		"%2E%2E%2E": badVersion, "%00": badVersion, "%E2%98%82": badVersion,
		strings.Repeat("3", 4000): badVersion,
		"":                        notFound("Call"), "stu3/": notFound("Call"), "stu3/Observation": notFound("Call"),
		"a%2Fb": badVersion, "%2F": notFound("Call"),
	} {
		t.Run(fmt.Sprintf("%.20s", version), func(t *testing.T) { w.refuses(t, push(version), want) })
	}
	if n := len(w.Simulator.Filed()); n != 2 {
		t.Errorf("%d were filed, want those of the right version", n)
	}
}

// An account that is named badly, is not there, or is not this person's at this
// application, is not found, alike.
func TestProviderAccountRefused(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	w.Secrets.Plant(hidden)
	theirs := w.sender(t)
	elsewhere := w.senderOf(t, k.person, w.foreignWrite)
	pushes := func(k *carreltest.Grant, accounts ...string) request {
		r := w.deliver(k, "", weight(hidden))
		if r.header = (http.Header{"Accountid": accounts}); len(accounts) == 0 {
			r.header = nil
		}
		return r
	}
	for name, accounts := range map[string][]string{
		"none": {}, "an empty one": {""}, "two": {string(k.account), string(k.account)},
		"two of them others": {string(k.account), "1_x"},
		"unknown":            {"900001_nosuchaccount"}, "a letter more": {string(k.account) + "x"},
		"another case":     {strings.ToUpper(string(k.account))},
		"another person's": {string(theirs.account)}, "another application's": {string(elsewhere.account)},
		"who stands for the person": {string(w.userAccount(t, k.Grant))},
		"who stands for another":    {string(w.userAccount(t, theirs.Grant))},
		"both with a comma":         {string(k.account) + ",1_x"}, "a path": {"../" + string(k.account)},
		"a quote":   {`"` + string(k.account) + `"`},
		"not ASCII": {"1_\xe2\x98\x82"}, "no text": {"1_\xff"}, "a wildcard": {"%"},
		"a very long one": {strings.Repeat("x", 5000)},
	} {
		t.Run(name, func(t *testing.T) { w.refuses(t, pushes(k.Grant, accounts...), notFound("Account")) })
	}
	t.Run("for the other application",
		func(t *testing.T) { w.refuses(t, pushes(elsewhere.Grant, string(k.account)), notFound("Account")) })
	t.Run("for a contract that reads", func(t *testing.T) {
		reader := w.Person().Allows(w.read)
		for _, account := range []string{string(k.account), "1_x", string(w.userAccount(t, reader))} {
			w.refuses(t, pushes(reader, account), noScope)
		}
	})
	t.Run("for nobody", func(t *testing.T) {
		r := pushes(k.Grant, string(k.account))
		r.bearer = w.bearer(w.write, nil)
		w.refuses(t, r, invalid(wire.KindAccessToken))
		r.bearer = w.bearer(w.second, claims{"access_token": k.Token()})
		w.refuses(t, r, invalid(wire.KindAccessToken))
		r.bearer = ""
		w.refuses(t, r, badBearer("bearer token"))
	})
	w.refuses(t, request{method: "DELETE", path: "permission-access/service/h:accountId", bearer: w.as(k.Grant, nil)},
		notFound("Account"))
	if n := len(w.Simulator.ResourceRequests()); n != 0 {
		t.Errorf("the provider heard of %d", n)
	}
	w.mustSend(t, pushes(k.Grant, string(k.account)), nil)
}

// TestProviderPushBelowReserve has less free space than is reserved. A push to a provider is refused before it is
// taken, and people go on to connect providers and to follow what was sent.
func TestProviderPushBelowReserve(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t, func(c *server.Config) { c.FreeSpaceReserve = server.Reserve{Bytes: 1 << 62} })
	k := w.sender(t)
	a := w.refuses(t, w.deliver(k.Grant, k.account, weight("x")),
		refusal{507, wire.CodeStorageFull, "The server has no space left, try again later"})
	if a.Header.Get(wire.HeaderDelivery) != "" || a.Header.Get("Retry-After") == "" {
		t.Errorf("headers %v", a.Header)
	}
	var list wire.DeliveryList
	if w.mustSend(t, get("permission-access/deliveries", w.as(k.Grant, nil)), &list); len(list.Data) != 0 {
		t.Errorf("deliveries %+v", list.Data)
	}
	if n := len(w.Simulator.ResourceRequests()); n != 0 {
		t.Errorf("%d requests at the provider", n)
	}
}
