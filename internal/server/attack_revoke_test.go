package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestAttackRevokeDespitePlantedLine: the keeper puts a line where the next one of the person's activity belongs, or
// takes away or spoils the row that counts the lines, so that nothing that adds a line works. The person signs in,
// allows, revokes and closes the library nevertheless, and the activity shows that it was changed.
func TestAttackRevokeDespitePlantedLine(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		for name, attack := range map[string]struct {
			query string
			shows bool // a line that is replaced leaves nothing to see
		}{
			"a line in the next place": {`INSERT INTO events (library_id, seq, at, kind, details, previous, hash)
				SELECT library_id, seq + 1, at, kind, details, previous, hash FROM events
				WHERE library_id = $1 ORDER BY seq DESC LIMIT 1`, false},
			"no count":         {`DELETE FROM chains WHERE library_id = $1`, true},
			"a count too high": {`UPDATE chains SET events = 9223372036854775807 WHERE library_id = $1`, true},
			"a count too low":  {`UPDATE chains SET events = -5 WHERE library_id = $1`, true},
			"no number":        {`UPDATE chains SET events = CAST('3.5' AS REAL) WHERE library_id = $1`, true},
		} {
			t.Run(name, func(t *testing.T) {
				anna, app := k.Person(), k.Application()
				one, all := anna.Allows(app.Contract(library.Read)), anna.Allows(app.Contract(library.Read))
				in := anna.SignedIn()
				// In this order each of them has a line to add: one consent ends, then the other.
				for _, step := range []struct {
					name string
					do   func() error
				}{
					{"allow", func() error {
						asked := anna.Asked(app.Contract(library.Write))
						_, err := k.Consents.Allow(t.Context(), in, asked, asked.Shown(""))
						return err
					}},
					{"revoke", func() error { return k.Consents.Revoke(t.Context(), in, one.ID()) }},
					{"revoke the application's", func() error {
						return k.Consents.RevokeApplication(t.Context(), in, app.Application)
					}},
					{"sign in", func() error {
						_, err := k.People.SignIn(t.Context(), anna.Email, anna.Password, library.Device{})
						return err
					}},
				} {
					k.changes(attack.query, string(anna.Library))
					if err := step.do(); err != nil {
						t.Errorf("%s: %v", step.name, err)
					}
				}
				for _, g := range []*carreltest.Grant{one, all} {
					if read, err := g.Reads(); err == nil {
						t.Errorf("the application reads %q", read)
					}
				}
				page, err := k.Activity.List(t.Context(), in, 0)
				if err != nil || (page.Fault != nil) != attack.shows {
					t.Errorf("the activity: %v, %v", page.Fault, err)
				}
				k.changes(attack.query, string(anna.Library))
				if _, err := k.People.Shut(t.Context(), in, anna.Password); err != nil {
					t.Errorf("shut: %v", err)
				}
			})
		}
	})
}

