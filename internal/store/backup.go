package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// EachLargeFile calls f for each file whose content is not in the database: with the library and the file. It changes
// nothing in the database.
func EachLargeFile(ctx context.Context, database string, f func(library.ID, wire.FileName) error) (err error) {
	const doing = "list large files"
	pool, err := openForReading(database)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, explain(err))
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	rows, err := pool.QueryContext(ctx, "SELECT files.library_id, files.id FROM files "+
		"JOIN contents ON contents.file_id = files.id WHERE contents.data IS NULL")
	if err != nil {
		return fmt.Errorf("%s: %w", doing, explain(err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var owner library.ID
		var name wire.FileName
		if err := rows.Scan(&owner, &name); err != nil {
			return fmt.Errorf("%s: %w", doing, explain(err))
		}
		if err := f(owner, name); err != nil {
			return err
		}
	}
	return wrap(doing, rows.Err())
}

// EachLargeStorageFile calls f for each file of a storage whose content is not in the database. A database of an older
// version has none. It changes nothing in the database.
func EachLargeStorageFile(ctx context.Context, database string, f func(storage.Content) error) (err error) {
	const doing = "list large files of storages"
	pool, err := openForReading(database)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, explain(err))
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	d := sqliteDialect
	if isPostgres(database) {
		d = postgresDialect
	}
	var tables int
	if err := pool.QueryRowContext(ctx, d.hasTable, "storage_files").Scan(&tables); err != nil || tables == 0 {
		return wrap(doing, err)
	}
	rows, err := pool.QueryContext(ctx, "SELECT f.storage_id, f.id FROM storage_files f "+
		"WHERE NOT EXISTS (SELECT 1 FROM storage_contents c WHERE c.file_id = f.id)")
	if err != nil {
		return fmt.Errorf("%s: %w", doing, explain(err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c storage.Content
		if err := rows.Scan(&c.Storage, &c.File); err != nil {
			return fmt.Errorf("%s: %w", doing, explain(err))
		}
		if err := f(c); err != nil {
			return err
		}
	}
	return wrap(doing, rows.Err())
}

// Newer says what a copy of a database has and the database does not have.
type Newer struct {
	// Libraries is how many libraries have events in the copy that they do not have in the database: more, or others.
	Libraries int
	// OnlyThere is how many libraries only the copy has: they were deleted, or an older database was restored.
	OnlyThere int
}

// CompareNewer compares a copy of an SQLite database with the database. It changes nothing in either.
func CompareNewer(ctx context.Context, database, other string) (n Newer, err error) {
	const doing = "compare databases"
	path, err := existing(other)
	if err != nil {
		return Newer{}, fmt.Errorf("%s: %w", doing, err)
	}
	pool, err := openForReading(database)
	if err != nil {
		return Newer{}, fmt.Errorf("%s: %w", doing, err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx) // which has the other database too
	if err != nil {
		return Newer{}, fmt.Errorf("%s: %w", doing, explain(err))
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "mode=rw"}
	if _, err := conn.ExecContext(ctx, "ATTACH ? AS other", name.String()); err != nil {
		return Newer{}, fmt.Errorf("%s: open %s: %w", doing, path, explain(err))
	}
	// An event is never changed, and its hash is one of all events before it.
	err = conn.QueryRowContext(ctx, `SELECT COUNT(*)
		FROM other.chains AS theirs
		JOIN main.chains AS ours ON ours.library_id = theirs.library_id
		LEFT JOIN other.events AS newest ON newest.library_id = theirs.library_id AND newest.seq = theirs.events
		LEFT JOIN main.events AS same ON same.library_id = theirs.library_id AND same.seq = theirs.events
		WHERE ours.events < theirs.events OR same.hash IS NOT newest.hash`).Scan(&n.Libraries)
	if err == nil {
		err = conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM other.libraries "+
			"WHERE id NOT IN (SELECT id FROM main.libraries)").Scan(&n.OnlyThere)
	}
	if err != nil {
		return Newer{}, fmt.Errorf("%s: %w", doing, explain(err))
	}
	return n, nil
}

// openForReading opens one connection to a database that exists.
func openForReading(database string) (*sql.DB, error) {
	if isPostgres(database) {
		pool, err := sql.Open("pgx", database)
		if err == nil {
			pool.SetMaxOpenConns(1)
		}
		return pool, err
	}
	path, err := existing(database)
	if err != nil {
		return nil, err
	}
	return openPool(path, "mode=rw&_pragma=busy_timeout(5000)&_pragma=temp_store(MEMORY)", 1)
}

// existing returns the path of an SQLite database that exists.
func existing(database string) (string, error) {
	path, err := resolve(strings.TrimPrefix(database, "sqlite:"))
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err == nil && info.Size() == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	if err == nil {
		err = checkLog(path)
	}
	return path, err
}

// ErrNotSQLite says that a database is not a file that [Backup] can copy.
var ErrNotSQLite = errors.New("the database is not an SQLite file")

// Backup writes the SQLite database of a path to a new file, as it is at one moment, and syncs the file. The database
// may be in use, and goes on to be. The copy has nothing that was removed from the tables.
//
// While Backup reads, [DB.Erase] cannot empty the log of the database.
func Backup(ctx context.Context, database, to string) (err error) {
	if isPostgres(database) {
		return ErrNotSQLite
	}
	if _, err := existing(database); err != nil {
		return fmt.Errorf("back up database: %w", err)
	}
	// SQLite accepts an empty file. This one is readable for its owner only.
	file, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("back up database: %w", err)
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil {
			err = errors.Join(fmt.Errorf("back up database: %w", explain(err)), os.Remove(to))
		}
	}()
	pool, err := openForReading(database)
	if err != nil {
		return err
	}
	target := url.URL{Scheme: "file", Path: filepath.ToSlash(to)}
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", target.String())
	if err = errors.Join(err, pool.Close()); err != nil {
		return err
	}
	// VACUUM INTO does not sync.
	return file.Sync()
}
