package ui_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/web/ui"
)

func TestIsLocalPath(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]bool{
		"/files": true, "/files?q=a%2Fb": true, "/": true,
		"": false, "files": false, "//evil.example": false, "/\\evil.example": false, "https://evil.example": false,
		"/\t/evil.example": false, "javascript:alert(1)": false, "/%zz": false,
	} {
		if got := ui.IsLocalPath(target); got != want {
			t.Errorf("IsLocalPath(%q) = %t", target, got)
		}
	}
}
