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

// CheckReasonsDocumented checks that a table of docs/providers.md has a row for each
// reason why there is no response. The prefix "not sent: " is not in the table.
func CheckReasonsDocumented(t testing.TB, page string, reasons ...string) {
	t.Helper()
	for _, r := range reasons {
		if r = strings.TrimPrefix(r, "not sent: "); r == "" || !strings.Contains(page, "\n| "+r+" | ") {
			t.Errorf("docs/providers.md has no row for %q", r)
		}
	}
}
