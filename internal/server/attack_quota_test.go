package server_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// TestAttackFullQuota: an application fills its quota and goes on to push as fast as it can, small and large. Meanwhile
// another one pushes, and a person signs in, looks, stops and deletes. The application learns that to repeat the call
// does not help, and nothing is written for the calls that are refused.
func TestAttackFullQuota(t *testing.T) {
	t.Parallel()
	serve := func(t testing.TB, options ...carreltest.Option) *carreltest.World {
		return carreltest.Serve(t, append([]carreltest.Option{func(c *server.Config) {
			c.Quotas.Application.Bytes, c.Quotas.Library.Files = 100_000, 1000
		}}, options...)...)
	}
	withKeeperOf(t, serve, func(t *testing.T, k *keeper) {
		greedy := k.Visitor().Allows(k.Application().Contract(library.Write))
		push := func(user *digime.User, size int) error {
			return user.Push(t.Context(), digime.PushInput{Data: bytes.NewReader(make([]byte, size)),
				MIMEType: "text/plain", AccountID: "patient-1"})
		}
		full := func(err error) {
			t.Helper()
			var refused *digime.Error
			if !errors.As(err, &refused) || !errors.Is(err, digime.ErrQuotaExceeded) ||
				errors.Is(err, digime.ErrUnavailable) || refused.Status != http.StatusInsufficientStorage ||
				refused.RetryAfter != 0 ||
				!strings.Contains(refused.Message, "the application has a quota of 100000 bytes, of which 9") {
				t.Errorf("a push beyond the quota: %v", err)
			}
		}
		for range 3 {
			if err := push(greedy, 30_000); err != nil {
				t.Fatal(err)
			}
		}
		full(push(greedy, 30_000))
		full(push(greedy, 3<<20))
		rows := func() int {
			return k.count(`SELECT (SELECT COUNT(*) FROM files) + (SELECT COUNT(*) FROM contents) +
				(SELECT COUNT(*) FROM events) + (SELECT COUNT(*) FROM nonces) + (SELECT COUNT(*) FROM usage)`)
		}
		before := rows()
		var flood sync.WaitGroup
		for range 8 {
			flood.Go(func() {
				for i := range 12 {
					full(push(greedy, []int{10_001, 30_000, 200_000}[i%3]))
				}
			})
		}
		flood.Wait()
		if after := rows(); after != before {
			t.Errorf("%d rows, and %d before the calls that were refused", after, before)
		}
		for range 8 {
			flood.Go(func() {
				for range 10 {
					full(push(greedy, 30_000))
				}
			})
		}
		anna := k.Person("anna@example.org")
		anna.SavesCode()
		own := anna.Allows(k.Application().Contract(library.Write))
		if _, err := own.Pushes("letter", make([]byte, 20_000)); err != nil {
			t.Errorf("another application: %v", err)
		}
		anna.Cookie = carreltest.Must(k.People.SignIn(t.Context(), anna.Email, anna.Password, library.Device{}))(t)
		b := k.browserOf(anna)
		if page := b.get("/settings"); !strings.Contains(page, "Your files take 20 KB.") ||
			!strings.Contains(page, "An application: 20 KB") {
			t.Errorf("the settings do not say how much room is used: %s", page)
		}
		if err := b.posts("/grants/"+string(own.ID())+"/stop", "/settings"); err != nil {
			t.Error(err)
		}
		if _, err := k.People.Shut(t.Context(), anna.SignedIn(), anna.Password); err != nil {
			t.Error(err)
		}
		flood.Wait()
		if n := k.count(`SELECT COUNT(*) FROM events WHERE kind = 'file.no_room'`); n != 1 {
			t.Errorf("%d lines in the activity", n)
		}
		if n := strings.Count(k.Log.String(), "a quota leaves no room"); n < 1 || n > 3 {
			t.Errorf("%d lines in the log", n)
		}
	})
}

// TestAttackUsageChanged: the keeper of the database says that the files take other room than they do. The check names
// the libraries, and counts them anew.
func TestAttackUsageChanged(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna := k.Person("anna@example.org")
		g := anna.Allows(k.Application().Contract(library.Write))
		carreltest.Must(g.Pushes("letter", []byte("Dear Anna")))(t)
		for _, change := range []string{
			`UPDATE usage SET files = -3`, `UPDATE usage SET bytes = bytes + 1`,
			`UPDATE usage SET contract_id = 'none'`,
			`DELETE FROM usage`, `UPDATE usage SET bytes = 4611686018427387904, files = 4611686018427387904`,
		} {
			k.changes(change)
			var lines []string
			report := func(fault string) { lines = append(lines, fault) }
			carreltest.Must(server.CheckStored(t.Context(), k.config, server.CheckOptions{Recount: true}, report))(t)
			named := "library " + string(anna.Library) + ": usage of application"
			if len(lines) == 0 || !strings.Contains(lines[0], named) {
				t.Errorf("%s: the check says %q", change, lines)
			}
			lines = nil
			carreltest.Must(server.CheckStored(t.Context(), k.config, server.CheckOptions{}, report))(t)
			if len(lines) > 0 {
				t.Errorf("%s, and counted anew: the check says %q", change, lines)
			}
			k.changes(strings.Replace(change, "DELETE FROM usage", "UPDATE usage SET files = 0", 1))
			if _, err := g.Pushes("another", []byte("x")); err != nil {
				t.Errorf("%s: a push: %v", change, err)
			}
			carreltest.Must(server.CheckStored(t.Context(), k.config, server.CheckOptions{Recount: true}, report))(t)
		}
		k.changes(`INSERT INTO usage (library_id, application_id, contract_id, files, bytes)
			VALUES ('nobody', 'a', 'c', 1, 1)`)
		var lines []string
		carreltest.Must(server.CheckStored(t.Context(), k.config, server.CheckOptions{},
			func(fault string) { lines = append(lines, fault) }))(t)
		if len(lines) != 1 || lines[0] != "usage of library nobody: there is no such library" {
			t.Errorf("the check says %q", lines)
		}
	})
}
