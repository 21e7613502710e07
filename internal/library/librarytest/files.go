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
	"github.com/carrelhq/carrel/internal/seal"
)

// TestFiles tests a library.FileStore.
func TestFiles(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Write))
		a := newFile(g, Later(time.Minute))
		a.File.Metadata.Extra = map[string]json.RawMessage{"mine": json.RawMessage(`{"%":"_\u0000"}`)}
		a.File.MetadataJSON = metadataText(a.File.Metadata) + " "
		Must(t, f.AddFile(Ctx, a))
		Same(t, "file", Value(f.GetFile(Ctx, p.ID, a.File.ID))(t), a.File)
		Same(t, "content", Value(f.GetContent(Ctx, p.ID, a.File.ID))(t), a.Content)
		Same(t, "number of files", Value(f.CountFiles(Ctx, p.ID))(t), 1)
		list := Value(f.ListFiles(Ctx, p.ID, library.FileCursor{}, 10))(t)
		Same(t, "files", list, []library.File{listed(a.File)})
		Same(t, "decoded", list[0].Decoded(), a.File)
		Same(t, "grant used", Value(f.GetGrant(Ctx, g.ID))(t).LastUsedAt, Later(time.Minute))
		e := f.NewestEvent(p.ID)
		Same(t, "kind of event", e.Kind, library.EventFileAdded)
		Same(t, "file of event", e.Details.File, a.File.ID)
		WantErr(t, "nonce used", f.UseNonce(Ctx, *a.Nonce), library.ErrReplayed)
		WantErr(t, "file again", f.AddFile(Ctx, library.NewFile{File: a.File, Content: a.Content, Grant: g.ID,
			Event: a.Event}), library.ErrExists)

		large := newFile(g, Now)
		large.Nonce = nil
		large.Content = library.Content{Format: library.FormatStream, Key: AnySeal()}
		Must(t, f.AddFile(Ctx, large))
		got := Value(f.GetContent(Ctx, p.ID, large.File.ID))(t)
		Same(t, "format", got.Format, library.FormatStream)
		Same(t, "key", got.Key, large.Content.Key)
		Same(t, "inline", len(got.Inline), 0)
	})
	t.Run("keeps metadata that is no text", func(t *testing.T) {
		f := NewFixture(t, open)
		g, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
		a := newFile(g, Now)
		a.File.Metadata.Extra = map[string]json.RawMessage{"mine": json.RawMessage("\"\xff\"")}
		a.File.MetadataJSON = metadataText(a.File.Metadata)
		a.Event.Details.FileName = "\xff\x00"
		Must(t, f.AddFile(Ctx, a))
		f.Events(g.Library)
	})
	t.Run("shows no file of another library", func(t *testing.T) {
		f := NewFixture(t, open)
		c := f.AnyClient(library.Write)
		g, _, _ := f.Approve(f.AnyPerson(), c)
		other := f.AnyPerson()
		f.Approve(other, c)
		a := newFile(g, Now)
		Must(t, f.AddFile(Ctx, a))
		for _, place := range []struct {
			library library.ID
			file    wire.FileName
		}{{other.ID, a.File.ID}, {g.Library, "none"}, {"%", "%"}, {g.Library, "\x00\xff"}} {
			_, err := f.GetFile(Ctx, place.library, place.file)
			WantErr(t, "file", err, library.ErrNotFound)
			_, err = f.GetContent(Ctx, place.library, place.file)
			WantErr(t, "content", err, library.ErrNotFound)
		}
		Same(t, "files", len(Value(f.ListFiles(Ctx, other.ID, library.FileCursor{}, 10))(t)), 0)
		Same(t, "number", Value(f.CountFiles(Ctx, other.ID))(t), 0)
		Same(t, "has", Value(f.HasFile(Ctx, g.Library, a.File.ID))(t), true)
		Same(t, "has none", Value(f.HasFile(Ctx, g.Library, "none"))(t), false)
		Same(t, "other has", Value(f.HasFile(Ctx, other.ID, a.File.ID))(t), false)
	})
	t.Run("adds a file whole or not at all", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Write))
		first := newFile(g, Now)
		Must(t, f.AddFile(Ctx, first))
		again := newFile(g, Later(time.Hour))
		again.Nonce = first.Nonce
		WantErr(t, "replayed", f.AddFile(Ctx, again), library.ErrReplayed)
		_, err := f.GetFile(Ctx, p.ID, again.File.ID)
		WantErr(t, "file", err, library.ErrNotFound)
		Same(t, "number of events", len(f.Events(p.ID)), 3)
		Same(t, "grant used", Value(f.GetGrant(Ctx, g.ID))(t).LastUsedAt, Now)

		other := f.AnyPerson()
		og, _, _ := f.Approve(other, f.AnyClient(library.Write))
		foreign := newFile(g, Now)
		foreign.Grant = og.ID
		WantErr(t, "grant of another library", f.AddFile(Ctx, foreign), library.ErrNotFound)
		Must(t, f.UseNonce(Ctx, *foreign.Nonce)) // was not used up
		Same(t, "number of events", len(f.Events(p.ID)), 3)
	})
	t.Run("keeps epochs", func(t *testing.T) {
		f := NewFixture(t, open)
		p, other := f.AnyPerson(), f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Write))
		epoch := library.Epoch{
			ID: seal.NewEpochID(), Library: p.ID, Encapsulation: []byte("first \x00"), CreatedAt: Now,
		}
		again := epoch
		again.Encapsulation = []byte("another")
		Race(20, func(i int) error {
			a := newFile(g, Now)
			a.Epoch = &epoch
			return f.AddFile(Ctx, a)
		})
		a := newFile(g, Now)
		a.Epoch = &again
		Must(t, f.AddFile(Ctx, a))
		Same(t, "number of files", Value(f.CountFiles(Ctx, p.ID))(t), 21)
		Same(t, "encapsulation", Value(f.GetEncapsulation(Ctx, p.ID, epoch.ID))(t), epoch.Encapsulation)
		_, err := f.GetEncapsulation(Ctx, other.ID, epoch.ID)
		WantErr(t, "of another library", err, library.ErrNotFound)
		_, err = f.GetEncapsulation(Ctx, p.ID, seal.NewEpochID())
		WantErr(t, "another epoch", err, library.ErrNotFound)
		refused := newFile(g, Later(time.Hour))
		refused.Nonce = a.Nonce
		refused.Epoch = &library.Epoch{ID: seal.NewEpochID(), Library: p.ID, Encapsulation: []byte{1}, CreatedAt: Now}
		WantErr(t, "replayed", f.AddFile(Ctx, refused), library.ErrReplayed)
		_, err = f.GetEncapsulation(Ctx, p.ID, refused.Epoch.ID)
		WantErr(t, "of a push that was refused", err, library.ErrNotFound)
		Must(t, f.DeleteLibrary(Ctx, p.ID, Now))
		_, err = f.GetEncapsulation(Ctx, p.ID, epoch.ID)
		WantErr(t, "of a deleted library", err, library.ErrNotFound)
	})
	t.Run("takes one of many with the same nonce", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Write))
		n := newFile(g, Now).Nonce
		OneWins(t, "push", Race(50, func(int) error {
			a := newFile(g, Now)
			a.Nonce = n
			return f.AddFile(Ctx, a)
		}), library.ErrReplayed)
		Same(t, "number of files", Value(f.CountFiles(Ctx, p.ID))(t), 1)
		Same(t, "number of events", len(f.Events(p.ID)), 3)
	})
	t.Run("adds a file of the person's own", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Write))
		_, _, err := f.GetImportTimes(Ctx, p.ID)
		WantErr(t, "no file", err, library.ErrNotFound)
		Must(t, f.AddFile(Ctx, newFile(g, Now)))
		_, _, err = f.GetImportTimes(Ctx, p.ID)
		WantErr(t, "a pushed file", err, library.ErrNotFound)
		own := func(at time.Time) library.NewFile {
			a := newFile(g, at)
			a.File.Application, a.File.Contract, a.Grant, a.Nonce = "", "", "", nil
			a.Event.Kind = library.EventFileImported
			return a
		}
		a := own(Later(time.Minute))
		Must(t, f.AddImported(Ctx, a, p.Login.ID))
		Same(t, "file", Value(f.GetFile(Ctx, p.ID, a.File.ID))(t), a.File)
		Same(t, "content", Value(f.GetContent(Ctx, p.ID, a.File.ID))(t), a.Content)
		Same(t, "kind of event", f.NewestEvent(p.ID).Kind, library.EventFileImported)
		Must(t, f.AddImported(Ctx, own(Later(time.Hour)), p.Login.ID))
		first, last, err := f.GetImportTimes(Ctx, p.ID)
		Must(t, err)
		Same(t, "first", first, Later(time.Minute))
		Same(t, "last", last, Later(time.Hour))
		Same(t, "number", Value(f.CountFiles(Ctx, p.ID))(t), 3)
		Same(t, "pushers", len(Value(f.ListPushers(Ctx, p.ID))(t)), 1)
		WantErr(t, "file again", f.AddImported(Ctx, a, p.Login.ID), library.ErrExists)
		full := own(Now)
		full.Quota.Files = 3
		var quota *library.QuotaError
		if err := f.AddImported(Ctx, full, p.Login.ID); !errors.As(err, &quota) || quota.Used.Files != 3 {
			t.Errorf("full: %v", err)
		}
		WantErr(t, "another's login", f.AddImported(Ctx, own(Now), f.AnyPerson().Login.ID), library.ErrNotFound)
		Must(t, f.EndLogin(Ctx, p.Login.ID))
		WantErr(t, "an ended login", f.AddImported(Ctx, own(Now), p.Login.ID), library.ErrNotFound)
		shut := f.AnyPerson()
		Must(t, f.ShutLibrary(Ctx, shut.ID, Later(time.Hour), shut.Login.ID, AnyEvent(shut.ID)))
		b := own(Now)
		b.File.Library, b.Event.Library = shut.ID, shut.ID
		WantErr(t, "a shut library", f.AddImported(Ctx, b, shut.Login.ID), library.ErrNotFound)
		Same(t, "number", Value(f.CountFiles(Ctx, p.ID))(t), 3)
	})
	t.Run("does not fail for its neighbours", func(t *testing.T) {
		f := NewFixture(t, open)
		people := []Person{f.AnyPerson(), f.AnyPerson(), f.AnyPerson(), f.AnyPerson()}
		c := f.AnyClient(library.Write)
		var grants []library.Grant
		for _, p := range people {
			g, _, _ := f.Approve(p, c)
			grants = append(grants, g)
		}
		revoked, _, _ := f.Approve(people[0], f.AnyClient(library.Write))
		Must(t, f.RevokeGrant(Ctx, people[0].ID, revoked.ID, Now, AnyEvent(people[0].ID)))
		before := len(f.Events(people[0].ID))
		shut := f.AnyPerson()
		ended, _, _ := f.Approve(shut, c)
		Must(t, f.ShutLibrary(Ctx, shut.ID, Later(time.Hour), shut.Login.ID, AnyEvent(shut.ID)))

		arrivals := make([]library.NewFile, 256)
		for i := range arrivals {
			arrivals[i] = newFile(grants[i%len(grants)], Later(time.Duration(i)))
			switch {
			case i%32 == 31:
				arrivals[i].Nonce = arrivals[i-1].Nonce
			case i%32 == 16:
				arrivals[i].Grant = revoked.ID
			case i%32 == 8:
				arrivals[i].File.ID = arrivals[i-1].File.ID
			case i%32 == 20:
				arrivals[i].Token = seal.NewSecret().Hash() // of no token
			case i%32 == 24:
				arrivals[i] = newFile(ended, Now)
			case i%32 == 28:
				arrivals[i].Quota.Bytes = 1
			}
		}
		errs := Race(len(arrivals), func(i int) error { return f.AddFile(Ctx, arrivals[i]) })
		added := map[library.ID]int{}
		for i, err := range errs {
			switch {
			case err == nil:
				added[arrivals[i].File.Library]++
			case i%32 == 16 && errors.Is(err, library.ErrNotFound):
			case (i%32 == 30 || i%32 == 31) && errors.Is(err, library.ErrReplayed):
			case (i%32 == 7 || i%32 == 8) && errors.Is(err, library.ErrExists):
			case (i%32 == 20 || i%32 == 24) && errors.Is(err, library.ErrNotFound):
			case i%32 == 28 && errors.As(err, new(*library.QuotaError)):
			default:
				t.Errorf("push %d: %v", i, err)
			}
		}
		sum := added[people[0].ID] + added[people[1].ID] + added[people[2].ID] + added[people[3].ID]
		if sum != 256-6*8 {
			t.Errorf("%d pushes succeeded, want %d", sum, 256-6*8)
		}
		for i, p := range people {
			Same(t, fmt.Sprintf("number of files of %d", i), Value(f.CountFiles(Ctx, p.ID))(t), added[p.ID])
			want := 2 + added[p.ID]
			if i == 0 {
				want = before + added[p.ID]
			}
			Same(t, fmt.Sprintf("number of events of %d", i), len(f.Events(p.ID)), want)
			Same(t, fmt.Sprintf("usage of %d", i), total(Value(f.ListUsage(Ctx, p.ID))(t)).Files, int64(added[p.ID]))
		}
	})
	t.Run("lists from a cursor on", testList(open))
	t.Run("lists the files of an application", testListOfApplication(open))
	t.Run("notes reads", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Read))
		n := newFile(g, Now).Nonce
		e := AnyEvent(p.ID)
		e.At, e.Kind = Later(time.Hour), library.EventFileRead
		Must(t, f.AddRead(Ctx, n, g.ID, e))
		Same(t, "kind of event", f.NewestEvent(p.ID).Kind, library.EventFileRead)
		Same(t, "grant used", Value(f.GetGrant(Ctx, g.ID))(t).LastUsedAt, e.At)
		WantErr(t, "read again", f.AddRead(Ctx, n, g.ID, e), library.ErrReplayed)
		Must(t, f.AddRead(Ctx, nil, g.ID, e))
		Same(t, "number of events", len(f.Events(p.ID)), 4)
		WantErr(t, "no grant", f.AddRead(Ctx, nil, "none", e), library.ErrNotFound)
		e.Library = "none"
		WantErr(t, "no library", f.AddRead(Ctx, nil, g.ID, e), library.ErrNotFound)
	})
}

