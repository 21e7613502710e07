// Package query has the queries of package store, which sqlc generates from the folder queries, and the types of
// columns that it needs for them.
package query

import "database/sql/driver"

// Number is a number of a row. SQLite stores any value in any column, so somebody else may have put a text there. That
// keeps nobody from reading the rest of the row, nor from changing it.
type Number int64

// Unreadable stands for a value that is no number. As a time it is long ago, so that what has such a time has expired
// or ended.
const Unreadable Number = 1

// Scan implements [database/sql.Scanner].
func (n *Number) Scan(value any) error {
	switch v := value.(type) {
	case int64:
		*n = Number(v)
	case int32: // PostgreSQL
		*n = Number(v)
	default:
		*n = Unreadable
	}
	return nil
}

// Value implements [driver.Valuer].
func (n Number) Value() (driver.Value, error) { return int64(n), nil }

// Flag is a boolean of a row; false if it is something else.
type Flag bool

// Scan implements [database/sql.Scanner]. SQLite has numbers for booleans.
func (f *Flag) Scan(value any) error {
	switch v := value.(type) {
	case bool:
		*f = Flag(v)
	case int64:
		*f = v != 0
	default:
		*f = false
	}
	return nil
}

// Value implements [driver.Valuer].
func (f Flag) Value() (driver.Value, error) { return bool(f), nil }
