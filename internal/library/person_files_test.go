package library_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// onEachDatabase runs a test in a world with each database.
func onEachDatabase(t *testing.T, test func(t *testing.T, w *carreltest.World)) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, carreltest.New(t))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, carreltest.New(t, carreltest.OnPostgres(t)))
	})
}

// ownList is a person's library, with all its files in the order of the list: the newest first.
type ownList struct {
	*carreltest.Person
	w      *carreltest.World
	in     *library.SignedIn
	grants []*carreltest.Grant // of an application each
	files  []library.File
}

func newOwnList(t testing.TB, w *carreltest.World, applications int) *ownList {
	t.Helper()
	l := &ownList{Person: w.Person(), w: w}
	for range applications {
		l.grants = append(l.grants, l.Allows(w.Application().Contract(library.Write)))
	}
	l.in = l.SignedIn()
	return l
}

func (l *ownList) application(i int) wire.ApplicationID { return l.grants[i].Contract.Application.ID }

// adds adds a file of an application.
func (l *ownList) adds(t testing.TB, application int, at time.Time, m wire.RawMetadata) {
	t.Helper()
	g := l.grants[application]
	m.Accounts = []wire.DescriptorAccount{{AccountID: "1"}}
	file := library.File{
		ID: wire.FileName(library.NewOrderedID(at)), Library: l.Library, Application: g.Contract.Application.ID,
		Contract: g.Contract.Contract.ID, Metadata: m, MetadataJSON: must(library.EncodeMetadata(m))(t), CreatedAt: at,
	}
	err := l.w.Store.AddFile(t.Context(), library.NewFile{
		File: file, Content: library.Content{Format: library.FormatInline, Key: []byte("key")}, Grant: g.ID(),
		Event: library.Event{Library: l.Library, At: at, Kind: library.EventFileAdded},
	})
	if err != nil {
		t.Fatal(err)
	}
	file.CreatedAt = time.UnixMilli(at.UnixMilli()).UTC()
	i, _ := slices.BinarySearchFunc(l.files, file, newestFirst)
	l.files = slices.Insert(l.files, i, file)
}

func newestFirst(a, b library.File) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
}

// fitting are the files that fit a filter, in order.
func (l *ownList) fitting(q library.FileFilter) (list []library.File) {
	text := strings.ToLower(strings.TrimSpace(q.Text))
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	for _, f := range l.files {
		m := f.Metadata
		if (q.Application == "" || q.Application == f.Application) &&
			(has(m.MIMEType) || slices.ContainsFunc(m.Reference, has) || slices.ContainsFunc(m.Tags, has)) {
			list = append(list, f)
		}
	}
	return list
}

func (l *ownList) page(t testing.TB, q library.FileFilter) library.FilePage {
	t.Helper()
	return must(l.w.Files.ListForPerson(t.Context(), l.in, q))(t)
}

// walks goes through the pages from one end to the other, towards the older or the newer files, and returns the
// ids of the files in the order in which they were seen. It calls visit after each page.
func (l *ownList) walks(
	t testing.TB, q library.FileFilter, older bool, visit func(library.FilePage),
) (seen []wire.FileName) {
	t.Helper()
	if !older {
		q.From = library.FilePosition{CreatedAt: time.UnixMilli(0), ID: "0", Newer: true}
	}
	for range 1000 {
		page := l.page(t, q)
		ids := idsOf(page.Files)
		next := page.Older
		if !older {
			slices.Reverse(ids)
			next = page.Newer
		}
		if !slices.IsSortedFunc(page.Files, newestFirst) || len(ids) > library.PageSize {
			t.Fatalf("the page has the files %v", idsOf(page.Files))
		}
		visit(page)
		if !older && next == nil { // the beginning of the list, of which the page before may have a part
			seen = slices.DeleteFunc(seen, func(id wire.FileName) bool { return slices.Contains(ids, id) })
		}
		if seen = append(seen, ids...); next == nil {
			return seen
		}
		q.From = *next
	}
	t.Fatal("the pages have no end")
	return nil
}

func idsOf(files []library.File) (ids []wire.FileName) {
	for _, f := range files {
		ids = append(ids, f.ID)
	}
	return ids
}

