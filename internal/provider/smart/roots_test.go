package smart

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider/providertest"
)

// TestSetRoots replaces the roots of a server. They are used from then on, and after wrong ones the present ones.
func TestSetRoots(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.mux.HandleFunc("POST /fhir/Observation", func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusCreated)
	})
	right, other := w.server.Roots, providertest.NewCA(t, "another authority")
	expired, _ := other.Issue(t, providertest.CertOptions{Hosts: []string{"localhost"}, Expired: true})
	w.server.Roots = other.PEM
	n := w.network()
	trusts := func(what string, want bool) {
		t.Helper()
		o := n.Send(t.Context(), "smart:demo-fhir", observation())
		if want && o.Kind != delivery.OutcomeDelivered ||
			!want && (o.Kind != delivery.OutcomeNotFiled || !strings.Contains(o.Reason, "not trusted")) {
			t.Errorf("%s: %+v", what, o)
		}
	}
	with := func(roots []byte) []Server {
		server := w.server
		server.Roots, server.BaseURL = roots, "https://elsewhere.example/fhir" // of the list only the roots are taken
		return []Server{server}
	}
	trusts("other roots", false)
	if err := n.SetRoots(with(right)); err != nil {
		t.Fatal(err)
	}
	trusts("its roots", true)
	for what, list := range map[string][]Server{
		"no server":         {},
		"another server":    {{ID: "another", Roots: other.PEM}},
		"roots, cut off":    with(slices.Concat(other.PEM, right[:len(right)/2])),
		"no certificate":    with([]byte("nothing")),
		"an expired one":    with(expired),
		"one of two, wrong": append(with(other.PEM), with([]byte("nothing"))...),
	} {
		if err := n.SetRoots(list); err == nil {
			t.Errorf("%s: taken", what)
		}
		trusts("after "+what, true)
	}
	if err := n.SetRoots(with(nil)); err != nil { // those of the system
		t.Fatal(err)
	}
	trusts("the system's roots", false)
}
