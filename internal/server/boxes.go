package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// resealAtOnce and resealBytesAtOnce bound what one transaction writes.
const (
	resealAtOnce      = 50
	resealBytesAtOnce = 8 << 20
)

// replaceBoxes replaces each box by what seal makes of it; nil leaves it as it is.
func replaceBoxes(ctx context.Context, db *store.DB, seal func(store.Box) ([]byte, error)) (n int, err error) {
	var batch []store.Replacement
	size := 0
	flush := func() error {
		if err := db.ReplaceBoxes(ctx, batch); err != nil {
			return err
		}
		n, batch, size = n+len(batch), nil, 0
		return nil
	}
	err = db.EachBox(ctx, func(b store.Box) error {
		replacement, err := seal(b)
		if err != nil || replacement == nil {
			return err
		}
		batch = append(batch, store.Replacement{Box: b, New: replacement})
		if size += len(b.Bytes); len(batch) >= resealAtOnce || size >= resealBytesAtOnce {
			return flush()
		}
		return nil
	})
	if err == nil && len(batch) > 0 {
		err = flush()
	}
	return n, err
}

// AdoptBoxes seals anew, with their owners, the boxes that an older program has sealed without. It takes the rows as
// they are: it may run only once in the life of a database, or else whoever keeps the database has an older box adopted
// in another row. A box that does not open stays as it is, and is refused when it is used. AdoptBoxes can be
// interrupted at any time and goes on when it is called again. It returns how many boxes it has sealed.
func AdoptBoxes(ctx context.Context, ring *seal.Keyring, db *store.DB) (int, error) {
	boxes := delivery.NewBoxes(ring)
	n, err := replaceBoxes(ctx, db, func(b store.Box) ([]byte, error) {
		if b.Kind == store.BoxSigningKey || checkBox(ring, boxes, b) == nil {
			return nil, nil
		}
		adopted, err := adoptBox(ctx, boxes, db, b)
		if errors.Is(err, seal.ErrCannotOpen) {
			return nil, nil
		}
		return adopted, err
	})
	if err != nil {
		return n, fmt.Errorf("seal what an older program has sealed: %w", err)
	}
	return n, nil
}

func adoptBox(ctx context.Context, boxes *delivery.Boxes, db *store.DB, b store.Box) ([]byte, error) {
	switch b.Kind {
	case store.BoxAuthorization:
		request, err := db.GetAuthRequest(ctx, b.Authorization.Request)
		if err != nil && !errors.Is(err, library.ErrNotFound) { // nobody can come back for a request that is gone
			return nil, err
		}
		return boxes.AdoptAuthorization(b.Authorization, request.ClientID.Contract)
	case store.BoxConnection:
		contract, err := db.GetContractOfConnection(ctx, b.Connection.ID)
		if err != nil {
			return nil, err
		}
		return boxes.AdoptAccess(b.Connection, contract)
	case store.BoxRevocation:
		return boxes.AdoptAccess(b.Connection, "")
	case store.BoxPayload:
		connection, err := db.GetConnection(ctx, b.Delivery.Library, b.Delivery.Account, false)
		if err != nil && !errors.Is(err, library.ErrNotFound) { // nothing is sent to an account that is gone
			return nil, err
		}
		return boxes.AdoptPayload(b.Delivery, connection.Source.Provider, b.Bytes)
	case store.BoxAnswer:
		return boxes.AdoptAnswer(b.Delivery, b.Bytes)
	default:
		return nil, nil
	}
}

// checkBox returns an error unless a box opens, and its row is the one that it was sealed for. Signing keys are
// compared elsewhere.
func checkBox(ring *seal.Keyring, boxes *delivery.Boxes, b store.Box) error {
	switch b.Kind {
	case store.BoxAuthorization:
		return boxes.CheckAuthorization(b.Authorization)
	case store.BoxConnection:
		return boxes.CheckAccess(b.Connection)
	case store.BoxRevocation:
		return boxes.CheckEndedAccess(b.Connection)
	case store.BoxPayload:
		return boxes.CheckPayload(b.Delivery, b.Bytes)
	case store.BoxAnswer:
		return boxes.CheckAnswer(b.Delivery, b.Bytes)
	case store.BoxPostbox:
		_, err := library.OpenPostbox(ring, b.Postbox)
		return err
	default:
		return nil
	}
}

// maxCheckedBox is the size of the largest box that is opened unless all contents are read.
const maxCheckedBox = 1 << 20

// checkBoxes reports each box that does not fit its row, and each delivery that waits for an account of another grant.
func checkBoxes(ctx context.Context, ring *seal.Keyring, db *store.DB, all bool, report func(fault string)) error {
	boxes := delivery.NewBoxes(ring)
	return db.EachBox(ctx, func(b store.Box) error {
		if all || len(b.Bytes) <= maxCheckedBox {
			if err := checkBox(ring, boxes, b); err != nil {
				report(fmt.Sprintf("%s%s: %v", boxLibrary(b), b.Kind, err))
			}
		}
		if b.Kind != store.BoxPayload {
			return nil
		}
		return checkAccountOf(ctx, db, b.Delivery, report)
	})
}

// boxLibrary says of which library the row of a box is.
func boxLibrary(b store.Box) string {
	for _, id := range []library.ID{b.Authorization.Library, b.Connection.Library, b.Delivery.Library,
		b.Postbox.Library} {
		if id != "" {
			return "library " + string(id) + ": "
		}
	}
	return ""
}

// checkAccountOf reports a delivery that waits for an account that its library and grant do not have.
func checkAccountOf(ctx context.Context, db *store.DB, d delivery.Delivery, report func(fault string)) error {
	if d.State != delivery.Waiting {
		return nil
	}
	connection, err := db.GetConnection(ctx, d.Library, d.Account, true)
	if err == nil && connection.Grant == d.Grant {
		return nil
	}
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return err
	}
	// The account may have been disconnected meanwhile, and the delivery ended with it.
	current, err := db.GetDelivery(ctx, d.Library, d.ID)
	if err == nil && current.State == delivery.Waiting {
		report(fmt.Sprintf("library %s: delivery %s: its grant has no account %s", d.Library, d.ID, d.Account))
	}
	if errors.Is(err, library.ErrNotFound) {
		err = nil
	}
	return err
}
