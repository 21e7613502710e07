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
		f := fresh(t, open)
		p, other := f.person(), f.person()
		e := library.Event{Library: p.ID, At: later(time.Second), Kind: library.EventFileAdded, Details: library.EventDetails{
			Application: "a", ApplicationName: "<Diary> & \u2028 \x00 \xff", Contract: "k", Grant: "g",
			Access: library.Write, File: "f", FileName: "a/b.json", Agent: "phone"}}
		for range 4 {
			must(t, f.AddEvent(ctx, e))
			must(t, f.AddEvent(ctx, anyEvent(other.ID)))
		}
		all := f.events(p.ID)
		same(t, "number", len(all), 5)
		got := all[4]
		same(t, "at", got.At, e.At)
		same(t, "kind", got.Kind, e.Kind)
		e.Details.ApplicationName = "<Diary> & \u2028 \x00 \uFFFD"
		same(t, "details", got.Details, e.Details)
		same(t, "previous", got.Previous, all[3].Hash)

		seqs := func(before int64, limit int) (seqs []int64) {
			for _, e := range value(f.ListEvents(ctx, p.ID, before, limit))(t) {
				seqs = append(seqs, e.Seq)
			}
			return seqs
		}
		same(t, "newest", seqs(0, 2), []int64{5, 4})
		same(t, "below 4", seqs(4, 2), []int64{3, 2})
		same(t, "below 2", seqs(2, 2), []int64{1})
		same(t, "below 1", seqs(1, 2), []int64(nil))
		wantErr(t, "event of no library", f.AddEvent(ctx, anyEvent("none")), library.ErrNotFound)
		same(t, "events of no library", len(value(f.ListEvents(ctx, "none", 0, 10))(t)), 0)
	})
	t.Run("stay chained with 32 writers", func(t *testing.T) {
		f := fresh(t, open)
		p, other := f.person(), f.person()
		g, _, _ := f.allow(p, f.client(library.Write))
		const each = 8
		for _, err := range race(32, func(i int) error {
			for n := range each {
				e := anyEvent(p.ID)
				e.Details.Agent = fmt.Sprintf("%d/%d", i, n)
				var err error
				switch i % 4 {
				case 0:
					err = f.AddFile(ctx, arrival(g, now))
				case 1:
					err = f.AddRead(ctx, nil, g.ID, e)
				case 2:
					err = f.AddLogin(ctx, anyLogin(p.ID), e)
				default:
					err = f.AddEvent(ctx, e)
					if err == nil {
						err = f.AddEvent(ctx, anyEvent(other.ID))
					}
				}
				if err != nil {
					return err
				}
			}
			return nil
		}) {
			must(t, err)
		}
		same(t, "number", len(f.events(p.ID)), 2+32*each)
		same(t, "number of the other library", len(f.events(other.ID)), 1+8*each)
	})
	t.Run("are added by nobody who has gone", func(t *testing.T) {
		f := fresh(t, open)
		p := f.person()
		gone, cancel := context.WithCancel(ctx)
		cancel()
		wantErr(t, "event", f.AddEvent(gone, anyEvent(p.ID)), context.Canceled)
		same(t, "number", len(f.events(p.ID)), 1)
	})
}
