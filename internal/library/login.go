package library

import (
	"context"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// A browser stays signed in until it has made no request for loginIdleLimit, and at most for
// loginMaxLifetime.
const (
	loginIdleLimit   = 30 * time.Minute
	loginMaxLifetime = 12 * time.Hour
)

// Login is one browser that is signed in.
type Login struct {
	ID      LoginID
	Library ID
	// Hash is the hash of the cookie's secret, by which the login is found.
	Hash seal.Hash
	// Seal is the library's private key, sealed for the cookie's secret.
	Seal seal.Sealed
	// PendingCode is a recovery code that the person has not confirmed, sealed for the cookie's
	// secret.
	PendingCode seal.Sealed
	// Agent says what kind of device it is: "phone", "computer".
	Agent     string
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
	// Binding binds the login to the library: see [Integrity]. It is empty in a login that an older
	// program has made.
	Binding []byte
}

// LoginStore stores logins.
type LoginStore interface {
	AddLogin(ctx context.Context, l Login, e Event) error
	// GetLogin finds a login by its secret's hash, with its library.
	GetLogin(ctx context.Context, h seal.Hash) (Login, Library, error)
	// TouchLogin sets SeenAt and ExpiresAt. It returns ErrNotFound for a login that is gone.
	TouchLogin(ctx context.Context, id LoginID, seen, expires time.Time) error
	// EndLogin removes a login. A login that is gone is no error.
	EndLogin(ctx context.Context, id LoginID) error
}

// SignedIn is a person who is signed in with one browser, and can open their library.
type SignedIn struct {
	Login   Login
	Library Library
	// Address is the network address of the browser, if it is known. It is in the log of what is refused.
	Address string

	secret    seal.Secret
	integrity *Integrity
}

// key opens the library.
func (s *SignedIn) key(ctx context.Context) (seal.PrivateKey, error) {
	k, err := s.integrity.open(ctx, s.secret, s.Login.Seal, s.Library)
	if err != nil {
		return seal.PrivateKey{}, fmt.Errorf("open library for login %s: %w", s.Login.ID, err)
	}
	return k, nil
}

// purposePending binds the seal of a pending code to its use.
const purposePending = "carrel pending recovery code"

// newLogin makes a login and its secret, to which the library's key is sealed. The code is a
// recovery code that the login is to show; empty if there is none.
func (p *People) newLogin(l Library, key seal.PrivateKey, code, agent string) (seal.Secret, Login, error) {
	secret := seal.NewSecret()
	sealed, err := key.SealToSecret(secret)
	if err != nil {
		return seal.Secret{}, Login{}, err
	}
	now := p.now()
	login := Login{ID: LoginID(seal.RandomID(20)), Library: l.ID, Hash: secret.Hash(), Seal: sealed, Agent: agent,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(loginIdleLimit), Binding: p.integrity.BindLogin(secret, l)}
	if code != "" {
		if login.PendingCode, err = secret.SealText(purposePending, code); err != nil {
			return seal.Secret{}, Login{}, err
		}
	}
	return secret, login, nil
}

// Login finds the person who is signed in with a cookie's secret, and extends the login. It
// returns ErrNotFound for a login that is unknown or has expired, or that an older program has made, and
// a [*TamperedError] if it is not one of the library.
func (p *People) Login(ctx context.Context, secret seal.Secret) (*SignedIn, error) {
	login, library, err := p.logins.GetLogin(ctx, secret.Hash())
	if err != nil {
		return nil, fmt.Errorf("get login: %w", err)
	}
	if err := p.integrity.verifyLogin(ctx, secret, login.Binding, library); err != nil {
		return nil, err
	}
	now := p.now()
	if !now.Before(login.ExpiresAt) {
		return nil, fmt.Errorf("login has expired: %w", ErrNotFound)
	}
	if now.Sub(login.SeenAt) >= time.Minute { // at most one write a minute
		login.SeenAt, login.ExpiresAt = now, earlier(now.Add(loginIdleLimit), login.CreatedAt.Add(loginMaxLifetime))
		if err := p.logins.TouchLogin(ctx, login.ID, login.SeenAt, login.ExpiresAt); err != nil {
			return nil, fmt.Errorf("extend login: %w", err)
		}
	}
	return &SignedIn{Login: login, Library: library, secret: secret, integrity: p.integrity}, nil
}

// SignOut ends the browser's login at once.
func (p *People) SignOut(ctx context.Context, s *SignedIn) error {
	return p.logins.EndLogin(ctx, s.Login.ID)
}
