package store

import (
	"context"
	"fmt"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// GetAdoption implements [library.AdoptionStore].
func (db *DB) GetAdoption(ctx context.Context) (library.Adoption, error) {
	row, err := db.reader.GetAdoption(ctx)
	if err != nil {
		return library.Adoption{}, wrap("get adoption", err)
	}
	return library.Adoption{At: fromMillis(row.AdoptedAt), MAC: row.Mac}, nil
}

// AddAdoption implements [library.AdoptionStore].
func (db *DB) AddAdoption(ctx context.Context, a library.Adoption) error {
	return db.write(ctx, "add adoption", func(ctx context.Context, q *query.Queries) error {
		return q.AddAdoption(ctx, toMillis(a.At), a.MAC)
	})
}

// ListUnbound implements [library.AdoptionStore].
func (db *DB) ListUnbound(
	ctx context.Context, kind library.BoundKind, after library.Unbound, limit int,
) (list []library.Unbound, err error) {
	doing := "list rows without a binding, kind " + string(kind)
	switch kind {
	case library.BoundLibrary:
		rows, err := db.reader.ListUnboundLibraries(ctx, after.Library, clamp(limit))
		for _, r := range rows {
			list = append(list, library.Unbound{Kind: kind, Library: r.ID, PublicKey: r.PublicKey})
		}
		return list, wrap(doing, err)
	case library.BoundToken:
		rows, err := db.reader.ListUnboundTokens(ctx, after.Secret, clamp(limit))
		for _, r := range rows {
			list = append(list, library.Unbound{Kind: kind, Secret: r.Hash, Library: r.ID, PublicKey: r.PublicKey})
		}
		return list, wrap(doing, err)
	case library.BoundAuthCode:
		rows, err := db.reader.ListUnboundAuthCodes(ctx, after.Secret, clamp(limit))
		for _, r := range rows {
			list = append(list, library.Unbound{Kind: kind, Secret: r.Hash, Library: r.ID, PublicKey: r.PublicKey})
		}
		return list, wrap(doing, err)
	}
	return nil, fmt.Errorf("%s: there is no such kind", doing)
}

// Bind implements [library.AdoptionStore].
func (db *DB) Bind(ctx context.Context, rows []library.Unbound) error {
	if len(rows) == 0 {
		return nil
	}
	return db.write(ctx, "bind rows", func(ctx context.Context, q *query.Queries) error {
		for _, r := range rows {
			var err error
			switch r.Kind {
			case library.BoundLibrary:
				err = q.BindLibrary(ctx, r.Library, r.PublicKey, r.Binding)
			case library.BoundToken:
				err = q.BindToken(ctx, r.Secret, r.Binding)
			case library.BoundAuthCode:
				err = q.BindAuthCode(ctx, r.Secret, r.Binding)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ListOfOlderKey implements [library.RebindStore].
func (db *DB) ListOfOlderKey(
	ctx context.Context, kind library.BoundKind, key []byte, after library.Unbound, limit int,
) (list []library.Unbound, err error) {
	doing := "list rows of an older master key, kind " + string(kind)
	switch kind {
	case library.BoundLibrary:
		rows, err := db.reader.ListLibrariesOfOlderKey(ctx, key, after.Library, clamp(limit))
		for _, r := range rows {
			list = append(list,
				library.Unbound{Kind: kind, Library: r.ID, PublicKey: r.PublicKey, Binding: r.Binding})
		}
		return list, wrap(doing, err)
	case library.BoundToken:
		rows, err := db.reader.ListTokensOfOlderKey(ctx, key, after.Secret, clamp(limit))
		for _, r := range rows {
			list = append(list, library.Unbound{Kind: kind, Secret: r.Hash, Library: r.ID, PublicKey: r.PublicKey,
				Binding: r.Binding})
		}
		return list, wrap(doing, err)
	case library.BoundAuthCode:
		rows, err := db.reader.ListAuthCodesOfOlderKey(ctx, key, after.Secret, clamp(limit))
		for _, r := range rows {
			list = append(list, library.Unbound{Kind: kind, Secret: r.Hash, Library: r.ID, PublicKey: r.PublicKey,
				Binding: r.Binding})
		}
		return list, wrap(doing, err)
	}
	return nil, fmt.Errorf("%s: there is no such kind", doing)
}

// ListCheckpointsOfOlderKey implements [library.RebindStore].
func (db *DB) ListCheckpointsOfOlderKey(
	ctx context.Context, key []byte, after library.EventCheckpoint, limit int,
) ([]library.EventCheckpoint, error) {
	rows, err := db.reader.ListEventCheckpointsOfOlderKey(ctx, query.ListEventCheckpointsOfOlderKeyParams{
		Key:       key,
		LibraryID: string(after.Library),
		Seq:       after.Seq,
		Lim:       clamp(limit),
	})
	if err != nil {
		return nil, wrap("list checkpoints of an older master key", err)
	}
	list := make([]library.EventCheckpoint, 0, len(rows))
	for _, row := range rows {
		list = append(list, toEventCheckpoint(row))
	}
	return list, nil
}

// SetAdoptionMAC implements [library.RebindStore].
func (db *DB) SetAdoptionMAC(ctx context.Context, mac []byte) error {
	return db.write(ctx, "set MAC of adoption", func(ctx context.Context, q *query.Queries) error {
		return q.SetAdoptionMAC(ctx, mac)
	})
}

// Unbind implements [library.RebindStore].
func (db *DB) Unbind(ctx context.Context) error {
	return db.write(ctx, "remove bindings", func(ctx context.Context, q *query.Queries) error {
		for _, remove := range []func(context.Context) error{
			q.DeleteAdoption,
			q.UnbindLibraries,
			q.UnbindAdoptedTokens,
			q.UnbindAdoptedAuthCodes,
			q.DeleteEventCheckpoints,
		} {
			if err := remove(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
