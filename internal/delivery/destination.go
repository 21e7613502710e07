package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// Destination is the account that a bearer pushes to.
type Destination struct {
	bearer     *library.Bearer
	connection Connection
}

// FindDestination finds one of the accounts of the bearer's grant. It refuses an account that is
// unknown or of another grant with RefusedUnknown, and returns [ErrReconnect] for one that the person has to
// connect again.
func (q *Queue) FindDestination(ctx context.Context, b *library.Bearer, id wire.AccountID) (*Destination, error) {
	if err := b.Require(library.Write); err != nil {
		return nil, err
	}
	connection, err := q.connections.getAtApplication(ctx, b.Library.ID, b.Client.Application.ID, id)
	if err == nil && connection.Grant != b.Grant.ID {
		err = fmt.Errorf("account is of another grant: %w", library.ErrNotFound)
	}
	if errors.Is(err, library.ErrNotFound) {
		return nil, library.Unknown("Account").Because(err)
	}
	if err != nil {
		return nil, err
	}
	if connection.NeedsReconnect(q.now()) {
		return nil, ErrReconnect
	}
	// An attempt would find it too: like this, nothing is stored. Without tokens nothing can be sent.
	if connection.Access != nil {
		if err := q.connections.boxes.CheckAccess(connection); err != nil {
			return nil, q.connections.recordTampering(ctx, err, b.Library.ID)
		}
	}
	return &Destination{b, connection}, nil
}
