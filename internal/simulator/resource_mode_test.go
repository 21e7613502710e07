package simulator

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestResourceModes sends the same valid request in each mode.
func TestResourceModes(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	tested := []ResourceMode{}
	for _, tt := range []struct {
		mode   ResourceMode
		status int // 0: no response, or an incomplete one
		filed  bool
		holds  string
	}{
		{ResourceOK, 200, true, `"batch-response"`},
		{"400", 400, false, `"invalid"`},
		{"401", 401, false, `"security"`},
		{"403", 403, false, `"forbidden"`},
		{"404", 404, false, `"not-found"`},
		{"405", 405, false, `"not-supported"`},
		{"406", 406, false, `"not-supported"`},
		{"409", 409, false, `"conflict"`},
		{"410", 410, false, `"OperationOutcome"`},
		{"412", 412, false, `"conflict"`},
		{"415", 415, false, `"not-supported"`},
		{"422", 422, false, `"Observation.code"`},
		{"429", 429, false, `"throttled"`},
		{"500", 500, false, `"exception"`},
		{"501", 501, false, `"not-supported"`},
		{"502", 502, false, "<!doctype html>"},
		{"503", 503, false, `"transient"`},
		{"504", 504, false, "<!doctype html>"},
		{ResourceFiled500, 500, true, `"exception"`},
		{ResourceFiled502, 502, true, "<!doctype html>"},
		{ResourceFiled504, 504, true, "<!doctype html>"},
		{ResourceFailedEntry, 200, true, `"422 Unprocessable Entity"`},
		{ResourceSlow, 200, true, `"batch-response"`},
		{ResourceLate, 200, true, `"batch-response"`},
		{ResourceCutAfter, 0, true, ""},
		{ResourceCutDuring, 0, true, ""},
		{ResourceCutBefore, 0, false, ""},
		{ResourceClosed, 0, false, ""},
		{ResourceHTML, 200, false, "<!doctype html>"},
		{ResourceXML, 200, true, "<Bundle"},
		{ResourceNotJSON, 200, true, `{"entry"`},
		{ResourceEndless, 200, true, "{   "},
		{ResourceEmpty, 200, true, ""},
		{ResourceNoBody, 200, true, ""},
		{ResourceOperationOutcome, 200, true, `"OperationOutcome"`},
		{ResourceWrongResource, 200, true, `"Patient"`},
		{ResourceMissingEntry, 200, true, `"batch-response"`},
		{ResourceRedirect, 302, false, ""},
		{ResourceRedirect307, 307, false, ""},
	} {
		tested = append(tested, tt.mode)
		n.s.ResetRecord()
		n.s.SetBehaviour("huisartslinde",
			Behaviour{Resource: tt.mode, ResourceTimes: 1, Slow: time.Millisecond, Late: time.Millisecond})
		got, err := n.do(c.request(http.MethodPost, "", measurementsBundle("batch", "run")))
		if (err != nil) != (tt.status == 0) || tt.status != 0 && got.status != tt.status ||
			!strings.Contains(string(got.body), tt.holds) {
			t.Errorf("%s: %d, %v, %.300s", tt.mode, got.status, err, got.body)
		}
		if wait := got.header.Get("Retry-After"); (wait == "1") != (tt.mode == "429" || tt.mode == "503") {
			t.Errorf("%s: Retry-After %q", tt.mode, wait)
		}
		if (tt.mode == ResourceEmpty || tt.mode == ResourceNoBody) && len(got.body) > 0 {
			t.Errorf("%s: %s", tt.mode, got.body)
		}
		attempts, filed := n.s.ResourceRequests(), n.s.Filed()
		if len(attempts) != 1 || attempts[0].Filed != tt.filed || attempts[0].Mode != tt.mode ||
			(len(filed) == 1) != tt.filed {
			t.Errorf("%s: attempts %+v, filed %d", tt.mode, attempts, len(filed))
		}
		if tt.filed && (filed[0].Mode != tt.mode || filed[0].Run != "run" && tt.mode != ResourceFailedEntry) {
			t.Errorf("%s: filed %+v", tt.mode, filed[0])
		}
		if tt.mode == ResourceClosed { // the next connection is closed before the handshake
			if _, err := n.do(c.request(http.MethodGet, "/Observation", nil)); err == nil {
				t.Error("closed: the next connection was open")
			}
		}
		if got := c.send(http.MethodGet, "/Observation", nil); got.status != http.StatusOK {
			t.Errorf("%s: afterwards %d", tt.mode, got.status)
		}
		n.assertNoViolations()
	}
	for _, m := range ResourceModes {
		if !slices.Contains(tested, m) {
			t.Errorf("%q is not tested", m)
		}
		if err := n.s.SetByName("huisartslinde.resource", string(m)); err != nil {
			t.Error(err)
		}
	}
}
