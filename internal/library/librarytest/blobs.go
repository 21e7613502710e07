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
		r := value(b.Open(ctx, key))(t)
		defer r.Close()
		return value(io.ReadAll(r))(t)
	}
	list := func(t *testing.T, b library.Blobs, prefix string) []string {
		t.Helper()
		keys := []string{}
		must(t, b.List(ctx, prefix, func(key string, at time.Time) error {
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
			n, err := b.Put(ctx, key, iotest.DataErrReader(&io.LimitedReader{R: bytes.NewReader(content), N: 1 << 40}))
			must(t, err)
			same(t, "size", n, int64(size))
			if !bytes.Equal(read(t, b, key), content) {
				t.Errorf("the content of %d bytes came back changed", size)
			}
		}
	})
	t.Run("replaces", func(t *testing.T) {
		b := open(t)
		for _, content := range []string{"a long first", "second"} {
			_, err := b.Put(ctx, "lib/file", strings.NewReader(content))
			must(t, err)
			same(t, "content", string(read(t, b, "lib/file")), content)
		}
		same(t, "keys", list(t, b, ""), []string{"lib/file"})
	})
	t.Run("stores nothing when the reader fails", func(t *testing.T) {
		b := open(t)
		for _, cause := range []error{errors.New("gone"), io.ErrUnexpectedEOF} {
			for _, size := range []int{0, 10, 3 << 20} {
				r := io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(cause))
				_, err := b.Put(ctx, "lib/file", r)
				wantErr(t, fmt.Sprintf("put of %d bytes", size), err, cause)
				_, err = b.Open(ctx, "lib/file")
				wantErr(t, "open", err, library.ErrNotFound)
			}
		}
		same(t, "keys", list(t, b, ""), []string{})
		_, err := b.Put(ctx, "lib/file", strings.NewReader("kept"))
		must(t, err)
		_, err = b.Put(ctx, "lib/file", iotest.ErrReader(io.ErrUnexpectedEOF))
		wantErr(t, "put", err, io.ErrUnexpectedEOF)
		same(t, "content", string(read(t, b, "lib/file")), "kept")
	})
	t.Run("shows nothing that is half there", func(t *testing.T) {
		b := open(t)
		r, w := io.Pipe()
		done := make(chan error)
		go func() {
			_, err := b.Put(ctx, "lib/file", r)
			done <- err
		}()
		_, err := w.Write(make([]byte, 2<<20))
		must(t, err)
		_, err = b.Open(ctx, "lib/file")
		wantErr(t, "open", err, library.ErrNotFound)
		same(t, "keys", list(t, b, ""), []string{})
		must(t, w.Close())
		must(t, <-done)
		same(t, "keys", list(t, b, ""), []string{"lib/file"})
	})
	t.Run("deletes", func(t *testing.T) {
		b := open(t)
		for _, key := range []string{"lib/a", "lib/b"} {
			_, err := b.Put(ctx, key, strings.NewReader(key))
			must(t, err)
		}
		must(t, b.Delete(ctx, "lib/a"))
		must(t, b.Delete(ctx, "lib/a"))
		must(t, b.Delete(ctx, "none/none"))
		_, err := b.Open(ctx, "lib/a")
		wantErr(t, "open", err, library.ErrNotFound)
		same(t, "keys", list(t, b, ""), []string{"lib/b"})
		must(t, b.Delete(ctx, "lib/b"))
		same(t, "keys", list(t, b, ""), []string{})
	})
	t.Run("finds no unknown key", func(t *testing.T) {
		b := open(t)
		_, err := b.Put(ctx, "lib/file", strings.NewReader("x"))
		must(t, err)
		for _, key := range []string{"", "lib", "lib/", "lib/fil", "lib/file/", "lib/file/x", "/lib/file", "../lib/file",
			"lib/../lib/file", "lib//file", "lib/%", "lib/\x00", "LIB/none"} {
			_, err := b.Open(ctx, key)
			wantErr(t, "open "+key, err, library.ErrNotFound)
			must(t, b.Delete(ctx, key))
		}
		same(t, "keys", list(t, b, ""), []string{"lib/file"})
	})
	t.Run("lists by prefix", func(t *testing.T) {
		b := open(t)
		keys := []string{"l1/a", "l1/a.b", "l1/a_b", "l1/ab", "l2/a", "l_/a"}
		for _, key := range keys {
			_, err := b.Put(ctx, key, strings.NewReader(key))
			must(t, err)
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
			same(t, "keys with "+prefix, list(t, b, prefix), want)
		}
		cause := errors.New("enough")
		calls := 0
		err := b.List(ctx, "", func(string, time.Time) error { calls++; return cause })
		wantErr(t, "list", err, cause)
		same(t, "calls", calls, 1)
	})
	t.Run("may be deleted from while listing", func(t *testing.T) {
		b := open(t)
		want := map[string]bool{}
		for i := range 60 {
			key := fmt.Sprintf("lib%d/file%d", i%3, i)
			want[key] = true
			_, err := b.Put(ctx, key, strings.NewReader("x"))
			must(t, err)
		}
		got := map[string]bool{}
		must(t, b.List(ctx, "", func(key string, _ time.Time) error {
			got[key] = true
			return b.Delete(ctx, key)
		}))
		if !maps.Equal(got, want) {
			t.Errorf("%d of %d keys were listed", len(got), len(want))
		}
		same(t, "keys", list(t, b, ""), []string{})
	})
	t.Run("takes many at once", func(t *testing.T) {
		b := open(t)
		for _, err := range race(32, func(i int) error {
			// The last of a library goes while the first of it comes.
			key := fmt.Sprintf("lib%d/file%d", i%2, i)
			for range 20 {
				if _, err := b.Put(ctx, key, strings.NewReader(key)); err != nil {
					return err
				}
				if err := b.Delete(ctx, key); err != nil {
					return err
				}
			}
			_, err := b.Put(ctx, key, strings.NewReader(key))
			return err
		}) {
			must(t, err)
		}
		same(t, "number of keys", len(list(t, b, "")), 32)
	})
}
