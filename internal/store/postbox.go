package store

import (
	"context"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// AddPostbox implements [library.PostboxStore].
func (db *DB) AddPostbox(ctx context.Context, p library.Postbox) (library.Postbox, error) {
	var row query.Postbox
	err := db.add(ctx, "add postbox", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, p.Library); err != nil {
			return err
		}
		_, err := q.AddPostbox(ctx, query.AddPostboxParams{
			ID: p.ID, LibraryID: p.Library, ApplicationID: p.Application, ContractID: p.Contract, Box: p.Box,
			CreatedAt: toMillis(p.CreatedAt),
		})
		if err != nil {
			return err
		}
		row, err = q.FindPostbox(ctx, p.Library, p.Contract)
		return err
	})
	return toPostbox(row), err
}

// FindPostbox implements [library.PostboxStore].
func (db *DB) FindPostbox(
	ctx context.Context, id library.ID, contract wire.ContractID,
) (library.Postbox, error) {
	row, err := db.reader.FindPostbox(ctx, id, contract)
	return toPostbox(row), wrap("find postbox", err)
}

// GetPostbox implements [library.PostboxStore].
func (db *DB) GetPostbox(ctx context.Context, id library.PostboxID) (library.Postbox, error) {
	row, err := db.reader.GetPostbox(ctx, id)
	return toPostbox(row), wrap("get postbox", err)
}

func toPostbox(row query.Postbox) library.Postbox {
	return library.Postbox{
		ID: row.ID, Library: row.LibraryID, Application: row.ApplicationID, Contract: row.ContractID, Box: row.Box,
		CreatedAt: fromMillis(row.CreatedAt),
	}
}
