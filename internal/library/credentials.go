package library

import (
	"context"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/internal/seal"
)

// PendingCode returns the recovery code that the person has not yet confirmed to keep. It is the
// same until they have confirmed it. ok is false if none is pending.
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

// SaveRecoveryCode confirms that the person keeps the pending recovery code, which is never shown again.
// If none is pending in this browser it does nothing: a later sign-in has replaced the code that
// this browser showed, and the new code has still to be shown there.
func (p *People) SaveRecoveryCode(ctx context.Context, s *SignedIn) error {
	if len(s.Login.PendingCode) == 0 {
		return nil
	}
	return p.libraries.SaveRecoveryCode(ctx, s.Library.ID)
}

// NewCode makes a new recovery code in place of the old one. It returns ErrWrongPassword.
func (p *People) NewCode(ctx context.Context, s *SignedIn, password string) error {
	key, err := p.openWithPassword(ctx, s, password)
	if err != nil {
		return err
	}
	return p.setCode(ctx, s.Library.ID, key, seal.NewRecoveryCode(), s.secret, s.Login.ID)
}

func (p *People) setCode(
	ctx context.Context,
	id ID,
	key seal.PrivateKey,
	code string,
	secret seal.Secret,
	login LoginID,
) error {
	lock, err := p.lock(ctx, id, LockRecovery, key, code)
	if err != nil {
		return err
	}
	pending, err := secret.SealText(purposePending, code)
	if err != nil {
		return err
	}
	event := p.event(id, EventCodeMade, EventDetails{})
	if err := p.libraries.SetRecoveryCode(ctx, lock, login, pending, event); err != nil {
		return fmt.Errorf("set recovery code: %w", err)
	}
	return nil
}

// ChangePassword sets a new password and signs all other browsers out. It returns
// ErrWrongPassword, ErrSamePassword or a [*PasswordError].
func (p *People) ChangePassword(ctx context.Context, s *SignedIn, current, password string) error {
	changed, err := p.wasChangedTo(ctx, s.Library.Email, password, "")
	if err != nil || changed && current != password {
		return err // the form was sent twice
	}
	key, err := p.openWithPassword(ctx, s, current)
	if errors.Is(err, ErrWrongPassword) { // or is sent twice at this moment
		if changed, again := p.wasChangedTo(ctx, s.Library.Email, password, ""); again == nil && changed {
			return nil
		}
	}
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
	err = p.libraries.SetLocks(
		ctx,
		[]Lock{lock},
		true,
		s.Login.ID,
		p.event(s.Library.ID, EventPasswordChanged, EventDetails{}),
	)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// wasChangedTo reports whether the password of a library was set to this one a moment ago. It takes as
// long for every library, and limits guesses as openLock does.
func (p *People) wasChangedTo(ctx context.Context, email, password, address string) (bool, error) {
	library, lock, err := p.findLock(ctx, email, LockPassword)
	unknown := errors.Is(err, ErrNotFound)
	if err != nil && !unknown {
		return false, err
	}
	// The first lock is as old as the library.
	if unknown || lock.CreatedAt.Add(repeatTime).Before(p.now()) || !lock.CreatedAt.After(library.CreatedAt) {
		seal.SpendPasswordTime(ctx, password, p.config.PasswordCost)
		return false, nil
	}
	try, err := p.limiter.reserve(p.now(), address, email)
	if err != nil {
		return false, err
	}
	_, err = lock.Box.Open(ctx, password)
	if errors.Is(err, seal.ErrCannotOpen) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open library %s: %w", library.ID, err)
	}
	try.cancel()
	return true, nil
}

// openWithPassword opens the library of a person who is signed in with their password. It returns
// ErrWrongPassword.
func (p *People) openWithPassword(ctx context.Context, s *SignedIn, password string) (seal.PrivateKey, error) {
	_, key, err := p.openLock(ctx, s.Library.Email, LockPassword, password, Device{})
	return key, err
}
