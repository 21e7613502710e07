package library

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// The errors of signing in, creating a library and recovering one.
var (
	// ErrEmailShape says that a text is not an e-mail address.
	ErrEmailShape = errors.New("not an e-mail address")
	// ErrEmailTaken says that the e-mail address has a library already.
	ErrEmailTaken = errors.New("e-mail address has a library already")
	// ErrWrongPassword says that the e-mail address or the password is wrong, and not which.
	ErrWrongPassword = errors.New("wrong e-mail address or password")
	// ErrWrongCode says that the e-mail address or the recovery code is wrong, and not which.
	ErrWrongCode = errors.New("wrong e-mail address or recovery code")
	// ErrNoNewLibraries says that this server makes no new libraries.
	ErrNoNewLibraries = errors.New("no new libraries are made here")
	// ErrSamePassword says that the new password is the current one.
	ErrSamePassword = errors.New("the new password is the old one")
)

// PeopleConfig says how libraries are made and deleted.
type PeopleConfig struct {
	// DeleteWait is how long a shut library can be reopened; 0 deletes at once.
	DeleteWait time.Duration
	// NoNewLibraries refuses to make libraries.
	NoNewLibraries bool
	// PasswordCost is the cost of new passwords and recovery codes; zero stands for the default.
	PasswordCost seal.PasswordCost
	// Log gets a line for each try to sign in that is refused; nil discards it.
	Log *slog.Logger
}

// People manages people's libraries, their logins, passwords and recovery codes.
type People struct {
	libraries LibraryStore
	logins    LoginStore
	events    EventStore
	blobs     Blobs
	integrity *Integrity
	now       func() time.Time
	config    PeopleConfig
	limiter   *loginLimiter
	places    hashPlaces
	watches   watches
}

// NewPeople returns the people whose libraries are stored in the stores.
func NewPeople(
	libraries LibraryStore,
	logins LoginStore,
	events EventStore,
	blobs Blobs,
	integrity *Integrity,
	now func() time.Time,
	config PeopleConfig,
) *People {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &People{
		libraries: libraries,
		logins:    logins,
		events:    events,
		blobs:     blobs,
		integrity: integrity,
		now:       now,
		config:    config,
		limiter:   newLoginLimiter(),
	}
}

// Device is the device of a person who signs in.
type Device struct {
	// Kind is "phone", "computer" or the like. It is stored in the activity.
	Kind string
	// Address is the network address. It limits guesses, is in the log of what is refused, and is never stored.
	Address string
	// Proofs are the proofs of earlier sign-ins that the browser keeps: see [People.BrowserProofs].
	Proofs string
}

// MakesLibraries reports whether this server makes new libraries.
func (p *People) MakesLibraries() bool { return !p.config.NoNewLibraries }

// NewPerson is a person who creates a library.
type NewPerson struct {
	Email    string
	Password string
	Device
}

// Create makes a library with a pending recovery code, and signs its person in; the secret is for
// the browser's cookie. It returns ErrNoNewLibraries, ErrEmailShape, a [*PasswordError],
// ErrEmailTaken, a [*WaitError] after too many tries or libraries, or ErrBusy.
func (p *People) Create(ctx context.Context, person NewPerson) (_ seal.Secret, err error) {
	if p.config.NoNewLibraries {
		return seal.Secret{}, ErrNoNewLibraries
	}
	email, err := NormalizeEmail(person.Email)
	if err != nil {
		return seal.Secret{}, err
	}
	done, err := p.reserveCreation(ctx, person.Device)
	if err != nil {
		return seal.Secret{}, err
	}
	defer func() { done(err) }()
	if err := checkPassword(person.Password, email); err != nil {
		return seal.Secret{}, err
	}
	hashing, leave, err := p.places.take(ctx, hashersNew, person.Address)
	if err != nil {
		return seal.Secret{}, err
	}
	defer leave()
	key, err := seal.GenerateKey()
	if err != nil {
		return seal.Secret{}, err
	}
	code := seal.NewRecoveryCode()
	library := Library{
		ID:         ID(seal.RandomID(26)),
		Email:      email,
		PublicKey:  key.PublicKey(),
		CreatedAt:  p.now(),
		CodeMadeAt: p.now(),
	}
	library.Binding = p.integrity.BindLibrary(library.ID, library.PublicKey.Bytes())
	passwordLock, err := p.lock(hashing, library.ID, LockPassword, key, person.Password)
	if err != nil {
		return seal.Secret{}, err
	}
	codeLock, err := p.lock(hashing, library.ID, LockRecovery, key, code)
	if err != nil {
		return seal.Secret{}, err
	}
	secret, login, err := p.newLogin(library, key, code, person.Kind)
	if err != nil {
		return seal.Secret{}, err
	}
	event := p.event(library.ID, EventLibraryCreated, EventDetails{Agent: person.Kind})
	err = p.libraries.AddLibrary(ctx, library, []Lock{passwordLock, codeLock}, login, event)
	if errors.Is(err, ErrExists) {
		return p.signInAfterCreate(ctx, person)
	}
	if err != nil {
		return seal.Secret{}, fmt.Errorf("add library: %w", err)
	}
	return secret, nil
}

