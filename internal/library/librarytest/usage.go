package librarytest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestUsage tests a library.UsageStore and the quota of a library.
func TestUsage(t *testing.T, open func(t *testing.T) Store) {
	t.Run("is the sum over the files", testUsageSums(open))
	t.Run("bounds a library", func(t *testing.T) {
		f := NewFixture(t, open)
		p, a := f.AnyPerson(), f.AnyApplication()
		one, _, _ := f.Approve(p, f.AnyContract(a, library.Write))
		two, _, _ := f.Approve(p, f.AnyContract(a, library.Write))
		elsewhere, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
		push := func(g library.Grant, size int64, q library.Quota) error {
			a := newFile(g, Now)
			a.File.Size, a.Quota = size, q
			return f.AddFile(Ctx, a)
		}
		Must(t, push(elsewhere, 1000, library.Quota{}))
		Must(t, push(one, 60, library.Quota{Bytes: 100, Files: 2}))
		events := len(f.Events(p.ID))
		wantQuota(t, push(two, 41, library.Quota{Bytes: 100}), library.Used{Files: 1, Bytes: 60}, true)
		wantQuota(t, push(two, 1, library.Quota{Files: 1}), library.Used{Files: 1, Bytes: 60}, false)
		Same(t, "number of files", Value(f.CountFiles(Ctx, p.ID))(t), 1)
		Same(t, "number of events", len(f.Events(p.ID)), events)
		Must(t, push(two, 40, library.Quota{Bytes: 100, Files: 2}))
		wantQuota(t, push(one, 0, library.Quota{Bytes: 100, Files: 2}), library.Used{Files: 2, Bytes: 100}, false)
		Must(t, push(one, 0, library.Quota{Bytes: 100}))
		Must(t, push(one, 1, library.Quota{}))
	})
	t.Run("gives the last places once", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		one, _, _ := f.Approve(p, f.AnyClient(library.Write))
		two, _, _ := f.Approve(p, f.AnyClient(library.Write))
		quota := library.Quota{Files: 7, Bytes: 5 * 10}
		stored := 0
		for _, err := range Race(100, func(i int) error {
			a := newFile([]library.Grant{one, two}[i%2], Now)
			a.File.Size, a.Quota = 10, quota
			return f.AddFile(Ctx, a)
		}) {
			var full *library.QuotaError
			if err == nil {
				stored++
			} else if !errors.As(err, &full) {
				t.Error(err)
			}
		}
		Same(t, "pushes that succeeded", stored, 5)
		Same(t, "number of files", Value(f.CountFiles(Ctx, p.ID))(t), 5)
		Same(t, "used", total(Value(f.ListUsage(Ctx, p.ID))(t)), library.Used{Files: 5, Bytes: 50})
	})
	t.Run("has one event for an application and a time", func(t *testing.T) {
		f := NewFixture(t, open)
		p, a := f.AnyPerson(), f.AnyApplication()
		event := func(c library.Client, at time.Time) library.Event {
			return library.Event{Library: p.ID, At: at, Kind: library.EventNoRoom,
				Details: library.EventDetails{Application: c.Application.ID, Contract: c.Contract.ID}}
		}
		one, two := f.AnyContract(a, library.Write), f.AnyContract(a, library.Write)
		other := f.AnyClient(library.Write)
		before := len(f.Events(p.ID))
		Same(t, "first", Value(f.AddQuotaEvent(Ctx, event(one, Now), Later(-time.Hour)))(t), true)
		Same(t, "again", Value(f.AddQuotaEvent(Ctx, event(one, Later(1)), Later(-time.Hour)))(t), false)
		Same(t, "other contract", Value(f.AddQuotaEvent(Ctx, event(two, Later(1)), Later(-time.Hour)))(t), false)
		Same(t, "other application", Value(f.AddQuotaEvent(Ctx, event(other, Now), Later(-time.Hour)))(t), true)
		Same(t, "events", len(f.Events(p.ID)), before+2)
		Same(t, "used", len(Value(f.ListUsage(Ctx, p.ID))(t)), 0)
		Same(t, "later", Value(f.AddQuotaEvent(Ctx, event(two, Later(2*time.Hour)), Later(time.Hour)))(t), true)
		Same(t, "kind", f.NewestEvent(p.ID).Kind, library.EventNoRoom)
		e := event(one, Now)
		e.Library = "none"
		_, err := f.AddQuotaEvent(Ctx, e, Later(-time.Hour))
		WantErr(t, "no library", err, library.ErrNotFound)
		Same(t, "faults", len(Value(f.ListUsageFaults(Ctx, p.ID, 10))(t)), 0)
	})
}

