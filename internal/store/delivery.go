package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// The reasons of waiting deliveries that end with their library or their grant.
const (
	reasonShut    = "the library was shut"
	reasonStopped = "the application was stopped"
)

// AddDelivery implements [delivery.DeliveryStore].
func (db *DB) AddDelivery(ctx context.Context, d delivery.Delivery, limit delivery.WaitingLimit) error {
	const doing = "add delivery"
	types, err := encode(d.Types)
	if err != nil {
		return wrap(doing, err)
	}
	params := query.AddDeliveryParams{
		ID:            string(d.ID),
		LibraryID:     d.Library,
		ApplicationID: d.Application,
		ContractID:    d.Contract,
		GrantID:       d.Grant,
		AccountID:     string(d.Account),
		ProviderName:  validText(d.ProviderName),
		Types:         types,
		State:         string(d.State),
		Status:        query.Number(d.Status),
		Reason:        validText(d.Reason),
		Attempts:      query.Number(d.Attempts),
		Lease:         d.Lease,
		LeaseUntil:    toMillis(d.LeaseUntil),
		NextAt:        toMillis(d.NextAt),
		ExpiresAt:     toMillis(d.ExpiresAt),
		CreatedAt:     toMillis(d.CreatedAt),
		UpdatedAt:     toMillis(d.UpdatedAt),
		Size:          query.Number(d.Size),
	}
	content := query.AddDeliveryContentParams{DeliveryID: params.ID, Payload: d.Payload, Answer: d.Answer}
	if d.Answer != nil && d.State.Final() {
		content.AnsweredAt = params.UpdatedAt
	}
	return db.add(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		// The lock keeps the grant and the account from ending before the transaction does.
		if err := lockLibrary(ctx, q, d.Library); err != nil {
			return err
		}
		if err := markUsed(ctx, q, d.Grant, seal.Hash{}, d.Library, d.CreatedAt); err != nil {
			return err
		}
		err := affected(q.UseConnection(ctx, query.UseConnectionParams{
			At:            params.CreatedAt,
			ID:            params.AccountID,
			LibraryID:     d.Library,
			ApplicationID: d.Application,
			GrantID:       d.Grant,
		}))
		if err != nil {
			return err
		}
		waiting, err := q.SumWaiting(ctx, params.AccountID)
		if err != nil {
			return err
		}
		if waiting.Number >= int64(limit.Number) || int64(waiting.Size)+d.Size > limit.Bytes {
			return library.ErrBusy
		}
		if err := q.AddDelivery(ctx, params); err != nil {
			return err
		}
		return q.AddDeliveryContent(ctx, content)
	})
}

// ClaimDeliveries implements [delivery.LeaseStore]. It finds the deliveries that are due and then
// claims one after the other, in the order of their ids, so that two servers that claim the same
// deliveries do not deadlock. It leaves out those that another server has claimed in between.
func (db *DB) ClaimDeliveries(
	ctx context.Context, lease string, now, until time.Time, limit int,
) ([]delivery.Delivery, error) {
	const doing = "claim deliveries"
	var rows []query.Delivery
	err := db.add(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		rows = nil
		ids, err := q.ListClaimable(ctx, toMillis(now), clamp(limit))
		if err != nil {
			return err
		}
		slices.Sort(ids)
		for _, id := range ids {
			row, err := q.ClaimDelivery(ctx, query.ClaimDeliveryParams{
				Lease: lease,
				Until: toMillis(until),
				ID:    id,
				Now:   toMillis(now),
			})
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b query.Delivery) int {
		return cmp.Or(cmp.Compare(a.NextAt, b.NextAt), cmp.Compare(a.ID, b.ID))
	})
	return convert(rows, toDelivery), nil
}

// BeginPosting implements [delivery.LeaseStore]. A transaction that revokes the grant or
// disconnects the account ends waiting deliveries too: it waits for this one, or this one finds
// the delivery ended.
func (db *DB) BeginPosting(ctx context.Context, id library.DeliveryID, lease string, now, until time.Time) error {
	return db.add(ctx, "begin posting", func(ctx context.Context, q *query.Queries) error {
		row, err := q.BeginPosting(ctx, query.BeginPostingParams{
			Until: toMillis(until),
			ID:    string(id),
			Lease: lease,
			Now:   toMillis(now),
		})
		if errors.Is(err, sql.ErrNoRows) {
			return deliveryError(ctx, q, id)
		}
		if err != nil {
			return err
		}
		may, err := q.MayPost(ctx, row.GrantID, toMillis(now), row.AccountID)
		if err != nil {
			return err
		}
		if !may {
			return library.ErrNotFound
		}
		return nil
	})
}

// Postpone implements [delivery.LeaseStore].
func (db *DB) Postpone(
	ctx context.Context, id library.DeliveryID, lease string, status int, reason string, next, at time.Time,
) error {
	return db.add(ctx, "postpone delivery", func(ctx context.Context, q *query.Queries) error {
		rows, err := q.Postpone(ctx, query.PostponeParams{
			Status: query.Number(status),
			Reason: validText(reason),
			NextAt: toMillis(next),
			At:     toMillis(at),
			ID:     string(id),
			Lease:  lease,
		})
		if err == nil && rows == 0 {
			return deliveryError(ctx, q, id)
		}
		return err
	})
}

