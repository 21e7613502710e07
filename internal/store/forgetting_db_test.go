package store

import (
	"database/sql"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestForgettingDBKnowsWhatStatementsChange compares the texts of all statements of package query with the tables that
// SQLite opens for writing, be it for a foreign key.
func TestForgettingDBKnowsWhatStatementsChange(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "carrel.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	texts := statementsOfPackageQuery(t)
	noted, writing := 0, 0
	for _, text := range texts {
		changed := changedTables(t, db.readPool, text)
		if len(changed) > 0 {
			writing++
		}
		remembered := slices.ContainsFunc(changed, func(table string) bool {
			return slices.Contains([]string{"chains", "grants", "tokens", "usage", "epochs"}, table)
		})
		notes := changesRemembered.MatchString(text)
		if notes {
			noted++
		}
		if remembered && !notes {
			t.Errorf("nobody notices that this statement changes %v:\n%s", changed, text)
		}
	}
	if len(texts) < 300 || writing < 100 || noted < 40 || noted > writing {
		t.Errorf("of %d statements %d write, of which %d are noticed", len(texts), writing, noted)
	}
}

// statementsOfPackageQuery returns the texts of the constants that sqlc has generated.
func statementsOfPackageQuery(t *testing.T) (texts []string) {
	t.Helper()
	files, err := filepath.Glob("internal/query/*.sql.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && strings.HasPrefix(literal.Value, "`-- name:") {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, text)
			}
			return true
		})
	}
	return texts
}

// changedTables returns the tables that SQLite writes to, or empties, for a statement.
func changedTables(t *testing.T, db *sql.DB, text string) (tables []string) {
	t.Helper()
	trees, err := db.QueryContext(t.Context(), "SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0")
	if err != nil {
		t.Fatal(err)
	}
	defer trees.Close()
	names := map[int64]string{}
	for trees.Next() {
		var root int64
		var name string
		if err := trees.Scan(&root, &name); err != nil {
			t.Fatal(err)
		}
		names[root] = name
	}
	if err := trees.Err(); err != nil {
		t.Fatal(err)
	}
	steps, err := db.QueryContext(t.Context(), "EXPLAIN "+text, make([]any, 20)...)
	if err != nil && strings.Contains(err.Error(), "clock_timestamp") {
		return nil // of PostgreSQL only
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer steps.Close()
	for steps.Next() {
		var address, p1, p2, p3, p5 int64
		var operation string
		var p4, comment any
		if err := steps.Scan(&address, &operation, &p1, &p2, &p3, &p4, &p5, &comment); err != nil {
			t.Fatal(err)
		}
		switch operation {
		case "OpenWrite":
			tables = append(tables, names[p2])
		case "Clear", "Destroy":
			tables = append(tables, names[p1])
		}
	}
	if err := steps.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}
