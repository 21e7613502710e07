package library

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// What a store reports. It reports nothing else: rules are not its business.
var (
	// ErrNotFound says that there is no such thing, or that it is someone else's.
	ErrNotFound = errors.New("not found")
	// ErrExists says that something of that name is there already.
	ErrExists = errors.New("already exists")
	// ErrReplayed says that a nonce has been used before.
	ErrReplayed = errors.New("nonce has been used before")
	// ErrUsed says that a link or code has done its work already.
	ErrUsed = errors.New("already used")
	// ErrBusy says that too much is waiting to be written: come back later.
	ErrBusy = errors.New("store is busy")
)

// Each method below is one transaction: it happens whole or not at all, and when
// it returns nil, it has happened for good (a crash of the machine included).
// Times are kept to the millisecond, in UTC. A zero time is kept as "never". A method
// that is given an event returns ErrNotFound if the event's library is gone. When too
// much waits to be written, ErrBusy. If the context ends first, nothing happens; once
// a method has begun to write it goes on to its end.

// ClientStore keeps applications and contracts.
type ClientStore interface {
	// AddApplication returns ErrExists for an id that is there.
	AddApplication(ctx context.Context, a Application) error
	// AddContract returns ErrExists for an id that is there, of whichever
	// application, and ErrNotFound if its application is not.
	AddContract(ctx context.Context, c Contract) error
	// GetClient returns ErrNotFound if the contract is not one of the application's.
	// Disabled and expired ones are found: judging them is not the store's business.
	GetClient(ctx context.Context, id wire.ClientID) (Client, error)
	// GetContract finds a contract by its id alone.
	GetContract(ctx context.Context, id wire.ContractID) (Client, error)
	// ListApplications is ordered by creation, then id.
	ListApplications(ctx context.Context) ([]Application, error)
	// ListContracts is ordered by creation, then id; of all applications if empty.
	ListContracts(ctx context.Context, application wire.ApplicationID) ([]Contract, error)
	// DisableApplication and DisableContract return ErrNotFound for unknown ids;
	// once disabled, the first time stays.
	DisableApplication(ctx context.Context, id wire.ApplicationID, at time.Time) error
	DisableContract(ctx context.Context, id wire.ContractID, at time.Time) error
}

// NonceStore remembers nonces.
type NonceStore interface {
	// UseNonce returns ErrReplayed if the client has used it before.
	UseNonce(ctx context.Context, n Nonce) error
}

// SigningKeyStore keeps the keys that sign the server's answers.
type SigningKeyStore interface {
	// AddFirstSigningKey adds k if there is no key at all, and returns what is then
	// there: of many nodes that start at once, one wins.
	AddFirstSigningKey(ctx context.Context, k SigningKey) ([]SigningKey, error)
	// ListSigningKeys is ordered newest first.
	ListSigningKeys(ctx context.Context) ([]SigningKey, error)
}

// LibraryStore keeps libraries and the ways into them.
type LibraryStore interface {
	// AddLibrary adds a library, its locks, its first login and its first event. It
	// returns ErrExists if the e-mail address (compared as given) has a library.
	AddLibrary(ctx context.Context, l Library, locks []Lock, login Login, e Event) error
	// FindLibrary finds by e-mail address, GetLibrary by id.
	FindLibrary(ctx context.Context, email string) (Library, error)
	GetLibrary(ctx context.Context, id ID) (Library, error)
	GetLock(ctx context.Context, id ID, kind LockKind) (Lock, error)
	// SetLocks replaces the locks of the given kinds. With endLogins, all logins but
	// keep end.
	SetLocks(ctx context.Context, locks []Lock, endLogins bool, keep LoginID, e Event) error
	// SetCode replaces the recovery lock, marks the library's code as not saved and
	// made at the lock's time, and gives the login, and no other, the code to show.
	// ErrNotFound if the login is not the library's.
	SetCode(ctx context.Context, lock Lock, login LoginID, pending seal.Sealed, e Event) error
	// SaveCode marks the recovery code as saved and takes it from every login.
	SaveCode(ctx context.Context, id ID) error
	// ShutLibrary sets DeleteAt, revokes every grant and ends every token, code,
	// session and login but keep. Tokens and codes end by losing their seals: they are
	// still found, with a grant that is revoked. Deliveries that wait end as expired, for
	// the reason "the library was shut".
	ShutLibrary(ctx context.Context, id ID, deleteAt time.Time, keep LoginID, e Event) error
	// ReopenLibrary clears DeleteAt.
	ReopenLibrary(ctx context.Context, id ID, e Event) error
	// DeleteLibrary removes the library and everything of it. The hashes of its
	// access tokens are remembered until forgetAt. Unknown ids are ErrNotFound.
	DeleteLibrary(ctx context.Context, id ID, forgetAt time.Time) error
	// WasDeleted reports whether an access token belonged to a library deleted of late.
	WasDeleted(ctx context.Context, token seal.Hash, now time.Time) (bool, error)
	// ListShut lists the libraries whose DeleteAt is at or before due.
	ListShut(ctx context.Context, due time.Time) ([]ID, error)
}

