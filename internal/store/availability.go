package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/carrelhq/carrel/internal/library"
)

// withAvailability returns an error that also matches what it says of the database's availability, if it says
// something.
func withAvailability(err error) error {
	if meaning := availabilityOf(err); meaning != nil {
		return library.WithMeaning(err, meaning)
	}
	return err
}

// availabilityOf returns [library.ErrStorageFull] or [library.ErrUnavailable], or nil for an error that says nothing of
// the database's availability.
func availabilityOf(err error) error {
	var lite *sqlite.Error
	var pg *pgconn.PgError
	var unreachable *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.Is(err, library.ErrOutcomeUnknown):
		return library.ErrUnavailable
	case errors.As(err, &lite):
		return availabilityOfSQLite(lite.Code())
	case errors.As(err, &pg):
		return availabilityOfPostgres(pg.Code)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return library.ErrStorageFull
	case errors.Is(err, context.Canceled):
		return nil // the client has left
	case errors.As(err, &unreachable), errors.As(err, &network), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, errMoved), pgconn.SafeToRetry(err):
		return library.ErrUnavailable
	}
	return nil
}

// availabilityOfSQLite does not count a damaged database, which does not become better by waiting.
func availabilityOfSQLite(code int) error {
	const primary = 0xff // the other bits say more
	switch {
	case code == sqlite3.SQLITE_IOERR_SHMSIZE, code&primary == sqlite3.SQLITE_FULL:
		return library.ErrStorageFull
	case code&primary == sqlite3.SQLITE_READONLY, code&primary == sqlite3.SQLITE_CANTOPEN,
		code&primary == sqlite3.SQLITE_IOERR, code&primary == sqlite3.SQLITE_PROTOCOL:
		return library.ErrUnavailable
	}
	return nil
}

// availabilityOfPostgres goes by the class of the code, and by the code where the class has others too.
func availabilityOfPostgres(code string) error {
	switch {
	case code == "53100": // disk_full
		return library.ErrStorageFull
	case strings.HasPrefix(code, "08"), // connection exception
		strings.HasPrefix(code, "53"),    // insufficient resources
		strings.HasPrefix(code, "57P"),   // shut down, started, or the database dropped
		strings.HasPrefix(code, "58"),    // system error
		code == "25006", code == "28000", // read-only, not let in
		code == "28P01", code == "3D000", // wrong password, no such database
		code == "40P01", code == "40001": // deadlock or serialization, ten times
		return library.ErrUnavailable
	}
	return nil
}
