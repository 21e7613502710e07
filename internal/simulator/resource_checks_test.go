package simulator

import (
	"net/http"
	"testing"
)

// The content of resources is checked, and resources that break a rule are not filed.
func TestContentIsStrict(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	withBSN := samplePatient("Somebody")
	delete(withBSN, "id")
	withBSN["identifier"] = []any{element{"system": bsnSystems[0], "value": "999999011"}}
	masked := samplePatient("Somebody")
	delete(masked, "id")
	masked["identifier"] = []any{element{"system": bsnSystems[0], "_value": element{"extension": []any{
		element{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}}}}}
	plain := pressure("run")
	delete(plain, "meta")
	withID := bloodPressure(1, 120, 80)
	for name, tt := range map[string]struct {
		method, path string
		body         any
		rule         string
		status       int
		filed        bool
	}{
		"one":    {path: "/Observation", body: pressure("run"), status: 201, filed: true},
		"masked": {path: "/Patient", body: masked, status: 201, filed: true},
		"BSN":    {path: "/Patient", body: withBSN, rule: "bsn", status: 400},
		"BSN in a batch": {body: bundleOf("batch", entryOf(patientURN, withBSN),
			entryOf(pressureURN, pressure("run"))), rule: "bsn", status: 400},
		"no profile":     {path: "/Observation", body: plain, rule: "meta.profile", status: 201, filed: true},
		"id":             {path: "/Observation", body: withID, rule: "id", status: 400},
		"other type":     {path: "/Patient", body: pressure("run"), status: 400},
		"no type":        {path: "/Patient", body: element{}, status: 400},
		"put":            {method: "PUT", path: "/Observation/pressure-1", body: withID, status: 201, filed: true},
		"put elsewhere":  {method: "PUT", path: "/Observation/other", body: withID, rule: "id", status: 400},
		"put without id": {method: "PUT", path: "/Observation/other", body: pressure("run"), rule: "id", status: 400},
		"entry without id": {body: bundleOf("transaction", entryOf("", pressure("run"))), rule: "fullUrl", status: 200,
			filed: true},
	} {
		method := tt.method
		if method == "" {
			method = http.MethodPost
		}
		n.s.ResetRecord()
		got := c.send(method, tt.path, tt.body)
		if got.status != tt.status || (len(n.s.Filed()) == 1) != tt.filed {
			t.Errorf("%s: %d, filed %d: %s", name, got.status, len(n.s.Filed()), got.body)
		}
		if tt.rule == "" {
			n.assertNoViolations()
		} else {
			n.assertViolation(tt.rule)
		}
	}
	d := n.connect("huisartslinde", "57")
	if got := d.send(http.MethodPost, "/Observation", plain); got.status != http.StatusCreated {
		t.Errorf("without profile at another service: %d", got.status)
	}
	n.assertNoViolations()
}
