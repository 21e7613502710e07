package providertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// Page is docs/providers.md.
func Page(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "providers.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Documented checks that a table of the page has a row for each reason why there was no
// answer. That something was not sent need not be said again there.
func Documented(t testing.TB, reasons ...string) {
	t.Helper()
	page := Page(t)
	for _, r := range reasons {
		if r = strings.TrimPrefix(r, "not sent: "); r == "" || !strings.Contains(page, "\n| "+r+" | ") {
			t.Errorf("docs/providers.md has no row for %q", r)
		}
	}
}
