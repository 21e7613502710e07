package server_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/simulator"
	"github.com/carrelhq/carrel/internal/store"
)

// hospital is the name of another practice provider than gp.
const hospital = "rivierenland"

// withProviders runs a test against a server and practice providers, on each database. A delivery that has failed is
// tried again only when the test makes it due.
func withProviders(t *testing.T, test func(t *testing.T, k *keeper)) {
	withKeeperOf(t, func(t testing.TB, options ...carreltest.Option) *carreltest.World {
		return carreltest.ServeWithSimulator(t, append(options, func(c *server.Config) {
			c.Deliveries.FirstRetry, c.Deliveries.MaxRetry = time.Hour, time.Hour
		})...)
	}, test)
}

// connected is a person who has connected a provider, as the keeper sees their rows.
type connected struct {
	*carreltest.Visitor
	user           *digime.User
	account        digime.AccountID
	library, grant string
}

func (k *keeper) connects(v *carreltest.Visitor, c *carreltest.Contract, provider string) *connected {
	k.t.Helper()
	v.Provider = provider
	p := &connected{Visitor: v}
	p.user, p.account = v.Connects(c)
	p.user = once(c, p.user)
	k.reads(&p.library, `SELECT library_id FROM provider_accounts WHERE id = $1`, string(p.account))
	k.reads(&p.grant, `SELECT grant_id FROM provider_accounts WHERE id = $1`, string(p.account))
	return p
}

// leavesWaiting pushes a resource that waits, and returns the id of the delivery.
func (k *keeper) leavesWaiting(p *connected, provider string) string {
	k.t.Helper()
	k.Simulator.SetBehaviour(provider, simulator.Behaviour{Resource: simulator.ResourceBusy})
	answer, err := p.user.PushToProvider(k.t.Context(), p.account, digime.STU3, observation())
	if err != nil || answer.Status != http.StatusAccepted {
		k.t.Fatalf("a busy provider: %+v, %v", answer, err)
	}
	k.Simulator.SetBehaviour(provider, simulator.Behaviour{})
	return string(answer.DeliveryID)
}

// ends makes a delivery due and waits for its end. It returns the state.
func (k *keeper) ends(id string) (state string) {
	k.t.Helper()
	k.changes(`UPDATE deliveries SET next_at = 1 WHERE id = $1`, id)
	carreltest.Eventually(k.t, "the delivery has ended", func() bool {
		k.reads(&state, `SELECT state FROM deliveries WHERE id = $1`, id)
		return state != "waiting" && state != "posting"
	})
	return state
}

// told counts the lines about tampering in the activity of a library.
func (k *keeper) told(libraryID string) int {
	k.t.Helper()
	return k.count(`SELECT COUNT(*) FROM events WHERE kind = 'library.tampered' AND library_id = $1`, libraryID)
}

// wantTold expects that the activity of a library and the log say that it was tampered with.
func (k *keeper) wantTold(libraryID string) {
	k.t.Helper()
	if k.told(libraryID) == 0 {
		k.t.Error("the person's activity does not say that the library was tampered with")
	}
	carreltest.Eventually(k.t, "the log has an error", func() bool {
		for _, line := range k.Log.Lines("library " + libraryID + " has been tampered with") {
			if strings.Contains(line, `"level":"ERROR"`) {
				return true
			}
		}
		return false
	})
}

