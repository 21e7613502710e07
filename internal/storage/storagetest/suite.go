package storagetest

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/storage"
)

// Store is a store of storages, with the store of libraries that it is part of.
type Store interface {
	librarytest.Store
	storage.Store
	storage.CheckStore
}

// TestStore runs the tests of every interface of package storage that a store implements. open returns an empty store;
// it is called for each test, and closes the store when that ends.
func TestStore(t *testing.T, open func(t *testing.T) Store) {
	for _, part := range []struct {
		name string
		test func(t *testing.T, open func(t *testing.T) Store)
	}{
		{"Storages", TestStorages},
		{"StorageOwners", TestStorageOwners},
		{"StorageFiles", TestStorageFiles},
		{"StorageFolders", TestStorageFolders},
		{"StorageQuota", TestStorageQuota},
		{"StorageRemovals", TestStorageRemovals},
		{"StorageCheck", TestStorageCheck},
		{"StorageVersions", TestStorageVersions},
		{"StorageBindings", TestStorageBindings},
		{"ForgedStorageFile", TestForgedStorageFile},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open) })
	}
}

// What these tests share with those of package librarytest.
var (
	ctx     = librarytest.Ctx
	now     = librarytest.Now
	later   = librarytest.Later
	must    = librarytest.Must
	wantErr = librarytest.WantErr
	same    = librarytest.Same
	race    = librarytest.Race
	anyID   = librarytest.AnyID
)

func value[T any](v T, err error) func(t testing.TB) T { return librarytest.Value(v, err) }

// given returns a storage as a test has given it: without its binding, which it must have.
func given(t testing.TB, s storage.Storage) storage.Storage {
	t.Helper()
	if len(s.Binding) == 0 {
		t.Error("a storage has no binding")
	}
	s.Binding = nil
	return s
}

// givenFile returns a file as a test has given it: without its number and its binding, which it must have.
func givenFile(t testing.TB, f storage.File) storage.File {
	t.Helper()
	if len(f.Binding) == 0 || f.Version == 0 {
		t.Error("a file has no binding or no number")
	}
	f.Binding, f.Version = nil, 0
	return f
}

// fixture is a store with methods that fill it.
type fixture struct {
	*librarytest.Fixture
	Store
	t *testing.T
}

func newFixture(t *testing.T, open func(t *testing.T) Store) *fixture {
	t.Helper()
	s := open(t)
	return &fixture{librarytest.FixtureOf(t, s), s, t}
}

// add adds a storage of an application that nobody has allowed.
func (f *fixture) add(a library.Application, at time.Time) storage.Storage {
	f.t.Helper()
	s := storage.Storage{ID: storage.ID(anyID()), Application: a.ID, CreatedAt: at, ChangedAt: at,
		ExpiresAt: at.Add(24 * time.Hour)}
	must(f.t, f.Store.AddStorage(ctx, s))
	return s
}

// allow has a person allow a client, with a storage, and returns what the store says.
func (f *fixture) allow(p librarytest.Person, c library.Client, id storage.ID, at time.Time) (library.Grant, error) {
	f.t.Helper()
	request, _ := f.AnyRequest(c)
	approval := librarytest.NewApproval(p, c, request, at)
	approval.Storage = id
	grant, _, err := f.Store.Allow(ctx, approval)
	return grant, err
}

// owned is a storage that a person has allowed.
type owned struct {
	storage.Storage
	person librarytest.Person
	client library.Client
	grant  library.Grant
}

// anyOwned adds a storage that a person has allowed.
func (f *fixture) anyOwned() owned {
	f.t.Helper()
	p, c := f.AnyPerson(), f.AnyClient(library.Write)
	s := f.add(c.Application, now)
	grant, err := f.allow(p, c, s.ID, now)
	must(f.t, err)
	return owned{value(f.Store.GetStorage(ctx, s.ID))(f.t), p, c, grant}
}

// path returns a path of segments.
func path(segments ...string) storage.Path {
	p, err := storage.ParsePath(segments, false)
	if err != nil {
		panic(err)
	}
	return p
}

func folder(segments ...string) storage.Path {
	p, err := storage.ParsePath(segments, true)
	if err != nil {
		panic(err)
	}
	return p
}

// newFile returns a small file of a storage.
func newFile(s storage.ID, p storage.Path, content string) storage.NewFile {
	sum := sha256.Sum256([]byte(content))
	return storage.NewFile{File: storage.File{ID: anyID(), Storage: s, Path: p, Size: int64(len(content)),
		SHA256: sum[:], CreatedAt: later(time.Hour)}, Content: []byte(content)}
}

// newLarge returns a file of a storage whose content is in a blob.
func newLarge(s storage.ID, p storage.Path, size int64) storage.NewFile {
	f := newFile(s, p, "")
	f.Content, f.Size = nil, size
	return f
}

// put adds files.
func (f *fixture) put(files ...storage.NewFile) {
	f.t.Helper()
	for _, file := range files {
		must(f.t, f.PutStorageFile(ctx, file, library.Quota{}))
	}
}

// usage returns what a storage holds, after it has compared that with its files.
func (f *fixture) usage(id storage.ID) library.Used {
	f.t.Helper()
	var sum library.Used
	for _, file := range value(f.ListAllStorageFiles(ctx, id, storage.File{}, 1000))(f.t) {
		sum.Files++
		sum.Bytes += file.Size
	}
	got := value(f.Store.GetStorage(ctx, id))(f.t).Used
	same(f.t, "what the storage holds", got, sum)
	return got
}

// names lists the files of a folder.
func (f *fixture) names(id storage.ID, p storage.Path, recursive bool) (names []string) {
	f.t.Helper()
	for _, file := range value(f.ListStorageFiles(ctx, id, p, recursive, storage.File{}, 1000))(f.t) {
		names = append(names, file.OriginalFolder+file.OriginalName)
	}
	return names
}

// removals lists the contents that are to be removed, as the ids of their files.
func (f *fixture) removals() map[string]bool {
	f.t.Helper()
	files := map[string]bool{}
	for _, c := range value(f.ListStorageRemovals(ctx, 1000))(f.t) {
		files[c.File] = true
	}
	return files
}
