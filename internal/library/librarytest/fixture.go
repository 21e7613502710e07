package librarytest

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// A fixture is an empty store and short ways to fill it.
type fixture struct {
	Store
	t testing.TB
}

func fresh(t *testing.T, open func(t *testing.T) Store) *fixture {
	t.Helper()
	return &fixture{Store: open(t), t: t}
}

func anyID() string { return wire.RandomAlphanumeric(32) }

func anyHash() seal.Hash { return seal.NewSecret().Hash() }

// anySeal stands for a seal: to a store it is just bytes.
func anySeal() seal.Sealed { return seal.Sealed(wire.RandomAlphanumeric(1000)) }

func (f *fixture) application() library.Application {
	f.t.Helper()
	a := library.Application{
		ID:        wire.ApplicationID(anyID()),
		Name:      "Glucose diary",
		PartnerID: "partner",
		About:     "Diary Ltd, Utrecht, diary.example",
		Checked:   true,
		CreatedAt: now,
	}
	must(f.t, f.AddApplication(ctx, a))
	return a
}

func (f *fixture) contract(a library.Application, access library.Access) library.Client {
	f.t.Helper()
	c := library.Contract{
		ID:           wire.ContractID(anyID()),
		Application:  a.ID,
		Access:       access,
		PublicKey:    "-----BEGIN PUBLIC KEY-----",
		RedirectURIs: []string{"https://diary.example/back?a=1", "digime-ca-x://auth"},
		Scope: library.Scope{Raw: true, Own: true, Filter: &wire.MetadataFilter{
			MIMEType: []string{"application/json"}, Tags: []string{"50%_off"}}},
		Purpose:   "To show you your glucose.",
		Terms:     "Be kind.",
		Privacy:   "https://diary.example/privacy",
		GrantFor:  180 * 24 * time.Hour,
		CreatedAt: now,
		ExpiresAt: later(365 * 24 * time.Hour),
	}
	must(f.t, f.AddContract(ctx, c))
	return library.Client{Application: a, Contract: c}
}

// client is a contract of an application of its own.
func (f *fixture) client(access library.Access) library.Client {
	f.t.Helper()
	return f.contract(f.application(), access)
}

// A person is a library with the login that made it.
type person struct {
	library.Library
	login library.Login
}

func (f *fixture) person() person {
	f.t.Helper()
	id := library.ID(anyID())
	p := person{
		Library: library.Library{
			ID:         id,
			Email:      anyID() + "@example.org",
			PublicKey:  anyKey(f.t),
			CreatedAt:  now,
			CodeMadeAt: now,
		},
		login: anyLogin(id),
	}
	locks := []library.Lock{anyLock(id, library.LockPassword), anyLock(id, library.LockRecovery)}
	must(f.t, f.AddLibrary(ctx, p.Library, locks, p.login, anyEvent(id)))
	return p
}

// anyKey is one of a few keys, as to make one takes a while.
func anyKey(t testing.TB) seal.PublicKey {
	t.Helper()
	keys, err := someKeys()
	must(t, err)
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
	return library.Lock{Library: id, Kind: kind, Box: seal.PasswordBox(anySeal()), CreatedAt: now}
}

func anyLogin(id library.ID) library.Login {
	return library.Login{
		ID:          library.LoginID(anyID()),
		Library:     id,
		Hash:        anyHash(),
		Seal:        anySeal(),
		PendingCode: anySeal(),
		Agent:       "phone",
		CreatedAt:   now,
		SeenAt:      now,
		ExpiresAt:   later(time.Hour),
	}
}

func anyEvent(id library.ID) library.Event {
	return library.Event{Library: id, At: now, Kind: library.EventSignedIn, Details: library.EventDetails{Agent: "phone"}}
}

func (f *fixture) link(c library.Client) (library.AuthRequest, library.Session) {
	f.t.Helper()
	s := library.Session{
		Hash:      anyHash(),
		Client:    c.ID(),
		PublicKey: anyKey(f.t),
		Options:   wire.SessionOptions{Scope: &wire.Scope{Criteria: []wire.Criterion{{Last: "3d"}}}},
		CreatedAt: now,
		ExpiresAt: later(time.Hour),
	}
	l := library.AuthRequest{
		Hash:        anyHash(),
		Kind:        library.AuthorizeRequest,
		ClientID:    c.ID(),
		RedirectURI: "https://diary.example/back",
		State:       "state %_ \x00\xff é",
		Challenge:   "challenge",
		Session:     s.Hash,
		CreatedAt:   now,
		ExpiresAt:   later(time.Hour),
	}
	must(f.t, f.AddAuthRequest(ctx, l, s))
	return l, s
}

