package fetch_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// contents is a source with an item of each content, whose key is its number.
type contents []string

func (c contents) Fetch(
	_ context.Context, _ delivery.Connection, position string, yield func(fetch.Item) error,
) error {
	from := 0
	_, _ = fmt.Sscan(position, &from)
	for i := from; i < len(c); i++ {
		item := fetch.Item{Key: fmt.Sprint("item-", i), Position: fmt.Sprint(i + 1), ObjectType: 1,
			Raw: wire.RawMetadata{MIMEType: "text/plain"}, Content: strings.NewReader(c[i])}
		if err := yield(item); err != nil {
			return err
		}
	}
	return nil
}

// full is a disk that is full after a number of checks.
type full struct{ left int }

func (f *full) Check() error {
	if f.left--; f.left < 0 {
		return library.ErrStorageFull
	}
	return nil
}

// TestAttackFetchBeyondQuota: what is fetched counts with what is pushed, for the library, the application and the
// contract. A fetch without room is partial, and the person is told once.
func TestAttackFetchBeyondQuota(t *testing.T) {
	t.Parallel()
	const files, each = 10, 1000
	source := make(contents, files)
	for i := range source {
		source[i] = strings.Repeat("x", each)
	}
	number, size := library.Quota{Files: 6}, library.Quota{Bytes: 6500}
	for name, test := range map[string]struct {
		quota  library.QuotaConfig
		want   int // files that are fetched
		pushed int
		kind   library.QuotaKind
	}{
		"files of the library":     {library.QuotaConfig{Library: number}, 4, 2, library.LibraryQuota},
		"bytes of the library":     {library.QuotaConfig{Library: size}, 4, 2, library.LibraryQuota},
		"files of the application": {library.QuotaConfig{Application: number}, 4, 2, library.ApplicationQuota},
		"bytes of the application": {library.QuotaConfig{Application: size}, 4, 2, library.ApplicationQuota},
		"files of the contract":    {library.QuotaConfig{Contract: number}, 6, 2, library.ContractQuota},
		"bytes of the contract":    {library.QuotaConfig{Contract: size}, 6, 2, library.ContractQuota},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := carreltest.New(t, func(c *server.Config) { c.Quotas = test.quota })
			anna, app := w.Person(), w.Application()
			pushes := anna.Allows(app.ContractWithKey(1, library.Write))
			for i := range test.pushed {
				carreltest.Must(pushes.Pushes(fmt.Sprint(i), make([]byte, each)))(t)
			}
			g := anna.Allows(app.Contract(library.Read, mapped))
			account := connects(t, anna, g, medical, "test")
			f := newFetcher(w, source)
			for range 2 {
				session := triggers(t, f, g, wire.SessionOptions{})
				s := status(t, w, f, g, session)
				of := s.Details[account]
				if s.State != wire.StatePartial || of.State != wire.StatePartial || of.Error == nil ||
					of.Error.Code != "QuotaReached" || of.Error.StatusCode != 507 ||
					!strings.Contains(of.Error.Message, string(test.kind)) {
					t.Fatalf("status %+v, %+v", s, of.Error)
				}
				if n := len(list(t, w, g, session)); n != test.want {
					t.Errorf("%d files, want %d", n, test.want)
				}
				w.Clock.Moves(2 * time.Minute)
			}
			if n := anna.FileCount(); n != test.want+test.pushed {
				t.Errorf("the library has %d files", n)
			}
			told := 0
			for _, e := range anna.Events() {
				if e.Kind == library.EventNoRoom && e.Details.Quota == test.kind {
					told++
				}
			}
			if told != 1 {
				t.Errorf("the person is told %d times", told)
			}
			// A newer version takes the place of the one before, also where there is no room for another file.
			smaller := make(contents, test.want)
			for i := range smaller {
				smaller[i] = "smaller"
			}
			newer := newFetcher(w, smaller)
			session := triggers(t, newer, g, wire.SessionOptions{})
			if s := status(t, w, newer, g, session); s.State != wire.StateCompleted {
				t.Errorf("newer versions: %+v, %+v", s, s.Details[account].Error)
			}
			for name := range list(t, w, g, session) {
				if _, content, err := g.ReadsFile(session, name); err != nil || string(content) != "smaller" {
					t.Errorf("%s: %q, %v", name, content, err)
				}
			}
		})
	}
}

// TestAttackFetchBeyondQuotaOfAll: the quota of an application bounds what is fetched for all of its people together.
func TestAttackFetchBeyondQuotaOfAll(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t, func(c *server.Config) { c.Quotas.Application.Files = 12 })
	contract := w.Application().Contract(library.Read, mapped)
	source := make(contents, 5)
	f, total := newFetcher(w, source), 0
	for i := range 4 {
		person := w.Person(fmt.Sprint(i, "@example.org"))
		g := person.Allows(contract)
		connects(t, person, g, medical, "test")
		triggers(t, f, g, wire.SessionOptions{})
		total += person.FileCount()
	}
	if total != 12 {
		t.Errorf("%d files, want 12", total)
	}
	other := w.Person()
	g := other.Allows(w.Application().Contract(library.Read, mapped))
	connects(t, other, g, medical, "test")
	triggers(t, f, g, wire.SessionOptions{})
	if n := other.FileCount(); n != 5 {
		t.Errorf("another application has fetched %d files, want 5", n)
	}
}

// TestAttackFetchToFullDisk: a fetch leaves the reserve of free space alone, and says so.
func TestAttackFetchToFullDisk(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person()
	g := anna.Allows(w.Application().Contract(library.Read, mapped))
	account := connects(t, anna, g, medical, "test")
	files := library.NewFiles(w.Store, w.Blobs, w.Clients, w.Store, w.Store, w.Clock.Now,
		library.FileConfig{Space: &full{3}})
	f := fetch.New(w.Store, w.Connections, library.NewCollector(files, w.Consents), make(contents, 5), w.Clock.Now,
		fetch.Config{}, slog.New(slog.DiscardHandler))
	session := triggers(t, f, g, wire.SessionOptions{})
	of := status(t, w, f, g, session).Details[account]
	if of.State != wire.StatePartial || of.Error == nil || of.Error.Code != "StorageFull" ||
		of.Error.StatusCode != 507 {
		t.Errorf("status %+v, %+v", of, of.Error)
	}
	if n := len(list(t, w, g, session)); n != 3 {
		t.Errorf("%d files, want 3", n)
	}
}
