package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A file has one noun or one group of endpoints. A file that is longer than
// this has several, and is split.
const (
	maxLines     = 600
	maxTestLines = 900
)

func TestFileLength(t *testing.T) {
	for _, p := range sourceTree(t) {
		for _, f := range p.files {
			limit := maxLines
			if f.test {
				limit = maxTestLines
			}
			if f.lines > limit && !f.generated {
				t.Errorf("%s has %d lines, more than %d: split it by noun", f.path, f.lines, limit)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	for _, p := range sourceTree(t) {
		switch {
		case p.handWritten() == 0: // only tests or generated files
		case p.doc == "":
			t.Errorf("%s has no package comment: what is it for, and what must its user know?", p.path)
		case p.name != "main" && !strings.HasPrefix(p.doc, "Package "+p.name+" "):
			t.Errorf("%s: the package comment does not begin with %q", p.path, "Package "+p.name)
		}
	}
}

// vagueNames are package names that do not say what is in the package.
var vagueNames = []string{"base", "common", "core", "helpers", "misc", "models", "shared", "types", "util", "utils"}

func TestPackageNames(t *testing.T) {
	for _, p := range sourceTree(t) {
		if slices.Contains(vagueNames, path.Base(p.path)) {
			t.Errorf("%s: name the package for what it has", p.path)
		}
	}
}

// TestLibraryReadsNoClock checks that package library takes the time from its
// caller and nothing from the environment, so that recorded requests can be
// replayed.
func TestLibraryReadsNoClock(t *testing.T) {
	ambient := []string{"time.Now", "time.Since", "time.Until", "os.Getenv", "os.LookupEnv"}
	for _, p := range sourceTree(t) {
		if p.path != "internal/library" {
			continue
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			for _, used := range selectors(t, f.path) {
				if slices.Contains(ambient, used) {
					t.Errorf("%s uses %s: take it from the caller", f.path, used)
				}
			}
		}
	}
}

// selectors returns every x.Y in a file.
func selectors(t *testing.T, file string) (found []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				found = append(found, x.Name+"."+s.Sel.Name)
			}
		}
		return true
	})
	return found
}
