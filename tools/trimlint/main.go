// Command trimlint copies the source of golangci-lint without what a configuration does not enable. Most of it is some
// hundred linters and formatters, and to compile all of them takes much longer than those that are used.
//
//	trimlint CONFIGURATION FOLDER
//
// It copies the version that the module of the working folder requires. A linter that is not there cannot be enabled:
// golangci-lint refuses a configuration with the name of a linter that it does not know.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const module = "github.com/golangci/golangci-lint/v2"

// importers are the files that import linters and formatters.
var importers = []string{
	"pkg/lint/lintersdb/builder_linter.go",
	"pkg/goformatters/meta_formatter.go",
	"pkg/result/processors/fixer.go",
	"pkg/result/processors/max_per_file_from_linter.go",
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: trimlint CONFIGURATION FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "trimlint:", err)
		os.Exit(1)
	}
}

func run(configuration, folder string) error {
	text, err := os.ReadFile(configuration)
	if err != nil {
		return err
	}
	enabled, err := enabledNames(text)
	if err != nil {
		return fmt.Errorf("%s: %w", configuration, err)
	}
	source, err := download()
	if err != nil {
		return fmt.Errorf("download %s: %w", module, err)
	}
	if err := os.CopyFS(folder, os.DirFS(source)); err != nil {
		return err
	}
	for _, name := range importers {
		file := filepath.Join(folder, filepath.FromSlash(name))
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if text, err = trim(text, enabled); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// download returns the folder of the source, which a new machine does not have yet.
func download() (folder string, err error) {
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	var answer struct{ Dir, Error string }
	if parseErr := json.Unmarshal(out, &answer); parseErr != nil {
		return "", errors.Join(err, parseErr)
	}
	if answer.Error != "" {
		return "", errors.New(answer.Error)
	}
	return answer.Dir, err
}

// enabledNames returns the names of the linters and the formatters that a configuration enables.
func enabledNames(configuration []byte) ([]string, error) {
	type list struct {
		Default string
		Enable  []string
	}
	var c struct{ Linters, Formatters list }
	if err := yaml.Unmarshal(configuration, &c); err != nil {
		return nil, err
	}
	if c.Linters.Default != "none" {
		return nil, errors.New("linters.default has to be none, so that all linters are named")
	}
	return slices.Concat(c.Linters.Enable, c.Formatters.Enable), nil
}

// trim returns the text of a file without what mentions a package of a linter or a formatter that is not enabled: the
// package's import, items of lists, if statements with it in their condition, and the variables that only these used.
func trim(text []byte, enabled []string) ([]byte, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	dropped := map[string]bool{} // the names of packages
	for _, d := range file.Decls {
		imports, ok := d.(*ast.GenDecl)
		if !ok || imports.Tok != token.IMPORT {
			continue
		}
		imports.Specs = slices.DeleteFunc(imports.Specs, func(s ast.Spec) bool {
			name, plugin := pluginOf(s.(*ast.ImportSpec))
			drop := plugin != "" && !slices.Contains(enabled, plugin)
			if drop {
				dropped[name] = true
			}
			return drop
		})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			n.Elts = slices.DeleteFunc(n.Elts, func(e ast.Expr) bool { return mentions(e, dropped) })
		case *ast.BlockStmt:
			n.List = slices.DeleteFunc(n.List, func(s ast.Stmt) bool {
				conditional, ok := s.(*ast.IfStmt)
				return ok && mentions(conditional.Cond, dropped)
			})
		}
		return true
	})
	dropUnused(file)
	var out strings.Builder
	if err := format.Node(&out, files, file); err != nil {
		return nil, err
	}
	return []byte(out.String()), nil
}

// dropUnused removes the definitions of variables that the file does not mention again.
func dropUnused(file *ast.File) {
	mentioned := map[string]int{}
	ast.Inspect(file, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok {
			mentioned[name.Name]++
		}
		return true
	})
	ast.Inspect(file, func(n ast.Node) bool {
		if block, ok := n.(*ast.BlockStmt); ok {
			block.List = slices.DeleteFunc(block.List, func(s ast.Stmt) bool {
				d, ok := s.(*ast.AssignStmt)
				if !ok || d.Tok != token.DEFINE || len(d.Lhs) != 1 {
					return false
				}
				return mentioned[d.Lhs[0].(*ast.Ident).Name] == 1
			})
		}
		return true
	})
}

// pluginOf returns the name by which a file refers to a package, and the name of the linter or the formatter that is in
// it, or "" if it has none.
func pluginOf(s *ast.ImportSpec) (name, plugin string) {
	importPath, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		return "", ""
	}
	folder, last := path.Split(importPath)
	if folder != module+"/pkg/golinters/" && folder != module+"/pkg/goformatters/" {
		return "", ""
	}
	if s.Name != nil {
		return s.Name.Name, last
	}
	return last, last
}

// mentions reports whether a node refers to one of some packages.
func mentions(n ast.Node, packages map[string]bool) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if name, ok := selector.X.(*ast.Ident); ok && packages[name.Name] {
				found = true
			}
		}
		return !found
	})
	return found
}