// TestOwnListPages: the pages joined are the whole list, in order and in both directions, also while files arrive.
// What arrives during that is on a page at most once. The positions of an unfiltered page are right.
func TestOwnListPages(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, w *carreltest.World) {
		const seed = 20261124
		r := rand.New(rand.NewPCG(seed, seed))
		for _, size := range []int{0, 1, 20, 21, 43} {
			for _, bound := range []int{7, 1000} { // the search has several parts, or one
				w.Files.SetSearchBounds(bound, 5)
				l := newOwnList(t, w, 2)
				for range size {
					l.addsAny(t, r, w.Clock.Now())
				}
				for _, q := range []library.FileFilter{
					{}, {Application: l.application(0)}, {Text: "X-ray"}, {Text: "é", Application: l.application(1)},
				} {
					l.testWalks(t, fmt.Sprintf("%d files, bound %d, %+v", size, bound, q), q, r)
				}
			}
		}
	})
}

// addsAny adds a file of any application, some of them at the same time, with and without what is searched for.
func (l *ownList) addsAny(t testing.TB, r *rand.Rand, at time.Time) {
	t.Helper()
	m := wire.RawMetadata{MIMEType: "image/png"}
	switch r.IntN(4) {
	case 0:
		m.Reference = []string{"of my hand", "x-RAY"}
	case 1:
		m.Tags = []string{"café"}
	case 2:
		m.Reference, m.Tags = []string{`"CAFÉ"`}, []string{"an X-ray"}
	}
	l.adds(t, r.IntN(len(l.grants)), at, m)
	l.w.Clock.Moves(time.Duration(r.IntN(3)) * time.Second)
}

func (l *ownList) testWalks(t *testing.T, what string, q library.FileFilter, r *rand.Rand) {
	t.Helper()
	for _, arrivals := range []string{"none", "new", "late"} {
		arrive := func(page library.FilePage) {
			if q.Text == "" && arrivals != "late" { // a file in the middle moves the positions
				l.testPositions(t, what+", arrivals: "+arrivals, q, page)
			}
			switch now := l.w.Clock.Now(); {
			case arrivals == "new" && r.IntN(2) == 0:
				l.addsAny(t, r, now)
			case arrivals == "late" && r.IntN(2) == 0 && len(l.files) > 0:
				l.adds(t, 0, l.files[r.IntN(len(l.files))].CreatedAt, wire.RawMetadata{Tags: []string{"X-ray"}})
			}
		}
		for _, older := range []bool{true, false} {
			before := idsOf(l.fitting(q))
			seen := l.walks(t, q, older, arrive)
			after := idsOf(l.fitting(q))
			if !older {
				slices.Reverse(before)
				slices.Reverse(after)
			}
			if !isSubsequence(seen, after) || !isSubsequence(before, seen) {
				t.Errorf("%s, arrivals: %s, older: %t:\nsaw %v\nbefore %v\nafter %v",
					what, arrivals, older, seen, before, after)
			}
		}
	}
}

// testPositions compares the positions that a page tells of itself with the list.
func (l *ownList) testPositions(t *testing.T, what string, q library.FileFilter, page library.FilePage) {
	t.Helper()
	all := idsOf(l.fitting(q))
	if len(all) == 0 && len(page.Files) == 0 {
		return
	}
	if page.Total != len(all) || page.From < 1 || page.To > len(all) ||
		!slices.Equal(all[page.From-1:page.To], idsOf(page.Files)) {
		t.Errorf("%s: %d to %d of %d, of a list of %d", what, page.From, page.To, page.Total, len(all))
	}
}

// isSubsequence reports whether all of a is in b, in the same order.
func isSubsequence(a, b []wire.FileName) bool {
	for _, id := range b {
		if len(a) > 0 && a[0] == id {
			a = a[1:]
		}
	}
	return len(a) == 0
}

