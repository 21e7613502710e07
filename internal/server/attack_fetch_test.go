package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// connectsSample connects sample data for a grant's contract, without fetching it yet.
func connectsSample(t *testing.T, p *carreltest.Person, g *carreltest.Grant) delivery.Connection {
	t.Helper()
	w, request := p.World(), p.Asked(g.Contract)
	source := carreltest.Must(w.Connections.FindSample(request,
		delivery.ConnectionQuery{Source: 900101, Sample: "test"}))(t)
	connected := carreltest.Must(w.Connections.ConnectSample(t.Context(), p.SignedIn(), request, source))(t)
	carreltest.Must(w.Consents.Allow(t.Context(), p.SignedIn(), request, request.Shown(connected.ID)))(t)
	return carreltest.Must(w.Connections.ListPull(t.Context(), p.Library, g.Application.ID))(t)[0]
}

// fetched waits for the end of the fetch from an account, and returns its state.
func fetched(t *testing.T, k *keeper, account wire.AccountID) (state string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		k.reads(&state, `SELECT state FROM fetches WHERE account_id = $1`, string(account))
		if fetch.State(state).Final() {
			return state
		}
	}
	t.Fatalf("the fetch does not end: %s", state)
	return ""
}

func mappedScope(c *library.Contract) { c.Scope = library.Scope{Mapped: true} }

// TestAttackFetchIntoAnotherLibrary: the keeper makes a row that has what one person's account gives fetched into
// another library, or under another public key. Nothing is stored.
func TestAttackFetchIntoAnotherLibrary(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(k *keeper, anna, eve *carreltest.Person, a delivery.Connection){
		"a row for the other library": func(k *keeper, _, eve *carreltest.Person, a delivery.Connection) {
			k.changes(`UPDATE fetches SET library_id = $1, grant_id = (SELECT id FROM grants WHERE library_id = $1)
				WHERE account_id = $2`, string(eve.Library), string(a.ID))
		},
		"the account moved as well": func(k *keeper, _, eve *carreltest.Person, a delivery.Connection) {
			k.changes(`UPDATE fetches SET library_id = $1, grant_id = (SELECT id FROM grants WHERE library_id = $1)
				WHERE account_id = $2`, string(eve.Library), string(a.ID))
			k.changes(`UPDATE provider_accounts SET library_id = $1,
				grant_id = (SELECT id FROM grants WHERE library_id = $1) WHERE id = $2`,
				string(eve.Library), string(a.ID))
		},
		"another public key": func(k *keeper, anna, eve *carreltest.Person, _ delivery.Connection) {
			k.changes(`UPDATE libraries SET public_key = (SELECT public_key FROM libraries l WHERE l.id = $1)
				WHERE id = $2`, string(eve.Library), string(anna.Library))
		},
		"another grant in its place": func(k *keeper, anna, _ *carreltest.Person, _ delivery.Connection) {
			k.changes(`UPDATE grants SET expires_at = expires_at + 1 WHERE library_id = $1`, string(anna.Library))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withKeeper(t, func(t *testing.T, k *keeper) {
				anna, eve := k.Person("anna@example.org"), k.Person("eve@example.org")
				contract := k.Application().Contract(library.Read, mappedScope)
				g := anna.Allows(contract)
				eve.Allows(contract)
				account := connectsSample(t, anna, g)
				b := carreltest.Must(g.Bearer())(t)
				// The row is there, and not due before the keeper has changed the database.
				at := k.Clock.Now()
				k.changes(`INSERT INTO fetches (account_id, library_id, application_id, contract_id, grant_id, state,
						position, problem, files, attempts, lease, lease_until, next_at, deadline, created_at,
						updated_at)
					VALUES ($1, $2, $3, $4, $5, 'pending', '', '', 0, 0, '', 0, $6, 0, $7, $7)`,
					string(account.ID), string(anna.Library), string(contract.Application.ID),
					string(contract.Client.Contract.ID), string(b.Grant.ID), at.Add(time.Hour).UnixMilli(),
					at.UnixMilli())
				attack(k, anna, eve, account)
				k.changes(`UPDATE fetches SET next_at = $1 WHERE account_id = $2`, at.UnixMilli(), string(account.ID))
				if state := fetched(t, k, account.ID); state != wire.StatePartial {
					t.Errorf("the fetch ended as %s", state)
				}
				if n := k.count(`SELECT COUNT(*) FROM files`); n > 0 {
					t.Errorf("%d files were stored", n)
				}
			})
		})
	}
}

