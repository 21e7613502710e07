package server_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// TestDiskFull fills the disk: pushes, small and large, and a revocation are answered with 507 until there is space
// again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=40m"); err != nil {
		t.Skipf("only root can mount a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	w := carreltest.Serve(t, func(c *server.Config) {
		c.Database, c.Blobs = filepath.Join(disk, "carrel.db"), filepath.Join(disk, "blobs")
	})
	contract := w.Application().Contract(library.Write)
	user := w.Visitor().Allows(contract)
	push := func(size int) error {
		return user.Push(t.Context(), digime.PushInput{
			Data: bytes.NewReader(make([]byte, size)), MIMEType: "text/plain", AccountID: "patient-1",
		})
	}
	if err := errors.Join(push(1000), push(1<<20)); err != nil {
		t.Fatal(err)
	}
	anna := w.Person()
	grant := anna.Allows(contract)
	stop := browserOf(t, w, anna).Get("/grants/" + string(grant.ID()) + "/stop")
	filler := filepath.Join(disk, "filler")
	f := carreltest.Must(os.Create(filler))(t)
	for err := error(nil); err == nil; _, err = f.Write(make([]byte, 4096)) {
		continue
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if r := getFrom(t, w.URL+"/readyz", ""); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready: %s", r.Status)
	}
	for _, size := range []int{60_000, 5 << 20} {
		var refused *digime.Error
		err := push(size)
		if !errors.As(err, &refused) || refused.Status != http.StatusInsufficientStorage ||
			refused.RetryAfter == 0 || !errors.Is(err, digime.ErrUnavailable) {
			t.Errorf("a push of %d bytes: %v", size, err)
		}
	}
	if p := stop.Click("revoke-confirm"); p.Status != http.StatusInsufficientStorage ||
		p.Header.Get("Retry-After") == "" || !strings.Contains(p.Text(), "still has access") {
		t.Errorf("a revocation: %d %v: %s", p.Status, p.Header, p.Text())
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(push(1000), push(1<<20)); err != nil {
		t.Errorf("with space again: %v", err)
	}
	wantReady(t, w, nil)
}
