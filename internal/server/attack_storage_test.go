package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/storage"
)

// callsCloud makes a call of the file storage.
func callsCloud(
	t *testing.T, s *carreltest.World, c *carreltest.Contract, method string, id storage.ID, path string,
	body io.Reader,
) (*http.Response, error) {
	t.Helper()
	request := carreltest.Must(http.NewRequestWithContext(t.Context(), method,
		s.URL+"/cloud/v1/clouds/"+string(id)+"/files/apps/"+string(c.Application.ID)+path, body))(t)
	request.Header.Set("Authorization", "Bearer "+c.SignsCloud())
	return http.DefaultTransport.RoundTrip(request)
}

// givesStorage has a visitor allow a contract, and gives their library a storage of it.
func givesStorage(t *testing.T, s *carreltest.World, c *carreltest.Contract) (*carreltest.Person, storage.ID) {
	t.Helper()
	person := s.Person()
	_, id := person.AllowsStorage(c)
	return person, id
}

// TestAttackStorageAfterStop: a transfer from or to a storage that is under way when its consent ends breaks off, and
// nothing of an upload is stored. Afterwards the application reaches nothing.
func TestAttackStorageAfterStop(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := carreltest.Serve(t, options...)
		for name, end := range ends {
			contract := s.Application().Contract(library.Write)
			person, id := givesStorage(t, s, contract)
			uploaded := carreltest.Must(callsCloud(t, s, contract, "POST", id, "/large",
				bytes.NewReader(make([]byte, transferSize))))(t)
			if _ = uploaded.Body.Close(); uploaded.StatusCode != http.StatusCreated {
				t.Fatalf("%s: %s", name, uploaded.Status)
			}
			blobs := s.BlobCount()
			answer := carreltest.Must(callsCloud(t, s, contract, "GET", id, "/LARGE", nil))(t)
			carreltest.Must(io.CopyN(io.Discard, answer.Body, 1<<20))(t)
			sent, send := io.Pipe()
			refused := make(chan error, 1)
			go func() {
				answer, err := callsCloud(t, s, contract, "POST", id, "/other", sent)
				if err == nil {
					_ = answer.Body.Close()
					if answer.StatusCode != http.StatusForbidden {
						err = errors.New(answer.Status)
					}
				}
				refused <- err
			}()
			carreltest.Must(send.Write(bytes.Repeat([]byte("x"), 1<<20)))(t)
			carreltest.Eventually(t, name+": the server receives it", func() bool { return s.BlobCount() > blobs })
			before := len(s.Log.Lines(storage.ErrNoConsent.Error()))
			if err := end(t, consent{s, person.SignedIn(), person.Password, contract}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			carreltest.Eventually(t, name+": both have broken off", func() bool {
				return len(s.Log.Lines(storage.ErrNoConsent.Error())) >= before+2
			})
			_ = send.Close()
			if err := <-refused; err != nil {
				t.Errorf("%s: the upload ends with %v", name, err)
			}
			n, err := io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if err == nil || n > transferSize/2 {
				t.Errorf("%s: after the stop %d bytes arrived, and then %v", name, n, err)
			}
			if got := s.BlobCount(); got != blobs {
				t.Errorf("%s: %d contents, before %d", name, got, blobs)
			}
			again, err := callsCloud(t, s, contract, "GET", id, "/large", nil)
			if err == nil {
				_ = again.Body.Close()
			}
			if err != nil || again.StatusCode/100 != 4 {
				t.Errorf("%s: a call after the stop: %v, %v", name, again, err)
			}
		}
	})
}

// TestAttackStorageRevived: whoever keeps the database puts a consent back that the person has stopped. The storage
// stays closed to the application.
func TestAttackStorageRevived(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		anna := k.Person()
		grant, id := anna.AllowsStorage(contract)
		carreltest.Must(contract.Uploads(id, carreltest.PathOf("a"), []byte("content")))(t)
		anna.Stops(grant)
		k.changes(`UPDATE grants SET revoked_at = 0 WHERE id = $1`, string(grant.ID()))
		k.waits()
		if _, err := contract.OpensStorage(id); !errors.Is(err, storage.ErrNoConsent) {
			t.Errorf("a consent that was put back: %v", err)
		}
		longer := k.Person()
		grant, id = longer.AllowsStorage(contract)
		k.changes(`UPDATE grants SET expires_at = expires_at + 1 WHERE id = $1`, string(grant.ID()))
		if _, err := contract.OpensStorage(id); !errors.Is(err, storage.ErrNoConsent) {
			t.Errorf("a consent that was made longer: %v", err)
		}
	})
}

