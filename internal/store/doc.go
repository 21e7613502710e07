// Package store stores everything but large contents: in SQLite for one machine, in PostgreSQL
// for many. [Open] returns a [DB], which implements every interface of packages library and
// delivery that stores something.
//
// Both databases run the same queries (queries/, from which sqlc generates internal/query: run
// `make generate` after a change) on the same tables (migrations/, which Open brings up to
// date). They are written for PostgreSQL and keep to what SQLite understands: $1 for arguments,
// TEXT, BIGINT, BOOLEAN and BYTEA, JSON as text, times as Unix milliseconds with 0 for "never",
// ids from Go. SQLite stores any value in any column, so numbers and booleans are scanned into
// types that take every value: who writes to the database must not make rows unreadable. The
// tables keep older words, because bytes at rest do not change: links has authorization requests,
// trips authorizations at providers, codes authorization codes, account_references handles of
// accounts, and provider_accounts connections.
//
// The package decides nothing. If something may not be, it returns one of the errors of package
// library; every other error says what was being done.
package store
