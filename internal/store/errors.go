package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/carrelhq/carrel/internal/library"
)

// in says what was being done when err came up, and puts what the databases say
// into the words of package library. It is nil for nil.
func in(doing string, err error) error {
	if err == nil {
		return nil
	}
	if meaning := meaningOf(err); meaning != nil {
		err = meaning
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// PostgreSQL's SQLSTATE codes.
const (
	pgUniqueViolation     = "23505"
	pgForeignKeyViolation = "23503"
	pgBadText             = "22021"
	pgSerialization       = "40001"
	pgDeadlock            = "40P01"
)

// meaningOf is the error of package library that a database's error stands for, or
// nil if it stands for none.
func meaningOf(err error) error {
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
			// A text with NUL or with bytes that are no UTF-8 stands in no row.
			return library.ErrNotFound
		}
	}
	return nil
}

// worthRetrying reports whether a PostgreSQL transaction failed for no fault of its
// own, but because of what ran beside it.
func worthRetrying(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == pgSerialization || pg.Code == pgDeadlock)
}

// affected turns "no row was there to change" into ErrNotFound.
func affected(rows int64, err error) error {
	if err == nil && rows == 0 {
		return library.ErrNotFound
	}
	return err
}
