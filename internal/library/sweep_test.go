package library_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// sweepsAfter sweeps contents as if time had passed: blobs keep real time.
func sweepsAfter(t *testing.T, w *carreltest.World, later time.Duration) error {
	t.Helper()
	s := w.Sweeping
	s.Now = func() time.Time { return time.Now().Add(later) }
	return s.SweepBlobs(t.Context())
}

func setAside(t *testing.T, w *carreltest.World) (keys []string) {
	t.Helper()
	err := w.Blobs.ListSetAside(t.Context(), "", func(key string, _ time.Time) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// wantBlobs checks how many blobs are listed, and how many were set aside.
func wantBlobs(t *testing.T, when string, w *carreltest.World, listed, aside int) {
	t.Helper()
	if l, a := len(w.BlobKeys()), len(setAside(t, w)); l != listed || a != aside {
		t.Errorf("%s: %d blobs are listed and %d set aside, want %d and %d", when, l, a, listed, aside)
	}
}

// TestSweepBlobs: what a crash left between blob and row is set aside after a day, and goes a week after that; what a
// file names, and what may yet get its row, stays.
func TestSweepBlobs(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, 0)
	w, id := h.w, h.anna.SignedIn().Library.ID
	for _, key := range []string{string(id) + "/01k2v9m3qdh7w8r2ncy6ft4gxe", "nobody/01k2v9m3qdh7w8r2ncy6ft4gxe"} {
		must(w.Blobs.Put(t.Context(), key, strings.NewReader("left over")))(t)
	}
	before := len(w.BlobKeys())
	const day = 24 * time.Hour
	for _, step := range []struct {
		when          string
		after         time.Duration
		listed, aside int
	}{
		{"within a day", day - time.Hour, before, 0},
		{"after a day", day + time.Hour, before - 2, 2},
		{"again", day + 2*time.Hour, before - 2, 2},
		{"within a week of that", 8 * day, before - 2, 2},
		{"after a week of that", 8*day + 2*time.Hour, before - 2, 0},
	} {
		if err := sweepsAfter(t, w, step.after); err != nil {
			t.Errorf("%s: %v", step.when, err)
		}
		wantBlobs(t, step.when, w, step.listed, step.aside)
	}
	if got := must(h.reader.Reads())(t); got["large"] != string(carreltest.Large("x")) {
		t.Error("a file's blob was swept")
	}
}

// TestAttackSweepOfLostRows: rows that are gone for a while, because a database was restored from an old backup, cost
// no content: the sweep and the reader put back what was set aside.
func TestAttackSweepOfLostRows(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"the sweep", "the reader"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			h := newHousehold(t, 0)
			rename := func(statement string) {
				name := "file:" + filepath.Join(h.w.Folder, "carrel.db") + "?_pragma=busy_timeout(5000)"
				db := must(sql.Open("sqlite", name))(t)
				defer db.Close()
				must(db.ExecContext(t.Context(), statement))(t)
			}
			wantBlobs(t, "before", h.w, 2, 0)
			rename("UPDATE files SET id = 'lost' || id")
			if err := sweepsAfter(t, h.w, 48*time.Hour); err != nil {
				t.Error(err)
			}
			wantBlobs(t, "without the rows", h.w, 0, 2)
			rename("UPDATE files SET id = substr(id, 5)")
			aside := 1 // the other person's, whom nobody reads
			if who == "the sweep" {
				aside = 0
				if err := sweepsAfter(t, h.w, 72*time.Hour); err != nil {
					t.Error(err)
				}
			}
			if got := must(h.reader.Reads())(t); got["large"] != string(carreltest.Large("x")) {
				t.Error("the content was lost")
			}
			wantBlobs(t, "after", h.w, 2-aside, aside)
		})
	}
}

// TestAttackSweepOfManyOrphans: a crash leaves few contents without a row. More of them are a mistake, and the sweep
// leaves them all where they are, what was set aside before too.
func TestAttackSweepOfManyOrphans(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	put := func(from, to int) {
		for i := from; i < to; i++ {
			must(w.Blobs.Put(t.Context(), "nobody/"+strconv.Itoa(i), strings.NewReader("x")))(t)
		}
	}
	put(0, 100)
	if err := sweepsAfter(t, w, 25*time.Hour); err != nil {
		t.Error(err)
	}
	wantBlobs(t, "a hundred", w, 0, 100)
	put(100, 101)
	for _, later := range []time.Duration{25 * time.Hour, 30 * 24 * time.Hour} {
		if err := sweepsAfter(t, w, later); !errors.Is(err, library.ErrManyOrphans) {
			t.Errorf("one more: %v, want ErrManyOrphans", err)
		}
		wantBlobs(t, "one more", w, 1, 100)
	}
	if !strings.Contains(w.Log.String(), "check that the database is the one that belongs") {
		t.Error("the log does not say what to check")
	}
}

// TestDeletionRemovesWhatWasSetAside: what a deletion removes is removed at once.
func TestDeletionRemovesWhatWasSetAside(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, 0)
	for _, key := range h.w.BlobKeys() {
		if err := h.w.Blobs.SetAside(t.Context(), key, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	must(h.w.People.Shut(t.Context(), h.anna.SignedIn(), carreltest.Password))(t)
	for _, kept := range append(setAside(t, h.w), h.w.BlobKeys()...) {
		if strings.HasPrefix(kept, string(h.anna.Library)+"/") {
			t.Errorf("the content %s is left", kept)
		}
	}
}
