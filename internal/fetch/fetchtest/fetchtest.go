// Package fetchtest tests whether a store keeps what the interface of package fetch says.
package fetchtest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/delivery/deliverytest"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
)

// Store is a store of fetches, with the stores that it is part of.
type Store interface {
	deliverytest.Store
	fetch.Store
}

var (
	ctx     = librarytest.Ctx
	now     = librarytest.Now
	later   = librarytest.Later
	must    = librarytest.Must
	wantErr = librarytest.WantErr
)

func value[T any](v T, err error) func(t testing.TB) T { return librarytest.Value(v, err) }

// TestStore runs the tests. open returns an empty store; it is called for each test, and closes the store when that
// ends.
func TestStore(t *testing.T, open func(t *testing.T) Store) {
	for _, test := range []struct {
		name string
		test func(t *testing.T, f *fixture)
	}{
		{"RequestFetch makes a fetch pending, and lets one go on that is under way", testRequest},
		{"ClaimFetches gives a fetch to one lease, and an application its places", testClaim},
		{"ClaimFetches finds what is behind many fetches of another application", testClaimBehind},
		{"StoreItem stores a file once, and its newer version in its place", testStoreItem},
		{"StoreItem and ExtendFetch refuse another lease, and an account that is gone", testLease},
		{"PostponeFetch and EndFetch end the lease", testEnd},
		{"FindCollectedBefore finds a file of an account that has ended", testFindBefore},
		{"ListCollected finds files by type and time, a page at a time", testList},
		{"ListUnbound and ListOfOlderKey list files without what their bindings cover", testBindings},
		{"ListCollections has what each fetch has stored, also if it was fetched again", testCollections},
		{"ListCollections lists a period, a page at a time, and nobody else's", testListCollections},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			test.test(t, &fixture{Store: s, t: t})
		})
	}
}

type fixture struct {
	Store
	t testing.TB
}

// pending is a fetch from an account that is to be requested.
func pending(g library.Grant, a delivery.Connection, at time.Time) fetch.Fetch {
	return fetch.Fetch{Account: a.ID, Library: g.Library, Application: g.Application, Contract: g.Contract,
		Grant: g.ID, State: fetch.Pending, NextAt: at, CreatedAt: at, UpdatedAt: at}
}

// requested returns an account with a fetch that is pending.
func (f *fixture) requested() (library.Grant, delivery.Connection, fetch.Fetch) {
	f.t.Helper()
	g, account := deliverytest.AddSender(f.t, f)
	one := pending(g, account, now)
	must(f.t, f.RequestFetch(ctx, one))
	return g, account, one
}

func (f *fixture) claim(lease string) []fetch.Fetch {
	f.t.Helper()
	return value(f.ClaimFetches(ctx, lease, now, later(time.Minute), 4, 8))(f.t)
}

func (f *fixture) stored(one fetch.Fetch) fetch.Fetch {
	f.t.Helper()
	return value(f.GetFetch(ctx, one.Library, one.Account))(f.t)
}

// newFile returns a file of a source, of a type and with an object of a time.
func newFile(g library.Grant, a delivery.Connection, key string, kind int, at time.Time) *library.CollectedFile {
	n := librarytest.NewFile(g, now)
	n.File.Collected = &library.Collected{Account: a.ID, Key: key, Group: 1, Service: 2, ObjectType: kind}
	if !at.IsZero() {
		n.File.Collected.From, n.File.Collected.To = wire.MillisOf(at), wire.MillisOf(at)
	}
	return &library.CollectedFile{File: n.File, Content: n.Content, Grant: g.ID, Fingerprint: []byte("f"),
		Binding: []byte("b"), IsNew: true}
}

func testRequest(t *testing.T, f *fixture) {
	g, account, one := f.requested()
	if got := f.stored(one); got != one {
		t.Errorf("stored %+v, want %+v", got, one)
	}
	f.claim("a")
	step := fetch.Step{Account: account.ID, Lease: "a", Now: now, Position: "5"}
	must(t, f.StoreItem(ctx, step, nil))
	must(t, f.RequestFetch(ctx, one))
	if got := f.stored(one); got.State != fetch.Running || got.Position != "5" || got.Lease != "a" {
		t.Errorf("requested again while it runs: %+v", got)
	}
	one.Lease, one.State = "a", fetch.Completed
	must(t, f.EndFetch(ctx, one, library.Event{}))
	again := one
	again.Lease, again.State, again.Deadline = "", fetch.Pending, later(time.Hour)
	must(t, f.RequestFetch(ctx, again))
	if got := f.stored(one); got != again {
		t.Errorf("requested again after its end: %+v, want %+v", got, again)
	}
	if list := value(f.ListFetches(ctx, g.Library))(t); len(list) != 1 || list[0] != again {
		t.Errorf("list %+v", list)
	}
	_, err := f.GetFetch(ctx, "another", account.ID)
	wantErr(t, "another library's", err, library.ErrNotFound)
	other := one
	other.Grant = "another"
	wantErr(t, "another grant's", f.RequestFetch(ctx, other), library.ErrNotFound)
}

