package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// BoxKind says what a [Box] holds.
type BoxKind string

// The kinds of boxes: every column that the master keyring seals.
const (
	BoxSigningKey    BoxKind = "signing key"
	BoxAuthorization BoxKind = "authorisation at a provider"
	BoxConnection    BoxKind = "provider tokens"
	BoxRevocation    BoxKind = "provider tokens to revoke"
	BoxPayload       BoxKind = "delivery under way"
	BoxAnswer        BoxKind = "answer of a provider"
	BoxFingerprint   BoxKind = "fingerprint of a file from a source"
	BoxPostbox       BoxKind = "key of a postbox"
	// BoxBinding is no box but a MAC, which proves that rows are what the server has written.
	BoxBinding BoxKind = "binding"
)

// BoxKinds lists the kinds of boxes.
func BoxKinds() []BoxKind {
	return []BoxKind{BoxSigningKey, BoxAuthorization, BoxConnection, BoxRevocation, BoxPayload, BoxAnswer,
		BoxFingerprint, BoxPostbox, BoxBinding}
}

// A Box is a secret of the server, as the master keyring has sealed it.
type Box struct {
	Kind  BoxKind
	Bytes []byte

	// One of these says whose it is: the id of a signing key, the authorization, the connection (also one
	// that has ended, whose tokens are to be revoked), the delivery, the file, or the postbox.
	SigningKey    string
	File          wire.FileName
	Authorization delivery.Authorization
	Connection    delivery.Connection
	Delivery      delivery.Delivery
	Postbox       library.Postbox
}

// boxesAtOnce is how many rows with boxes are in memory at a time.
const boxesAtOnce = 100

