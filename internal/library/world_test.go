package library_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/store/storetest"
)

// world is everything that package library needs, real but for the clock, which the
// test moves.
type world struct {
	t        testing.TB
	folder   string // the database and the blobs
	db       *countingStore
	blobs    *blob.Disk
	clients  *library.Clients
	people   *library.People
	consents *library.Consents
	files    *library.Files
	activity *library.Activity
	keeping  library.Sweeping

	mu  sync.Mutex
	now time.Time
}

// settings are what an operator might say.
type settings struct {
	people   library.PeopleConfig
	consents library.ConsentConfig
	files    library.FileConfig
}

// cheap is the least that a password costs.
var cheap = seal.PasswordCost{Passes: 1, Memory: 64}

const deleteWait = 7 * 24 * time.Hour

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldWith(t, settings{people: library.PeopleConfig{DeleteWait: deleteWait}})
}

func newWorldWith(t testing.TB, s settings) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), now: time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC)}
	storetest.Create(t, w.database())
	db, err := store.Open(t.Context(), w.database())
	if err != nil {
		t.Fatal(err)
	}
	w.db = &countingStore{DB: db, calls: map[string]int{}}
	if w.blobs, err = blob.OpenDisk(filepath.Join(w.folder, "blobs")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.db.Close(), w.blobs.Close()); err != nil {
			t.Error(err)
		}
	})
	if s.people.PasswordCost == (seal.PasswordCost{}) {
		s.people.PasswordCost = cheap
	}
	w.clients = library.NewClients(w.db, w.db, w.clock)
	w.people = library.NewPeople(w.db, w.db, w.db, w.blobs, w.clock, s.people)
	w.consents = library.NewConsents(w.db, w.clients, w.db, w.clock, s.consents)
	w.files = library.NewFiles(w.db, w.blobs, w.clients, w.db, w.db, w.clock, s.files)
	w.activity = library.NewActivity(w.db)
	w.keeping = library.Sweeping{People: w.people, Sweeper: w.db, Files: w.db, Blobs: w.blobs, Now: w.clock}
	return w
}

func (w *world) database() string { return filepath.Join(w.folder, "carrel.db") }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// stored returns what a thief finds in the database: each value of each row of each table.
func (w *world) stored() []value {
	w.t.Helper()
	a := &attacker{t: w.t, folder: w.t.TempDir(), files: map[string]sealed{}, boxes: map[string][]byte{}}
	if err := os.CopyFS(a.folder, os.DirFS(w.folder)); err != nil {
		w.t.Fatal(err)
	}
	a.readDatabase()
	return a.values
}

// mentions lists the columns that a text is in.
func (w *world) mentions(text string) (columns []string) {
	w.t.Helper()
	for _, v := range w.stored() {
		if bytes.Contains(v.bytes, []byte(text)) && !slices.Contains(columns, v.column) {
			columns = append(columns, v.column)
		}
	}
	return columns
}

// countFiles returns how many files a person has, by the store.
func (p *person) countFiles() int {
	p.w.t.Helper()
	return must(p.w.db.CountFiles(p.w.t.Context(), p.in().Library.ID))(p.w.t)
}

// blobKeys lists the blobs that there are.
func (w *world) blobKeys() (keys []string) {
	w.t.Helper()
	err := w.blobs.List(w.t.Context(), "", func(key string, _ time.Time) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

var contractKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
	if err != nil {
		panic(err)
	}
	return key
})

const callback = "https://app.example/callback"

// client is a registered contract that can make calls.
type client struct {
	w *world
	library.Client
}

func (w *world) application() library.Application {
	w.t.Helper()
	return must(w.clients.AddApplication(w.t.Context(), library.Application{Name: "An application"}))(w.t)
}

// contract registers a contract; change may alter it first.
func (w *world) contract(a library.Application, access library.Access, change ...func(*library.Contract)) client {
	w.t.Helper()
	k := library.Contract{Application: a.ID, Access: access, RedirectURIs: []string{callback},
		PublicKey: string(wire.MarshalPublicKey(&contractKey().PublicKey))}
	for _, f := range change {
		f(&k)
	}
	added := must(w.clients.AddContract(w.t.Context(), k))(w.t)
	return client{w, must(w.clients.GetClient(w.t.Context(), added.ID))(w.t)}
}

// token is a signed request of the client's, with more claims if need be.
func (c client) token(with ...func(*wire.RequestClaims)) string {
	c.w.t.Helper()
	claims := wire.RequestClaims{
		ClientID:  c.ID().String(),
		Nonce:     wire.NewNonce(),
		Timestamp: wire.MillisOf(c.w.clock()),
	}
	for _, f := range with {
		f(&claims)
	}
	return must(wire.Sign(contractKey(), wire.Header{}, claims))(c.w.t)
}