func testClaim(t *testing.T, f *fixture) {
	_, _, one := f.requested()
	_, _, two := f.requested()
	if due := value(f.NextFetch(ctx))(t); !due.Equal(now) {
		t.Errorf("next %v", due)
	}
	if none := value(f.ClaimFetches(ctx, "a", now, later(time.Minute), 0, 8))(t); len(none) > 0 {
		t.Errorf("claimed without a place: %+v", none)
	}
	if held := value(f.ClaimFetches(ctx, "a", now, later(time.Minute), 1, 8))(t); len(held) != 2 {
		t.Errorf("claimed of two applications: %+v", held)
	}
	if held := f.claim("b"); len(held) > 0 {
		t.Errorf("claimed twice: %+v", held)
	}
	taken := value(f.ClaimFetches(ctx, "b", later(time.Hour), later(2*time.Hour), 4, 1))(t)
	if len(taken) != 1 || taken[0].Lease != "b" || taken[0].State != fetch.Running ||
		taken[0].Account != one.Account && taken[0].Account != two.Account {
		t.Errorf("taken over: %+v", taken)
	}
}

// testClaimBehind: an application that has hundreds of fetches due takes its places, and nobody else's.
func testClaimBehind(t *testing.T, f *fixture) {
	request := func(c library.Client, at time.Time) wire.AccountID {
		g, account := deliverytest.AddSenderOf(t, f, c)
		must(t, f.RequestFetch(ctx, pending(g, account, at)))
		return account.ID
	}
	clients := librarytest.FixtureOf(t, f)
	crowd := clients.AnyClient(library.Write)
	for range 250 {
		request(crowd, now)
	}
	at := later(time.Second)
	last := request(clients.AnyClient(library.Write), at)
	held := value(f.ClaimFetches(ctx, "a", at, later(time.Minute), 2, 8))(t)
	if len(held) != 3 || !slices.ContainsFunc(held, func(h fetch.Fetch) bool { return h.Account == last }) {
		t.Errorf("claimed %d, want two of one application and one of the other", len(held))
	}
	if more := value(f.ClaimFetches(ctx, "b", at, later(time.Minute), 2, 8))(t); len(more) > 0 {
		t.Errorf("claimed %d more", len(more))
	}
}

func testStoreItem(t *testing.T, f *fixture) {
	g, account, one := f.requested()
	f.claim("a")
	step := fetch.Step{Account: account.ID, Lease: "a", Now: now, Position: "1"}
	file := newFile(g, account, "key", 7, now)
	must(t, f.StoreItem(ctx, step, file))
	found := value(f.FindCollected(ctx, g.Library, account.ID, "key"))(t)
	if found.File != file.File.ID || string(found.Binding) != "b" || string(found.Fingerprint) != "f" {
		t.Errorf("found %+v", found)
	}
	if got := f.stored(one); got.Position != "1" || got.Files != 1 {
		t.Errorf("fetch %+v", got)
	}
	newer := *file
	newer.IsNew, newer.Binding, newer.File.Size, newer.File.CreatedAt = false, []byte("c"), 77, later(time.Second)
	must(t, f.StoreItem(ctx, step, &newer))
	got := value(f.GetFile(ctx, g.Library, file.File.ID))(t)
	if got.Size != 77 || !got.CreatedAt.Equal(later(time.Second)) {
		t.Errorf("newer version %+v", got)
	}
	if n := value(f.CountFiles(ctx, g.Library))(t); n != 1 {
		t.Errorf("%d files", n)
	}
	used := value(f.ListUsage(ctx, g.Library))(t)
	if len(used) != 1 || used[0].Files != 1 || used[0].Bytes != 77 {
		t.Errorf("usage %+v", used)
	}
	full := newFile(g, account, "other", 7, now)
	full.Quota.Files = 1
	if err := f.StoreItem(ctx, step, full); err == nil {
		t.Error("a full library took a file")
	}
	if _, err := f.FindCollected(ctx, g.Library, account.ID, "other"); err == nil {
		t.Error("the file that was refused is stored")
	}
	twice := newFile(g, account, "key", 7, now)
	if err := f.StoreItem(ctx, step, twice); err == nil {
		t.Error("two files have one key")
	}
	_, err := f.GetCollected(ctx, "another", file.File.ID)
	wantErr(t, "another library's", err, library.ErrNotFound)
}

