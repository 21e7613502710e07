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
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// The reasons for which waiting deliveries end with something larger.
const (
	reasonShut    = "the library was shut"
	reasonStopped = "the application was stopped"
)

// AddDelivery adds a delivery, unless too much waits for its account.
func (db *DB) AddDelivery(ctx context.Context, d delivery.Delivery, most delivery.WaitingLimit) error {
	const doing = "add delivery"
	types, err := encode(d.Types)
	if err != nil {
		return in(doing, err)
	}
	params := query.AddDeliveryParams{
		ID:            string(d.ID),
		LibraryID:     d.Library,
		ApplicationID: d.Application,
		ContractID:    d.Contract,
		GrantID:       d.Grant,
		AccountID:     string(d.Account),
		ProviderName:  text(d.ProviderName),
		Types:         types,
		State:         string(d.State),
		Status:        int64(d.Status),
		Reason:        text(d.Reason),
		Attempts:      int64(d.Attempts),
		Lease:         d.Lease,
		LeaseUntil:    millis(d.LeaseUntil),
		NextAt:        millis(d.NextAt),
		ExpiresAt:     millis(d.ExpiresAt),
		CreatedAt:     millis(d.CreatedAt),
		UpdatedAt:     millis(d.UpdatedAt),
		Size:          d.Size,
	}
	content := query.AddDeliveryContentParams{DeliveryID: params.ID, Payload: d.Payload, Answer: d.Answer}
	if d.Answer != nil && d.State.Final() {
		content.AnsweredAt = params.UpdatedAt
	}
	return db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		// The lock keeps the grant and the account from ending meanwhile.
		if err := affected(q.LockLibrary(ctx, d.Library)); err != nil {
			return err
		}
		if err := markUsed(ctx, q, d.Grant, d.Library, d.CreatedAt); err != nil {
			return err
		}
		err := affected(q.UseAccount(ctx, query.UseAccountParams{
			At:            params.CreatedAt,
			ID:            params.AccountID,
			LibraryID:     d.Library,
			ApplicationID: d.Application,
		}))
		if err != nil {
			return err
		}
		waiting, err := q.SumWaiting(ctx, params.AccountID)
		if err != nil {
			return err
		}
		if waiting.Number >= int64(most.Number) || waiting.Size+d.Size > most.Bytes {
			return library.ErrBusy
		}
		if err := q.AddDelivery(ctx, params); err != nil {
			return err
		}
		return q.AddDeliveryContent(ctx, content)
	})
}

