package library

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// How long a browser stays signed in: until it has rested for loginRest, and no
// longer than loginMost.
const (
	loginIdleLimit   = 30 * time.Minute
	loginMaxLifetime = 12 * time.Hour
)

// What can go wrong at the door. Texts for people are the pages' business.
var (
	// ErrEmailShape says that an e-mail address is none.
	ErrEmailShape = errors.New("not an e-mail address")
	// ErrEmailTaken says that the address has a library.
	ErrEmailTaken = errors.New("e-mail address has a library already")
	// ErrWrongPassword stands for a wrong address and a wrong password alike.
	ErrWrongPassword = errors.New("wrong e-mail address or password")
	// ErrWrongCode stands for a wrong address and a wrong recovery code alike.
	ErrWrongCode = errors.New("wrong e-mail address or recovery code")
	// ErrClosed says that no new libraries are made here.
	ErrClosed = errors.New("no new libraries are made here")
	// ErrSamePassword refuses a new password that is the old one.
	ErrSamePassword = errors.New("the new password is the old one")
)

// PeopleConfig says how libraries are kept.
type PeopleConfig struct {
	// DeleteWait is how long a shut library can be brought back; 0 deletes at once.
	DeleteWait time.Duration
	// Closed refuses new libraries.
	Closed bool
}

// People looks after libraries and the ways into them.
type People struct {
	libraries LibraryStore
	logins    LoginStore
	events    EventStore
	blobs     Blobs
	now       func() time.Time
	config    PeopleConfig
	tries     *loginLimiter
}

// NewPeople returns the people whose libraries are kept in the stores.
func NewPeople(libraries LibraryStore, logins LoginStore, events EventStore, blobs Blobs, now func() time.Time, config PeopleConfig) *People {
	return &People{libraries: libraries, logins: logins, events: events, blobs: blobs, now: now, config: config, tries: newLoginLimiter()}
}

// Device is who stands at the door: what kind of device, from which address.
type Device struct {
	// Agent is "phone", "computer" or the like; it is kept in the activity.
	Kind string
	// Address is the network address, used for slowing down guesses and never kept.
	Address string
}

// NewPerson is what creating a library takes.
type NewPerson struct {
	Email    string
	Password string
	Device
}

// SignedIn is a person in one browser: they can open their library.
type SignedIn struct {
	Login   Login
	Library Library
	secret  seal.Secret
}

// key opens the library.
func (s *SignedIn) key() (seal.PrivateKey, error) {
	k, err := s.secret.OpenKey(s.Login.Seal)
	if err != nil {
		return seal.PrivateKey{}, fmt.Errorf("open library %s for login %s: %w", s.Library.ID, s.Login.ID, err)
	}
	return k, nil
}

// Create makes a library and signs its person in; the secret is for the browser's
// cookie. A recovery code is pending then. It returns ErrClosed, ErrEmailShape, a
// [*PasswordError], ErrEmailTaken, or a [*WaitError] after too many tries.
func (p *People) Create(ctx context.Context, n NewPerson) (seal.Secret, error) {
	if p.config.Closed {
		return seal.Secret{}, ErrClosed
	}
	email, err := NormalizeEmail(n.Email)
	if err != nil {
		return seal.Secret{}, err
	}
	if err := checkPassword(n.Password, email); err != nil {
		return seal.Secret{}, err
	}
	// Only tries that meet a taken address count: they could be guesses at who is here.
	attempt, err := p.tries.begin(p.now(), n.Address, "")
	if err != nil {
		return seal.Secret{}, err
	}
	key, err := seal.GenerateKey()
	if err != nil {
		return seal.Secret{}, err
	}
	code := seal.NewRecoveryCode()
	library := Library{ID: ID(seal.RandomID(26)), Email: email, PublicKey: key.PublicKey(), CreatedAt: p.now(), CodeMadeAt: p.now()}
	passwordLock, err := p.lock(ctx, library.ID, LockPassword, key, n.Password)
	if err != nil {
		return seal.Secret{}, err
	}
	codeLock, err := p.lock(ctx, library.ID, LockRecovery, key, code)
	if err != nil {
		return seal.Secret{}, err
	}
	secret, login, err := p.newLogin(library.ID, key, code, n.Kind)
	if err != nil {
		return seal.Secret{}, err
	}
	event := p.event(library.ID, EventLibraryCreated, EventDetails{Agent: n.Kind})
	err = p.libraries.AddLibrary(ctx, library, []Lock{passwordLock, codeLock}, login, event)
	if errors.Is(err, ErrExists) {
		return seal.Secret{}, ErrEmailTaken
	}
	if err != nil {
		return seal.Secret{}, fmt.Errorf("add library: %w", err)
	}
	attempt.succeeded()
	return secret, nil
}

