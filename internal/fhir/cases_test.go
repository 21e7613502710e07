package fhir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// TestCasesShared judges the bodies of the reference material. Its table says of each whether it
// may be accepted, and whether the rules for sending apply.
func TestCasesShared(t *testing.T) {
	t.Parallel()
	folder := testenv.Shared(t, "cases", "fhir")
	table, err := os.ReadFile(filepath.Join(folder, "cases.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		row := strings.Split(strings.TrimSpace(line), "\t")
		if len(row) < 4 || row[0] == "file" {
			continue
		}
		body, err := os.ReadFile(filepath.Join(folder, row[0]))
		if err != nil {
			t.Fatal(err)
		}
		issues := issuesOf(t, STU3, body)
		if row[1] == "yes" {
			issues = prepareIssues(t, STU3, string(body))
		}
		if refused := len(issues) > 0; refused != (row[2] == "refuse") {
			t.Errorf("%s: want %s (%s), found %v", row[0], row[2], row[3], issues)
		}
	}
}