// LoginStore keeps the browsers that are signed in.
type LoginStore interface {
	AddLogin(ctx context.Context, l Login, e Event) error
	// GetLogin finds a login by its secret's hash, with its library.
	GetLogin(ctx context.Context, h seal.Hash) (Login, Library, error)
	// TouchLogin moves SeenAt and ExpiresAt; ErrNotFound for a login that is gone.
	TouchLogin(ctx context.Context, id LoginID, seen, expires time.Time) error
	// EndLogin is no error for a login that is gone.
	EndLogin(ctx context.Context, id LoginID) error
}

// ConsentStore keeps links, grants, codes, tokens and sessions.
type ConsentStore interface {
	// AddAuthRequest adds a link, and the session promised with it unless its hash is zero.
	AddAuthRequest(ctx context.Context, l AuthRequest, s Session) error
	GetAuthRequest(ctx context.Context, h seal.Hash) (AuthRequest, error)
	// GetRequestConnection returns the account at a provider that has been connected for a
	// request. It returns ErrNotFound if there is none, and for one of another library.
	GetRequestConnection(ctx context.Context, h seal.Hash, id ID) (RequestConnection, error)
	// Allow answers a link: in one transaction it marks the link answered (ErrUsed if
	// it was), renews the active grant of the library and contract or adds g, adds
	// the account if the library has none at the application, or shows the one that is
	// there if it was hidden, adds the code bound to that grant, hands the grant and the seal to the link's session, makes the link's
	// account at a provider, if it has one, no longer pending, and adds the
	// event, whose details it has name the grant. It returns the grant and account as
	// they then are. ErrNotFound if the library has been shut or deleted meanwhile, ErrUsed
	// if another account stands in the link by now than the answer's.
	Allow(ctx context.Context, a Approval) (Grant, Account, error)
	// Deny marks the link answered (ErrUsed if it was) and removes the link's account at a
	// provider if that is pending; the event is added if its library is not empty.
	Deny(ctx context.Context, link seal.Hash, at time.Time, e Event) error
	// CloseAuthRequest marks a link answered that adds no grant (ErrUsed if it was), hands the
	// grant and the seal to the link's session, unless the grant is empty, and makes the
	// link's account at a provider, if it has one, no longer pending.
	CloseAuthRequest(ctx context.Context, link seal.Hash, at time.Time, grant GrantID, sessionSeal seal.Sealed) error

	GetCode(ctx context.Context, h seal.Hash) (AuthCode, error)
	// RedeemCode marks the code used (ErrUsed if it was, or its grant no longer
	// stands), forgets its seal and adds the tokens.
	RedeemCode(ctx context.Context, h seal.Hash, at time.Time, tokens []Token) error

	// GetTokenInfo finds a token with its grant and library.
	GetTokenInfo(ctx context.Context, h seal.Hash, use TokenUse) (TokenInfo, error)
	// AddToken adds an access token to a grant; ErrNotFound if the grant was revoked.
	AddToken(ctx context.Context, t Token) error
	// AddSession returns ErrNotFound if the session has a grant and that was revoked.
	AddSession(ctx context.Context, s Session) error
	GetSession(ctx context.Context, h seal.Hash) (Session, error)

	GetGrant(ctx context.Context, id GrantID) (Grant, error)
	// ListGrants lists a library's grants, newest first.
	ListGrants(ctx context.Context, id ID) ([]Grant, error)
	// RevokeGrant ends a grant of the library and every token, code and session of
	// it, as ShutLibrary does; its waiting deliveries end as expired, for the reason "the
	// application was stopped". ErrNotFound if it is not the library's; no error, and no
	// event, if it had ended before.
	RevokeGrant(ctx context.Context, id ID, grant GrantID, at time.Time, e Event) error
	// ListAccounts lists what an application may know of a library: what is hidden is left
	// out.
	ListAccounts(ctx context.Context, id ID, application wire.ApplicationID) ([]Account, error)
	// GetUserAccount finds the account that stands for the person at an application, a
	// hidden one too.
	GetUserAccount(ctx context.Context, id ID, application wire.ApplicationID) (Account, error)
	// HideAccount sets HiddenAt of the account that stands for the person at an
	// application; once hidden, the first time stays. It is no error if there is none.
	HideAccount(ctx context.Context, id ID, application wire.ApplicationID, at time.Time) error
	// AddReference gives out a handle for an account; GetReference follows it.
	AddReference(ctx context.Context, r AccountReference) error
	GetReference(ctx context.Context, id string) (AccountReference, error)
}

