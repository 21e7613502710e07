package library_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

const returnTo = "https://library.example/providers/return"

// gp is the one source of the tests' catalogue.
var gp = delivery.Source{
	ID:               900123,
	Name:             "Huisartsenpraktijk De Linde",
	Reference:        "delinde~53",
	Provider:         "fake:delinde~53",
	Push:             true,
	Version:          fhir.STU3,
	ServiceID:        900001,
	ServiceName:      "MedMij",
	ServiceReference: "medmij",
	GroupID:          2,
	GroupName:        "Medical",
}

type fakeCatalogue struct{}

func (fakeCatalogue) HasPushSources() (bool, error) { return true, nil }

func (fakeCatalogue) Source(id int) (delivery.Source, error) {
	if id != gp.ID {
		return delivery.Source{}, library.ErrNotFound
	}
	return gp, nil
}

// fakeProviders does as the test says, and counts.
type fakeProviders struct {
	w *world

	mu       sync.Mutex
	access   func(n int) (delivery.ProviderTokens, error) // what the n-th code or renewal gives
	outcome  func(s delivery.SendRequest) delivery.Outcome
	given    int
	renewals []string // the refresh tokens that were presented
	sent     []delivery.SendRequest
}

func (f *fakeProviders) AuthorizationURL(_ context.Context, d delivery.AuthorizationParams) (string, error) {
	if d.Provider != gp.Provider {
		return "", delivery.ErrProviderGone
	}
	return "https://provider.example/authorize?" + url.Values{
		"state":        {d.State.Reveal()},
		"correlation":  {d.Correlation},
		"redirect_uri": {d.RedirectURI},
		"verifier":     {d.Verifier.Reveal()},
	}.Encode(), nil
}

func (f *fakeProviders) Exchange(
	_ context.Context,
	d delivery.AuthorizationParams,
	code seal.Secret,
) (delivery.ProviderTokens, error) {
	if code.Reveal() != "good" {
		return delivery.ProviderTokens{}, delivery.ErrProviderRefused
	}
	return f.give()
}

func (f *fakeProviders) AuthorizationError(_ context.Context, _ delivery.AuthorizationParams, oauthError string) error {
	if oauthError == "access_denied" {
		return delivery.ErrProviderRefused
	}
	return errPassing
}

func (f *fakeProviders) RefreshTokens(
	_ context.Context,
	_ delivery.ProviderKey,
	refresh seal.Secret,
	_ string,
) (delivery.ProviderTokens, error) {
	f.mu.Lock()
	f.renewals = append(f.renewals, refresh.Reveal())
	f.mu.Unlock()
	return f.give()
}

func (f *fakeProviders) give() (delivery.ProviderTokens, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.given++
	return f.access(f.given)
}

func (f *fakeProviders) Send(_ context.Context, _ delivery.ProviderKey, s delivery.SendRequest) delivery.Outcome {
	f.mu.Lock()
	f.sent = append(f.sent, s)
	outcome := f.outcome
	f.mu.Unlock()
	return outcome(s)
}

// answer has the provider answer so from now on.
func (f *fakeProviders) answer(o func(delivery.SendRequest) delivery.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outcome = o
}

func (f *fakeProviders) sendings() []delivery.SendRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

func always(o delivery.Outcome) func(delivery.SendRequest) delivery.Outcome {
	return func(delivery.SendRequest) delivery.Outcome { return o }
}

// lasting gives access for a quarter of an hour, with or without a refresh token.
func (w *world) lasting(renewable bool) func(int) (delivery.ProviderTokens, error) {
	return func(n int) (delivery.ProviderTokens, error) {
		a := delivery.ProviderTokens{
			Access:    seal.SecretOf(fmt.Sprintf("access-%d", n)),
			ExpiresAt: w.clock().Add(15 * time.Minute),
		}
		if renewable {
			a.Refresh = seal.SecretOf(fmt.Sprintf("refresh-%d", n))
		}
		return a, nil
	}
}

// startDeliveries begins a server's deliveries on the world's store.
func (w *world) startDeliveries(c delivery.QueueConfig) {
	w.t.Helper()
	ring := must(seal.ParseKeyring(masterKeys))(w.t)
	w.providers = &fakeProviders{
		w: w,
		outcome: always(
			delivery.Outcome{
				Kind:   delivery.OutcomeDelivered,
				Status: 201,
				Answer: []byte(`{"resourceType":"Observation"}`),
			},
		),
	}
	w.providers.access = w.lasting(false)
	w.accounts = delivery.NewConnections(w.db, w.db, w.consents, fakeCatalogue{}, w.providers, ring, w.clock, returnTo)
	w.deliveries = w.server(c)
}

// server is the deliveries of one more server on the same store.
func (w *world) server(c delivery.QueueConfig) *delivery.Queue {
	ring := must(seal.ParseKeyring(masterKeys))(w.t)
	d := delivery.NewQueue(w.db, w.accounts, w.clients, w.providers, ring, w.clock, c, slog.New(slog.DiscardHandler))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		d.Close(ctx)
	})
	return d
}

var masterKeys = seal.NewKeyringText()

// work does what Run does, once over, until nothing is due any more at the world's time.
func (w *world) work(d *delivery.Queue) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	var done sync.WaitGroup
	done.Go(func() { d.Run(ctx) })
	deadline := time.Now().Add(20 * time.Second)
	for w.due() > 0 && time.Now().Before(deadline) {
		time.Sleep(2 * time.Millisecond)
	}
	if n := w.due(); n > 0 {
		w.t.Errorf("%d deliveries are due and nobody takes them", n)
	}
	cancel()
	done.Wait()
}