// EachBox calls f for each box, until its first error, which it returns. f may replace the box.
func (db *DB) EachBox(ctx context.Context, f func(Box) error) error {
	for _, each := range []func(context.Context, func(Box) error) error{
		db.eachSigningKey, db.eachAuthorization,
		// A connection that ends meanwhile becomes a token revocation.
		db.eachConnection, db.eachTokenRevocation,
		db.eachDeliveryContent, db.eachFingerprint, db.eachPostbox,
	} {
		if err := each(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// CountBindings counts the MACs under each master key. Each has the id of its key where a box has it.
func (db *DB) CountBindings(ctx context.Context) (_ map[seal.KeyID]int, err error) {
	const doing = "count bindings"
	rows, err := db.statements.QueryContext(ctx, `SELECT substr(mac, 1, 5), COUNT(*) FROM (
			SELECT binding AS mac FROM libraries
			UNION ALL SELECT substr(binding, length(binding) - 36) FROM tokens WHERE length(binding) IN (37, 69)
			UNION ALL SELECT substr(binding, length(binding) - 36) FROM codes WHERE length(binding) IN (37, 69)
			UNION ALL SELECT substr(binding, 33) FROM logins WHERE length(binding) = 69
			UNION ALL SELECT substr(binding, 33) FROM links WHERE length(binding) = 69
			UNION ALL SELECT binding FROM grants
			UNION ALL SELECT mac FROM chains
			UNION ALL SELECT mac FROM event_checkpoints
			UNION ALL SELECT mac FROM adoptions
			UNION ALL SELECT binding FROM collected_files
			UNION ALL SELECT binding FROM storages
			UNION ALL SELECT binding FROM storage_files
		) AS macs WHERE length(mac) = 37 GROUP BY substr(mac, 1, 5)`)
	if err != nil {
		return nil, wrap(doing, err)
	}
	defer func() { err = errors.Join(err, wrap(doing, rows.Close())) }()
	counts := map[seal.KeyID]int{}
	for rows.Next() {
		var key []byte
		var n int
		if err := rows.Scan(&key, &n); err != nil {
			return nil, wrap(doing, err)
		}
		counts[seal.KeyOf(key)] += n
	}
	return counts, wrap(doing, rows.Err())
}

func (db *DB) eachSigningKey(ctx context.Context, f func(Box) error) error {
	keys, err := db.ListSigningKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := f(Box{Kind: BoxSigningKey, Bytes: k.Private, SigningKey: k.ID}); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) eachAuthorization(ctx context.Context, f func(Box) error) error {
	for after, more := (seal.Hash{}), true; more; {
		rows, err := db.reader.ListSealedAuthorizations(ctx, after, boxesAtOnce)
		if err != nil {
			return wrap("list authorizations", err)
		}
		for _, row := range rows {
			box := Box{Kind: BoxAuthorization, Bytes: row.Secrets, Authorization: toAuthorization(row)}
			if err := f(box); err != nil {
				return err
			}
			after = row.Hash
		}
		more = len(rows) == boxesAtOnce
	}
	return nil
}

func (db *DB) eachConnection(ctx context.Context, f func(Box) error) error {
	for after, more := "", true; more; {
		rows, err := db.reader.ListSealedConnections(ctx, after, boxesAtOnce)
		if err != nil {
			return wrap("list connections", err)
		}
		for _, row := range rows {
			connection := toConnection(row)
			if err := f(Box{Kind: BoxConnection, Bytes: row.Access, Connection: connection}); err != nil {
				return err
			}
			after = row.ID
		}
		more = len(rows) == boxesAtOnce
	}
	return nil
}

// GetContractOfConnection returns the contract of an account's grant or, if it has none, that of the
// request for which it is connected; empty if both are gone.
func (db *DB) GetContractOfConnection(ctx context.Context, account wire.AccountID) (wire.ContractID, error) {
	contract, err := db.reader.GetContractOfConnection(ctx, string(account))
	return wire.ContractID(contract), wrap("get contract of account", err)
}

func (db *DB) eachTokenRevocation(ctx context.Context, f func(Box) error) error {
	for after, more := wire.AccountID(""), true; more; {
		rows, err := db.reader.ListSealedTokenRevocations(ctx, string(after), boxesAtOnce)
		if err != nil {
			return wrap("list token revocations", err)
		}
		for _, row := range rows {
			connection := toEndedConnection(row)
			if err := f(Box{Kind: BoxRevocation, Bytes: row.Access, Connection: connection}); err != nil {
				return err
			}
			after = row.AccountID
		}
		more = len(rows) == boxesAtOnce
	}
	return nil
}

func (db *DB) eachPostbox(ctx context.Context, f func(Box) error) error {
	for after, more := library.PostboxID(""), true; more; {
		rows, err := db.reader.ListPostboxes(ctx, after, boxesAtOnce)
		if err != nil {
			return wrap("list postboxes", err)
		}
		for _, row := range rows {
			if err := f(Box{Kind: BoxPostbox, Bytes: row.Box, Postbox: toPostbox(row)}); err != nil {
				return err
			}
			after = row.ID
		}
		more = len(rows) == boxesAtOnce
	}
	return nil
}

// eachDeliveryContent has one content in memory at a time: they are large.
func (db *DB) eachDeliveryContent(ctx context.Context, f func(Box) error) error {
	const doing = "list contents of deliveries"
	for after, more := "", true; more; {
		ids, err := db.reader.ListSealedDeliveries(ctx, after, boxesAtOnce)
		if err != nil {
			return wrap(doing, err)
		}
		for _, id := range ids {
			after = id
			row, err := db.reader.GetDelivery(ctx, id)
			if errors.Is(err, sql.ErrNoRows) {
				continue // deleted meanwhile
			}
			if err != nil {
				return wrap(doing, err)
			}
			box := Box{Kind: BoxPayload, Bytes: row.Payload, Delivery: toDelivery(row.Delivery)}
			if row.Payload != nil {
				if err := f(box); err != nil {
					return err
				}
			}
			box.Kind, box.Bytes = BoxAnswer, row.Answer
			if row.Answer != nil {
				if err := f(box); err != nil {
					return err
				}
			}
		}
		more = len(ids) == boxesAtOnce
	}
	return nil
}

func (db *DB) eachFingerprint(ctx context.Context, f func(Box) error) error {
	for after, more := wire.FileName(""), true; more; {
		rows, err := db.reader.ListFingerprints(ctx, string(after), boxesAtOnce)
		if err != nil {
			return wrap("list fingerprints", err)
		}
		for _, row := range rows {
			if err := f(Box{Kind: BoxFingerprint, Bytes: row.Fingerprint, File: row.FileID}); err != nil {
				return err
			}
			after = row.FileID
		}
		more = len(rows) == boxesAtOnce
	}
	return nil
}

// Replacement is what a box is replaced by.
type Replacement struct {
	Box
	New []byte
}

// ReplaceBoxes replaces boxes, in one transaction. One that has changed since it was read stays as
// it is.
func (db *DB) ReplaceBoxes(ctx context.Context, all []Replacement) error {
	return db.write(ctx, "replace what the keyring has sealed", func(ctx context.Context, q *query.Queries) error {
		for _, r := range all {
			if err := replaceBox(ctx, q, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func replaceBox(ctx context.Context, q *query.Queries, r Replacement) error {
	switch r.Kind {
	case BoxSigningKey:
		return q.ReplaceSigningKey(ctx, r.New, r.SigningKey, r.Bytes)
	case BoxAuthorization:
		return q.ReplaceAuthorizationSecrets(ctx, r.New, r.Authorization.State, r.Bytes)
	case BoxConnection:
		return q.ReplaceConnectionAccess(ctx, r.New, string(r.Connection.ID), r.Bytes)
	case BoxRevocation:
		return q.ReplaceTokenRevocation(ctx, r.New, r.Connection.ID, r.Bytes)
	case BoxPayload:
		return q.ReplacePayload(ctx, r.New, string(r.Delivery.ID), r.Bytes)
	case BoxAnswer:
		return q.ReplaceAnswer(ctx, r.New, string(r.Delivery.ID), r.Bytes)
	case BoxFingerprint:
		return q.ReplaceFingerprint(ctx, r.New, r.File, r.Bytes)
	case BoxPostbox:
		return q.ReplacePostbox(ctx, r.New, r.Postbox.ID, r.Bytes)
	default:
		return fmt.Errorf("there are no boxes of kind %q", r.Kind)
	}
}

// ResetKeyring deletes everything that the master keyring has sealed, in one transaction. Deliveries
// that wait end as expired, and those that are being posted as unknown. The persons see in their
// activity which deliveries and which accounts have ended. No server may run.
func (db *DB) ResetKeyring(ctx context.Context, at time.Time, reason string) error {
	return db.write(ctx, "reset the keyring", func(ctx context.Context, q *query.Queries) error {
		if err := endAllDeliveries(ctx, q, at, reason); err != nil {
			return err
		}
		if err := endAllAccess(ctx, q, at); err != nil {
			return err
		}
		if _, err := q.DeleteTokenRevocations(ctx); err != nil {
			return err
		}
		if _, err := q.DeleteDeliveryContents(ctx); err != nil {
			return err
		}
		if _, err := q.DeleteAuthorizationSecrets(ctx); err != nil {
			return err
		}
		if _, err := q.DeletePostboxes(ctx); err != nil {
			return err
		}
		_, err := q.DeleteSigningKeys(ctx)
		return err
	})
}

func endAllDeliveries(ctx context.Context, q *query.Queries, at time.Time, reason string) error {
	rows, err := q.ListUnfinishedDeliveries(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		d := toDelivery(row)
		event := library.Event{Library: d.Library, At: at, Kind: library.EventSentGivenUp}
		event.Details = library.EventDetails{
			Application: d.Application, Contract: d.Contract, Grant: d.Grant, Account: d.Account,
			Provider: d.ProviderName, Delivery: d.ID, Types: d.Types,
		}
		state := delivery.Expired
		if d.State == delivery.Posting { // the provider may have filed it
			state, event.Kind = delivery.Unknown, library.EventSentUnknown
		}
		if err := addUnboundEvent(ctx, q, event); err != nil {
			return err
		}
		err := q.EndUnfinishedDelivery(ctx, query.EndUnfinishedDeliveryParams{
			State: string(state), Reason: reason, At: toMillis(at), ID: row.ID,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func endAllAccess(ctx context.Context, q *query.Queries, at time.Time) error {
	for after, more := "", true; more; {
		rows, err := q.ListSealedConnections(ctx, after, boxesAtOnce)
		if err != nil {
			return err
		}
		for _, row := range rows {
			connection := toConnection(row)
			event := library.Event{Library: row.LibraryID, At: at, Kind: library.EventAccountEnded,
				Details: library.EventDetails{
					Application: connection.Application, Account: connection.ID, Provider: connection.Source.Name,
				}}
			if connection.EndedAt.IsZero() {
				if err := addUnboundEvent(ctx, q, event); err != nil {
					return err
				}
			}
			if err := q.DeleteConnectionAccess(ctx, toMillis(at), row.ID); err != nil {
				return err
			}
			after = row.ID
		}
		more = len(rows) == boxesAtOnce
	}
	return nil
}