func testFindBefore(t *testing.T, f *fixture) {
	g, account, _ := f.requested()
	client := wire.ClientID{Application: g.Application, Contract: g.Contract}
	f.claim("a")
	step := fetch.Step{Account: account.ID, Lease: "a", Now: now, Position: "1"}
	file, other := newFile(g, account, "key", 7, now), newFile(g, account, "other", 7, now)
	file.File.Collected.Origin = "origin"
	must(t, f.StoreItem(ctx, step, file))
	must(t, f.StoreItem(ctx, step, other))
	_, err := f.FindCollectedBefore(ctx, g.Library, client, "origin", "key")
	wantErr(t, "of an account that is connected", err, library.ErrNotFound)
	must(t, f.Disconnect(ctx, g.Library, "", account.ID, now, "", librarytest.AnyEvent(g.Library)))
	found := value(f.FindCollectedBefore(ctx, g.Library, client, "origin", "key"))(t)
	if found.File != file.File.ID || string(found.Fingerprint) != "f" {
		t.Errorf("found %+v", found)
	}
	for what, find := range map[string]func() (library.StoredCollected, error){
		"another library's": func() (library.StoredCollected, error) {
			return f.FindCollectedBefore(ctx, "another", client, "origin", "key")
		},
		"another contract's": func() (library.StoredCollected, error) {
			other := wire.ClientID{Application: g.Application, Contract: "x"}
			return f.FindCollectedBefore(ctx, g.Library, other, "origin", "key")
		},
		"another application's": func() (library.StoredCollected, error) {
			other := wire.ClientID{Application: "x", Contract: g.Contract}
			return f.FindCollectedBefore(ctx, g.Library, other, "origin", "key")
		},
		"of another origin": func() (library.StoredCollected, error) {
			return f.FindCollectedBefore(ctx, g.Library, client, "x", "key")
		},
		"of no origin": func() (library.StoredCollected, error) {
			return f.FindCollectedBefore(ctx, g.Library, client, "", "other")
		},
		"of another key": func() (library.StoredCollected, error) {
			return f.FindCollectedBefore(ctx, g.Library, client, "origin", "other")
		},
	} {
		_, err := find()
		wantErr(t, what, err, library.ErrNotFound)
	}
}

func testLease(t *testing.T, f *fixture) {
	g, account, _ := f.requested()
	f.claim("a")
	must(t, f.ExtendFetch(ctx, account.ID, "a", now, later(2*time.Minute)))
	wantErr(t, "another lease", f.ExtendFetch(ctx, account.ID, "b", now, later(time.Hour)), library.ErrUsed)
	wantErr(t, "an ended lease", f.ExtendFetch(ctx, account.ID, "a", later(time.Hour), later(time.Hour)),
		library.ErrUsed)
	for what, step := range map[string]fetch.Step{
		"another lease":  {Account: account.ID, Lease: "b", Now: now},
		"no lease":       {Account: account.ID, Now: now},
		"an ended lease": {Account: account.ID, Lease: "a", Now: later(time.Hour)},
	} {
		wantErr(t, what, f.StoreItem(ctx, step, newFile(g, account, "key", 7, now)), library.ErrUsed)
	}
	must(t, f.Disconnect(ctx, g.Library, "", account.ID, now, "", librarytest.AnyEvent(g.Library)))
	step := fetch.Step{Account: account.ID, Lease: "a", Now: now}
	wantErr(t, "disconnected", f.StoreItem(ctx, step, nil), library.ErrNotFound)
	wantErr(t, "disconnected", f.ExtendFetch(ctx, account.ID, "a", now, later(time.Hour)), library.ErrNotFound)
}

func testEnd(t *testing.T, f *fixture) {
	g, account, one := f.requested()
	f.claim("a")
	must(t, f.PostponeFetch(ctx, account.ID, "a", now, later(time.Minute)))
	if got := f.stored(one); got.Attempts != 1 || got.Lease != "" || !got.NextAt.Equal(later(time.Minute)) {
		t.Errorf("postponed %+v", got)
	}
	wantErr(t, "postponed twice", f.PostponeFetch(ctx, account.ID, "a", now, now), library.ErrUsed)
	held := value(f.ClaimFetches(ctx, "b", later(time.Minute), later(time.Hour), 4, 8))(t)
	if len(held) != 1 {
		t.Fatalf("claimed %+v", held)
	}
	held[0].State, held[0].Problem = fetch.Partial, &wire.AccountError{Code: "C", StatusCode: 511, Message: "M"}
	event := librarytest.AnyEvent(g.Library)
	must(t, f.EndFetch(ctx, held[0], event))
	got := f.stored(one)
	if got.State != fetch.Partial || got.Problem == nil || got.Problem.Code != "C" || got.Lease != "" {
		t.Errorf("ended %+v", got)
	}
	wantErr(t, "ended twice", f.EndFetch(ctx, held[0], event), library.ErrUsed)
	if due := value(f.NextFetch(ctx))(t); !due.IsZero() {
		t.Errorf("next %v", due)
	}
}

