package medmij

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider/providertest"
)

// TestSetCredentials replaces the node's certificate and the roots of providers. Both are used from then on, and the
// present ones after an attempt to set a wrong one of them.
func TestSetCredentials(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	var mu sync.Mutex
	var serial string
	w.handle(nil, func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		serial = r.TLS.PeerCertificates[0].SerialNumber.String()
		rw.WriteHeader(http.StatusCreated)
	})
	shown := func() string {
		t.Helper()
		n.Send(t.Context(), key53, sendRequest())
		mu.Lock()
		defer mu.Unlock()
		return serial
	}
	first := shown()
	certificate, key := w.ca.Issue(t, providertest.CertOptions{Hosts: []string{testClientID}})
	if _, err := n.SetCredentials(Credentials{certificate, key, w.ca.PEM, nil}); err != nil {
		t.Fatal(err)
	}
	second := shown()
	if first == "" || second == first {
		t.Errorf("the provider got %q, and then %q", first, second)
	}
	fresh, freshKey := w.ca.Issue(t, providertest.CertOptions{Hosts: []string{testClientID}})
	expired, expiredKey := w.ca.Issue(t, providertest.CertOptions{Hosts: []string{testClientID}, Expired: true})
	another, anotherKey := w.ca.Issue(t, providertest.CertOptions{Hosts: []string{"other.example.nl"}})
	roots := providertest.NewCA(t, "Another root").PEM
	for what, c := range map[string]Credentials{
		"nothing":                 {},
		"another key":             {fresh, anotherKey, w.ca.PEM, nil},
		"an expired one":          {expired, expiredKey, w.ca.PEM, nil},
		"another node's":          {another, anotherKey, w.ca.PEM, nil},
		"no roots":                {fresh, freshKey, nil, nil},
		"roots that are no roots": {fresh, freshKey, []byte("nothing"), nil},
		"roots that are cut off":  {fresh, freshKey, append(roots, w.ca.PEM[:100]...), nil},
		"expired roots":           {fresh, freshKey, expired, nil},
		"expired roots of lists":  {fresh, freshKey, w.ca.PEM, expired},
		"roots of lists, cut off": {fresh, freshKey, w.ca.PEM, w.ca.PEM[:100]},
	} {
		if _, err := n.SetCredentials(c); err == nil {
			t.Errorf("%s: taken", what)
		}
		if got := shown(); got != second {
			t.Errorf("after %s the provider got %q, want %q", what, got, second)
		}
	}
	// With the roots of somebody else, the provider is not trusted any more, and the list server is.
	if _, err := n.SetCredentials(Credentials{fresh, freshKey, roots, w.ca.PEM}); err != nil {
		t.Fatal(err)
	}
	if r := n.Send(t.Context(), key53, sendRequest()); r.Kind != delivery.OutcomeNotFiled ||
		!strings.Contains(r.Reason, "not trusted") {
		t.Errorf("with other roots: %+v", r)
	}
	if _, err := n.SetCredentials(Credentials{fresh, freshKey, append(roots, w.ca.PEM...), nil}); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got == "" || got == second {
		t.Errorf("with both roots the provider got %q", got)
	}
}
