package server_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/storage"
)

// keptFile is a person's file in a storage, with another one beside it.
type keptFile struct {
	person *carreltest.Person
	id     storage.ID
	file   string // the id of the file "a"
}

// keepsTwo has a person allow a contract, which keeps two files for them: "a" with the content, and "b".
func keepsTwo(t *testing.T, w *carreltest.World, c *carreltest.Contract, content string) keptFile {
	t.Helper()
	person := w.Person()
	_, id := person.AllowsStorage(c)
	file := carreltest.Must(c.Uploads(id, carreltest.PathOf("a"), []byte(content)))(t)
	carreltest.Must(c.Uploads(id, carreltest.PathOf("b"), []byte("b of "+content)))(t)
	return keptFile{person, id, file.ID}
}

// foreignRow is what the check says of a row that this server has not written.
const foreignRow = "its row is not what this server has stored"

func isTampered(err error) bool {
	var tampered *library.TamperedError
	return errors.As(err, &tampered)
}

// TestAttackStorageMoved: the keeper gives a person's storage, or a file in it, to another person, or passes off one
// file as another. The application gets an error and not the other's content, nothing that it uploads afterwards makes
// it genuine, the person's activity says so, and the check names it.
func TestAttackStorageMoved(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		contract, other := k.Application().Contract(library.Write), k.Application().Contract(library.Write)
		for name, test := range map[string]struct {
			attack func(anna, eve keptFile)
			fault  string
		}{
			"the storages exchanged": {func(anna, eve keptFile) {
				k.changes(`UPDATE storages SET library_id = 'x' WHERE id = $1`, string(anna.id))
				const give = `UPDATE storages SET library_id = $1 WHERE id = $2`
				k.changes(give, string(anna.person.Library), string(eve.id))
				k.changes(give, string(eve.person.Library), string(anna.id))
			}, foreignRow},
			"a storage that nobody has to allow": {func(anna, _ keptFile) {
				k.changes(`UPDATE storages SET library_id = '', expires_at = $1 WHERE id = $2`,
					time.Now().Add(48*time.Hour).UnixMilli(), string(anna.id))
			}, foreignRow},
			"another application's": {func(anna, _ keptFile) {
				k.changes(`UPDATE storages SET application_id = $1 WHERE id = $2`, string(other.Application.ID),
					string(anna.id))
			}, foreignRow},
			"the binding of the storage removed": {func(anna, _ keptFile) {
				k.changes(`UPDATE storages SET binding = NULL WHERE id = $1`, string(anna.id))
			}, foreignRow},
			"that of another storage in its place": {func(anna, eve keptFile) {
				k.changes(`UPDATE storages SET binding = (SELECT s.binding FROM storages s WHERE s.id = $1)
					WHERE id = $2`, string(eve.id), string(anna.id))
			}, foreignRow},
			"a file of the other's": {func(anna, eve keptFile) {
				k.changes(`DELETE FROM storage_files WHERE id = $1`, anna.file)
				k.changes(`UPDATE storage_files SET storage_id = $1 WHERE id = $2`, string(anna.id), eve.file)
			}, foreignRow},
			"a content of the other's": {func(anna, eve keptFile) {
				for table, columns := range map[string][]string{
					"storage_contents": {"data"}, "storage_files": {"size", "sha256"},
				} {
					id := map[string]string{"storage_contents": "file_id", "storage_files": "id"}[table]
					for _, c := range columns {
						k.changes(`UPDATE `+table+` SET `+c+` = (SELECT o.`+c+` FROM `+table+` o WHERE o.`+id+` = $1)
							WHERE `+id+` = $2`, eve.file, anna.file)
					}
				}
			}, foreignRow},
			"another file of their own": {func(anna, _ keptFile) {
				for _, rename := range []string{"name = 'c', original_name = 'c' WHERE name = 'a'",
					"name = 'a', original_name = 'a' WHERE name = 'b'"} {
					k.changes(`UPDATE storage_files SET `+rename+` AND storage_id = $1`, string(anna.id))
				}
			}, foreignRow},
			"a name in other letters": {func(anna, _ keptFile) {
				k.changes(`UPDATE storage_files SET original_name = 'A' WHERE id = $1`, anna.file)
			}, foreignRow},
			"another time": {func(anna, _ keptFile) {
				k.changes(`UPDATE storage_files SET created_at = created_at + 1 WHERE id = $1`, anna.file)
			}, foreignRow},
			"the binding of the file removed": {func(anna, _ keptFile) {
				k.changes(`UPDATE storage_files SET binding = NULL WHERE id = $1`, anna.file)
			}, foreignRow},
		} {
			anna, eve := keepsTwo(t, k.World, contract, "anna's own"), keepsTwo(t, k.World, contract, "eve's thing")
			test.attack(anna, eve)
			callers := []*carreltest.Contract{contract}
			if name == "another application's" {
				callers = append(callers, other)
			}
			for _, c := range callers {
				content, err := c.Downloads(anna.id, carreltest.PathOf("a"))
				if err == nil {
					t.Errorf("%s: the application reads %q", name, content)
				}
			}
			_, lines := k.checks(false)
			if found := strings.Join(lines, "\n"); !strings.Contains(found, string(anna.id)) ||
				!strings.Contains(found, test.fault) {
				t.Errorf("%s: the check says %q", name, lines)
			}
			if _, err := contract.Uploads(anna.id, carreltest.PathOf("c"), []byte("later")); err == nil {
				again, err := contract.Downloads(anna.id, carreltest.PathOf("a"))
				if err == nil {
					t.Errorf("%s: after another upload the application reads %q", name, again)
				}
			}
			if strings.HasPrefix(name, "the binding") &&
				strings.Count(anna.person.Activity(), "library.tampered") != 1 {
				t.Errorf("%s: the activity is %s", name, anna.person.Activity())
			}
			// The person can always remove it.
			if name != "another application's" && name != "a storage that nobody has to allow" {
				anna.person.SignsIn()
				if err := k.Storages.DeleteForPerson(t.Context(), anna.person.SignedIn(),
					contract.Client.Application); err != nil {
					t.Errorf("%s: the person deletes it: %v", name, err)
				}
			}
			for _, id := range []storage.ID{anna.id, eve.id} {
				for _, query := range []string{
					`DELETE FROM storage_contents WHERE file_id IN
						(SELECT id FROM storage_files WHERE storage_id = $1)`,
					`DELETE FROM storage_files WHERE storage_id = $1`, `DELETE FROM storages WHERE id = $1`,
					`DELETE FROM storage_contents WHERE $1 <> '' AND NOT EXISTS
						(SELECT 1 FROM storage_files f WHERE f.id = file_id)`,
				} {
					carreltest.Must(k.db.ExecContext(t.Context(), query, string(id)))(t)
				}
			}
		}
	})
}

