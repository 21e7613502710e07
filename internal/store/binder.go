package store

import (
	"errors"

	"github.com/carrelhq/carrel/internal/library"
)

// A Binder makes and verifies the MACs of rows that only a transaction knows, under the master
// keyring. [library.Integrity] is one.
type Binder interface {
	// BindChainEnd returns the MAC of the end of a library's chain of events.
	BindChainEnd(end library.ChainEnd) []byte
	// IsChainEndBound reports whether the MAC of an end is that of BindChainEnd.
	IsChainEndBound(end library.ChainEnd) bool
	// BindGrant returns the binding of a grant.
	BindGrant(g library.Grant) []byte
	// BindRow returns the binding of a storage, or of a file of one.
	BindRow(kind library.BoundKind, parts ...[]byte) []byte
	// IsRowBound reports whether a binding is that of BindRow.
	IsRowBound(binding []byte, kind library.BoundKind, parts ...[]byte) bool
}

// ErrNoBinder says that a store adds no events, grants and storages, because it has no [Binder].
var ErrNoBinder = errors.New("the store has no master keyring to authenticate what it adds")

// SetBinder gives the store what it authenticates events, grants and storages with. The first start makes the
// keyring after the database, so that is not an argument of [Open]. Call it before the store is used.
func (db *DB) SetBinder(b Binder) {
	db.binder = b
	db.pushes.setBinder(b)
}
