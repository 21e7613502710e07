package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var unknownStorage, unknownFile = library.Unknown("Storage"), library.Unknown("File")

// wantContent fails the test unless a file has a content.
func wantContent(t *testing.T, c *carreltest.Contract, id storage.ID, p storage.Path, want []byte) {
	t.Helper()
	got, err := c.Downloads(id, p)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s%s: %d bytes, %v; want %d", p.OriginalFolder, p.OriginalName, len(got), err, len(want))
	}
}

// TestStorageLife: an application makes a storage, a person allows it, files come and go, the person stops the
// application and allows it again, and deletes the storage.
func TestStorageLife(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, app := w.Person(), w.Application()
	writer := app.Contract(library.Write)
	grant, id := anna.AllowsStorage(writer)
	found, err := w.Storages.FindForBearer(t.Context(), carreltest.Must(grant.Bearer())(t))
	if err != nil || found.ID != id || found.Library != anna.Library {
		t.Fatalf("%+v, %v", found, err)
	}
	small, large := []byte("small"), carreltest.Large("large")
	a, b := carreltest.PathOf("Docs", "A"), carreltest.PathOf("b")
	carreltest.Must(writer.Uploads(id, a, small))(t)
	carreltest.Must(writer.Uploads(id, b, large))(t)
	carreltest.Must(writer.Uploads(id, carreltest.PathOf("empty"), nil))(t)
	wantContent(t, writer, id, carreltest.PathOf("docs", "a"), small)
	wantContent(t, app.Contract(library.Read), id, b, large) // another contract of the application
	wantContent(t, writer, id, carreltest.PathOf("empty"), nil)
	if n := w.BlobCount(); n != 1 {
		t.Errorf("%d blobs", n)
	}

	carreltest.Must(writer.Uploads(id, a, large))(t)
	carreltest.Must(writer.Uploads(id, b, small))(t)
	wantContent(t, writer, id, a, large)
	wantContent(t, writer, id, b, small)
	removesContents(t, w, 1)
	w.Clock.Moves(30 * 24 * time.Hour) // no sweep takes what is in use
	sweeps(t, w)
	wantContent(t, writer, id, a, large)

	anna.Stops(grant)
	for _, err := range []error{
		second(writer.Uploads(id, a, small)), second(writer.Downloads(id, a)), second(writer.OpensStorage(id)),
	} {
		if !errors.Is(err, storage.ErrNoConsent) {
			t.Errorf("after the stop: %v", err)
		}
	}
	w.Clock.Moves(time.Second)
	anna.Allows(writer)
	wantContent(t, writer, id, a, large)

	if err := w.Storages.DeleteForPerson(t.Context(), anna.SignedIn(), app.Application); err != nil {
		t.Fatal(err)
	}
	carreltest.Refused(t, "after the deletion", second(writer.OpensStorage(id)), unknownStorage)
	removesContents(t, w, 0)
	want := "you.created app.allowed storage.connected you.signed_in app.stopped app.allowed storage.deleted"
	if got := anna.Activity(); got != want {
		t.Errorf("activity %q, want %q", got, want)
	}
	if tables := w.Mentions(string(id)); len(tables) > 0 {
		t.Errorf("the storage is in %v", tables)
	}
}

// referenceOf asks for a handle of an account.
func referenceOf(account string) wire.ReferenceRequest {
	return wire.ReferenceRequest{Type: wire.ReferenceAccount, Value: account}
}

func second[T any](_ T, err error) error { return err }

// removesContents removes what no file has any more, and counts the blobs that are left.
func removesContents(t *testing.T, w *carreltest.World, left int) {
	t.Helper()
	if err := w.Storages.RemoveContents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.BlobCount(); n != left {
		t.Errorf("%d blobs, want %d", n, left)
	}
}

