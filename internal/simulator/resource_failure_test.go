package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// What each way answers to the same right request, and whether it filed.
func TestResourceModes(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	tested := []ResourceMode{}
	for _, tt := range []struct {
		mode   ResourceMode
		status int // 0: no answer, or not all of it
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
		n.s.SetBehaviour("huisartslinde", Behaviour{Resource: tt.mode, ResourceTimes: 1, Slow: time.Millisecond, Late: time.Millisecond})
		got, err := n.do(c.request(http.MethodPost, "", measurementsBundle("batch", "run")))
		if (err != nil) != (tt.status == 0) || tt.status != 0 && got.status != tt.status || !strings.Contains(string(got.body), tt.holds) {
			t.Errorf("%s: %d, %v, %.300s", tt.mode, got.status, err, got.body)
		}
		if wait := got.header.Get("Retry-After"); (wait == "1") != (tt.mode == "429" || tt.mode == "503") {
			t.Errorf("%s: Retry-After %q", tt.mode, wait)
		}
		if (tt.mode == ResourceEmpty || tt.mode == ResourceNoBody) && len(got.body) > 0 {
			t.Errorf("%s: %s", tt.mode, got.body)
		}
		// The record is complete when the connection has been let go.
		for i := 0; len(n.s.ResourceRequests()) == 0 && i < 1000; i++ {
			time.Sleep(time.Millisecond)
		}
		attempts, filed := n.s.ResourceRequests(), n.s.Filed()
		if len(attempts) != 1 || attempts[0].Filed != tt.filed || attempts[0].Mode != tt.mode || (len(filed) == 1) != tt.filed {
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

// A batch with one failed entry has filed the others, and says so by position.
func TestBatchEntryFails(t *testing.T) {
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
	if err := json.Unmarshal(got.body, &answered); err != nil || len(answered.Entry) != 2 || answered.Entry[0].Response.Status != "201 Created" ||
		answered.Entry[1].Response.Status != "422 Unprocessable Entity" || answered.Entry[1].Response.Outcome == nil {
		t.Errorf("%s", got.body)
	}
	if filed := n.s.Filed(); len(filed) != 1 || filed[0].Entries != 1 || strings.Join(filed[0].Types, "") != "Patient" {
		t.Errorf("filed %+v", filed)
	}
}

// Who follows a redirect away from the lists is told of, and so is who takes the
// token along.
func TestRedirectsAreNotFollowed(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	n.s.SetBehaviour("", Behaviour{Resource: ResourceRedirect307})
	n.http.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		r.Header.Set("Authorization", via[0].Header.Get("Authorization"))
		return nil
	}
	if got := c.send(http.MethodPost, "", measurementsBundle("batch", "run")); got.status != http.StatusTeapot {
		t.Errorf("%d", got.status)
	}
	if broken := n.s.Violations(); len(broken) != 2 || !strings.HasPrefix(broken[0], "outside:") {
		t.Errorf("%q", broken)
	}
}

// The endless answer holds 100 MB.
func TestEndlessAnswer(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	n.s.SetBehaviour("", Behaviour{Resource: ResourceEndless})
	answer, err := n.http.Do(c.request(http.MethodPost, "", measurementsBundle("batch", "run")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if got, err := io.Copy(io.Discard, answer.Body); err != nil || got < endlessBytes {
		t.Errorf("%d bytes, %v", got, err)
	}
}

// Chaos spoils about its share, the same requests with the same seed, and the record
// knows of each what became of it.
func TestChaos(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	quick := slices.DeleteFunc(slices.Clone(ResourceModes[1:]), func(m ResourceMode) bool { return m == ResourceEndless || m == ResourceClosed })
	n.s.SetBehaviour("", Behaviour{Slow: time.Millisecond, Late: time.Millisecond})
	round := func(seed uint64) (faults []ResourceMode) {
		n.s.SetRandomFailures(0.33, seed, quick...)
		n.s.ResetRecord()
		for i := range 200 {
			_, _ = n.do(c.request(http.MethodPost, "", measurementsBundle("batch", strconv.Itoa(i))))
			for len(n.s.ResourceRequests()) <= i {
				time.Sleep(time.Millisecond)
			}
		}
		filed := 0
		for _, a := range n.s.ResourceRequests() {
			faults = append(faults, a.Mode)
			if a.Filed {
				filed++
			}
		}
		if len(n.s.Filed()) != filed {
			t.Errorf("filed %d, attempts say %d", len(n.s.Filed()), filed)
		}
		return faults
	}
	first, again, other := round(1), round(1), round(2)
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Error("the seed does not decide")
	}
	spoilt := 0
	for _, f := range first {
		if f != ResourceOK {
			spoilt++
		}
	}
	if spoilt < 40 || spoilt > 95 {
		t.Errorf("%d of 200 spoilt", spoilt)
	}
	n.s.SetRandomFailures(0, 0)
	if got := c.send(http.MethodPost, "", measurementsBundle("batch", "last")); got.status != http.StatusOK {
		t.Errorf("without chaos: %d", got.status)
	}
	n.assertNoViolations()
}

// Ten thousand filings are remembered, their bodies are not, and duplicates show.
func TestManyFilings(t *testing.T) {
	s := &Simulator{record: newRecord(), store: newResourceStore()}
	const many = 10_500
	body := []byte(strings.Repeat("x", 10_000))
	var wait sync.WaitGroup
	for g := range 10 {
		wait.Go(func() {
			for i := range many / 10 {
				s.record.addFiling(Received{Filing: Filing{Hash: hashOf([]byte{byte(i)}), Run: strconv.Itoa(g*many/10 + i)}, Body: body})
				s.store.put("p", "q", "Observation", uuid.NewString(), element{"resourceType": "Observation"}, time.Now())
			}
		})
	}
	wait.Wait()
	filed, received := s.Filed(), s.Received()
	if len(filed) != many || len(received) != maxBodies || received[len(received)-1].Number != many || s.record.bodyBytes != maxBodies*len(body) {
		t.Errorf("%d filed, %d received, %d bytes", len(filed), len(received), s.record.bodyBytes)
	}
	if len(s.store.order) != maxStored || len(s.store.resources) != maxStored {
		t.Errorf("%d on the shelf", len(s.store.resources))
	}
	big := make([]byte, maxRequestBody)
	for range 10 {
		s.record.addFiling(Received{Body: big})
	}
	if s.record.bodyBytes > maxBodyBytes {
		t.Errorf("%d bytes kept", s.record.bodyBytes)
	}
}

// Many at once: each is filed once.
func TestConcurrentDeliveries(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			got, err := n.do(c.request(http.MethodPost, "", measurementsBundle("batch", strconv.Itoa(i))))
			if err != nil || got.status != http.StatusOK {
				t.Errorf("%d, %v", got.status, err)
			}
		})
	}
	wait.Wait()
	runs := map[string]bool{}
	for _, f := range n.s.Filed() {
		runs[f.Run] = true
	}
	if len(runs) != 100 || len(n.s.Filed()) != 100 {
		t.Errorf("%d runs in %d filings", len(runs), len(n.s.Filed()))
	}
	n.assertNoViolations()
}