// reserveCreation counts a try to create a library against the network address: as a guess at who has a library, and
// as a new library. It returns what gives back what it was not, once the outcome is known.
func (p *People) reserveCreation(ctx context.Context, device Device) (done func(error), err error) {
	if device.Address == "" {
		return func(err error) { _ = p.refused(ctx, actionCreate, "", err) }, nil
	}
	guess, err := p.limiter.reserve(p.now(), addressAllowance(device.Address))
	if err != nil {
		return nil, p.refused(ctx, actionCreate, device.Address, err)
	}
	creation, err := p.limiter.reserve(p.now(), creationAllowance(device.Address))
	if err != nil {
		guess.cancel()
		if wait := (*WaitError)(nil); errors.As(err, &wait) {
			wait.Creations = true
		}
		return nil, p.refused(ctx, actionCreate, device.Address, err)
	}
	return func(err error) {
		if !errors.Is(p.refused(ctx, actionCreate, device.Address, err), ErrEmailTaken) {
			guess.cancel()
		}
		if err != nil {
			creation.cancel()
		}
	}, nil
}

// repeatTime is how long after a form was sent it may be sent again: a person presses a button twice.
const repeatTime = 10 * time.Minute

// signInAfterCreate signs in a person whose form for creating a library was sent twice. It returns
// ErrEmailTaken for anybody else.
func (p *People) signInAfterCreate(ctx context.Context, person NewPerson) (seal.Secret, error) {
	email, err := NormalizeEmail(person.Email)
	if err != nil {
		return seal.Secret{}, err
	}
	library, err := p.libraries.FindLibrary(ctx, email)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return seal.Secret{}, fmt.Errorf("find library: %w", err)
	}
	if err != nil || library.CodeSaved || library.CreatedAt.Add(repeatTime).Before(p.now()) {
		return seal.Secret{}, ErrEmailTaken
	}
	secret, err := p.SignIn(ctx, email, person.Password, person.Device)
	if errors.Is(err, ErrWrongPassword) {
		err = ErrEmailTaken
	}
	return secret, err
}

// SignIn signs a person in with their password. If they have not confirmed the recovery code, a
// new one is pending. It returns ErrEmailShape, ErrWrongPassword, a [*WaitError] or ErrBusy.
func (p *People) SignIn(ctx context.Context, email, password string, device Device) (_ seal.Secret, err error) {
	email, err = NormalizeEmail(email)
	if err != nil {
		return seal.Secret{}, err
	}
	g, err := p.guesserAt(ctx, email, device)
	if err != nil {
		return seal.Secret{}, err
	}
	ctx, leave, err := p.places.take(ctx, g.hashers(), device.Address)
	if err != nil {
		return seal.Secret{}, p.refused(ctx, actionSignIn, device.Address, err)
	}
	defer leave()
	try, err := p.limiter.reserve(p.now(), g.password...)
	if err != nil {
		return seal.Secret{}, p.refused(ctx, actionSignIn, device.Address, err)
	}
	defer func() { try.end(p.refused(ctx, actionSignIn, device.Address, err)) }()
	return p.signIn(ctx, email, password, device, false)
}

