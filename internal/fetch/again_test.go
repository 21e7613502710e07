package fetch_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestFetchAfterStop: a person stops an application, or disconnects the account, then allows it again and connects the
// same source. What is fetched once more are newer versions of the files that are there.
func TestFetchAfterStop(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *carreltest.World) {
		for name, end := range map[string]func(p *carreltest.Person, g *carreltest.Grant, account wire.AccountID){
			"stopped": func(p *carreltest.Person, g *carreltest.Grant, _ wire.AccountID) { p.Stops(g) },
			"disconnected": func(p *carreltest.Person, _ *carreltest.Grant, id wire.AccountID) {
				if err := w.Connections.Disconnect(t.Context(), p.SignedIn(), id); err != nil {
					t.Error(err)
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				anna, contract := w.Person(name+"@example.org"), w.Application().Contract(library.Read, mapped)
				source := contents{"one", "two", "three"}
				f := newFetcher(w, source)
				var first map[wire.FileName]wire.FileEntry
				for round := range 3 {
					g := anna.Allows(contract)
					account := connects(t, anna, g, medical, "test")
					session := triggers(t, f, g, wire.SessionOptions{})
					files := list(t, w, g, session)
					if round == 0 {
						first = files
					}
					ids, before := slices.Sorted(maps.Keys(files)), slices.Sorted(maps.Keys(first))
					if len(files) != 3 || !slices.Equal(ids, before) {
						t.Fatalf("round %d: %v, at first %v", round, files, first)
					}
					for id := range files {
						file, content, err := g.ReadsFile(session, id)
						if err != nil || !slices.Contains(source, string(content)) ||
							file.Collected.Account != account {
							t.Errorf("round %d: %s is %q of %+v, %v", round, id, content, file.Collected, err)
						}
					}
					// The same account once more changes nothing.
					again := list(t, w, g, triggers(t, f, g, wire.SessionOptions{}))
					for id, entry := range again {
						if entry.UpdatedDate != files[id].UpdatedDate {
							t.Errorf("round %d: %s is stored again", round, id)
						}
					}
					end(anna, g, account)
					w.Clock.Moves(time.Minute)
				}
				if n := anna.FileCount(); n != 3 {
					t.Errorf("the library has %d files", n)
				}
				for _, u := range carreltest.Must(w.Store.ListUsage(t.Context(), anna.Library))(t) {
					if u.Files != 3 || u.Bytes != 11 {
						t.Errorf("usage %+v", u)
					}
				}
			})
		}
	})
}

// TestFetchOfOthers: what another contract has fetched, of the same application or of another, stays as it is, and so
// does what comes of an account that is still connected, or of another set of the source.
func TestFetchOfOthers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *carreltest.World) {
		anna, app := w.Person(), w.Application()
		contract := app.Contract(library.Read, mapped)
		f := newFetcher(w, contents{"one", "two", "three"})
		g := anna.Allows(contract)
		connects(t, anna, g, medical, "test")
		mine := list(t, w, g, triggers(t, f, g, wire.SessionOptions{}))
		anna.Stops(g)
		for name, other := range map[string]*carreltest.Contract{
			"another contract":    app.ContractWithKey(1, library.Read, mapped),
			"another application": w.Application().Contract(library.Read, mapped),
		} {
			g := anna.Allows(other)
			connects(t, anna, g, medical, "test")
			w.Clock.Moves(time.Minute)
			session := triggers(t, f, g, wire.SessionOptions{})
			all := list(t, w, g, session)
			for id, entry := range mine {
				if all[id].UpdatedDate != entry.UpdatedDate {
					t.Errorf("%s has changed %s", name, id)
				}
				file, _, err := g.ReadsFile(session, id)
				if err != nil || file.Contract != contract.Contract.ID {
					t.Errorf("%s: file %+v, %v", name, file, err)
				}
			}
		}
		if n := anna.FileCount(); n != 9 {
			t.Errorf("three contracts have fetched %d files, want three each", n)
		}
		g = anna.Allows(contract)
		connects(t, anna, g, medical, "partial")
		triggers(t, f, g, wire.SessionOptions{})
		if n := anna.FileCount(); n != 12 {
			t.Errorf("with another set there are %d files, want 12", n)
		}
	})
}