func sweeps(t *testing.T, w *carreltest.World) {
	t.Helper()
	err := errors.Join(w.Sweeping.SweepExpired(t.Context()), w.Storages.SweepExpired(t.Context()),
		w.Sweeping.SweepBlobs(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
}

// TestStorageOfNobody: a storage that no person has allowed works for a day, and is gone then, with its contents.
func TestStorageOfNobody(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Write)
	id, p := c.CreatesStorage(), carreltest.PathOf("a")
	carreltest.Must(c.Uploads(id, p, carreltest.Large("large")))(t)
	w.Clock.Moves(23 * time.Hour)
	sweeps(t, w)
	wantContent(t, c, id, p, carreltest.Large("large"))
	w.Clock.Moves(time.Hour)
	carreltest.Refused(t, "after a day", second(c.OpensStorage(id)), unknownStorage)
	_, err := c.RefersTo(id)
	carreltest.Refused(t, "reference after a day", err, unknownStorage)
	sweeps(t, w)
	removesContents(t, w, 0)
	if n := w.Rows("storages") + w.Rows("storage_files") + w.Rows("storage_removals"); n > 0 {
		t.Errorf("%d rows are left", n)
	}
}

// TestStorageGiven: a handle of a storage is for the application that made it, and for one person.
func TestStorageGiven(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram, app := w.Person(), w.Person(), w.Application()
	c, other := app.Contract(library.Write), w.Application().Contract(library.Write)
	id := c.CreatesStorage()
	for what, err := range map[string]error{
		"of another application": second(other.RefersTo(id)),
		"unknown":                second(c.RefersTo("none")),
	} {
		carreltest.Refused(t, what, err, unknownStorage)
	}
	handle := carreltest.Must(c.RefersTo(id))(t)
	resolve := func(p *carreltest.Person, c *carreltest.Contract, handle string) (storage.ID, error) {
		return w.Consents.ResolveStorageHandle(t.Context(), p.SignedIn(), p.Asked(c), handle)
	}
	if got, err := resolve(anna, c, handle); err != nil || got != id {
		t.Errorf("%s, %v", got, err)
	}
	carreltest.Must(anna.GivesStorage(c, id))(t)
	if got, err := resolve(anna, app.Contract(library.Read), handle); err != nil || got != id {
		t.Errorf("by the same person again: %s, %v", got, err)
	}
	account := carreltest.Must(w.Consents.AddAccountHandle(t.Context(), c.Requests(), referenceOf("a")))(t)
	for what, err := range map[string]error{
		"by another application": second(resolve(anna, other, handle)),
		"by another person":      second(resolve(bram, c, handle)),
		"unknown":                second(resolve(anna, c, "none")),
		"of an account":          second(resolve(anna, c, account)),
		"given to another":       second(bram.GivesStorage(c, id)),
	} {
		if !errors.Is(err, library.ErrStorageGone) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.Consents.ResolveAccountHandle(t.Context(), anna.Asked(c), handle); !errors.Is(err,
		library.ErrNotFound) {
		t.Errorf("the handle of a storage is one of an account: %v", err)
	}
	w.Clock.Moves(time.Hour)
	if _, err := resolve(anna, c, handle); !errors.Is(err, library.ErrStorageGone) {
		t.Errorf("after an hour: %v", err)
	}
}

// TestStorageOfAnother: an id is of no use to another application.
func TestStorageOfAnother(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	_, id := w.Person().AllowsStorage(w.Application().Contract(library.Write))
	other := w.Application().Contract(library.Write)
	w.Person().AllowsStorage(other)
	w.Unchanged("another application", func() {
		for _, id := range []storage.ID{id, "none", "", "../x", "a\x00", "é"} {
			carreltest.Refused(t, string(id), second(other.OpensStorage(id)), unknownStorage)
		}
	})
}

// TestUploadRefused: what is refused, or breaks off, leaves nothing.
func TestUploadRefused(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t, func(c *server.Config) {
		c.StorageQuota, c.MaxFileSize = library.Quota{Files: 2, Bytes: 300_000}, 250_000
	})
	c := w.Application().Contract(library.Write)
	_, id := w.Person().AllowsStorage(c)
	p := carreltest.PathOf("a")
	first := bytes.Repeat([]byte("x"), 100_000)
	carreltest.Must(c.Uploads(id, p, first))(t)
	broken := errors.New("the connection is gone")
	size := func(n int) io.Reader { return bytes.NewReader(make([]byte, n)) }
	for _, tt := range []struct {
		what      string
		path      storage.Path
		content   io.Reader
		announced int64
		holds     func(error) bool
	}{
		{"cut off at once", p, failing(0, broken), -1, isBroken},
		{"cut off while small", p, failing(1000, broken), -1, isBroken},
		{"cut off while large", p, failing(200_000, broken), -1, isBroken},
		{"an end that is none", p, failing(200_000, io.ErrUnexpectedEOF), -1, isBroken},
		{"too large", p, size(250_001), -1, isTooLarge},
		{"announced as too large", p, failing(0, broken), 250_001, isTooLarge},
		{"beyond the quota", carreltest.PathOf("b"), size(200_001), -1, isQuota},
		{"announced beyond the quota", carreltest.PathOf("b"), failing(0, broken), 200_001, isQuota},
		{"to a folder", storage.Root, size(1), -1, func(err error) bool {
			var r *library.Refusal
			return errors.As(err, &r) && r.Kind == library.RefusedParameter
		}},
	} {
		w.Unchanged(tt.what, func() {
			s := carreltest.Must(c.OpensStorage(id))(t)
			if _, err := w.Storages.Upload(t.Context(), s, tt.path, tt.content, tt.announced); !tt.holds(err) {
				t.Errorf("%s: %v", tt.what, err)
			}
		})
	}
	wantContent(t, c, id, p, first)
	carreltest.Must(c.Uploads(id, p, make([]byte, 250_000)))(t) // in place of the first, it fits
	carreltest.Must(c.Uploads(id, carreltest.PathOf("b"), make([]byte, 50_000)))(t)
	if err := second(c.Uploads(id, carreltest.PathOf("c"), nil)); !isQuota(err) {
		t.Errorf("a third file: %v", err)
	}
}

// failing returns a reader of n bytes that then fails.
func failing(n int64, err error) io.Reader {
	return io.MultiReader(io.LimitReader(zeros{}, n), readerFunc(func([]byte) (int, error) { return 0, err }))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func isBroken(err error) bool {
	var b *library.BodyError
	return errors.As(err, &b)
}

func isTooLarge(err error) bool {
	var r *library.Refusal
	return errors.As(err, &r) && r.Kind == library.RefusedSize
}

func isQuota(err error) bool {
	var q *library.QuotaError
	return errors.As(err, &q)
}

// TestUploadWhileDeleted: an upload that is under way when its storage is deleted, or its consent stopped, stores
// nothing.
func TestUploadWhileDeleted(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 200_000} {
		for _, end := range []string{"deleted", "stopped", "library deleted"} {
			w := carreltest.New(t, func(c *server.Config) { c.DeleteWait = 0 })
			anna, app := w.Person(), w.Application()
			c := app.Contract(library.Write)
			grant, id := anna.AllowsStorage(c)
			s := carreltest.Must(c.OpensStorage(id))(t)
			body := io.MultiReader(bytes.NewReader(make([]byte, size)), readerFunc(func([]byte) (int, error) {
				switch end {
				case "deleted":
					return 0, errors.Join(io.EOF, w.Storages.DeleteForPerson(t.Context(), anna.SignedIn(),
						app.Application))
				case "stopped":
					anna.Stops(grant)
				default:
					anna.Shuts()
				}
				return 0, io.EOF
			}))
			_, err := w.Storages.Upload(t.Context(), s, carreltest.PathOf("a"), onlyEOF(body), -1)
			carreltest.Refused(t, end, err, unknownStorage)
			removesContents(t, w, 0)
			if n := w.Rows("storage_files") + w.Rows("storage_contents"); n > 0 {
				t.Errorf("%s: %d rows", end, n)
			}
		}
	}
}

// onlyEOF returns an error that wraps io.EOF as io.EOF.
func onlyEOF(r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if errors.Is(err, io.EOF) {
			err = io.EOF
		}
		return n, err
	})
}

