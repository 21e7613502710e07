package fhir

import "testing"

func TestAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"2024", "2023", true}, {"2024", "2024", false}, {"2024", "2024-01", false}, {"2024-02", "2024-01-31", true},
		{"2024-02-02", "2024-02-01", true},
		{"2024-02-01", "2024-02-02", false}, {"2024-02", "2025", false},
		{"2024-02-01T10:00:00Z", "2024-02-01T10:00:00+01:00", true},
		{"2024-02-01T10:00:00+01:00", "2024-02-01T09:00:00Z", false},
		{"2024-02-01T10:00:00.5Z", "2024-02-01T10:00:00.4Z", true},
		{"2024-02-01T10:00:01Z", "2024-02-01T10:00:00.4Z", true},
		{"2024-02-01T00:30:00+14:00", "2024-01-31", false}, {"2024-02-03T00:00:00Z", "2024-02-01", true},
		{"2024-03-01T00:00:00Z", "2024-02", true},
		{"2024-01-01T00:00:00+01:00", "2023-12-31T23:30:00Z", false},
	} {
		a, _ := parseDateTime([]byte(tt.a))
		b, _ := parseDateTime([]byte(tt.b))
		if a.after(b) != tt.want {
			t.Errorf("%s after %s: want %v", tt.a, tt.b, tt.want)
		}
	}
}
