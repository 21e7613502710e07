package arch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestAttackTable: each test that the table of the threat model names exists, so that a test that is renamed or removed
// takes its row with it. scripts/attack runs them.
func TestAttackTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "\n| promise | attack | test |\n")
	if !ok {
		t.Fatal("the threat model has no table of promises, attacks and tests")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	defined := testNames(t)
	for line := range strings.Lines(table) {
		row := strings.Split(strings.Trim(line, "|\n "), "|")
		names := regexp.MustCompile(`Test\w+`).FindAllString(row[len(row)-1], -1)
		if strings.Trim(line, "|-\n") != "" && (len(row) != 3 || len(names) == 0) {
			t.Errorf("this row has no promise, attack and test: %s", line)
		}
		for _, name := range names {
			if !slices.Contains(defined, name) {
				t.Errorf("the threat model names %s, and there is no such test", name)
			}
		}
	}
}

// testNames returns the names of the tests of both modules.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	for _, pkg := range sourceTree(t) {
		for _, f := range pkg.files {
			if !f.test {
				continue
			}
			text, err := os.ReadFile(filepath.Join(root, f.path))
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
				names = append(names, match[1])
			}
		}
	}
	return names
}
