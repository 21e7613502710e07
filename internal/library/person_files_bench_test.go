package library_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// BenchmarkFilesPage shows pages of a person's own files, which have labels, in a small and a large library. The cost
// of a page should not depend on that. One application has pushed all but the two oldest files.
func BenchmarkFilesPage(b *testing.B) {
	for _, files := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			w := carreltest.New(b)
			l := newOwnList(b, w, 2)
			m := wire.RawMetadata{MIMEType: "application/pdf", Reference: []string{"Letter from the cardiologist.pdf"},
				Tags: []string{"lab", "2026", "cardiology"}, ProviderName: "Demo Clinic"}
			l.grants[1].AddsFiles(2, time.Second, wire.RawMetadata{MIMEType: "image/png", Tags: []string{"x-ray"}})
			l.grants[0].AddsFiles(files-2, time.Second, m)
			page := func(name string, q library.FileFilter, want int) {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if got := l.page(b, q); len(got.Files) != want {
							b.Fatalf("%d files, want %d", len(got.Files), want)
						}
					}
				})
			}
			middle := w.Clock.Now().Add(-time.Duration(files/2) * time.Second)
			page("newest", library.FileFilter{}, library.PageSize)
			page("older", library.FileFilter{From: library.FilePosition{CreatedAt: middle, ID: "0"}}, library.PageSize)
			page("newer", library.FileFilter{From: library.FilePosition{CreatedAt: middle, ID: "0", Newer: true}},
				library.PageSize)
			page("oldest", library.FileFilter{From: library.FilePosition{CreatedAt: time.UnixMilli(0), ID: "0",
				Newer: true}}, library.PageSize)
			page("of an application with two", library.FileFilter{Application: l.application(1)}, 2)
			page("search for what all have", library.FileFilter{Text: "cardio"}, library.PageSize)
			none := 0
			if files < library.MaxSearchRows() {
				none = 2
			}
			page("search for what the oldest have", library.FileFilter{Text: "x-ray"}, none)
			page("search for what none has, and all seem to", library.FileFilter{Text: "mimetype"}, 0)
			b.Run("a file", func(b *testing.B) {
				name := l.page(b, library.FileFilter{}).Files[0].ID
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := w.Files.GetForPerson(b.Context(), l.in, name); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("count", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if n, err := w.Files.Count(b.Context(), l.in); err != nil || n != files {
						b.Fatal(n, err)
					}
				}
			})
		})
	}
}
