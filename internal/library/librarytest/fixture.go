package librarytest

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Fixture is a store with methods that fill it.
type Fixture struct {
	Store
	T testing.TB
}

// NewFixture returns the fixture of a new store.
func NewFixture(t *testing.T, open func(t *testing.T) Store) *Fixture {
	t.Helper()
	return FixtureOf(t, open(t))
}

// FixtureOf returns the fixture of a store.
func FixtureOf(t testing.TB, s Store) *Fixture { return &Fixture{Store: s, T: t} }

// AnyID returns a random id.
func AnyID() string { return wire.RandomAlphanumeric(32) }

// AnyHash returns the hash of a random secret.
func AnyHash() seal.Hash { return seal.NewSecret().Hash() }

// AnySeal returns random bytes in place of a seal, which a store does not open.
func AnySeal() seal.Sealed { return seal.Sealed(wire.RandomAlphanumeric(1000)) }

// AnyApplication adds an application.
func (f *Fixture) AnyApplication() library.Application {
	f.T.Helper()
	a := library.Application{
		ID:        wire.ApplicationID(AnyID()),
		Name:      "Glucose diary",
		PartnerID: "partner",
		About:     "Diary Ltd, Utrecht, diary.example",
		Checked:   true,
		CreatedAt: Now,
	}
	Must(f.T, f.AddApplication(Ctx, a))
	return a
}

// AnyContract adds a contract of an application.
func (f *Fixture) AnyContract(a library.Application, access library.Access) library.Client {
	f.T.Helper()
	c := library.Contract{
		ID:           wire.ContractID(AnyID()),
		Application:  a.ID,
		Access:       access,
		PublicKey:    "-----BEGIN PUBLIC KEY-----",
		RedirectURIs: []string{"https://diary.example/back?a=1", "digime-ca-x://auth"},
		Scope: library.Scope{Raw: true, Own: true, Filter: &wire.MetadataFilter{
			MIMEType: []string{"application/json"}, Tags: []string{"50%_off"}}},
		Sandbox:   true,
		Purpose:   "To show you your glucose.",
		Terms:     "Be kind.",
		Privacy:   "https://diary.example/privacy",
		GrantFor:  180 * 24 * time.Hour,
		CreatedAt: Now,
		ExpiresAt: Later(365 * 24 * time.Hour),
	}
	Must(f.T, f.AddContract(Ctx, c))
	return library.Client{Application: a, Contract: c}
}

// AnyClient adds a contract of an application of its own.
func (f *Fixture) AnyClient(access library.Access) library.Client {
	f.T.Helper()
	return f.AnyContract(f.AnyApplication(), access)
}

// Person is a library with the login that created it.
type Person struct {
	library.Library
	Login library.Login
}

// AnyPerson adds a library with its locks and its first login.
func (f *Fixture) AnyPerson() Person {
	f.T.Helper()
	id := library.ID(AnyID())
	p := Person{
		Library: library.Library{
			ID:         id,
			Email:      AnyID() + "@example.org",
			PublicKey:  anyKey(f.T),
			CreatedAt:  Now,
			CodeMadeAt: Now,
			Binding:    []byte(AnyID()),
		},
		Login: anyLogin(id),
	}
	locks := []library.Lock{anyLock(id, library.LockPassword), anyLock(id, library.LockRecovery)}
	Must(f.T, f.AddLibrary(Ctx, p.Library, locks, p.Login, AnyEvent(id)))
	return p
}

// anyKey returns one of a few keys, because to generate one takes a while.
func anyKey(t testing.TB) seal.PublicKey {
	t.Helper()
	keys, err := someKeys()
	Must(t, err)
	return keys[rand.N(len(keys))]
}

var someKeys = sync.OnceValues(func() (keys [8]seal.PublicKey, err error) {
	for i := range keys {
		key, err := seal.GenerateKey()
		if err != nil {
			return keys, err
		}
		keys[i] = key.PublicKey()
	}
	return keys, nil
})

func anyLock(id library.ID, kind library.LockKind) library.Lock {
	return library.Lock{Library: id, Kind: kind, Box: seal.PasswordBox(AnySeal()), CreatedAt: Now}
}

func anyLogin(id library.ID) library.Login {
	return library.Login{
		ID:          library.LoginID(AnyID()),
		Library:     id,
		Hash:        AnyHash(),
		Seal:        AnySeal(),
		PendingCode: AnySeal(),
		Agent:       "phone",
		CreatedAt:   Now,
		SeenAt:      Now,
		ExpiresAt:   Later(time.Hour),
		Binding:     []byte(AnyID()),
	}
}

// AnyEvent returns an event of a library.
func AnyEvent(id library.ID) library.Event {
	return library.Event{Library: id, At: Now, Kind: library.EventSignedIn,
		Details: library.EventDetails{Agent: "phone"}}
}

// AnyRequest adds an authorization request of a client, with the session that it asks for.
func (f *Fixture) AnyRequest(c library.Client) (library.AuthRequest, library.Session) {
	f.T.Helper()
	session := library.Session{
		Hash:      AnyHash(),
		Client:    c.ID(),
		PublicKey: anyKey(f.T),
		Options:   wire.SessionOptions{Scope: &wire.Scope{Criteria: []wire.Criterion{{Last: "3d"}}}},
		CreatedAt: Now,
		ExpiresAt: Later(time.Hour),
	}
	request := library.AuthRequest{
		Hash:        AnyHash(),
		Kind:        library.AuthorizeRequest,
		ClientID:    c.ID(),
		RedirectURI: "https://diary.example/back",
		State:       "state %_ \x00\xff é",
		Challenge:   "challenge",
		Session:     session.Hash,
		CreatedAt:   Now,
		ExpiresAt:   Later(time.Hour),

		Binding:        []byte(AnyID()),
		SessionBinding: []byte(AnyID()),
	}
	Must(f.T, f.AddAuthRequest(Ctx, request, session))
	return request, session
}

