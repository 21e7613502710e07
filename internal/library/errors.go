package library

import "errors"

// What holds for every method of the store interfaces of this package and of package
// delivery:
//
//   - A method is one transaction, unless it says that it uses more: it happens whole or not at
//     all. Once it has returned nil, it survives a crash of the machine.
//   - Times are stored to the millisecond, in UTC; the zero time means "never".
//   - A method that is given an event returns ErrNotFound if the event's library is gone.
//   - A method that writes returns ErrBusy if too many writes are waiting.
//   - A method returns ErrStorageFull or ErrUnavailable if the database or a disk does not take part.
//   - If the context ends before the method begins to write, nothing happens; after that the
//     method runs to its end.

// The errors that a store reports. It has no others with a meaning: it decides nothing.
var (
	// ErrNotFound says that there is no such thing, or that it is somebody else's.
	ErrNotFound = errors.New("not found")
	// ErrExists says that there is a thing of that name already.
	ErrExists = errors.New("already exists")
	// ErrChanged says that a thing is not any more as the caller has read it.
	ErrChanged = errors.New("was changed meanwhile")
	// ErrReplayed says that a nonce has been used before.
	ErrReplayed = errors.New("nonce has been used before")
	// ErrUsed says that something that counts once has been used already.
	ErrUsed = errors.New("already used")
	// ErrTermsChanged says that what an application asks for is not what the person was asked.
	ErrTermsChanged = errors.New("the application asks for something else than the page has shown")
	// ErrConnectionChanged says that the account that a person was asked about is not the one
	// that is connected for the request now.
	ErrConnectionChanged = errors.New("another account has been connected for the request")
	// ErrUnreadable says that a row has something in it that this server never stores.
	ErrUnreadable = errors.New("row does not parse")
	// ErrCodeReplaced says that a recovery code is not the one that opens the library now.
	ErrCodeReplaced = errors.New("another recovery code has replaced this one")
	// ErrBusy says that too many writes, or passwords to be hashed, are waiting: try again later.
	ErrBusy = errors.New("too much is waiting")
	// ErrStorageFull says that a disk is full: nothing more is stored until the operator frees some space.
	ErrStorageFull = errors.New("storage is full")
	// ErrUnavailable says that the database or a disk cannot be used at the moment.
	ErrUnavailable = errors.New("storage is not available")
	// ErrOutcomeUnknown says that the database has not answered a commit: what was to be stored is there as a whole or
	// not at all, and only the database will say which. It comes together with ErrUnavailable.
	ErrOutcomeUnknown = errors.New("it is not known whether it was stored")
)

// WithMeaning returns an error with the text of err, a store's own error, that also matches meaning, one of the errors
// above.
func WithMeaning(err, meaning error) error { return &errorWithMeaning{err, meaning} }

type errorWithMeaning struct{ err, meaning error }

func (e *errorWithMeaning) Error() string   { return e.err.Error() }
func (e *errorWithMeaning) Unwrap() []error { return []error{e.err, e.meaning} }
