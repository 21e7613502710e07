package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// The version of the schema is the number of the newest migration. Each migration from
// compatibleSince on records in the database, in its own transaction, which programs may use the
// tables from then on: those that have the migration too, or that know an older schema from a
// version on that the migration's file names with a line
//
//	-- oldest program: 8
//
// Such a line is for a migration that only adds what an older program need not know. So two
// releases can run side by side while servers are replaced one by one.
const compatibleSince = 8

var (
	oldestLine   = regexp.MustCompile(`(?m)^-- oldest program: (\d+)$`)
	migrationNum = regexp.MustCompile(`^(\d+)_`)
)

// recordCompatibility returns the statement that a migration ends with; empty for those before
// compatibleSince.
func recordCompatibility(name, text string) (string, error) {
	version, err := versionOf(name)
	if err != nil || version < compatibleSince {
		return "", err
	}
	oldest := version
	if m := oldestLine.FindStringSubmatch(text); m != nil {
		if oldest, err = strconv.ParseInt(m[1], 10, 64); err != nil || oldest > version {
			return "", fmt.Errorf("migration %s: there is no oldest program %s", name, m[1])
		}
	}
	// What an earlier migration has said still holds.
	return fmt.Sprintf(`
UPDATE schema_compatibility SET version = %d, program = '%s',
    oldest = CASE WHEN oldest > %d THEN oldest ELSE %[3]d END
WHERE place = 1;
`, version, strings.ReplaceAll(programVersion(), "'", "''"), oldest), nil
}

func versionOf(name string) (int64, error) {
	m := migrationNum.FindStringSubmatch(name)
	if m == nil {
		return 0, fmt.Errorf("migration %s has no number", name)
	}
	return strconv.ParseInt(m[1], 10, 64)
}

// Version is the version of the tables that this program needs.
func Version() int64 { return ownVersion() }

// ownVersion is the schema version of this program.
func ownVersion() (newest int64) {
	names, _ := fs.Glob(migrationFiles, "migrations/*.sql")
	for _, name := range names {
		if version, err := versionOf(path.Base(name)); err == nil {
			newest = max(newest, version)
		}
	}
	return newest
}

// programVersion is the version of the module that this program was built from.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// Errors of databases that this program must not use.
var (
	// ErrNewer reports a database that a newer program has migrated.
	ErrNewer = errors.New("the database is too new for this program")
	// ErrOlder reports a database that has to be migrated first.
	ErrOlder = errors.New("the database is older than this program")
	// ErrNoDatabase reports that there is no database, or one without the tables of Carrel.
	ErrNoDatabase = errors.New("there is no database of Carrel")
)

// compatibility is what a database says of the programs that may use it.
type compatibility struct {
	version int64 // the newest migration, or 0
	oldest  int64 // the oldest program that may use it, if it is known
	program string
}

// checkNotNewer returns ErrNewer if a newer program has migrated the database in a way that this
// one does not know.
func checkNotNewer(ctx context.Context, db query.DBTX, d dialect) error {
	c, err := readCompatibility(ctx, db, d)
	if err != nil {
		return err
	}
	own := ownVersion()
	if c.version <= own || c.oldest != 0 && c.oldest <= own {
		return nil
	}
	newer, oldest := "a newer program", "one that has it"
	if c.program != "" && c.oldest != 0 {
		newer = fmt.Sprintf("a newer program, carrel %s,", c.program)
		oldest = fmt.Sprintf("one that has at least version %d", c.oldest)
	}
	return fmt.Errorf("%w: %s has brought its tables to version %d; this program, carrel %s, has version %d: use %s, "+
		"or restore a backup from before", ErrNewer, newer, c.version, programVersion(), own, oldest)
}

// readCompatibility reads the version of a database, and what it says of older programs. All is
// zero for a database without tables.
func readCompatibility(ctx context.Context, db query.DBTX, d dialect) (compatibility, error) {
	var c compatibility
	has, err := hasTable(ctx, db, d, "goose_db_version")
	if err != nil || !has {
		return c, err
	}
	err = db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version").Scan(&c.version)
	if err != nil {
		return c, fmt.Errorf("read the version of the schema: %w", err)
	}
	if has, err = hasTable(ctx, db, d, "schema_compatibility"); err != nil || !has {
		return c, err
	}
	var recorded, oldest int64
	err = db.QueryRowContext(ctx, "SELECT version, oldest, program FROM schema_compatibility WHERE place = 1").
		Scan(&recorded, &oldest, &c.program)
	if err != nil {
		return c, fmt.Errorf("read which programs may use the database: %w", err)
	}
	if recorded == c.version { // otherwise a migration has not said so
		c.oldest = oldest
	}
	return c, nil
}

func hasTable(ctx context.Context, db query.DBTX, d dialect, name string) (bool, error) {
	var n int
	if err := db.QueryRowContext(ctx, d.hasTable, name).Scan(&n); err != nil {
		return false, fmt.Errorf("look for table %s: %w", name, err)
	}
	return n > 0, nil
}