// NewApproval returns a person's consent to a request, at a time.
func NewApproval(p Person, c library.Client, request library.AuthRequest, at time.Time) library.Approval {
	return library.Approval{
		Request: request.Hash,
		At:      at,
		Grant: library.Grant{
			ID:          library.GrantID(AnyID()),
			Library:     p.ID,
			Application: c.Application.ID,
			Contract:    c.Contract.ID,
			CreatedAt:   at,
			ExpiresAt:   at.Add(180 * 24 * time.Hour),
			Access:      c.Contract.Access,
			Allowed:     c.Contract.Allowed(),
		},
		Account: library.Account{
			ID:          wire.AccountID("420_" + AnyID()),
			Reference:   library.AccountReference(AnyID()),
			Library:     p.ID,
			Application: c.Application.ID,
			Subject:     AnyID(),
			CreatedAt:   at,
		},
		Code: library.AuthCode{
			Hash:      AnyHash(),
			Client:    c.ID(),
			Challenge: "challenge",
			Seal:      AnySeal(),
			ExpiresAt: at.Add(time.Minute),
			Binding:   AnySecretBinding(),
		},
		SessionSeal: AnySeal(),
		Event: library.Event{Library: p.ID, At: at, Kind: library.EventAllowed,
			Details: library.EventDetails{Application: c.Application.ID, ApplicationName: c.Application.Name}},
	}
}

// Approve adds a request of a client and the person's consent to it. It returns what both have stored.
func (f *Fixture) Approve(p Person, c library.Client) (library.Grant, library.Approval, library.Session) {
	f.T.Helper()
	l, s := f.AnyRequest(c)
	a := NewApproval(p, c, l, Now)
	g, _, err := f.Allow(Ctx, a)
	Must(f.T, err)
	return g, a, s
}

func anyToken(g library.GrantID, use library.TokenUse) library.Token {
	return library.Token{Hash: AnyHash(), Use: use, Grant: g, Seal: AnySeal(), ExpiresAt: Later(24 * time.Hour),
		Binding: AnySecretBinding()}
}

// AddGrant adds a library and a grant to push to it, for the tests of one store alone.
func AddGrant(t testing.TB, s Store) library.Grant {
	t.Helper()
	f := &Fixture{s, t}
	g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
	return g
}

// NewFile returns a file of 4 KiB to be added under a grant.
func NewFile(g library.Grant, at time.Time) library.NewFile {
	a := newFile(g, at)
	a.Content.Inline = make([]byte, 4096+16)
	return a
}

// newFile returns a file that is pushed under a grant.
func newFile(g library.Grant, at time.Time) library.NewFile {
	name := wire.FileName(AnyID())
	a := library.NewFile{
		File: library.File{
			ID:          name,
			Library:     g.Library,
			Application: g.Application,
			Contract:    g.Contract,
			Metadata: wire.RawMetadata{
				MIMEType:  "application/fhir+json",
				Accounts:  []wire.DescriptorAccount{{AccountID: "a%_1"}},
				Reference: []string{"ref"},
				Tags:      []string{"lab", "é"},
			},
			Size:      4096,
			CreatedAt: at,
		},
		Content: library.Content{Format: library.FormatInline, Key: AnySeal(), Inline: []byte("sealed \x00\xff")},
		Grant:   g.ID,
		Nonce:   &library.Nonce{Client: ClientOf(g), Value: wire.NewNonce(), At: at, KeepFor: 10 * time.Minute},
		Event: library.Event{Library: g.Library, At: at, Kind: library.EventFileAdded,
			Details: library.EventDetails{Grant: g.ID, File: name}},
	}
	a.File.MetadataJSON = metadataText(a.File.Metadata)
	return a
}

// metadataText returns the text of metadata as it is stored.
func metadataText(m wire.RawMetadata) string {
	text, err := library.EncodeMetadata(m)
	if err != nil {
		panic(err)
	}
	return text
}

// Events returns the events of a library, oldest first. It fails the test if their chain is broken.
func (f *Fixture) Events(id library.ID) []library.Event {
	f.T.Helper()
	var all []library.Event
	for before := int64(0); ; before = all[0].Seq {
		page, err := f.ListEvents(Ctx, id, before, 100)
		Must(f.T, err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			all = append([]library.Event{e}, all...)
		}
	}
	if err := library.VerifyChain(all); err != nil {
		f.T.Error(err)
	}
	for i, e := range all {
		if e.Seq != int64(i+1) {
			f.T.Errorf("event %d has Seq %d", i+1, e.Seq)
		}
	}
	return all
}

// NewestEvent returns the newest event of a library.
func (f *Fixture) NewestEvent(id library.ID) library.Event {
	f.T.Helper()
	all := f.Events(id)
	if len(all) == 0 {
		f.T.Fatalf("library %s has no events", id)
	}
	return all[len(all)-1]
}

// ClientOf returns the client that has a grant.
func ClientOf(g library.Grant) wire.ClientID {
	return wire.ClientID{Application: g.Application, Contract: g.Contract}
}

// OfMasterKey returns what looks like a MAC that the master key with the id, of four bytes, has made.
func OfMasterKey(id string) []byte { return append([]byte("\x01"+id), bytes.Repeat([]byte{7}, 32)...) }

// AnySecretBinding returns what looks like the binding of a token or code: 32 bytes that its secret yields, and a MAC
// of the master key "key1".
func AnySecretBinding() []byte {
	own := AnyHash()
	return append(own[:], OfMasterKey("key1")...)
}