// TestDownloadWhileReplaced: a download that is under way reads the file that it has begun with.
func TestDownloadWhileReplaced(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Write)
	_, id := w.Person().AllowsStorage(c)
	p, first := carreltest.PathOf("a"), carreltest.Large("first")
	carreltest.Must(c.Uploads(id, p, first))(t)
	s := carreltest.Must(c.OpensStorage(id))(t)
	_, content, err := w.Storages.Download(t.Context(), s, p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	carreltest.Must(c.Uploads(id, p, carreltest.Large("second")))(t)
	removesContents(t, w, 1)
	if got, err := io.ReadAll(content); err != nil || !bytes.Equal(got, first) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestDownloadDamaged: a content that was changed on the disk or in the database is never handed out as a whole.
func TestDownloadDamaged(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Write)
	_, id := w.Person().AllowsStorage(c)
	p, large := carreltest.PathOf("a"), carreltest.Large("large")
	carreltest.Must(c.Uploads(id, p, large))(t)
	key := w.BlobKeys()[0]
	for what, damage := range map[string]func([]byte) []byte{
		"another byte":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"a byte less":   func(b []byte) []byte { return b[:len(b)-1] },
		"nothing":       func([]byte) []byte { return nil },
		"the beginning": func(b []byte) []byte { b[0] ^= 1; return b },
	} {
		carreltest.Must(w.Blobs.Put(t.Context(), key, bytes.NewReader(damage(bytes.Clone(large)))))(t)
		got, err := c.Downloads(id, p)
		if err == nil || len(got) >= len(large) {
			t.Errorf("%s: %d bytes, %v", what, len(got), err)
		}
	}
	carreltest.Must(w.Blobs.Put(t.Context(), key, bytes.NewReader(append(bytes.Clone(large), 'x'))))(t)
	wantContent(t, c, id, p, large) // what somebody has added is not read
	if err := w.Blobs.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Downloads(id, p); err == nil || errors.Is(err, library.ErrNotFound) ||
		!strings.Contains(err.Error(), "its content is gone") {
		t.Errorf("a content that is gone: %v", err)
	}
}