// checkCurrent returns an error unless the tables are there and can be used without a migration.
func checkCurrent(ctx context.Context, db *sql.DB, d dialect) error {
	if err := checkNotNewer(ctx, db, d); err != nil {
		return err
	}
	c, err := readCompatibility(ctx, db, d)
	if err != nil {
		return err
	}
	switch own := ownVersion(); {
	case c.version == 0:
		return fmt.Errorf("%w here: it has no tables. The first start of the server makes them", ErrNoDatabase)
	case c.version < own:
		return fmt.Errorf("%w: its tables have version %d, and carrel %s needs version %d. The next start of the "+
			"server with this program brings them up to date", ErrOlder, c.version, programVersion(), own)
	}
	return nil
}

// State says what a database holds, without opening it for use.
type State struct {
	// Tables reports whether there is a database with the tables of Carrel. The other fields are zero
	// without them.
	Tables bool
	// Version is the version of the tables. This program needs [Version].
	Version int64
	// Libraries reports whether there is a library.
	Libraries bool
	// Among reports whether one of the libraries that Inspect was asked about is there.
	Among bool
	// SigningKeys are the server's, newest first.
	SigningKeys []library.SigningKey
	// LargeContents are the keys of some of the contents that are not in the database, at most [MaxLargeContents].
	LargeContents []string
	// Adopted is the newest generation of which an adoption is recorded; 0 if none is.
	Adopted library.AdoptionGeneration
	// Installation is zero if the database has none yet.
	Installation Installation
}

const (
	// MaxLargeContents is the most contents that a [State] has.
	MaxLargeContents = 100
	// largeFilesAmong bounds how many files of a large database are looked at for them.
	largeFilesAmong = 100_000
)

// largeContents lists some contents that are not in the database. There are none before the first start has made all
// tables.
func largeContents(ctx context.Context, db *sql.DB, d dialect, q *query.Queries) (keys []string, err error) {
	if has, err := hasTable(ctx, db, d, "files"); err != nil || !has {
		return nil, err
	}
	rows, err := q.ListLargeFiles(ctx, library.InlineLimit, largeFilesAmong, MaxLargeContents)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		keys = append(keys, string(row.LibraryID)+"/"+string(row.ID))
	}
	if has, err := hasTable(ctx, db, d, "storage_files"); err != nil || !has {
		return keys, err
	}
	stored, err := q.ListLargeStorageFiles(ctx, library.InlineLimit, largeFilesAmong,
		MaxLargeContents-int32(len(keys)))
	if err != nil {
		return nil, err
	}
	for _, row := range stored {
		keys = append(keys, storage.Content{Storage: row.StorageID, File: row.ID}.Key())
	}
	return keys, nil
}

// newestAdoption returns the newest generation of which an adoption is recorded.
func newestAdoption(ctx context.Context, db *sql.DB, d dialect) (g library.AdoptionGeneration, err error) {
	if has, err := hasTable(ctx, db, d, "adoptions"); err != nil || !has {
		return 0, err
	}
	if err := db.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM adoptions").Scan(&g); err != nil {
		return 0, fmt.Errorf("read the adoptions: %w", err)
	}
	return g, nil
}

// readState reads the state of a database of any version, with Among for the given libraries. It
// changes nothing.
func readState(ctx context.Context, db *sql.DB, d dialect, among []library.ID) (s State, err error) {
	if s.Tables, err = hasTable(ctx, db, d, "libraries"); err != nil || !s.Tables {
		return s, err
	}
	schema, err := readCompatibility(ctx, db, d)
	if err != nil {
		return s, err
	}
	s.Version = schema.version
	if err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM libraries)").Scan(&s.Libraries); err != nil {
		return s, fmt.Errorf("look for a library: %w", err)
	}
	for _, id := range among {
		row := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM libraries WHERE id = $1)", string(id))
		if err := row.Scan(&s.Among); err != nil {
			return s, fmt.Errorf("look for a library: %w", err)
		}
		if s.Among {
			break
		}
	}
	// No migration since the first version has changed what these two read.
	queries := query.New(db)
	if s.SigningKeys, err = signingKeys(ctx, queries); err != nil {
		return s, fmt.Errorf("list signing keys: %w", err)
	}
	if s.LargeContents, err = largeContents(ctx, db, d, queries); err != nil {
		return s, fmt.Errorf("list large contents: %w", err)
	}
	if s.Adopted, err = newestAdoption(ctx, db, d); err != nil {
		return s, err
	}
	if has, err := hasTable(ctx, db, d, "installation"); err != nil || !has {
		return s, err
	}
	var at query.Number
	err = db.QueryRowContext(ctx, "SELECT id, folder, created_at FROM installation WHERE place = 1").
		Scan(&s.Installation.ID, &s.Installation.Folder, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read the installation: %w", err)
	}
	s.Installation.CreatedAt = fromMillis(at)
	return s, nil
}