// due counts the deliveries that a queue should take now, or has taken.
func (w *world) due() (n int) {
	w.t.Helper()
	now := w.clock()
	for _, id := range w.residents {
		for _, d := range must(w.db.ListDeliveries(w.t.Context(), id, "", delivery.Cursor{}, 1000))(w.t) {
			held := d.LeaseUntil.After(now)
			switch {
			case held && d.Lease != "",
				!held && d.State == delivery.Posting,
				!held && d.State == delivery.Waiting && !d.NextAt.After(now):
				n++
			}
		}
	}
	return n
}

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
	w.residents = append(w.residents, l.ID)
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

// request opens a link for a person and returns it as their browser finds it.
func (p *person) request(c client) *library.PendingRequest {
	p.w.t.Helper()
	opened := must(p.w.consents.Authorize(p.w.t.Context(), c.call(authorizing), wire.SessionOptions{}))(p.w.t)
	return must(p.w.consents.FindRequest(p.w.t.Context(), library.AuthorizeRequest, opened.Code.Reveal()))(p.w.t)
}

// again finds the same request anew.
func (p *person) again(r *library.PendingRequest, code string) *library.PendingRequest {
	p.w.t.Helper()
	return must(p.w.consents.FindRequest(p.w.t.Context(), r.Kind, code))(p.w.t)
}

// connected is the account that a person has connected for a request.
func (p *person) connected(r *library.PendingRequest) *delivery.Connection {
	p.w.t.Helper()
	return must(p.w.accounts.ConnectionStep(p.w.t.Context(), p.in(), r, delivery.ConnectionQuery{}))(p.w.t).Connected
}

// depart sends a person's browser to the provider and returns the state it carries.
func (p *person) depart(r *library.PendingRequest, t delivery.Target) seal.Secret {
	p.w.t.Helper()
	address := must(p.w.accounts.StartAuthorization(p.w.t.Context(), p.in(), r, t, "/the/page"))(p.w.t)
	return seal.SecretOf(queryOf(p.w.t, address).Get("state"))
}

// connect goes the whole way: authorise, connect the provider, allow, exchange.
func (p *person) connect(c client) (granted, delivery.Connection) {
	p.w.t.Helper()
	ctx := p.w.t.Context()
	opened := must(p.w.consents.Authorize(ctx, c.call(authorizing), wire.SessionOptions{}))(p.w.t)
	code := opened.Code.Reveal()
	r := must(p.w.consents.FindRequest(ctx, library.AuthorizeRequest, code))(p.w.t)
	state := p.depart(r, delivery.Target{Source: gp.ID})
	back := must(
		p.w.accounts.HandleCallback(
			ctx,
			p.in(),
			delivery.CallbackParams{Source: gp.ID, State: state, Code: seal.SecretOf("good")},
		),
	)(p.w.t)
	if back.Result != delivery.AuthorizationConnected || back.Return != "/the/page" {
		p.w.t.Fatalf("returned %+v", back)
	}
	r = p.again(r, code)
	connected := p.connected(r)
	if connected == nil {
		p.w.t.Fatal("nothing is connected")
	}
	q := queryOf(p.w.t, must(p.w.consents.Allow(ctx, p.in(), r, connected.ID))(p.w.t))
	if q.Get("accountReference") != string(connected.Reference) {
		p.w.t.Errorf("callback names account %q, want %q", q.Get("accountReference"), connected.Reference)
	}
	tokens := must(p.w.consents.Exchange(ctx, c.call(exchanging(q.Get("code")))))(p.w.t)
	account := must(p.w.accounts.Get(ctx, p.in(), connected.ID))(p.w.t)
	return granted{c, tokens, opened.Session, q.Get("code")}, account
}

// observation is what the tests send.
func observation(id string) delivery.Resource {
	return delivery.Resource{Version: fhir.STU3, Path: "Observation", Types: []string{"Observation"},
		Body: []byte(`{"resourceType":"Observation","identifier":[{"value":"` + id + `"}]}`)}
}

// deliver pushes to a provider.
func (g granted) deliver(account wire.AccountID, r delivery.Resource) (*delivery.Result, error) {
	g.w.t.Helper()
	b, err := g.bearer()
	if err != nil {
		return nil, err
	}
	to, err := g.w.deliveries.FindDestination(g.w.t.Context(), b, account)
	if err != nil {
		return nil, err
	}
	kept, err := g.w.deliveries.Enqueue(g.w.t.Context(), to, r)
	if err != nil {
		return nil, err
	}
	return kept.Wait(g.w.t.Context()), nil
}

// state is how far a delivery is, by the store.
func (w *world) state(p *delivery.Result) delivery.Delivery {
	w.t.Helper()
	return must(w.db.GetDelivery(w.t.Context(), p.Delivery.Library, p.Delivery.ID))(w.t)
}

// holdsNone fails if the database has any of the texts in the clear.
func (w *world) holdsNone(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if columns := w.mentions(text); len(columns) > 0 {
			w.t.Errorf("%q is in %v", text, columns)
		}
	}
}

var _ delivery.Catalogue = fakeCatalogue{}
var _ delivery.Providers = (*fakeProviders)(nil)
var _ delivery.ConnectionStore = (*store.DB)(nil)
var errPassing = errors.New("the provider is away for a moment")
