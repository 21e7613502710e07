package provider

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestNewTokens(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for what, tt := range map[string]struct {
		token, refresh string
		seconds        int64
		life           time.Duration // 0 for an error
	}{
		"both":                {"t", "r", 60, time.Minute},
		"no refresh token":    {"t", "", 60, time.Minute},
		"no life":             {"t", "", 0, defaultTokenLife},
		"a life for ever":     {"t", "", math.MaxInt64, maxTokenLife},
		"a negative life":     {"t", "r", -1, 0},
		"no token":            {"", "r", 60, 0},
		"a token in two":      {"a b", "", 60, 0},
		"a header in it":      {"a\r\nX: y", "", 60, 0},
		"a long one":          {strings.Repeat("a", 16<<10+1), "", 60, 0},
		"a long one that may": {strings.Repeat("a", 16<<10), "", 60, time.Minute},
		"a bad refresh token": {"t", "ré", 60, 0},
	} {
		a, err := NewTokens(tt.token, tt.refresh, tt.seconds, at)
		if (err == nil) != (tt.life > 0) || err != nil && strings.ContainsAny(err.Error(), "\r\né") {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil {
			if !a.Access.IsZero() || !a.Refresh.IsZero() {
				t.Errorf("%s: tokens and an error", what)
			}
			continue
		}
		if a.Access.Reveal() != tt.token || a.Refresh.IsZero() != (tt.refresh == "") ||
			!a.ExpiresAt.Equal(at.Add(tt.life)) {
			t.Errorf("%s: until %v", what, a.ExpiresAt)
		}
		if tt.refresh != "" && a.Refresh.Reveal() != tt.refresh {
			t.Errorf("%s: another refresh token", what)
		}
	}
}