// fetchesFiles has a person connect sample data, and the library fetch it. It returns two of the files, and with what
// they are read.
func (k *keeper) fetchesFiles() (g *carreltest.Grant, session, one, two string) {
	k.t.Helper()
	anna := k.Person()
	g = anna.Allows(k.Application().Contract(library.Read, mappedScope))
	account := connectsSample(k.t, anna, g)
	b := carreltest.Must(g.Bearer())(k.t)
	if err := k.Fetches.Request(k.t.Context(), b.Grant, wire.SessionOptions{}); err != nil {
		k.t.Fatal(err)
	}
	if state := fetched(k.t, k, account.ID); state != wire.StateCompleted {
		k.t.Fatalf("the fetch ended as %s", state)
	}
	session = carreltest.Must(g.StartsSession(wire.SessionOptions{}))(k.t)
	k.reads(&one, `SELECT MIN(file_id) FROM collected_files`)
	k.reads(&two, `SELECT MAX(file_id) FROM collected_files`)
	return g, session, one, two
}

// TestAttackFetchedFile: the keeper passes off one fetched file as another, or as one of their own. It does not open.
func TestAttackFetchedFile(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		g, session, one, two := k.fetchesFiles()
		if _, _, err := g.ReadsFile(session, wire.FileName(one)); err != nil {
			t.Fatal(err)
		}
		k.changes(`UPDATE collected_files SET binding = (SELECT binding FROM collected_files c WHERE c.file_id = $1)
			WHERE file_id = $2`, two, one)
		if _, _, err := g.ReadsFile(session, wire.FileName(one)); err == nil {
			t.Error("a file with another's binding opens")
		}
		// A binding whose key the server does not know is none.
		foreign := carreltest.Must(seal.ParseKeyring(seal.NewKeyringText()))(t)
		k.changes(`UPDATE collected_files SET binding = $1 WHERE file_id = $2`,
			foreign.MAC("carrel file from a source", []byte("x")), one)
		if _, _, err := g.ReadsFile(session, wire.FileName(one)); err == nil {
			t.Error("a file with a binding of an unknown key opens")
		}
		if _, lines := k.checks(false); len(lines) != 1 || !strings.Contains(lines[0], one) {
			t.Errorf("the check says %q", lines)
		}
		k.changes(`DELETE FROM collected_files WHERE file_id = $1`, two)
		if _, _, err := g.ReadsFile(session, wire.FileName(two)); err == nil {
			t.Error("a file without its row opens")
		}
	})
}

// contentReads is a store that remembers which fetched files an adoption reads.
type contentReads struct {
	*store.DB
	ids []string
}

func (c *contentReads) GetCollectedParts(ctx context.Context, id wire.FileName) ([][]byte, error) {
	c.ids = append(c.ids, string(id))
	return c.DB.GetCollectedParts(ctx, id)
}

// TestAdoptionReadsFewContents: an adoption reads the contents of those fetched files alone that it binds.
func TestAdoptionReadsFewContents(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		g, session, one, two := k.fetchesFiles()
		reads := func(want bool) {
			t.Helper()
			for _, id := range []string{one, two} {
				_, _, err := g.ReadsFile(session, wire.FileName(id))
				if (err == nil) != (want || id == two) {
					t.Errorf("%s: %v", id, err)
				}
			}
		}
		k.changes(`UPDATE collected_files SET binding = substr(binding, 1, 0) WHERE file_id = $1`, one)
		reads(false)
		k.changes(`DELETE FROM adoptions WHERE id = 3`)
		if err := seal.RemoveAdoptions(k.config.Keyring); err != nil {
			t.Fatal(err)
		}
		db := &contentReads{DB: k.OpensStore()}
		if err := k.OpensIntegrity(db.DB).Adopt(t.Context(), db, nil); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(db.ids, []string{one}) {
			t.Errorf("the adoption reads %q of %d files", db.ids, k.count(`SELECT COUNT(*) FROM collected_files`))
		}
		reads(true)
	})
}
