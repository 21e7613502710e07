package library_test

import (
	"sync"
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// BenchmarkListActivity lists pages of an activity of 100,000 events: by the store alone, and as they are shown, which
// verifies them from the checkpoints on.
func BenchmarkListActivity(b *testing.B) {
	w := carreltest.New(b)
	anna := w.Person()
	var writers sync.WaitGroup
	for range 100 {
		writers.Go(func() {
			for range 1000 {
				event := library.Event{Library: anna.Library, At: w.Clock.Now(), Kind: library.EventFileRead,
					Details: library.EventDetails{Application: "app", ApplicationName: "An application", File: "file"}}
				if err := w.Store.AddEvent(b.Context(), event); err != nil {
					b.Error(err)
				}
			}
		})
	}
	writers.Wait()
	in := anna.SignedIn()
	list := func(b *testing.B, before int64) {
		page, err := w.Activity.List(b.Context(), in, before)
		if err != nil || page.Fault != nil || len(page.Events) != 50 {
			b.Fatal(len(page.Events), page.Fault, err)
		}
	}
	b.Run("first time", func(b *testing.B) {
		for b.Loop() {
			execute(b, w, `DELETE FROM event_checkpoints`)
			list(b, 0)
		}
	})
	for name, before := range map[string]int64{"newest": 0, "middle": 50_000} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				list(b, before)
			}
		})
		b.Run(name+", store alone", func(b *testing.B) {
			for b.Loop() {
				events, err := w.Store.ListEvents(b.Context(), anna.Library, before, 51)
				if err != nil || len(events) != 51 {
					b.Fatal(len(events), err)
				}
			}
		})
	}
}
