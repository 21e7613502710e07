package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/carrelhq/carrel/internal/api"
)

// TestRepeatable: no two calls look alike that differ in a path, a query, or the values of a header that they read.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	const base = "/v1.7/discovery/sources"
	seen := map[string]int{}
	for i, call := range []struct {
		method, target string
		header         http.Header
	}{
		{method: "POST", target: base},
		{method: "GET", target: base},
		{method: "POST", target: base + "?a"},
		{method: "POST", target: base + "%2Fa"},
		{method: "POST", target: base + "/a"},
		{method: "POST", target: base, header: http.Header{"Accountid": {"a"}}},
		{method: "POST", target: base, header: http.Header{"Accountid": {"a", ""}}},
		{method: "POST", target: base, header: http.Header{"Accountid": {"", "a"}}},
		{method: "POST", target: base, header: http.Header{"Accountid": {"a"}, "Redirecturi": {""}}},
		{method: "POST", target: base, header: http.Header{"Redirecturi": {"a"}}},
		{method: "POST", target: base, header: http.Header{"Redirecturi": {"", "a"}}},
		{method: "POST", target: base, header: http.Header{"Accountid": {""}, "Redirecturi": {"a"}}},
	} {
		r := httptest.NewRequest(call.method, call.target, nil)
		for name, values := range call.header {
			r.Header[name] = values
		}
		key := api.Repeatable(r)
		if before, twice := seen[key]; twice || key == "" {
			t.Errorf("call %d looks like call %d: %q", i, before, key)
		}
		seen[key] = i
	}
	if key := api.Repeatable(httptest.NewRequest("POST", "/v1.7/permission-access/import", nil)); key != "" {
		t.Errorf("a push looks like %q", key)
	}
}