// TestDelete: a path without a slash may be a file or a folder.
func TestDelete(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person()
	c := w.Application().Contract(library.Write)
	_, id := anna.AllowsStorage(c)
	deletes := func(p storage.Path) error {
		return w.Storages.Delete(t.Context(), carreltest.Must(c.OpensStorage(id))(t), c.Client, p)
	}
	for _, p := range []storage.Path{carreltest.PathOf("d"), carreltest.PathOf("d", "x"), carreltest.PathOf("e")} {
		carreltest.Must(c.Uploads(id, p, []byte("x")))(t)
	}
	folder := carreltest.Must(storage.ParsePath([]string{"e"}, true))(t)
	carreltest.Refused(t, "a file as a folder", deletes(folder), library.Unknown("Folder"))
	for _, p := range []storage.Path{carreltest.PathOf("D"), carreltest.PathOf("d")} {
		if err := deletes(p); err != nil {
			t.Error(err)
		}
	}
	carreltest.Refused(t, "neither", deletes(carreltest.PathOf("d")), unknownFile)
	before := len(anna.Events())
	if err := deletes(storage.Root); err != nil {
		t.Error(err)
	}
	carreltest.Refused(t, "an empty storage", deletes(storage.Root), library.Unknown("Folder"))
	events := anna.Events()
	if len(events) != before+1 || events[before].Kind != library.EventStorageDeletedByApp {
		t.Errorf("activity %q", anna.Activity())
	}
}

// full is a disk that is full after some calls.
type full struct{ left int }

func (f *full) Check() error {
	if f.left--; f.left < 0 {
		return library.ErrStorageFull
	}
	return nil
}

// TestUploadToFullDisk: while the disks are nearly full nothing is uploaded, also not the rest of what has begun.
// Everything else works.
func TestUploadToFullDisk(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Write)
	_, id := w.Person().AllowsStorage(c)
	p := carreltest.PathOf("a")
	carreltest.Must(c.Uploads(id, p, []byte("first")))(t)
	s := carreltest.Must(c.OpensStorage(id))(t)
	for size, checks := range map[int]int{10: 0, 5 << 20: 3} {
		disk := &full{checks}
		storages := storage.New(w.Store, w.Blobs, w.Consents, w.OpensIntegrity(w.Store), w.Clock.Now,
			storage.Config{Space: disk})
		w.Unchanged("an upload to a full disk", func() {
			_, err := storages.Upload(t.Context(), s, p, bytes.NewReader(make([]byte, size)), -1)
			if !errors.Is(err, library.ErrStorageFull) || disk.left != -1 {
				t.Errorf("%d bytes: %v, %d checks left", size, err, disk.left)
			}
		})
	}
	wantContent(t, c, id, p, []byte("first"))
	if err := w.Storages.Delete(t.Context(), s, c.Client, p); err != nil {
		t.Error(err)
	}
}

// unansweredStore stores files, and does not learn that it has.
type unansweredStore struct{ storage.Store }

func (s unansweredStore) PutStorageFile(ctx context.Context, f storage.NewFile, q library.Quota) error {
	if err := s.Store.PutStorageFile(ctx, f, q); err != nil {
		return err
	}
	return library.WithMeaning(errors.New("connection lost"), library.ErrOutcomeUnknown)
}

// TestUploadUnanswered: a large file keeps its content if nobody knows whether it was stored, since it has taken the
// place of the earlier one if it was.
func TestUploadUnanswered(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	writer := w.Application().Contract(library.Write)
	_, id := w.Person().AllowsStorage(writer)
	p, earlier, later := carreltest.PathOf("a"), carreltest.Large("earlier"), carreltest.Large("later")
	carreltest.Must(writer.Uploads(id, p, earlier))(t)
	storages := storage.New(unansweredStore{w.Store}, w.Blobs, w.Consents, w.OpensIntegrity(w.Store), w.Clock.Now,
		storage.Config{})
	s := carreltest.Must(writer.OpensStorage(id))(t)
	_, err := storages.Upload(t.Context(), s, p, bytes.NewReader(later), -1)
	if !errors.Is(err, library.ErrOutcomeUnknown) {
		t.Fatalf("%v, want an unknown outcome", err)
	}
	wantContent(t, writer, id, p, later)
}
