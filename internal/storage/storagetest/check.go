package storagetest

import (
	"testing"

	"github.com/carrelhq/carrel/internal/storage"
)

// TestStorageRemovals tests a storage.RemovalStore.
func TestStorageRemovals(t *testing.T, open func(t *testing.T) Store) {
	f := newFixture(t, open)
	s := f.anyOwned()
	kept, removed := newLarge(s.ID, path("kept"), 100_000), newLarge(s.ID, path("removed"), 100_000)
	f.put(kept, removed)
	must(t, f.DeleteStorageFile(ctx, s.ID, removed.Path, now))
	has := func(c storage.Content) bool { return value(f.HasStorageContent(ctx, c))(t) }
	same(t, "of a file", has(storage.Content{Storage: s.ID, File: kept.ID}), true)
	same(t, "to be removed", has(storage.Content{Storage: s.ID, File: removed.ID}), true)
	same(t, "of another storage", has(storage.Content{Storage: "none", File: kept.ID}), false)
	same(t, "of none", has(storage.Content{Storage: s.ID, File: "none"}), false)
	list := value(f.ListStorageRemovals(ctx, 10))(t)
	same(t, "list", list, []storage.Content{{Storage: s.ID, File: removed.ID}})
	must(t, f.ForgetStorageRemovals(ctx, list))
	must(t, f.ForgetStorageRemovals(ctx, list))
	same(t, "list", len(value(f.ListStorageRemovals(ctx, 10))(t)), 0)
	same(t, "removed", has(storage.Content{Storage: s.ID, File: removed.ID}), false)
}

// TestStorageCheck tests a storage.CheckStore.
func TestStorageCheck(t *testing.T, open func(t *testing.T) Store) {
	f := newFixture(t, open)
	s, other := f.anyOwned(), f.anyOwned()
	ids := value(f.ListStorageIDs(ctx, "", 10))(t)
	same(t, "storages", len(ids), 2)
	same(t, "one", value(f.ListStorageIDs(ctx, "", 1))(t), ids[:1])
	same(t, "after", value(f.ListStorageIDs(ctx, ids[0], 10))(t), ids[1:])
	f.put(newFile(s.ID, path("b", "x"), "1"), newFile(s.ID, path("a"), "1"), newFile(other.ID, path("a"), "1"))
	all := value(f.ListAllStorageFiles(ctx, s.ID, storage.File{}, 10))(t)
	same(t, "files", len(all), 2)
	same(t, "after", value(f.ListAllStorageFiles(ctx, s.ID, all[0], 10))(t), all[1:])
	same(t, "files of nothing", len(value(f.ListFilesOfNoStorage(ctx, "", 10))(t)), 0)
	same(t, "contents of nothing", len(value(f.ListContentsOfNoStorageFile(ctx, "", 10))(t)), 0)
}
