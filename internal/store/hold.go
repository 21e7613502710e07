package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Hold keeps those from a database who must not use it at the same time. It ends with its process,
// however that ends.
//
// An SQLite database has one server. Several servers may share a PostgreSQL database. A command that
// changes to which installation a database belongs, or what its keyring has sealed, uses it alone.
type Hold struct {
	path    string // of the SQLite database
	address string // of PostgreSQL

	mu   sync.Mutex
	file *os.File
	conn *pgx.Conn
}

// ErrHeld reports that another process uses a database.
var ErrHeld = errors.New("the database is in use")

// holdSuffix is added to the path of an SQLite database for the file that its user locks. It has no
// content, and stays. The database's own file cannot be it: to close it would end the locks of SQLite.
const holdSuffix = ".lock"

// HoldForServer keeps commands that use the database alone, and on SQLite other servers, from the
// database at url. It returns an error that matches [ErrHeld] if one of them uses it.
func HoldForServer(ctx context.Context, url string) (*Hold, error) {
	if isPostgres(url) {
		h := &Hold{address: url}
		return h, h.Check(ctx)
	}
	h, err := holdFile(url, true)
	if errors.Is(err, ErrHeld) {
		return nil, fmt.Errorf("%w: another server uses the SQLite database %s, or a command that needs it alone. "+
			"Stop the other one first. Several servers can share a PostgreSQL database", ErrHeld, url)
	}
	return h, err
}

// HoldAlone keeps all servers from the database at url. It returns an error that matches [ErrHeld] if
// one uses it.
func HoldAlone(ctx context.Context, url string) (h *Hold, err error) {
	if isPostgres(url) {
		return holdPostgresAlone(ctx, url)
	}
	h, err = holdFile(url, false)
	if errors.Is(err, ErrHeld) {
		return nil, errServerRuns
	}
	return h, err
}

var errServerRuns = fmt.Errorf("%w: a server runs on it. Stop every server of this installation first. Nothing was "+
	"changed", ErrHeld)

func holdPostgresAlone(ctx context.Context, url string) (*Hold, error) {
	conn, err := lockPostgres(ctx, url, "SELECT pg_try_advisory_lock($1, hashtext(current_schema()))")
	if errors.Is(err, ErrHeld) {
		return nil, errServerRuns
	}
	if err != nil {
		return nil, err
	}
	if err := checkNoServer(ctx, conn); err != nil {
		return nil, errors.Join(err, unlockPostgres(ctx, conn))
	}
	return &Hold{conn: conn}, nil
}

// checkTimeout bounds how long [Hold.Check] waits for PostgreSQL.
const checkTimeout = 5 * time.Second

// Check makes the hold of a server good again if PostgreSQL has ended its connection, or if the file beside an SQLite
// database was removed. The error matches [ErrHeld] if somebody else has it now.
func (h *Hold) Check(ctx context.Context) (err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.address == "" {
		return h.checkFile()
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if h.conn != nil {
		if h.conn.Ping(ctx) == nil {
			return nil
		}
		_ = h.conn.Close(ctx)
		h.conn = nil
	}
	h.conn, err = lockPostgres(ctx, h.address, "SELECT pg_try_advisory_lock_shared($1, hashtext(current_schema()))")
	if errors.Is(err, ErrHeld) {
		return fmt.Errorf("%w: a command that changes the installation or its keys uses it alone. Start again when it "+
			"has ended", ErrHeld)
	}
	return err
}

// checkFile locks the file beside the database anew if it is not the one that is locked.
func (h *Hold) checkFile() error {
	own, err := h.file.Stat()
	if err != nil {
		return fmt.Errorf("mark the database as in use: %w", err)
	}
	if there, err := os.Stat(h.path + holdSuffix); err == nil && os.SameFile(own, there) {
		return nil
	}
	again, err := openHoldFile(h.path)
	if err != nil {
		return err
	}
	err = h.file.Close()
	h.file = again
	return err
}

// Release ends the hold. A nil Hold holds nothing.
func (h *Hold) Release() error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file != nil {
		return h.file.Close()
	}
	if h.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
		defer cancel()
		return unlockPostgres(ctx, h.conn)
	}
	return nil
}

// unlockPostgres ends a lock and its connection. PostgreSQL would end the lock with the connection, but only after
// Close has returned, and whoever comes next would still find it.
func unlockPostgres(ctx context.Context, conn *pgx.Conn) error {
	_, _ = conn.Exec(ctx, "SELECT pg_advisory_unlock_all()") // without a connection there is no lock
	return conn.Close(ctx)
}

// holdFile locks the file beside an SQLite database. It makes the folder if makeFolder is set.
func holdFile(url string, makeFolder bool) (*Hold, error) {
	path, err := pathOf(url)
	if err == nil && makeFolder {
		err = explain(os.MkdirAll(filepath.Dir(path), 0o700))
	}
	if err == nil {
		path, err = resolve(path)
	}
	if err == nil {
		err = checkOneName(path)
	}
	if err != nil {
		return nil, fmt.Errorf("mark the database as in use: %w", err)
	}
	f, err := openHoldFile(path)
	if err != nil {
		return nil, err
	}
	return &Hold{path: path, file: f}, nil
}

// openHoldFile opens and locks the file beside the database at path.
func openHoldFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+holdSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		err = &explainedError{notWritable, err}
	}
	if err != nil {
		return nil, fmt.Errorf("mark the database as in use: %w", explain(err))
	}
	err = lockFile(f)
	if errors.Is(err, errors.ErrUnsupported) {
		err = nil // a file system without locks: nothing is known
	}
	if err == nil {
		err = copyOwner(path, f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mark the database as in use: %w", err), f.Close())
	}
	return f, nil
}

// holdClass is the first number of the advisory lock of Carrel; the second is that of the schema.
const holdClass = 0x43415252

// lockPostgres takes an advisory lock with a query, on a connection that it returns.
func lockPostgres(ctx context.Context, address, query string) (*pgx.Conn, error) {
	config, err := pgxpool.ParseConfig(address) // pgx.ParseConfig does not know the parameters of pools
	if err != nil {
		return nil, fmt.Errorf("mark the database as in use: %w", explain(err))
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("mark the database as in use: %w", explain(err))
	}
	var locked bool
	err = conn.QueryRow(ctx, query, holdClass).Scan(&locked)
	if err == nil && !locked {
		err = ErrHeld
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mark the database as in use: %w", explain(err)), conn.Close(ctx))
	}
	return conn, nil
}
