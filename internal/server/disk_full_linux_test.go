package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// TestDiskFull fills the disk: pushes, small and large, and a revocation are answered with 507 until there is space
// again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "40m")
	w := carreltest.Serve(t, onDisk(disk))
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
	free := fills(t, disk, 0)
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
	free()
	if err := errors.Join(push(1000), push(1<<20)); err != nil {
		t.Errorf("with space again: %v", err)
	}
	wantReady(t, w, nil)
}

// smallDisk mounts a disk of a size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("only root can mount a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	return disk
}

// onDisk puts the database and the large contents on a disk.
func onDisk(disk string) carreltest.Option {
	return func(c *server.Config) {
		c.Database, c.Blobs = filepath.Join(disk, "carrel.db"), filepath.Join(disk, "blobs")
	}
}

// fills fills a disk until so many bytes are left, and returns the function that frees it.
func fills(t *testing.T, disk string, left uint64) (free func()) {
	t.Helper()
	path := filepath.Join(disk, "filler")
	f := carreltest.Must(os.Create(path))(t)
	for page := make([]byte, 4096); ; {
		var s syscall.Statfs_t
		if err := syscall.Statfs(disk, &s); err != nil {
			t.Fatal(err)
		}
		if s.Bavail*uint64(s.Bsize) <= left {
			break
		}
		if _, err := f.Write(page); err != nil {
			break
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// press presses a button of a page, and returns the answer.
func press(b *browser, path string) (*http.Response, string) {
	b.t.Helper()
	token := tokenField.FindStringSubmatch(b.get("/settings"))
	if token == nil {
		b.t.Fatal("the settings have no form")
	}
	r := b.request(http.MethodPost, path, strings.NewReader(url.Values{"token": {token[1]}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	answer := carreltest.Must(b.client.Do(r))(b.t)
	defer answer.Body.Close()
	return answer, string(carreltest.Must(io.ReadAll(answer.Body))(b.t))
}

// TestFullDiskPage fills the disk entirely. Who presses "Stop" reads on a page of ours that nothing was changed, with
// 507 and Retry-After. Once there is space again, the press works.
func TestFullDiskPage(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "40m")
	var config server.Config
	w := carreltest.Serve(t, onDisk(disk), func(c *server.Config) { config = *c })
	anna := w.Person("anna@example.org")
	anna.SavesCode()
	app := w.Application()
	var grants []*carreltest.Grant
	for range 8 {
		grants = append(grants, anna.Allows(app.Contract(library.Write)))
	}
	b := (&keeper{World: w, t: t, config: config}).browserOf(anna)
	free := fills(t, disk, 0)
	// The log of the database has some room left.
	for range 1000 {
		if _, err := grants[0].Pushes("filler", nil); err != nil {
			break
		}
	}
	var refused *carreltest.Grant
	for _, g := range grants {
		answer, page := press(b, "/grants/"+string(g.ID())+"/stop")
		if answer.StatusCode == http.StatusOK {
			continue // it fitted into the log
		}
		refused = g
		if answer.StatusCode != http.StatusInsufficientStorage || answer.Header.Get("Retry-After") == "" ||
			!strings.Contains(page, "There is no space left, so it was not stopped.") {
			t.Errorf("stop: %s, Retry-After %q: %s", answer.Status, answer.Header.Get("Retry-After"), page)
		}
		break
	}
	if refused == nil {
		t.Fatal("the disk never was full")
	}
	if _, err := refused.Bearer(); err != nil {
		t.Errorf("the grant has ended nevertheless: %v", err)
	}
	free()
	if answer, _ := press(b, "/grants/"+string(refused.ID())+"/stop"); answer.StatusCode != http.StatusOK {
		t.Errorf("with space again: %s", answer.Status)
	}
	if _, err := refused.Bearer(); err == nil {
		t.Error("the grant goes on")
	}
}

// TestAttackNearlyFullDisk fills the disk up to the reserve, of the database and of the large contents. Pushes are
// refused, also one that is under way. People sign in, read, stop and delete, until there is space again.
func TestAttackNearlyFullDisk(t *testing.T) {
	t.Parallel()
	const mebibyte = 1 << 20
	for name, place := range map[string]func(c *server.Config, disk string){
		"database": func(c *server.Config, disk string) { c.Database = filepath.Join(disk, "carrel.db") },
		"contents": func(c *server.Config, disk string) { c.Blobs = filepath.Join(disk, "blobs") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := smallDisk(t, "100m")
			var config server.Config
			w := carreltest.Serve(t, func(c *server.Config) {
				place(c, disk)
				c.FreeSpaceReserve = server.Reserve{Bytes: 60 * mebibyte}
				config = *c
			})
			writes := w.Application().Contract(library.Write)
			user := w.Visitor().Allows(writes)
			anna := w.Person("anna@example.org")
			anna.SavesCode()
			own := anna.Allows(writes)
			carreltest.Must(own.Pushes("letter", []byte("Dear Anna")))(t)
			k := &keeper{World: w, t: t, config: config}
			push := func(content io.Reader) error {
				return user.Push(t.Context(), digime.PushInput{Data: content, MIMEType: "text/plain",
					AccountID: "patient-1"})
			}
			if err := push(strings.NewReader("text")); err != nil {
				t.Fatal(err)
			}
			// One that is under way ends. It takes its time, as the space is measured once a second.
			free := fills(t, disk, 61*mebibyte)
			if name == "contents" {
				wantStorageFull(t, "under way", push(&slowContent{left: 30 * mebibyte}))
			}
			free()
			free = fills(t, disk, 59*mebibyte)
			time.Sleep(1100 * time.Millisecond)
			for _, size := range []int{0, 1000, mebibyte} {
				wantStorageFull(t, fmt.Sprintf("a push of %d bytes", size), push(bytes.NewReader(make([]byte, size))))
			}
			ready := carreltest.Must(http.Get(w.URL + "/readyz"))(t)
			defer ready.Body.Close()
			if text := carreltest.Must(io.ReadAll(ready.Body))(t); ready.StatusCode != http.StatusOK ||
				!strings.Contains(string(text), `"space":"reserve"`) {
				t.Errorf("ready: %s %s", ready.Status, text)
			}
			anna.Cookie = carreltest.Must(w.People.SignIn(t.Context(), anna.Email, anna.Password, library.Device{}))(t)
			b := k.browserOf(anna)
			for _, path := range []string{"/files", "/grants", "/activity", "/settings"} {
				b.get(path)
			}
			if answer, page := press(b, "/grants/"+string(own.ID())+"/stop"); answer.StatusCode != http.StatusOK {
				t.Errorf("stop: %s %s", answer.Status, page)
			}
			if err := user.DeleteUser(t.Context()); err != nil {
				t.Errorf("an application leaves: %v", err)
			}
			if _, err := w.People.Shut(t.Context(), anna.SignedIn(), anna.Password); err != nil {
				t.Errorf("delete: %v", err)
			}
			if n := strings.Count(w.Log.String(), "a disk is nearly full"); n < 1 || n > 2 {
				t.Errorf("the log says so %d times", n)
			}
			free()
			time.Sleep(1100 * time.Millisecond)
			user = w.Visitor().Allows(writes)
			err := errors.Join(push(strings.NewReader("text")), push(bytes.NewReader(make([]byte, mebibyte))))
			if err != nil {
				t.Errorf("with space again: %v", err)
			}
		})
	}
}

func wantStorageFull(t *testing.T, what string, err error) {
	t.Helper()
	var refused *digime.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusInsufficientStorage || refused.Code != "StorageFull" ||
		refused.RetryAfter == 0 || !errors.Is(err, digime.ErrUnavailable) {
		t.Errorf("%s: %v, want 507", what, err)
	}
}

// slowContent comes a mebibyte at a time, with a pause after each.
type slowContent struct{ left int }

func (s *slowContent) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), s.left)
	if before := s.left; before>>20 != (before-n)>>20 {
		time.Sleep(150 * time.Millisecond)
	}
	s.left -= n
	return n, nil
}
