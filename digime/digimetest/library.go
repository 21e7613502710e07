package digimetest

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// A Library is a personal data library in memory. It may be used by several goroutines at once, except for its fields,
// which a test sets before the first call. The caller must close it.
type Library struct {
	// URL is the URL of the server, for [digime.WithServer].
	URL string
	// ApplicationID is the id of the one application, for [digime.New].
	ApplicationID string
	// RedirectURL is the redirect URI of both contracts. A test may set it to that of its application.
	RedirectURL string
	// ReadContract allows to read.
	ReadContract Contract
	// WriteContract allows to push, into the library and to providers.
	WriteContract Contract

	server    *httptest.Server
	mux       *http.ServeMux
	endpoints []Endpoint      // those of the mux
	key       *rsa.PrivateKey // signs the answers

	mu         sync.Mutex
	nonces     map[string]bool
	codes      map[string]codeGrant // preauthorisation, authorisation and reference codes
	access     map[string]*grant
	refresh    map[string]*grant
	accounts   []digime.Account
	files      []File
	lists      []digime.FileList // overrides files
	resources  []Resource
	deliveries [][]digime.Delivery // newest first; each is a queue whose last element remains
	sources    []digime.Source
	collected  []Collection // what the portability report says
	requests   []Request
	failures   map[Endpoint][]Failure
	storages   map[digime.StorageID]*storage
	handles    map[string]digime.StorageID // of storages, for the page that asks for consent
	current    digime.StorageID            // the storage in the library of the person, if any
}

// Contract is a contract of the application: the arguments of [digime.Client.ParseContract].
type Contract struct {
	// ID is the id of the contract.
	ID string
	// PrivateKey is the private key in PEM.
	PrivateKey []byte
}

// testKeys are generated once, because that takes long.
var testKeys = sync.OnceValue(func() [3]*rsa.PrivateKey {
	var keys [3]*rsa.PrivateKey
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// NewLibrary starts a library. The caller must close it.
func NewLibrary() *Library {
	keys := testKeys()
	l := &Library{
		ApplicationID: "testApplication",
		RedirectURL:   "https://application.example/callback",
		WriteContract: Contract{ID: "writeContract", PrivateKey: wire.MarshalPrivateKey(keys[0])},
		ReadContract:  Contract{ID: "readContract", PrivateKey: wire.MarshalPrivateKey(keys[1])},
		key:           keys[2],
		nonces:        map[string]bool{},
		codes:         map[string]codeGrant{},
		access:        map[string]*grant{},
		refresh:       map[string]*grant{},
		accounts:      defaultAccounts(),
		sources:       defaultSources(),
		failures:      map[Endpoint][]Failure{},
		storages:      map[digime.StorageID]*storage{},
		handles:       map[string]digime.StorageID{},
	}
	l.mux = l.routes()
	l.server = httptest.NewServer(l)
	l.URL = l.server.URL
	return l
}

// Close stops the server.
func (l *Library) Close() { l.server.Close() }

// Client returns a client of the library for the application. It panics if an option is wrong.
func (l *Library) Client(options ...digime.Option) *digime.Client {
	client, err := digime.New(l.ApplicationID, append([]digime.Option{digime.WithServer(l.URL)}, options...)...)
	if err != nil {
		panic(err)
	}
	return client
}

// User returns the person, as if they had consented to the contract. With the write contract they have also connected
// the provider.
func (l *Library) User(contract Contract, options ...digime.UserOption) *digime.User {
	parsed, err := l.Client().ParseContract(contract.ID, contract.PrivateKey)
	if err != nil {
		panic(err)
	}
	return parsed.User(l.Token(contract), options...)
}

// Token returns a token for the contract, as if the person had consented to it. With the write contract they have also
// connected the provider.
func (l *Library) Token(contract Contract) digime.UserAccessToken {
	l.mu.Lock()
	defer l.mu.Unlock()
	agreed := &consent{provider: contract.ID == l.WriteContract.ID}
	claims := l.newToken(grant{contract: contract.ID, consent: agreed}, wire.RandomAlphanumeric(43))
	return digime.UserAccessToken{
		AccessToken:  tokenOf(claims.AccessToken),
		RefreshToken: tokenOf(claims.RefreshToken),
		UserID:       digime.UserID(claims.Subject),
		ConsentID:    digime.ConsentID(claims.ConsentID),
	}
}

func tokenOf(v wire.TokenValue) digime.Token {
	return digime.Token{Value: digime.NewSecret(v.Value), Expiry: v.ExpiresOn.Time()}
}

// ExpireAccessTokens ends the time of all access tokens so far. The application refreshes them.
func (l *Library) ExpireAccessTokens() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.access {
		g.expired = true
	}
}

// ExpireRefreshTokens ends the time of all tokens so far. The calls of the application return [digime.ErrReauthorize].
func (l *Library) ExpireRefreshTokens() {
	l.ExpireAccessTokens()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.refresh {
		g.expired = true
	}
}

// Revoke ends all consents so far, as if the person had revoked them. The calls of the application return
// [digime.ErrRevoked].
func (l *Library) Revoke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.revoke()
}

