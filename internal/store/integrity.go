package store

import (
	"context"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// GetAdoption implements [library.AdoptionStore].
func (db *DB) GetAdoption(ctx context.Context, g library.AdoptionGeneration) (library.Adoption, error) {
	row, err := db.reader.GetAdoption(ctx, query.Number(g))
	if err != nil {
		return library.Adoption{}, wrap("get adoption", err)
	}
	return library.Adoption{Generation: g, At: fromMillis(row.AdoptedAt), MAC: row.Mac}, nil
}

// AddAdoption implements [library.AdoptionStore].
func (db *DB) AddAdoption(ctx context.Context, a library.Adoption) error {
	return db.write(ctx, "add adoption", func(ctx context.Context, q *query.Queries) error {
		return q.AddAdoption(ctx, query.Number(a.Generation), toMillis(a.At), a.MAC)
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
		return listUnboundSecrets(kind, rows), wrap(doing, err)
	case library.BoundAuthCode:
		rows, err := db.reader.ListUnboundAuthCodes(ctx, after.Secret, clamp(limit))
		return listUnboundSecrets(kind, rows), wrap(doing, err)
	case library.BoundChain:
		rows, err := db.reader.ListUnboundChains(ctx, after.Library, clamp(limit))
		for _, r := range rows {
			end := library.ChainEnd{Library: r.LibraryID, Seq: int64(r.Events), Hash: r.Hash}
			list = append(list, library.Unbound{Kind: kind, Library: r.LibraryID, End: end})
		}
		return list, wrap(doing, err)
	case library.BoundGrant:
		return db.listUnboundGrants(ctx, after.Grant.ID, limit)
	case library.BoundCollected, library.BoundStorage, library.BoundStorageFile:
		list, err := db.listUnboundRows(ctx, kind, after.ID, limit)
		return list, wrap(doing, err)
	}
	return nil, fmt.Errorf("%s: there is no such kind", doing)
}

// GetCollectedParts implements [library.AdoptionStore].
func (db *DB) GetCollectedParts(ctx context.Context, id wire.FileName) ([][]byte, error) {
	row, err := db.reader.GetBoundCollected(ctx, id)
	if err != nil {
		return nil, wrap("get what the binding of a file covers", err)
	}
	return library.CollectedParts(toListedFile(row.File), row.Data), nil
}

func (db *DB) listUnboundGrants(
	ctx context.Context, after library.GrantID, limit int,
) (list []library.Unbound, err error) {
	const doing = "list grants without a binding"
	rows, err := db.reader.ListUnboundGrants(ctx, after, clamp(limit))
	if err != nil {
		return nil, wrap(doing, err)
	}
	for _, r := range rows {
		grant := toGrant(r.Grant)
		if grant.Access == "" { // an older program made it
			contract, err := toContract(r.Contract)
			if err != nil {
				return nil, wrap(doing, err)
			}
			grant.Access, grant.Allowed = contract.Access, contract.Allowed()
		}
		list = append(list, library.Unbound{Kind: library.BoundGrant, Library: grant.Library, Grant: grant})
	}
	return list, nil
}

// secretRow is what the queries for tokens, codes and logins return.
type secretRow interface {
	query.ListUnboundTokensRow | query.ListUnboundAuthCodesRow |
		query.ListTokensOfOlderKeyRow | query.ListAuthCodesOfOlderKeyRow | query.ListLoginsOfOlderKeyRow
}

// listSecrets returns secrets with the bindings that they have.
func listSecrets[R secretRow](kind library.BoundKind, rows []R) []library.Unbound {
	return convert(rows, func(row R) library.Unbound {
		r := query.ListTokensOfOlderKeyRow(row)
		return library.Unbound{Kind: kind, Secret: r.Hash, Library: r.ID, PublicKey: r.PublicKey, Binding: r.Binding}
	})
}

// listUnboundSecrets returns secrets whose bindings, if they have one, lack the part under the master keyring.
func listUnboundSecrets[R secretRow](kind library.BoundKind, rows []R) []library.Unbound {
	list := listSecrets(kind, rows)
	for i := range list {
		list[i].Own, list[i].Binding = list[i].Binding, nil
	}
	return list
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
			case library.BoundLogin:
				err = q.BindLogin(ctx, r.Secret, r.Binding)
			case library.BoundRequest:
				err = q.BindAuthRequest(ctx, r.Secret, r.Binding)
			case library.BoundChain:
				err = bindChain(ctx, q, r)
			case library.BoundGrant:
				err = bindGrant(ctx, q, r)
			case library.BoundCollected, library.BoundStorage, library.BoundStorageFile:
				err = bindRow(ctx, q, r)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// bindChain binds the end of a chain, unless the chain has grown meanwhile.
func bindChain(ctx context.Context, q *query.Queries, r library.Unbound) error {
	if len(r.End.MAC) > 0 {
		return q.RebindChain(ctx, r.Binding, r.Library, r.End.MAC)
	}
	return q.BindChain(ctx, query.BindChainParams{
		Hash:      r.End.Hash,
		Mac:       r.Binding,
		LibraryID: r.Library,
		Events:    query.Number(r.End.Seq),
	})
}

// bindGrant binds a grant, unless it has been renewed meanwhile.
func bindGrant(ctx context.Context, q *query.Queries, r library.Unbound) error {
	if len(r.Grant.Binding) > 0 {
		return q.RebindGrant(ctx, r.Binding, r.Grant.ID, r.Grant.Binding)
	}
	return q.BindGrant(ctx, query.BindGrantParams{
		Access:    r.Grant.Access,
		Allowed:   r.Grant.Allowed,
		Binding:   r.Binding,
		ID:        r.Grant.ID,
		ExpiresAt: toMillis(r.Grant.ExpiresAt),
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
		return listSecrets(kind, rows), wrap(doing, err)
	case library.BoundAuthCode:
		rows, err := db.reader.ListAuthCodesOfOlderKey(ctx, key, after.Secret, clamp(limit))
		return listSecrets(kind, rows), wrap(doing, err)
	case library.BoundChain:
		rows, err := db.reader.ListChainsOfOlderKey(ctx, key, after.Library, clamp(limit))
		for _, r := range rows {
			end := library.ChainEnd{Library: r.LibraryID, Seq: int64(r.Events), Hash: r.Hash, MAC: r.Mac}
			list = append(list, library.Unbound{Kind: kind, Library: r.LibraryID, End: end, Binding: r.Mac})
		}
		return list, wrap(doing, err)
	case library.BoundLogin:
		rows, err := db.reader.ListLoginsOfOlderKey(ctx, key, after.Secret, clamp(limit))
		return listSecrets(kind, rows), wrap(doing, err)
	case library.BoundRequest:
		rows, err := db.reader.ListAuthRequestsOfOlderKey(ctx, key, after.Secret, clamp(limit))
		for _, r := range rows {
			list = append(list,
				library.Unbound{Kind: kind, Secret: r.Hash, Request: toAuthRequest(r), Binding: r.Binding})
		}
		return list, wrap(doing, err)
	case library.BoundGrant:
		rows, err := db.reader.ListGrantsOfOlderKey(ctx, key, after.Grant.ID, clamp(limit))
		for _, r := range rows {
			list = append(list,
				library.Unbound{Kind: kind, Library: r.LibraryID, Grant: toGrant(r), Binding: r.Binding})
		}
		return list, wrap(doing, err)
	case library.BoundCollected, library.BoundStorage, library.BoundStorageFile:
		list, err := db.listRowsOfOlderKey(ctx, kind, key, after.ID, limit)
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
		Seq:       query.Number(after.Seq),
		Lim:       clamp(limit),
	})
	if err != nil {
		return nil, wrap("list checkpoints of an older master key", err)
	}
	return convert(rows, toEventCheckpoint), nil
}

// SetAdoptionMAC implements [library.RebindStore].
func (db *DB) SetAdoptionMAC(ctx context.Context, g library.AdoptionGeneration, mac []byte) error {
	return db.write(ctx, "set MAC of adoption", func(ctx context.Context, q *query.Queries) error {
		return q.SetAdoptionMAC(ctx, query.Number(g), mac)
	})
}

// Unbind implements [library.RebindStore].
func (db *DB) Unbind(ctx context.Context) error {
	return db.write(ctx, "remove bindings", func(ctx context.Context, q *query.Queries) error {
		for _, remove := range []func(context.Context) error{
			q.DeleteAdoptions,
			q.UnbindLibraries,
			q.UnbindTokens,
			q.UnbindAuthCodes,
			q.UnbindLogins,
			q.UnbindAuthRequests,
			q.UnbindChains,
			q.UnbindGrants,
			q.UnbindCollected,
			q.UnbindStorages,
			q.UnbindStorageFiles,
			q.DeleteEventCheckpoints,
		} {
			if err := remove(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