// TestAttackMovedDelivery: the keeper has what waits for one provider sent to another, or in the name of somebody else.
func TestAttackMovedDelivery(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(k *keeper, anna, mallory, other *connected, id string){
		"to an account of the keeper's": func(k *keeper, anna, mallory, _ *connected, id string) {
			k.changes(`UPDATE deliveries SET library_id = $1, grant_id = $2, account_id = $3 WHERE id = $4`,
				mallory.library, mallory.grant, string(mallory.account), id)
		},
		"to another account of the person": func(k *keeper, _, _, other *connected, id string) {
			k.changes(`UPDATE deliveries SET grant_id = $1, account_id = $2 WHERE id = $3`,
				other.grant, string(other.account), id)
		},
		"with another delivery's payload": func(k *keeper, _, mallory, _ *connected, id string) {
			own := k.leavesWaiting(mallory, hospital)
			k.changes(`UPDATE delivery_contents SET payload = (SELECT o.payload FROM delivery_contents o
				WHERE o.delivery_id = $1) WHERE delivery_id = $2`, own, id)
		},
		"as one that never expires": func(k *keeper, _, _, _ *connected, id string) {
			k.changes(`UPDATE deliveries SET expires_at = expires_at + 1000000 WHERE id = $1`, id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withProviders(t, func(t *testing.T, k *keeper) {
				app := k.Application()
				contract := app.Contract(library.Write)
				visitor := k.Visitor()
				anna := k.connects(visitor, contract, "De Linde")
				other := k.connects(visitor, app.Contract(library.Write), "Rivierenland")
				mallory := k.connects(k.Visitor(), contract, "Rivierenland")
				id := k.leavesWaiting(anna, gp)
				move(k, anna, mallory, other, id)
				if state := k.ends(id); state != string(delivery.Expired) {
					t.Errorf("the delivery ends as %s", state)
				}
				if filed := k.Simulator.Filed(); len(filed) != 0 {
					t.Errorf("filed %+v", filed)
				}
				k.wantTold(anna.library)
				answer, err := anna.user.PushToProvider(t.Context(), anna.account, digime.STU3, observation())
				if err != nil || !answer.Delivered() {
					t.Errorf("the next push: %+v, %v", answer, err)
				}
			})
		})
	}
}

// TestAttackMovedAnswer: the keeper puts a provider's answer under the delivery of another person.
func TestAttackMovedAnswer(t *testing.T) {
	t.Parallel()
	withProviders(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		anna := k.connects(k.Visitor(), contract, "De Linde")
		mallory := k.connects(k.Visitor(), contract, "De Linde")
		pushed := carreltest.Must(anna.user.PushToProvider(t.Context(), anna.account, digime.STU3, observation()))(t)
		k.changes(`UPDATE deliveries SET library_id = $1, grant_id = $2, account_id = $3 WHERE id = $4`,
			mallory.library, mallory.grant, string(mallory.account), string(pushed.DeliveryID))
		if d, err := mallory.user.GetDelivery(t.Context(), pushed.DeliveryID); err == nil {
			t.Errorf("somebody else gets the answer %s", d.Answer)
		}
		k.wantTold(anna.library)
	})
}

// TestAttackReplacedProvider: the keeper replaces what is stored about the provider of an account by another provider
// of the catalogue, so that tokens and resources would go there.
func TestAttackReplacedProvider(t *testing.T) {
	t.Parallel()
	withProviders(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		anna := k.connects(k.Visitor(), contract, "De Linde")
		mallory := k.connects(k.Visitor(), contract, "Rivierenland")
		id := k.leavesWaiting(anna, gp)
		var source, before string
		k.reads(&before, `SELECT source FROM provider_accounts WHERE id = $1`, string(anna.account))
		k.reads(&source, `SELECT source FROM provider_accounts WHERE id = $1`, string(mallory.account))
		received := len(k.Simulator.Received())

		k.changes(`UPDATE provider_accounts SET source = $1 WHERE id = $2`, source, string(anna.account))
		if answer, err := anna.user.PushToProvider(t.Context(), anna.account, digime.STU3, observation()); err == nil {
			t.Errorf("a push: %+v", answer)
		}
		if state := k.ends(id); state != string(delivery.Expired) {
			t.Errorf("what waited ends as %s", state)
		}
		if n := len(k.Simulator.Received()) - received; n != 0 {
			t.Errorf("the providers received %d resources", n)
		}
		k.wantTold(anna.library)
		k.changes(`UPDATE provider_accounts SET source = $1 WHERE id = $2`, before, string(anna.account))
		answer, err := anna.user.PushToProvider(t.Context(), anna.account, digime.STU3, observation())
		if err != nil || !answer.Delivered() {
			t.Errorf("with what was stored: %+v, %v", answer, err)
		}
	})
}

