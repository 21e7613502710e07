package library

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/internal/seal"
)

// PendingCode is a recovery code that the person has not yet confirmed to keep.
type PendingCode struct {
	Text string
	// ID distinguishes the code from every other one, and tells nothing about it. The person confirms the
	// code by its ID.
	ID string
}

// PendingCode returns the recovery code that the person has not yet confirmed to keep. It is the
// same until they have confirmed it. ok is false if none is pending.
func (p *People) PendingCode(ctx context.Context, s *SignedIn) (code PendingCode, ok bool, err error) {
	for len(s.Login.PendingCode) > 0 {
		lock, err := p.libraries.GetLock(ctx, s.Library.ID, LockRecovery)
		if err != nil {
			return PendingCode{}, false, fmt.Errorf("get lock of pending code: %w", err)
		}
		now, _, err := p.logins.GetLogin(ctx, s.secret.Hash())
		if err != nil {
			return PendingCode{}, false, fmt.Errorf("get login of pending code: %w", err)
		}
		if !bytes.Equal(now.PendingCode, s.Login.PendingCode) { // the lock may be that of another code
			s.Login.PendingCode = now.PendingCode
			continue
		}
		text, err := s.secret.OpenText(purposePending, s.Login.PendingCode)
		if err != nil {
			return PendingCode{}, false, fmt.Errorf("open pending code: %w", err)
		}
		return PendingCode{text, codeID(lock)}, true, nil
	}
	return PendingCode{}, false, nil
}

// codeID returns the ID of the recovery code that opens a lock. A lock has a random salt, so that two
// codes of the same moment have two IDs.
func codeID(lock Lock) string {
	sum := sha256.Sum256(append([]byte("carrel recovery code\x00"), lock.Box...))
	return hex.EncodeToString(sum[:16])
}

// SaveRecoveryCode confirms that the person keeps the recovery code with an ID, which is never shown again. If
// it is confirmed already, nothing changes. It returns ErrCodeReplaced, and changes nothing, if another
// code has replaced it, made in another browser or in another window of this one.
func (p *People) SaveRecoveryCode(ctx context.Context, s *SignedIn, id string) error {
	lock, err := p.libraries.GetLock(ctx, s.Library.ID, LockRecovery)
	if err != nil {
		return fmt.Errorf("get lock of recovery code: %w", err)
	}
	if codeID(lock) != id {
		return ErrCodeReplaced
	}
	return p.libraries.SaveRecoveryCode(ctx, s.Library.ID, lock.Box)
}

// NewCode makes a new recovery code in place of the old one. It returns ErrWrongPassword, a [*WaitError] or ErrBusy.
func (p *People) NewCode(ctx context.Context, s *SignedIn, password string) error {
	return p.confirm(ctx, s, func(ctx context.Context) error {
		_, key, err := p.openLock(ctx, s.Library.Email, LockPassword, password)
		if err != nil {
			return err
		}
		return p.setCode(ctx, s.Library.ID, key, seal.NewRecoveryCode(), s.secret, s.Login.ID)
	})
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
// ErrWrongPassword, ErrSamePassword, a [*PasswordError], a [*WaitError] or ErrBusy.
func (p *People) ChangePassword(ctx context.Context, s *SignedIn, current, password string) error {
	return p.confirm(ctx, s, func(ctx context.Context) error {
		return p.changePassword(ctx, s, current, password)
	})
}

func (p *People) changePassword(ctx context.Context, s *SignedIn, current, password string) error {
	changed, err := p.wasChangedTo(ctx, s.Library.Email, password, true)
	if err != nil || changed && current != password {
		return err // the form was sent twice
	}
	_, key, err := p.openLock(ctx, s.Library.Email, LockPassword, current)
	if errors.Is(err, ErrWrongPassword) { // or is sent twice at this moment
		if changed, again := p.wasChangedTo(ctx, s.Library.Email, password, true); again == nil && changed {
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
// long for every library. Without allowed it reports false: too many passwords were guessed.
func (p *People) wasChangedTo(ctx context.Context, email, password string, allowed bool) (bool, error) {
	library, lock, err := p.findLock(ctx, email, LockPassword)
	unknown := errors.Is(err, ErrNotFound)
	if err != nil && !unknown {
		return false, err
	}
	// The first lock is as old as the library.
	if unknown || !allowed || lock.CreatedAt.Add(repeatTime).Before(p.now()) ||
		!lock.CreatedAt.After(library.CreatedAt) {
		return false, seal.SpendPasswordTime(ctx, password, p.config.PasswordCost)
	}
	_, err = lock.Box.Open(ctx, password)
	if errors.Is(err, seal.ErrCannotOpen) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open library %s: %w", library.ID, err)
	}
	return true, nil
}

// confirm does what a person who is signed in confirms with their password, and limits guesses at it: a login has an
// allowance of its own, so that nobody else keeps the person from it.
func (p *People) confirm(ctx context.Context, s *SignedIn, do func(context.Context) error) (err error) {
	hashing, leave, err := p.places.take(ctx, hashersKnown, s.Address)
	if err != nil {
		return p.refused(ctx, actionPassword, s.Address, err)
	}
	defer leave()
	try, err := p.limiter.reserve(p.now(), loginAllowance(s.Login.ID))
	if err != nil {
		return p.refused(ctx, actionPassword, s.Address, err)
	}
	err = p.refused(ctx, actionPassword, s.Address, do(hashing))
	try.end(err)
	return err
}
