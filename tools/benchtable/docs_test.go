package main

import (
	"os"
	"strings"
	"testing"
)

// docs/benchmarks.md describes each measure, and the versions that tools/peers has.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, g := range (&programs{}).groups() {
		for _, r := range g.rows {
			if !strings.Contains(page, "| "+r.id+" |") && !strings.Contains(page, "| "+r.id+", ") &&
				!strings.Contains(page, ", "+r.id+" |") {
				t.Errorf("there is no row of %s", r.id)
			}
		}
	}
	mod, err := os.ReadFile("../peers/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for name, module := range map[string]string{
		"versitygw": "github.com/versity/versitygw", "PocketBase": "github.com/pocketbase/pocketbase",
	} {
		_, after, ok := strings.Cut(string(mod), "\t"+module+" v")
		version, _, _ := strings.Cut(after, " ")
		if !ok || !strings.Contains(page, "| "+name+" "+version) {
			t.Errorf("the page does not have the version %q of %s", version, name)
		}
	}
}
