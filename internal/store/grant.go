package store

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// GetGrant implements [library.GrantStore].
func (db *DB) GetGrant(ctx context.Context, id library.GrantID) (library.Grant, error) {
	row, err := db.reader.GetGrant(ctx, id)
	if err != nil {
		return library.Grant{}, wrap("get grant", err)
	}
	return toGrant(row), nil
}

// ListGrants implements [library.GrantStore].
func (db *DB) ListGrants(ctx context.Context, id library.ID) ([]library.Grant, error) {
	rows, err := db.reader.ListGrants(ctx, id)
	if err != nil {
		return nil, wrap("list grants", err)
	}
	return convert(rows, toGrant), nil
}

// UseGrant implements [library.GrantStore].
func (db *DB) UseGrant(ctx context.Context, id library.ID, grant library.GrantID, at time.Time) error {
	return db.add(ctx, "use grant", func(ctx context.Context, q *query.Queries) error {
		return markUsed(ctx, q, grant, seal.Hash{}, id, at)
	})
}

// RevokeGrant implements [library.GrantStore].
func (db *DB) RevokeGrant(
	ctx context.Context, id library.ID, grant library.GrantID, at time.Time, e library.Event,
) error {
	return db.write(ctx, "revoke grant", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, id); err != nil {
			return err
		}
		row, err := q.GetGrant(ctx, grant)
		if err != nil {
			return err
		}
		if row.LibraryID != id {
			return library.ErrNotFound
		}
		if ended, err := db.revokeGrant(ctx, q, row, at); err != nil || !ended {
			return err
		}
		return db.addEvent(ctx, q, e)
	})
}

// RevokeApplication implements [library.GrantStore].
func (db *DB) RevokeApplication(
	ctx context.Context, id library.ID, of wire.ApplicationID, forgetAt time.Time, e library.Event,
) error {
	return db.write(ctx, "revoke application", func(ctx context.Context, q *query.Queries) error {
		if err := lockLibrary(ctx, q, id); err != nil {
			return err
		}
		grants, err := q.ListGrantsOfApplication(ctx, id, of)
		if err != nil {
			return err
		}
		anyEnded := false
		for _, g := range grants {
			if g.RevokedAt == 0 && !forgetAt.IsZero() {
				if err := q.RememberTokensOfGrant(ctx, toMillis(forgetAt), g.ID, library.UseAccess); err != nil {
					return err
				}
			}
			ended, err := db.revokeGrant(ctx, q, g, e.At)
			if err != nil {
				return err
			}
			anyEnded = anyEnded || ended
		}
		pending, err := q.ListPendingConnections(ctx, id, of)
		if err != nil {
			return err
		}
		if err := db.endConnections(ctx, q, pending, e.At, reasonStopped); err != nil {
			return err
		}
		if !forgetAt.IsZero() { // the application itself gives up all that it has of the person
			if err := q.DeletePostboxesOfApplication(ctx, id, of); err != nil {
				return err
			}
		}
		if err := q.DeleteSessionsOfOpenRequests(ctx, id, of); err != nil {
			return err
		}
		if err := q.ExpireOpenRequests(ctx, toMillis(e.At), id, of); err != nil {
			return err
		}
		if !anyEnded {
			return nil
		}
		return db.addEvent(ctx, q, e)
	})
}

// endedBinding stands in place of the binding of a grant that the person has revoked. It never verifies, so that the
// grant stays revoked whatever else its row says.
var endedBinding = []byte{0}

// revokeGrant revokes a grant and ends everything that it allows, whatever its row says: somebody else may have put an
// end into it, to take that out again. It reports whether the grant was in force, or said to have been revoked with
// something left of it. One that has expired is not said to have been revoked.
func (db *DB) revokeGrant(ctx context.Context, q *query.Queries, row query.Grant, at time.Time) (bool, error) {
	ended := toGrant(row).Active(at)
	if row.RevokedAt != 0 {
		inUse, err := q.IsGrantInUse(ctx, row.ID, row.LibraryID)
		if err != nil {
			return false, err
		}
		ended = inUse
	}
	revokedAt := query.Number(0)
	if ended {
		revokedAt = toMillis(at)
	}
	if err := q.RevokeGrant(ctx, revokedAt, endedBinding, row.ID); err != nil {
		return false, err
	}
	return ended, db.endGrant(ctx, q, row, at)
}

// endGrant ends everything that a grant allows.
func (db *DB) endGrant(ctx context.Context, q *query.Queries, row query.Grant, at time.Time) error {
	for _, end := range []func(context.Context, library.GrantID) error{
		q.DeleteTokenSealsOfGrant,
		q.DeleteAuthCodeSealsOfGrant,
		q.DeleteSessionsOfGrant,
	} {
		if err := end(ctx, row.ID); err != nil {
			return err
		}
	}
	if err := q.DeletePayloadsOfGrant(ctx, row.LibraryID, row.ID); err != nil {
		return err
	}
	err := q.ExpireDeliveriesOfGrant(ctx, query.ExpireDeliveriesOfGrantParams{
		Reason:    reasonStopped,
		At:        toMillis(at),
		LibraryID: row.LibraryID,
		GrantID:   row.ID,
	})
	if err != nil {
		return err
	}
	connections, err := q.ListConnectionsOfGrant(ctx, row.ID)
	if err != nil {
		return err
	}
	return db.endConnections(ctx, q, connections, at, reasonStopped)
}

// lockGrant keeps a grant from being revoked before the transaction ends. It returns ErrNotFound
// if it has been revoked.
func lockGrant(ctx context.Context, q *query.Queries, id library.GrantID) error {
	return affected(q.LockUnrevokedGrant(ctx, id))
}

func toGrant(row query.Grant) library.Grant {
	return library.Grant{
		ID:          row.ID,
		Library:     row.LibraryID,
		Application: row.ApplicationID,
		Contract:    row.ContractID,
		CreatedAt:   fromMillis(row.CreatedAt),
		ExpiresAt:   fromMillis(row.ExpiresAt),
		LastUsedAt:  fromMillis(row.LastUsedAt),
		RevokedAt:   fromMillis(row.RevokedAt),
		Access:      row.Access,
		Allowed:     row.Allowed,
		Binding:     row.Binding,
	}
}
