package library

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// AccountHandle is a short-lived opaque name for an account id that an application gave, for use in
// the address of a page. Whose account it is, and whether it exists, is checked when the handle is
// used in the person's browser. The protocol calls it a reference; see [AccountReference] for the
// account's lasting one.
type AccountHandle struct {
	ID        string
	Client    wire.ClientID
	Account   wire.AccountID
	ExpiresAt time.Time
}

// AccountHandleStore stores the handles of accounts.
type AccountHandleStore interface {
	// AddAccountHandle deletes the oldest handles of the contract, until as many are left as Limits allow.
	AddAccountHandle(ctx context.Context, h AccountHandle) error
	GetAccountHandle(ctx context.Context, id string) (AccountHandle, error)
}

// AddAccountHandle returns a handle of an account. The account is checked only when the handle is
// used: see [AccountHandle].
func (c *Consents) AddAccountHandle(ctx context.Context, req *SignedRequest, r wire.ReferenceRequest) (string, error) {
	if r.Value == "" || len(r.Value) > 256 || strings.ContainsRune(r.Value, 0) {
		return "", InvalidParameter("value")
	}
	switch r.Type {
	case "accountId":
	case "cloudId":
		return "", Unknown("Storage")
	default:
		return "", InvalidParameter("type must be accountId or cloudId")
	}
	handle := AccountHandle{
		ID:        wire.RandomAlphanumeric(32),
		Client:    req.ID(),
		Account:   wire.AccountID(r.Value),
		ExpiresAt: c.now().Add(accountHandleLifetime),
	}
	if err := c.store.AddAccountHandle(ctx, handle); err != nil {
		return "", fmt.Errorf("add account handle: %w", err)
	}
	return handle.ID, nil
}

// ResolveAccountHandle returns the account that a handle of the request's application names. It
// returns ErrNotFound for a handle that is unknown, expired or another application's.
func (c *Consents) ResolveAccountHandle(ctx context.Context, r *PendingRequest, id string) (wire.AccountID, error) {
	handle, err := c.store.GetAccountHandle(ctx, id)
	if err != nil {
		return "", fmt.Errorf("get account handle: %w", err)
	}
	if handle.Client.Application != r.Client.Application.ID || !c.now().Before(handle.ExpiresAt) {
		return "", fmt.Errorf("account handle is of another application or too old: %w", ErrNotFound)
	}
	return handle.Account, nil
}
