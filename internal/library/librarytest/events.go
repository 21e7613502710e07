package librarytest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// TestEvents tests a library.EventStore.
func TestEvents(t *testing.T, open func(t *testing.T) Store) {
	t.Run("are chained and listed newest first", func(t *testing.T) {
		f := NewFixture(t, open)
		p, other := f.AnyPerson(), f.AnyPerson()
		e := library.Event{Library: p.ID, At: Later(time.Second), Kind: library.EventFileAdded,
			Details: library.EventDetails{
				Application: "a", ApplicationName: "<Diary> & \u2028 \x00 \xff", Contract: "k", Grant: "g",
				Access: library.Write, File: "f", FileName: "a/b.json", Agent: "phone"}}
		for range 4 {
			Must(t, f.AddEvent(Ctx, e))
			Must(t, f.AddEvent(Ctx, AnyEvent(other.ID)))
		}
		all := f.Events(p.ID)
		Same(t, "number", len(all), 5)
		got := all[4]
		Same(t, "at", got.At, e.At)
		Same(t, "kind", got.Kind, e.Kind)
		e.Details.ApplicationName = "<Diary> & \u2028 \x00 \uFFFD"
		Same(t, "details", got.Details, e.Details)
		Same(t, "previous", got.Previous, all[3].Hash)

		seqs := func(before int64, limit int) (seqs []int64) {
			for _, e := range Value(f.ListEvents(Ctx, p.ID, before, limit))(t) {
				seqs = append(seqs, e.Seq)
			}
			return seqs
		}
		Same(t, "newest", seqs(0, 2), []int64{5, 4})
		Same(t, "below 4", seqs(4, 2), []int64{3, 2})
		Same(t, "below 2", seqs(2, 2), []int64{1})
		Same(t, "below 1", seqs(1, 2), []int64(nil))
		WantErr(t, "event of no library", f.AddEvent(Ctx, AnyEvent("none")), library.ErrNotFound)
		Same(t, "events of no library", len(Value(f.ListEvents(Ctx, "none", 0, 10))(t)), 0)
	})
	t.Run("take as long without a library, and are not kept", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		before := f.Events(p.ID)
		for _, id := range []library.ID{p.ID, ""} {
			for range 2 {
				Must(t, f.SpendEventTime(Ctx, library.Event{Library: id, At: Now, Kind: library.EventWrongPassword}))
			}
			Same(t, "events", f.Events(p.ID), before)
			Same(t, "events of no library", len(Value(f.ListEvents(Ctx, "", 0, 10))(t)), 0)
		}
	})
	t.Run("stay chained with 32 writers", func(t *testing.T) {
		f := NewFixture(t, open)
		p, other := f.AnyPerson(), f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Write))
		const each = 8
		for _, err := range Race(32, func(i int) error {
			for n := range each {
				e := AnyEvent(p.ID)
				e.Details.Agent = fmt.Sprintf("%d/%d", i, n)
				var err error
				switch i % 4 {
				case 0:
					err = f.AddFile(Ctx, newFile(g, Now))
				case 1:
					err = f.AddRead(Ctx, nil, g.ID, e)
				case 2:
					err = f.AddLogin(Ctx, anyLogin(p.ID), e)
				default:
					err = f.AddEvent(Ctx, e)
					if err == nil {
						err = f.AddEvent(Ctx, AnyEvent(other.ID))
					}
				}
				if err != nil {
					return err
				}
			}
			return nil
		}) {
			Must(t, err)
		}
		Same(t, "number", len(f.Events(p.ID)), 2+32*each)
		Same(t, "number of the other library", len(f.Events(other.ID)), 1+8*each)
	})
	t.Run("are added by nobody who has gone", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		gone, cancel := context.WithCancel(Ctx)
		cancel()
		WantErr(t, "event", f.AddEvent(gone, AnyEvent(p.ID)), context.Canceled)
		Same(t, "number", len(f.Events(p.ID)), 1)
	})
}
