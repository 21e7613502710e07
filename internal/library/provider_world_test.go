package library_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

const returnTo = "https://library.example/providers/return"

// gp is the one source of the tests' catalogue.
var gp = library.Source{ID: 900123, Name: "Huisartsenpraktijk De Linde", Reference: "delinde~53", Provider: "fake:delinde~53",
	Push: true, Version: library.STU3, ServiceID: 900001, ServiceName: "MedMij", ServiceReference: "medmij", GroupID: 2, GroupName: "Medical"}

type fakeCatalogue struct{}

func (fakeCatalogue) Source(id int) (library.Source, error) {
	if id != gp.ID {
		return library.Source{}, library.ErrNotFound
	}
	return gp, nil
}

// fakeProviders does as the test says, and counts.
type fakeProviders struct {
	w *world

	mu       sync.Mutex
	access   func(n int) (library.ProviderAccess, error) // what the n-th code or renewal gives
	outcome  func(s library.Sending) library.Outcome
	given    int
	renewals []string // the refresh tokens that were presented
	sent     []library.Sending
}

func (f *fakeProviders) Depart(_ context.Context, d library.Departure) (string, error) {
	if d.Provider != gp.Provider {
		return "", library.ErrProviderGone
	}
	return "https://provider.example/authorize?" + url.Values{"state": {d.State.Reveal()}, "correlation": {d.Correlation},
		"redirect_uri": {d.RedirectURI}, "verifier": {d.Verifier.Reveal()}}.Encode(), nil
}

func (f *fakeProviders) Return(_ context.Context, d library.Departure, code seal.Secret) (library.ProviderAccess, error) {
	if code.Reveal() != "good" {
		return library.ProviderAccess{}, library.ErrProviderRefused
	}
	return f.give()
}

func (f *fakeProviders) Declined(_ context.Context, _ library.Departure, oauthError string) error {
	if oauthError == "access_denied" {
		return library.ErrProviderRefused
	}
	return errPassing
}

func (f *fakeProviders) Renew(_ context.Context, _ library.ProviderKey, refresh seal.Secret, _ string) (library.ProviderAccess, error) {
	f.mu.Lock()
	f.renewals = append(f.renewals, refresh.Reveal())
	f.mu.Unlock()
	return f.give()
}

func (f *fakeProviders) give() (library.ProviderAccess, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.given++
	return f.access(f.given)
}

func (f *fakeProviders) Send(_ context.Context, _ library.ProviderKey, s library.Sending) library.Outcome {
	f.mu.Lock()
	f.sent = append(f.sent, s)
	outcome := f.outcome
	f.mu.Unlock()
	return outcome(s)
}

// answer has the provider answer so from now on.
func (f *fakeProviders) answer(o func(library.Sending) library.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outcome = o
}

func (f *fakeProviders) sendings() []library.Sending {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

func always(o library.Outcome) func(library.Sending) library.Outcome {
	return func(library.Sending) library.Outcome { return o }
}

// lasting gives access for a quarter of an hour, with or without a refresh token.
func (w *world) lasting(renewable bool) func(int) (library.ProviderAccess, error) {
	return func(n int) (library.ProviderAccess, error) {
		a := library.ProviderAccess{Token: seal.SecretOf(fmt.Sprintf("access-%d", n)), ExpiresAt: w.clock().Add(15 * time.Minute)}
		if renewable {
			a.Refresh = seal.SecretOf(fmt.Sprintf("refresh-%d", n))
		}
		return a, nil
	}
}

// startDeliveries begins a server's deliveries on the world's store.
func (w *world) startDeliveries(c library.DeliveryConfig) {
	w.t.Helper()
	ring := must(seal.ParseKeyring(masterKeys))(w.t)
	w.providers = &fakeProviders{w: w, outcome: always(library.Outcome{Kind: library.OutcomeDelivered, Status: 201, Answer: []byte(`{"resourceType":"Observation"}`)})}
	w.providers.access = w.lasting(false)
	w.accounts = library.NewAccounts(w.db, w.consents, fakeCatalogue{}, w.providers, ring, w.clock, returnTo)
	w.deliveries = w.server(c)
}

// server is the deliveries of one more server on the same store.
func (w *world) server(c library.DeliveryConfig) *library.Deliveries {
	ring := must(seal.ParseKeyring(masterKeys))(w.t)
	d := library.NewDeliveries(w.db, w.accounts, w.clients, w.providers, ring, w.clock, c, slog.New(slog.DiscardHandler))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		d.Close(ctx)
	})
	return d
}

var masterKeys = seal.NewKeyringText()

