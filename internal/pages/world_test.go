package pages_test

import (
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/pages"
	"github.com/carrelhq/carrel/internal/store"
)

// world is the pages with everything behind them: a real store, real rules, a clock
// that the test sets, and a log that it can read.
type world struct {
	t        testing.TB
	url      string
	clients  *library.Clients
	people   *library.People
	consents *library.Consents
	files    *library.Files
	db       *store.DB
	log      *buffer

	accounts   *delivery.Connections
	deliveries *delivery.Queue
	catalogue  *catalogue.Catalogue
	listing    *listing
	provider   *provider

	mu  sync.Mutex
	now time.Time
}

const deleteWait = 7 * 24 * time.Hour

func newWorld(t testing.TB) *world {
	return newWorldWith(t, library.PeopleConfig{DeleteWait: deleteWait})
}

func newWorldWith(t testing.TB, config library.PeopleConfig) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC), log: &buffer{}}
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "carrel.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	blobs := &blob.Memory{}
	w.clients = library.NewClients(db, db, w.clock)
	w.people = library.NewPeople(db, db, db, blobs, w.clock, config)
	w.consents = library.NewConsents(db, w.clients, db, w.clock, library.ConsentConfig{})
	w.files = library.NewFiles(db, blobs, w.clients, db, db, w.clock, library.FileConfig{})
	w.db = db

	server := httptest.NewUnstartedServer(nil)
	w.url = "http://" + server.Listener.Addr().String()
	w.openProviders()
	server.Config.Handler = pages.New(w.config(db, config, w.url))
	server.Start()
	t.Cleanup(server.Close)
	return w
}

func (w *world) config(events library.EventStore, people library.PeopleConfig, public string) pages.Config {
	u, err := url.Parse(public)
	if err != nil {
		w.t.Fatal(err)
	}
	return pages.Config{
		People: w.people, Consents: w.consents, Files: w.files, Activity: library.NewActivity(events),
		Accounts: w.accounts, Deliveries: w.deliveries, Catalogue: w.catalogue,
		Operator: "Example Hosting", PublicURL: u, DeleteWait: people.DeleteWait, Zone: time.UTC,
		Now: w.clock, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
}

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

// buffer is a log that a test reads while the server writes.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var contractKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// The callbacks of the test's application.
const (
	webCallback   = "https://clinic.example/callback?from=carrel"
	phoneCallback = "clinic-app://callback"
)

// clinic registers an application with a contract, which change may change.
func (w *world) clinic(name string, change func(*library.Application, *library.Contract)) library.Client {
	w.t.Helper()
	a := library.Application{Name: name, About: name + " B.V. in Utrecht, clinic.example", Checked: true}
	k := library.Contract{
		Access: library.Write, PublicKey: string(wire.MarshalPublicKey(&contractKey().PublicKey)), RedirectURIs: []string{webCallback, phoneCallback},
		Purpose: "We put your lab results in your library, so that you have them together in one place.",
		Terms:   "Be kind.\nThat is all.", Privacy: "https://clinic.example/privacy",
	}
	if change != nil {
		change(&a, &k)
	}
	a, err := w.clients.AddApplication(w.t.Context(), a)
	if err != nil {
		w.t.Fatal(err)
	}
	k.Application = a.ID
	if k, err = w.clients.AddContract(w.t.Context(), k); err != nil {
		w.t.Fatal(err)
	}
	return library.Client{Application: a, Contract: k}
}

// write is the contract as it is: one that adds files.
func write(*library.Application, *library.Contract) {}

const verifier = "a-verifier-of-the-test-that-is-long-enough-to-be-one"

// link has the client open a link and returns the code in it.
func (w *world) link(c library.Client, callback, accessToken string) string {
	w.t.Helper()
	opened, err := w.consents.Authorize(w.t.Context(), &library.SignedRequest{Client: c, Claims: wire.RequestClaims{
		RedirectURI: callback, State: "the state", AccessToken: accessToken,
		CodeChallenge: wire.Challenge(verifier), CodeChallengeMethod: wire.ChallengeS256,
	}}, wire.SessionOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return opened.Code.Reveal()
}

// refer has the client open a link for the person of a token.
func (w *world) refer(c library.Client, callback, accessToken string, renew bool) string {
	w.t.Helper()
	claims := wire.RequestClaims{RedirectURI: callback, State: "the state", AccessToken: accessToken}
	if renew {
		claims.CodeChallenge, claims.CodeChallengeMethod = wire.Challenge(verifier), wire.ChallengeS256
	}
	opened, err := w.consents.AuthorizeForToken(w.t.Context(), &library.SignedRequest{Client: c, Claims: claims}, wire.SessionOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return opened.Code.Reveal()
}

// exchange redeems the code of a callback for an access token.
func (w *world) exchange(c library.Client, callback *url.URL) string {
	w.t.Helper()
	tokens, err := w.consents.Exchange(w.t.Context(), &library.SignedRequest{Client: c, Claims: wire.RequestClaims{
		Code: callback.Query().Get("code"), CodeVerifier: verifier,
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return tokens.AccessToken.Value
}

// push adds a file as the client does.
func (w *world) push(c library.Client, accessToken string, d wire.Descriptor, content string) library.File {
	w.t.Helper()
	token, err := wire.Sign(contractKey(), wire.Header{}, wire.RequestClaims{ClientID: c.ID().String(), Nonce: wire.NewNonce(),
		Timestamp: wire.MillisOf(w.clock()), AccessToken: accessToken})
	if err != nil {
		w.t.Fatal(err)
	}
	call, err := w.clients.Verify(w.t.Context(), token)
	if err != nil {
		w.t.Fatal(err)
	}
	bearer, err := w.consents.Bearer(w.t.Context(), call)
	if err != nil {
		w.t.Fatal(err)
	}
	d.Accounts = []wire.DescriptorAccount{{AccountID: "patient-42"}}
	file, err := w.files.Push(w.t.Context(), bearer, &d, strings.NewReader(content))
	if err != nil {
		w.t.Fatal(err)
	}
	return file
}
