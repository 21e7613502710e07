package storagetest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// TestStorageFiles tests the files of a storage.FileStore.
func TestStorageFiles(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := newFixture(t, open)
		s := f.anyOwned()
		for _, content := range []string{"content", "", "\x00\xff%_"} {
			file := newFile(s.ID, path("Docs", "É %_'\"", "One.bin"), content)
			f.put(file)
			same(t, "file", givenFile(t, value(f.GetStorageFile(ctx, s.ID, file.Path))(t)), file.File)
			same(t, "content", string(value(f.GetStorageContent(ctx, file.ID))(t)), content)
		}
		large := newLarge(s.ID, path("large"), 1<<40)
		f.put(large)
		same(t, "large file", givenFile(t, value(f.GetStorageFile(ctx, s.ID, large.Path))(t)), large.File)
		_, err := f.GetStorageContent(ctx, large.ID)
		wantErr(t, "content of a large file", err, library.ErrNotFound)
		same(t, "usage", f.usage(s.ID), library.Used{Files: 2, Bytes: 4 + 1<<40})
		same(t, "changed", value(f.Store.GetStorage(ctx, s.ID))(t).ChangedAt, large.CreatedAt)
	})
	t.Run("finds it in any case", func(t *testing.T) {
		f := newFixture(t, open)
		s, other := f.anyOwned(), f.anyOwned()
		f.put(newFile(s.ID, path("Docs", "É.TXT"), "1"))
		for _, p := range []storage.Path{path("docs", "é.txt"), path("DOCS", "É.txt")} {
			got := value(f.GetStorageFile(ctx, s.ID, p))(t)
			same(t, "name", got.OriginalFolder+got.OriginalName, "/Docs/É.TXT")
		}
		for _, at := range []struct {
			id   storage.ID
			path storage.Path
		}{
			{other.ID, path("docs", "é.txt")}, {s.ID, path("docs", "e.txt")}, {s.ID, path("é.txt")},
			{s.ID, path("docs")}, {"none", path("docs", "é.txt")},
		} {
			_, err := f.GetStorageFile(ctx, at.id, at.path)
			wantErr(t, "another", err, library.ErrNotFound)
		}
	})
	t.Run("replaces the file at a path", func(t *testing.T) {
		f := newFixture(t, open)
		s := f.anyOwned()
		first, large, last := newFile(s.ID, path("A"), "first"), newLarge(s.ID, path("a"), 100_000),
			newFile(s.ID, path("A"), "")
		f.put(first, large)
		_, err := f.GetStorageContent(ctx, first.ID)
		wantErr(t, "content that was replaced", err, library.ErrNotFound)
		same(t, "usage", f.usage(s.ID), library.Used{Files: 1, Bytes: 100_000})
		same(t, "to be removed", len(f.removals()), 0)
		f.put(last)
		same(t, "file", givenFile(t, value(f.GetStorageFile(ctx, s.ID, path("a")))(t)), last.File)
		same(t, "usage", f.usage(s.ID), library.Used{Files: 1})
		same(t, "to be removed", f.removals(), map[string]bool{large.ID: true})
	})
	t.Run("keeps one of many at a path", func(t *testing.T) {
		f := newFixture(t, open)
		s := f.anyOwned()
		files := make([]storage.NewFile, 32)
		for i := range files {
			files[i] = newFile(s.ID, path([]string{"name", "NAME"}[i%2]), strings.Repeat("x", i))
		}
		for _, err := range race(len(files), func(i int) error {
			return f.PutStorageFile(ctx, files[i], library.Quota{})
		}) {
			must(t, err)
		}
		same(t, "files", f.usage(s.ID).Files, int64(1))
	})
	t.Run("takes nothing without a consent", func(t *testing.T) {
		f := newFixture(t, open)
		s := f.anyOwned()
		f.put(newFile(s.ID, path("before"), "x"))
		event := library.Event{Library: s.person.ID, At: now, Kind: library.EventStopped}
		must(t, f.Store.RevokeGrant(ctx, s.person.ID, s.grant.ID, now, event))
		wantErr(t, "stopped", f.PutStorageFile(ctx, newFile(s.ID, path("after"), "x"), library.Quota{}),
			library.ErrNotFound)
		must(t, second(f.allow(s.person, s.client, "", now)))
		f.put(newFile(s.ID, path("again"), "x"))
		late := newFile(s.ID, path("late"), "x")
		late.CreatedAt = later(200 * 24 * time.Hour)
		wantErr(t, "expired", f.PutStorageFile(ctx, late, library.Quota{}), library.ErrNotFound)
		wantErr(t, "no storage", f.PutStorageFile(ctx, newFile("none", path("x"), "x"), library.Quota{}),
			library.ErrNotFound)
		same(t, "files", f.names(s.ID, storage.Root, true), []string{"/again", "/before"})

		nobodys := f.add(f.AnyApplication(), now)
		f.put(newFile(nobodys.ID, path("x"), "x"))
		late = newFile(nobodys.ID, path("late"), "x")
		late.CreatedAt = nobodys.ExpiresAt
		wantErr(t, "of an expired storage", f.PutStorageFile(ctx, late, library.Quota{}), library.ErrNotFound)
	})
	t.Run("deletes a file", func(t *testing.T) {
		f := newFixture(t, open)
		s := f.anyOwned()
		small, large := newFile(s.ID, path("d", "small"), "x"), newLarge(s.ID, path("d", "large"), 100_000)
		f.put(small, large, newFile(s.ID, path("d", "kept"), "xyz"))
		must(t, f.DeleteStorageFile(ctx, s.ID, path("D", "SMALL"), later(2*time.Hour)))
		must(t, f.DeleteStorageFile(ctx, s.ID, path("d", "large"), later(2*time.Hour)))
		wantErr(t, "again", f.DeleteStorageFile(ctx, s.ID, path("d", "large"), now), library.ErrNotFound)
		wantErr(t, "a folder", f.DeleteStorageFile(ctx, s.ID, path("d"), now), library.ErrNotFound)
		wantErr(t, "in no storage", f.DeleteStorageFile(ctx, "none", path("d", "kept"), now), library.ErrNotFound)
		_, err := f.GetStorageContent(ctx, small.ID)
		wantErr(t, "content", err, library.ErrNotFound)
		same(t, "usage", f.usage(s.ID), library.Used{Files: 1, Bytes: 3})
		same(t, "to be removed", f.removals(), map[string]bool{large.ID: true})
		same(t, "changed", value(f.Store.GetStorage(ctx, s.ID))(t).ChangedAt, later(2*time.Hour))
	})
	t.Run("deletes while others write", func(t *testing.T) {
		f := newFixture(t, open)
		s := f.anyOwned()
		event := library.Event{Library: s.person.ID, At: now, Kind: library.EventStorageDeletedByApp}
		errs := race(40, func(i int) error {
			p := path("d", fmt.Sprint(i/4))
			switch i % 4 {
			case 1:
				return f.DeleteStorageFile(ctx, s.ID, p, now)
			case 2:
				return f.DeleteStorageFolder(ctx, s.ID, storage.Root, now, event)
			}
			return f.PutStorageFile(ctx, newFile(s.ID, p, "content"), library.Quota{})
		})
		for _, err := range errs {
			if err != nil && !errors.Is(err, library.ErrNotFound) {
				t.Error(err)
			}
		}
		f.usage(s.ID)
		f.Events(s.person.ID)
	})
}

