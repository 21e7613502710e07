package smart

import (
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

// observation returns a request to send a single resource.
func observation() delivery.SendRequest {
	return delivery.SendRequest{
		Token:       seal.SecretOf(plantedToken),
		Correlation: correlationID,
		Resource: delivery.Resource{
			Version: fhir.STU3, Path: "Observation", Body: []byte(`{"resourceType":"Observation"}`),
		},
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.mux.HandleFunc("POST /fhir/Observation", func(rw http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{
			"Authorization": "Bearer " + plantedToken, "Content-Type": "application/fhir+json",
			"Accept": "application/fhir+json",
			"Prefer": "return=representation", "X-Correlation-ID": correlationID, "MedMij-Request-ID": "",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		rw.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(rw, `{"resourceType":"OperationOutcome"}`)
	})
	o := w.network().Send(t.Context(), "smart:demo-fhir", observation())
	if o.Kind != delivery.OutcomeRefused || o.Status != 422 || len(o.Answer) == 0 {
		t.Errorf("%+v", o)
	}
	if log := w.log.String(); !strings.Contains(log, "demo-fhir") || strings.Contains(log, "planted") {
		t.Errorf("log %q", log)
	}
}

func TestSendBundle(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.mux.HandleFunc("POST /fhir", func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw,
			`{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"201 Created"}}]}`)
	})
	s := observation()
	s.Resource.Path, s.Resource.Body = "", []byte(`{"resourceType":"Bundle","entry":[{}]}`)
	if o := w.network().Send(t.Context(), "smart:demo-fhir", s); o.Kind != delivery.OutcomeDelivered {
		t.Errorf("%+v", o)
	}
}

// A resource of another version is not sent.
func TestSendOtherVersion(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	s := observation()
	s.Resource.Version = fhir.R4
	if o := w.network().Send(t.Context(), "smart:demo-fhir", s); o.Kind != delivery.OutcomeRefused || o.Status != 0 {
		t.Errorf("%+v", o)
	}
}

// docs/providers.md has the reasons for which nothing is sent.
func TestReasonsDocumented(t *testing.T) {
	providertest.CheckReasonsDocumented(t, providertest.ProvidersDoc(t, testenv.Root(t)),
		reasonNotConfigured, reasonOtherVersion)
}