// TestAttackRevokedGrantPutBack: the keeper says that a grant has ended while the person revokes it, so that nothing
// would be left to end, and takes that out again; or takes the revocation itself out again. The application goes on to
// do nothing.
func TestAttackRevokedGrantPutBack(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		revoke := func(p *carreltest.Person, g *carreltest.Grant) error {
			return k.Consents.Revoke(t.Context(), p.SignedIn(), g.ID())
		}
		all := func(p *carreltest.Person, g *carreltest.Grant) error {
			return k.Consents.RevokeApplication(t.Context(), p.SignedIn(), g.Contract.Application)
		}
		onThePage := func(p *carreltest.Person, g *carreltest.Grant) error {
			return k.browserOf(p).posts("/grants/"+string(g.ID())+"/stop", "/settings")
		}
		shut := func(p *carreltest.Person, _ *carreltest.Grant) error {
			_, err := k.People.Shut(t.Context(), p.SignedIn(), p.Password)
			return errors.Join(err, k.People.Reopen(t.Context(), p.SignedIn()))
		}
		shutAgain := func(p *carreltest.Person, _ *carreltest.Grant) error {
			k.changes(`UPDATE libraries SET delete_at = 9999999999999 WHERE id = $1`, string(p.Library))
			_, err := k.People.Shut(t.Context(), p.SignedIn(), p.Password)
			k.changes(`UPDATE libraries SET delete_at = 0 WHERE id = $1`, string(p.Library))
			return err
		}
		const said, isNot, year = `revoked_at = 5`, `revoked_at = 0`, `99999999999`
		for name, attack := range map[string]struct {
			before, after string
			revoke        func(*carreltest.Person, *carreltest.Grant) error
		}{
			"revoke, put back":                  {"", isNot, revoke},
			"revoke what is said to be revoked": {said, isNot, revoke},
			"revoke it on the page":             {said, isNot, onThePage},
			"revoke what is said to be expired": {
				`expires_at = expires_at - ` + year, `expires_at = expires_at + ` + year, revoke,
			},
			"revoke all, put back":                  {"", isNot, all},
			"revoke all, one is said to be revoked": {said, isNot, all},
			"shut, put back":                        {"", isNot, shut},
			"shut what is said to be shut":          {"", isNot, shutAgain},
			"shut, one is said to be revoked":       {said, isNot, shut},
		} {
			t.Run(name, func(t *testing.T) {
				anna := k.Person()
				for _, access := range []library.Access{library.Read, library.Write} {
					g := anna.Allows(k.Application().Contract(access))
					session, _ := g.StartsSession(wire.SessionOptions{})
					if attack.before != "" {
						k.changes(`UPDATE grants SET `+attack.before+` WHERE id = $1`, string(g.ID()))
					}
					if err := attack.revoke(anna, g); err != nil {
						t.Fatal(err)
					}
					if n := k.faultsOf(anna); attack.before == "" && n > 0 {
						t.Errorf("the check finds %d faults before the attack", n)
					}
					k.changes(`UPDATE grants SET `+attack.after+` WHERE id = $1`, string(g.ID()))
					k.waits()
					if _, err := g.StartsSession(wire.SessionOptions{}); err == nil {
						t.Error("it starts a session")
					}
					if files, err := g.ReadsSession(session); err == nil {
						t.Errorf("it reads %q in the session of before", files)
					}
					if _, err := g.Pushes("after", []byte("the revocation")); err == nil {
						t.Error("it pushes")
					}
					refreshing := g.Requests(carreltest.Refreshing(g.Refresh()))
					if _, err := k.Consents.Refresh(t.Context(), refreshing); err == nil {
						t.Error("it refreshes its token")
					}
					const seals = `SELECT COUNT(*) FROM tokens WHERE grant_id = $1 AND length(seal) > 0`
					if n := k.count(seals, string(g.ID())); n > 0 {
						t.Errorf("%d tokens open the library", n)
					}
					if n := k.faultsOf(anna); n == 0 {
						t.Error("the check does not find it")
					}
					// A new consent is one, and not that of before.
					again := anna.Allows(g.Contract)
					if again.ID() == g.ID() {
						t.Error("a new consent brings the revoked one back")
					}
					k.changes(`UPDATE grants SET revoked_at = 5 WHERE id = $1`, string(g.ID()))
				}
			})
		}
	})
}

// TestAttackGrantOfUnknownContract: the keeper adds a grant for a contract that is not there. The person sees and stops
// what applications may do nevertheless, that grant too.
func TestAttackGrantOfUnknownContract(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, app := k.Person(), k.Application()
		one, other := anna.Allows(app.Contract(library.Read)), anna.Allows(app.Contract(library.Write))
		k.changes(`INSERT INTO grants (id, library_id, application_id, contract_id, created_at, expires_at,
			last_used_at, revoked_at, access, allowed)
			VALUES ('planted', $1, 'nobody', 'nothing', 1, $2, 0, 0, 'r', '')`,
			string(anna.Library), k.Clock.Now().Add(time.Hour).UnixMilli())
		b := k.browserOf(anna)
		for _, path := range []string{"/grants", "/grants/" + string(one.ID()) + "/stop",
			"/grants/app/" + string(app.ID) + "/stop", "/grants/planted/stop", "/delete", "/accounts"} {
			if status, _ := b.do(b.request(http.MethodGet, path, nil)); status != http.StatusOK {
				t.Errorf("GET %s: %d", path, status)
			}
		}
		if !k.Log.Contains("a contract that is unknown") {
			t.Error("the log does not say so")
		}
		if k.faultsOf(anna) == 0 {
			t.Error("the check does not find it")
		}
		for _, path := range []string{"/grants/planted/stop", "/grants/" + string(one.ID()) + "/stop",
			"/grants/app/" + string(app.ID) + "/stop"} {
			if err := b.posts(path, "/settings"); err != nil {
				t.Error(err)
			}
		}
		if n := k.count(`SELECT COUNT(*) FROM grants WHERE revoked_at = 0`); n != 0 {
			t.Errorf("%d grants are left", n)
		}
		if _, err := one.Reads(); err == nil {
			t.Error("the reader reads")
		}
		if _, err := other.Pushes("after", []byte("the stop")); err == nil {
			t.Error("the writer pushes")
		}
	})
}

// faultsOf counts the faults that a check finds in a person's library.
func (k *keeper) faultsOf(p *carreltest.Person) (n int) {
	k.t.Helper()
	_, lines := k.checks(false)
	for _, line := range lines {
		if strings.Contains(line, string(p.Library)) && strings.Contains(line, "grant") {
			n++
		}
	}
	return n
}

// posts sends an empty form with the token of a page.
func (b *browser) posts(path, page string) error {
	b.t.Helper()
	token := tokenField.FindStringSubmatch(b.get(page))
	if token == nil {
		b.t.Fatalf("%s has no form", page)
	}
	form := strings.NewReader(url.Values{"token": {token[1]}}.Encode())
	req := b.request(http.MethodPost, path, form)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if status, _ := b.do(req); status != http.StatusOK {
		return fmt.Errorf("POST %s: %d", path, status)
	}
	return nil
}
