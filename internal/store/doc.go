// Package store keeps everything but large contents: on SQLite for one machine, on
// PostgreSQL for many. [Open] gives a [DB], which implements every interface of
// package library that has to do with metadata.
//
// Both databases run the same queries (queries/, from which sqlc generates
// internal/query: run `make generate` after a change) on the same tables
// (migrations/, which Open brings up to date). They are written in PostgreSQL's
// words and keep to what SQLite understands: $1 for arguments, TEXT, BIGINT,
// BOOLEAN and BYTEA, JSON as text, times as Unix milliseconds with 0 for "never",
// ids from Go.
//
// The package knows no rules. Where something must not be, it reports one of the
// errors of package library; every other error says what was being done.
package store
