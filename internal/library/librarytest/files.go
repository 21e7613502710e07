package librarytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestFiles tests a library.FileStore.
func TestFiles(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		g, _, _ := f.allow(p, f.client(library.Write))
		a := arrival(g, later(time.Minute))
		a.File.Metadata.Extra = map[string]json.RawMessage{"mine": json.RawMessage(`{"%":"_\u0000"}`)}
		must(t, f.AddFile(ctx, a))
		same(t, "file", value(f.GetFile(ctx, p.ID, a.File.ID))(t), a.File)
		same(t, "content", value(f.GetContent(ctx, p.ID, a.File.ID))(t), a.Content)
		same(t, "number of files", value(f.CountFiles(ctx, p.ID))(t), 1)
		same(t, "files", value(f.ListFiles(ctx, p.ID, library.FileCursor{}, 10))(t), []library.File{a.File})
		same(t, "grant used", value(f.GetGrant(ctx, g.ID))(t).LastUsedAt, later(time.Minute))
		e := f.newest(p.ID)
		same(t, "kind of event", e.Kind, library.EventFileAdded)
		same(t, "file of event", e.Details.File, a.File.ID)
		wantErr(t, "nonce used", f.UseNonce(ctx, *a.Nonce), library.ErrReplayed)
		wantErr(t, "file again", f.AddFile(ctx, library.NewFile{File: a.File, Content: a.Content, Grant: g.ID, Event: a.Event}), library.ErrExists)

		large := arrival(g, now)
		large.Nonce = nil
		large.Content = library.Content{Format: library.FormatStream, Key: anySeal()}
		must(t, f.AddFile(ctx, large))
		got := value(f.GetContent(ctx, p.ID, large.File.ID))(t)
		same(t, "format", got.Format, library.FormatStream)
		same(t, "key", got.Key, large.Content.Key)
		same(t, "inline", len(got.Inline), 0)
	})
	t.Run("keeps metadata that is no text", func(t *testing.T) {
		f := fresh(t, open)
		g, _, _ := f.allow(f.person(), f.client(library.Write))
		a := arrival(g, now)
		a.File.Metadata.Extra = map[string]json.RawMessage{"mine": json.RawMessage("\"\xff\"")}
		a.Event.Details.FileName = "\xff\x00"
		must(t, f.AddFile(ctx, a))
		f.events(g.Library)
	})
	t.Run("shows no file of another library", func(t *testing.T) {
		f := fresh(t, open)
		c := f.client(library.Write)
		g, _, _ := f.allow(f.person(), c)
		other := f.person()
		f.allow(other, c)
		a := arrival(g, now)
		must(t, f.AddFile(ctx, a))
		for _, place := range []struct {
			library library.ID
			file    wire.FileName
		}{{other.ID, a.File.ID}, {g.Library, "none"}, {"%", "%"}, {g.Library, "\x00\xff"}} {
			_, err := f.GetFile(ctx, place.library, place.file)
			wantErr(t, "file", err, library.ErrNotFound)
			_, err = f.GetContent(ctx, place.library, place.file)
			wantErr(t, "content", err, library.ErrNotFound)
		}
		same(t, "files", len(value(f.ListFiles(ctx, other.ID, library.FileCursor{}, 10))(t)), 0)
		same(t, "number", value(f.CountFiles(ctx, other.ID))(t), 0)
		same(t, "has", value(f.HasFile(ctx, g.Library, a.File.ID))(t), true)
		same(t, "has none", value(f.HasFile(ctx, g.Library, "none"))(t), false)
		same(t, "other has", value(f.HasFile(ctx, other.ID, a.File.ID))(t), false)
	})
	t.Run("adds a file whole or not at all", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		g, _, _ := f.allow(p, f.client(library.Write))
		first := arrival(g, now)
		must(t, f.AddFile(ctx, first))
		again := arrival(g, later(time.Hour))
		again.Nonce = first.Nonce
		wantErr(t, "replayed", f.AddFile(ctx, again), library.ErrReplayed)
		_, err := f.GetFile(ctx, p.ID, again.File.ID)
		wantErr(t, "file", err, library.ErrNotFound)
		same(t, "number of events", len(f.events(p.ID)), 3)
		same(t, "grant used", value(f.GetGrant(ctx, g.ID))(t).LastUsedAt, now)

		other := f.person()
		og, _, _ := f.allow(other, f.client(library.Write))
		foreign := arrival(g, now)
		foreign.Grant = og.ID
		wantErr(t, "grant of another library", f.AddFile(ctx, foreign), library.ErrNotFound)
		must(t, f.UseNonce(ctx, *foreign.Nonce)) // was not used up
		same(t, "number of events", len(f.events(p.ID)), 3)
	})
	t.Run("takes one of many with the same nonce", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		g, _, _ := f.allow(p, f.client(library.Write))
		n := arrival(g, now).Nonce
		oneWins(t, "push", race(50, func(int) error {
			a := arrival(g, now)
			a.Nonce = n
			return f.AddFile(ctx, a)
		}), library.ErrReplayed)
		same(t, "number of files", value(f.CountFiles(ctx, p.ID))(t), 1)
		same(t, "number of events", len(f.events(p.ID)), 3)
	})
	t.Run("does not fail for its neighbours", func(t *testing.T) {
		f := fresh(t, open)
		people := []person{f.person(), f.person(), f.person(), f.person()}
		c := f.client(library.Write)
		var grants []library.Grant
		for _, p := range people {
			g, _, _ := f.allow(p, c)
			grants = append(grants, g)
		}
		revoked, _, _ := f.allow(people[0], f.client(library.Write))
		must(t, f.RevokeGrant(ctx, people[0].ID, revoked.ID, now, anyEvent(people[0].ID)))
		before := len(f.events(people[0].ID))

		arrivals := make([]library.NewFile, 256)
		for i := range arrivals {
			arrivals[i] = arrival(grants[i%len(grants)], later(time.Duration(i)))
			switch {
			case i%32 == 31:
				arrivals[i].Nonce = arrivals[i-1].Nonce
			case i%32 == 16:
				arrivals[i].Grant = revoked.ID
			case i%32 == 8:
				arrivals[i].File.ID = arrivals[i-1].File.ID
			}
		}
		errs := race(len(arrivals), func(i int) error { return f.AddFile(ctx, arrivals[i]) })
		added := map[library.ID]int{}
		for i, err := range errs {
			switch {
			case err == nil:
				added[arrivals[i].File.Library]++
			case i%32 == 16 && errors.Is(err, library.ErrNotFound):
			case (i%32 == 30 || i%32 == 31) && errors.Is(err, library.ErrReplayed):
			case (i%32 == 7 || i%32 == 8) && errors.Is(err, library.ErrExists):
			default:
				t.Errorf("push %d: %v", i, err)
			}
		}
		if total := added[people[0].ID] + added[people[1].ID] + added[people[2].ID] + added[people[3].ID]; total != 256-3*8 {
			t.Errorf("%d pushes succeeded, want %d", total, 256-3*8)
		}
		for i, p := range people {
			same(t, fmt.Sprintf("number of files of %d", i), value(f.CountFiles(ctx, p.ID))(t), added[p.ID])
			want := 2 + added[p.ID]
			if i == 0 {
				want = before + added[p.ID]
			}
			same(t, fmt.Sprintf("number of events of %d", i), len(f.events(p.ID)), want)
		}
	})
	t.Run("lists from a cursor on", testList(open))
	t.Run("notes reads", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		g, _, _ := f.allow(p, f.client(library.Read))
		n := arrival(g, now).Nonce
		e := anyEvent(p.ID)
		e.At, e.Kind = later(time.Hour), library.EventFileRead
		must(t, f.AddRead(ctx, n, g.ID, e))
		same(t, "kind of event", f.newest(p.ID).Kind, library.EventFileRead)
		same(t, "grant used", value(f.GetGrant(ctx, g.ID))(t).LastUsedAt, e.At)
		wantErr(t, "read again", f.AddRead(ctx, n, g.ID, e), library.ErrReplayed)
		must(t, f.AddRead(ctx, nil, g.ID, e))
		same(t, "number of events", len(f.events(p.ID)), 4)
		wantErr(t, "no grant", f.AddRead(ctx, nil, "none", e), library.ErrNotFound)
		e.Library = "none"
		wantErr(t, "no library", f.AddRead(ctx, nil, g.ID, e), library.ErrNotFound)
	})
}