func testList(t *testing.T, f *fixture) {
	g, account, _ := f.requested()
	f.claim("a")
	step := fetch.Step{Account: account.ID, Lease: "a", Now: now, Position: "1"}
	for key, file := range map[string]*library.CollectedFile{
		"old": newFile(g, account, "old", 7, later(-time.Hour)), "new": newFile(g, account, "new", 7, now),
		"other": newFile(g, account, "other", 8, now), "timeless": newFile(g, account, "timeless", 7, time.Time{}),
	} {
		file.File.Collected.Key = key
		must(t, f.StoreItem(ctx, step, file))
	}
	count := func(filter library.CollectedFilter, from time.Time) (n int) {
		at := library.CollectedCursor{To: from}
		for {
			files, cursors, err := f.ListCollected(ctx, g.Library, filter, at, 1)
			must(t, err)
			if len(files) == 0 {
				return n
			}
			n, at = n+len(files), cursors[len(cursors)-1]
		}
	}
	kind := library.CollectedFilter{Service: 2, ObjectType: 7}
	early := library.CollectedFilter{Service: 2, ObjectType: 7, Until: later(-time.Minute)}
	for what, got := range map[string][2]int{
		"all":             {count(library.CollectedFilter{}, time.Time{}), 4},
		"of a type":       {count(kind, time.Time{}), 3},
		"since a time":    {count(kind, now), 2},
		"until a time":    {count(early, time.Time{}), 2},
		"of another type": {count(library.CollectedFilter{Service: 3, ObjectType: 7}, time.Time{}), 0},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %d files, want %d", what, got[0], got[1])
		}
	}
}

func testBindings(t *testing.T, f *fixture) {
	g, account, _ := f.requested()
	f.claim("a")
	step := fetch.Step{Account: account.ID, Lease: "a", Now: now, Position: "1"}
	bound := map[string][]byte{} // those of the files
	var ids []string
	for _, key := range []string{"one", "two"} {
		file := newFile(g, account, key, 7, now)
		file.Binding = append([]byte{1, 'k', 'e', 'y', '1'}, make([]byte, 32)...)
		must(t, f.StoreItem(ctx, step, file))
		bound[string(file.File.ID)] = file.Binding
		ids = append(ids, string(file.File.ID))
		want := library.CollectedParts(file.File, file.Content.Inline)
		if got := value(f.GetCollectedParts(ctx, file.File.ID))(t); !reflect.DeepEqual(got, want) {
			t.Errorf("parts %x, want %x", got, want)
		}
	}
	slices.Sort(ids)
	for what, list := range map[string]func(after library.Unbound, limit int) ([]library.Unbound, error){
		"ListUnbound": func(after library.Unbound, limit int) ([]library.Unbound, error) {
			return f.ListUnbound(ctx, library.BoundCollected, after, limit)
		},
		"ListOfOlderKey": func(after library.Unbound, limit int) ([]library.Unbound, error) {
			return f.ListOfOlderKey(ctx, library.BoundCollected, []byte("key2"), after, limit)
		},
	} {
		var after library.Unbound
		for _, id := range ids {
			page := value(list(after, 1))(t)
			want := library.Unbound{Kind: library.BoundCollected, ID: id, Binding: bound[id], Previous: bound[id]}
			if len(page) != 1 || !reflect.DeepEqual(page[0], want) {
				t.Fatalf("%s: %+v, want %+v", what, page, want)
			}
			after = page[0]
		}
		if rest := value(list(after, 1))(t); len(rest) != 0 {
			t.Errorf("%s: after the last %+v", what, rest)
		}
	}
	own := value(f.ListOfOlderKey(ctx, library.BoundCollected, []byte("key1"), library.Unbound{}, 9))(t)
	if len(own) != 0 {
		t.Errorf("of their own key: %+v", own)
	}
	_, err := f.GetCollectedParts(ctx, librarytest.NewFile(g, now).File.ID)
	wantErr(t, "parts of no file", err, library.ErrNotFound)
}
