// Package store stores everything but large contents: in SQLite for one machine, in PostgreSQL
// for many. [Open] returns a [DB], which implements every interface of packages library and
// delivery that stores something.
//
// Both databases run the same queries (queries/, from which sqlc generates internal/query: run
// `make generate` after a change) on the same tables (migrations/, which Open brings up to
// date). They are written for PostgreSQL and keep to what SQLite understands: $1 for arguments,
// TEXT, BIGINT, BOOLEAN and BYTEA, JSON as text, times as Unix milliseconds with 0 for "never",
// ids from Go. In the tables an authorization request is a link, an authorization at a provider
// a trip, and a connection a provider account.
//
// The package decides nothing. If something may not be, it returns one of the errors of package
// library; every other error says what was being done.
package store
