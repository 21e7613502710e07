package storagetest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/storage"
)

// TestStorages tests a storage.StorageStore.
func TestStorages(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := newFixture(t, open)
		a := f.AnyApplication()
		s := f.add(a, now)
		same(t, "storage", given(t, value(f.Store.GetStorage(ctx, s.ID))(t)), s)
		owner := value(f.Store.GetStorageOwner(ctx, s.ID))(t)
		same(t, "owner", owner, library.StorageOwner{Application: a.ID, ExpiresAt: s.ExpiresAt})
		wantErr(t, "the same id", f.Store.AddStorage(ctx, s), library.ErrExists)
		for _, id := range []storage.ID{"none", "", "\x00\xff"} {
			_, err := f.Store.GetStorageOwner(ctx, id)
			wantErr(t, "unknown", err, library.ErrNotFound)
		}
		_, err := f.Store.FindStorage(ctx, "", a.ID)
		wantErr(t, "a storage of no library", err, library.ErrNotFound)
		same(t, "storages of no library", len(value(f.Store.ListStorages(ctx, ""))(t)), 0)
	})
	t.Run("deletes the oldest of an application", func(t *testing.T) {
		f := newFixture(t, open)
		limits := library.DefaultLimits
		limits.Storages = 3
		f.Store.SetLimits(limits)
		claimed := f.anyOwned()
		other := f.add(f.AnyApplication(), now)
		var list []storage.Storage
		for i := range 4 {
			list = append(list, f.add(claimed.client.Application, later(time.Duration(i)*time.Second)))
			f.put(newFile(list[i].ID, path("a"), "a"), newLarge(list[i].ID, path("b"), 100_000))
		}
		_, err := f.Store.GetStorage(ctx, list[0].ID)
		wantErr(t, "the oldest", err, library.ErrNotFound)
		same(t, "what is to be removed of it", len(f.removals()), 1)
		for _, id := range []storage.ID{list[1].ID, list[3].ID, claimed.ID, other.ID} {
			must(t, second(f.Store.GetStorage(ctx, id)))
		}
	})
	t.Run("deletes what has expired", func(t *testing.T) {
		f := newFixture(t, open)
		claimed := f.anyOwned()
		s, next := f.add(f.AnyApplication(), now), f.add(f.AnyApplication(), later(time.Second))
		f.put(newFile(s.ID, path("a"), "a"), newLarge(s.ID, path("b"), 100_000))
		same(t, "before", value(f.Store.DeleteExpiredStorages(ctx, s.ExpiresAt.Add(-1), 10))(t), 0)
		same(t, "expired", value(f.Store.DeleteExpiredStorages(ctx, s.ExpiresAt, 10))(t), 1)
		_, err := f.Store.GetStorage(ctx, s.ID)
		wantErr(t, "expired", err, library.ErrNotFound)
		same(t, "files", len(value(f.ListAllStorageFiles(ctx, s.ID, storage.File{}, 10))(t)), 0)
		same(t, "to be removed", len(f.removals()), 1)
		must(t, second(f.Store.GetStorage(ctx, next.ID)))
		same(t, "years later", value(f.Store.DeleteExpiredStorages(ctx, later(1e5*time.Hour), 10))(t), 1)
		must(t, second(f.Store.GetStorage(ctx, claimed.ID)))
	})
	t.Run("deletes the storage of a library", func(t *testing.T) {
		f := newFixture(t, open)
		mine, other := f.anyOwned(), f.anyOwned()
		f.put(newFile(mine.ID, path("a"), "a"), newLarge(mine.ID, path("b"), 100_000),
			newFile(other.ID, path("a"), "a"))
		event := library.Event{Library: mine.person.ID, At: later(time.Hour), Kind: library.EventStorageDeleted}
		err := f.Store.DeleteStorage(ctx, mine.person.ID, other.client.Application.ID, event)
		wantErr(t, "at another application", err, library.ErrNotFound)
		wantErr(t, "of no library", f.Store.DeleteStorage(ctx, "none", mine.client.Application.ID, event),
			library.ErrNotFound)
		must(t, f.Store.DeleteStorage(ctx, mine.person.ID, mine.client.Application.ID, event))
		same(t, "event", f.NewestEvent(mine.person.ID).Kind, library.EventStorageDeleted)
		events := len(f.Events(mine.person.ID))
		err = f.Store.DeleteStorage(ctx, mine.person.ID, mine.client.Application.ID, event)
		wantErr(t, "again", err, library.ErrNotFound)
		same(t, "events after the second time", len(f.Events(mine.person.ID)), events)
		_, err = f.Store.FindStorage(ctx, mine.person.ID, mine.client.Application.ID)
		wantErr(t, "found", err, library.ErrNotFound)
		same(t, "files", len(value(f.ListAllStorageFiles(ctx, mine.ID, storage.File{}, 10))(t)), 0)
		same(t, "to be removed", len(f.removals()), 1)
		same(t, "other", f.usage(other.ID), library.Used{Files: 1, Bytes: 1})
	})
	t.Run("goes with its library", func(t *testing.T) {
		f := newFixture(t, open)
		mine, other := f.anyOwned(), f.anyOwned()
		large := newLarge(mine.ID, path("b"), 100_000)
		f.put(newFile(mine.ID, path("a"), "a"), large, newFile(other.ID, path("a"), "a"))
		handle := library.AccountHandle{ID: anyID(), Kind: library.HandleOfStorage, Client: mine.client.ID(),
			Account: wire.AccountID(mine.ID), ExpiresAt: later(time.Hour)}
		must(t, f.Store.AddAccountHandle(ctx, handle))
		must(t, f.Store.DeleteLibrary(ctx, mine.person.ID, later(time.Hour)))
		_, err := f.Store.GetStorage(ctx, mine.ID)
		wantErr(t, "storage", err, library.ErrNotFound)
		_, err = f.Store.GetAccountHandle(ctx, handle.ID)
		wantErr(t, "handle", err, library.ErrNotFound)
		same(t, "files", len(value(f.ListAllStorageFiles(ctx, mine.ID, storage.File{}, 10))(t)), 0)
		same(t, "to be removed", f.removals(), map[string]bool{large.ID: true})
		same(t, "other", f.usage(other.ID), library.Used{Files: 1, Bytes: 1})
		wantErr(t, "upload", f.PutStorageFile(ctx, newFile(mine.ID, path("c"), "c"), library.Quota{}),
			library.ErrNotFound)
	})
	t.Run("keeps the handle of a storage as one", func(t *testing.T) {
		f := newFixture(t, open)
		h := library.AccountHandle{ID: anyID(), Kind: library.HandleOfStorage,
			Client: f.AnyClient(library.Write).ID(), Account: "a storage", ExpiresAt: later(time.Hour)}
		must(t, f.Store.AddAccountHandle(ctx, h))
		same(t, "handle", value(f.Store.GetAccountHandle(ctx, h.ID))(t), h)
	})
}