func testList(open func(t *testing.T) Store) func(t *testing.T) {
	return func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		g, _, _ := f.allow(p, f.client(library.Write))
		var want []wire.FileName
		// Ids whose order differs between alphabets, at the same time and at others.
		for i, id := range []string{"A1", "B2", "_x", "a1", "b0", "b1", "b2", "c.1", "c1"} {
			for _, at := range []time.Time{now, later(time.Millisecond)} {
				a := arrival(g, at)
				a.File.ID = wire.FileName(fmt.Sprintf("%s-%d", id, at.UnixMilli()-now.UnixMilli()))
				must(t, f.AddFile(ctx, a))
				if at.Equal(now) {
					want = slices.Insert(want, i, a.File.ID)
				} else {
					want = append(want, a.File.ID)
				}
			}
		}
		other, _, _ := f.allow(f.person(), f.client(library.Write))
		must(t, f.AddFile(ctx, arrival(other, now)))

		for _, limit := range []int{1, 2, 7, 100} {
			for _, newestFirst := range []bool{false, true} {
				var got []wire.FileName
				at := library.FileCursor{NewestFirst: newestFirst}
				for {
					page := value(f.ListFiles(ctx, p.ID, at, limit))(t)
					if len(page) > limit {
						t.Fatalf("a page of %d has %d files", limit, len(page))
					}
					if len(page) == 0 {
						break
					}
					for _, file := range page {
						got = append(got, file.ID)
					}
					last := page[len(page)-1]
					at.CreatedAt, at.ID = last.CreatedAt, last.ID
				}
				if newestFirst {
					slices.Reverse(got)
				}
				same(t, fmt.Sprintf("files by %d, newest first: %t", limit, newestFirst), got, want)
			}
		}
		same(t, "files of no library", len(value(f.ListFiles(ctx, "none", library.FileCursor{}, 10))(t)), 0)
		same(t, "limit 0", len(value(f.ListFiles(ctx, p.ID, library.FileCursor{}, 0))(t)), 0)
	}
}
