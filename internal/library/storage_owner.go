package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// StorageOwner is what this package knows of a storage: whose it is. Package storage knows the rest.
type StorageOwner struct {
	Application wire.ApplicationID
	// Library is empty until a person has allowed the storage, and ExpiresAt is zero from then on.
	Library   ID
	ExpiresAt time.Time
}

// isOf reports whether the storage is an application's, and has not expired.
func (o StorageOwner) isOf(application wire.ApplicationID, now time.Time) bool {
	return o.Application == application && (o.Library != "" || now.Before(o.ExpiresAt))
}

// StorageOwnerStore knows whose the storages are. [AuthRequestStore.Allow] gives one to a library.
type StorageOwnerStore interface {
	GetStorageOwner(ctx context.Context, id StorageID) (StorageOwner, error)
}

// ErrStorageGone says that a storage cannot be given to a library: it has expired, or is another library's or
// application's.
var ErrStorageGone = errors.New("the storage cannot be given to the library")

// ResolveStorageHandle returns the storage that a handle of the request's application names, for the person to allow.
// It returns ErrStorageGone for a handle that is unknown, expired or another application's, and for a storage that is
// gone or another person's.
func (c *Consents) ResolveStorageHandle(
	ctx context.Context, s *SignedIn, r *PendingRequest, id string,
) (StorageID, error) {
	storage, owner, err := c.findStorage(ctx, r, id)
	if err == nil && owner != "" && owner != s.Library.ID {
		err = ErrStorageGone
	}
	if err != nil {
		return "", err
	}
	return storage, nil
}

// FindStorageOwner returns the library that has the storage which a handle of the request's application names; empty if
// none has it yet. It returns ErrStorageGone as ResolveStorageHandle does, for a storage that no person can allow.
func (c *Consents) FindStorageOwner(ctx context.Context, r *PendingRequest, id string) (ID, error) {
	_, owner, err := c.findStorage(ctx, r, id)
	return owner, err
}

func (c *Consents) findStorage(ctx context.Context, r *PendingRequest, id string) (StorageID, ID, error) {
	value, err := c.resolveHandle(ctx, r, HandleOfStorage, id)
	if errors.Is(err, ErrNotFound) {
		return "", "", fmt.Errorf("%w: %w", ErrStorageGone, err)
	}
	if err != nil {
		return "", "", err
	}
	storage := StorageID(value)
	owner, err := c.store.GetStorageOwner(ctx, storage)
	switch {
	case errors.Is(err, ErrNotFound):
		return "", "", fmt.Errorf("%w: %w", ErrStorageGone, err)
	case err != nil:
		return "", "", fmt.Errorf("get owner of storage: %w", err)
	case !owner.isOf(r.Client.Application.ID, c.now()):
		return "", "", ErrStorageGone
	}
	return storage, owner.Library, nil
}

// HasAccess reports whether a library has a grant of a client's application that counts, by whichever contract: see
// [Standing]. A grant that the person has not given does not count.
func (c *Consents) HasAccess(ctx context.Context, id ID, client wire.ClientID) (bool, error) {
	_, has, err := c.findAccess(ctx, id, client)
	return has, err
}

// MarkAccessUsed marks the grant of a client's contract as used or, if that has none, another one by which HasAccess is
// true; at most once a minute. What is only shown must not make a call fail: an error is in the log.
func (c *Consents) MarkAccessUsed(ctx context.Context, id ID, client wire.ClientID) {
	grant, has, err := c.findAccess(ctx, id, client)
	if now := c.now(); err == nil && has && now.Sub(grant.LastUsedAt) >= UsePrecision {
		err = c.store.UseGrant(ctx, id, grant.ID, now)
	}
	if err != nil && !errors.Is(err, ErrNotFound) { // not found if it was revoked a moment ago
		c.config.Log.WarnContext(ctx, "use of a grant not recorded", "library", id, "contract", client.Contract,
			"error", err)
	}
}

// findAccess finds a grant of a client's application that counts: that of the client's contract, if it has one.
func (c *Consents) findAccess(ctx context.Context, id ID, client wire.ClientID) (found Grant, has bool, err error) {
	grants, err := c.store.ListGrants(ctx, id)
	if err != nil {
		return Grant{}, false, fmt.Errorf("list grants: %w", err)
	}
	for _, g := range grants {
		if g.Application != client.Application || !g.Active(c.now()) || !c.integrity.isGrantBound(g) {
			continue
		}
		counts, err := c.counts(ctx, g)
		switch {
		case err != nil:
			return Grant{}, false, err
		case counts && g.Contract == client.Contract:
			return g, true, nil
		case counts && !has:
			found, has = g, true
		}
	}
	return found, has, nil
}

// watchedAccess is what allows the transfers of an application's storage.
type watchedAccess struct {
	library ID
	client  wire.ClientID
}

// WatchAccess returns a context that ends, for the cause ErrEnded, within a second after the client has been disabled
// or, unless the library is empty, HasAccess has become false. The caller must call the function when the transfer is
// over.
func (c *Consents) WatchAccess(ctx context.Context, id ID, client wire.ClientID) (context.Context, func()) {
	return c.watches.add(ctx, watchedAccess{id, client}, func(ctx context.Context) (bool, error) {
		var refused *Refusal
		if _, err := c.clients.getActive(ctx, client); errors.As(err, &refused) {
			return false, nil
		} else if err != nil || id == "" {
			return true, err
		}
		return c.HasAccess(ctx, id, client)
	})
}
