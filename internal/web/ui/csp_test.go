package ui_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/web/ui"
)

func TestFormTarget(t *testing.T) {
	t.Parallel()
	for callback, want := range map[string]string{
		"https://clinic.example/callback?a=b": "https://clinic.example",
		"http://127.0.0.1:3000/x":             "http://127.0.0.1:3000",
		"http://[::1]:3000/x":                 "http:",
		"digime-ca-abc123://auth":             "digime-ca-abc123:",
		"https://evil.example;script-src*/x":  "",
		"nothing":                             "",
	} {
		if got := ui.FormTarget(callback); got != want {
			t.Errorf("FormTarget(%q) = %q, want %q", callback, got, want)
		}
	}
}
