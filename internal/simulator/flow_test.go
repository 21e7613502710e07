package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A client that does all as MedMij wants gets its measurements filed, and breaks no
// rule.
func TestMeasurementsAreFiled(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	got := c.send(http.MethodPost, "", measurementsBundle("batch", "run-1"))
	if got.status != http.StatusOK {
		t.Fatalf("answered %d: %s", got.status, got.body)
	}
	var bundle struct {
		Type  string
		Entry []struct {
			Resource struct {
				ID      string
				Subject struct{ Reference string }
			}
			Response struct{ Status, Location string }
		}
	}
	if err := json.Unmarshal(got.body, &bundle); err != nil {
		t.Fatal(err)
	}
	if bundle.Type != "batch-response" || len(bundle.Entry) != 2 {
		t.Fatalf("answered %s", got.body)
	}
	for _, e := range bundle.Entry {
		if e.Response.Status != "201 Created" || !strings.HasPrefix(e.Response.Location, n.service("huisartslinde", "53").ResourceURL) {
			t.Errorf("an entry was answered with %q at %q", e.Response.Status, e.Response.Location)
		}
	}
	if want := "Patient/" + bundle.Entry[0].Resource.ID; bundle.Entry[1].Resource.Subject.Reference != want {
		t.Errorf("the urn became %q, want %q", bundle.Entry[1].Resource.Subject.Reference, want)
	}
	filed := n.s.Filed()
	if len(filed) != 1 || filed[0].Run != "run-1" || filed[0].Entries != 2 || strings.Join(filed[0].Types, " ") != "Patient Observation" {
		t.Errorf("filed %+v", filed)
	}
	received := n.s.Received()
	if len(received) != 1 || received[0].Summary != "Blood pressure 120/80 mmHg" || received[0].Header.Get("Authorization") != "" ||
		received[0].Header.Get(requestID) == "" || hashOf(received[0].Body) != filed[0].Hash {
		t.Errorf("received %+v", received)
	}
	n.assertNoViolations()
}
