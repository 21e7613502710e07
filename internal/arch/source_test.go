package arch_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the repository's root, seen from this package.
const root = "../.."

// A source is one of our packages as its files show it, whatever system they
// are for.
type source struct {
	path    string            // within the module, such as "digime/wire"
	imports map[string]string // imported path → a file that imports it; tests apart
	doc     string            // the package comment
	name    string
	files   []sourceFile
}

type sourceFile struct {
	path      string
	lines     int
	generated bool
	test      bool
}

// sourceTree reads every Go file of the module, once for all tests. (That it
// opens them itself also tells `go test` when a cached result is stale, which
// it could not know of the files that `go list` reads.)
func sourceTree(t *testing.T) []*source {
	t.Helper()
	tree, err := readTree()
	if err != nil {
		t.Fatalf("reading the source tree: %v", err)
	}
	return tree
}

var readTree = sync.OnceValues(func() ([]*source, error) {
	byPath := map[string]*source{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(file, d.Name())
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		p := byPath[path.Dir(rel)]
		if p == nil {
			p = &source{path: path.Dir(rel), imports: map[string]string{}}
			byPath[p.path] = p
		}
		return p.add(file, rel)
	})
	tree := make([]*source, 0, len(byPath))
	for _, p := range byPath {
		tree = append(tree, p)
	}
	slices.SortFunc(tree, func(a, b *source) int { return strings.Compare(a.path, b.path) })
	return tree, err
})

// skipDir leaves out what `go build ./...` leaves out: other modules, test
// data, hidden folders.
func skipDir(dir, name string) error {
	if dir == root {
		return nil
	}
	if name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

// handWritten counts the files that a person wrote, tests apart.
func (p *source) handWritten() (n int) {
	for _, f := range p.files {
		if !f.generated && !f.test {
			n++
		}
	}
	return n
}

// add reads one file into p.
func (p *source) add(file, rel string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(token.NewFileSet(), rel, text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	test := strings.HasSuffix(rel, "_test.go")
	p.files = append(p.files, sourceFile{
		path: rel, lines: bytes.Count(text, []byte("\n")), generated: ast.IsGenerated(f), test: test,
	})
	if test {
		return nil
	}
	p.name = f.Name.Name
	if f.Doc != nil {
		p.doc = f.Doc.Text()
	}
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		p.imports[imported] = rel
	}
	return nil
}