// testUsageSums pushes into libraries and deletes them at random, and compares the usage with what was stored.
func testUsageSums(open func(t *testing.T) Store) func(t *testing.T) {
	return func(t *testing.T) {
		f := NewFixture(t, open)
		a := f.AnyApplication()
		clients := []library.Client{f.AnyContract(a, library.Write), f.AnyContract(a, library.Write),
			f.AnyClient(library.Write)}
		want := map[library.ID]map[library.GrantID]library.Usage{}
		var grants []library.Grant
		for range 4 {
			p := f.AnyPerson()
			want[p.ID] = map[library.GrantID]library.Usage{}
			for _, c := range clients {
				g, _, _ := f.Approve(p, c)
				grants = append(grants, g)
			}
		}
		for i := range 120 {
			g := grants[rand.N(len(grants))]
			owner, lives := want[g.Library]
			if lives && i%40 == 39 {
				Must(t, f.DeleteLibrary(Ctx, g.Library, Now))
				delete(want, g.Library)
				continue
			}
			added := newFile(g, Now)
			added.File.Size = rand.N(int64(1 << 40))
			added.Quota = library.Quota{Files: 20}
			err := f.AddFile(Ctx, added)
			var full *library.QuotaError
			switch {
			case !lives:
				WantErr(t, "deleted library", err, library.ErrNotFound)
			case errors.As(err, &full):
			default:
				Must(t, err)
				u := owner[g.ID]
				u.Application, u.Contract = g.Application, g.Contract
				u.Files, u.Bytes = u.Files+1, u.Bytes+added.File.Size
				owner[g.ID] = u
			}
		}
		sums := map[wire.ContractID]library.Used{}
		for _, g := range grants {
			var list []library.Usage
			for _, u := range want[g.Library] {
				list = append(list, u)
			}
			got := Value(f.ListUsage(Ctx, g.Library))(t)
			slices.SortFunc(list, compareUsage)
			if !slices.IsSortedFunc(got, compareUsage) || !slices.Equal(got, list) {
				t.Errorf("usage of library %s:\n got %+v\nwant %+v", g.Library, got, list)
			}
			Same(t, "faults", len(Value(f.ListUsageFaults(Ctx, g.Library, 10))(t)), 0)
			u := want[g.Library][g.ID]
			was := sums[g.Contract]
			sums[g.Contract] = library.Used{Files: was.Files + u.Files, Bytes: was.Bytes + u.Bytes}
		}
		for _, u := range Value(f.SumUsage(Ctx, a.ID))(t) {
			Same(t, "sum over the libraries", u.Used, sums[u.Contract])
		}
		Same(t, "usage of no library", len(Value(f.ListUsageOfNoLibrary(Ctx, "", 10))(t)), 0)
	}
}

func compareUsage(a, b library.Usage) int {
	if n := strings.Compare(string(a.Application), string(b.Application)); n != 0 {
		return n
	}
	return strings.Compare(string(a.Contract), string(b.Contract))
}

func total(list []library.Usage) (sum library.Used) {
	for _, u := range list {
		sum.Files, sum.Bytes = sum.Files+u.Files, sum.Bytes+u.Bytes
	}
	return sum
}

func wantQuota(t *testing.T, err error, used library.Used, inBytes bool) {
	t.Helper()
	var full *library.QuotaError
	if !errors.As(err, &full) || full.Used != used || full.InBytes != inBytes || full.Kind != library.LibraryQuota {
		t.Errorf("%v, want a quota with %+v used, in bytes: %t", err, used, inBytes)
	}
}
