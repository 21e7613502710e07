package library_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// withQuotas runs a test in a world with quotas, on each database.
func withQuotas(t *testing.T, q library.QuotaConfig, test func(t *testing.T, w *carreltest.World)) {
	quotas := func(c *server.Config) { c.Quotas, c.DeleteWait = q, 0 }
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, carreltest.New(t, quotas))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, carreltest.New(t, carreltest.OnPostgres(t), quotas))
	})
}

func wantFull(t *testing.T, what string, err error, kind library.QuotaKind) {
	t.Helper()
	var full *library.QuotaError
	if !errors.As(err, &full) || full.Kind != kind {
		t.Errorf("%s: %v, want the quota of the %s", what, err, kind)
	}
}

// TestAttackLibraryQuota: two applications push into one library at once, 100 times. As many are stored as the quota
// has places. The person reads one line of each application in a day, and the log has one in a minute.
func TestAttackLibraryQuota(t *testing.T) {
	t.Parallel()
	withQuotas(t, library.QuotaConfig{Library: library.Quota{Files: 7}}, func(t *testing.T, w *carreltest.World) {
		anna := w.Person("anna@example.org")
		contracts := []*carreltest.Contract{w.Application().Contract(library.Write),
			w.Application().Contract(library.Write)}
		allow := func() []*carreltest.Grant {
			return []*carreltest.Grant{anna.Allows(contracts[0]), anna.Allows(contracts[1])}
		}
		grants := allow()
		large := carreltest.Large("x")
		race := func() (stored int) {
			var wait sync.WaitGroup
			var mu sync.Mutex
			for i := range 100 {
				wait.Go(func() {
					content := []byte("small")
					if i%10 == 0 {
						content = large
					}
					_, err := grants[i%2].Pushes("file", content)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						stored++
					} else {
						wantFull(t, "push", err, library.LibraryQuota)
					}
				})
			}
			wait.Wait()
			return stored
		}
		if n := race(); n != 7 || anna.FileCount() != 7 {
			t.Errorf("%d pushes succeeded, and %d files are stored, want 7", n, anna.FileCount())
		}
		lines := func() int { return strings.Count(anna.Activity(), string(library.EventNoRoom)) }
		logged := func() int { return strings.Count(w.Log.String(), "a quota leaves no room") }
		if lines() != 2 || logged() != 1 {
			t.Errorf("%d lines in the activity, and %d in the log", lines(), logged())
		}
		w.Clock.Moves(23 * time.Hour)
		_, _ = race(), race()
		if lines() != 2 || logged() != 2 {
			t.Errorf("before a day is over: %d lines in the activity, and %d in the log", lines(), logged())
		}
		w.Clock.Moves(2 * time.Hour)
		grants = allow() // the tokens have expired
		race()
		if lines() != 4 {
			t.Errorf("the next day: %d lines", lines())
		}
		blobs := 0
		for _, u := range must(w.Store.ListUsage(t.Context(), anna.Library))(t) {
			blobs += int(u.Bytes / int64(len(large)))
		}
		if got := len(w.BlobKeys()); got != blobs {
			t.Errorf("%d contents, want those of %d large files", got, blobs)
		}
	})
}

// TestAttackApplicationQuota: an application fills its quota over two libraries. Another one still pushes into both,
// and what is deleted gives room back within a minute. An operator gives it another quota.
func TestAttackApplicationQuota(t *testing.T) {
	t.Parallel()
	quotas := library.QuotaConfig{Application: library.Quota{Bytes: 100}, Contract: library.Quota{Files: 6}}
	withQuotas(t, quotas, func(t *testing.T, w *carreltest.World) {
		anna, bob := w.Person("anna@example.org"), w.Person("bob@example.org")
		greedy, honest := w.Application(), w.Application()
		one, two := greedy.Contract(library.Write), greedy.Contract(library.Write)
		first, second := anna.Allows(one), bob.Allows(two)
		for _, g := range []*carreltest.Grant{first, second} {
			must(g.Pushes("half", make([]byte, 50)))(t)
			w.Clock.Moves(2 * time.Minute) // and it is summed again
		}
		for _, g := range []*carreltest.Grant{first, second} {
			_, err := g.Pushes("one byte more", make([]byte, 1))
			wantFull(t, "push", err, library.ApplicationQuota)
			_, err = g.Pushes("large", carreltest.Large("x"))
			wantFull(t, "large push", err, library.ApplicationQuota)
		}
		must(first.Pushes("nothing", nil))(t)
		other := bob.Allows(honest.Contract(library.Write))
		must(other.Pushes("of another application", make([]byte, 50)))(t)
		for range 5 {
			must(other.Pushes("small", nil))(t)
		}
		_, err := other.Pushes("beyond its contract", nil)
		wantFull(t, "files", err, library.ContractQuota)

		_, err = w.People.Shut(t.Context(), anna.SignedIn(), anna.Password)
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Moves(2 * time.Minute)
		must(second.Pushes("after a deletion", make([]byte, 50)))(t)
		_, err = second.Pushes("full again", make([]byte, 1))
		wantFull(t, "full again", err, library.ApplicationQuota)

		was := must(w.Clients.GetApplication(t.Context(), greedy.ID))(t)
		changed := was
		changed.Quota.Bytes = library.NoQuota
		if err := w.Clients.UpdateApplication(t.Context(), was, changed); err != nil {
			t.Fatal(err)
		}
		must(second.Pushes("without a quota", make([]byte, 1000)))(t)
	})
}

