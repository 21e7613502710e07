package simulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// issueOf is what an OperationOutcome says first.
func issueOf(t *testing.T, r testResponse) issue {
	t.Helper()
	var o operationOutcome
	if err := json.Unmarshal(r.body, &o); err != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
		t.Errorf("answered %d without an OperationOutcome: %s", r.status, r.body)
		return issue{}
	}
	return o.Issue[0]
}

func TestResourceIsStrict(t *testing.T) {
	n := startSimulator(t)
	other := n.connect("rivierenland", "53")
	documents := n.connect("huisartslinde", "57")
	c := n.connect("huisartslinde", "53")
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	drop := func(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }
	for name, tt := range map[string]struct {
		method, path string
		body         any
		change       func(*http.Request)
		rule         string
		status       int
	}{
		"right":                   {status: 200},
		"charset":                 {change: header("Content-Type", fhirJSON+"; charset=utf-8; fhirVersion=3.0"), status: 200},
		"no token":                {change: drop("Authorization"), rule: "bearer", status: 401},
		"basic":                   {change: header("Authorization", "Basic eA=="), rule: "bearer", status: 401},
		"unknown token":           {change: header("Authorization", "Bearer unknown"), status: 401},
		"token of another":        {change: header("Authorization", "Bearer "+other.access), rule: "bearer", status: 401},
		"token for other service": {change: header("Authorization", "Bearer "+documents.access), rule: "bearer", status: 403},
		"no request id":           {change: drop(requestID), rule: "ids", status: 400},
		"request id no UUID":      {change: header(requestID, "1"), rule: "ids", status: 400},
		"two correlations":        {change: func(r *http.Request) { r.Header.Add(correlationID, uuid.NewString()) }, rule: "ids", status: 400},
		"other correlation":       {change: header(correlationID, uuid.NewString()), rule: "correlation", status: 200},
		"no content type":         {change: drop("Content-Type"), rule: "headers", status: 415},
		"plain JSON":              {change: header("Content-Type", "application/json"), rule: "headers", status: 415},
		"encoded":                 {change: header("Content-Encoding", "gzip"), status: 415},
		"no accept":               {change: drop("Accept"), rule: "headers", status: 200},
		"accepts XML":             {change: header("Accept", "application/fhir+xml"), rule: "headers", status: 406},
		"no prefer":               {change: drop("Prefer"), rule: "headers", status: 200},
		"cookie":                  {change: header("Cookie", "a=b"), rule: "headers", status: 200},
		"patient":                 {method: "GET", path: "/Observation?patient=1", rule: "person", status: 400},
		"subject":                 {method: "GET", path: "/Observation?subject:Patient=1", rule: "person", status: 400},
		"patient's name":          {method: "GET", path: "/Observation?subject.name=1", rule: "person", status: 400},
		"BSN in the address":      {method: "GET", path: "/Patient?identifier=" + url.QueryEscape(bsnSystems[0]+"|999999011"), rule: "bsn", status: 400},
		"other address":           {method: "GET", change: func(r *http.Request) { r.URL.Path = "/nowhere" }, rule: "address", status: 404},
		"no type":                 {method: "GET", path: "/nothing", status: 404},
		"too deep":                {method: "GET", path: "/Patient/1/2", status: 404},
		"delete":                  {method: "DELETE", path: "/Patient/1", status: 405},
		"patch":                   {method: "PATCH", path: "/Patient", status: 405},
		"get of the base":         {method: "GET", status: 405},
		"no JSON":                 {body: "nonsense", status: 400},
		"two JSONs":               {body: "{} {}", status: 400},
		"null":                    {body: "null", status: 400},
		"a list":                  {body: "[]", status: 400},
		"no Bundle":               {body: element{"resourceType": "Patient"}, status: 400},
		"collection":              {body: bundleOf("collection", entryOf(pressureURN, pressure("run"))), status: 400},
		"empty batch":             {body: bundleOf("batch"), status: 400},
	} {
		method, body := tt.method, tt.body
		if method == "" {
			method = http.MethodPost
			if body == nil {
				body = measurementsBundle("batch", "run")
			}
		}
		r := c.request(method, tt.path, body)
		if tt.change != nil {
			tt.change(r)
		}
		got := n.mustRespond(n.do(r))
		if got.status != tt.status {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if tt.status >= 400 && tt.rule != "address" {
			issueOf(t, got)
		}
		if auth := got.header.Get("WWW-Authenticate"); strings.HasPrefix(auth, "Bearer") != (tt.status == 401 || tt.status == 403) {
			t.Errorf("%s: WWW-Authenticate %q", name, auth)
		}
		if tt.rule == "" {
			n.assertNoViolations()
		} else {
			n.assertViolation(tt.rule)
		}
	}

	r := c.request(http.MethodPost, "", measurementsBundle("batch", "run"))
	again := c.request(http.MethodPost, "", measurementsBundle("batch", "run"))
	again.Header = r.Header.Clone()
	n.mustRespond(n.do(r))
	n.assertNoViolations()
	n.mustRespond(n.do(again))
	n.assertViolation("ids")
}

// A token lives for a quarter of an hour, or as long as is switched, and not after
// the person took back what they approved.
func TestAccessTokens(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	status := func() int { return c.send(http.MethodGet, "/Observation", nil).status }
	n.clock.advance(defaultAccessLife - time.Second)
	if got := status(); got != http.StatusOK {
		t.Errorf("in time: %d", got)
	}
	n.clock.advance(time.Second)
	got := c.send(http.MethodGet, "/Observation", nil)
	if got.status != http.StatusUnauthorized || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("too late: %d %q", got.status, got.header.Get("WWW-Authenticate"))
	}
	n.s.SetBehaviour("", Behaviour{AccessTokenLife: time.Second})
	c = n.connect("huisartslinde", "53")
	n.clock.advance(time.Second)
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("after a short life: %d", got)
	}
	n.s.SetBehaviour("", Behaviour{})
	c = n.connect("huisartslinde", "53")
	n.s.Revoke("")
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("taken back: %d", got)
	}
	n.assertNoViolations()
}

