package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// Every setting of the server is documented on one page, with its default.
func TestSettingsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var visit func(reflect.Type)
	visit = func(s reflect.Type) {
		for i := range s.NumField() {
			f := s.Field(i)
			if f.Anonymous {
				visit(f.Type)
				continue
			}
			n++
			env, name := f.Tag.Get("env"), f.Tag.Get("name")
			if env == "" {
				t.Errorf("setting %s has no environment variable", f.Name)
			}
			if name == "" {
				name = strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(env, "CARREL_")), "_", "-")
			}
			for _, word := range []string{"`--" + name + "`", "`" + env + "`", f.Tag.Get("default")} {
				if word != "false" && !strings.Contains(string(page), word) {
					t.Errorf("docs/operating.md does not mention %s of setting %s", word, f.Name)
				}
			}
		}
	}
	visit(reflect.TypeFor[serveCmd]())
	if n < 10 {
		t.Errorf("found only %d settings", n)
	}
}