// AccountReference is a handle that base/reference gave out: the account's id as
// the application wrote it. Whose it is shows only in the browser.
type AccountReference struct {
	ID        string
	Client    wire.ClientID
	Account   wire.AccountID
	ExpiresAt time.Time
}

// Approval is a person's yes to a link; see ConsentStore.Allow.
type Approval struct {
	Request seal.Hash
	At      time.Time
	// Connected is the account at a provider that the question was about; empty if there
	// was none.
	Connection wire.AccountID
	Grant      Grant
	Account    Account
	Code       AuthCode
	// SessionSeal is the library's key for the link's session; nil for a write contract.
	SessionSeal seal.Sealed
	// Event is of kind EventAllowed; it becomes EventRenewed where a grant was renewed.
	Event Event
}

// FileStore keeps files: metadata always, content where it is small.
type FileStore interface {
	// AddFile adds a file, its content and its event, marks the grant as used at the
	// event's time, unless that is within a minute of the last, and uses the nonce up, if
	// one is given. ErrReplayed if that was used before, ErrNotFound if the grant has been
	// revoked or the library shut or deleted meanwhile, ErrExists for an id that is there.
	AddFile(ctx context.Context, a NewFile) error
	// GetFile and GetContent return ErrNotFound for a file of another library.
	GetFile(ctx context.Context, library ID, id wire.FileName) (File, error)
	GetContent(ctx context.Context, library ID, id wire.FileName) (Content, error)
	// ListFiles returns up to limit files in the given order, after the cursor.
	ListFiles(ctx context.Context, library ID, after FileCursor, limit int) ([]File, error)
	// CountFiles is how many files the library has.
	CountFiles(ctx context.Context, library ID) (int, error)
	// AddRead adds the event of a read, marks the grant as used as AddFile does, and uses
	// the nonce up, if one is given. ErrReplayed and ErrNotFound as in AddFile.
	AddRead(ctx context.Context, n *Nonce, grant GrantID, e Event) error
	// HasFile reports whether the library has a file of that id: for the sweeping of
	// blobs without a file.
	HasFile(ctx context.Context, library ID, id wire.FileName) (bool, error)
}

// NewFile is a file that is to be added; see FileStore.AddFile.
type NewFile struct {
	File    File
	Content Content
	Grant   GrantID
	Nonce   *Nonce
	Event   Event
}

// FileCursor is a place in a library's list of files, which is ordered by
// (CreatedAt, ID). The zero cursor is before everything, oldest first.
type FileCursor struct {
	CreatedAt time.Time
	ID        wire.FileName
	// NewestFirst turns the order around.
	NewestFirst bool
}

// EventStore keeps each library's activity. Events are added with what they tell
// of; this is for reading them.
type EventStore interface {
	// ListEvents returns up to limit events, newest first, with Seq below before
	// (0: from the newest).
	ListEvents(ctx context.Context, id ID, before int64, limit int) ([]Event, error)
	// AddEvent adds an event that comes with nothing else.
	AddEvent(ctx context.Context, e Event) error
}

// Sweeper forgets what has had its time.
type Sweeper interface {
	// Sweep forgets nonces, links, codes, sessions, logins and references that have
	// expired, and the seals of tokens that have; the tokens themselves stay known
	// until keepTokens before now, so that an expired one can still be told from an
	// unknown one. Trips that have expired go too, and pending accounts that were made
	// a day before now and are in no link any more. It is as many transactions as it likes.
	Sweep(ctx context.Context, now time.Time, keepTokens time.Duration) error
}

// Blobs keep content that is too large for the store, as opaque sealed bytes. Keys
// are "<library id>/<file id>".
type Blobs interface {
	// Put stores everything that r gives under key, durably when it returns, in place of
	// what was there. If r fails, nothing is stored and the error is r's.
	Put(ctx context.Context, key string, r io.Reader) (size int64, err error)
	// Open returns ErrNotFound for an unknown key.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	// Delete is no error for an unknown key.
	Delete(ctx context.Context, key string) error
	// List calls f with each key that begins with prefix and when it was stored, until f
	// returns an error, which it returns. f may delete.
	List(ctx context.Context, prefix string, f func(key string, at time.Time) error) error
}