// TestOwnListApplications: the choice of applications has those that have pushed, and no other.
func TestOwnListApplications(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, w *carreltest.World) {
		l := newOwnList(t, w, 3)
		other := newOwnList(t, w, 1)
		other.adds(t, 0, w.Clock.Now(), wire.RawMetadata{})
		l.adds(t, 0, w.Clock.Now(), wire.RawMetadata{})
		l.adds(t, 2, w.Clock.Now(), wire.RawMetadata{})
		l.adds(t, 2, w.Clock.Now(), wire.RawMetadata{})
		var got []wire.ApplicationID
		for _, a := range l.page(t, library.FileFilter{Text: "nothing"}).Applications {
			if got = append(got, a.ID); a.Name != "An application" {
				t.Errorf("application %+v", a)
			}
		}
		want := []wire.ApplicationID{l.application(0), l.application(2)}
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("applications %v, want %v", got, want)
		}
		if n := must(w.Files.Count(t.Context(), l.in))(t); n != 3 {
			t.Errorf("%d files", n)
		}
		file, application, err := w.Files.GetForPerson(t.Context(), l.in, l.files[0].ID)
		if err != nil || file.ID != l.files[0].ID || application.ID != file.Application {
			t.Errorf("file %+v of %+v, %v", file, application, err)
		}
	})
}

// TestOwnListSearch: what the text is searched in, and that no encoding of it hides it.
func TestOwnListSearch(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, w *carreltest.World) {
		l := newOwnList(t, w, 1)
		l.adds(t, 0, w.Clock.Now(), wire.RawMetadata{
			MIMEType: "application/PDF", Reference: []string{"hidden", `100% "Uitslag" \ bloed_`, "a\u2028b\nc"},
			Tags: []string{"ÉÉN", "İstanbul", "Straße", "\u212Aelvin", "日本"}, ProviderName: "provider",
			Extra: map[string]json.RawMessage{"note": json.RawMessage(`"extra"`)},
		})
		l.adds(t, 0, w.Clock.Now(), wire.RawMetadata{MIMEType: "text/plain", Reference: []string{"percent 100"}})
		for text, want := range map[string]int{
			"pdf": 1, "hidden": 1, "100%": 1, `"uitslag"`: 1, `\ BLOED_`: 1, "bloed_": 1, "_": 1, "%": 1, "100": 2,
			"één": 1, "ÉÉN": 1, "STRASSE": 0, "straße": 1, "kelvin": 1, "日": 1, "a\u2028b": 1, "b\nc": 1,
			"provider": 0, "extra": 0, "mimetype": 0, "accounts": 0, `","`: 0, "appid": 0, "  pdf ": 1, "\x00": 0,
			"\xff": 0, strings.Repeat("%", 200): 0,
		} {
			page := l.page(t, library.FileFilter{Text: text})
			if len(page.Files) != want || page.Searched != nil || page.Total != 0 {
				t.Errorf("%q: %d files, want %d; %+v", text, len(page.Files), want, page)
			}
		}
	})
}

// TestAttackCostlySearch: an application that has filled a library with files whose metadata is large and costly to
// decode does not make a search for a page look at more than the bounds allow. The search goes on from there.
func TestAttackCostlySearch(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, w *carreltest.World) {
		l := newOwnList(t, w, 1)
		costly := wire.RawMetadata{Tags: []string{strings.Repeat(`"`, 3900)}}
		size := len(must(library.EncodeMetadata(costly))(t))
		const files = 300
		if files*size*library.DecodeCost < 2*library.MaxSearchBytes() {
			t.Fatalf("%d files of %d bytes are not enough", files, size)
		}
		l.adds(t, 0, w.Clock.Now(), wire.RawMetadata{Tags: []string{"needle"}})
		for range files {
			w.Clock.Moves(time.Second)
			l.adds(t, 0, w.Clock.Now(), costly)
		}
		q, parts := library.FileFilter{Text: "needle"}, 1
		page := l.page(t, q)
		for ; page.Searched != nil && parts < files; parts++ {
			if len(page.Files) != 0 || page.Older == nil || page.Searched.Newer ||
				page.Searched.Since.After(page.Searched.Until) {
				t.Fatalf("part %d: %+v", parts, page)
			}
			q.From = *page.Older
			page = l.page(t, q)
		}
		if parts < 2 || len(page.Files) != 1 || page.Older != nil || page.Newer == nil {
			t.Errorf("after %d parts: %+v", parts, page)
		}
		if first := l.page(t, library.FileFilter{}); len(first.Files) != library.PageSize || first.Total != files+1 {
			t.Errorf("first page: %d files of %d", len(first.Files), first.Total)
		}
	})
}

// countingStore counts the files that lists return.
type countingStore struct {
	library.FileStore
	listed int
}