// SignIn opens a library with its password. Where the recovery code was never
// confirmed, a fresh one is pending. It returns ErrWrongPassword or a [*WaitError].
func (p *People) SignIn(ctx context.Context, email, password string, v Device) (seal.Secret, error) {
	library, key, err := p.openLock(ctx, email, LockPassword, password, v)
	if err != nil {
		return seal.Secret{}, err
	}
	code := ""
	if !library.CodeSaved {
		code = seal.NewRecoveryCode()
	}
	secret, login, err := p.newLogin(library.ID, key, code, v.Kind)
	if err != nil {
		return seal.Secret{}, err
	}
	if err := p.logins.AddLogin(ctx, login, p.event(library.ID, EventSignedIn, EventDetails{Agent: v.Kind})); err != nil {
		return seal.Secret{}, fmt.Errorf("add login: %w", err)
	}
	if code != "" {
		if err := p.setCode(ctx, library.ID, key, code, secret, login.ID); err != nil {
			return seal.Secret{}, err
		}
	}
	return secret, nil
}

// Recover opens a library with its recovery code and sets a new password. All
// other browsers are signed out, the code is void and a fresh one is pending;
// applications keep their access. It returns ErrWrongCode, a [*PasswordError] or a
// [*WaitError].
func (p *People) Recover(ctx context.Context, email, code, password string, v Device) (seal.Secret, error) {
	normal, err := NormalizeEmail(email)
	if err != nil {
		return seal.Secret{}, err
	}
	if err := checkPassword(password, normal); err != nil {
		return seal.Secret{}, err
	}
	typed, err := seal.NormalizeRecoveryCode(code)
	if err != nil {
		return seal.Secret{}, ErrWrongCode
	}
	library, key, err := p.openLock(ctx, email, LockRecovery, typed, v)
	if err != nil {
		return seal.Secret{}, err
	}
	lock, err := p.lock(ctx, library.ID, LockPassword, key, password)
	if err != nil {
		return seal.Secret{}, err
	}
	fresh := seal.NewRecoveryCode()
	secret, login, err := p.newLogin(library.ID, key, fresh, v.Kind)
	if err != nil {
		return seal.Secret{}, err
	}
	if err := p.libraries.SetLocks(ctx, []Lock{lock}, true, login.ID, p.event(library.ID, EventRecovered, EventDetails{Agent: v.Kind})); err != nil {
		return seal.Secret{}, fmt.Errorf("set password: %w", err)
	}
	if err := p.logins.AddLogin(ctx, login, p.event(library.ID, EventSignedIn, EventDetails{Agent: v.Kind})); err != nil {
		return seal.Secret{}, fmt.Errorf("add login: %w", err)
	}
	if err := p.setCode(ctx, library.ID, key, fresh, secret, login.ID); err != nil {
		return seal.Secret{}, err
	}
	return secret, nil
}

// openLock opens a library by something its person knows, with the guesses slowed
// down by address and by e-mail.
func (p *People) openLock(ctx context.Context, email string, kind LockKind, word string, v Device) (Library, seal.PrivateKey, error) {
	wrong := ErrWrongPassword
	if kind == LockRecovery {
		wrong = ErrWrongCode
	}
	email, err := NormalizeEmail(email)
	if err != nil {
		return Library{}, seal.PrivateKey{}, err
	}
	attempt, err := p.tries.begin(p.now(), v.Address, email)
	if err != nil {
		return Library{}, seal.PrivateKey{}, err
	}
	library, lock, err := p.findLock(ctx, email, kind)
	if errors.Is(err, ErrNotFound) {
		seal.SpendPasswordTime(ctx, word, seal.PasswordCost{})
		return Library{}, seal.PrivateKey{}, wrong
	}
	if err != nil {
		return Library{}, seal.PrivateKey{}, err
	}
	key, err := lock.Box.Open(ctx, word)
	if errors.Is(err, seal.ErrCannotOpen) {
		err := p.events.AddEvent(ctx, p.event(library.ID, EventWrongPassword, EventDetails{}))
		return Library{}, seal.PrivateKey{}, errors.Join(wrong, err)
	}
	if err != nil {
		return Library{}, seal.PrivateKey{}, fmt.Errorf("open library %s: %w", library.ID, err)
	}
	attempt.succeeded()
	return library, key, nil
}

