package api

import "testing"

// RegisteredRoutes returns the routes of the protocol as this package registers them: "GET /v1.7/user".
func RegisteredRoutes(t *testing.T) (names []string) {
	t.Helper()
	for _, r := range readCode(t).routes {
		names = append(names, r.method+" "+r.path)
	}
	return names
}