func (c *countingStore) ListFiles(
	ctx context.Context, id library.ID, after library.FileCursor, limit int,
) ([]library.File, error) {
	files, err := c.FileStore.ListFiles(ctx, id, after, limit)
	c.listed += len(files)
	return files, err
}

// TestOwnListReadsFewFiles: a page reads its own files and few others, wherever it is in the list and however long that
// is, and a search as many as its bounds allow.
func TestOwnListReadsFewFiles(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, w *carreltest.World) {
		l := newOwnList(t, w, 2)
		l.grants[0].AddsFiles(25, time.Second, wire.RawMetadata{Tags: []string{"needle"}})
		l.grants[1].AddsFiles(300, time.Second, wire.RawMetadata{Tags: []string{"hay"}})
		store := &countingStore{FileStore: w.Store}
		w.Files = library.NewFiles(store, w.Blobs, w.Clients, w.Store, w.Store, w.Clock.Now, library.FileConfig{})
		const bound, batch = 100, 25
		w.Files.SetSearchBounds(bound, batch)
		for _, test := range []struct {
			q    library.FileFilter
			most int
		}{
			{library.FileFilter{}, library.PageSize + 2},
			{library.FileFilter{Application: l.application(0)}, library.PageSize + 2},
			{library.FileFilter{Text: "needle", Application: l.application(0)}, batch + 1},
			{library.FileFilter{Text: "needle"}, bound + batch + 1},
			{library.FileFilter{Text: "none"}, bound + batch + 1},
		} {
			for _, older := range []bool{true, false} {
				before := 0
				l.walks(t, test.q, older, func(page library.FilePage) {
					most := test.most
					if !older && page.Newer == nil {
						most *= 2 // there was no full page of newer files
					}
					if n := store.listed - before; n > most || n < len(page.Files) {
						t.Errorf("%+v, older: %t: read %d files, want at most %d", test.q, older, n, most)
					}
					before = store.listed
				})
				store.listed = 0
			}
		}
		store.listed = 0
		name := l.page(t, library.FileFilter{}).Files[0].ID
		if _, _, err := w.Files.GetForPerson(t.Context(), l.in, name); err != nil {
			t.Error(err)
		}
		if store.listed > library.PageSize+1 {
			t.Errorf("the page of one file lists %d", store.listed)
		}
	})
}

// TestAttackPositions: a position that somebody else has made up shows a part of the person's own list, and no numbers
// that contradict the page.
func TestAttackPositions(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, w *carreltest.World) {
		l, other := newOwnList(t, w, 2), newOwnList(t, w, 1)
		r := rand.New(rand.NewPCG(1, 2))
		for range 50 {
			l.addsAny(t, r, w.Clock.Now())
			other.adds(t, 0, w.Clock.Now(), wire.RawMetadata{})
		}
		for _, at := range []time.Time{
			{}, other.files[25].CreatedAt, l.files[0].CreatedAt, l.files[49].CreatedAt,
			time.UnixMilli(253402300799999),
		} {
			for _, id := range []wire.FileName{"0", "zzz", other.files[25].ID, l.files[49].ID} {
				for _, newer := range []bool{false, true} {
					from := library.FilePosition{CreatedAt: at, ID: id, Newer: newer}
					l.testPage(t, library.FileFilter{Text: "png", From: from})
					for _, number := range []int{0, -1, 1, 25, 50, math.MaxInt32} {
						from.Number = number
						l.testPage(t, library.FileFilter{From: from})
					}
				}
			}
		}
	})
}

func (l *ownList) testPage(t *testing.T, q library.FileFilter) {
	t.Helper()
	page := l.page(t, q)
	for _, f := range page.Files {
		if f.Library != l.Library {
			t.Errorf("%+v shows a file of another library", q)
		}
	}
	if len(page.Files) == 0 {
		t.Errorf("%+v shows nothing", q)
	}
	if page.From == 0 && page.To == 0 && page.Total == 0 {
		return
	}
	if page.From < 1 || page.To-page.From+1 != len(page.Files) || page.To > page.Total || page.Total != len(l.files) ||
		(page.From == 1) != (page.Newer == nil) || (page.To == page.Total) != (page.Older == nil) {
		t.Errorf("%+v: %d to %d of %d", q, page.From, page.To, page.Total)
	}
}