// signIn signs a person in. With newCode a new recovery code is pending also if they have confirmed one.
func (p *People) signIn(
	ctx context.Context, email, password string, device Device, newCode bool,
) (seal.Secret, error) {
	library, key, err := p.openLock(ctx, email, LockPassword, password)
	if err != nil {
		return seal.Secret{}, err
	}
	code := ""
	if newCode || !library.CodeSaved {
		code = seal.NewRecoveryCode()
	}
	secret, login, err := p.newLogin(library, key, code, device.Kind)
	if err != nil {
		return seal.Secret{}, err
	}
	if err := p.logins.AddLogin(ctx, login, p.event(library.ID, EventSignedIn,
		EventDetails{Agent: device.Kind})); err != nil {
		return seal.Secret{}, fmt.Errorf("add login: %w", err)
	}
	if code != "" {
		if err := p.setCode(ctx, library.ID, key, code, secret, login.ID); err != nil {
			return seal.Secret{}, err
		}
	}
	return secret, nil
}

// Recover signs a person in with their recovery code and sets a new password. All other browsers
// are signed out, and a new recovery code, in place of the old one, is pending. Applications
// keep their access. It returns ErrEmailShape, ErrWrongCode, a [*PasswordError], a [*WaitError] or ErrBusy.
func (p *People) Recover(
	ctx context.Context, email, code, password string, device Device,
) (_ seal.Secret, err error) {
	normal, err := NormalizeEmail(email)
	if err != nil {
		return seal.Secret{}, err
	}
	if err := checkPassword(password, normal); err != nil {
		return seal.Secret{}, err
	}
	typed, err := seal.NormalizeRecoveryCode(code)
	if err != nil {
		return seal.Secret{}, p.refused(ctx, actionRecover, device.Address, ErrWrongCode)
	}
	g, err := p.guesserAt(ctx, normal, device)
	if err != nil {
		return seal.Secret{}, err
	}
	ctx, leave, err := p.places.take(ctx, g.hashers(), device.Address)
	if err != nil {
		return seal.Secret{}, p.refused(ctx, actionRecover, device.Address, err)
	}
	defer leave()
	// Nobody guesses 120 bits. So a code is counted only against where it comes from, for the sake of the server.
	try, err := p.limiter.reserve(p.now(), g.recovery...)
	if err != nil {
		return seal.Secret{}, p.refused(ctx, actionRecover, device.Address, err)
	}
	// The new password may be a guess at the one that there is: see wasChangedTo.
	guess, tooMany := p.limiter.reserve(p.now(), g.password...)
	defer func() {
		err := p.refused(ctx, actionRecover, device.Address, err)
		try.end(err)
		guess.end(err)
	}()
	return p.recover(ctx, normal, typed, password, device, tooMany == nil)
}

// recover is Recover after the checks of what the person has typed. If mayRepeat is false, too many passwords were
// guessed to see whether the form is one that was sent before.
func (p *People) recover(
	ctx context.Context, email, typed, password string, device Device, mayRepeat bool,
) (seal.Secret, error) {
	switch changed, err := p.wasChangedTo(ctx, email, password, mayRepeat); {
	case err != nil:
		return seal.Secret{}, err
	case changed: // the form was sent twice, and the first may not have made its new code yet
		return p.signInAfterRecover(ctx, email, password, device)
	}
	library, key, err := p.openLock(ctx, email, LockRecovery, typed)
	if errors.Is(err, ErrWrongCode) { // or is sent twice at this moment
		if changed, again := p.wasChangedTo(ctx, email, password, mayRepeat); again == nil && changed {
			return p.signInAfterRecover(ctx, email, password, device)
		}
	}
	if err != nil {
		return seal.Secret{}, err
	}
	lock, err := p.lock(ctx, library.ID, LockPassword, key, password)
	if err != nil {
		return seal.Secret{}, err
	}
	fresh := seal.NewRecoveryCode()
	secret, login, err := p.newLogin(library, key, fresh, device.Kind)
	if err != nil {
		return seal.Secret{}, err
	}
	if err := p.libraries.SetLocks(ctx, []Lock{lock}, true, login.ID, p.event(library.ID, EventRecovered,
		EventDetails{Agent: device.Kind})); err != nil {
		return seal.Secret{}, fmt.Errorf("set password: %w", err)
	}
	if err := p.logins.AddLogin(ctx, login, p.event(library.ID, EventSignedIn,
		EventDetails{Agent: device.Kind})); err != nil {
		return seal.Secret{}, fmt.Errorf("add login: %w", err)
	}
	err = p.setCode(ctx, library.ID, key, fresh, secret, login.ID)
	if errors.Is(err, ErrNotFound) { // the same form, sent at the same time, has ended this login
		return p.signInAfterRecover(ctx, email, password, device)
	}
	if err != nil {
		return seal.Secret{}, err
	}
	return secret, nil
}

