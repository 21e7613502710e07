package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// The pragmas of each connection. busy_timeout comes first because the others may have to wait.
// FULL makes each commit durable. What is temporary stays in memory.
const pragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
	"&_pragma=foreign_keys(1)&_pragma=temp_store(MEMORY)&_txlock=immediate"

// The writer's connection moves the log into the database itself if the log has grown to 16,000
// pages because the checkpointer did not keep up. It overwrites what it deletes, so that a deleted
// seal does not remain on disk; see [eraser]. Each connection caches 2 MB of pages, as is SQLite's
// default: with more for the writers a fetch of 10,000 files took 12 MiB more memory, and pushes were no faster.
const (
	writerPragmas = pragmas + "&_pragma=wal_autocheckpoint(16000)&_pragma=journal_size_limit(67108864)" +
		"&_pragma=secure_delete(ON)"
	readerPragmas = pragmas + "&_pragma=query_only(1)"
)

// openSQLite opens a file with two pools: one that writes, whose two connections the writer and
// the checkpointer keep, and one that reads.
func openSQLite(ctx context.Context, path string, mode openMode) (_ *DB, err error) {
	path, err = fileOf(path, mode)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	// Another process that has the database open, or was killed, has left a log.
	log, err := os.Stat(path + "-wal")
	noLog := err != nil || log.Size() == 0
	writePool, err := openPool(path, writerPragmas, 1)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	defer func() {
		if err != nil {
			_ = writePool.Close()
		}
	}()
	if err := connect(ctx, writePool); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	if err := mode.prepare(ctx, writePool, sqliteDialect); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	clean, err := markInUse(ctx, writePool)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	writePool.SetMaxOpenConns(2)

	readers := max(4, 2*runtime.GOMAXPROCS(0))
	readPool, err := openPool(path, readerPragmas, readers)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	defer func() {
		if err != nil {
			_ = readPool.Close()
		}
	}()
	// A connection that were made later would not be to this file if somebody has replaced it.
	if err := readPool.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	w, err := newGroupWriter(ctx, writePool, path, clean && noLog)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	reads := newStatementCache(readPool) // the pool closes its statements
	return &DB{reader: query.New(reads), readPool: readPool, statements: readPool, writer: w, pushes: w,
		dialect: sqliteDialect, limits: library.DefaultLimits}, nil
}

// connect makes the first connection. SQLite refuses it at once, whatever busy_timeout says, while
// another process turns the log of a new file on.
func connect(ctx context.Context, pool *sql.DB) error {
	const timeout, pause = 5 * time.Second, 20 * time.Millisecond
	for deadline := time.Now().Add(timeout); ; {
		err := pool.PingContext(ctx)
		if err == nil || !errors.Is(libraryError(err), library.ErrBusy) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// markInUse reports whether the database was clean, and marks it as in use.
func markInUse(ctx context.Context, pool *sql.DB) (clean bool, err error) {
	var version int
	if err := pool.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return false, fmt.Errorf("read version: %w", err)
	}
	if version != cleanVersion {
		return false, nil
	}
	if _, err := pool.ExecContext(ctx, "PRAGMA user_version = 0"); err != nil {
		return false, fmt.Errorf("mark as in use: %w", err)
	}
	return true, nil
}

// inspectSQLite reads the state of a file on one connection.
func inspectSQLite(ctx context.Context, path string, among []library.ID) (s State, err error) {
	absolute, err := resolve(path)
	if err != nil {
		return State{}, fmt.Errorf("inspect %s: %w", path, err)
	}
	if info, err := os.Stat(absolute); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return State{}, nil
	}
	if err := checkLog(absolute); err != nil {
		return State{}, fmt.Errorf("inspect database: %w", err)
	}
	pool, err := openPool(absolute, "_pragma=busy_timeout(5000)&_pragma=query_only(1)", 1)
	if err == nil {
		s, err = readState(ctx, pool, sqliteDialect, among)
		err = errors.Join(err, pool.Close())
	}
	if err != nil {
		return State{}, fmt.Errorf("inspect %s: %w", absolute, explain(err))
	}
	return s, nil
}

// fileOf returns the resolved path of the database's file. If there is none, it makes one that only
// its owner can read, or returns [ErrNoDatabase] if nothing may be made.
func fileOf(path string, mode openMode) (string, error) {
	if mode.create {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return path, err
		}
	}
	absolute, err := resolve(path)
	if err != nil {
		return path, err
	}
	// A file that is there is not opened: to close it would end the locks of SQLite in this process.
	err = checkWritable(absolute)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return absolute, errors.Join(err, checkLog(absolute))
	}
	if !mode.create {
		return absolute, ErrNoDatabase
	}
	f, err := os.OpenFile(absolute, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return absolute, err
	}
	return absolute, f.Close()
}

func openPool(path, pragmas string, connections int) (*sql.DB, error) {
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: pragmas}
	pool, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}
