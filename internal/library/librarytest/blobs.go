package librarytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// TestBlobs tests a library.Blobs. open returns an empty one.
func TestBlobs(t *testing.T, open func(t *testing.T) library.Blobs) {
	read := func(t *testing.T, b library.Blobs, key string) []byte {
		t.Helper()
		r := Value(b.Open(Ctx, key))(t)
		defer r.Close()
		return Value(io.ReadAll(r))(t)
	}
	list := func(t *testing.T, b library.Blobs, prefix string) []string {
		t.Helper()
		keys := []string{}
		Must(t, b.List(Ctx, prefix, func(key string, at time.Time) error {
			if since := time.Since(at); since < -time.Minute || since > time.Hour {
				t.Errorf("%s was stored at %v", key, at)
			}
			keys = append(keys, key)
			return nil
		}))
		slices.Sort(keys)
		return keys
	}
	t.Run("keeps what it is given", func(t *testing.T) {
		b := open(t)
		for i, size := range []int{0, 1, 64 << 10, 1<<20 - 1, 1 << 20, 1<<20 + 1, 33 << 20} {
			content := bytes.Repeat([]byte("0123456789abcde\x00"), size/16+1)[:size]
			key := fmt.Sprintf("lib/file%d", i)
			// A reader that gives little at a time, and its end with the last of it.
			n, err := b.Put(Ctx, key, iotest.DataErrReader(&io.LimitedReader{R: bytes.NewReader(content), N: 1 << 40}))
			Must(t, err)
			Same(t, "size", n, int64(size))
			if !bytes.Equal(read(t, b, key), content) {
				t.Errorf("the content of %d bytes came back changed", size)
			}
		}
	})
	t.Run("replaces", func(t *testing.T) {
		b := open(t)
		for _, content := range []string{"a long first", "second"} {
			_, err := b.Put(Ctx, "lib/file", strings.NewReader(content))
			Must(t, err)
			Same(t, "content", string(read(t, b, "lib/file")), content)
		}
		Same(t, "keys", list(t, b, ""), []string{"lib/file"})
	})
	t.Run("stores nothing when the reader fails", func(t *testing.T) {
		b := open(t)
		for _, cause := range []error{errors.New("gone"), io.ErrUnexpectedEOF} {
			for _, size := range []int{0, 10, 3 << 20} {
				r := io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(cause))
				_, err := b.Put(Ctx, "lib/file", r)
				WantErr(t, fmt.Sprintf("put of %d bytes", size), err, cause)
				_, err = b.Open(Ctx, "lib/file")
				WantErr(t, "open", err, library.ErrNotFound)
			}
		}
		Same(t, "keys", list(t, b, ""), []string{})
		_, err := b.Put(Ctx, "lib/file", strings.NewReader("kept"))
		Must(t, err)
		_, err = b.Put(Ctx, "lib/file", iotest.ErrReader(io.ErrUnexpectedEOF))
		WantErr(t, "put", err, io.ErrUnexpectedEOF)
		Same(t, "content", string(read(t, b, "lib/file")), "kept")
	})
	t.Run("shows nothing that is half there", func(t *testing.T) {
		b := open(t)
		r, w := io.Pipe()
		done := make(chan error)
		go func() {
			_, err := b.Put(Ctx, "lib/file", r)
			done <- err
		}()
		_, err := w.Write(make([]byte, 2<<20))
		Must(t, err)
		_, err = b.Open(Ctx, "lib/file")
		WantErr(t, "open", err, library.ErrNotFound)
		Same(t, "keys", list(t, b, ""), []string{})
		Must(t, w.Close())
		Must(t, <-done)
		Same(t, "keys", list(t, b, ""), []string{"lib/file"})
	})
	t.Run("deletes", func(t *testing.T) {
		b := open(t)
		for _, key := range []string{"lib/a", "lib/b"} {
			_, err := b.Put(Ctx, key, strings.NewReader(key))
			Must(t, err)
		}
		Must(t, b.Delete(Ctx, "lib/a"))
		Must(t, b.Delete(Ctx, "lib/a"))
		Must(t, b.Delete(Ctx, "none/none"))
		_, err := b.Open(Ctx, "lib/a")
		WantErr(t, "open", err, library.ErrNotFound)
		Same(t, "keys", list(t, b, ""), []string{"lib/b"})
		Must(t, b.Delete(Ctx, "lib/b"))
		Same(t, "keys", list(t, b, ""), []string{})
	})
	t.Run("finds no unknown key", func(t *testing.T) {
		b := open(t)
		_, err := b.Put(Ctx, "lib/file", strings.NewReader("x"))
		Must(t, err)
		for _, key := range []string{"", "lib", "lib/", "lib/fil", "lib/file/", "lib/file/x", "/lib/file",
			"../lib/file",
			"lib/../lib/file", "lib//file", "lib/%", "lib/\x00", "LIB/none"} {
			_, err := b.Open(Ctx, key)
			WantErr(t, "open "+key, err, library.ErrNotFound)
			Must(t, b.Delete(Ctx, key))
		}
		Same(t, "keys", list(t, b, ""), []string{"lib/file"})
	})
	t.Run("lists by prefix", func(t *testing.T) {
		b := open(t)
		keys := []string{"l1/a", "l1/a.b", "l1/a_b", "l1/ab", "l2/a", "l_/a"}
		for _, key := range keys {
			_, err := b.Put(Ctx, key, strings.NewReader(key))
			Must(t, err)
		}
		for prefix, want := range map[string][]string{
			"":      keys,
			"l1/":   keys[:4],
			"l1/a":  keys[:4],
			"l1/a_": {"l1/a_b"},
			"l_/":   {"l_/a"},
			"l%":    {},
			"l":     keys,
			"none/": {},
		} {
			Same(t, "keys with "+prefix, list(t, b, prefix), want)
		}
		cause := errors.New("enough")
		calls := 0
		err := b.List(Ctx, "", func(string, time.Time) error { calls++; return cause })
		WantErr(t, "list", err, cause)
		Same(t, "calls", calls, 1)
	})
	setAside := func(t *testing.T, b library.Blobs, prefix string) map[string]time.Time {
		t.Helper()
		times := map[string]time.Time{}
		Must(t, b.ListSetAside(Ctx, prefix, func(key string, at time.Time) error {
			times[key] = at
			return nil
		}))
		return times
	}
	at := time.Date(2026, 11, 24, 10, 42, 7, 0, time.UTC)
	t.Run("sets aside and puts back", func(t *testing.T) {
		b := open(t)
		Same(t, "set aside in an empty store", setAside(t, b, ""), map[string]time.Time{})
		for _, key := range []string{"l1/a", "l1/b", "l2/a"} {
			_, err := b.Put(Ctx, key, strings.NewReader(key))
			Must(t, err)
		}
		WantErr(t, "set aside", b.SetAside(Ctx, "l1/none", at), library.ErrNotFound)
		WantErr(t, "set aside", b.SetAside(Ctx, "../l1/a", at), library.ErrNotFound)
		WantErr(t, "put back", b.PutBack(Ctx, "l1/a"), library.ErrNotFound)
		for i, key := range []string{"l1/a", "l2/a"} {
			Must(t, b.SetAside(Ctx, key, at.Add(time.Duration(i)*time.Hour)))
			WantErr(t, "set aside twice", b.SetAside(Ctx, key, at), library.ErrNotFound)
		}
		Same(t, "keys", list(t, b, ""), []string{"l1/b"})
		Same(t, "set aside", setAside(t, b, ""), map[string]time.Time{"l1/a": at, "l2/a": at.Add(time.Hour)})
		Same(t, "set aside with a prefix", setAside(t, b, "l2/"), map[string]time.Time{"l2/a": at.Add(time.Hour)})
		Must(t, b.PutBack(Ctx, "l1/a"))
		WantErr(t, "put back twice", b.PutBack(Ctx, "l1/a"), library.ErrNotFound)
		Same(t, "content", string(read(t, b, "l1/a")), "l1/a")
		// Who reads it needs it.
		Same(t, "content that was set aside", string(read(t, b, "l2/a")), "l2/a")
		Same(t, "set aside", setAside(t, b, ""), map[string]time.Time{})
		for _, key := range []string{"l1/a", "l1/b", "l2/a"} {
			Same(t, "content", string(read(t, b, key)), key)
		}
	})
	t.Run("deletes what was set aside", func(t *testing.T) {
		b := open(t)
		for _, key := range []string{"l1/a", "l1/b", "l1/c"} {
			_, err := b.Put(Ctx, key, strings.NewReader(key))
			Must(t, err)
			Must(t, b.SetAside(Ctx, key, at))
		}
		Must(t, b.Delete(Ctx, "l1/a"))
		Must(t, b.DeleteSetAside(Ctx, "l1/b"))
		Must(t, b.PutBack(Ctx, "l1/c"))
		Must(t, b.DeleteSetAside(Ctx, "l1/c"))
		Must(t, b.DeleteSetAside(Ctx, "l1/none"))
		Must(t, b.DeleteSetAside(Ctx, "../l1/c"))
		for _, key := range []string{"l1/a", "l1/b"} {
			_, err := b.Open(Ctx, key)
			WantErr(t, "open "+key, err, library.ErrNotFound)
		}
		Same(t, "set aside", setAside(t, b, ""), map[string]time.Time{})
		Same(t, "content that was put back", string(read(t, b, "l1/c")), "l1/c")
	})
	t.Run("may be set aside and put back while listing", func(t *testing.T) {
		b := open(t)
		for i := range 60 {
			_, err := b.Put(Ctx, fmt.Sprintf("lib%d/file%d", i%3, i), strings.NewReader("x"))
			Must(t, err)
		}
		Must(t, b.List(Ctx, "", func(key string, _ time.Time) error { return b.SetAside(Ctx, key, at) }))
		Same(t, "keys", list(t, b, ""), []string{})
		Same(t, "number set aside", len(setAside(t, b, "")), 60)
		Must(t, b.ListSetAside(Ctx, "", func(key string, _ time.Time) error { return b.PutBack(Ctx, key) }))
		n := 0
		Must(t, b.List(Ctx, "", func(string, time.Time) error { n++; return nil }))
		Same(t, "number of keys", n, 60)
		Same(t, "set aside", setAside(t, b, ""), map[string]time.Time{})
	})
	t.Run("may be deleted from while listing", func(t *testing.T) {
		b := open(t)
		want := map[string]bool{}
		for i := range 60 {
			key := fmt.Sprintf("lib%d/file%d", i%3, i)
			want[key] = true
			_, err := b.Put(Ctx, key, strings.NewReader("x"))
			Must(t, err)
		}
		got := map[string]bool{}
		Must(t, b.List(Ctx, "", func(key string, _ time.Time) error {
			got[key] = true
			return b.Delete(Ctx, key)
		}))
		if !maps.Equal(got, want) {
			t.Errorf("%d of %d keys were listed", len(got), len(want))
		}
		Same(t, "keys", list(t, b, ""), []string{})
	})
	t.Run("takes many at once", func(t *testing.T) {
		b := open(t)
		for _, err := range Race(32, func(i int) error {
			// The last of a library goes while the first of it comes.
			key := fmt.Sprintf("lib%d/file%d", i%2, i)
			for range 20 {
				if _, err := b.Put(Ctx, key, strings.NewReader(key)); err != nil {
					return err
				}
				if err := b.Delete(Ctx, key); err != nil {
					return err
				}
			}
			_, err := b.Put(Ctx, key, strings.NewReader(key))
			return err
		}) {
			Must(t, err)
		}
		Same(t, "number of keys", len(list(t, b, "")), 32)
	})
}
