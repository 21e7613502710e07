package simulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A valid Bundle is filed, and no rule is broken.
func TestMeasurementsAreFiled(t *testing.T) {
	t.Parallel()
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
		if e.Response.Status != "201 Created" ||
			!strings.HasPrefix(e.Response.Location, n.service("huisartslinde", "53").ResourceURL) {
			t.Errorf("an entry was answered with %q at %q", e.Response.Status, e.Response.Location)
		}
	}
	if want := "Patient/" + bundle.Entry[0].Resource.ID; bundle.Entry[1].Resource.Subject.Reference != want {
		t.Errorf("the urn became %q, want %q", bundle.Entry[1].Resource.Subject.Reference, want)
	}
	filed := n.s.Filed()
	if len(filed) != 1 || filed[0].Run != "run-1" || filed[0].Entries != 2 ||
		strings.Join(filed[0].Types, " ") != "Patient Observation" {
		t.Errorf("filed %+v", filed)
	}
	received := n.s.Received()
	if len(received) != 1 || received[0].Summary != "Blood pressure 120/80 mmHg" ||
		received[0].Header.Get("Authorization") != "" ||
		received[0].Header.Get(requestID) == "" || hashOf(received[0].Body) != filed[0].Hash {
		t.Errorf("received %+v", received)
	}
	n.assertNoViolations()
}

// A batch is filed entry by entry, a transaction all or nothing.
func TestBatchAndTransaction(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("rivierenland", "57")
	pdf := base64.StdEncoding.EncodeToString([]byte("%PDF-1.4"))
	const binaryURN = "urn:uuid:9d3ab6bb-5cb8-4b1a-a3d5-1c5b3a0f0003"
	binary := element{"resourceType": "Binary", "contentType": "application/pdf", "content": pdf}
	document := element{"resourceType": "DocumentReference", "status": "current", "description": "Letter",
		"content": []any{element{"attachment": element{"contentType": "application/pdf", "url": binaryURN}}}}
	got := c.send(http.MethodPost, "",
		bundleOf("transaction", entryOf(patientURN, document), entryOf(binaryURN, binary)))
	if got.status != http.StatusOK || !strings.Contains(string(got.body), `"transaction-response"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var answered struct {
		Entry []struct {
			Resource struct {
				ID      string
				Content json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(got.body, &answered); err != nil {
		t.Fatal(err)
	}
	id := answered.Entry[1].Resource.ID
	if !strings.Contains(string(answered.Entry[0].Resource.Content), `"Binary/`+id+`"`) {
		t.Errorf("the attachment is at %s", answered.Entry[0].Resource.Content)
	}
	if got := n.s.Received()[0].Summary; got != "Document: Letter" {
		t.Errorf("summary %q", got)
	}
	r := c.request(http.MethodGet, "/Binary/"+id, nil)
	if got := n.mustRespond(n.do(r)); !strings.Contains(string(got.body), pdf) {
		t.Errorf("the Binary as FHIR: %s", got.body)
	}
	r = c.request(http.MethodGet, "/Binary/"+id, nil)
	r.Header.Set("Accept", "application/pdf")
	if got := n.mustRespond(n.do(r)); string(got.body) != "%PDF-1.4" ||
		got.header.Get("Content-Type") != "application/pdf" {
		t.Errorf("the content of the Binary: %q %s", got.body, got.header.Get("Content-Type"))
	}
	n.assertNoViolations()

	bad := element{"fullUrl": pressureURN, "resource": pressure("run"),
		"request": element{"method": "DELETE", "url": "Observation/1"}}
	lost := pressure("run")
	lost["subject"] = element{"reference": "urn:uuid:nobody"}
	for name, tt := range map[string]struct {
		body   element
		status int
		filed  int
	}{
		"transaction with a bad entry":          {bundleOf("transaction", entryOf(binaryURN, binary), bad), 405, 0},
		"batch with a bad entry":                {bundleOf("batch", entryOf(binaryURN, binary), bad), 200, 1},
		"transaction with an unknown reference": {bundleOf("transaction", entryOf(pressureURN, lost)), 400, 0},
		"transaction with a fullUrl twice": {bundleOf("transaction", entryOf(binaryURN, binary),
			entryOf(binaryURN, binary)), 400, 0},
		"transaction with an entry without a resource": {bundleOf("transaction",
			element{"request": element{"method": "POST", "url": "Task"}}), 400, 0},
		"transaction with an entry that is a string": {bundleOf("transaction", "nonsense"), 405, 0},
	} {
		n.s.ResetRecord()
		got := c.send(http.MethodPost, "", tt.body)
		filed := 0
		for _, f := range n.s.Filed() {
			filed += f.Entries
		}
		if got.status != tt.status || filed != tt.filed {
			t.Errorf("%s: %d, filed %d: %s", name, got.status, filed, got.body)
		}
	}
	if got := n.s.Violations(); len(got) > 0 {
		t.Errorf("rules broken: %q", got)
	}
}

// If an entry of a batch fails, the others are filed. The entries of the response are in the order
// of the request.
func TestBatchEntryFails(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	n.s.SetBehaviour("", Behaviour{Resource: ResourceFailedEntry})
	got := c.send(http.MethodPost, "", measurementsBundle("batch", "run"))
	var answered struct {
		Entry []struct {
			Response struct {
				Status  string
				Outcome *operationOutcome
			}
		}
	}
	if err := json.Unmarshal(got.body, &answered); err != nil || len(answered.Entry) != 2 ||
		answered.Entry[0].Response.Status != "201 Created" ||
		answered.Entry[1].Response.Status != "422 Unprocessable Entity" || answered.Entry[1].Response.Outcome == nil {
		t.Errorf("%s", got.body)
	}
	if filed := n.s.Filed(); len(filed) != 1 || filed[0].Entries != 1 || strings.Join(filed[0].Types, "") != "Patient" {
		t.Errorf("filed %+v", filed)
	}
}
