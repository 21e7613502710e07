package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/simulator"
	"github.com/carrelhq/carrel/internal/store"
)

// deliveriesVar sets the number of resources; make deliveries sets it. The server is killed
// once for each thousand.
const deliveriesVar = "CARREL_TEST_DELIVERIES"

const courierEmail = "courier@example.org"

// deliveryTimeout is the server's time limit of an attempt in this test.
const deliveryTimeout = 2 * time.Second

// TestDeliveries pushes to a provider that fails a third of the time in every way, while
// the server is killed again and again. Each delivery must end once, in a state that is
// true, and nothing may be filed twice.
func TestDeliveries(t *testing.T) {
	t.Parallel()
	bothDurableDatabases(t, deliveries)
}

func deliveries(t *testing.T, database string) {
	count, quick := 100, true
	if n, err := strconv.Atoi(os.Getenv(deliveriesVar)); err == nil {
		count, quick = n, false
	}
	kills := max(2, count/1000)
	c := newCourier(t, t.TempDir(), database)
	c.connect(t)
	c.sim.SetRandomFailures(1.0/3, 20261124)
	for round := range kills + 1 {
		until := (round + 1) * count / (kills + 1)
		c.round(t, until, round < kills)
		if round < kills {
			if quick && round == kills-1 {
				c.expireLeases(t)
			}
			c.start(t)
		}
	}
	c.settle(t)
	c.process.kill()
	c.check(t, count, kills)
}

// courier is a server that is killed, an application that pushes through it, a person who
// has connected a provider, and the answer to each push.
type courier struct {
	sim                     *simulator.Simulator
	data, database, address string
	flags                   []string
	process                 *process
	contract                *digime.Contract
	person                  *demo.ScriptedVisitor
	user                    *digime.User
	account                 digime.AccountID

	reconnecting sync.Mutex
	mu           sync.Mutex
	next         int
	answers      map[string]pushed // by the run of the resource
	reconnects   int
}

// pushed is what a push was told.
type pushed struct {
	delivery digime.DeliveryID // empty if the server was killed before it answered
	err      error
}