func testList(open func(t *testing.T) Store) func(t *testing.T) {
	return func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Write))
		var want []wire.FileName
		// Ids whose order differs between alphabets, at the same time and at others.
		for i, id := range []string{"A1", "B2", "_x", "a1", "b0", "b1", "b2", "c.1", "c1"} {
			for _, at := range []time.Time{Now, Later(time.Millisecond)} {
				a := newFile(g, at)
				a.File.ID = wire.FileName(fmt.Sprintf("%s-%d", id, at.UnixMilli()-Now.UnixMilli()))
				Must(t, f.AddFile(Ctx, a))
				if at.Equal(Now) {
					want = slices.Insert(want, i, a.File.ID)
				} else {
					want = append(want, a.File.ID)
				}
			}
		}
		other, _, _ := f.Approve(f.AnyPerson(), f.AnyClient(library.Write))
		Must(t, f.AddFile(Ctx, newFile(other, Now)))

		for _, limit := range []int{1, 2, 7, 100} {
			for _, newestFirst := range []bool{false, true} {
				got := listAll(t, f, p.ID, library.FileCursor{NewestFirst: newestFirst}, limit)
				if newestFirst {
					slices.Reverse(got)
				}
				Same(t, fmt.Sprintf("files by %d, newest first: %t", limit, newestFirst), got, want)
			}
		}
		Same(t, "files of no library", len(Value(f.ListFiles(Ctx, "none", library.FileCursor{}, 10))(t)), 0)
		Same(t, "limit 0", len(Value(f.ListFiles(Ctx, p.ID, library.FileCursor{}, 0))(t)), 0)
	}
}

