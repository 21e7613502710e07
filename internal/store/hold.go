package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Hold keeps those from a database who must not use it at the same time. It ends with its process,
// however that ends.
//
// An SQLite database has one server. Several servers may share a PostgreSQL database. A command that
// changes to which installation a database belongs, or what its keyring has sealed, uses it alone.
type Hold struct {
	file    *os.File // of SQLite
	address string   // of PostgreSQL

	mu   sync.Mutex
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
		h = &Hold{}
		h.conn, err = lockPostgres(ctx, url, "SELECT pg_try_advisory_lock($1, hashtext(current_schema()))")
	} else {
		h, err = holdFile(url, false)
	}
	if errors.Is(err, ErrHeld) {
		return nil, fmt.Errorf("%w: a server runs on it. Stop every server of this installation first. Nothing was "+
			"changed", ErrHeld)
	}
	return h, err
}

// Check makes the hold of a server good again if PostgreSQL has ended its connection.
func (h *Hold) Check(ctx context.Context) (err error) {
	if h.address == "" {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn != nil {
		if h.conn.Ping(ctx) == nil {
			return nil
		}
		_ = h.conn.Close(ctx)
	}
	h.conn, err = lockPostgres(ctx, h.address, "SELECT pg_try_advisory_lock_shared($1, hashtext(current_schema()))")
	if errors.Is(err, ErrHeld) {
		return fmt.Errorf("%w: a command that changes the installation or its keys uses it alone. Start again when it "+
			"has ended", ErrHeld)
	}
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
		return h.conn.Close(context.Background())
	}
	return nil
}

// holdFile locks the file beside an SQLite database. It makes the folder if makeFolder is set.
func holdFile(url string, makeFolder bool) (*Hold, error) {
	path, err := pathOf(url)
	if err != nil {
		return nil, err
	}
	if makeFolder {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(path+holdSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	}
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
	return &Hold{file: f}, nil
}

// holdClass is the first number of the advisory lock of Carrel; the second is that of the schema.
const holdClass = 0x43415252

// lockPostgres takes an advisory lock with a query, on a connection that it returns.
func lockPostgres(ctx context.Context, address, query string) (*pgx.Conn, error) {
	config, err := pgxpool.ParseConfig(address) // pgx.ParseConfig does not know the parameters of pools
	if err != nil {
		return nil, fmt.Errorf("mark the database as in use: %w", err)
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("mark the database as in use: %w", err)
	}
	var locked bool
	err = conn.QueryRow(ctx, query, holdClass).Scan(&locked)
	if err == nil && !locked {
		err = ErrHeld
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mark the database as in use: %w", err), conn.Close(ctx))
	}
	return conn, nil
}
