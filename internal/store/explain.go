package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// An explainedError says in a sentence what an operator can do about an error of the disk, or of PostgreSQL.
type explainedError struct {
	sentence string
	err      error
}

func (e *explainedError) Error() string { return e.sentence }
func (e *explainedError) Unwrap() error { return e.err }

const (
	notWritable = "the database cannot be written: check that its file and its folder belong to the user of the " +
		"server and of this command, and that the disk is not mounted for reading only"
	notReadable = "the database cannot be read: run this command as the user of the server, to whom its file and its " +
		"folder belong"
	diskFull = "the disk is full: free some space on it. What was not answered was not stored"
)

// explain returns an error of a disk, of SQLite about one, or of PostgreSQL about who may use it, as a sentence, and
// each other error as it is.
func explain(err error) error {
	var lite *sqlite.Error
	var refused *pgconn.PgError
	var unreachable *pgconn.ConnectError
	var explained *explainedError
	sentence := ""
	switch {
	case err == nil || errors.As(err, &explained):
	case errors.As(err, &lite):
		sentence = sentenceOf(lite.Code())
	case errors.As(err, &refused):
		sentence = sentenceOfPostgres(refused)
	case errors.As(err, &unreachable):
		sentence = fmt.Sprintf("PostgreSQL cannot be reached at %s: check that it runs and listens there, and "+
			"--database (CARREL_DATABASE) (%s)", addressOf(unreachable), lastLine(unreachable))
	case errors.Is(err, syscall.ENOSPC):
		sentence = diskFull
	case errors.Is(err, syscall.EROFS):
		sentence = notWritable
	case errors.Is(err, fs.ErrPermission):
		sentence = notReadable + " (" + err.Error() + ")"
	}
	if sentence == "" {
		return err
	}
	return &explainedError{sentence, err}
}

// addressOf returns the hosts to which a connection could not be made.
func addressOf(err *pgconn.ConnectError) string {
	hosts := []string{net.JoinHostPort(err.Config.Host, strconv.Itoa(int(err.Config.Port)))}
	for _, f := range err.Config.Fallbacks { // also the same host without TLS
		host := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port)))
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ", ")
}

// lastLine returns the last of the causes of an error, each of which has a line.
func lastLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// sentenceOfPostgres returns the sentence for an error that PostgreSQL returns; empty if there is none. See
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func sentenceOfPostgres(err *pgconn.PgError) string {
	advice := ""
	switch err.Code {
	case "3D000": // invalid_catalog_name
		advice = "PostgreSQL has no such database: make it, or check --database (CARREL_DATABASE)"
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		advice = "PostgreSQL does not let the user in: check user and password in --database (CARREL_DATABASE), and " +
			"pg_hba.conf of PostgreSQL"
	case "42501": // insufficient_privilege
		advice = "the user of --database (CARREL_DATABASE) may not do this in PostgreSQL: make that user the owner " +
			"of the database and of its tables"
	case "53300": // too_many_connections
		advice = "PostgreSQL has no connection left: raise its max_connections, or lower pool_max_conns in " +
			"--database (CARREL_DATABASE)"
	case "53100": // disk_full
		advice = "the disk of PostgreSQL is full: free some space on it. What was not answered was not stored"
	case "57P01", "57P02", "57P03": // admin_shutdown, crash_shutdown, cannot_connect_now
		advice = "PostgreSQL starts or stops just now: try again when it runs"
	case "25006": // read_only_sql_transaction
		advice = "PostgreSQL lets nothing be written: give the address of the primary server with --database " +
			"(CARREL_DATABASE)"
	default:
		return ""
	}
	return advice + " (" + err.Message + ")"
}

// checkLog returns an error if the log that is left beside a database cannot be written. SQLite would wait for it.
func checkLog(path string) error {
	for _, suffix := range logSuffixes {
		if _, err := os.Stat(path + suffix); err != nil {
			continue // there is none, or what is said of the folder says enough
		}
		if err := checkWritable(path + suffix); err != nil {
			return &explainedError{fmt.Sprintf("the file %s, of the log of the database, cannot be written: run this "+
				"command as the user of the server, see that the file belongs to that user and has mode 0600, and "+
				"that the disk is not mounted for reading only", path+suffix), err}
		}
	}
	return nil
}

// errIsFolder reports a folder in place of the file of a database.
var errIsFolder = errors.New("the path of the database is a folder: give the file with --database (CARREL_DATABASE), " +
	"or the data folder with --data (CARREL_DATA)")

// sentenceOf returns the sentence for a result code of SQLite; empty if there is none.
func sentenceOf(code int) string {
	switch code {
	case sqlite3.SQLITE_READONLY_DBMOVED:
		return "the file of the database was moved or removed while it was in use: put it back and start again"
	case sqlite3.SQLITE_CANTOPEN_ISDIR:
		return errIsFolder.Error()
	case sqlite3.SQLITE_IOERR_SHMSIZE: // SQLite says this in place of SQLITE_FULL
		return diskFull
	}
	const primary = 0xff // the other bits say more
	switch code & primary {
	case sqlite3.SQLITE_READONLY:
		return notWritable
	case sqlite3.SQLITE_FULL:
		return diskFull
	case sqlite3.SQLITE_CANTOPEN:
		return "the file of the database cannot be opened: check that its folder exists, and that the user of the " +
			"server and of this command may read, write and make files in it"
	case sqlite3.SQLITE_IOERR:
		return "the disk of the database cannot be read or written: check the disk and the log of the system"
	case sqlite3.SQLITE_CORRUPT:
		return "the database is damaged: stop the server and restore a backup"
	case sqlite3.SQLITE_NOTADB:
		return "the file is no SQLite database: check --database (CARREL_DATABASE)"
	}
	return ""
}
