package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// The table in the repository is what the generator makes from the definitions.
func TestTableIsUpToDate(t *testing.T) {
	t.Parallel()
	folder := os.Getenv(definitionsVar)
	if folder == "" {
		folder = testenv.Shared(t, "fhir", "stu3", "definitions")
	}
	want, err := generate(folder)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../stu3.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("stu3.txt is not what the generator makes: go generate ./internal/fhir")
	}
}

// Errors name what is missing.
func TestMissing(t *testing.T) {
	t.Parallel()
	folder, out := t.TempDir(), filepath.Join(t.TempDir(), "table.txt")
	for _, tt := range []struct{ definitions, out, want string }{
		{"", out, definitionsVar},
		{folder, "", "-out"},
		{folder, out, filepath.Join(folder, "profiles-types.json.gz")},
	} {
		if err := run(tt.definitions, tt.out); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("run(%q, %q): %v, want an error that names %s", tt.definitions, tt.out, err, tt.want)
		}
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	d := &definitions{
		valueSets: map[string]*valueSet{},
		codeSystems: map[string]*codeSystem{"s": {URL: "s", Content: "complete", Concept: []concept{
			{Code: "a", Concept: []concept{{Code: "b", Concept: []concept{{Code: "c"}}}}}, {Code: "d"},
		}}},
	}
	add := func(url string, v valueSet) { d.valueSets[url] = &v }
	var all, below, without, imported, foreign valueSet
	all.Compose.Include = []include{{System: "s"}}
	below.Compose.Include = []include{{System: "s"}}
	below.Compose.Include[0].Filter = append(below.Compose.Include[0].Filter, struct {
		Property string `json:"property"`
		Op       string `json:"op"`
		Value    string `json:"value"`
	}{"concept", "is-a", "b"})
	without.Compose.Include = all.Compose.Include
	without.Compose.Exclude = below.Compose.Include
	imported.Compose.Include = []include{{ValueSet: []string{"below"}}}
	foreign.Compose.Include = []include{{System: "elsewhere"}}
	add("all", all)
	add("below", below)
	add("without", without)
	add("imported", imported)
	add("foreign", foreign)
	for url, want := range map[string][]string{"all": {"a", "b", "c", "d"}, "below": {"b", "c"}, "without": {"a", "d"},
		"imported": {"b", "c"}} {
		x, err := d.expand(url)
		if err != nil {
			t.Fatal(err)
		}
		if len(x["s"]) != len(want) {
			t.Errorf("%s has %v, want %v", url, x["s"], want)
		}
		for _, code := range want {
			if !x["s"][code] {
				t.Errorf("%s lacks %s", url, code)
			}
		}
	}
	for _, url := range []string{"foreign", "none"} {
		if _, err := d.expand(url); err == nil {
			t.Errorf("%s was expanded", url)
		}
	}
}