// TestAttackStorageAtConsent: the keeper changes a storage before its person allows it, so that they would allow one
// with content of somebody else's. The consent is refused.
func TestAttackStorageAtConsent(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		eve := keepsTwo(t, k.World, contract, "eve's thing")
		k.changes(`UPDATE storages SET library_id = '', expires_at = $1 WHERE id = $2`,
			time.Now().Add(48*time.Hour).UnixMilli(), string(eve.id))
		anna := k.Person()
		if _, err := anna.GivesStorage(contract, eve.id); !isTampered(err) {
			t.Errorf("the consent: %v", err)
		}
		if n := k.count(`SELECT COUNT(*) FROM grants WHERE library_id = $1`, string(anna.Library)); n != 0 {
			t.Errorf("%d grants", n)
		}
	})
}

// TestAttackStoragePutBack: the keeper puts back an earlier version of a file, a file that was deleted, or an earlier
// row of the storage, each with the binding that it had. The check finds what does not fit.
func TestAttackStoragePutBack(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		rows := func(what string, args ...any) {
			t.Helper()
			carreltest.Must(k.db.ExecContext(t.Context(), what, args...))(t)
		}
		for name, attack := range map[string]func(v keptFile){
			"an earlier version": func(v keptFile) {
				rows(`CREATE TABLE kept_files AS SELECT * FROM storage_files WHERE id = $1`, v.file)
				rows(`CREATE TABLE kept_contents AS SELECT * FROM storage_contents WHERE file_id = $1`, v.file)
				newer := carreltest.Must(contract.Uploads(v.id, carreltest.PathOf("a"), []byte("newer!")))(t)
				k.changes(`DELETE FROM storage_files WHERE id = $1`, newer.ID)
				k.changes(`DELETE FROM storage_contents WHERE file_id = $1`, newer.ID)
				k.changes(`INSERT INTO storage_files SELECT * FROM kept_files`)
				k.changes(`INSERT INTO storage_contents SELECT * FROM kept_contents`)
			},
			"a file that was deleted": func(v keptFile) {
				rows(`CREATE TABLE kept_files AS SELECT * FROM storage_files WHERE id = $1`, v.file)
				rows(`CREATE TABLE kept_contents AS SELECT * FROM storage_contents WHERE file_id = $1`, v.file)
				s := carreltest.Must(contract.OpensStorage(v.id))(t)
				if err := k.Storages.Delete(t.Context(), s, contract.Client, carreltest.PathOf("a")); err != nil {
					t.Error(err)
				}
				k.changes(`INSERT INTO storage_files SELECT * FROM kept_files`)
				k.changes(`INSERT INTO storage_contents SELECT * FROM kept_contents`)
			},
			"an earlier row of the storage": func(v keptFile) {
				rows(`CREATE TABLE kept_files AS SELECT * FROM storages WHERE id = $1`, string(v.id))
				rows(`CREATE TABLE kept_contents AS SELECT 1 AS one`)
				carreltest.Must(contract.Uploads(v.id, carreltest.PathOf("a"), []byte("newer!")))(t)
				k.changes(`DELETE FROM storages WHERE id = $1`, string(v.id))
				k.changes(`INSERT INTO storages SELECT * FROM kept_files`)
			},
			"a file taken away": func(v keptFile) {
				rows(`CREATE TABLE kept_files AS SELECT 1 AS one`)
				rows(`CREATE TABLE kept_contents AS SELECT 1 AS one`)
				k.changes(`DELETE FROM storage_files WHERE id = $1`, v.file)
				k.changes(`DELETE FROM storage_contents WHERE file_id = $1`, v.file)
			},
		} {
			v := keepsTwo(t, k.World, contract, "sixsix")
			if _, lines := k.checks(false); len(lines) > 0 {
				t.Fatalf("%s: what nobody has touched: %q", name, lines)
			}
			attack(v)
			rows(`DROP TABLE kept_files`)
			rows(`DROP TABLE kept_contents`)
			for range 2 { // an upload does not make it genuine
				if _, lines := k.checks(false); len(lines) != 1 || !strings.Contains(lines[0], string(v.id)) {
					t.Errorf("%s: the check says %q", name, lines)
				}
				carreltest.Must(contract.Uploads(v.id, carreltest.PathOf("c"), []byte("later")))(t)
			}
			v.person.SignsIn()
			if err := k.Storages.DeleteForPerson(t.Context(), v.person.SignedIn(),
				contract.Client.Application); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestAttackStorageWashed: the keeper puts back an earlier version of a file, and gives another file a version and a
// size that hide it as soon as that file is replaced or deleted. The application gets an error, the person's activity
// says so, and the check finds the tampering before and afterwards.
func TestAttackStorageWashed(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		other := carreltest.PathOf("folder", "b")
		deletes := func(p storage.Path) func(keptFile) error {
			return func(v keptFile) error {
				s := carreltest.Must(contract.OpensStorage(v.id))(t)
				return k.Storages.Delete(t.Context(), s, contract.Client, p)
			}
		}
		for name, write := range map[string]func(keptFile) error{
			"the other is replaced": func(v keptFile) error {
				_, err := contract.Uploads(v.id, other, []byte("another b"))
				return err
			},
			"the other is deleted":  deletes(other),
			"its folder is deleted": deletes(carreltest.PathOf("folder")),
			"all is deleted":        deletes(storage.Root),
		} {
			v := keepsTwo(t, k.World, contract, "short")
			carreltest.Must(contract.Uploads(v.id, other, []byte("the other")))(t)
			for _, query := range []string{
				`CREATE TABLE kept_files AS SELECT * FROM storage_files WHERE id = $1`,
				`CREATE TABLE kept_contents AS SELECT * FROM storage_contents WHERE file_id = $1`,
			} {
				carreltest.Must(k.db.ExecContext(t.Context(), query, v.file))(t)
			}
			newer := carreltest.Must(contract.Uploads(v.id, carreltest.PathOf("a"), []byte("newer, and longer")))(t)
			for _, column := range []string{"version", "size"} {
				k.changes(`UPDATE storage_files SET `+column+` = `+column+`
					+ (SELECT n.`+column+` FROM storage_files n WHERE n.id = $1)
					- (SELECT o.`+column+` FROM kept_files o)
					WHERE storage_id = $2 AND folder <> (SELECT o.folder FROM kept_files o)`, newer.ID, string(v.id))
			}
			k.changes(`DELETE FROM storage_files WHERE id = $1`, newer.ID)
			k.changes(`DELETE FROM storage_contents WHERE file_id = $1`, newer.ID)
			k.changes(`INSERT INTO storage_files SELECT * FROM kept_files`)
			k.changes(`INSERT INTO storage_contents SELECT * FROM kept_contents`)
			for _, table := range []string{"kept_files", "kept_contents"} {
				carreltest.Must(k.db.ExecContext(t.Context(), `DROP TABLE `+table))(t)
			}
			finds := func(when string) {
				t.Helper()
				if _, lines := k.checks(false); !strings.Contains(strings.Join(lines, "\n"), string(v.id)) {
					t.Errorf("%s: %s the check says %q", name, when, lines)
				}
			}
			finds("before,")
			if err := write(v); !isTampered(err) {
				t.Errorf("%s: %v", name, err)
			}
			finds("afterwards,")
			if strings.Count(v.person.Activity(), "library.tampered") != 1 {
				t.Errorf("%s: the activity is %s", name, v.person.Activity())
			}
			v.person.SignsIn()
			if err := k.Storages.DeleteForPerson(t.Context(), v.person.SignedIn(),
				contract.Client.Application); err != nil {
				t.Errorf("%s: the person deletes it: %v", name, err)
			}
		}
	})
}