// EndDelivery implements [delivery.LeaseStore].
func (db *DB) EndDelivery(ctx context.Context, d delivery.Delivery, e library.Event) error {
	return db.write(ctx, "end delivery", func(ctx context.Context, q *query.Queries) error {
		if err := db.addEvent(ctx, q, e); err != nil {
			return err
		}
		rows, err := q.EndDelivery(ctx, query.EndDeliveryParams{
			State:  string(d.State),
			Status: query.Number(d.Status),
			Reason: validText(d.Reason),
			At:     toMillis(d.UpdatedAt),
			ID:     string(d.ID),
			Lease:  d.Lease,
		})
		if err != nil {
			return err
		}
		if rows == 0 {
			return deliveryError(ctx, q, d.ID)
		}
		answeredAt := query.Number(0)
		if d.Answer != nil {
			answeredAt = toMillis(d.UpdatedAt)
		}
		return q.EndDeliveryContent(ctx, string(d.ID), d.Answer, answeredAt)
	})
}

// deliveryError returns why a delivery could not be changed: ErrNotFound or ErrUsed.
func deliveryError(ctx context.Context, q *query.Queries, id library.DeliveryID) error {
	has, err := q.HasDelivery(ctx, string(id))
	if err == nil && !has {
		err = library.ErrNotFound
	}
	if err != nil {
		return err
	}
	return library.ErrUsed
}

// GetPayload implements [delivery.DeliveryStore].
func (db *DB) GetPayload(ctx context.Context, id library.DeliveryID) ([]byte, error) {
	payload, err := db.reader.GetPayload(ctx, string(id))
	if err == nil && payload == nil {
		err = library.ErrNotFound
	}
	return payload, wrap("get payload", err)
}

// ListAbandoned implements [delivery.LeaseStore].
func (db *DB) ListAbandoned(ctx context.Context, now time.Time, limit int) ([]delivery.Delivery, error) {
	const doing = "list abandoned deliveries"
	rows, err := db.reader.ListAbandoned(ctx, toMillis(now), clamp(limit))
	if err != nil {
		return nil, wrap(doing, err)
	}
	return convert(rows, toDelivery), nil
}

// NextDue implements [delivery.LeaseStore].
func (db *DB) NextDue(ctx context.Context) (time.Time, error) {
	row, err := db.reader.NextDue(ctx)
	if err != nil {
		return time.Time{}, wrap("next due", err)
	}
	if row.Due == 0 || row.Leased != 0 && row.Leased < row.Due {
		row.Due = row.Leased
	}
	return fromMillis(row.Due), nil
}

// GetDelivery implements [delivery.DeliveryStore].
func (db *DB) GetDelivery(ctx context.Context, id library.ID, d library.DeliveryID) (delivery.Delivery, error) {
	const doing = "get delivery"
	row, err := db.reader.GetDelivery(ctx, string(d))
	if err == nil && row.Delivery.LibraryID != id {
		err = library.ErrNotFound
	}
	if err != nil {
		return delivery.Delivery{}, wrap(doing, err)
	}
	found := toDelivery(row.Delivery)
	found.Payload, found.Answer = row.Payload, row.Answer
	return found, nil
}

// ListDeliveries implements [delivery.DeliveryStore].
func (db *DB) ListDeliveries(
	ctx context.Context, id library.ID, of wire.ClientID, before delivery.Cursor, limit int,
) ([]delivery.Delivery, error) {
	const doing = "list deliveries"
	from := query.ListDeliveriesParams{
		LibraryID:     id,
		CreatedAt:     toMillis(before.CreatedAt),
		ID:            string(before.ID),
		ApplicationID: of.Application,
		ContractID:    of.Contract,
		Lim:           clamp(limit),
	}
	if before.CreatedAt.IsZero() && before.ID == "" {
		from.CreatedAt = math.MaxInt64
	}
	rows, err := db.reader.ListDeliveries(ctx, from)
	if err != nil {
		return nil, wrap(doing, err)
	}
	return convert(rows, toDelivery), nil
}

// CountWaiting implements [delivery.DeliveryStore].
func (db *DB) CountWaiting(ctx context.Context, id library.ID) (int, error) {
	n, err := db.reader.CountWaiting(ctx, id)
	return int(n), wrap("count waiting", err)
}

// ForgetAnswers implements [delivery.DeliveryStore].
func (db *DB) ForgetAnswers(ctx context.Context, before time.Time) error {
	return db.sweep(ctx, "forget answers", before, (*query.Queries).ForgetAnswers)
}

func toDelivery(row query.Delivery) delivery.Delivery {
	return delivery.Delivery{
		ID:           library.DeliveryID(row.ID),
		Library:      row.LibraryID,
		Application:  row.ApplicationID,
		Contract:     row.ContractID,
		Grant:        row.GrantID,
		Account:      wire.AccountID(row.AccountID),
		ProviderName: row.ProviderName,
		Types:        decoded[[]string](row.Types),
		State:        delivery.State(row.State),
		Status:       int(row.Status),
		Reason:       row.Reason,
		Attempts:     int(row.Attempts),
		Size:         int64(row.Size),
		Lease:        row.Lease,
		LeaseUntil:   fromMillis(row.LeaseUntil),
		NextAt:       fromMillis(row.NextAt),
		ExpiresAt:    fromMillis(row.ExpiresAt),
		CreatedAt:    fromMillis(row.CreatedAt),
		UpdatedAt:    fromMillis(row.UpdatedAt),
	}
}
