package ui_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/web/ui"
)

func TestCleanText(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		" a\r\nb\x00 ":           "a  b",
		"\u202eevil":             "evil",
		strings.Repeat("é", 300): strings.Repeat("é", 200) + "…",
	} {
		if got := ui.CleanText(said); got != want {
			t.Errorf("CleanText(%q) = %q, want %q", said, got, want)
		}
	}
}