// TestStorageOfOlderProgram: storages and fetched files that a program without their bindings has stored work after the
// first start of this one, which binds them once.
func TestStorageOfOlderProgram(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		v, unclaimed := keepsTwo(t, k.World, contract, "older"), contract.CreatesStorage()
		carreltest.Must(contract.Uploads(unclaimed, carreltest.PathOf("a"), carreltest.Large("large")))(t)
		older := func() {
			k.changes(`UPDATE storages SET binding = NULL, version = 0, version_sum = 0`)
			k.changes(`UPDATE storage_files SET binding = NULL, version = 0`)
		}
		older()
		start := func() {
			t.Helper()
			db := k.OpensStore()
			if err := k.OpensIntegrity(db).Adopt(t.Context(), db, nil); err != nil {
				t.Fatal(err)
			}
		}
		reads := func(want bool) {
			t.Helper()
			_, err := contract.Downloads(v.id, carreltest.PathOf("a"))
			_, err2 := contract.Downloads(unclaimed, carreltest.PathOf("a"))
			if (err == nil) != want || (err2 == nil) != want {
				t.Errorf("reads %v, %v, want %v", err, err2, want)
			}
		}
		reads(false)
		k.changes(`DELETE FROM adoptions WHERE id = 3`)
		if err := seal.RemoveAdoptions(k.config.Keyring); err != nil {
			t.Fatal(err)
		}
		start()
		reads(true)
		carreltest.Must(contract.Uploads(v.id, carreltest.PathOf("a"), []byte("newer")))(t)
		carreltest.Must(contract.Uploads(v.id, carreltest.PathOf("c"), []byte("another")))(t)
		reads(true)
		if _, lines := k.checks(true); len(lines) > 0 {
			t.Errorf("the check says %q", lines)
		}
		older()
		start()
		reads(false)
	})
}