func (p *People) findLock(ctx context.Context, email string, kind LockKind) (Library, Lock, error) {
	library, err := p.libraries.FindLibrary(ctx, email)
	if err != nil {
		return Library{}, Lock{}, fmt.Errorf("find library: %w", err)
	}
	lock, err := p.libraries.GetLock(ctx, library.ID, kind)
	if err != nil {
		return Library{}, Lock{}, fmt.Errorf("get lock of library %s: %w", library.ID, err)
	}
	return library, lock, nil
}

func (p *People) lock(ctx context.Context, id ID, kind LockKind, key seal.PrivateKey, word string) (Lock, error) {
	box, err := key.SealWithPassword(ctx, word, seal.PasswordCost{})
	if err != nil {
		return Lock{}, fmt.Errorf("lock library with %s: %w", kind, err)
	}
	return Lock{Library: id, Kind: kind, Box: box, CreatedAt: p.now()}, nil
}

// purposePending binds a pending code to its use.
const purposePending = "carrel pending recovery code"

// newLogin makes a login to which the library's key is handed, with a recovery code
// to show if there is one.
func (p *People) newLogin(id ID, key seal.PrivateKey, code, agent string) (seal.Secret, Login, error) {
	secret := seal.NewSecret()
	handed, err := key.SealToSecret(secret)
	if err != nil {
		return seal.Secret{}, Login{}, err
	}
	now := p.now()
	login := Login{ID: LoginID(seal.RandomID(20)), Library: id, Hash: secret.Hash(), Seal: handed, Agent: agent,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(loginIdleLimit)}
	if code != "" {
		if login.PendingCode, err = secret.SealText(purposePending, code); err != nil {
			return seal.Secret{}, Login{}, err
		}
	}
	return secret, login, nil
}

// Login finds who is signed in with a cookie's secret, and keeps them so while they
// are active. It returns ErrNotFound for a login that is unknown or over.
func (p *People) Login(ctx context.Context, secret seal.Secret) (*SignedIn, error) {
	login, library, err := p.logins.GetLogin(ctx, secret.Hash())
	if err != nil {
		return nil, fmt.Errorf("get login: %w", err)
	}
	now := p.now()
	if !now.Before(login.ExpiresAt) {
		return nil, fmt.Errorf("login is over: %w", ErrNotFound)
	}
	if now.Sub(login.SeenAt) >= time.Minute { // not a write for every click
		login.SeenAt, login.ExpiresAt = now, earlier(now.Add(loginIdleLimit), login.CreatedAt.Add(loginMaxLifetime))
		if err := p.logins.TouchLogin(ctx, login.ID, login.SeenAt, login.ExpiresAt); err != nil {
			return nil, fmt.Errorf("keep login: %w", err)
		}
	}
	return &SignedIn{Login: login, Library: library, secret: secret}, nil
}

// SignOut ends the browser's login at once.
func (p *People) SignOut(ctx context.Context, s *SignedIn) error {
	return p.logins.EndLogin(ctx, s.Login.ID)
}

// NormalizeEmail brings an e-mail address into the form it is kept in: lower case,
// no spaces around. It returns ErrEmailShape for what is no address.
func NormalizeEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > 254 || strings.ContainsAny(email, " \"<>()\\") {
		return "", ErrEmailShape
	}
	return email, nil
}

func (p *People) event(id ID, kind EventKind, d EventDetails) Event {
	return Event{Library: id, At: p.now(), Kind: kind, Details: d}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
