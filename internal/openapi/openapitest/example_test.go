package openapitest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/openapi"
)

// TestExamples validates each example with its schema, as strictly as an answer.
func TestExamples(t *testing.T) {
	t.Parallel()
	d, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	check := func(at string, s *openapi.Schema, text json.RawMessage) {
		t.Helper()
		if text == nil {
			return
		}
		count++
		if err := d.validate(s, text); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
	content := func(at string, c openapi.Map[openapi.MediaType]) {
		t.Helper()
		for _, m := range c {
			check(at, m.Value.Schema, m.Value.Example)
			for _, e := range m.Value.Examples {
				check(at+" "+e.Name, m.Value.Schema, e.Value.Value)
			}
			if m.Name == "application/json" && m.Value.Example == nil && len(m.Value.Examples) == 0 {
				t.Errorf("%s has no example", at)
			}
		}
	}
	for _, o := range d.Operations() {
		if o.RequestBody != nil {
			content(o.ID+" body", o.RequestBody.Content)
		}
		for _, r := range o.Responses {
			content(o.ID+" "+r.Name, r.Value.Content)
			for _, m := range r.Value.Content {
				for _, e := range m.Value.Examples {
					checkSummary(t, o.ID+" "+r.Name, r.Name, e.Value)
				}
			}
		}
	}
	if count < 100 {
		t.Errorf("validated %d examples", count)
	}
}

// checkSummary checks that the example of an error is named by its code.
func checkSummary(t *testing.T, at, status string, e *openapi.Example) {
	t.Helper()
	code := e.ErrorCode()
	if n, err := strconv.Atoi(status); err != nil || n < http.StatusBadRequest {
		return
	}
	if code == "" || !strings.HasSuffix(e.Summary, " "+code) {
		t.Errorf("%s: the example of %q has the summary %q", at, code, e.Summary)
	}
}

// TestCheckRefuses checks answers that are not as they are described.
func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	failed := func(code string) http.Header {
		return http.Header{"Content-Type": {"application/json"}, "X-Error-Code": {code}, "X-Error-Message": {"No"},
			"X-Error-Reference": {strings.Repeat("a", 32)}}
	}
	const refused = `{"error":{"code":"NotFound","message":"No","reference":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}`
	const accounts, files = "/v1.7/permission-access/accounts", "/v1.7/permission-access/query/a/b"
	json := http.Header{"Content-Type": {"application/json"}}
	for name, tt := range map[string]struct {
		method, path string
		status       int
		header       http.Header
		body, want   string
	}{
		"fine":                {"GET", accounts, 200, json, `[]`, ""},
		"other call":          {"GET", "/v1.7/nothing", 404, failed("NotFound"), refused, ""},
		"other call succeeds": {"GET", "/v1.7/nothing", 200, json, `{}`, "is not described"},
		"status":              {"GET", accounts, 201, json, `[]`, "201 is not described"},
		"code":                {"GET", accounts, 401, failed("NotFound"), refused, `"NotFound" is not described`},
		"no reference": {"GET", accounts, 401, http.Header{"Content-Type": {"application/json"},
			"X-Error-Code": {"InvalidClient"}}, refused, "X-Error-Message is missing"},
		"unknown member":  {"GET", accounts, 200, json, `[{"id":"a","new":1}]`, "'new' not allowed"},
		"missing member":  {"GET", accounts, 200, json, `[{"id":"a"}]`, "missing properties"},
		"null":            {"GET", accounts, 200, json, `null`, "got null, want array"},
		"not JSON":        {"GET", accounts, 200, json, `[`, "not JSON"},
		"content type":    {"GET", accounts, 200, nil, `[]`, "content type"},
		"body":            {"DELETE", "/v1.7/user", 204, nil, `{}`, "no body"},
		"token":           {"POST", "/v1.7/oauth/token", 200, json, `{"token":"a.b"}`, "not a JWT"},
		"token claims":    {"POST", "/v1.7/oauth/token", 200, json, `{"token":"e30.e30.e30"}`, "missing properties"},
		"no metadata":     {"HEAD", files, 200, nil, ``, "x-metadata is missing"},
		"strange metdata": {"HEAD", files, 200, http.Header{"X-Metadata": {"e30="}}, ``, "missing property"},
	} {
		err := Check(Answer{tt.method, tt.path, tt.status, tt.header, []byte(tt.body)})
		if tt.want == "" && err == nil {
			continue
		}
		if err == nil || tt.want == "" || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want an error with %q", name, err, tt.want)
		}
	}
}