// What a resource holds is checked, and what must not be is not filed.
func TestContentIsStrict(t *testing.T) {
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
		"one":              {path: "/Observation", body: pressure("run"), status: 201, filed: true},
		"masked":           {path: "/Patient", body: masked, status: 201, filed: true},
		"BSN":              {path: "/Patient", body: withBSN, rule: "bsn", status: 400},
		"BSN in a batch":   {body: bundleOf("batch", entryOf(patientURN, withBSN), entryOf(pressureURN, pressure("run"))), rule: "bsn", status: 400},
		"no profile":       {path: "/Observation", body: plain, rule: "meta.profile", status: 201, filed: true},
		"id":               {path: "/Observation", body: withID, rule: "id", status: 400},
		"other type":       {path: "/Patient", body: pressure("run"), status: 400},
		"no type":          {path: "/Patient", body: element{}, status: 400},
		"put":              {method: "PUT", path: "/Observation/pressure-1", body: withID, status: 201, filed: true},
		"put elsewhere":    {method: "PUT", path: "/Observation/other", body: withID, rule: "id", status: 400},
		"put without id":   {method: "PUT", path: "/Observation/other", body: pressure("run"), rule: "id", status: 400},
		"entry without id": {body: bundleOf("transaction", entryOf("", pressure("run"))), rule: "fullUrl", status: 200, filed: true},
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

// A single resource comes back with its id, and can be read again.
func TestCreateAndRead(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	got := c.send(http.MethodPost, "/Observation", pressure("run"))
	made, err := decodeObject(got.body)
	if err != nil || got.status != http.StatusCreated || got.header.Get("ETag") != `W/"1"` {
		t.Fatalf("%d %v %s", got.status, err, got.body)
	}
	base := n.service("huisartslinde", "53").ResourceURL
	at := "/Observation/" + stringField(made, "id")
	if want := base + at + "/_history/1"; got.header.Get("Location") != want {
		t.Errorf("at %q, want %q", got.header.Get("Location"), want)
	}
	read := c.send(http.MethodGet, at, nil)
	if read.status != http.StatusOK || strings.TrimSpace(string(read.body)) != strings.TrimSpace(string(got.body)) {
		t.Errorf("%d, %s, want %s", read.status, read.body, got.body)
	}
	put := c.send(http.MethodPut, at, made)
	if put.status != http.StatusOK || put.header.Get("ETag") != `W/"2"` {
		t.Errorf("put: %d %s", put.status, put.header.Get("ETag"))
	}
	r := c.request(http.MethodPost, "/Observation", pressure("run"))
	r.Header.Set("Prefer", "return=minimal")
	if got := n.mustRespond(n.do(r)); got.status != http.StatusCreated || len(got.body) != 0 || got.header.Get("Location") == "" {
		t.Errorf("minimal: %d %q", got.status, got.body)
	}
	n.assertViolation("headers")
	if got := n.connect("rivierenland", "53").send(http.MethodGet, at, nil); got.status != http.StatusNotFound {
		t.Errorf("at another provider: %d", got.status)
	}
}

// A batch files each entry by itself, a transaction all or nothing.
func TestBatchAndTransaction(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("rivierenland", "57")
	pdf := base64.StdEncoding.EncodeToString([]byte("%PDF-1.4"))
	const binaryURN = "urn:uuid:9d3ab6bb-5cb8-4b1a-a3d5-1c5b3a0f0003"
	binary := element{"resourceType": "Binary", "contentType": "application/pdf", "content": pdf}
	document := element{"resourceType": "DocumentReference", "status": "current", "description": "Letter",
		"content": []any{element{"attachment": element{"contentType": "application/pdf", "url": binaryURN}}}}
	got := c.send(http.MethodPost, "", bundleOf("transaction", entryOf(patientURN, document), entryOf(binaryURN, binary)))
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
	if got := n.mustRespond(n.do(r)); string(got.body) != "%PDF-1.4" || got.header.Get("Content-Type") != "application/pdf" {
		t.Errorf("the Binary as it is: %q %s", got.body, got.header.Get("Content-Type"))
	}
	n.assertNoViolations()

	bad := element{"fullUrl": pressureURN, "resource": pressure("run"), "request": element{"method": "DELETE", "url": "Observation/1"}}
	lost := pressure("run")
	lost["subject"] = element{"reference": "urn:uuid:nobody"}
	for name, tt := range map[string]struct {
		body   element
		status int
		filed  int
	}{
		"transaction with a bad entry":      {bundleOf("transaction", entryOf(binaryURN, binary), bad), 405, 0},
		"batch with a bad entry":            {bundleOf("batch", entryOf(binaryURN, binary), bad), 200, 1},
		"transaction that refers outside":   {bundleOf("transaction", entryOf(pressureURN, lost)), 400, 0},
		"transaction with an urn twice":     {bundleOf("transaction", entryOf(binaryURN, binary), entryOf(binaryURN, binary)), 400, 0},
		"transaction with entry of nothing": {bundleOf("transaction", element{"request": element{"method": "POST", "url": "Task"}}), 400, 0},
		"transaction with no entry":         {bundleOf("transaction", "nonsense"), 405, 0},
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

// A questionnaire: the task is there, is accepted, and is done with the answers.
func TestQuestionnaire(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("rivierenland", "60")
	got := c.send(http.MethodGet, "/Task?code="+url.QueryEscape("http://loinc.org|74468-0")+"&status=requested", nil)
	var found struct {
		Total int
		Entry []struct{ Resource element }
	}
	if err := json.Unmarshal(got.body, &found); err != nil || found.Total != 1 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	task := found.Entry[0].Resource
	at := "/Task/" + stringField(task, "id")
	task["status"] = "accepted"
	if got := c.send(http.MethodPut, at, task); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	task["status"] = "completed"
	task["output"] = []any{element{"valueReference": element{"reference": patientURN}}}
	answers := element{"resourceType": "QuestionnaireResponse", "status": "completed", "identifier": element{"system": runSystem, "value": "q-1"},
		"item": []any{element{"linkId": "1"}}}
	put := element{"fullUrl": c.testClient.service("rivierenland", "60").ResourceURL + at, "resource": task, "request": element{"method": "PUT", "url": at[1:]}}
	got = c.send(http.MethodPost, "", bundleOf("transaction", put, entryOf(patientURN, answers)))
	if got.status != http.StatusOK || !strings.Contains(string(got.body), `"200 OK"`) || !strings.Contains(string(got.body), `"201 Created"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	last := n.s.Received()[1]
	if last.Run != "q-1" || last.Summary != "Task: completed; Answers to 1 questions" {
		t.Errorf("%+v", last)
	}
	if got := c.send(http.MethodGet, "/Task?status=requested", nil); !strings.Contains(string(got.body), `"total":0`) {
		t.Errorf("still asked for: %s", got.body)
	}
	n.assertNoViolations()
}

// A search comes in pages, which lead from one to the next.
func TestSearchHasPages(t *testing.T) {
	n := startSimulator(t)
	c := n.connectToCollect()
	path, seen, pages := "/Observation?_count=2", 0, 0
	base := n.service("apotheekdebrug", "48").ResourceURL
	for path != "" && pages < 10 {
		got := c.send(http.MethodGet, path, nil)
		var page struct {
			Total int
			Link  []struct{ Relation, URL string }
			Entry []json.RawMessage
		}
		if err := json.Unmarshal(got.body, &page); err != nil || page.Total != 5 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		seen, pages, path = seen+len(page.Entry), pages+1, ""
		for _, l := range page.Link {
			if l.Relation == "next" {
				path = strings.TrimPrefix(l.URL, base)
			}
		}
	}
	if seen != 5 || pages != 3 {
		t.Errorf("%d in %d pages", seen, pages)
	}
	if got := c.send(http.MethodGet, "/Observation?code=http://loinc.org%7C1", nil); got.status != 200 || strings.Contains(string(got.body), `"entry"`) {
		t.Errorf("another code: %s", got.body)
	}
	if got := c.send(http.MethodPost, "", bundleOf("batch", element{"request": element{"method": "GET", "url": "Observation?_count=1"}},
		element{"request": element{"method": "GET", "url": "Patient/patient"}})); strings.Count(string(got.body), `"200 OK"`) != 2 {
		t.Errorf("a batch that asks: %s", got.body)
	}
	n.assertNoViolations()
}

// connectToCollect connects to the pharmacy, which only gives.
func (n *testClient) connectToCollect() session {
	n.Helper()
	n.s.SetBehaviour("apotheekdebrug", Behaviour{Authorize: AuthorizeApprove})
	q := authorizationParams("apotheekdebrug", "48")
	q.Set("scope", "apotheekdebrug")
	code := n.authorize("apotheekdebrug", "48", q).Get("code")
	a, _ := decodeToken(n.T, n.mustRespond(n.do(n.newTokenRequest("apotheekdebrug", "48", q.Get(correlationID), tokenRequest(code)))))
	return session{n, "apotheekdebrug", "48", q.Get(correlationID), a.AccessToken, ""}
}

func TestMetadata(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	r := c.request(http.MethodGet, "/metadata", nil)
	r.Header.Del("Authorization")
	got := n.mustRespond(n.do(r))
	var m struct {
		ResourceType, FHIRVersion string
		Rest                      []struct {
			Resource    []struct{ Type string }
			Interaction []struct{ Code string }
		}
	}
	if err := json.Unmarshal(got.body, &m); err != nil || m.ResourceType != "CapabilityStatement" || m.FHIRVersion != "3.0.2" ||
		len(m.Rest[0].Resource) != 2 || len(m.Rest[0].Interaction) != 2 {
		t.Errorf("%d %v %s", got.status, err, got.body)
	}
	n.assertNoViolations()
}

// A body beyond the limit is refused, whole.
func TestLongBody(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	e := pressure("run")
	e["comment"] = strings.Repeat("x", maxRequestBody)
	got, err := n.do(c.request(http.MethodPost, "/Observation", e))
	if err == nil && got.status != http.StatusRequestEntityTooLarge || len(n.s.Filed()) > 0 {
		t.Errorf("%d, filed %d", got.status, len(n.s.Filed()))
	}
}
