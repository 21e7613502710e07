package library_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// epochOf returns the epoch that a file is sealed in; "" for a file that is sealed by itself.
func epochOf(t *testing.T, w *carreltest.World, f library.File) string {
	t.Helper()
	content := must(w.Store.GetContent(t.Context(), f.Library, f.ID))(t)
	if content.Format != library.FormatInlineEpoch {
		return ""
	}
	return string(content.Key[:16])
}

// TestEpochs: files that are pushed shortly after each other are sealed in one epoch, which ends after a minute. Where
// little is pushed, each file is sealed by itself. All of them are read back.
func TestEpochs(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna := w.Person()
	writer := anna.Allows(app.Contract(library.Write))
	pushed := map[string]string{}
	push := func() string {
		t.Helper()
		name := fmt.Sprintf("file %d", len(pushed))
		pushed[name] = "content of " + name
		return epochOf(t, w, must(writer.Pushes(name, []byte(pushed[name])))(t))
	}
	if push() != "" {
		t.Error("the first file is in an epoch")
	}
	w.Clock.Moves(11 * time.Second)
	if push() != "" {
		t.Error("a file that comes after long is in an epoch")
	}
	w.Clock.Moves(10 * time.Second)
	first := push()
	if first == "" {
		t.Fatal("the second file within ten seconds is in no epoch")
	}
	w.Clock.Moves(59 * time.Second)
	if push() != first {
		t.Error("the epoch has ended before a minute")
	}
	w.Clock.Moves(time.Second)
	second := push()
	if second == "" || second == first {
		t.Error("the epoch goes on after a minute")
	}
	w.Clock.Moves(-time.Hour) // a clock that is set back
	if push() != "" {
		t.Error("an epoch of the future goes on")
	}
	bram := w.Person()
	other := must(bram.Allows(app.Contract(library.Write)).Pushes("other", []byte("other")))(t)
	if epochOf(t, w, other) != "" {
		t.Error("another library has joined the epoch")
	}
	w.Clock.Moves(time.Hour)
	got := must(anna.Allows(app.Contract(library.Read)).Reads())(t)
	if len(got) != len(pushed) {
		t.Errorf("%d files are read, want %d", len(got), len(pushed))
	}
	for name, content := range pushed {
		if got[name] != content {
			t.Errorf("%s: %q", name, got[name])
		}
	}
}

// TestEpochsAtOnce: pushes at the same time share epochs, and all are read back.
func TestEpochsAtOnce(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, app := w.Person(), w.Application()
	writer := anna.Allows(app.Contract(library.Write))
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for n := range 20 {
				name := fmt.Sprintf("%d of %d", n, i)
				if _, err := writer.Pushes(name, []byte(name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	got := must(anna.Allows(app.Contract(library.Read)).Reads())(t)
	if len(got) != 160 {
		t.Errorf("%d files are read", len(got))
	}
	for name, content := range got {
		if name != content {
			t.Errorf("%s: %q", name, content)
		}
	}
}

// TestSealEach: with the setting each file is sealed by itself.
func TestSealEach(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t, func(c *server.Config) { c.SealEach = true })
	writer := w.Person().Allows(w.Application().Contract(library.Write))
	for i := range 5 {
		if epochOf(t, w, must(writer.Pushes(fmt.Sprint(i), []byte("x")))(t)) != "" {
			t.Errorf("file %d is in an epoch", i)
		}
	}
}
