package ui_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/web/ui"
)

func TestFileKindKey(t *testing.T) {
	t.Parallel()
	for mimeType, want := range map[string]string{
		"application/pdf": "files.kind.pdf", "image/JPEG": "files.kind.image",
		"text/plain; charset=utf-8": "files.kind.text", "application/fhir+json": "files.kind.health",
		"application/json": "files.kind.data", "text/csv": "files.kind.data",
		"application/zip": "files.kind.other", "": "files.kind.other",
	} {
		if got := ui.FileKindKey(mimeType); got != want {
			t.Errorf("%q is %s, want %s", mimeType, got, want)
		}
	}
}
