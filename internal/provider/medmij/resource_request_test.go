package medmij

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/testenv"
)

// takeBoth answers a Bundle and a single resource with success, and checks the requests.
func takeBoth(t *testing.T, seen map[string]bool) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		checkBackchannelRequest(t, r, seen)
		for name, want := range map[string]string{
			"Authorization": "Bearer " + plantedToken, "Accept": "application/fhir+json",
			"Content-Type": "application/fhir+json", "Prefer": "return=representation",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/fhir":
			if string(body) != string(sendRequest().Resource.Body) {
				t.Errorf("body %s", body)
			}
			_, _ = io.WriteString(rw,
				`{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"201"}}]}`)
		case "/fhir/Observation":
			rw.WriteHeader(http.StatusCreated)
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	seen := map[string]bool{}
	w.handle(nil, takeBoth(t, seen))
	if o := n.Send(t.Context(), key53, sendRequest()); o.Kind != delivery.OutcomeDelivered || o.Status != 200 ||
		len(o.Answer) == 0 {
		t.Errorf("a Bundle: %+v", o)
	}
	one := sendRequest()
	one.Resource.Path, one.Resource.Body = "Observation", []byte(`{"resourceType":"Observation"}`)
	if o := n.Send(t.Context(), key53, one); o.Kind != delivery.OutcomeDelivered || o.Status != 201 {
		t.Errorf("one resource: %+v", o)
	}
	if len(seen) != 2 {
		t.Errorf("%d ids for two requests", len(seen))
	}
}

// A resource of another version is not sent: the server of the test has no handler.
func TestSendOtherVersion(t *testing.T) {
	t.Parallel()
	n := newTestNetwork(t).newUpdatedNetwork()
	r4 := sendRequest()
	r4.Resource.Version = fhir.R4
	if o := n.Send(t.Context(), key53, r4); o.Kind != delivery.OutcomeRefused {
		t.Errorf("R4: %+v", o)
	}
}

// The whitelist and the list of providers are looked up for each request.
func TestSendUnlisted(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	update := func(lists ...string) {
		t.Helper()
		w.lists.publish(lists...)
		if err := n.UpdateLists(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wantNotSent := func(reason string) {
		t.Helper()
		o := n.Send(t.Context(), key53, sendRequest())
		if o.Kind != delivery.OutcomeNotFiled || !strings.Contains(o.Reason, reason) {
			t.Errorf("%+v, want a reason with %q", o, reason)
		}
	}
	update(whlXML(11, "other.example.nl"))
	wantNotSent("whitelist")
	_, err := n.RefreshTokens(t.Context(), key53, seal.SecretOf("x"), correlationID)
	if !errors.Is(err, delivery.ErrProviderGone) {
		t.Errorf("refresh off the whitelist: %v", err)
	}
	update(zal2XML(11), whlXML(12, "localhost"))
	wantNotSent("not on MedMij's list")
}

// If providers refuse the client certificate, nothing is filed and the reason says so.
func TestClientCertificateRefused(t *testing.T) {
	t.Parallel()
	other := providertest.NewCA(t, "PKI of somebody else")
	for what, issue := range map[string]func(w *testNetwork) ([]byte, []byte){
		"expired": func(w *testNetwork) ([]byte, []byte) {
			return w.ca.Issue(t, providertest.CertOptions{Hosts: []string{testClientID}, Expired: true})
		},
		"of another authority": func(*testNetwork) ([]byte, []byte) {
			return other.Issue(t, providertest.CertOptions{Hosts: []string{testClientID}})
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newTestNetwork(t)
			w.config.Certificate, w.config.Key = issue(w)
			n := w.newUpdatedNetwork()
			if o := n.Send(t.Context(), key53, sendRequest()); o.Kind != delivery.OutcomeNotFiled ||
				!strings.Contains(o.Reason, "does not take our certificate") {
				t.Errorf("send: %+v", o)
			}
			if _, err := n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode)); err == nil ||
				!strings.Contains(err.Error(), "does not take our certificate") {
				t.Errorf("exchange: %v", err)
			}
		})
	}
}

// docs/providers.md has the reasons for which nothing is sent.
func TestReasonsDocumented(t *testing.T) {
	providertest.CheckReasonsDocumented(t, providertest.ProvidersDoc(t, testenv.Root(t)), reasonNotListed,
		reasonOtherVersion)
	for _, err := range ownReasons {
		providertest.CheckReasonsDocumented(t, providertest.ProvidersDoc(t, testenv.Root(t)), err.Error())
	}
}
