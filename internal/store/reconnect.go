package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// When PostgreSQL is restarted, it ends all connections, and the pool notices none of it. So what was certainly not
// done is done again on another connection, and the pool tries each older connection before it gives it to anybody.

const (
	// maxConnectionsLost is on how many connections a transaction or a query is tried. The second is new, or the pool
	// has just tried it.
	maxConnectionsLost = 3
	// maxIdleUntried is how long a connection may have been idle that the pool gives out without trying it.
	maxIdleUntried = time.Second
	// pingTimeout and connectTimeout bound how long a machine is waited for that does not answer at all.
	pingTimeout    = 5 * time.Second
	connectTimeout = 5 * time.Second
)

// lostConnections knows when a connection to PostgreSQL was last found to have ended. Others have probably ended too.
type lostConnections struct {
	at atomic.Int64 // in nanoseconds; zero for never
}

// note reports whether a transaction or a query has failed with its connection and has certainly changed nothing, so
// that it can be tried on another one.
func (l *lostConnections) note(err error) bool {
	if !isConnectionLost(err) {
		return false
	}
	l.at.Store(time.Now().UnixNano())
	return true
}

// configure makes a pool try connections that may have ended.
func (l *lostConnections) configure(c *pgxpool.Config) {
	c.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		lastUse := time.Now().Add(-p.IdleDuration)
		return p.IdleDuration > maxIdleUntried || lastUse.UnixNano() <= l.at.Load()
	}
	if c.PingTimeout == 0 {
		c.PingTimeout = pingTimeout
	}
	if c.ConnConfig.ConnectTimeout == 0 { // the URL has no connect_timeout
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
}

// isConnectionLost reports whether an error says that a connection has ended, before a commit was sent on it. One that
// could not be made has not been lost: PostgreSQL is away.
func isConnectionLost(err error) bool {
	var unreachable *pgconn.ConnectError
	var refused *pgconn.PgError
	var network *net.OpError
	switch {
	case err == nil, errors.Is(err, library.ErrOutcomeUnknown), errors.As(err, &unreachable),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &refused):
		return isFatal(refused)
	}
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) || pgconn.SafeToRetry(err)
}

// isFatal reports whether PostgreSQL has ended the connection after an error.
func isFatal(err *pgconn.PgError) bool {
	severity := err.SeverityUnlocalized
	if severity == "" { // before PostgreSQL 9.6
		severity = err.Severity
	}
	return severity == "FATAL" || severity == "PANIC"
}

// commitError returns the error of a commit, with [library.ErrOutcomeUnknown] if it may have been sent and was not
// answered. SafeToRetry does not help with a connection that has ended while pgx waited for the answer: pgx then
// returns the same error as for one that had been closed before.
func commitError(err error) error {
	var refused *pgconn.PgError
	notSent := pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed)
	switch {
	case notSent, errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, sql.ErrTxDone),
		errors.As(err, &refused) && !isFatal(refused):
		return err
	}
	return library.WithMeaning(err, library.ErrOutcomeUnknown)
}

// A reconnectingPool runs statements that may run twice, above all queries, outside of transactions. It runs one again
// whose connection was lost.
type reconnectingPool struct {
	*sql.DB
	lost *lostConnections
}

var _ query.DBTX = (*reconnectingPool)(nil)

// QueryContext implements [query.DBTX].
func (p *reconnectingPool) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	for n := 1; ; n++ {
		rows, err := p.DB.QueryContext(ctx, text, args...)
		if n == maxConnectionsLost || !p.lost.note(err) {
			return rows, err
		}
	}
}

// QueryRowContext implements [query.DBTX].
func (p *reconnectingPool) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	for n := 1; ; n++ {
		row := p.DB.QueryRowContext(ctx, text, args...)
		if n == maxConnectionsLost || !p.lost.note(row.Err()) {
			return row
		}
	}
}

// ExecContext implements [query.DBTX].
func (p *reconnectingPool) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	for n := 1; ; n++ {
		result, err := p.DB.ExecContext(ctx, text, args...)
		if n == maxConnectionsLost || !p.lost.note(err) {
			return result, err
		}
	}
}