// TestStorageFolders tests the folders of a storage.FileStore.
func TestStorageFolders(t *testing.T, open func(t *testing.T) Store) {
	fill := func(f *fixture) owned {
		s := f.anyOwned()
		for _, p := range []storage.Path{
			path("b"), path("A"), path("Docs", "two"), path("docs", "One"), path("docs", "inner", "x"),
			path("docs.txt"), path("docs0", "x"), path("docs!", "x"), path("do", "x"), path("docs", "inner", "é", "y"),
			path("d%", "x"), path("d_cs", "x"),
		} {
			f.put(newFile(s.ID, p, "12"))
		}
		return s
	}
	t.Run("lists one folder or all in it", func(t *testing.T) {
		f := newFixture(t, open)
		s := fill(f)
		same(t, "root", f.names(s.ID, storage.Root, false), []string{"/A", "/b", "/docs.txt"})
		same(t, "folder", f.names(s.ID, folder("DOCS"), false), []string{"/docs/One", "/Docs/two"})
		same(t, "tree", f.names(s.ID, folder("docs"), true),
			[]string{"/docs/One", "/Docs/two", "/docs/inner/x", "/docs/inner/é/y"})
		same(t, "all", len(f.names(s.ID, storage.Root, true)), 12)
		same(t, "no folder", len(f.names(s.ID, folder("none"), true)), 0)
		same(t, "a file", len(f.names(s.ID, folder("b"), true)), 0)
		same(t, "another storage", len(f.names(f.anyOwned().ID, storage.Root, true)), 0)
	})
	t.Run("lists from a file on", func(t *testing.T) {
		f := newFixture(t, open)
		s := fill(f)
		for _, recursive := range []bool{true, false} {
			var paged []string
			for after := (storage.File{}); ; {
				page := value(f.ListStorageFiles(ctx, s.ID, storage.Root, recursive, after, 2))(t)
				if len(page) == 0 {
					break
				}
				for _, file := range page {
					paged = append(paged, file.OriginalFolder+file.OriginalName)
				}
				after = page[len(page)-1]
			}
			same(t, "pages", paged, f.names(s.ID, storage.Root, recursive))
		}
	})
	t.Run("deletes a folder of many files", func(t *testing.T) {
		f := newFixture(t, open)
		s := f.anyOwned()
		f.put(newFile(s.ID, path("other"), "other"))
		for i := range 501 { // more than a store reads at a time
			f.put(newFile(s.ID, path("many", strconv.Itoa(i%2), strconv.Itoa(i)), "12"))
		}
		must(t, f.DeleteStorageFolder(ctx, s.ID, folder("many"), now, library.Event{}))
		left := value(f.Store.GetStorage(ctx, s.ID))(t)
		same(t, "usage", left.Used, library.Used{Files: 1, Bytes: 5})
		same(t, "sum of versions", left.VersionSum, int64(1))
	})
	t.Run("deletes a folder", func(t *testing.T) {
		f := newFixture(t, open)
		s := fill(f)
		large := newLarge(s.ID, path("docs", "inner", "large"), 100_000)
		f.put(large)
		events := len(f.Events(s.person.ID))
		must(t, f.DeleteStorageFolder(ctx, s.ID, folder("Docs"), later(2*time.Hour), library.Event{}))
		same(t, "events", len(f.Events(s.person.ID)), events)
		same(t, "files", f.names(s.ID, storage.Root, true), []string{"/A", "/b", "/docs.txt", "/d%/x", "/d_cs/x",
			"/do/x", "/docs!/x", "/docs0/x"})
		same(t, "usage", f.usage(s.ID), library.Used{Files: 8, Bytes: 16})
		same(t, "to be removed", f.removals(), map[string]bool{large.ID: true})
		same(t, "contents of nothing", len(value(f.ListContentsOfNoStorageFile(ctx, "", 10))(t)), 0)
		for what, err := range map[string]error{
			"again":      f.DeleteStorageFolder(ctx, s.ID, folder("docs"), now, library.Event{}),
			"a file":     f.DeleteStorageFolder(ctx, s.ID, folder("a"), now, library.Event{}),
			"no storage": f.DeleteStorageFolder(ctx, "none", storage.Root, now, library.Event{}),
		} {
			wantErr(t, what, err, library.ErrNotFound)
		}
		event := library.Event{Library: s.person.ID, At: now, Kind: library.EventStorageDeletedByApp}
		must(t, f.DeleteStorageFolder(ctx, s.ID, storage.Root, now, event))
		same(t, "usage", f.usage(s.ID), library.Used{})
		same(t, "event", f.NewestEvent(s.person.ID).Kind, library.EventStorageDeletedByApp)
		wantErr(t, "the empty root", f.DeleteStorageFolder(ctx, s.ID, storage.Root, now, event), library.ErrNotFound)
		same(t, "events", len(f.Events(s.person.ID)), events+1)
	})
}

