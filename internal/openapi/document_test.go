package openapi_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/docs"
	"github.com/carrelhq/carrel/internal/openapi"
)

// TestParse parses the description of the protocol, whose order is kept and whose references are resolved.
func TestParse(t *testing.T) {
	t.Parallel()
	d, err := openapi.Parse(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	operations := d.Operations()
	first := operations[0]
	if first.Method != "GET" || first.Path != "/v1.7/jwks/oauth" || len(d.SecurityOf(first)) != 0 {
		t.Errorf("first operation %s %s, security %v", first.Method, first.Path, d.SecurityOf(first))
	}
	if second := operations[1]; second.ID != "authorize" || second.Claims.Name() != "AuthorizeClaims" ||
		len(d.SecurityOf(second)) != 1 {
		t.Errorf("second operation %+v", second)
	}
	ids := map[string]bool{}
	for _, o := range operations {
		if o.ID == "" || ids[o.ID] || o.Summary == "" || o.Description == "" {
			t.Errorf("%s %s: operationId %q is empty or there twice, or the operation is not described",
				o.Method, o.Path, o.ID)
		}
		ids[o.ID] = true
		for _, r := range o.Responses {
			if r.Value.Ref != "" || r.Value.Description == "" {
				t.Errorf("%s: response %s is not resolved, or has no description", o.ID, r.Name)
			}
			for _, h := range r.Value.Headers {
				if h.Value.Schema == nil {
					t.Errorf("%s: header %s of response %s has no schema", o.ID, h.Name, r.Name)
				}
			}
		}
	}
}

// TestParseRefuses parses descriptions that this package would lose a part of.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const in = `{"openapi":"3.1.1","paths":{"/a":{"get":{"responses":{"200":%}}}},"components":{"schemas":{%%}}}`
	for name, tt := range map[string]struct{ response, schemas, want string }{
		"unknown member":        {`{"description":"x","links":{}}`, ``, "links"},
		"unknown keyword":       {`{"description":"x"}`, `"A":{"type":"object","if":{}}`, "if"},
		"nested keyword":        {`{"description":"x"}`, `"A":{"properties":{"b":{"not":{}}}}`, "not"},
		"name twice":            {`{"description":"x"}`, `"A":{},"A":{}`, "A is there twice"},
		"reference to nothing":  {`{"$ref":"#/components/responses/A"}`, ``, "responses/A leads nowhere"},
		"schema of nothing":     {`{"description":"x"}`, `"A":{"$ref":"#/components/schemas/B"}`, "B leads nowhere"},
		"nested schema":         {`{"description":"x"}`, `"A":{"items":{"$ref":"#/x"}}`, "x leads nowhere"},
		"not an object":         {`{"description":"x","content":[]}`, ``, "want an object"},
		"header of nothing":     {`{"description":"x","headers":{"A":{"$ref":"#/x"}}}`, ``, "#/x leads nowhere"},
		"something more behind": {`{"description":"x"}`, `}}} {"a":{"b":{`, "something follows"},
	} {
		text := strings.Replace(strings.Replace(in, "%%", tt.schemas, 1), "%", tt.response, 1)
		if d, err := openapi.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %+v, %v; want an error with %q", name, d, err, tt.want)
		}
	}
}