// TestAttackMovedConnection: the keeper gives an account to another consent, of the same application or of their own,
// or to another library, whose tokens then would send through it.
func TestAttackMovedConnection(t *testing.T) {
	t.Parallel()
	withProviders(t, func(t *testing.T, k *keeper) {
		app, visitor := k.Application(), k.Visitor()
		contract := app.Contract(library.Write)
		anna := k.connects(visitor, contract, "De Linde")
		second := app.Contract(library.Write)
		foreign := k.Application()
		third := foreign.Contract(library.Write)
		mallory := k.connects(k.Visitor(), contract, "Rivierenland")
		for name, to := range map[string]struct {
			library, application string
			user                 *digime.User
		}{
			"another consent of the application": {anna.library, string(contract.Application.ID),
				once(second, visitor.Allows(second))},
			"the keeper's application": {anna.library, string(third.Application.ID),
				once(third, visitor.Allows(third))},
			"the keeper's library": {mallory.library, string(contract.Application.ID), mallory.user},
		} {
			var application string
			k.reads(&application, `SELECT application_id FROM provider_accounts WHERE id = $1`, string(anna.account))
			move := `UPDATE provider_accounts SET library_id = $1, application_id = $2, grant_id = $3 WHERE id = $4`
			k.changes(move, to.library, to.application, string(to.user.Token().ConsentID), string(anna.account))
			answer, err := to.user.PushToProvider(t.Context(), anna.account, digime.STU3, observation())
			if err == nil {
				t.Errorf("%s: sent: %+v", name, answer)
			}
			k.changes(move, anna.library, application, anna.grant, string(anna.account))
		}
		if received := k.Simulator.Received(); len(received) != 0 {
			t.Errorf("the providers received %d resources", len(received))
		}
		k.wantTold(anna.library)
		answer, err := anna.user.PushToProvider(t.Context(), anna.account, digime.STU3, observation())
		if err != nil || !answer.Delivered() {
			t.Errorf("the consent that connected it: %+v, %v", answer, err)
		}
	})
}

// TestAttackMovedAuthorization: the keeper moves an authorization at a provider to their own login, library and request
// while the person is at the provider, and comes back in the person's place.
func TestAttackMovedAuthorization(t *testing.T) {
	t.Parallel()
	withProviders(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		example := k.connects(k.Visitor(), contract, "De Linde")
		var source int
		k.reads(&source, `SELECT source_id FROM provider_accounts WHERE id = $1`, string(example.account))
		anna, mallory := k.Person(), k.Person()
		own := mallory.Asked(contract)
		address := carreltest.Must(k.Connections.StartAuthorization(t.Context(), anna.SignedIn(), anna.Asked(contract),
			delivery.Target{Source: source}, "/"))(t)
		callback := k.URL + "/providers/return/" + strconv.Itoa(source)
		back := carreltest.Must(k.Visitor().FollowPages(t.Context(), address, callback))(t)

		in := mallory.SignedIn()
		k.changes(`UPDATE trips SET library_id = $1, login_id = $2, link_hash = $3 WHERE library_id = $4`,
			string(in.Library.ID), string(in.Login.ID), own.Hash[:], string(anna.Library))
		path := strings.TrimPrefix(back, k.URL)
		if code, page := k.browserOf(mallory).do(k.browserOf(mallory).request(http.MethodGet, path, nil)); code < 500 {
			t.Errorf("another browser comes back: %d, %s", code, page)
		}
		if n := k.count(`SELECT COUNT(*) FROM provider_accounts WHERE id <> $1`, string(example.account)); n != 0 {
			t.Errorf("%d accounts were connected", n)
		}
		k.wantTold(string(anna.Library))
	})
}

