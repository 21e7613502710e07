package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestPathsOfAllKinds(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, url := range []string{
		"plain.db",
		"sqlite:prefixed.db",
		"sqlite:new/folder/a.db",
		filepath.Join(t.TempDir(), "odd ?mode=memory&x#y%20z.db"),
	} {
		t.Run(url, func(t *testing.T) {
			db, err := Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			info, err := os.Stat(strings.TrimPrefix(url, "sqlite:"))
			if err != nil {
				t.Error(err)
			} else if info.Mode().Perm() != 0o600 {
				t.Errorf("it may be read by others: %v", info.Mode())
			}
		})
	}
}

func TestFolderIsNoDatabase(t *testing.T) {
	if _, err := Open(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder was opened as a database")
	}
}

// Every query finds its rows by an index, those apart that list all there is of
// what is few, look at a bounded part of what is many, or run while no server does.
func TestEveryQueryUsesAnIndex(t *testing.T) {
	few := map[string]bool{"listApplications": true, "listContracts": true, "listSigningKeys": true,
		"addFirstSigningKey": true, "listLargeFiles": true,
		"listLargeStorageFiles": true,
		"listStorageRemovals":   true, // those of a few seconds
		"listClaimableFetches":  true, // what it scans is due, which it found by an index
		"listUsageFaults":       true, // for a check; what it scans are the rows of one library, found by an index
		"listUngranted":         true, // once an hour, all accounts
		"listAuditEntries":      true, // the newest of them, by an index
		"sumStorages":           true, // when an operator looks at an application
		"countGrants":           true} // when an operator changes what a contract allows
	// These change every row, after the master keyring was lost.
	whole := map[string]bool{"unbindLibraries": true, "unbindTokens": true, "unbindAuthCodes": true,
		"unbindLogins": true, "unbindAuthRequests": true,
		"unbindChains": true, "unbindGrants": true, "deleteAdoptions": true, "deleteEventCheckpoints": true,
		"unbindStorages": true, "unbindStorageFiles": true, "unbindCollected": true, "deletePostboxes": true,
		"listUnfinishedDeliveries":   true,
		"deleteAuthorizationSecrets": true, "deleteDeliveryContents": true}
	inOrder := map[string]bool{"listDeliveries": true, "listClaimable": true, "listAbandoned": true}
	db, _, _ := openForWriting(t)
	queries := generatedQueries(t)
	if len(queries) < 50 {
		t.Fatalf("found only %d queries", len(queries))
	}
	for name, query := range queries {
		for _, step := range planOf(t, db, name, query) {
			full := strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "CONSTANT ROW")
			sorted := strings.Contains(step, "TEMP B-TREE") && (strings.Contains(name, "Files") || inOrder[name])
			if (full || sorted) && !few[name] && !whole[name] {
				t.Errorf("%s: %s", name, step)
			}
		}
	}
}

// A page of a list is searched from its cursor on, and not from an end of the list: SQLite uses one bound of a kind in
// an index, so that there is none but the cursor. The files of an application are searched in the index for them.
func TestPagesBeginAtTheirCursor(t *testing.T) {
	db, _, _ := openForWriting(t)
	queries := generatedQueries(t)
	for name, want := range map[string]string{
		"listFilesAfter":               "files_of_library (library_id=? AND created_at>?)",
		"listFilesBefore":              "files_of_library (library_id=? AND created_at<?)",
		"listFilesOfApplicationAfter":  "files_of_application (library_id=? AND application_id=? AND created_at>?)",
		"listFilesOfApplicationBefore": "files_of_application (library_id=? AND application_id=? AND created_at<?)",
		"listDeliveries":               "deliveries_of_library (library_id=? AND created_at<?)",
	} {
		steps := planOf(t, db, name, queries[name])
		if len(steps) != 1 || !strings.HasSuffix(steps[0], want) {
			t.Errorf("%s: %q, want %s", name, steps, want)
		}
	}
}

// planOf is how SQLite would run a query, step by step.
func planOf(t *testing.T, db *DB, name, query string) (steps []string) {
	t.Helper()
	var arguments []any
	for strings.Contains(query, "$"+strconv.Itoa(len(arguments)+1)) {
		arguments = append(arguments, nil)
	}
	rows, err := db.readPool.Query("EXPLAIN QUERY PLAN "+query, arguments...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return steps
}

// generatedQueries reads the texts of the queries, by name, from what sqlc made.
func generatedQueries(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("internal/query/*.sql.go")
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
				if text, ok := spec.Values[0].(*ast.BasicLit); ok {
					if queries[spec.Names[0].Name], err = strconv.Unquote(text.Value); err != nil {
						t.Fatal(err)
					}
				}
			}
			return true
		})
	}
	return queries
}
