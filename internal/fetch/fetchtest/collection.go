package fetchtest

import (
	"slices"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/delivery/deliverytest"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
)

// beginning is before all collections.
var beginning = library.CollectionCursor{ObjectType: -1}

func (f *fixture) collections(g library.Grant) []library.Collection {
	f.t.Helper()
	return value(f.ListCollections(ctx, g.Library, g.Application, beginning, time.Time{}, 100))(f.t)
}

// fetches makes a fetch that was added at a time and stores files.
func (f *fixture) fetches(g library.Grant, a delivery.Connection, at time.Time, files ...*library.CollectedFile) {
	f.t.Helper()
	must(f.t, f.RequestFetch(ctx, pending(g, a, at)))
	held := value(f.ClaimFetches(ctx, "a", at, at.Add(time.Minute), 100, 100))(f.t)
	for _, file := range files {
		must(f.t, f.StoreItem(ctx, fetch.Step{Account: a.ID, Lease: "a", Now: at}, file))
	}
	for _, one := range held {
		one.State, one.UpdatedAt = fetch.Completed, at
		must(f.t, f.EndFetch(ctx, one, library.Event{}))
	}
}

func testCollections(t *testing.T, f *fixture) {
	g, account := deliverytest.AddSender(t, f)
	from := func(key string, kind int, at time.Time) *library.CollectedFile {
		file := newFile(g, account, key, kind, at)
		file.Provider = "De Linde"
		return file
	}
	first := from("one", 7, later(-time.Hour))
	f.fetches(g, account, now, first, from("two", 7, later(-2*time.Hour)), from("three", 8, time.Time{}))
	want := []library.Collection{
		{Account: account.ID, At: now, Provider: "De Linde", Group: 1, Service: 2, ObjectType: 7,
			From: wire.MillisOf(later(-2 * time.Hour)), To: wire.MillisOf(later(-time.Hour)), Files: 2},
		{Account: account.ID, At: now, Provider: "De Linde", Group: 1, Service: 2, ObjectType: 8, Files: 1},
	}
	if got := f.collections(g); !slices.Equal(got, want) {
		t.Errorf("one fetch: %+v, want %+v", got, want)
	}
	newer := *first
	newer.IsNew, newer.Provider = false, "De Linde \x00 en De Es"
	f.fetches(g, account, later(time.Hour), &newer)
	want = append(want, library.Collection{Account: account.ID, At: later(time.Hour),
		Provider: "De Linde \uFFFD en De Es", Group: 1, Service: 2, ObjectType: 7,
		From: wire.MillisOf(later(-time.Hour)), To: wire.MillisOf(later(-time.Hour)), Files: 1})
	if got := f.collections(g); !slices.Equal(got, want) {
		t.Errorf("fetched again: %+v, want %+v", got, want)
	}
	// A file without a time makes the whole have none.
	f.fetches(g, account, later(2*time.Hour), from("four", 7, time.Time{}), from("five", 7, now))
	got := f.collections(g)
	if last := got[len(got)-1]; last.From != 0 || last.To != 0 || last.Files != 2 {
		t.Errorf("with and without a time: %+v", last)
	}
	// A fetch that stores nothing is not in the list, nor is a file that was refused.
	f.fetches(g, account, later(3*time.Hour))
	must(t, f.RequestFetch(ctx, pending(g, account, later(4*time.Hour))))
	f.claimAt("b", later(4*time.Hour))
	full := from("six", 7, now)
	full.Quota.Files = 1
	step := fetch.Step{Account: account.ID, Lease: "b", Now: later(4 * time.Hour)}
	if err := f.StoreItem(ctx, step, full); err == nil {
		t.Error("a full library took a file")
	}
	if more := f.collections(g); len(more) != len(got) {
		t.Errorf("%+v", more[len(got):])
	}
	must(t, f.DeleteLibrary(ctx, g.Library, later(time.Hour)))
	if left := f.collections(g); len(left) > 0 {
		t.Errorf("of a deleted library: %+v", left)
	}
}

func (f *fixture) claimAt(lease string, at time.Time) {
	f.t.Helper()
	value(f.ClaimFetches(ctx, lease, at, at.Add(time.Minute), 100, 100))(f.t)
}

func testListCollections(t *testing.T, f *fixture) {
	g, account := deliverytest.AddSender(t, f)
	other, others := deliverytest.AddSender(t, f)
	for i := range 3 {
		at := later(time.Duration(i) * time.Hour)
		for kind := range 3 {
			f.fetches(g, account, at.Add(time.Duration(kind)*time.Millisecond),
				newFile(g, account, at.String()+string(rune('a'+kind)), kind, at))
		}
	}
	f.fetches(other, others, now, newFile(other, others, "key", 7, now))
	count := func(from library.CollectionCursor, until time.Time) (n int) {
		for {
			page := value(f.ListCollections(ctx, g.Library, g.Application, from, until, 2))(t)
			if len(page) > 2 {
				t.Fatalf("a page of %d", len(page))
			}
			for _, c := range page {
				at := library.CollectionCursor{At: c.At, Account: c.Account, ObjectType: c.ObjectType}
				if c.Account != account.ID || at == from || at.At.Before(from.At) {
					t.Errorf("%+v after %+v", c, from)
				}
				from = at
			}
			if n += len(page); len(page) < 2 {
				return n
			}
		}
	}
	since := func(at time.Time) library.CollectionCursor { return library.CollectionCursor{At: at, ObjectType: -1} }
	for what, got := range map[string][2]int{
		"all":                 {count(beginning, time.Time{}), 9},
		"since a moment":      {count(since(later(time.Hour)), time.Time{}), 6},
		"after a moment":      {count(since(later(time.Hour+time.Millisecond)), time.Time{}), 5},
		"until a moment":      {count(beginning, later(time.Hour)), 4},
		"at one moment":       {count(since(later(time.Hour)), later(time.Hour)), 1},
		"until before all":    {count(beginning, later(-time.Millisecond)), 0},
		"since after all":     {count(since(later(24*time.Hour)), time.Time{}), 0},
		"until the year 1":    {count(beginning, time.Time{}.Add(time.Hour)), 0},
		"until the year 9999": {count(beginning, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)), 9},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %d, want %d", what, got[0], got[1])
		}
	}
	for what, of := range map[string]library.Grant{
		"another library's":     {Library: "another", Application: g.Application},
		"another application's": {Library: g.Library, Application: other.Application},
		"no possible id":        {Library: "a\x00", Application: g.Application},
	} {
		if list := f.collections(of); len(list) > 0 {
			t.Errorf("%s: %+v", what, list)
		}
	}
}
