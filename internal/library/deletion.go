package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// Shut ends the access of every application and of every other browser at once. Until deleteAt
// the person can reopen the library; then its keys are destroyed. If no wait is configured the
// library is deleted now, and deleteAt is zero. It returns ErrWrongPassword, a
// [*WaitError] or ErrBusy.
func (p *People) Shut(ctx context.Context, s *SignedIn, password string) (deleteAt time.Time, err error) {
	err = p.confirm(ctx, s, func(ctx context.Context) error {
		_, _, err := p.openLock(ctx, s.Library.Email, LockPassword, password)
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	if p.config.DeleteWait == 0 {
		return time.Time{}, p.delete(ctx, s.Library.ID)
	}
	deleteAt = p.now().Add(p.config.DeleteWait)
	err = p.libraries.ShutLibrary(
		ctx,
		s.Library.ID,
		deleteAt,
		s.Login.ID,
		p.event(s.Library.ID, EventShut, EventDetails{}),
	)
	if err != nil {
		return time.Time{}, fmt.Errorf("shut library: %w", err)
	}
	return deleteAt, nil
}

// Reopen reopens a shut library. Applications have to ask for consent again.
func (p *People) Reopen(ctx context.Context, s *SignedIn) error {
	return p.libraries.ReopenLibrary(ctx, s.Library.ID, p.event(s.Library.ID, EventReopened, EventDetails{}))
}

// rememberDeleted is how long the tokens that an application's deletion has ended are remembered, so
// that a client that repeats the call succeeds.
const rememberDeleted = 10 * time.Minute

// DeleteForBearer deletes what the bearer's application has of the person: everything that the person
// has allowed it. Only under a contract with the right to delete the library it shuts the library,
// which the person can then reopen, or deletes it if no wait is configured. A sandbox is deleted at once, if nobody
// can sign in to it: whoever can write to the database can mark a person's library as one.
func (p *People) DeleteForBearer(ctx context.Context, b *Bearer, c *Consents) error {
	if b.Library.Sandbox {
		locked, err := p.isLocked(ctx, b.Library.ID)
		if err != nil {
			return err
		}
		if !locked {
			return p.delete(ctx, b.Library.ID)
		}
	}
	if !b.Client.Contract.DeletesLibrary {
		return c.Leave(ctx, b)
	}
	id := b.Library.ID
	if p.config.DeleteWait == 0 {
		return p.delete(ctx, id)
	}
	now := p.now()
	if err := p.libraries.RememberTokens(ctx, id, now.Add(rememberDeleted)); err != nil {
		return fmt.Errorf("remember tokens of library %s: %w", id, err)
	}
	event := p.event(id, EventShutByApp, b.Client.EventDetails())
	if err := p.libraries.ShutLibrary(ctx, id, now.Add(p.config.DeleteWait), "", event); err != nil {
		return fmt.Errorf("shut library %s: %w", id, err)
	}
	return nil
}

// isLocked reports whether somebody can open the library with a password or a recovery code.
func (p *People) isLocked(ctx context.Context, id ID) (bool, error) {
	for _, kind := range []LockKind{LockPassword, LockRecovery} {
		_, err := p.libraries.GetLock(ctx, id, kind)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return false, fmt.Errorf("find the %s of library %s: %w", kind, id, err)
		}
	}
	return false, nil
}

// WasDeleted reports whether a request's access token was ended in the last ten minutes by an
// application's deletion, or with its library.
func (p *People) WasDeleted(ctx context.Context, req *SignedRequest) (bool, error) {
	return p.libraries.WasDeleted(ctx, seal.SecretOf(req.Claims.AccessToken).Hash(), p.now())
}

// WasLoginDeleted reports whether the secret of a login belonged to a library that was deleted in the
// last ten minutes.
func (p *People) WasLoginDeleted(ctx context.Context, secret seal.Secret) (bool, error) {
	return p.libraries.WasDeleted(ctx, secret.Hash(), p.now())
}

// DeleteDue deletes the libraries that are due to be deleted.
func (p *People) DeleteDue(ctx context.Context) error {
	due, err := p.libraries.ListShut(ctx, p.now())
	if err != nil {
		return fmt.Errorf("list shut libraries: %w", err)
	}
	for _, id := range due {
		err = errors.Join(err, p.delete(ctx, id))
	}
	return err
}

// delete deletes a library's rows, and then its blobs: without the seals of the private key a
// blob cannot be opened.
func (p *People) delete(ctx context.Context, id ID) error {
	if err := p.libraries.DeleteLibrary(ctx, id, p.now().Add(rememberDeleted)); err != nil {
		return fmt.Errorf("delete library %s: %w", id, err)
	}
	remove := func(key string, _ time.Time) error { return p.blobs.Delete(ctx, key) }
	err := errors.Join(p.blobs.List(ctx, string(id)+"/", remove), p.blobs.ListSetAside(ctx, string(id)+"/", remove))
	if err != nil {
		return fmt.Errorf("delete contents of library %s: %w", id, err)
	}
	return nil
}