// call is a request that has been verified.
func (c client) call(with ...func(*wire.RequestClaims)) *library.SignedRequest {
	c.w.t.Helper()
	return must(c.w.clients.Verify(c.w.t.Context(), c.token(with...)))(c.w.t)
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// authorizing are the claims of an authorize call.
func authorizing(q *wire.RequestClaims) {
	q.RedirectURI, q.State = callback, "a state"
	q.CodeChallenge, q.CodeChallengeMethod = wire.Challenge(verifier), wire.ChallengeS256
	q.ResponseType, q.ResponseMode = "code", "query"
}

func accessToken(token string) func(*wire.RequestClaims) {
	return func(q *wire.RequestClaims) { q.AccessToken = token }
}

func exchanging(code string) func(*wire.RequestClaims) {
	return func(q *wire.RequestClaims) {
		q.GrantType, q.Code, q.CodeVerifier = "authorization_code", code, verifier
	}
}

func refreshing(token string) func(*wire.RequestClaims) {
	return func(q *wire.RequestClaims) { q.GrantType, q.RefreshToken = "refresh_token", token }
}

// person has a library.
type person struct {
	w        *world
	email    string
	password string
	secret   seal.Secret // the cookie's
	// key is the library's, of a resident, who has no password.
	key *seal.PrivateKey
}

const password = "een goed wachtwoord met woorden"

func (w *world) person(email string) *person {
	w.t.Helper()
	secret := must(w.people.Create(w.t.Context(), library.NewPerson{Email: email, Password: password}))(w.t)
	return &person{w: w, email: email, password: password, secret: secret}
}

// in is the person as they are signed in now.
func (p *person) in() *library.SignedIn {
	p.w.t.Helper()
	return must(p.w.people.Login(p.w.t.Context(), p.secret))(p.w.t)
}

// signIn signs the person in anew: logins end by rest.
func (p *person) signIn() *library.SignedIn {
	p.w.t.Helper()
	if p.key != nil {
		l := must(p.w.db.FindLibrary(p.w.t.Context(), p.email))(p.w.t)
		secret, now := seal.NewSecret(), p.w.clock()
		event := library.Event{Library: l.ID, At: now, Kind: library.EventSignedIn}
		if err := p.w.db.AddLogin(p.w.t.Context(), p.w.login(l.ID, *p.key, secret), event); err != nil {
			p.w.t.Fatal(err)
		}
		p.secret = secret
		return p.in()
	}
	p.secret = must(p.w.people.SignIn(p.w.t.Context(), p.email, p.password, library.Device{}))(p.w.t)
	return p.in()
}

// granted is what an application has after a person's yes.
type granted struct {
	client
	tokens  wire.TokenClaims
	session wire.Session // the one promised with the link
	code    string
}

// allow goes the whole way from authorize to tokens; with adds claims to the first call.
func (p *person) allow(c client, with ...func(*wire.RequestClaims)) granted {
	p.w.t.Helper()
	opened := must(
		p.w.consents.Authorize(
			p.w.t.Context(),
			c.call(append([]func(*wire.RequestClaims){authorizing}, with...)...),
			wire.SessionOptions{},
		),
	)(p.w.t)
	back := p.answer(library.AuthorizeRequest, opened.Code.Reveal())
	tokens := must(p.w.consents.Exchange(p.w.t.Context(), c.call(exchanging(back.Get("code")))))(p.w.t)
	return granted{c, tokens, opened.Session, back.Get("code")}
}

// answer says yes to a link and returns the callback's query.
func (p *person) answer(kind library.RequestKind, code string) url.Values {
	p.w.t.Helper()
	request := must(p.w.consents.FindRequest(p.w.t.Context(), kind, code))(p.w.t)
	return queryOf(p.w.t, must(p.w.consents.Allow(p.w.t.Context(), p.in(), request, ""))(p.w.t))
}

func queryOf(t testing.TB, address string) url.Values {
	t.Helper()
	return must(url.Parse(address))(t).Query()
}

// bearer is who the grant's access token stands for, by a call of its own.
func (g granted) bearer() (*library.Bearer, error) {
	return g.w.consents.Bearer(g.w.t.Context(), g.call(accessToken(g.tokens.AccessToken.Value)))
}

// push pushes a file of the name.
func (g granted) push(name string, content []byte) (library.File, error) {
	g.w.t.Helper()
	b, err := g.bearer()
	if err != nil {
		return library.File{}, err
	}
	return g.w.files.Push(
		g.w.t.Context(),
		b,
		descriptor(g.w.t, map[string]any{"reference": []string{name}}),
		bytes.NewReader(content),
	)
}

// descriptor is a pusher's word on a file; members are added to the necessary ones.
func descriptor(t testing.TB, members map[string]any) *wire.Descriptor {
	t.Helper()
	all := map[string]any{"mimeType": "text/plain", "accounts": []map[string]string{{"accountId": "patient 1"}}}
	for k, v := range members {
		all[k] = v
	}
	return must(wire.ParseDescriptor(must(json.Marshal(all))(t)))(t)
}

// open gives the bearer a session, with options.
func (g granted) open(options wire.SessionOptions) (string, error) {
	b, err := g.bearer()
	if err != nil {
		return "", err
	}
	s, err := g.w.consents.StartSession(g.w.t.Context(), b, options)
	return s.Key, err
}

// reading uses a session by a call of its own.
func (g granted) reading(session string) (*library.ReadSession, error) {
	b, err := g.bearer()
	if err != nil {
		return nil, err
	}
	return g.w.consents.FindReadSession(g.w.t.Context(), b, session)
}

// read reads all that a session shows: names and contents.
func (g granted) read(session string) (map[string]string, error) {
	g.w.t.Helper()
	r, err := g.reading(session)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	err = g.w.files.List(g.w.t.Context(), r, func(e wire.FileEntry) error {
		file, content, err := g.readFile(session, e.Name)
		all[file.Name()] = string(content)
		return err
	})
	return all, err
}

func (g granted) readFile(session string, name wire.FileName) (library.File, []byte, error) {
	r, err := g.reading(session)
	if err != nil {
		return library.File{}, nil, err
	}
	file, content, err := g.w.files.Open(g.w.t.Context(), r, name)
	if err != nil {
		return library.File{}, nil, err
	}
	b, err := io.ReadAll(content)
	return file, b, errors.Join(err, content.Close())
}

// readNow opens a session and reads all that it shows.
func (g granted) readNow() (map[string]string, error) {
	g.w.t.Helper()
	session, err := g.open(wire.SessionOptions{})
	if err != nil {
		return nil, err
	}
	return g.read(session)
}

// must gives v to whoever passes the test, which fails on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks that err is the refusal want, whatever its cause.
func refused(t testing.TB, what string, err error, want *library.Refusal) {
	t.Helper()
	var got *library.Refusal
	if !errors.As(err, &got) {
		t.Errorf("%s: error %v, want %v", what, err, want)
		return
	}
	if got.Kind != want.Kind || got.Subject != want.Subject || got.Limit != want.Limit {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// events are a person's activity as kinds, oldest first, after it has been verified.
func (p *person) events() string {
	p.w.t.Helper()
	list := must(p.w.db.ListEvents(context.Background(), p.in().Library.ID, 0, 100_000))(p.w.t)
	var kinds []string
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	if err := library.VerifyChain(list); err != nil {
		p.w.t.Errorf("activity of %s: %v", p.email, err)
	}
	for i, e := range list {
		if e.Seq != int64(i)+1 {
			p.w.t.Errorf("activity of %s: event %d stands at place %d", p.email, e.Seq, i+1)
		}
		kinds = append(kinds, string(e.Kind))
	}
	return strings.Join(kinds, " ")
}

// large is content that does not fit into the database.
func large(name string) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%s line\n", name)), 3*library.InlineLimit/len(name))
}

var masterKeys = seal.NewKeyringText()

// resident is a person who has a library and is signed in, and no password: to hash one
// takes most of a test's time, and few of them need it.
func (w *world) resident(email string) *person {
	w.t.Helper()
	key, secret, now := must(seal.GenerateKey())(w.t), seal.NewSecret(), w.clock()
	l := library.Library{
		ID:         library.ID(seal.RandomID(26)),
		Email:      email,
		PublicKey:  key.PublicKey(),
		CreatedAt:  now,
		CodeMadeAt: now,
		CodeSaved:  true,
	}
	created := library.Event{Library: l.ID, At: now, Kind: library.EventLibraryCreated}
	if err := w.db.AddLibrary(w.t.Context(), l, nil, w.login(l.ID, key, secret), created); err != nil {
		w.t.Fatal(err)
	}
	return &person{w: w, email: email, secret: secret, key: &key}
}

func (w *world) login(id library.ID, key seal.PrivateKey, secret seal.Secret) library.Login {
	w.t.Helper()
	now := w.clock()
	return library.Login{
		ID:        library.LoginID(seal.RandomID(20)),
		Library:   id,
		Hash:      secret.Hash(),
		Seal:      must(key.SealToSecret(secret))(w.t),
		CreatedAt: now,
		SeenAt:    now,
		ExpiresAt: now.Add(30 * time.Minute),
	}
}