// listed returns a file as a list has it.
func listed(f library.File) library.File {
	f.Metadata = wire.RawMetadata{}
	return f
}

// testListOfApplication has the same list for each of two applications, which push to the same library in turn.
func testListOfApplication(open func(t *testing.T) Store) func(t *testing.T) {
	return func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		var grants []library.Grant
		want := map[wire.ApplicationID][]wire.FileName{}
		for range 2 {
			g, _, _ := f.Approve(p, f.AnyClient(library.Write))
			grants = append(grants, g)
		}
		for i := range 12 {
			a := newFile(grants[i%2], Later(time.Duration(i/4)*time.Millisecond))
			a.File.ID = wire.FileName(fmt.Sprintf("%02d", i))
			Must(t, f.AddFile(Ctx, a))
			want[a.File.Application] = append(want[a.File.Application], a.File.ID)
		}
		for _, g := range grants {
			for _, limit := range []int{1, 4, 100} {
				for _, newestFirst := range []bool{false, true} {
					at := library.FileCursor{NewestFirst: newestFirst, Application: g.Application}
					got := listAll(t, f, p.ID, at, limit)
					if newestFirst {
						slices.Reverse(got)
					}
					Same(t, fmt.Sprintf("files by %d, newest first: %t", limit, newestFirst), got, want[g.Application])
				}
			}
		}
		for _, none := range []wire.ApplicationID{"none", "%", "\x00", "\xff"} {
			for _, newestFirst := range []bool{false, true} {
				at := library.FileCursor{NewestFirst: newestFirst, Application: none}
				Same(t, "files of no application", len(Value(f.ListFiles(Ctx, p.ID, at, 10))(t)), 0)
			}
		}
	}
}

// listAll lists the ids of all files from a cursor on, so many at a time.
func listAll(t *testing.T, f *Fixture, id library.ID, at library.FileCursor, limit int) (ids []wire.FileName) {
	t.Helper()
	for {
		page := Value(f.ListFiles(Ctx, id, at, limit))(t)
		if len(page) > limit {
			t.Fatalf("a page of %d has %d files", limit, len(page))
		}
		if len(page) == 0 {
			return ids
		}
		for _, file := range page {
			ids = append(ids, file.ID)
		}
		last := page[len(page)-1]
		at.CreatedAt, at.ID = last.CreatedAt, last.ID
	}
}
