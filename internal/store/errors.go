package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/carrelhq/carrel/internal/library"
)

// wrap adds to an error what was being done, and replaces a database's error by the error of
// package library that it stands for, or adds it if the database cannot be used. It returns nil for nil.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	if meaning := libraryError(err); meaning != nil {
		err = meaning
	} else if isScanError(err) {
		err = fmt.Errorf("%w: %w", library.ErrUnreadable, err)
	}
	return fmt.Errorf("%s: %w", doing, withAvailability(explain(err)))
}

// isScanError reports whether a row has a value of another type than its column, which SQLite allows. Package sql has
// no type for that error.
func isScanError(err error) bool {
	return !errors.Is(err, library.ErrUnreadable) && strings.Contains(err.Error(), "sql: Scan error")
}

// PostgreSQL's SQLSTATE codes.
const (
	pgUniqueViolation     = "23505"
	pgForeignKeyViolation = "23503"
	pgBadText             = "22021"
	pgSerialization       = "40001"
	pgDeadlock            = "40P01"
	pgLockNotAvailable    = "55P03"
)

// libraryError returns the error of package library that a database's error stands for; nil if
// it stands for none.
func libraryError(err error) error {
	var lite *sqlite.Error
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return library.ErrNotFound
	case errors.As(err, &lite):
		switch lite.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return library.ErrExists
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			return library.ErrNotFound
		case sqlite3.SQLITE_BUSY:
			return library.ErrBusy // another process has been writing for long
		}
	case errors.As(err, &pg):
		switch pg.Code {
		case pgUniqueViolation:
			return library.ErrExists
		case pgForeignKeyViolation:
			return library.ErrNotFound
		case pgBadText:
			// No row has a text with NUL or with bytes that are not UTF-8.
			return library.ErrNotFound
		}
	}
	return nil
}

// worthRetrying reports whether a PostgreSQL transaction failed because of another that ran at
// the same time.
func worthRetrying(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == pgSerialization || pg.Code == pgDeadlock)
}

// isLockTimeout reports whether a PostgreSQL transaction has waited too long for another that has locked something.
func isLockTimeout(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == pgLockNotAvailable
}

// affected returns ErrNotFound if a change affected no row.
func affected(rows int64, err error) error {
	if err == nil && rows == 0 {
		return library.ErrNotFound
	}
	return err
}
