package library

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// Library is a person's sealed store of files. Each person has one, and is known by nothing
// but the e-mail address that they sign in with.
type Library struct {
	ID    ID
	Email string
	// PublicKey seals what is put in. The private key is stored only sealed.
	PublicKey seal.PublicKey
	CreatedAt time.Time
	// CodeSaved says that the person has confirmed that they keep the recovery code.
	CodeSaved bool
	// CodeMadeAt is when the current recovery code was made.
	CodeMadeAt time.Time
	// DeleteAt is when the keys of a shut library will be destroyed; zero for an open one.
	DeleteAt time.Time
	// Binding binds ID and PublicKey under the master keyring: see [Integrity]. It is empty in a
	// library that an older program has made and that has not been adopted.
	Binding []byte
	// Sandbox says that nobody signs in to the library: only tokens open it. See [People.UseSandbox].
	Sandbox bool
}

// Shut reports whether the library is waiting to be deleted.
func (l Library) Shut() bool { return !l.DeleteAt.IsZero() }

// LockKind says what opens a lock.
type LockKind string

// The kinds of locks.
const (
	LockPassword LockKind = "password"
	LockRecovery LockKind = "recovery"
)

// Lock is a library's private key, sealed under something that the person knows.
type Lock struct {
	Library ID
	Kind    LockKind
	// Box holds the private key. The password or the recovery code opens it.
	Box       seal.PasswordBox
	CreatedAt time.Time
}

// LibraryStore stores libraries and their locks.
type LibraryStore interface {
	// AddLibrary adds a library, its locks, its first login, unless that has no id, and its first event. It returns
	// ErrExists if the e-mail address, compared byte by byte, has a library.
	AddLibrary(ctx context.Context, l Library, locks []Lock, login Login, e Event) error
	// FindLibrary finds a library by its e-mail address.
	FindLibrary(ctx context.Context, email string) (Library, error)
	GetLibrary(ctx context.Context, id ID) (Library, error)
	GetLock(ctx context.Context, id ID, kind LockKind) (Lock, error)
	// SetLocks replaces the locks of the given kinds. If endLogins is true, it ends all logins
	// except keep.
	SetLocks(ctx context.Context, locks []Lock, endLogins bool, keep LoginID, e Event) error
	// SetRecoveryCode replaces the recovery lock, marks the library's code as not saved and as made at
	// the lock's time, and stores the pending code in the login and in no other. It returns
	// ErrNotFound if the login is not the library's.
	SetRecoveryCode(ctx context.Context, lock Lock, login LoginID, pending seal.Sealed, e Event) error
	// SaveRecoveryCode marks the recovery code as saved and removes it from every login. It returns
	// ErrCodeReplaced, and changes nothing, if the recovery lock has another box.
	SaveRecoveryCode(ctx context.Context, id ID, box seal.PasswordBox) error
	// ShutLibrary sets DeleteAt, revokes every grant, and ends every token, code and session,
	// and every login except keep. Tokens and codes lose their seals, but are still found, with
	// a grant that is revoked. Waiting deliveries end as expired, for the reason "the library
	// was shut", and accounts at providers end, as RevokeGrant says. If the library is said to be
	// shut already, ShutLibrary ends what is left of these, apart from the logins, and adds no event e.
	ShutLibrary(ctx context.Context, id ID, deleteAt time.Time, keep LoginID, e Event) error
	// ReopenLibrary clears DeleteAt. If the library is not shut, it changes nothing and adds no event.
	ReopenLibrary(ctx context.Context, id ID, e Event) error
	// DeleteLibrary removes the library and everything in it. The hashes of its access tokens and
	// logins are remembered until forgetAt. It returns ErrNotFound for an unknown id.
	DeleteLibrary(ctx context.Context, id ID, forgetAt time.Time) error
	// RememberTokens remembers the hashes of a library's access tokens until forgetAt.
	RememberTokens(ctx context.Context, id ID, forgetAt time.Time) error
	// WasDeleted reports whether an access token is remembered at now, by DeleteLibrary,
	// RevokeApplication or RememberTokens.
	WasDeleted(ctx context.Context, token seal.Hash, now time.Time) (bool, error)
	// ListShut lists the libraries whose DeleteAt is at or before due.
	ListShut(ctx context.Context, due time.Time) ([]ID, error)
	// ListUnopenable lists up to limit sandboxes, oldest first, that were made at or before a time and have no lock,
	// and no token of a grant in force that is valid at now.
	ListUnopenable(ctx context.Context, before, now time.Time, limit int) ([]ID, error)
}
