package library

import (
	"encoding/json"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// Ids of our own making. All are opaque text, safe in URLs.
type (
	// ID names a library, and with it the person whose it is.
	ID string
	// GrantID names a grant; the wire calls it consentid.
	GrantID string
	// LoginID names a login on the pages. It is not the cookie's secret.
	LoginID string
	// Reference is an opaque handle that the protocol gives out for an account.
	Reference string
	// DeliveryID names a delivery; see package delivery.
	DeliveryID string
)

// Library is a person's sealed store of files. There is one for each person, and
// the person is known by nothing but the e-mail address they sign in with.
type Library struct {
	ID    ID
	Email string
	// PublicKey seals what is put in; only a live secret opens it again.
	PublicKey seal.PublicKey
	CreatedAt time.Time
	// CodeSaved says that the person has confirmed a recovery code.
	CodeSaved bool
	// CodeMadeAt is when the current recovery code was made.
	CodeMadeAt time.Time
	// DeleteAt is set once the person has shut the library: when its keys will be
	// destroyed. Zero means open.
	DeleteAt time.Time
}

// Shut reports whether the library is waiting to be deleted.
func (l Library) Shut() bool { return !l.DeleteAt.IsZero() }

// LockKind is a kind of way into a library.
type LockKind string

// The ways in that a person has.
const (
	LockPassword LockKind = "password"
	LockRecovery LockKind = "recovery"
)

// Lock is one way into a library: its private key, sealed under something that
// the person knows.
type Lock struct {
	Library ID
	Kind    LockKind
	// Box holds the private key; opening it needs the password or the code.
	Box       seal.PasswordBox
	CreatedAt time.Time
}

// Login is one browser that is signed in.
type Login struct {
	ID      LoginID
	Library ID
	// Hash is what the cookie's secret is found by.
	Hash seal.Hash
	// Seal is the library's private key, for the cookie's secret.
	Seal seal.Sealed
	// PendingCode is a recovery code not yet confirmed, for the cookie's secret.
	PendingCode seal.Sealed
	// Agent says what kind of device it is: "phone", "computer".
	Agent     string
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
}

// Application is a registered client program.
type Application struct {
	ID        wire.ApplicationID
	Name      string
	PartnerID string
	// About says who is behind it, in a line: name, place, site.
	About     string
	Checked   bool // the operator has checked who is behind it
	CreatedAt time.Time
	// DisabledAt is when the operator ended it; zero means good.
	DisabledAt time.Time
}

// Access is what a contract allows.
type Access string

// The access types of the wire.
const (
	Read  Access = wire.AccessRead
	Write Access = wire.AccessWrite
)

// Contract is what an application asks for.
type Contract struct {
	ID          wire.ContractID
	Application wire.ApplicationID
	Access      Access
	// PublicKey is the PEM text of the key that verifies the contract's requests
	// and wraps the files that it reads.
	PublicKey    string
	RedirectURIs []string
	Scope        Scope
	// Purpose is the application's own sentence, shown to the person as its words.
	Purpose string
	// Terms and Privacy are plain texts, or an https URL of the application's.
	Terms   string
	Privacy string
	// GrantFor is how long a consent lasts.
	GrantFor  time.Duration
	CreatedAt time.Time
	ExpiresAt time.Time
	// DisabledAt is when the operator ended it; zero means good.
	DisabledAt time.Time
}

// Scope is what a read contract may see. It is empty for a write contract.
type Scope struct {
	// Raw files are those that were pushed; mapped ones come from sources.
	Raw    bool `json:"raw,omitempty"`
	Mapped bool `json:"mapped,omitempty"`
	// Own narrows raw files to those that the same application pushed.
	Own bool `json:"own,omitempty"`
	// Filter narrows raw files by their metadata.
	Filter *wire.MetadataFilter `json:"filter,omitempty"`
}

// Client is a contract with its application: who a signed request comes from.
type Client struct {
	Application Application
	Contract    Contract
}

// ID is the client_id of the wire.
func (c Client) ID() wire.ClientID {
	return wire.ClientID{Application: c.Application.ID, Contract: c.Contract.ID}
}

// Nonce is one use of a nonce. It counts once per client until it may be
// forgotten, when its timestamp has left the window.
type Nonce struct {
	Client   wire.ClientID
	Value    string
	ForgetAt time.Time
}

// RequestKind is the page that a link opens.
type RequestKind string

// The onboarding pages.
const (
	AuthorizeRequest   RequestKind = "authorize"
	OnboardRequest     RequestKind = "onboard"
	ReauthorizeRequest RequestKind = "reauthorize"
	UserReauthRequest  RequestKind = "user-reauth"
	RevokeRequest      RequestKind = "revoke"
)

// AuthRequest is a request for consent that has not been answered: what the application
// asked for, found by the code in the person's browser.
type AuthRequest struct {
	Hash        seal.Hash
	Kind        RequestKind
	ClientID    wire.ClientID
	RedirectURI string
	State       string
	// Challenge binds the code that comes of it to the application's verifier.
	Challenge string
	// Library is set where the application named one by an access token: nobody
	// else may answer.
	Library ID
	// Session is the hash of the session that was promised with the link.
	Session   seal.Hash
	CreatedAt time.Time
	ExpiresAt time.Time
	// Account is the account at a provider that the person has connected on the way; in a
	// link to revoke, the account that it is about.
	Account wire.AccountID
	// AnsweredAt is when the person allowed or denied; zero means open.
	AnsweredAt time.Time
}

// Grant is a person's consent to one contract.
type Grant struct {
	ID          GrantID
	Library     ID
	Application wire.ApplicationID
	Contract    wire.ContractID
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LastUsedAt  time.Time
	// RevokedAt is when the person ended it; zero means it stands.
	RevokedAt time.Time
}

// Active reports whether the grant stands at now.
func (g Grant) Active(now time.Time) bool { return g.RevokedAt.IsZero() && now.Before(g.ExpiresAt) }

// Account is one account of a person that an application may know of. This one, of
// type USER, stands for the person at an application; see [Connection] for those
// at providers.
type Account struct {
	ID          wire.AccountID
	Reference   Reference
	Library     ID
	Application wire.ApplicationID
	// Subject is the person's pairwise name at the application: the sub claim.
	Subject   string
	CreatedAt time.Time
	// HiddenAt is when the application deleted it: from then on it neither sees the
	// account nor can refer to it, until the person's next consent. Zero means that it is
	// seen.
	HiddenAt time.Time
}

// AuthCode is an authorisation code on its way to be exchanged.
type AuthCode struct {
	Hash      seal.Hash
	Grant     GrantID
	Client    wire.ClientID
	Challenge string
	// Seal is the library's private key for the code; nil for a write contract.
	Seal      seal.Sealed
	ExpiresAt time.Time
	UsedAt    time.Time
}

// TokenUse is what a token is for.
type TokenUse string

// The two tokens of a grant.
const (
	UseAccess  TokenUse = "access"
	UseRefresh TokenUse = "refresh"
)

// Token is an access or refresh token as it is kept: never itself.
type Token struct {
	Hash  seal.Hash
	Use   TokenUse
	Grant GrantID
	// Seal is the library's private key for the token; nil for a write contract.
	Seal      seal.Sealed
	ExpiresAt time.Time
}

// TokenInfo is a token with everything that decides what it is worth.
type TokenInfo struct {
	Token   Token
	Grant   Grant
	Library Library
}

// Session is the right to read what a grant covers, for a while.
type Session struct {
	Hash   seal.Hash
	Client wire.ClientID
	// Grant is empty until the person has agreed.
	Grant GrantID
	// PublicKey is that of the session's secret, so that the person's consent can
	// hand it the library's key later; empty for a write contract.
	PublicKey seal.PublicKey
	// Seal is the library's private key for the session's secret.
	Seal      seal.Sealed
	Options   wire.SessionOptions
	CreatedAt time.Time
	ExpiresAt time.Time
}

// ContentFormat says how a file's content is sealed; docs/file-format.md.
type ContentFormat int

// The formats of sealed content.
const (
	// FormatInline is one AES-256-GCM message, kept with the metadata.
	FormatInline ContentFormat = 1
	// FormatStream is a stream of AES-256-GCM packages (DARE 2.0) in a blob.
	FormatStream ContentFormat = 2
)

// File is one thing in a library, without its content.
type File struct {
	ID          wire.FileName
	Library     ID
	Application wire.ApplicationID
	Contract    wire.ContractID
	// Metadata is what a reader gets: what the pusher said and what we add.
	Metadata wire.RawMetadata
	// Size is the number of bytes that were pushed.
	Size      int64
	CreatedAt time.Time
}

// Content is a file's content as it is kept.
type Content struct {
	Format ContentFormat
	// Key is the file's key, sealed to the library.
	Key seal.Sealed
	// Inline is the sealed content of FormatInline.
	Inline []byte
}

// EventKind says what happened; the pages have a sentence for each.
type EventKind string

// What happens in a library.
const (
	EventLibraryCreated  EventKind = "you.created"
	EventSignedIn        EventKind = "you.signed_in"
	EventWrongPassword   EventKind = "you.wrong"
	EventRecovered       EventKind = "you.recovered"
	EventPasswordChanged EventKind = "you.password"
	EventCodeMade        EventKind = "you.code"
	EventShut            EventKind = "you.shut"
	EventReopened        EventKind = "you.reopened"
	EventAllowed         EventKind = "app.allowed"
	EventRenewed         EventKind = "app.renewed"
	EventDenied          EventKind = "app.denied"
	EventStopped         EventKind = "app.stopped"
	EventCodeReused      EventKind = "app.code_reused"
	EventFileAdded       EventKind = "file.added"
	EventFileRead        EventKind = "file.read"
	EventFileDownloaded  EventKind = "file.downloaded"
	EventConnected       EventKind = "account.connected"
	EventNotConnected    EventKind = "account.refused"
	EventAccountEnded    EventKind = "account.ended"
	EventDisconnected    EventKind = "account.removed"
	EventSentAccepted    EventKind = "sent.accepted"
	EventSentRefused     EventKind = "sent.refused"
	EventSentUnknown     EventKind = "sent.unknown"
	EventSentGivenUp     EventKind = "sent.given_up"
)

// Event is one line of a library's activity. Lines are chained by hash.
type Event struct {
	Library ID
	// Seq counts from 1; the store sets it, and Previous and Hash with it.
	Seq      int64
	At       time.Time
	Kind     EventKind
	Details  EventDetails
	Previous []byte
	Hash     []byte
}

// EventDetails say which application, file or provider an event is about. The names are
// those of that day: they stay true when something is renamed or gone.
type EventDetails struct {
	Application     wire.ApplicationID `json:"application,omitempty"`
	ApplicationName string             `json:"applicationName,omitempty"`
	Contract        wire.ContractID    `json:"contract,omitempty"`
	Grant           GrantID            `json:"grant,omitempty"`
	Access          Access             `json:"access,omitempty"`
	File            wire.FileName      `json:"file,omitempty"`
	FileName        string             `json:"fileName,omitempty"`
	Agent           string             `json:"agent,omitempty"`
	Account         wire.AccountID     `json:"account,omitempty"`
	Provider        string             `json:"provider,omitempty"`
	Delivery        DeliveryID         `json:"delivery,omitempty"`
	// Types are the types of the resources of a delivery.
	Types []string `json:"types,omitempty"`
}

// Marshal is the text of the details as it is kept and hashed.
func (d EventDetails) Marshal() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic("library: event details do not encode: " + err.Error()) // strings only
	}
	return b
}

// SigningKey is a key that signs the server's answers, its private half sealed
// by the master keyring.
type SigningKey struct {
	ID        string
	PublicKey string
	Private   []byte
	CreatedAt time.Time
}