// TestReserveSmallerVersion: a newer version of a fetched file that is smaller than the one before is never refused,
// and gives no room while it is fetched: it may fail.
func TestReserveSmallerVersion(t *testing.T) {
	t.Parallel()
	quotas := library.QuotaConfig{Contract: library.Quota{Bytes: 100}}
	withQuotas(t, quotas, func(t *testing.T, w *carreltest.World) {
		g := w.Person("anna@example.org").Allows(w.Application().Contract(library.Write))
		must(g.Pushes("all", make([]byte, 100)))(t)
		b := must(g.Bearer())(t)
		collector := library.NewCollector(w.Files, w.Consents)
		file := library.File{Application: b.Client.Application.ID, Contract: b.Client.Contract.ID, Size: 20}
		before := file
		before.Size = 80
		of := library.CollectGrant{Grant: b.Grant, Client: b.Client, Library: b.Library}
		end, err := collector.Reserve(t.Context(), of, &library.CollectedFile{File: file, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.Pushes("meanwhile", make([]byte, 60))
		wantFull(t, "while the smaller version is fetched", err, library.ContractQuota)
		end(false)
		_, err = g.Pushes("afterwards", make([]byte, 60))
		wantFull(t, "after it has failed", err, library.ContractQuota)
	})
}

// A generator is content without end that counts what is read.
type generator struct{ read int64 }

func (g *generator) Read(p []byte) (int, error) {
	g.read += int64(len(p))
	return len(p), nil
}

// TestAttackLargePushQuota: content beyond a quota ends soon after the quota does, and nothing of it stays. What is
// announced as too large is not read. Many at once do not store more than the quota.
func TestAttackLargePushQuota(t *testing.T) {
	t.Parallel()
	const mebibyte = 1 << 20
	quotas := library.QuotaConfig{Library: library.Quota{Bytes: 5 * mebibyte}}
	withQuotas(t, quotas, func(t *testing.T, w *carreltest.World) {
		anna := w.Person("anna@example.org")
		g := anna.Allows(w.Application().Contract(library.Write))
		push := func(content io.Reader, size int64) error {
			_, err := w.Files.PushSized(t.Context(), must(g.Bearer())(t), carreltest.Descriptor(t, nil), content, size)
			return err
		}
		endless := &generator{}
		wantFull(t, "endless", push(endless, -1), library.LibraryQuota)
		if endless.read > 7*mebibyte {
			t.Errorf("%d bytes were read", endless.read)
		}
		w.Clock.Moves(time.Minute)
		unread := &generator{}
		wantFull(t, "announced", push(unread, 6*mebibyte), library.LibraryQuota)
		if unread.read > library.InlineLimit+1 {
			t.Errorf("%d bytes of announced content were read", unread.read)
		}
		w.Clock.Moves(time.Minute)
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				err := push(io.LimitReader(&generator{}, 2*mebibyte), -1)
				if err != nil {
					wantFull(t, "at once", err, library.LibraryQuota)
				}
			})
		}
		wait.Wait()
		n := anna.FileCount()
		if n > 2 || len(w.BlobKeys()) != n {
			t.Errorf("%d files are stored, and %d contents", n, len(w.BlobKeys()))
		}
		// What was refused holds no room.
		w.Clock.Moves(time.Minute)
		for n := anna.FileCount(); n < 2; n++ {
			if err := push(io.LimitReader(&generator{}, 2*mebibyte), 2*mebibyte); err != nil {
				t.Error(err)
			}
		}
		if err := push(io.LimitReader(&generator{}, mebibyte), -1); err != nil {
			t.Error(err)
		}
		wantFull(t, "a byte more", push(strings.NewReader("x"), 1), library.LibraryQuota)
		used := must(w.Files.Usage(context.Background(), anna.SignedIn()))(t)
		if used.Files != 3 || used.Bytes != 5*mebibyte || len(used.Applications) != 1 {
			t.Errorf("usage %+v", used)
		}
	})
}