// TestStorageQuota tests how a storage.FileStore counts.
func TestStorageQuota(t *testing.T, open func(t *testing.T) Store) {
	wantQuota := func(t *testing.T, what string, err error, ofFiles bool) {
		t.Helper()
		var quota *library.QuotaError
		if !errors.As(err, &quota) || quota.InBytes == ofFiles || quota.Kind != library.StorageQuota {
			t.Errorf("%s: %v", what, err)
		}
	}
	t.Run("bounds bytes and files", func(t *testing.T) {
		f := newFixture(t, open)
		s := f.anyOwned()
		quota := library.Quota{Files: 2, Bytes: 10}
		put := func(name, content string) error {
			return f.PutStorageFile(ctx, newFile(s.ID, path(name), content), quota)
		}
		must(t, put("a", "123456"))
		wantQuota(t, "too many bytes", put("b", "12345"), false)
		must(t, put("b", "1234"))
		wantQuota(t, "too many files", put("c", ""), true)
		must(t, put("a", "654321"))
		wantQuota(t, "a larger one in its place", put("a", "1234567"), false)
		same(t, "usage", f.usage(s.ID), library.Used{Files: 2, Bytes: 10})
		kept := value(f.GetStorageFile(ctx, s.ID, path("a")))(t)
		same(t, "content", string(value(f.GetStorageContent(ctx, kept.ID))(t)), "654321")
		must(t, f.DeleteStorageFile(ctx, s.ID, path("b"), now))
		must(t, put("c", "1234"))

		quota = library.Quota{Files: 1, Bytes: 5} // the operator has made it less
		wantQuota(t, "a new one", put("d", ""), true)
		must(t, put("a", "12345"))
	})
	t.Run("is exact among many", func(t *testing.T) {
		f := newFixture(t, open)
		s := f.anyOwned()
		stored := 0
		quota := library.Quota{Files: 20, Bytes: 62}
		for _, err := range race(50, func(i int) error {
			return f.PutStorageFile(ctx, newFile(s.ID, path(fmt.Sprint(i)), "12345"), quota)
		}) {
			if err == nil {
				stored++
				continue
			}
			wantQuota(t, "the loser", err, false)
		}
		same(t, "stored", stored, 12)
		same(t, "usage", f.usage(s.ID), library.Used{Files: 12, Bytes: 60})
	})
	t.Run("counts all of an application that nobody has allowed", func(t *testing.T) {
		f := newFixture(t, open)
		c := f.AnyClient(library.Write)
		first, second, other := f.add(c.Application, now), f.add(c.Application, now), f.add(f.AnyApplication(), now)
		quota := library.Quota{Files: 3, Bytes: 10}
		must(t, f.PutStorageFile(ctx, newFile(first.ID, path("a"), "123456"), quota))
		wantQuota(t, "another", f.PutStorageFile(ctx, newFile(second.ID, path("a"), "12345"), quota), false)
		must(t, f.PutStorageFile(ctx, newFile(second.ID, path("a"), "1234"), quota))
		must(t, f.PutStorageFile(ctx, newFile(second.ID, path("a"), "4321"), quota))
		must(t, f.PutStorageFile(ctx, newFile(other.ID, path("a"), "1234567890"), quota))
		same(t, "sum", value(f.SumStoragesOfNobody(ctx, c.Application.ID))(t), library.Used{Files: 2, Bytes: 10})
		_, err := f.allow(f.AnyPerson(), c, first.ID, now)
		must(t, err)
		must(t, f.PutStorageFile(ctx, newFile(second.ID, path("b"), "123456"), quota))
		must(t, f.PutStorageFile(ctx, newFile(first.ID, path("b"), "1234"), quota))
	})
	t.Run("sums all of an application", func(t *testing.T) {
		f := newFixture(t, open)
		c, none := f.AnyClient(library.Write), f.AnyApplication()
		first, second, other := f.add(c.Application, now), f.add(c.Application, now), f.add(f.AnyApplication(), now)
		_, err := f.allow(f.AnyPerson(), c, first.ID, now)
		must(t, err)
		for id, content := range map[storage.ID]string{first.ID: "123456", second.ID: "1234", other.ID: "12"} {
			must(t, f.PutStorageFile(ctx, newFile(id, path("a"), content), library.Quota{}))
		}
		must(t, f.PutStorageFile(ctx, newFile(first.ID, path("b"), "123"), library.Quota{}))
		want := storage.Usage{Storages: 2, Used: library.Used{Files: 3, Bytes: 13}}
		same(t, "sum", value(f.SumStorages(ctx, c.Application.ID))(t), want)
		same(t, "sum of none", value(f.SumStorages(ctx, none.ID))(t), storage.Usage{})
	})
}
