package storagetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// TestStorageVersions tests that a storage numbers its files, and knows the sum of the numbers of those that are there.
func TestStorageVersions(t *testing.T, open func(t *testing.T) Store) {
	f := newFixture(t, open)
	s := f.anyOwned()
	check := func(what string, version int64, files map[string]int64) {
		t.Helper()
		got, sum := value(f.Store.GetStorage(ctx, s.ID))(t), int64(0)
		all := map[string]int64{}
		for _, file := range value(f.ListAllStorageFiles(ctx, s.ID, storage.File{}, 100))(t) {
			all[file.Name] = file.Version
			sum += file.Version
			if len(file.Binding) == 0 {
				t.Errorf("%s: %s has no binding", what, file.Name)
			}
		}
		same(t, what+": files", all, files)
		same(t, what+": version", got.Version, version)
		same(t, what+": sum", got.VersionSum, sum)
		if len(got.Binding) == 0 || bytes.Equal(got.Binding, s.Binding) {
			t.Errorf("%s: the storage has the binding %x", what, got.Binding)
		}
		s.Binding = got.Binding
	}
	f.put(newFile(s.ID, path("a"), "1"), newLarge(s.ID, path("b", "x"), 100_000), newFile(s.ID, path("b", "y"), "2"))
	check("three files", 3, map[string]int64{"a": 1, "x": 2, "y": 3})
	f.put(newFile(s.ID, path("A"), "3"))
	check("one replaced", 4, map[string]int64{"a": 4, "x": 2, "y": 3})
	must(t, f.DeleteStorageFile(ctx, s.ID, path("b", "x"), now))
	check("one deleted", 4, map[string]int64{"a": 4, "y": 3})
	must(t, f.DeleteStorageFolder(ctx, s.ID, folder("b"), now, library.Event{}))
	check("a folder deleted", 4, map[string]int64{"a": 4})
	f.put(newFile(s.ID, path("x"), "4"))
	check("a file again", 5, map[string]int64{"a": 4, "x": 5})
}

// TestStorageBindings tests what a library.RebindStore does with storages and their files.
func TestStorageBindings(t *testing.T, open func(t *testing.T) Store) {
	f := newFixture(t, open)
	s := f.anyOwned()
	f.put(newFile(s.ID, path("a"), "1"), newFile(s.ID, path("b"), "2"))
	for _, kind := range []library.BoundKind{library.BoundStorage, library.BoundStorageFile} {
		unbound := func(after library.Unbound, limit int) []library.Unbound {
			t.Helper()
			return value(f.ListUnbound(ctx, kind, after, limit))(t)
		}
		ofOlderKey := func(key string) []library.Unbound {
			t.Helper()
			return value(f.ListOfOlderKey(ctx, kind, []byte(key), library.Unbound{}, 10))(t)
		}
		same(t, "rows without a binding", len(unbound(library.Unbound{}, 10)), 0)
		rows := ofOlderKey("none")
		if kind == library.BoundStorage {
			same(t, "rows", len(rows), 1)
			same(t, "parts", rows[0].Parts, value(f.Store.GetStorage(ctx, s.ID))(t).Parts())
		} else {
			same(t, "rows", len(rows), 2)
			after := value(f.ListOfOlderKey(ctx, kind, []byte("none"), rows[0], 10))(t)
			same(t, "rows after the first", after, rows[1:])
		}
		key := string(rows[0].Binding[1:5])
		same(t, "rows of another key than their own", len(ofOlderKey(key)), 0)

		// One whose binding has changed meanwhile stays as it is.
		again := rows[0]
		again.Binding = append([]byte{1, 'n', 'e', 'w', '.'}, rows[0].Binding[5:]...)
		must(t, f.Bind(ctx, []library.Unbound{again}))
		late := again
		late.Binding = rows[0].Binding
		must(t, f.Bind(ctx, []library.Unbound{late}))
		same(t, "rows with a binding of another key", len(ofOlderKey(key)), 1)
	}
	must(t, f.Unbind(ctx))
	for _, kind := range []library.BoundKind{library.BoundStorage, library.BoundStorageFile} {
		rows := value(f.ListUnbound(ctx, kind, library.Unbound{}, 10))(t)
		same(t, "rows after all bindings are gone", len(rows) > 0, true)
		same(t, "rows after them", len(value(f.ListUnbound(ctx, kind, rows[len(rows)-1], 10))(t)), 0)
		for i := range rows {
			rows[i].Binding = append([]byte{1, 'k', 'e', 'y', '.'}, make([]byte, 32)...)
		}
		must(t, f.Bind(ctx, rows))
		same(t, "rows without one", len(value(f.ListUnbound(ctx, kind, library.Unbound{}, 10))(t)), 0)
		must(t, f.Bind(ctx, rows)) // bound already
	}
	// The bindings above were made by no key.
	event := library.Event{Library: s.person.ID, At: now, Kind: library.EventStorageDeletedByApp}
	for what, err := range map[string]error{
		"PutStorageFile":      f.PutStorageFile(ctx, newFile(s.ID, path("c"), "3"), library.Quota{}),
		"DeleteStorageFile":   f.DeleteStorageFile(ctx, s.ID, path("a"), now),
		"DeleteStorageFolder": f.DeleteStorageFolder(ctx, s.ID, storage.Root, now, event),
		"Allow":               second(f.allow(s.person, s.client, s.ID, now)),
	} {
		var tampered *library.TamperedError
		if !errors.As(err, &tampered) || tampered.Library != s.person.ID {
			t.Errorf("%s: %v, want that it has been tampered with", what, err)
		}
	}
	same(t, "files", len(value(f.ListAllStorageFiles(ctx, s.ID, storage.File{}, 10))(t)), 2)
	must(t, f.Store.DeleteStorage(ctx, s.person.ID, s.client.Application.ID, event))
}

