package arch_test

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the repository's root, relative to this package.
const root = "../.."

// modules are the folders of the modules that the rules are about: the
// server's and the SDK's. The path of a package is its folder in both.
var modules = []string{root, root + "/digime"}

// A source is one of our packages as its files show it, for every operating
// system.
type source struct {
	path    string            // relative to the root, such as "digime/wire"
	imports map[string]string // imported path to a file that imports it; without tests
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

// sourceTree reads every Go file of both modules, once for all tests. It opens
// the files itself, so that `go test` knows when a cached result is stale; it
// would not know of files that `go list` reads.
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
	var errs []error
	for _, dir := range modules {
		errs = append(errs, readModule(dir, byPath))
	}
	tree := slices.SortedFunc(maps.Values(byPath), func(a, b *source) int { return strings.Compare(a.path, b.path) })
	return tree, errors.Join(errs...)
})

// readModule adds the packages of the module in dir.
func readModule(dir string, byPath map[string]*source) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(dir, file, d.Name())
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
}

// skipDir leaves out what `go build ./...` in module leaves out: other
// modules, test data, hidden folders.
func skipDir(module, dir, name string) error {
	if dir == module {
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

// handWritten counts the files that are not generated, without tests.
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