// TestAttackReplacedPending: the keeper replaces the provider of an account between its connection and the consent.
func TestAttackReplacedPending(t *testing.T) {
	t.Parallel()
	withProviders(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		example := k.connects(k.Visitor(), contract, "Rivierenland")
		gpExample := k.connects(k.Visitor(), contract, "De Linde")
		var source int
		k.reads(&source, `SELECT source_id FROM provider_accounts WHERE id = $1`, string(gpExample.account))
		anna := k.Person()
		asked := contract.Authorizes()
		request := anna.Opens(library.AuthorizeRequest, asked.Code)
		address := carreltest.Must(k.Connections.StartAuthorization(t.Context(), anna.SignedIn(), request,
			delivery.Target{Source: source}, "/"))(t)
		callback := k.URL + "/providers/return/" + strconv.Itoa(source)
		back := carreltest.Must(k.Visitor().FollowPages(t.Context(), address, callback))(t)
		annas := k.browserOf(anna)
		annas.do(annas.request(http.MethodGet, strings.TrimPrefix(back, k.URL), nil))
		request = anna.Opens(library.AuthorizeRequest, asked.Code)
		account := anna.Connected(request)
		if account == nil {
			t.Fatal("nothing is connected")
		}
		k.changes(`UPDATE provider_accounts SET source = (SELECT o.source FROM provider_accounts o WHERE o.id = $1)
			WHERE id = $2`, string(example.account), string(account.ID))
		if _, err := k.Consents.Allow(t.Context(), anna.SignedIn(), request, request.Shown(account.ID)); err == nil {
			t.Error("the consent is accepted")
		}
		if k.told(string(anna.Library)) == 0 {
			t.Error("the person's activity does not say that the library was tampered with")
		}
	})
}

// TestAttackFoundByCheckOfBoxes: what the keeper moves between the rows of accounts, authorizations and deliveries,
// `carrel check` finds.
func TestAttackFoundByCheckOfBoxes(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := newSealedWorld(t, options...)
		driver, address := "sqlite", "file:"+s.config.Database+"?_pragma=busy_timeout(5000)"
		if strings.HasPrefix(s.config.Database, "postgres") {
			driver, address = "pgx", s.config.Database
		}
		db := carreltest.Must(sql.Open(driver, address))(t)
		t.Cleanup(func() { _ = db.Close() })
		k := &keeper{s.World, t, db, s.config}
		integrity := library.NewIntegrity(s.Keyring, s.Store, s.Clock.Now)
		if err := integrity.Adopt(t.Context(), s.Store, nil); err != nil { // as a start does
			t.Fatal(err)
		}
		checks := func(all bool) (lines []string) {
			t.Helper()
			report := func(fault string) { lines = append(lines, fault) }
			carreltest.Must(server.CheckStored(t.Context(), s.config, server.CheckOptions{AllContents: all}, report))(t)
			return lines
		}
		if lines := checks(false); len(lines) > 0 {
			t.Fatalf("what nobody has touched: %q", lines)
		}
		waiting, account := string(s.waiting), string(s.account.ID)
		for _, change := range []struct{ do, undo, want string }{
			{`UPDATE deliveries SET contract_id = contract_id || '~' WHERE id = '` + waiting + `'`,
				`UPDATE deliveries SET contract_id = REPLACE(contract_id, '~', '') WHERE id = '` + waiting + `'`,
				"delivery under way"},
			{`UPDATE deliveries SET grant_id = grant_id || '~' WHERE id = '` + waiting + `'`,
				`UPDATE deliveries SET grant_id = REPLACE(grant_id, '~', '') WHERE id = '` + waiting + `'`,
				"its grant has no account"},
			{`UPDATE deliveries SET account_id = account_id || '~' WHERE id = '` + string(s.answered) + `'`,
				`UPDATE deliveries SET account_id = REPLACE(account_id, '~', '')`,
				"answer of a provider"},
			{`UPDATE provider_accounts SET source = REPLACE(source, 'fake:', 'evil:') WHERE id = '` + account + `'`,
				`UPDATE provider_accounts SET source = REPLACE(source, 'evil:', 'fake:') WHERE id = '` + account + `'`,
				"is said to be at another provider"},
			{`UPDATE token_revocations SET source = REPLACE(source, 'fake:', 'evil:')`,
				`UPDATE token_revocations SET source = REPLACE(source, 'evil:', 'fake:')`,
				"provider tokens to revoke"},
			{`UPDATE trips SET login_id = login_id || '~'`, `UPDATE trips SET login_id = REPLACE(login_id, '~', '')`,
				"is said to be of another login"},
		} {
			k.changes(change.do)
			if lines := checks(false); !strings.Contains(strings.Join(lines, "\n"), change.want) {
				t.Errorf("%s: %q, want %q", change.do, lines, change.want)
			}
			k.changes(change.undo)
		}
		if lines := checks(true); len(lines) > 0 {
			t.Errorf("after all is put back: %q", lines)
		}
	})
}

