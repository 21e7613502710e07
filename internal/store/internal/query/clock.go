package query

import "context"

// The queries of this file are for PostgreSQL alone, whose servers go by its clock. All times are in milliseconds.

// Clock is the time of the database, as an expression.
const Clock = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"

// GetClock returns the time of the database's clock.
func (q *Queries) GetClock(ctx context.Context) (now Number, err error) {
	err = q.db.QueryRowContext(ctx, "SELECT "+Clock).Scan(&now)
	return now, err
}

// UseNonceFor is UseNonce for a nonce that is kept for a time from now.
func (q *Queries) UseNonceFor(ctx context.Context, hash []byte, keepFor int64, call []byte) (int64, error) {
	result, err := q.db.ExecContext(ctx,
		"INSERT INTO nonces (hash, forget_at) VALUES ($1, "+Clock+" + $2) ON CONFLICT (hash) DO UPDATE "+
			"SET retry_until = 0 WHERE nonces.retry_until > "+Clock+" AND nonces.retry_call = $3", hash, keepFor, call)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// AllowRetryFor is AllowRetry until so long from now.
func (q *Queries) AllowRetryFor(ctx context.Context, hash, call []byte, within int64) error {
	_, err := q.db.ExecContext(ctx,
		"UPDATE nonces SET retry_call = $2, retry_until = "+Clock+" + $3 WHERE hash = $1", hash, call, within)
	return err
}
