package library

import (
	"context"
	"errors"
	"log/slog"
)

// A guesser is who tries a password or a recovery code, and may guess it.
type guesser struct {
	known bool // signed in, or at a browser that has signed in before
	// password and recovery are the allowances that a wrong one is counted against.
	password, recovery []allowance
}

// hashers returns whose places the guesser takes.
func (g guesser) hashers() hashers {
	if g.known {
		return hashersKnown
	}
	return hashersStrangers
}

// guesserAt returns who tries to sign in to the library of an e-mail address, or to recover it.
func (p *People) guesserAt(ctx context.Context, email string, device Device) (guesser, error) {
	_, lock, err := p.findLock(ctx, email, LockPassword)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return guesser{}, err
	}
	if id := p.knownBrowser(device.Proofs, lock); id != "" {
		own := []allowance{browserAllowance(id)}
		return guesser{known: true, password: own, recovery: own}, nil
	}
	g := guesser{}
	if device.Address != "" {
		g.password = append(g.password, addressAllowance(device.Address))
		g.recovery = append(g.recovery, recoveryAllowance(device.Address))
	}
	g.password = append(g.password, emailAllowance(email))
	return g, nil
}

// isWrong reports whether an error says that a password or a recovery code is wrong.
func isWrong(err error) bool { return errors.Is(err, ErrWrongPassword) || errors.Is(err, ErrWrongCode) }

// What people do that can be refused, as the log names it.
const (
	actionSignIn   = "sign in"
	actionRecover  = "recover"
	actionCreate   = "create a library"
	actionPassword = "confirm with the password"
)

// refused logs that an action was refused, for programs that block network addresses, and returns err. It logs no other
// errors, nor who was to be signed in. docs/operating.md has the words.
func (p *People) refused(ctx context.Context, action, address string, err error) error {
	reason, wait := "", (*WaitError)(nil)
	switch {
	case errors.Is(err, ErrWrongPassword):
		reason = "wrong password"
	case errors.Is(err, ErrWrongCode):
		reason = "wrong recovery code"
	case errors.Is(err, ErrEmailTaken):
		reason = "e-mail address taken"
	case errors.As(err, &wait) && wait.Creations:
		reason = "too many libraries"
	case errors.As(err, &wait):
		reason = "too many tries"
	case errors.Is(err, ErrBusy):
		reason = "busy"
	default:
		return err
	}
	p.config.Log.LogAttrs(ctx, slog.LevelInfo, "sign-in refused",
		slog.String("action", action), slog.String("reason", reason), slog.String("address", address))
	return err
}