func newCourier(t *testing.T, data, database string) *courier {
	sim, err := simulator.Start(t.Context(), simulator.Config{FrontHTTP: true, Folder: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	sim.SetBehaviour("", simulator.Behaviour{Authorize: simulator.AuthorizeApprove, RefreshTokens: true,
		Slow: 100 * time.Millisecond, Late: deliveryTimeout + 500*time.Millisecond, RetryAfter: time.Second})
	files := sim.Files()
	c := &courier{sim: sim, data: data, database: database, address: freeAddress(t), answers: map[string]pushed{},
		person: demo.NewScriptedVisitor(courierEmail, "correct horse battery staple")}
	c.flags = []string{
		"--data", c.data, "--database", database,
		"--delivery-timeout", deliveryTimeout.String(), "--delivery-retry", "200ms",
		"--medmij-lists", sim.ListURL(), "--medmij-client-id", sim.ClientID,
		"--medmij-cert", files.ClientCertificate, "--medmij-key", files.ClientKey,
		"--medmij-roots", files.Roots, "--medmij-directory", files.Directory, "--loopback-providers",
	}
	return c
}

func (c *courier) start(t testing.TB) { c.process = startServe(t, c.address, c.flags...) }

// connect registers the application and has the person connect the provider for it.
func (c *courier) connect(t *testing.T) {
	t.Helper()
	application := addApplication(t, c.data, c.database, "Courier", "--new")
	key := addContract(t, c.data, c.database, application, "write")
	c.start(t)
	client, err := digime.New(application, digime.WithServer(c.process.url), digime.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	c.contract = key.parse(t, client)
	auth, err := c.contract.Authorize(t.Context(),
		digime.AuthorizeOptions{RedirectURL: crashCallback, SourceType: digime.SourcePush})
	if err != nil {
		t.Fatal(err)
	}
	back := c.walk(t, auth)
	token, err := c.contract.Exchange(t.Context(), back)
	if err != nil {
		t.Fatal(err)
	}
	c.user = c.contract.User(token)
	accounts, err := c.user.ListAccounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		if a.Reference == back.AccountReference {
			c.account = a.ID
		}
	}
	if c.account == "" {
		t.Fatalf("no account %s among %+v", back.AccountReference, accounts)
	}
}

func (c *courier) walk(t testing.TB, auth digime.Authorization) digime.Callback {
	t.Helper()
	back, err := walkBack(t.Context(), c.person, auth)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// walkBack sends a person through the pages and reads the callback that they end at.
func walkBack(ctx context.Context, person *demo.ScriptedVisitor, auth digime.Authorization) (digime.Callback, error) {
	end, err := person.FollowPages(ctx, auth.URL, crashCallback)
	if err != nil {
		return digime.Callback{}, err
	}
	u, err := url.Parse(end)
	if err != nil {
		return digime.Callback{}, err
	}
	return auth.ParseCallback(u.Query())
}

// allows has a person allow a contract, and returns what its application may do then. A link is the token of another
// contract whose library is meant.
func allows(
	t testing.TB, person *demo.ScriptedVisitor, contract *digime.Contract, link digime.UserAccessToken,
) *digime.User {
	t.Helper()
	return allowsWith(t, person, contract, digime.AuthorizeOptions{Link: link})
}

func allowsWith(
	t testing.TB, person *demo.ScriptedVisitor, contract *digime.Contract, options digime.AuthorizeOptions,
) *digime.User {
	t.Helper()
	options.RedirectURL = crashCallback
	auth, err := contract.Authorize(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	back, err := walkBack(t.Context(), person, auth)
	if err != nil {
		t.Fatal(err)
	}
	token, err := contract.Exchange(t.Context(), back)
	if err != nil {
		t.Fatal(err)
	}
	return contract.User(token)
}

// round pushes until the number of pushes in all rounds is until. With kill it kills the
// server on the way.
func (c *courier) round(t *testing.T, until int, kill bool) {
	ctx := t.Context()
	c.mu.Lock()
	killAt := c.next + (until-c.next)/4 + rand.N((until-c.next)/2+1)
	c.mu.Unlock()
	killed := make(chan struct{})
	var once sync.Once
	var wait sync.WaitGroup
	for range pushers {
		wait.Go(func() {
			for {
				c.mu.Lock()
				c.next++
				n := c.next
				c.mu.Unlock()
				if n > until {
					return
				}
				if kill && n >= killAt {
					once.Do(func() { close(killed) })
				}
				if !c.push(ctx, n) {
					return // the server is gone
				}
			}
		})
	}
	if kill {
		<-killed
		time.Sleep(rand.N(200 * time.Millisecond))
		c.process.kill()
	}
	wait.Wait()
	c.mu.Lock()
	c.next = min(c.next, until)
	c.mu.Unlock()
}

// expireLeases ends the leases of the servers that were killed. Until a lease ends, which is after 27
// seconds, another server does not touch what is held under it.
func (c *courier) expireLeases(t *testing.T) {
	t.Helper()
	driver := "sqlite"
	if strings.Contains(c.database, "://") {
		driver = "pgx"
	}
	db, err := sql.Open(driver, c.database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range []string{
		"UPDATE deliveries SET lease_until = 1 WHERE lease_until > 1",
		"UPDATE provider_accounts SET renewal_until = 1 WHERE renewal_until > 1",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// push pushes one observation or, each fourth time, a batch of two. It returns false if
// the server has been killed.
func (c *courier) push(ctx context.Context, n int) bool {
	run := fmt.Sprintf("run-%d", n)
	for {
		resource, err := digime.MarshalResource(resourceOf(run, n%4 == 0))
		if err != nil {
			panic(err)
		}
		answer, err := c.user.PushToProvider(ctx, c.account, digime.STU3, resource)
		p := pushed{delivery: answer.DeliveryID, err: err}
		var kept *digime.DeliveryError
		var refused *digime.Error
		switch {
		case errors.As(err, &kept):
			p.delivery = kept.ID
		case err != nil && !errors.As(err, &refused):
			c.note(run, p)
			return false
		}
		if p.delivery == "" && errors.Is(err, digime.ErrServiceAuthorization) {
			if !c.reconnect(ctx) {
				return false
			}
			continue // nothing was kept: push again
		}
		c.note(run, p)
		return true
	}
}

func (c *courier) note(run string, p pushed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[run] = p
}

// reconnect has the person connect the provider again.
func (c *courier) reconnect(ctx context.Context) bool {
	c.reconnecting.Lock()
	defer c.reconnecting.Unlock()
	accounts, err := c.user.ListAccounts(ctx)
	if err != nil {
		return false
	}
	for _, a := range accounts {
		if a.ID == c.account && a.AccessTokenStatus.Authorized {
			return true // another push was first
		}
	}
	again, err := c.user.ReauthorizeAccount(ctx, c.account,
		digime.ReauthorizeAccountOptions{RedirectURL: crashCallback})
	if err != nil {
		return false
	}
	if _, err := walkBack(ctx, c.person, again); err != nil {
		return false
	}
	c.mu.Lock()
	c.reconnects++
	c.mu.Unlock()
	return true
}

// resourceOf returns the resource of a run: an observation, or a batch of two.
func resourceOf(run string, bundle bool) any {
	identifier := []any{map[string]any{"system": "urn:carrel:run", "value": run}}
	observation := func(value float64) map[string]any {
		coding := map[string]any{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}
		return map[string]any{
			"resourceType": "Observation", "status": "final", "identifier": identifier,
			"meta": map[string]any{"profile": []string{"http://nictiz.nl/fhir/StructureDefinition/zib-BodyWeight"}},
			"code": map[string]any{"coding": []any{coding}},
			"valueQuantity": map[string]any{
				"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg",
			},
		}
	}
	if !bundle {
		return observation(72.5)
	}
	var entries []any
	for i := range 2 {
		entries = append(entries, map[string]any{
			"fullUrl":  fmt.Sprintf("urn:uuid:%08x-0000-4000-8000-%012x", rand.Uint32(), i),
			"resource": observation(72.5 + float64(i)),
			"request":  map[string]any{"method": "POST", "url": "Observation"},
		})
	}
	return map[string]any{"resourceType": "Bundle", "type": "batch", "entry": entries}
}

// settle waits until every delivery has ended.
func (c *courier) settle(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if c.open(t) == 0 {
			return
		}
	}
	t.Fatalf("%d deliveries do not end", c.open(t))
}

// deliveries returns all deliveries of the person from the store.
func (c *courier) deliveries(t *testing.T) (all []delivery.Delivery) {
	t.Helper()
	db, err := store.Open(t.Context(), c.database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	l, err := db.FindLibrary(t.Context(), courierEmail)
	if err != nil {
		t.Fatal(err)
	}
	for before := (delivery.Cursor{}); ; {
		page, err := db.ListDeliveries(t.Context(), l.ID, wire.ClientID{}, before, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		last := page[len(page)-1]
		before = delivery.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

// open counts the deliveries that have not ended.
func (c *courier) open(t *testing.T) (n int) {
	all := c.deliveries(t)
	for _, d := range all {
		if !d.State.Final() {
			n++
		}
	}
	return n
}