func (l *Library) revoke() {
	clear(l.access)
	clear(l.refresh)
}

// SetAccounts replaces the accounts of the person. At first there are two: one that represents the person, with the id
// 1_person, and one at a provider, with the id 2_provider.
func (l *Library) SetAccounts(accounts ...digime.Account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts = slices.Clone(accounts)
}

func defaultAccounts() []digime.Account {
	created := time.Date(2026, 11, 24, 5, 56, 43, 0, time.UTC)
	return []digime.Account{
		{ID: "1_person", Reference: "reference-person", Type: digime.AccountUser, ServiceTypeName: "Application",
			CreatedAt: created, UpdatedAt: created},
		{ID: "2_provider", Reference: "reference-provider", Type: digime.AccountPush, ServiceTypeName: "GP",
			CreatedAt: created, UpdatedAt: created},
	}
}

// File is a file in the library.
type File struct {
	// Name identifies the file. [Library.AddFile] chooses one if it is empty.
	Name digime.FileName
	// Metadata describes the file.
	Metadata digime.FileMetadata
	// Content is the content before it is encrypted, compressed as Metadata.Compression says.
	Content []byte
}

// Files returns the files of the library: those that were pushed and those that were added, in this order.
func (l *Library) Files() []File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.files)
}

// AddFile adds a file to the library, as if another application had pushed it.
func (l *Library) AddFile(f File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addFile(f)
}

func (l *Library) addFile(f File) {
	if f.Name == "" {
		f.Name = digime.FileName(fmt.Sprintf("0_0_0_file%d", len(l.files)+1))
	}
	if f.Metadata.Raw == nil && f.Metadata.Mapped == nil {
		f.Metadata.Raw = &digime.RawMetadata{MIMEType: "application/octet-stream"}
	}
	if f.Metadata.LastModified.IsZero() {
		f.Metadata.LastModified = time.Now()
	}
	l.files = append(l.files, f)
}

// SetFileLists sets the states that a session returns one after the other; the last one remains. Without them a session
// is complete and lists all files.
func (l *Library) SetFileLists(lists ...digime.FileList) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lists = slices.Clone(lists)
}

// Resource is a FHIR resource or Bundle that was pushed to a provider.
type Resource struct {
	// AccountID is the account at the provider.
	AccountID digime.AccountID
	// Version is the version of FHIR.
	Version digime.FHIRVersion
	// JSON is the resource.
	JSON []byte
	// DeliveryID identifies its delivery.
	DeliveryID digime.DeliveryID
}

// Resources returns what was pushed to providers, in this order.
func (l *Library) Resources() []Resource {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.resources)
}

// SetDelivery sets the states that a delivery returns one after the other; the last one remains. All of them have the
// ID of the first. A resource that was pushed has a delivery that is delivered.
func (l *Library) SetDelivery(states ...digime.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	states = slices.Clone(states)
	for i := range states {
		states[i].ID = states[0].ID
	}
	l.deliveries = slices.DeleteFunc(l.deliveries, func(d []digime.Delivery) bool { return d[0].ID == states[0].ID })
	l.deliveries = slices.Insert(l.deliveries, 0, states)
}

// SetSources replaces the catalogue. Its categories, countries and platforms are those of the sources.
func (l *Library) SetSources(sources ...digime.Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sources = slices.Clone(sources)
}