func TestSet(t *testing.T) {
	n := startSimulator(t)
	for _, good := range [][2]string{{"resource", "429"}, {"huisartslinde.authorize", "approve"}, {"resourceTimes", "3"}, {"refreshTokens", "true"},
		{"late", "5s"}, {"endpoints", "expired"}, {"huisartslinde.endpoints", "right"}, {"token", "right"}, {"huisartslinde.authorize", "ask"}} {
		if err := n.s.SetByName(good[0], good[1]); err != nil {
			t.Error(err)
		}
	}
	if b := n.s.Behaviour("balanspunt"); b.Resource != ResourceBusy || b.ResourceTimes != 3 || !b.RefreshTokens || b.Late != 5*time.Second || b.BadEndpoint != EndpointExpired {
		t.Errorf("%+v", b)
	}
	if b := n.s.Behaviour("huisartslinde"); b.BadEndpoint != "" || b.Authorize != AuthorizeAsk {
		t.Errorf("%+v", b)
	}
	for _, bad := range [][2]string{{"resource", "nonsense"}, {"nobody.resource", "429"}, {"nothing", "1"}, {"late", "soon"}, {"resourceTimes", "x"}, {"endpoints", "moon"}} {
		if err := n.s.SetByName(bad[0], bad[1]); err == nil {
			t.Errorf("set %s to %s", bad[0], bad[1])
		}
	}
	n.assertNoViolations()
	n.s.SetBehaviour("nobody", Behaviour{})
	n.assertViolation("simulator")
}
