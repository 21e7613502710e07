package api

import (
	"net/http"
	"testing"
)

// Repeatable is repeatable.
func Repeatable(r *http.Request) string { return repeatable(r) }

// RegisteredRoutes returns the routes of the protocol as this package registers them: "GET /v1.7/user".
func RegisteredRoutes(t *testing.T) (names []string) {
	t.Helper()
	for _, r := range readCode(t).routes {
		names = append(names, r.method+" "+r.path)
	}
	return names
}