func second[T any](_ T, err error) error { return err }

// TestStorageOwners tests that [library.AuthRequestStore.Allow] gives a storage to a library.
func TestStorageOwners(t *testing.T, open func(t *testing.T) Store) {
	kinds := func(f *fixture, p librarytest.Person) (list []library.EventKind) {
		for _, e := range f.Events(p.ID)[1:] {
			list = append(list, e.Kind)
		}
		return list
	}
	t.Run("gives it", func(t *testing.T) {
		f := newFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		s := f.add(c.Application, now)
		must(t, second(f.allow(p, c, s.ID, later(time.Minute))))
		s.Library, s.ExpiresAt = p.ID, time.Time{}
		found := value(f.Store.FindStorage(ctx, p.ID, c.Application.ID))(t)
		same(t, "storage", given(t, found), s)
		same(t, "list", value(f.Store.ListStorages(ctx, p.ID))(t), []storage.Storage{found})
		owner := value(f.Store.GetStorageOwner(ctx, s.ID))(t)
		same(t, "owner", owner, library.StorageOwner{Application: c.Application.ID, Library: p.ID})
		same(t, "events", kinds(f, p), []library.EventKind{library.EventAllowed, library.EventStorageConnected})
		e := f.NewestEvent(p.ID)
		same(t, "application of event", e.Details.Application, c.Application.ID)

		must(t, second(f.allow(p, c, s.ID, later(time.Hour))))
		same(t, "events after the same again", kinds(f, p), []library.EventKind{library.EventAllowed,
			library.EventStorageConnected, library.EventRenewed})
	})
	t.Run("keeps the one that there is", func(t *testing.T) {
		f := newFixture(t, open)
		mine := f.anyOwned()
		fresh := f.add(mine.client.Application, now)
		must(t, second(f.allow(mine.person, mine.client, fresh.ID, later(time.Minute))))
		found := value(f.Store.FindStorage(ctx, mine.person.ID, mine.client.Application.ID))(t)
		same(t, "storage", found.ID, mine.ID)
		same(t, "the other", given(t, value(f.Store.GetStorage(ctx, fresh.ID))(t)), fresh)
		same(t, "event", f.NewestEvent(mine.person.ID).Kind, library.EventRenewed)
	})
	t.Run("gives one to one of many", func(t *testing.T) {
		f := newFixture(t, open)
		c := f.AnyClient(library.Write)
		s := f.add(c.Application, now)
		people := make([]librarytest.Person, 8)
		for i := range people {
			people[i] = f.AnyPerson()
		}
		errs := race(len(people), func(i int) error { return second(f.allow(people[i], c, s.ID, later(time.Minute))) })
		librarytest.OneWins(t, "allow", errs, library.ErrStorageGone)
	})
	t.Run("gives a library one of many", func(t *testing.T) {
		f := newFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Write)
		var ids []storage.ID
		for range 8 {
			ids = append(ids, f.add(c.Application, now).ID)
		}
		for _, err := range race(len(ids), func(i int) error {
			return second(f.allow(p, c, ids[i], later(time.Minute)))
		}) {
			must(t, err)
		}
		same(t, "storages", len(value(f.Store.ListStorages(ctx, p.ID))(t)), 1)
	})
	t.Run("refuses what is not there to be given", func(t *testing.T) {
		f := newFixture(t, open)
		mine := f.anyOwned()
		p, c := f.AnyPerson(), f.AnyClient(library.Write)
		expired := f.add(c.Application, now)
		foreign := f.add(f.AnyApplication(), now)
		for what, id := range map[string]storage.ID{
			"unknown": "none", "of another person": mine.ID, "of another application": foreign.ID,
			"expired": expired.ID,
		} {
			client := c
			if what == "of another person" {
				client = mine.client
			}
			before := len(f.Events(p.ID))
			_, err := f.allow(p, client, id, expired.ExpiresAt)
			wantErr(t, what, err, library.ErrStorageGone)
			same(t, "events", len(f.Events(p.ID)), before)
			same(t, "grants", len(value(f.Store.ListGrants(ctx, p.ID))(t)), 0)
		}
		same(t, "storages", len(value(f.Store.ListStorages(ctx, p.ID))(t)), 0)
	})
}