// work does what Run does, once over, until nothing is due any more at the world's time.
func (w *world) work(d *library.Deliveries) {
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

// due counts what should be taken now: waiting and due, or being posted at all.
func (w *world) due() int {
	return w.count("SELECT count(*) FROM deliveries WHERE state = 'waiting' AND next_at <= ?1 AND lease_until <= ?1 OR state = 'posting' AND lease_until <= ?1 OR lease_until > ?1 AND lease <> ''",
		w.clock().UnixMilli())
}

// resident is a person who has a library and is signed in, and no password: to hash one
// takes most of a test's time, and few of them need it.
func (w *world) resident(email string) *person {
	w.t.Helper()
	key, secret, now := must(seal.GenerateKey())(w.t), seal.NewSecret(), w.clock()
	l := library.Library{ID: library.ID(seal.RandomID(26)), Email: email, PublicKey: key.PublicKey(), CreatedAt: now, CodeMadeAt: now, CodeSaved: true}
	created := library.Event{Library: l.ID, At: now, Kind: library.EventLibraryCreated}
	if err := w.db.AddLibrary(w.t.Context(), l, nil, w.login(l.ID, key, secret), created); err != nil {
		w.t.Fatal(err)
	}
	return &person{w: w, email: email, secret: secret, key: &key}
}

func (w *world) login(id library.ID, key seal.PrivateKey, secret seal.Secret) library.Login {
	w.t.Helper()
	now := w.clock()
	return library.Login{ID: library.LoginID(seal.RandomID(20)), Library: id, Hash: secret.Hash(), Seal: must(key.SealToSecret(secret))(w.t),
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(30 * time.Minute)}
}

// request opens a link for a person and returns it as their browser finds it.
func (p *person) request(c client) *library.Request {
	p.w.t.Helper()
	opened := must(p.w.consents.Authorize(p.w.t.Context(), c.call(authorizing), wire.SessionOptions{}))(p.w.t)
	return must(p.w.consents.OpenLink(p.w.t.Context(), library.LinkAuthorize, opened.Code.Reveal()))(p.w.t)
}

// again finds the same request anew.
func (p *person) again(r *library.Request, code string) *library.Request {
	p.w.t.Helper()
	found := must(p.w.consents.OpenLink(p.w.t.Context(), r.Link.Kind, code))(p.w.t)
	if err := p.w.accounts.Connected(p.w.t.Context(), p.in(), found); err != nil {
		p.w.t.Fatal(err)
	}
	return found
}

// depart sends a person's browser to the provider and returns the state it carries.
func (p *person) depart(r *library.Request, t library.Target) seal.Secret {
	p.w.t.Helper()
	address := must(p.w.accounts.Depart(p.w.t.Context(), p.in(), r, t, "/the/page"))(p.w.t)
	return seal.SecretOf(queryOf(p.w.t, address).Get("state"))
}

// connect goes the whole way: authorise, connect the provider, allow, exchange.
func (p *person) connect(c client) (granted, library.ConnectedAccount) {
	p.w.t.Helper()
	ctx := p.w.t.Context()
	opened := must(p.w.consents.Authorize(ctx, c.call(authorizing), wire.SessionOptions{}))(p.w.t)
	code := opened.Code.Reveal()
	r := must(p.w.consents.OpenLink(ctx, library.LinkAuthorize, code))(p.w.t)
	state := p.depart(r, library.Target{Source: gp.ID})
	back := must(p.w.accounts.Arrive(ctx, p.in(), library.ProviderAnswer{Source: gp.ID, State: state, Code: seal.SecretOf("good")}))(p.w.t)
	if back.End != library.TripConnected || back.Return != "/the/page" {
		p.w.t.Fatalf("returned %+v", back)
	}
	r = p.again(r, code)
	if r.Connected == nil {
		p.w.t.Fatal("nothing is connected")
	}
	q := queryOf(p.w.t, must(p.w.consents.Allow(ctx, p.in(), r))(p.w.t))
	if q.Get("accountReference") != string(r.Connected.Reference) {
		p.w.t.Errorf("callback names account %q, want %q", q.Get("accountReference"), r.Connected.Reference)
	}
	tokens := must(p.w.consents.Exchange(ctx, c.call(exchanging(q.Get("code")))))(p.w.t)
	return granted{c, tokens, opened.Session, q.Get("code")}, *r.Connected
}

// observation is what the tests send.
func observation(id string) library.Resource {
	return library.Resource{Version: library.STU3, Path: "Observation", Types: []string{"Observation"},
		Body: []byte(`{"resourceType":"Observation","identifier":[{"value":"` + id + `"}]}`)}
}

// deliver pushes to a provider.
func (g granted) deliver(account wire.AccountID, r library.Resource) (*library.Pushed, error) {
	g.w.t.Helper()
	b, err := g.bearer()
	if err != nil {
		return nil, err
	}
	to, err := g.w.deliveries.Destination(g.w.t.Context(), b, account)
	if err != nil {
		return nil, err
	}
	kept, err := g.w.deliveries.Keep(g.w.t.Context(), to, r)
	if err != nil {
		return nil, err
	}
	return kept.Wait(g.w.t.Context()), nil
}

// state is how far a delivery is, by the store.
func (w *world) state(p *library.Pushed) library.Delivery {
	w.t.Helper()
	return must(w.db.GetDelivery(w.t.Context(), p.Delivery.Library, p.Delivery.ID))(w.t)
}

// keepsNothing fails if the database holds any of the texts.
func (w *world) holdsNone(texts ...string) {
	w.t.Helper()
	for _, table := range []string{"deliveries", "provider_accounts", "trips", "events"} {
		for _, text := range texts {
			rows := w.dump(table)
			if strings.Contains(rows, text) {
				w.t.Errorf("table %s holds %q", table, text)
			}
		}
	}
}

var _ library.Catalogue = fakeCatalogue{}
var _ library.Providers = (*fakeProviders)(nil)
var _ library.AccountStore = (*store.DB)(nil)
var errPassing = errors.New("the provider is away for a moment")

// dump is all that a table holds, as text.
func (w *world) dump(table string) string {
	w.t.Helper()
	db := w.behind()
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(w.t.Context(), "SELECT * FROM "+table)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns := must(rows.Columns())(w.t)
	var all strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			fmt.Fprintln(&all, v)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all.String()
}