// signInAfterRecover signs in a person whose form for recovering a library was sent twice. If the other one has not
// made its new code yet, there is a new one here, so that each of them shows a code or knows that it was replaced.
func (p *People) signInAfterRecover(ctx context.Context, email, password string, device Device) (seal.Secret, error) {
	library, lock, err := p.findLock(ctx, email, LockPassword)
	if err != nil {
		return seal.Secret{}, err
	}
	return p.signIn(ctx, email, password, device, library.CodeMadeAt.Before(lock.CreatedAt))
}

// openLock opens a library with a password or recovery code. It takes as long for an e-mail address that has no
// library. The caller limits guesses.
func (p *People) openLock(ctx context.Context, email string, kind LockKind, word string) (
	Library, seal.PrivateKey, error,
) {
	wrong := ErrWrongPassword
	if kind == LockRecovery {
		wrong = ErrWrongCode
	}
	library, lock, err := p.findLock(ctx, email, kind)
	unknown := errors.Is(err, ErrNotFound)
	var key seal.PrivateKey
	switch {
	case unknown:
		if err = seal.SpendPasswordTime(ctx, word, p.config.PasswordCost); err == nil {
			err = seal.ErrCannotOpen
		}
	case err == nil:
		key, err = lock.Box.Open(ctx, word)
	}
	if errors.Is(err, seal.ErrCannotOpen) {
		event := p.event(library.ID, EventWrongPassword, EventDetails{})
		if unknown {
			err = p.events.SpendEventTime(ctx, event)
		} else {
			err = p.events.AddEvent(ctx, event)
		}
		return Library{}, seal.PrivateKey{}, errors.Join(wrong, err)
	}
	if err != nil {
		return Library{}, seal.PrivateKey{}, fmt.Errorf("open library %s: %w", library.ID, err)
	}
	if err := p.integrity.verifyKey(ctx, key, library); err != nil {
		return Library{}, seal.PrivateKey{}, err
	}
	return library, key, nil
}

// findLock finds the library of an e-mail address, and one of its locks. It makes as many queries if there is none.
func (p *People) findLock(ctx context.Context, email string, kind LockKind) (Library, Lock, error) {
	library, err := p.libraries.FindLibrary(ctx, email)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Library{}, Lock{}, fmt.Errorf("find library: %w", err)
	}
	lock, err := p.libraries.GetLock(ctx, library.ID, kind)
	if err != nil {
		return Library{}, Lock{}, fmt.Errorf("get lock of library %s: %w", library.ID, err)
	}
	return library, lock, nil
}

// lock seals a library's private key under a password or recovery code.
func (p *People) lock(ctx context.Context, id ID, kind LockKind, key seal.PrivateKey, word string) (Lock, error) {
	box, err := key.SealWithPassword(ctx, word, p.config.PasswordCost)
	if err != nil {
		return Lock{}, fmt.Errorf("lock library with %s: %w", kind, err)
	}
	return Lock{Library: id, Kind: kind, Box: box, CreatedAt: p.now()}, nil
}

// maxEmail is the largest length of an e-mail address, in bytes (RFC 5321).
const maxEmail = 254

// NormalizeEmail returns an e-mail address as it is stored: in lower case, without spaces around
// it. It returns ErrEmailShape for a text that is not an address.
func NormalizeEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if len(email) > maxEmail { // before it is parsed
		return "", ErrEmailShape
	}
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || strings.ContainsAny(email, " \"<>()\\") {
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