// TestAttackStorageQuota: an application that fills the storages of its people, and those of nobody, stores no more
// than its quotas, and keeps nobody from anything.
func TestAttackStorageQuota(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		quota := library.Quota{Files: 50, Bytes: 1 << 20}
		s := carreltest.Serve(t, append(options, func(c *server.Config) { c.StorageQuota = quota })...)
		greedy, other := s.Application().Contract(library.Write), s.Application().Contract(library.Write)
		_, mine := givesStorage(t, s, greedy)
		person, others := givesStorage(t, s, other)
		ids := []storage.ID{mine, greedy.CreatesStorage(), greedy.CreatesStorage(), greedy.CreatesStorage()}
		const senders, each = 8, 8
		done := make(chan error, senders)
		for i := range senders {
			go func() {
				for j := range each {
					content := make([]byte, []int{1000, 100_000, 300_000}[(i+j)%3])
					answer, err := callsCloud(t, s, greedy, "POST", ids[j%len(ids)], fmt.Sprintf("/%d/%d", i, j),
						bytes.NewReader(content))
					if err != nil {
						done <- err
						return
					}
					_ = answer.Body.Close()
					switch answer.StatusCode {
					case http.StatusCreated, http.StatusInsufficientStorage, http.StatusServiceUnavailable:
					default:
						done <- errors.New(answer.Status)
						return
					}
				}
				done <- nil
			}()
		}
		for i := range 10 { // meanwhile
			carreltest.Must(other.Uploads(others, carreltest.PathOf(fmt.Sprint(i)), make([]byte, 100_000)))(t)
		}
		person.SignsIn()
		if err := s.Consents.RevokeApplication(t.Context(), person.SignedIn(), other.Application); err != nil {
			t.Error(err)
		}
		for range senders {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		db := s.OpensStore()
		claimed := carreltest.Must(db.GetStorage(t.Context(), mine))(t).Used
		nobodys := carreltest.Must(db.SumStoragesOfNobody(t.Context(), greedy.Application.ID))(t)
		for what, used := range map[string]library.Used{"storage": claimed, "storages of nobody": nobodys} {
			// Uploads at the same time to different storages of nobody may go a little beyond, on PostgreSQL.
			if used.Files > quota.Files+senders || used.Bytes > quota.Bytes+senders*300_000 ||
				what == "storage" && (used.Files > quota.Files || used.Bytes > quota.Bytes) {
				t.Errorf("%s: %+v", what, used)
			}
		}
	})
}