// sealsAsBefore seals every box as a program did that did not seal the owner with it.
func (s *sealedWorld) sealsAsBefore(t *testing.T) (n int) {
	t.Helper()
	without := func(text []byte, keys ...string) []byte {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			delete(fields, key)
		}
		return carreltest.Must(json.Marshal(fields))(t)
	}
	var all []store.Replacement
	err := s.Store.EachBox(t.Context(), func(b store.Box) error {
		var purpose, old string
		var strip func(text []byte) []byte
		switch b.Kind {
		case store.BoxAuthorization:
			purpose = delivery.AuthorizationPurpose(b.Authorization.State)
			old = "carrel trip " + b.Authorization.State.String()
			strip = func(text []byte) []byte { return without(text, "owner", "request", "login", "source", "expires") }
		case store.BoxConnection, store.BoxRevocation:
			purpose = delivery.AccessPurpose(b.Connection.ID)
			old = fmt.Sprintf("carrel provider access %s %s %d",
				b.Connection.Library, b.Connection.Application, b.Connection.Source.ID)
			strip = func(text []byte) []byte { return without(text, "owner", "source") }
		case store.BoxPayload:
			purpose, old = delivery.PayloadPurpose(b.Delivery.ID), "carrel delivery "+string(b.Delivery.ID)
			strip = func(text []byte) []byte {
				head, body, _ := bytes.Cut(text, []byte{'\n'})
				return slices.Concat(without(head, "owner", "provider", "expires"), []byte{'\n'}, body)
			}
		case store.BoxAnswer:
			purpose, old = delivery.AnswerPurpose(b.Delivery.ID), "carrel delivery answer "+string(b.Delivery.ID)
			strip = func(text []byte) []byte {
				_, body, _ := bytes.Cut(text, []byte{'\n'})
				return body
			}
		default:
			return nil
		}
		text := carreltest.Must(s.Keyring.Open(purpose, b.Bytes))(t)
		all = append(all, store.Replacement{Box: b, New: s.Keyring.Seal(old, strip(text))})
		return nil
	})
	if err == nil {
		err = s.Store.ReplaceBoxes(t.Context(), all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestAdoptBoxes: what an older program has sealed without owners does not open before it is adopted, and goes on
// after.
func TestAdoptBoxes(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := newSealedWorld(t, options...)
		n := s.sealsAsBefore(t)
		if _, err := s.grant.Sends(s.account.ID, carreltest.Observation("not adopted")); err == nil {
			t.Error("tokens without an owner open")
		}
		adopted, err := server.AdoptBoxes(t.Context(), s.Keyring, s.Store)
		if err != nil || adopted != n {
			t.Fatalf("adopted %d of %d boxes: %v", adopted, n, err)
		}
		if again, err := server.AdoptBoxes(t.Context(), s.Keyring, s.Store); err != nil || again != 0 {
			t.Errorf("adopted again %d boxes: %v", again, err)
		}
		s.goesOn(t)
	})
}

// TestAttackMovedEndedConnection: the keeper gives an account whose tokens have ended to another consent, which would
// have it once the person has connected it again.
func TestAttackMovedEndedConnection(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		w := carreltest.New(t, options...)
		person, app := w.Person(), w.Application()
		contract := app.Contract(library.Write)
		grant, account := person.Connects(contract)
		other := person.Allows(app.Contract(library.Write))
		w.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeForbidden, Status: http.StatusForbidden})
		carreltest.Must(grant.Sends(account.ID, carreltest.Observation("ends the access")))(t)
		var all []store.Box
		err := w.Store.EachBox(t.Context(), func(b store.Box) error {
			all = append(all, b)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range all {
			if b.Kind != store.BoxConnection {
				continue
			}
			b.Connection.Grant = other.ID()
			if err := delivery.NewBoxes(w.Keyring).CheckAccess(b.Connection); err == nil {
				t.Error("the account is another consent's")
			}
			b.Connection.Grant = grant.ID()
			if err := delivery.NewBoxes(w.Keyring).CheckAccess(b.Connection); err != nil {
				t.Errorf("the account is not that of its own consent: %v", err)
			}
			return
		}
		t.Error("nothing says whose the account is")
	})
}
