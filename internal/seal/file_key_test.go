package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/carrelhq/carrel/internal/seal"
)

func TestSmallContent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(r, "content")
		file := rapid.String().Draw(r, "file")
		key := seal.NewFileKey()
		sealed, err := key.SealContent(seal.BoundToID(file), content)
		if err != nil {
			r.Fatal(err)
		}
		if len(sealed) != len(content)+16 {
			r.Fatalf("%d bytes sealed in %d", len(content), len(sealed))
		}
		if got, err := key.OpenContent(seal.BoundToID(file), sealed); err != nil || !bytes.Equal(got, content) {
			r.Fatalf("got %x, %v; want %x", got, err, content)
		}
		other := rapid.String().Filter(func(s string) bool { return s != file }).Draw(r, "other file")
		if _, err := key.OpenContent(seal.BoundToID(other), sealed); !errors.Is(err, seal.ErrCannotOpen) {
			r.Fatalf("content of file %q opens as that of %q: %v", file, other, err)
		}
	})
}

func TestAlteredSmallContent(t *testing.T) {
	t.Parallel()
	key := seal.NewFileKey()
	for _, content := range []string{"", "a small content"} {
		sealed := must[[]byte](t)(key.SealContent(seal.BoundToID("file"), []byte(content)))
		altered(sealed, func(what string, bytes []byte) {
			if _, err := key.OpenContent(seal.BoundToID("file"), bytes); !errors.Is(err, seal.ErrCannotOpen) {
				t.Errorf("%s: %v, want ErrShut", what, err)
			}
		})
		other := seal.NewFileKey()
		if _, err := other.OpenContent(seal.BoundToID("file"), sealed); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("another key: %v, want ErrShut", err)
		}
	}
}

// TestFormatsAreNotMixed: a small content does not open as a stream, nor a stream as a
// small content, even with the same key.
func TestFormatsAreNotMixed(t *testing.T) {
	t.Parallel()
	key := seal.NewFileKey()
	small := must[[]byte](t)(key.SealContent(seal.BoundToID("file"), someBytes(1000)))
	if _, err := openStream(t, key, bytes.NewReader(small)); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("small content as a stream: %v, want ErrShut", err)
	}
	stream := sealStream(t, key, someBytes(1000))
	if _, err := key.OpenContent(seal.BoundToID("file"), stream); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("stream as a small content: %v, want ErrShut", err)
	}
}

// TestFileKeyComesBack seals a file's key to a library and decrypts content with the
// opened key.
func TestFileKeyComesBack(t *testing.T) {
	t.Parallel()
	library, key := newKey(t), seal.NewFileKey()
	sealedKey := must[seal.Sealed](t)(key.SealTo(library.PublicKey(), seal.BoundToID("file")))
	back := must[seal.FileKey](t)(library.OpenFileKey(seal.BoundToID("file"), sealedKey))
	small := must[[]byte](t)(key.SealContent(seal.BoundToID("file"), []byte("content")))
	if got, err := back.OpenContent(seal.BoundToID("file"), small); err != nil || string(got) != "content" {
		t.Errorf("got %q, %v", got, err)
	}
	altered(sealedKey, func(what string, bytes []byte) {
		if _, err := library.OpenFileKey(seal.BoundToID("file"), bytes); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s: %v, want ErrShut", what, err)
		}
	})
}

// TestFileKeysAreFresh: a key, whose nonce is zero, is never used for a second content.
func TestFileKeysAreFresh(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		sealed := must[[]byte](t)(seal.NewFileKey().SealContent(seal.BoundToID("file"), make([]byte, 32)))
		if seen[string(sealed)] {
			t.Fatal("two file keys are the same")
		}
		seen[string(sealed)] = true
	}
}
