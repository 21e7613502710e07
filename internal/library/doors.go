package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// PendingCode is the recovery code that the person has still to keep. It is the
// same each time until they have confirmed it; ok is false if none is pending.
func (p *People) PendingCode(_ context.Context, s *SignedIn) (code string, ok bool, err error) {
	if len(s.Login.PendingCode) == 0 {
		return "", false, nil
	}
	code, err = s.secret.OpenText(purposePending, s.Login.PendingCode)
	if err != nil {
		return "", false, fmt.Errorf("open pending code: %w", err)
	}
	return code, true, nil
}

// SaveCode notes that the person has kept the recovery code that is pending. It is
// never shown again. Where none is pending it does nothing: a later sign-in has made
// what this browser showed void, and its own code must still be shown.
func (p *People) SaveCode(ctx context.Context, s *SignedIn) error {
	if len(s.Login.PendingCode) == 0 {
		return nil
	}
	return p.libraries.SaveCode(ctx, s.Library.ID)
}

// NewCode makes a fresh recovery code; the old one is void at once. It returns
// ErrWrongPassword.
func (p *People) NewCode(ctx context.Context, s *SignedIn, password string) error {
	key, err := p.openAgain(ctx, s, password)
	if err != nil {
		return err
	}
	return p.setCode(ctx, s.Library.ID, key, seal.NewRecoveryCode(), s.secret, s.Login.ID)
}

func (p *People) setCode(ctx context.Context, id ID, key seal.PrivateKey, code string, secret seal.Secret, login LoginID) error {
	lock, err := p.lock(ctx, id, LockRecovery, key, code)
	if err != nil {
		return err
	}
	pending, err := secret.SealText(purposePending, code)
	if err != nil {
		return err
	}
	if err := p.libraries.SetCode(ctx, lock, login, pending, p.event(id, EventCodeMade, EventDetails{})); err != nil {
		return fmt.Errorf("set recovery code: %w", err)
	}
	return nil
}

// ChangePassword sets a new password and signs all other browsers out. It returns
// ErrWrongPassword, ErrSamePassword or a [*PasswordError].
func (p *People) ChangePassword(ctx context.Context, s *SignedIn, current, password string) error {
	key, err := p.openAgain(ctx, s, current)
	if err != nil {
		return err
	}
	if current == password {
		return ErrSamePassword
	}
	if err := checkPassword(password, s.Library.Email); err != nil {
		return err
	}
	lock, err := p.lock(ctx, s.Library.ID, LockPassword, key, password)
	if err != nil {
		return err
	}
	err = p.libraries.SetLocks(ctx, []Lock{lock}, true, s.Login.ID, p.event(s.Library.ID, EventPasswordChanged, EventDetails{}))
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// Shut cuts off every application and every other browser at once. Until deleteAt
// the person can bring the library back; then its keys are destroyed. Where no wait
// is configured it is deleted now, and deleteAt is zero. It returns
// ErrWrongPassword.
func (p *People) Shut(ctx context.Context, s *SignedIn, password string) (deleteAt time.Time, err error) {
	if _, err := p.openAgain(ctx, s, password); err != nil {
		return time.Time{}, err
	}
	if p.config.DeleteWait == 0 {
		return time.Time{}, p.delete(ctx, s.Library.ID)
	}
	deleteAt = p.now().Add(p.config.DeleteWait)
	err = p.libraries.ShutLibrary(ctx, s.Library.ID, deleteAt, s.Login.ID, p.event(s.Library.ID, EventShut, EventDetails{}))
	if err != nil {
		return time.Time{}, fmt.Errorf("shut library: %w", err)
	}
	return deleteAt, nil
}

// Reopen brings a shut library back. Applications must ask again.
func (p *People) Reopen(ctx context.Context, s *SignedIn) error {
	return p.libraries.ReopenLibrary(ctx, s.Library.ID, p.event(s.Library.ID, EventReopened, EventDetails{}))
}

// openAgain asks a person who is signed in for their password again.
func (p *People) openAgain(ctx context.Context, s *SignedIn, password string) (seal.PrivateKey, error) {
	_, key, err := p.openLock(ctx, s.Library.Email, LockPassword, password, Device{})
	return key, err
}

// rememberDeleted is how long the tokens of a deleted library are remembered, so
// that a client's own retry of the deletion succeeds.
const rememberDeleted = 10 * time.Minute

// DeleteNow deletes the library of a call's bearer, with everything in it and every
// key to it. An application's own call has no waiting time.
func (p *People) DeleteNow(ctx context.Context, b *Bearer) error {
	return p.delete(ctx, b.Library.ID)
}

// WasDeleted reports whether a call's access token belonged to a library that has
// been deleted in the last ten minutes.
func (p *People) WasDeleted(ctx context.Context, call *SignedCall) (bool, error) {
	return p.libraries.WasDeleted(ctx, seal.SecretOf(call.Claims.AccessToken).Hash(), p.now())
}

// DeleteDue deletes the libraries whose time of waiting is over.
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

// delete removes the rows first: with the last seal of the private key gone, what a
// blob still holds is noise.
func (p *People) delete(ctx context.Context, id ID) error {
	if err := p.libraries.DeleteLibrary(ctx, id, p.now().Add(rememberDeleted)); err != nil {
		return fmt.Errorf("delete library %s: %w", id, err)
	}
	err := p.blobs.List(ctx, string(id)+"/", func(key string, _ time.Time) error {
		return p.blobs.Delete(ctx, key)
	})
	if err != nil {
		return fmt.Errorf("delete contents of library %s: %w", id, err)
	}
	return nil
}