// ClaimDeliveries leases deliveries that are due. It looks for them first and then
// claims one after the other, by id, so that two nodes at the same deliveries do not
// wait for one another in a circle. What the other has got meanwhile is left out.
func (db *DB) ClaimDeliveries(ctx context.Context, lease string, now, until time.Time, limit int) ([]delivery.Delivery, error) {
	const doing = "claim deliveries"
	var rows []query.Delivery
	err := db.write(ctx, doing, func(ctx context.Context, q *query.Queries) error {
		rows = nil
		ids, err := q.ListClaimable(ctx, millis(now), clamp(limit))
		if err != nil {
			return err
		}
		slices.Sort(ids)
		for _, id := range ids {
			row, err := q.ClaimDelivery(ctx, query.ClaimDeliveryParams{
				Lease: lease,
				Until: millis(until),
				ID:    id,
				Now:   millis(now),
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
	list, err := each(rows, toDelivery)
	return list, in(doing, err)
}

// BeginPosting notes that a delivery is about to be sent. Whoever revokes its grant or
// disconnects its account ends what waits in the same transaction, and so waits for
// this one, or this one finds the delivery ended.
func (db *DB) BeginPosting(ctx context.Context, id library.DeliveryID, lease string, now, until time.Time) error {
	return db.write(ctx, "begin posting", func(ctx context.Context, q *query.Queries) error {
		row, err := q.BeginPosting(ctx, query.BeginPostingParams{
			Until: millis(until),
			ID:    string(id),
			Lease: lease,
			Now:   millis(now),
		})
		if errors.Is(err, sql.ErrNoRows) {
			return goneOrTaken(ctx, q, id)
		}
		if err != nil {
			return err
		}
		may, err := q.MayPost(ctx, row.GrantID, millis(now), row.AccountID)
		if err != nil {
			return err
		}
		if !may {
			return library.ErrNotFound
		}
		return nil
	})
}

// Postpone makes a delivery wait again.
func (db *DB) Postpone(ctx context.Context, id library.DeliveryID, lease string, status int, reason string, next, at time.Time) error {
	return db.write(ctx, "put back delivery", func(ctx context.Context, q *query.Queries) error {
		rows, err := q.PutBack(ctx, query.PutBackParams{
			Status: int64(status),
			Reason: text(reason),
			NextAt: millis(next),
			At:     millis(at),
			ID:     string(id),
			Lease:  lease,
		})
		if err == nil && rows == 0 {
			return goneOrTaken(ctx, q, id)
		}
		return err
	})
}

// EndDelivery writes a delivery's final state.
func (db *DB) EndDelivery(ctx context.Context, d delivery.Delivery, e library.Event) error {
	return db.write(ctx, "end delivery", func(ctx context.Context, q *query.Queries) error {
		if err := addEvent(ctx, q, e); err != nil {
			return err
		}
		rows, err := q.EndDelivery(ctx, query.EndDeliveryParams{
			State:  string(d.State),
			Status: int64(d.Status),
			Reason: text(d.Reason),
			At:     millis(d.UpdatedAt),
			ID:     string(d.ID),
			Lease:  d.Lease,
		})
		if err != nil {
			return err
		}
		if rows == 0 {
			return goneOrTaken(ctx, q, d.ID)
		}
		answeredAt := int64(0)
		if d.Answer != nil {
			answeredAt = millis(d.UpdatedAt)
		}
		return q.EndDeliveryContent(ctx, string(d.ID), d.Answer, answeredAt)
	})
}

// goneOrTaken says why a delivery could not be changed.
func goneOrTaken(ctx context.Context, q *query.Queries, id library.DeliveryID) error {
	has, err := q.HasDelivery(ctx, string(id))
	if err == nil && !has {
		err = library.ErrNotFound
	}
	if err != nil {
		return err
	}
	return library.ErrUsed
}

// GetPayload returns what a delivery is to send.
func (db *DB) GetPayload(ctx context.Context, id library.DeliveryID) ([]byte, error) {
	payload, err := db.reader.GetPayload(ctx, string(id))
	if err == nil && payload == nil {
		err = library.ErrNotFound
	}
	return payload, in("get payload", err)
}

// ListAbandoned lists deliveries whose server died while it sent them.
func (db *DB) ListAbandoned(ctx context.Context, now time.Time, limit int) ([]delivery.Delivery, error) {
	const doing = "list lost deliveries"
	rows, err := db.reader.ListLost(ctx, millis(now), clamp(limit))
	if err != nil {
		return nil, in(doing, err)
	}
	list, err := each(rows, toDelivery)
	return list, in(doing, err)
}

// NextDue is when a claim will next find something: when a delivery is due or, if it
// is held beyond that, when its lease runs out.
func (db *DB) NextDue(ctx context.Context) (time.Time, error) {
	row, err := db.reader.NextDue(ctx)
	if err != nil {
		return time.Time{}, in("look for due delivery", err)
	}
	if row.Due == 0 || row.Leased != 0 && row.Leased < row.Due {
		row.Due = row.Leased
	}
	return moment(row.Due), nil
}

// GetDelivery finds a delivery of a library.
func (db *DB) GetDelivery(ctx context.Context, id library.ID, d library.DeliveryID) (delivery.Delivery, error) {
	const doing = "get delivery"
	row, err := db.reader.GetDelivery(ctx, string(d))
	if err == nil && row.Delivery.LibraryID != id {
		err = library.ErrNotFound
	}
	if err != nil {
		return delivery.Delivery{}, in(doing, err)
	}
	found, err := toDelivery(row.Delivery)
	found.Payload, found.Answer = row.Payload, row.Answer
	return found, in(doing, err)
}

// ListDeliveries lists a library's deliveries, newest first, without what is large.
func (db *DB) ListDeliveries(ctx context.Context, id library.ID, of wire.ApplicationID, before delivery.Cursor, limit int) ([]delivery.Delivery, error) {
	const doing = "list deliveries"
	from := query.ListDeliveriesParams{
		LibraryID:     id,
		CreatedAt:     millis(before.CreatedAt),
		ID:            string(before.ID),
		ApplicationID: of,
		Lim:           clamp(limit),
	}
	if before.CreatedAt.IsZero() && before.ID == "" {
		from.CreatedAt = math.MaxInt64
	}
	rows, err := db.reader.ListDeliveries(ctx, from)
	if err != nil {
		return nil, in(doing, err)
	}
	list, err := each(rows, toDelivery)
	return list, in(doing, err)
}

// CountWaiting counts a library's deliveries that have not ended.
func (db *DB) CountWaiting(ctx context.Context, id library.ID) (int, error) {
	n, err := db.reader.CountWaiting(ctx, id)
	return int(n), in("count deliveries", err)
}

// ForgetAnswers forgets the answers of deliveries that ended before a time.
func (db *DB) ForgetAnswers(ctx context.Context, before time.Time) error {
	return db.inPortions(ctx, "forget answers", before, (*query.Queries).ForgetAnswers)
}

func toDelivery(row query.Delivery) (delivery.Delivery, error) {
	d := delivery.Delivery{
		ID:           library.DeliveryID(row.ID),
		Library:      row.LibraryID,
		Application:  row.ApplicationID,
		Contract:     row.ContractID,
		Grant:        row.GrantID,
		Account:      wire.AccountID(row.AccountID),
		ProviderName: row.ProviderName,
		State:        delivery.State(row.State),
		Status:       int(row.Status),
		Reason:       row.Reason,
		Attempts:     int(row.Attempts),
		Size:         row.Size,
		Lease:        row.Lease,
		LeaseUntil:   moment(row.LeaseUntil),
		NextAt:       moment(row.NextAt),
		ExpiresAt:    moment(row.ExpiresAt),
		CreatedAt:    moment(row.CreatedAt),
		UpdatedAt:    moment(row.UpdatedAt),
	}
	err := decode(row.Types, &d.Types)
	return d, err
}
