package digime_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"
)

// Whatever go doc shows is documented: each exported name and each field of a struct. A struct without exported fields
// has methods. No type is an alias of a type that is documented elsewhere. In package wire, whose structs are the JSON
// of the protocol, the names of most fields are enough.
func TestDocumentation(t *testing.T) {
	for _, folder := range []string{".", "digimetest", "wire"} {
		t.Run(folder, func(t *testing.T) {
			files := token.NewFileSet()
			notTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
			packages, err := parser.ParseDir(files, folder, notTests, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range packages {
				documented := doc.New(p, "github.com/carrelhq/carrel/digime/"+folder, 0)
				if documented.Doc == "" {
					t.Error("the package has no doc comment")
				}
				check := documentation{t: t, files: files, fieldsToo: folder != "wire"}
				check.functions(documented.Funcs)
				check.values(documented.Consts)
				check.values(documented.Vars)
				for _, kind := range documented.Types {
					check.kind(kind)
				}
			}
		})
	}
}

type documentation struct {
	t         *testing.T
	files     *token.FileSet
	fieldsToo bool
}

func (d documentation) missing(node ast.Node, what string) {
	d.t.Helper()
	d.t.Errorf("%s: %s", d.files.Position(node.Pos()), what)
}

func (d documentation) functions(list []*doc.Func) {
	for _, f := range list {
		if f.Doc == "" {
			d.missing(f.Decl, f.Name+" has no doc comment")
		}
	}
}

// values checks a group of constants or variables. Each has a comment; in a group of one it is the comment of the
// group.
func (d documentation) values(groups []*doc.Value) {
	for _, g := range groups {
		for _, spec := range g.Decl.Specs {
			v := spec.(*ast.ValueSpec)
			for _, name := range v.Names {
				if name.IsExported() && v.Doc == nil && v.Comment == nil && (g.Doc == "" || len(g.Decl.Specs) > 1) {
					d.missing(v, name.Name+" has no doc comment")
				}
			}
		}
	}
}

func (d documentation) kind(k *doc.Type) {
	d.functions(k.Funcs)
	d.functions(k.Methods)
	d.values(k.Consts)
	d.values(k.Vars)
	for _, spec := range k.Decl.Specs {
		s := spec.(*ast.TypeSpec)
		if s.Doc == nil && (k.Doc == "" || len(k.Decl.Specs) > 1) {
			d.missing(s, k.Name+" has no doc comment")
		}
		if s.Assign.IsValid() {
			d.missing(s, k.Name+" is an alias, of which go doc shows nothing")
		}
		switch body := s.Type.(type) {
		case *ast.StructType:
			d.fields(k, s, body.Fields)
		case *ast.InterfaceType:
			d.fields(k, s, body.Methods)
		}
	}
}

func (d documentation) fields(k *doc.Type, s *ast.TypeSpec, fields *ast.FieldList) {
	exported := 0
	for _, f := range fields.List {
		for _, name := range f.Names {
			if !name.IsExported() {
				continue
			}
			exported++
			if d.fieldsToo && f.Doc == nil && f.Comment == nil {
				d.missing(f, k.Name+"."+name.Name+" has no comment")
			}
		}
		if len(f.Names) == 0 { // embedded: its own type says what it is
			exported++
		}
	}
	if exported == 0 && len(k.Methods) == 0 && len(k.Funcs) == 0 {
		d.missing(s, k.Name+" shows neither fields nor methods")
	}
}