// TestForgedStorageFile tests that a file without the binding that the store has made is neither replaced nor deleted.
func TestForgedStorageFile(t *testing.T, open func(t *testing.T) Store) {
	f := newFixture(t, open)
	s := f.anyOwned()
	forged := path("folder", "forged")
	f.put(newFile(s.ID, forged, "1"), newFile(s.ID, path("folder", "other"), "2"), newFile(s.ID, path("other"), "3"))
	rows := value(f.ListOfOlderKey(ctx, library.BoundStorageFile, []byte("none"), library.Unbound{}, 10))(t)
	id := value(f.GetStorageFile(ctx, s.ID, forged))(t).ID
	for _, row := range rows {
		if row.ID == id {
			row.Binding = append([]byte{1, 'n', 'o', 'n', 'e'}, row.Binding[5:]...)
			must(t, f.Bind(ctx, []library.Unbound{row}))
		}
	}
	event := library.Event{Library: s.person.ID, At: now, Kind: library.EventStorageDeletedByApp}
	before, events := value(f.Store.GetStorage(ctx, s.ID))(t), len(f.Events(s.person.ID))
	for what, err := range map[string]error{
		"replace":               f.PutStorageFile(ctx, newFile(s.ID, forged, "4"), library.Quota{}),
		"delete":                f.DeleteStorageFile(ctx, s.ID, forged, later(time.Hour)),
		"delete its folder":     f.DeleteStorageFolder(ctx, s.ID, folder("folder"), later(time.Hour), library.Event{}),
		"delete all with event": f.DeleteStorageFolder(ctx, s.ID, storage.Root, later(time.Hour), event),
	} {
		var tampered *library.TamperedError
		if !errors.As(err, &tampered) || tampered.Library != s.person.ID {
			t.Errorf("%s: %v, want that it has been tampered with", what, err)
		}
	}
	same(t, "storage", value(f.Store.GetStorage(ctx, s.ID))(t), before)
	same(t, "files", len(value(f.ListAllStorageFiles(ctx, s.ID, storage.File{}, 10))(t)), 3)
	same(t, "events", len(f.Events(s.person.ID)), events)
	f.put(newFile(s.ID, path("folder", "other"), "5"))
	must(t, f.DeleteStorageFile(ctx, s.ID, path("other"), now))
	must(t, f.Store.DeleteStorage(ctx, s.person.ID, s.client.Application.ID, event))
}
