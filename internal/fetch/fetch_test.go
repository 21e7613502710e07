package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
)

// onBoth runs a test in a world on each database.
func onBoth(t *testing.T, test func(t *testing.T, w *carreltest.World)) {
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); test(t, carreltest.New(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); test(t, carreltest.New(t, carreltest.OnPostgres(t))) })
}

func mapped(c *library.Contract) { c.Scope = library.Scope{Mapped: true} }

const medical = 900101 // in the default catalogue

// connects connects sample data for a grant's contract, and returns the account.
func connects(t *testing.T, p *carreltest.Person, g *carreltest.Grant, source int, set string) wire.AccountID {
	t.Helper()
	w, request := p.World(), p.Asked(g.Contract)
	found := carreltest.Must(w.Connections.FindSample(request,
		delivery.ConnectionQuery{Source: source, Sample: set}))(t)
	connected := carreltest.Must(w.Connections.ConnectSample(t.Context(), p.SignedIn(), request, found))(t)
	shown := request.Shown(connected.ID)
	carreltest.Must(w.Consents.Allow(t.Context(), p.SignedIn(), request, shown))(t)
	owner := p.SignedIn().Library.ID
	for _, c := range carreltest.Must(w.Connections.ListPull(t.Context(), owner, g.Application.ID))(t) {
		if c.Source.ID == source {
			return c.ID
		}
	}
	t.Fatal("nothing is connected")
	return ""
}

// triggers starts a session that fetches, and makes the fetches that are due.
func triggers(t *testing.T, f *fetch.Fetcher, g *carreltest.Grant, options wire.SessionOptions) string {
	t.Helper()
	b := carreltest.Must(g.Bearer())(t)
	session := carreltest.Must(g.StartsSession(options))(t)
	if err := f.Request(t.Context(), b.Grant, options); err != nil {
		t.Fatal(err)
	}
	if err := f.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	return session
}

