package server_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestAttackRevokeDespitePlantedLine: the keeper puts a line where the next one of the person's activity belongs, or
// takes away or spoils the row that counts the lines, so that nothing that adds a line works. The person signs in,
// revokes and closes the library nevertheless, and the activity shows that it was changed.
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
		} {
			t.Run(name, func(t *testing.T) {
				anna, app := k.Person(), k.Application()
				one, all := anna.Allows(app.Contract(library.Read)), anna.Allows(app.Contract(library.Read))
				in := anna.SignedIn()
				for what, do := range map[string]func() error{
					"revoke": func() error { return k.Consents.Revoke(t.Context(), in, one.ID()) },
					"revoke the application's": func() error {
						return k.Consents.RevokeApplication(t.Context(), in, app.Application)
					},
					"sign in": func() error {
						_, err := k.People.SignIn(t.Context(), anna.Email, anna.Password, library.Device{})
						return err
					},
				} {
					k.changes(attack.query, string(anna.Library))
					if err := do(); err != nil {
						t.Errorf("%s: %v", what, err)
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