// answer is a person's yes to a link, at the time.
func answer(p person, c library.Client, link library.AuthRequest, at time.Time) library.Approval {
	return library.Approval{
		Request: link.Hash,
		At:      at,
		Grant: library.Grant{
			ID:          library.GrantID(anyID()),
			Library:     p.ID,
			Application: c.Application.ID,
			Contract:    c.Contract.ID,
			CreatedAt:   at,
			ExpiresAt:   at.Add(180 * 24 * time.Hour),
		},
		Account: library.Account{
			ID:          wire.AccountID("420_" + anyID()),
			Reference:   library.Reference(anyID()),
			Library:     p.ID,
			Application: c.Application.ID,
			Subject:     anyID(),
			CreatedAt:   at,
		},
		Code: library.AuthCode{
			Hash:      anyHash(),
			Client:    c.ID(),
			Challenge: "challenge",
			Seal:      anySeal(),
			ExpiresAt: at.Add(time.Minute),
		},
		SessionSeal: anySeal(),
		Event: library.Event{Library: p.ID, At: at, Kind: library.EventAllowed,
			Details: library.EventDetails{Application: c.Application.ID, ApplicationName: c.Application.Name}},
	}
}

// allow has the person say yes to a contract, and gives everything that comes of it.
func (f *fixture) allow(p person, c library.Client) (library.Grant, library.Approval, library.Session) {
	f.t.Helper()
	l, s := f.link(c)
	a := answer(p, c, l, now)
	g, _, err := f.Allow(ctx, a)
	must(f.t, err)
	return g, a, s
}

func anyToken(g library.GrantID, use library.TokenUse) library.Token {
	return library.Token{Hash: anyHash(), Use: use, Grant: g, Seal: anySeal(), ExpiresAt: later(24 * time.Hour)}
}

// NewGrant adds a library and a grant to push to it: for tests of one's own.
func NewGrant(t testing.TB, s Store) library.Grant {
	t.Helper()
	f := &fixture{s, t}
	g, _, _ := f.allow(f.person(), f.client(library.Write))
	return g
}

// NewArrival is a file of 4 KiB to be added under a grant.
func NewArrival(g library.Grant, at time.Time) library.NewFile {
	a := arrival(g, at)
	a.Content.Inline = make([]byte, 4096+16)
	return a
}

// anySource is an entry of a catalogue.
func anySource(id int) delivery.Source {
	return delivery.Source{
		ID:        id,
		Name:      "Huisarts <de Linde> & Zn",
		Reference: "linde",
		Provider:  "medmij:huisartslinde~53",
		Push:      true,
		Version:   fhir.STU3,
		ServiceID: 420, ServiceName: "Linde", ServiceReference: "s", GroupID: 7, GroupName: "Care",
		Logo: "https://linde.example/logo.png",
	}
}

// anyAccount is an account at a provider that is about to be connected.
func anyAccount(id library.ID, application wire.ApplicationID, source int, at time.Time) delivery.Connection {
	return delivery.Connection{
		ID:            wire.AccountID("420_" + anyID()),
		Reference:     library.Reference(anyID()),
		Library:       id,
		Application:   application,
		Source:        anySource(source),
		Pending:       true,
		Access:        anySeal(),
		AccessVersion: 1,
		Correlation:   anyID(),
		CreatedAt:     at,
		UpdatedAt:     at,
	}
}

func connectedEvent(id library.ID, at time.Time) library.Event {
	return library.Event{Library: id, At: at, Kind: library.EventConnected, Details: library.EventDetails{Provider: "Linde"}}
}

// connect connects a source on the way of a link, for the person of a grant.
func (f *fixture) connect(g library.Grant, source int) (delivery.Connection, library.AuthRequest) {
	f.t.Helper()
	l, _ := f.link(value(f.GetClient(ctx, ClientOf(g)))(f.t))
	a, err := f.Connect(ctx, l.Hash, anyAccount(g.Library, g.Application, source, now), connectedEvent(g.Library, now))
	must(f.t, err)
	return a, l
}

// account is an account at a provider that stands.
func (f *fixture) account(g library.Grant, source int) delivery.Connection {
	f.t.Helper()
	a, l := f.connect(g, source)
	must(f.t, f.CloseAuthRequest(ctx, l.Hash, now, g.ID, nil))
	a.Pending = false
	return a
}

// sender is a person with a grant and an account that it can be sent to.
func (f *fixture) sender() (library.Grant, delivery.Connection) {
	f.t.Helper()
	g, _, _ := f.allow(f.person(), f.client(library.Write))
	return g, f.account(g, 1)
}