// TestAttackStorageFoundByCheck: each change to what is stored of a storage is found by the check, and what nobody has
// touched is well.
func TestAttackStorageFoundByCheck(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		contract := k.Application().Contract(library.Write)
		type victim struct {
			id           storage.ID
			small, large string // ids of files
		}
		blobOf := func(v *victim) string { return filepath.Join(k.Folder, "blobs", "storage-"+string(v.id), v.large) }
		for name, damage := range map[string]struct {
			do     func(v *victim)
			faults []string
			all    bool
		}{
			"nothing": {func(*victim) {}, nil, true},
			"a blob removed": {func(v *victim) {
				if err := os.Remove(blobOf(v)); err != nil {
					t.Fatal(err)
				}
			}, []string{"its content is gone"}, false},
			"a blob cut": {func(v *victim) {
				if err := os.Truncate(blobOf(v), 70_000); err != nil {
					t.Fatal(err)
				}
			}, []string{"70000 bytes"}, false},
			"a blob changed": {func(v *victim) {
				b := carreltest.Must(os.ReadFile(blobOf(v)))(t)
				b[100_000] ^= 1
				if err := os.WriteFile(blobOf(v), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}, []string{"not the one that arrived"}, true},
			"a content changed": {func(v *victim) {
				k.changes(`UPDATE storage_contents SET data = $1 WHERE file_id = $2`, []byte("CONTENT"), v.small)
			}, []string{"not the one that arrived"}, false},
			"a content removed": {func(v *victim) {
				k.changes(`DELETE FROM storage_contents WHERE file_id = $1`, v.small)
			}, []string{"its content is gone"}, false},
			"a row removed": {func(v *victim) {
				k.changes(`DELETE FROM storage_files WHERE id = $1`, v.small)
			}, []string{"and holds 1 with", "there is no such file"}, false},
			"another name": {func(v *victim) {
				k.changes(`UPDATE storage_files SET name = 'Other' WHERE id = $1`, v.small)
			}, []string{"its path is none"}, false},
			"a path that leads elsewhere": {func(v *victim) {
				k.changes(`UPDATE storage_files SET folder = '/../', original_folder = '/../' WHERE id = $1`, v.small)
			}, []string{"its path is none"}, false},
			"other numbers": {func(v *victim) {
				k.changes(`UPDATE storages SET bytes = 0 WHERE id = $1`, string(v.id))
			}, []string{"its row is not what", "it is said to hold 2 files with 0 bytes"}, false},
			"no library": {func(v *victim) {
				k.changes(`UPDATE storages SET library_id = 'none' WHERE id = $1`, string(v.id))
			}, []string{"there is no such library", "its row is not what"}, false},
			"no storage": {func(v *victim) {
				k.changes(`DELETE FROM storages WHERE id = $1`, string(v.id))
			}, []string{"there is no such storage", "there is no such storage"}, false},
		} {
			_, id := k.Person().AllowsStorage(contract)
			v := &victim{id: id}
			v.small = carreltest.Must(contract.Uploads(id, carreltest.PathOf("A"), []byte("content")))(t).ID
			v.large = carreltest.Must(contract.Uploads(id, carreltest.PathOf("b"), carreltest.Large("large")))(t).ID
			damage.do(v)
			_, lines := k.checks(damage.all)
			rest := strings.Join(lines, "\n")
			if len(lines) != len(damage.faults) {
				t.Errorf("%s: %q", name, lines)
			}
			for _, want := range damage.faults {
				if !strings.Contains(rest, want) {
					t.Errorf("%s: no %q in %q", name, want, lines)
				}
				rest = strings.Replace(rest, want, "", 1)
			}
			// What the check has found goes, so that the next one finds only what comes then.
			for _, query := range []string{
				`DELETE FROM storage_contents WHERE file_id IN (SELECT id FROM storage_files WHERE storage_id = $1)`,
				`DELETE FROM storage_contents WHERE NOT EXISTS (SELECT 1 FROM storage_files f WHERE f.id = file_id)
					AND $1 <> ''`,
				`DELETE FROM storage_files WHERE storage_id = $1`, `DELETE FROM storages WHERE id = $1`,
			} {
				carreltest.Must(k.db.ExecContext(t.Context(), query, string(id)))(t)
			}
			_ = os.RemoveAll(filepath.Dir(blobOf(v)))
		}
	})
}

// TestAttackStorageSwept: the sweep of contents knows those of storages. It takes none that is in use, and removes what
// a crash has left.
func TestAttackStorageSwept(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	contract := w.Application().Contract(library.Write)
	_, id := w.Person().AllowsStorage(contract)
	p := carreltest.PathOf("a")
	carreltest.Must(contract.Uploads(id, p, carreltest.Large("first")))(t)
	orphan := storage.Content{Storage: id, File: wire.RandomAlphanumeric(26)}
	carreltest.Must(w.Blobs.Put(t.Context(), orphan.Key(), bytes.NewReader(carreltest.Large("orphan"))))(t)
	w.Clock.Moves(time.Hour)
	sweep := func(left int) {
		t.Helper()
		if err := errors.Join(w.Sweeping.SweepBlobs(t.Context()), w.Storages.RemoveContents(t.Context())); err != nil {
			t.Fatal(err)
		}
		if n := len(w.BlobKeys()); n != left {
			t.Errorf("%d contents, want %d", n, left)
		}
		if got := carreltest.Must(contract.Downloads(id, p))(t); !bytes.Equal(carreltest.Large("first"), got) {
			t.Error("another content")
		}
	}
	sweep(2) // it may be of an upload that is under way
	w.Clock.StopsAt(time.Now().Add(25 * time.Hour))
	sweep(1)
	if n := w.BlobCount(); n != 2 {
		t.Errorf("%d files: the one without a row was not set aside", n)
	}
	w.Clock.Moves(8 * 24 * time.Hour)
	sweep(1)
	if n := w.BlobCount(); n != 1 {
		t.Errorf("%d files", n)
	}
	// A server that dies after an upload was answered, and before the earlier content is removed.
	carreltest.Must(contract.Uploads(id, p, carreltest.Large("first")))(t)
	if n := len(w.BlobKeys()); n != 2 {
		t.Errorf("%d contents", n)
	}
	sweep(1)
}
