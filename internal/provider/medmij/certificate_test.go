package medmij

import (
	"net/http"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/internal/provider/providertest"
)

// TestSetCertificate replaces the node's certificate. Providers get the new one from then on, and the present one after
// an attempt to set a wrong one.
func TestSetCertificate(t *testing.T) {
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
	if _, err := n.SetCertificate(certificate, key); err != nil {
		t.Fatal(err)
	}
	second := shown()
	if first == "" || second == first {
		t.Errorf("the provider got %q, and then %q", first, second)
	}
	expired, expiredKey := w.ca.Issue(t, providertest.CertOptions{Hosts: []string{testClientID}, Expired: true})
	another, anotherKey := w.ca.Issue(t, providertest.CertOptions{Hosts: []string{"other.example.nl"}})
	for what, pair := range map[string][2][]byte{
		"nothing": {}, "another key": {certificate, anotherKey}, "an expired one": {expired, expiredKey},
		"another node's": {another, anotherKey},
	} {
		if _, err := n.SetCertificate(pair[0], pair[1]); err == nil {
			t.Errorf("%s is taken", what)
		}
		if got := shown(); got != second {
			t.Errorf("after %s the provider got %q, want %q", what, got, second)
		}
	}
}