func status(
	t *testing.T, w *carreltest.World, f *fetch.Fetcher, g *carreltest.Grant, session string,
) wire.FileListStatus {
	t.Helper()
	r := carreltest.Must(g.FindsSession(session))(t)
	s := carreltest.Must(w.Files.SessionStatus(t.Context(), r))(t)
	if err := f.SessionStatus(t.Context(), r, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func list(t *testing.T, w *carreltest.World, g *carreltest.Grant, session string) map[wire.FileName]wire.FileEntry {
	t.Helper()
	entries := map[wire.FileName]wire.FileEntry{}
	err := w.Files.List(t.Context(), carreltest.Must(g.FindsSession(session))(t), func(e wire.FileEntry) error {
		if _, twice := entries[e.Name]; twice {
			t.Errorf("%s is listed twice", e.Name)
		}
		entries[e.Name] = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func collectedEvents(p *carreltest.Person) (events []library.Event) {
	return slices.DeleteFunc(p.Events(), func(e library.Event) bool { return e.Kind != library.EventCollected })
}

// TestFetch: what is fetched can be read, and what is fetched twice is one file.
func TestFetch(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *carreltest.World) {
		anna, app := w.Person(), w.Application()
		g := anna.Allows(app.Contract(library.Read, mapped))
		pushed := anna.Allows(app.ContractWithKey(1, library.Write))
		carreltest.Must(pushed.Pushes("a letter", []byte("x")))(t)
		account := connects(t, anna, g, medical, "test")
		session := triggers(t, w.Fetches, g, wire.SessionOptions{})
		s := status(t, w, w.Fetches, g, session)
		if s.State != wire.StateCompleted || s.Details[account].State != wire.StateCompleted {
			t.Errorf("status %+v", s)
		}
		first := list(t, w, g, session)
		if len(first) < 3 {
			t.Fatalf("files: %+v", first)
		}
		for name, entry := range first {
			file, content, err := g.ReadsFile(session, name)
			if err != nil || int64(len(content)) != file.Size || file.Collected == nil {
				t.Errorf("%s: %d bytes of %d, %v", name, len(content), file.Size, err)
			}
			if m := file.Collected.Mapped; m != nil && (entry.ObjectType != m.ObjectType || content[0] != '[') {
				t.Errorf("entry %+v of %+v", entry, m)
			}
		}
		if events := collectedEvents(anna); len(events) != 1 || events[0].Details.Files != len(first) {
			t.Errorf("events %+v", events)
		}
		// At the same time nothing has changed.
		session = triggers(t, w.Fetches, g, wire.SessionOptions{})
		if again := list(t, w, g, session); !maps.EqualFunc(again, first,
			func(a, b wire.FileEntry) bool { return a.UpdatedDate == b.UpdatedDate }) {
			t.Errorf("fetched again: %+v, before %+v", again, first)
		}
		if events := collectedEvents(anna); len(events) != 1 {
			t.Errorf("events of two fetches, one of which changed nothing: %+v", events)
		}
		// A day later the same files have later dates.
		w.Clock.Moves(23 * time.Hour)
		session = triggers(t, w.Fetches, g, wire.SessionOptions{})
		later, newer := list(t, w, g, session), 0
		for name, entry := range later {
			if _, has := first[name]; !has {
				t.Errorf("%s is new", name)
			}
			if entry.UpdatedDate > first[name].UpdatedDate {
				newer++
			}
			if _, _, err := g.ReadsFile(session, name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if newer == 0 || len(later) != len(first) {
			t.Errorf("%d of %d files are newer", newer, len(later))
		}
		if used := anna.FileCount(); used != len(first)+1 {
			t.Errorf("the library has %d files", used)
		}
	})
}

// TestProblems: a session says what a source could not give.
func TestProblems(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	for set, want := range map[string]struct {
		code   string
		status int
	}{
		"reauthorize":      {"ServiceAuthorizationError", 511},
		"sync-in-progress": {"SyncInProgress", 206},
		"partial":          {"PartialObjectTypes", 206},
		"time-limit":       {"SourceFetchDurationQuotaReached", 206},
	} {
		t.Run(set, func(t *testing.T) {
			anna := w.Person(set + "@example.org")
			g := anna.Allows(w.Application().Contract(library.Read, mapped))
			account := connects(t, anna, g, medical, set)
			session := triggers(t, w.Fetches, g, wire.SessionOptions{})
			s := status(t, w, w.Fetches, g, session)
			of := s.Details[account]
			if s.State != wire.StatePartial || of.State != wire.StatePartial || of.Error == nil ||
				of.Error.Code != want.code || of.Error.StatusCode != want.status || of.Error.Message == "" {
				t.Fatalf("status %+v, %+v", s, of.Error)
			}
			if of.Error.Reauthorize != (set == "reauthorize") ||
				(of.Error.RetryAfter > 0) != (set == "sync-in-progress") ||
				(len(of.Error.ObjectTypeErrors) > 0) != (set == "partial") {
				t.Errorf("error %+v", of.Error)
			}
			if len(list(t, w, g, session)) == 0 {
				t.Error("what came before the problem is gone")
			}
			// Who does not want to fetch gets what is there.
			never := false
			session = triggers(t, w.Fetches, g, wire.SessionOptions{SourceFetch: &never})
			if s := status(t, w, w.Fetches, g, session); s.State != wire.StateCompleted {
				t.Errorf("without fetching: %+v", s)
			}
		})
	}
}

// TestScope: a session reads of the files from sources what both its contract and its options include.
func TestScope(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *carreltest.World) {
		anna, app := w.Person(), w.Application()
		g := anna.Allows(app.Contract(library.Read, mapped))
		connects(t, anna, g, medical, "default")
		connects(t, anna, g, 16, "default")
		all := list(t, w, g, triggers(t, w.Fetches, g, wire.SessionOptions{}))
		one := func(group, service int, types ...int) *wire.Scope {
			var objects []wire.ServiceObjectType
			for _, id := range types {
				objects = append(objects, wire.ServiceObjectType{ID: id})
			}
			return &wire.Scope{ServiceGroups: []wire.ServiceGroup{{ID: group,
				ServiceTypes: []wire.ServiceType{{ID: service, ServiceObjectTypes: objects}}}}}
		}
		recent := one(5, 19, 406)
		recent.TimeRanges = []wire.TimeRange{{Last: "1m"}}
		count := func(what *wire.Scope) (n int, types []string) {
			session := carreltest.Must(g.StartsSession(wire.SessionOptions{Scope: what}))(t)
			entries := list(t, w, g, session)
			for _, e := range entries {
				if !slices.Contains(types, e.ObjectType) {
					types = append(types, e.ObjectType)
				}
			}
			for name := range all {
				_, isListed := entries[name]
				if _, _, err := g.ReadsFile(session, name); (err == nil) != isListed {
					t.Errorf("%s, listed %v: %v", name, isListed, err)
				}
			}
			return len(entries), types
		}
		plays, types := count(one(5, 19, 406))
		if plays < 3 || plays >= len(all) || len(types) != 1 || !strings.Contains(types[0], "play") {
			t.Errorf("%d play histories of %d files: %q", plays, len(all), types)
		}
		if n, _ := count(recent); n == 0 || n >= plays {
			t.Errorf("%d play histories of a month, of %d", n, plays)
		}
		if n, types := count(one(5, 19, 406, 403)); n <= plays || len(types) != 2 {
			t.Errorf("%d of two types: %q", n, types)
		}
		if n, _ := count(one(1, 19, 406)); n != 0 {
			t.Errorf("%d of a group that the service is not in", n)
		}
		if n, _ := count(one(5, 19)); n <= plays || n >= len(all) {
			t.Errorf("%d of a service", n)
		}
		raw := anna.Allows(app.ContractWithKey(1, library.Read,
			func(c *library.Contract) { c.Scope = library.Scope{Raw: true} }))
		if files := list(t, w, raw, carreltest.Must(raw.StartsSession(wire.SessionOptions{}))(t)); len(files) > 0 {
			t.Errorf("a contract for what is pushed lists %+v", files)
		}
		narrow := anna.Allows(app.ContractWithKey(1, library.Read, func(c *library.Contract) {
			c.Scope = library.Scope{Mapped: true, ServiceGroups: one(5, 19, 406).ServiceGroups}
		}))
		_, err := narrow.StartsSession(wire.SessionOptions{Scope: one(5, 19, 403)})
		carreltest.Refused(t, "beyond the contract's scope", err,
			library.ScopeOutOfBounds("object type 403 of service type 19"))
		session := carreltest.Must(narrow.StartsSession(wire.SessionOptions{}))(t)
		if files := list(t, w, narrow, session); len(files) != plays {
			t.Errorf("%d files of the contract's scope, want %d", len(files), plays)
		}
	})
}

// unreliable is a source of which every third item fails once.
type unreliable struct {
	items  int
	failed map[int]bool
	before func(i int)
}

func (u *unreliable) Fetch(
	_ context.Context, _ delivery.Connection, position string, yield func(fetch.Item) error,
) error {
	from := 0
	_, _ = fmt.Sscan(position, &from)
	for i := from; i < u.items; i++ {
		if u.before != nil {
			u.before(i)
		}
		if i%3 == 1 && !u.failed[i] {
			u.failed[i] = true
			return errors.New("the connection broke off")
		}
		item := fetch.Item{Key: fmt.Sprint("item-", i), Position: fmt.Sprint(i + 1), ObjectType: 1,
			Raw: wire.RawMetadata{MIMEType: "text/plain"}, Content: strings.NewReader(fmt.Sprint("content ", i))}
		if err := yield(item); err != nil {
			return err
		}
	}
	return nil
}

func newFetcher(w *carreltest.World, s fetch.Sources) *fetch.Fetcher {
	return fetch.New(w.Store, w.Connections, library.NewCollector(w.Files, w.Consents), s, w.Clock.Now,
		fetch.Config{}, slog.New(slog.DiscardHandler))
}

// TestUnreliable: a fetch goes on after each failure, and each file is there once.
func TestUnreliable(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *carreltest.World) {
		anna := w.Person()
		g := anna.Allows(w.Application().Contract(library.Read, mapped))
		account := connects(t, anna, g, medical, "test")
		f := newFetcher(w, &unreliable{items: 30, failed: map[int]bool{}})
		session := triggers(t, f, g, wire.SessionOptions{})
		s := status(t, w, f, g, session)
		if s.State != wire.StateRunning || s.Details[account].State != wire.StateRunning {
			t.Errorf("status after a failure %+v", s)
		}
		for range 12 {
			w.Clock.Moves(2 * time.Second)
			if err := f.RunDue(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if s := status(t, w, f, g, session); s.State != wire.StateCompleted {
			t.Errorf("status %+v", s)
		}
		if n := len(list(t, w, g, session)); n != 30 {
			t.Errorf("%d files", n)
		}
	})
}

// TestLease: two servers do not fetch from one account at once, and the second goes on when the first is gone.
func TestLease(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *carreltest.World) {
		anna := w.Person()
		g := anna.Allows(w.Application().Contract(library.Read, mapped))
		connects(t, anna, g, medical, "test")
		b := carreltest.Must(g.Bearer())(t)
		if err := w.Fetches.Request(t.Context(), b.Grant, wire.SessionOptions{}); err != nil {
			t.Fatal(err)
		}
		now := w.Clock.Now()
		held := carreltest.Must(w.Store.ClaimFetches(t.Context(), "one", now, now.Add(time.Minute), 4, 8))(t)
		if len(held) != 1 {
			t.Fatalf("claimed %+v", held)
		}
		if err := w.Fetches.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		session := carreltest.Must(g.StartsSession(wire.SessionOptions{}))(t)
		if n := len(list(t, w, g, session)); n > 0 {
			t.Errorf("%d files fetched beside another server", n)
		}
		w.Clock.Moves(2 * time.Minute)
		if err := w.Fetches.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(list(t, w, g, session)); n == 0 {
			t.Error("nobody went on")
		}
		step := fetch.Step{Account: held[0].Account, Lease: "one", Now: w.Clock.Now(), Position: "x"}
		if err := w.Store.StoreItem(t.Context(), step, nil); !errors.Is(err, library.ErrUsed) {
			t.Errorf("step of the first server: %v", err)
		}
	})
}

// TestAttackFetchAfterStop: nothing is fetched any more once the person has stopped the application, disconnected the
// account or shut the library, also by a fetch that is under way.
func TestAttackFetchAfterStop(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *carreltest.World) {
		for name, stop := range map[string]func(*carreltest.Person, *carreltest.Grant, wire.AccountID){
			"stopped": func(p *carreltest.Person, g *carreltest.Grant, _ wire.AccountID) { p.Stops(g) },
			"disconnected": func(p *carreltest.Person, _ *carreltest.Grant, id wire.AccountID) {
				if err := w.Connections.Disconnect(t.Context(), p.SignedIn(), id); err != nil {
					t.Error(err)
				}
			},
			"shut": func(p *carreltest.Person, _ *carreltest.Grant, _ wire.AccountID) { p.Shuts() },
		} {
			t.Run(name, func(t *testing.T) {
				anna := w.Person(name + "@example.org")
				g := anna.Allows(w.Application().Contract(library.Read, mapped))
				account := connects(t, anna, g, medical, "test")
				source := &unreliable{items: 10, failed: map[int]bool{1: true, 4: true, 7: true}}
				source.before = func(i int) {
					if i == 5 {
						stop(anna, g, account)
					}
				}
				b := carreltest.Must(g.Bearer())(t)
				f := newFetcher(w, source)
				if err := f.Request(t.Context(), b.Grant, wire.SessionOptions{}); err != nil {
					t.Fatal(err)
				}
				count := func() int { return carreltest.Must(w.Store.CountFiles(t.Context(), b.Library.ID))(t) }
				if err := f.RunDue(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n := count(); n != 5 {
					t.Errorf("%d files", n)
				}
				events := collectedEvents(anna)
				if name != "shut" && (len(events) != 1 || events[0].Details.Files != 5) {
					t.Errorf("events %+v", events)
				}
				if err := f.Request(t.Context(), b.Grant, wire.SessionOptions{}); err != nil {
					t.Errorf("asked again: %v", err)
				}
				w.Clock.Moves(time.Minute)
				if err := f.RunDue(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n := count(); n != 5 {
					t.Errorf("%d files after another try", n)
				}
			})
		}
	})
}

// TestFetchOfDisabled: nothing is fetched while the contract or its application is disabled, or allows something else
// than the person has allowed, also by a fetch that is under way. It begins again when that is taken back.
func TestFetchOfDisabled(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *carreltest.World) {
		ctx := t.Context()
		edit := func(g *carreltest.Grant, s library.Scope) error {
			was := carreltest.Must(w.Clients.GetClientOfContract(ctx, g.Contract.ID().Contract))(t).Contract
			k := was
			k.Scope = s
			return w.Clients.UpdateContract(ctx, was, k)
		}
		for name, change := range map[string]struct{ off, on func(*carreltest.Grant) error }{
			"contract": {
				func(g *carreltest.Grant) error { return w.Clients.DisableContract(ctx, g.Contract.ID().Contract) },
				func(g *carreltest.Grant) error { return w.Clients.EnableContract(ctx, g.Contract.ID().Contract) },
			},
			"application": {
				func(g *carreltest.Grant) error { return w.Clients.DisableApplication(ctx, g.Application.ID) },
				func(g *carreltest.Grant) error { return w.Clients.EnableApplication(ctx, g.Application.ID) },
			},
			"changed": {
				func(g *carreltest.Grant) error { return edit(g, library.Scope{Raw: true, Mapped: true}) },
				func(g *carreltest.Grant) error { return edit(g, library.Scope{Mapped: true}) },
			},
		} {
			t.Run(name, func(t *testing.T) {
				anna := w.Person(name + "@example.org")
				g := anna.Allows(w.Application().Contract(library.Read, mapped))
				account := connects(t, anna, g, medical, "test")
				grant := carreltest.Must(g.Bearer())(t).Grant
				do := func(change func(*carreltest.Grant) error) {
					t.Helper()
					if err := change(g); err != nil {
						t.Error(err)
					}
					w.Clock.Moves(2 * time.Second) // a client is cached for a second
				}
				source := &unreliable{items: 10, failed: map[int]bool{1: true, 4: true, 7: true}}
				source.before = func(i int) {
					if i == 5 {
						do(change.off)
					}
				}
				f := newFetcher(w, source)
				requestAndRun := func(want int) {
					t.Helper()
					if err := errors.Join(f.Request(ctx, grant, wire.SessionOptions{}), f.RunDue(ctx)); err != nil {
						t.Fatal(err)
					}
					if n := carreltest.Must(w.Store.CountFiles(ctx, grant.Library))(t); n != want {
						t.Errorf("%d files, want %d", n, want)
					}
				}
				requestAndRun(5)
				source.before = nil
				w.Clock.Moves(time.Minute)
				requestAndRun(5)
				if err := f.RequestForPerson(ctx, anna.SignedIn(), account); !errors.Is(err, library.ErrNotFound) {
					t.Errorf("the person asks for it: %v", err)
				}
				do(change.on)
				requestAndRun(10)
				err := errors.Join(f.RequestForPerson(ctx, anna.SignedIn(), account), f.RunDue(ctx))
				if err != nil {
					t.Errorf("the person asks for it: %v", err)
				}
			})
		}
	})
}
