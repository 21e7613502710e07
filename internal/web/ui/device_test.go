package ui_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/carrelhq/carrel/internal/web/ui"
)

func TestDeviceOf(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Mobile/15E148": "phone",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537 Chrome/140 Mobile Safari":    "phone",
		"Mozilla/5.0 (Linux; Android 15; SM-X900) AppleWebKit/537 Chrome/140 Safari":           "tablet",
		"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X)":                                        "tablet",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537 Chrome/140 Safari":                    "computer",
		"curl/8.0": "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("User-Agent", agent)
		if got := ui.DeviceOf(r).Kind; got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
	// The log has the address, for programs that block it; the limits count its network.
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "[2001:db8:0:1::7%eth0]:4711"
	if got := ui.DeviceOf(r).Address; got != "2001:db8:0:1::7" {
		t.Errorf("the address is %q", got)
	}
}
