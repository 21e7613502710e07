package query

import "context"

// The queries of this file are for PostgreSQL alone, whose servers go by its clock. All times are in milliseconds.

const clock = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"

// GetClock returns the time of the database's clock.
func (q *Queries) GetClock(ctx context.Context) (now Number, err error) {
	err = q.db.QueryRowContext(ctx, "SELECT "+clock).Scan(&now)
	return now, err
}

// UseNonceFor is UseNonce for a nonce that is kept for a time from now.
func (q *Queries) UseNonceFor(ctx context.Context, hash []byte, keepFor int64) (int64, error) {
	result, err := q.db.ExecContext(ctx,
		"INSERT INTO nonces (hash, forget_at) VALUES ($1, "+clock+" + $2) ON CONFLICT DO NOTHING", hash, keepFor)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
