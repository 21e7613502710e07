package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A RunningServer is one of the servers that share a PostgreSQL database, as its row says.
type RunningServer struct {
	ID        string
	StartedAt int64 // milliseconds, by the clock of the database
	// Beat is the number that the server has last written into its file in the folder of large contents.
	Beat int64
}

// ServerTimeout is how long a server counts as running after it has last renewed its row.
const ServerTimeout = time.Minute

// serverRowAge is how long the row of a server that was killed is kept.
const serverRowAge = 24 * time.Hour

// All times of servers are those of the database, in milliseconds: clocks of servers differ.
const serverNow = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"

// Shared reports whether servers can share the database. On SQLite the functions of their rows do nothing.
func (db *DB) Shared() bool { return db.dialect.goose == postgresDialect.goose }

// RenewServer says that a server runs, and has written beat into its file.
func (db *DB) RenewServer(ctx context.Context, id string, beat int64) error {
	if !db.Shared() {
		return nil
	}
	_, err := db.statements.ExecContext(ctx, "INSERT INTO servers (id, started_at, renewed_at, beat) "+
		"VALUES ($1, "+serverNow+", "+serverNow+", $2) "+
		"ON CONFLICT (id) DO UPDATE SET renewed_at = excluded.renewed_at, beat = excluded.beat", id, beat)
	if err == nil {
		_, err = db.statements.ExecContext(ctx, "DELETE FROM servers WHERE abs(renewed_at - "+serverNow+") > $1",
			serverRowAge.Milliseconds())
	}
	return wrap("renew server", err)
}

// RemoveServer says that a server has stopped.
func (db *DB) RemoveServer(ctx context.Context, id string) error {
	if !db.Shared() {
		return nil
	}
	_, err := db.statements.ExecContext(ctx, "DELETE FROM servers WHERE id = $1", id)
	return wrap("remove server", err)
}

// ListServers lists the servers that run, and those that were killed in the last [ServerTimeout].
func (db *DB) ListServers(ctx context.Context) (list []RunningServer, err error) {
	if !db.Shared() {
		return nil, nil
	}
	rows, err := db.statements.QueryContext(ctx, "SELECT id, started_at, beat FROM servers "+
		"WHERE abs(renewed_at - "+serverNow+") < $1 ORDER BY started_at, id", ServerTimeout.Milliseconds())
	if err != nil {
		return nil, wrap("list servers", err)
	}
	defer func() { err = wrap("list servers", errors.Join(err, rows.Close(), rows.Err())) }()
	for rows.Next() {
		var s RunningServer
		if err := rows.Scan(&s.ID, &s.StartedAt, &s.Beat); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// checkNoServer returns an error that matches [ErrHeld] if a server has renewed its row of late: one whose connection
// PostgreSQL has just ended holds no lock. In the first minute of PostgreSQL's own process each row counts, because no
// server could renew it before.
func checkNoServer(ctx context.Context, conn *pgx.Conn) error {
	const undefinedTable = "42P01" // before the migration that makes it
	var seconds sql.NullInt64
	err := conn.QueryRow(ctx, "SELECT MIN(GREATEST(0, LEAST("+serverNow+" - renewed_at, "+
		"(EXTRACT(EPOCH FROM clock_timestamp() - pg_postmaster_start_time()) * 1000)::BIGINT))) / 1000 FROM servers "+
		"WHERE abs(renewed_at - "+serverNow+") < $1", serverRowAge.Milliseconds()).Scan(&seconds)
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == undefinedTable {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for servers: %w", err)
	}
	wait := int64(ServerTimeout/time.Second) - seconds.Int64
	if !seconds.Valid || wait <= 0 {
		return nil
	}
	return fmt.Errorf("%w: a server has used it in the last minute, and has not said that it has stopped. Stop every "+
		"server of this installation first. If one was killed, run the command again in %d seconds. Nothing was "+
		"changed", ErrHeld, wait)
}
