package store

import (
	"context"
	"math"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddAuditEntry implements [library.AuditStore].
func (db *DB) AddAuditEntry(ctx context.Context, e library.AuditEntry) error {
	return db.add(ctx, "add audit entry", func(ctx context.Context, q *query.Queries) error {
		return q.AddAuditEntry(ctx, query.AddAuditEntryParams{
			ID:       e.ID,
			At:       toMillis(e.At),
			Operator: validText(e.Operator),
			Command:  validText(e.Command),
			Details:  validText(e.Details),
			Outcome:  validText(e.Outcome),
		})
	})
}

// EndAuditEntry implements [library.AuditStore].
func (db *DB) EndAuditEntry(ctx context.Context, id, details, outcome string) error {
	return db.add(ctx, "end audit entry", func(ctx context.Context, q *query.Queries) error {
		return affected(q.EndAuditEntry(ctx, validText(details), validText(outcome), id))
	})
}

// ListAuditEntries implements [library.AuditStore].
func (db *DB) ListAuditEntries(ctx context.Context, limit int) ([]library.AuditEntry, error) {
	rows, err := db.reader.ListAuditEntries(ctx, int32(min(limit, math.MaxInt32)))
	if err != nil {
		return nil, wrap("list audit entries", err)
	}
	return convert(rows, func(row query.AuditEntry) library.AuditEntry {
		return library.AuditEntry{ID: row.ID, At: fromMillis(row.At), Operator: row.Operator, Command: row.Command,
			Details: row.Details, Outcome: row.Outcome}
	}), nil
}
