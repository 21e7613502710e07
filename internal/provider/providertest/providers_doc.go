package providertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ProvidersDoc returns docs/providers.md of the repository at root.
func ProvidersDoc(t testing.TB, root string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "providers.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Documented checks that a table of that page has a row for each reason why there was no
// answer. That something was not sent need not be said again there.
func CheckReasonsDocumented(t testing.TB, page string, reasons ...string) {
	t.Helper()
	for _, r := range reasons {
		if r = strings.TrimPrefix(r, "not sent: "); r == "" || !strings.Contains(page, "\n| "+r+" | ") {
			t.Errorf("docs/providers.md has no row for %q", r)
		}
	}
}
