package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// issueOf returns the first issue of an OperationOutcome.
func issueOf(t *testing.T, r testResponse) issue {
	t.Helper()
	var o operationOutcome
	if err := json.Unmarshal(r.body, &o); err != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
		t.Errorf("status %d without an OperationOutcome: %s", r.status, r.body)
		return issue{}
	}
	return o.Issue[0]
}

func TestResourceIsStrict(t *testing.T) {
	t.Parallel()
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
		"right": {status: 200},
		"charset": {change: header("Content-Type", fhirJSON+"; charset=utf-8; fhirVersion=3.0"),
			status: 200},
		"no token":      {change: drop("Authorization"), rule: "bearer", status: 401},
		"basic":         {change: header("Authorization", "Basic eA=="), rule: "bearer", status: 401},
		"unknown token": {change: header("Authorization", "Bearer unknown"), status: 401},
		"token of another provider": {change: header("Authorization", "Bearer "+other.access), rule: "bearer",
			status: 401},
		"token for other service": {change: header("Authorization", "Bearer "+documents.access), rule: "bearer",
			status: 403},
		"no request id":      {change: drop(requestID), rule: "ids", status: 400},
		"request id no UUID": {change: header(requestID, "1"), rule: "ids", status: 400},
		"two correlations": {change: func(r *http.Request) { r.Header.Add(correlationID, uuid.NewString()) },
			rule: "ids", status: 400},
		"other correlation": {change: header(correlationID, uuid.NewString()), rule: "correlation", status: 200},
		"no content type":   {change: drop("Content-Type"), rule: "headers", status: 415},
		"plain JSON":        {change: header("Content-Type", "application/json"), rule: "headers", status: 415},
		"encoded":           {change: header("Content-Encoding", "gzip"), status: 415},
		"no accept":         {change: drop("Accept"), rule: "headers", status: 200},
		"accepts XML":       {change: header("Accept", "application/fhir+xml"), rule: "headers", status: 406},
		"no prefer":         {change: drop("Prefer"), rule: "headers", status: 200},
		"cookie":            {change: header("Cookie", "a=b"), rule: "headers", status: 200},
		"patient":           {method: "GET", path: "/Observation?patient=1", rule: "person", status: 400},
		"subject":           {method: "GET", path: "/Observation?subject:Patient=1", rule: "person", status: 400},
		"patient's name":    {method: "GET", path: "/Observation?subject.name=1", rule: "person", status: 400},
		"BSN in the address": {method: "GET", path: "/Patient?identifier=" +
			url.QueryEscape(bsnSystems[0]+"|999999011"), rule: "bsn", status: 400},
		"other address": {method: "GET", change: func(r *http.Request) { r.URL.Path = "/nowhere" },
			rule: "address", status: 404},
		"no type":         {method: "GET", path: "/nothing", status: 404},
		"too deep":        {method: "GET", path: "/Patient/1/2", status: 404},
		"delete":          {method: "DELETE", path: "/Patient/1", status: 405},
		"patch":           {method: "PATCH", path: "/Patient", status: 405},
		"get of the base": {method: "GET", status: 405},
		"no JSON":         {body: "nonsense", status: 400},
		"two JSONs":       {body: "{} {}", status: 400},
		"null":            {body: "null", status: 400},
		"a list":          {body: "[]", status: 400},
		"no Bundle":       {body: element{"resourceType": "Patient"}, status: 400},
		"collection":      {body: bundleOf("collection", entryOf(pressureURN, pressure("run"))), status: 400},
		"empty batch":     {body: bundleOf("batch"), status: 400},
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
		if auth := got.header.Get("WWW-Authenticate"); strings.HasPrefix(auth, "Bearer") != (tt.status == 401 ||
			tt.status == 403) {
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

// A body that is too long is refused.
func TestLongBody(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	e := pressure("run")
	e["comment"] = strings.Repeat("x", maxRequestBody)
	got, err := n.do(c.request(http.MethodPost, "/Observation", e))
	if err == nil && got.status != http.StatusRequestEntityTooLarge || len(n.s.Filed()) > 0 {
		t.Errorf("%d, filed %d", got.status, len(n.s.Filed()))
	}
}
