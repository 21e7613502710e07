package library

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// AccountHandle is a short-lived opaque name for an account id that an application gave, for use in
// the address of a page. Whose account it is, and whether it exists, is checked when the handle is
// used in the person's browser. The protocol calls it a reference; see [AccountReference] for the
// account's lasting one. It can also be the name of a storage.
type AccountHandle struct {
	ID     string
	Kind   HandleKind
	Client wire.ClientID
	// Account is the account, or the id of the storage.
	Account   wire.AccountID
	ExpiresAt time.Time
}

// HandleKind says what a handle is a name for.
type HandleKind string

// The kinds of handles.
const (
	HandleOfAccount HandleKind = ""
	HandleOfStorage HandleKind = "storage"
)

// AccountHandleStore stores the handles of accounts.
type AccountHandleStore interface {
	// AddAccountHandle deletes the oldest handles of the contract, until as many are left as Limits allow.
	AddAccountHandle(ctx context.Context, h AccountHandle) error
	GetAccountHandle(ctx context.Context, id string) (AccountHandle, error)
}

// AddAccountHandle returns a handle of an account or a storage. The account is checked only when the handle is
// used: see [AccountHandle]. A storage must be the application's own, and one that it can still give to a person.
func (c *Consents) AddAccountHandle(ctx context.Context, req *SignedRequest, r wire.ReferenceRequest) (string, error) {
	if r.Value == "" || len(r.Value) > 256 || strings.ContainsRune(r.Value, 0) {
		return "", InvalidParameter("value: want an id of 1 to 256 bytes")
	}
	handle := AccountHandle{
		ID:        wire.RandomAlphanumeric(32),
		Client:    req.ID(),
		Account:   wire.AccountID(r.Value),
		ExpiresAt: c.now().Add(accountHandleLifetime),
	}
	switch r.Type {
	case wire.ReferenceAccount:
	case wire.ReferenceStorage:
		handle.Kind = HandleOfStorage
		owner, err := c.store.GetStorageOwner(ctx, StorageID(r.Value))
		if errors.Is(err, ErrNotFound) || err == nil && !owner.isOf(req.Application.ID, c.now()) {
			return "", Unknown("Storage").Because(err)
		}
		if err != nil {
			return "", fmt.Errorf("get owner of storage: %w", err)
		}
	default:
		return "", InvalidParameter("type must be accountId or cloudId")
	}
	if err := c.store.AddAccountHandle(ctx, handle); err != nil {
		return "", fmt.Errorf("add handle: %w", err)
	}
	return handle.ID, nil
}

// ResolveAccountHandle returns the account that a handle of the request's application names. It
// returns ErrNotFound for a handle that is unknown, expired or another application's.
func (c *Consents) ResolveAccountHandle(ctx context.Context, r *PendingRequest, id string) (wire.AccountID, error) {
	return c.resolveHandle(ctx, r, HandleOfAccount, id)
}

func (c *Consents) resolveHandle(
	ctx context.Context, r *PendingRequest, kind HandleKind, id string,
) (wire.AccountID, error) {
	handle, err := c.store.GetAccountHandle(ctx, id)
	if err != nil {
		return "", fmt.Errorf("get handle: %w", err)
	}
	if handle.Kind != kind || handle.Client.Application != r.Client.Application.ID ||
		!c.now().Before(handle.ExpiresAt) {
		return "", fmt.Errorf("handle is of another kind or application, or too old: %w", ErrNotFound)
	}
	return handle.Account, nil
}
