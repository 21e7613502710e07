package smart

import (
	"testing"
)

func TestSameHost(t *testing.T) {
	for _, tt := range []struct {
		base, token string
		want        bool
	}{
		{"https://fhir.example/r4", "https://fhir.example/token", true},
		{"https://fhir.example/r4", "https://FHIR.example:443/token", true},
		{"https://fhir.example:8443", "https://fhir.example:8443/token", true},
		{"http://localhost", "http://localhost:80/token", true},
		{"https://fhir.example/r4", "https://fhir.example:8443/token", false},
		{"https://fhir.example/r4", "https://login.example/token", false},
		{"https://fhir.example/r4", "https://fhir.example.evil.example/token", false},
		{"https://fhir.example/r4", "https://evil.example/fhir.example", false},
		{"https://localhost:443", "http://localhost:443/token", false},
		{"https://[::1]/r4", "https://[::1]:443/token", true},
	} {
		if got := sameHost(tt.base, tt.token); got != tt.want {
			t.Errorf("%s and %s: %v", tt.base, tt.token, got)
		}
	}
}