// anyDelivery is a delivery that waits and is due.
func anyDelivery(g library.Grant, a delivery.Connection, at time.Time) delivery.Delivery {
	return delivery.Delivery{
		ID:           library.DeliveryID(anyID()),
		Library:      g.Library,
		Application:  g.Application,
		Contract:     g.Contract,
		Grant:        g.ID,
		Account:      a.ID,
		ProviderName: a.Source.Name,
		Types:        []string{"Observation", "Bundle"},
		State:        delivery.Waiting,
		Payload:      anySeal(),
		NextAt:       at,
		ExpiresAt:    at.Add(72 * time.Hour),
		CreatedAt:    at,
		UpdatedAt:    at,
	}
}

func sentEvent(d delivery.Delivery, kind library.EventKind) library.Event {
	return library.Event{Library: d.Library, At: d.UpdatedAt, Kind: kind,
		Details: library.EventDetails{Delivery: d.ID, Account: d.Account, Provider: d.ProviderName, Types: d.Types}}
}

// delivery adds a delivery that waits and is due at the time.
func (f *fixture) delivery(g library.Grant, a delivery.Connection, at time.Time) delivery.Delivery {
	f.t.Helper()
	d := anyDelivery(g, a, at)
	must(f.t, f.AddDelivery(ctx, d, NoLimit))
	return d
}

// stored is a delivery as it is now.
func (f *fixture) stored(d delivery.Delivery) delivery.Delivery {
	f.t.Helper()
	return value(f.GetDelivery(ctx, d.Library, d.ID))(f.t)
}

// claimed is a delivery that is held under the lease for a minute from now on.
func (f *fixture) claimed(g library.Grant, a delivery.Connection, lease string) delivery.Delivery {
	f.t.Helper()
	d := anyDelivery(g, a, now)
	d.Lease, d.LeaseUntil = lease, later(time.Minute)
	must(f.t, f.AddDelivery(ctx, d, NoLimit))
	return d
}

// posting is a delivery that is on the wire, under the lease for two minutes.
func (f *fixture) posting(g library.Grant, a delivery.Connection, lease string) delivery.Delivery {
	f.t.Helper()
	d := f.claimed(g, a, lease)
	must(f.t, f.BeginPosting(ctx, d.ID, lease, now, later(2*time.Minute)))
	d.State, d.Attempts, d.LeaseUntil = delivery.Posting, 1, later(2*time.Minute)
	return d
}

// NewSender adds a library with a grant and an account at a provider that can be sent
// to under it: for tests of one's own.
func NewSender(t testing.TB, s Store) (library.Grant, delivery.Connection) {
	t.Helper()
	return (&fixture{s, t}).sender()
}

// NewDelivery is a delivery of 4 KiB to be added under a grant, due at once.
func NewDelivery(g library.Grant, a delivery.Connection, at time.Time) delivery.Delivery {
	d := anyDelivery(g, a, at)
	d.Payload = make([]byte, 4096)
	return d
}

// arrival is a file pushed under a grant.
func arrival(g library.Grant, at time.Time) library.NewFile {
	name := wire.FileName(anyID())
	return library.NewFile{
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
		Content: library.Content{Format: library.FormatInline, Key: anySeal(), Inline: []byte("sealed \x00\xff")},
		Grant:   g.ID,
		Nonce:   &library.Nonce{Client: ClientOf(g), Value: wire.NewNonce(), ForgetAt: at.Add(10 * time.Minute)},
		Event: library.Event{Library: g.Library, At: at, Kind: library.EventFileAdded,
			Details: library.EventDetails{Grant: g.ID, File: name}},
	}
}

// events are all of a library's, oldest first, after a look at their chain.
func (f *fixture) events(id library.ID) []library.Event {
	f.t.Helper()
	var all []library.Event
	for before := int64(0); ; before = all[0].Seq {
		page, err := f.ListEvents(ctx, id, before, 100)
		must(f.t, err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			all = append([]library.Event{e}, all...)
		}
	}
	if err := library.VerifyChain(all); err != nil {
		f.t.Error(err)
	}
	for i, e := range all {
		if e.Seq != int64(i+1) {
			f.t.Errorf("event %d has Seq %d", i+1, e.Seq)
		}
	}
	return all
}

// newest is the library's newest event.
func (f *fixture) newest(id library.ID) library.Event {
	f.t.Helper()
	all := f.events(id)
	if len(all) == 0 {
		f.t.Fatalf("library %s has no events", id)
	}
	return all[len(all)-1]
}

// ClientOf is whom a grant was given to.
func ClientOf(g library.Grant) wire.ClientID {
	return wire.ClientID{Application: g.Application, Contract: g.Contract}
}

// NoLimit lets any number of deliveries wait.
var NoLimit = delivery.WaitingLimit{Number: math.MaxInt, Bytes: math.MaxInt64}
