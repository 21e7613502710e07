package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/delivery/deliverytest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/testenv"
)

// BenchmarkAddFile adds files of 4 KiB to 1,000 libraries at random. syncs/s is how
// often the disk synced by itself just before: compare figures taken side by side
// only, as both the disk and the processors may be shared.
func BenchmarkAddFile(b *testing.B) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"SQLite", newSQLite},
		{"PostgreSQL", testenv.DurablePostgres},
	} {
		for _, callers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/callers=%d", kind.name, callers), func(b *testing.B) {
				db := open(b, kind.url(b))
				grants := make([]library.Grant, 1000)
				fillConcurrently(b, grants, func() library.Grant { return librarytest.AddGrant(b, db) })
				syncs := probeDisk(b)
				b.ResetTimer()
				atOnce(b, callers, b.N, func(i int) error {
					return db.AddFile(b.Context(), timeOrdered(grants[rand.N(len(grants))], i))
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pushes/s")
				b.ReportMetric(syncs, "syncs/s")
			})
		}
	}
}

// BenchmarkListFiles lists pages of 1,000 files, wherever in a library of 100,000.
func BenchmarkListFiles(b *testing.B) {
	const files, page = 100_000, 1000
	db := open(b, newSQLite(b))
	g := librarytest.AddGrant(b, db)
	atOnce(b, 64, files, func(i int) error { return db.AddFile(b.Context(), timeOrdered(g, i)) })
	for b.Loop() {
		at := time.UnixMilli(int64(rand.N(files - page)))
		list, err := db.ListFiles(b.Context(), g.Library, library.FileCursor{CreatedAt: at}, page)
		if err != nil {
			b.Fatal(err)
		}
		if len(list) != page {
			b.Fatalf("%d files in a page", len(list))
		}
	}
}

// BenchmarkDeleteLibrary deletes libraries of 1,000 files.
func BenchmarkDeleteLibrary(b *testing.B) {
	db := open(b, newSQLite(b))
	for b.Loop() {
		b.StopTimer()
		g := librarytest.AddGrant(b, db)
		atOnce(b, 64, 1000, func(i int) error { return db.AddFile(b.Context(), timeOrdered(g, i)) })
		b.StartTimer()
		if err := db.DeleteLibrary(b.Context(), g.Library, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDelivery keeps deliveries of 4 KiB, claims them, posts them and ends them, with
// 100,000 that have ended before, in 1,000 libraries.
func BenchmarkDelivery(b *testing.B) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"SQLite", newSQLite},
		{"PostgreSQL", testenv.DurablePostgres},
	} {
		b.Run(kind.name, func(b *testing.B) {
			const callers, claim = 64, 16
			url := kind.url(b)
			db := open(b, url)
			senders := make([]sender, 1000)
			fillConcurrently(b, senders, func() (s sender) {
				s.grant, s.account = deliverytest.AddSender(b, db)
				return s
			})
			start := time.Now()
			atOnce(b, callers, len(senders), func(i int) error {
				return db.AddDelivery(b.Context(), senders[i].delivery(i, delivery.Delivered), deliverytest.NoLimit)
			})
			if _, err := openRaw(b, url).Exec(repeatDeliveries); err != nil {
				b.Fatal(err)
			}
			syncs := probeDisk(b)
			end := func(d delivery.Delivery) error {
				if err := db.BeginPosting(b.Context(), d.ID, d.Lease, start, start.Add(time.Minute)); err != nil {
					return err
				}
				d.State, d.UpdatedAt = delivery.Delivered, start
				return db.EndDelivery(b.Context(), d, library.Event{Library: d.Library, At: start,
					Kind: library.EventSentAccepted})
			}
			var adding, claiming, ending, listing time.Duration
			var claims int
			clock := func(into *time.Duration, f func()) {
				began := time.Now()
				f()
				*into += time.Since(began)
			}
			b.ResetTimer()
			clock(&adding, func() {
				atOnce(b, callers, b.N, func(i int) error {
					return db.AddDelivery(b.Context(), senders[i%len(senders)].delivery(len(senders)+i,
						delivery.Waiting), deliverytest.NoLimit)
				})
			})
			for left := b.N; left > 0; {
				var list []delivery.Delivery
				clock(&claiming, func() {
					var err error
					if list, err = db.ClaimDeliveries(b.Context(), "lease", start, start.Add(time.Minute),
						claim); err != nil {
						b.Fatal(err)
					}
				})
				if len(list) == 0 {
					b.Fatalf("%d deliveries are not claimed", left)
				}
				clock(&ending, func() { atOnce(b, claim, len(list), func(i int) error { return end(list[i]) }) })
				clock(&listing, func() {
					if _, err := db.NextDue(b.Context()); err != nil {
						b.Fatal(err)
					}
				})
				claims++
				left -= len(list)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/adding.Seconds(), "added/s")
			b.ReportMetric(float64(b.N)/ending.Seconds(), "ended/s")
			b.ReportMetric(float64(claiming.Microseconds())/float64(claims), "µs/claim")
			b.ReportMetric(float64(listing.Microseconds())/float64(claims), "µs/due")
			b.ReportMetric(syncs, "syncs/s")
		})
	}
}

// repeatDeliveries makes a hundred of each delivery.
const repeatDeliveries = `
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
INSERT INTO deliveries SELECT id || '-' || n.i, library_id, application_id, contract_id, grant_id, account_id,
	provider_name, types, state, status, reason, attempts, lease, lease_until, next_at, expires_at, created_at,
	updated_at, size
FROM deliveries, n`

type sender struct {
	grant   library.Grant
	account delivery.Connection
}

// delivery is the i-th, with an id that is like those of its time.
func (s sender) delivery(i int, state delivery.State) delivery.Delivery {
	d := deliverytest.NewDelivery(s.grant, s.account, time.UnixMilli(int64(i)+1))
	d.ID = library.DeliveryID(fmt.Sprintf("%012x%s", i, wire.RandomAlphanumeric(16)))
	if d.State = state; state.Final() {
		d.Payload = nil
	}
	return d
}

// timeOrdered is the i-th arrival, with an id that is like those of its time.
func timeOrdered(g library.Grant, i int) library.NewFile {
	a := librarytest.NewFile(g, time.UnixMilli(int64(i)+1))
	a.File.ID = wire.FileName(fmt.Sprintf("%012x%s", i, wire.RandomAlphanumeric(16)))
	return a
}

// atOnce calls f with 0 to n-1 from so many callers.
func atOnce(b *testing.B, callers, n int, f func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	done.Wait()
}

func fillConcurrently[T any](b *testing.B, into []T, make func() T) {
	b.Helper()
	atOnce(b, 16, len(into), func(i int) error {
		into[i] = make()
		return nil
	})
}

// probeDisk is how many appends of 12 KiB the disk syncs in a second.
func probeDisk(b *testing.B) float64 {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "probe"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := []byte(strings.Repeat("x", 12<<10))
	start, n := time.Now(), 0
	for ; time.Since(start) < 300*time.Millisecond; n++ {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}

// BenchmarkOpen opens and closes a database with all tables.
func BenchmarkOpen(b *testing.B) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"SQLite", newSQLite},
		{"PostgreSQL", testenv.Postgres},
	} {
		b.Run(kind.name, func(b *testing.B) {
			url := kind.url(b)
			for open := range b.N + 1 {
				db, err := store.Open(b.Context(), url)
				if err != nil {
					b.Fatal(err)
				}
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
				if open == 0 {
					b.ResetTimer() // the first one may have made the tables
				}
			}
		})
	}
}
