package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/seal"
)

// TestVectorEpoch: a file that was sealed in an epoch opens.
func TestVectorEpoch(t *testing.T) {
	t.Parallel()
	v, _ := readVectors(t)
	e := readEpochVector(t)
	library := must[seal.PrivateKey](t)(seal.SecretOf(v.Secret.Text).OpenKey(v.Library.HandedToSecret))
	epoch := must[seal.Epoch](t)(library.OpenEpoch(e.Library, seal.EpochID(e.Key), e.Encapsulation))
	key := must[seal.FileKey](t)(epoch.FileKey(e.binding(t), e.Key[16:]))
	if got, err := key.OpenContent(e.binding(t), e.Sealed); err != nil || string(got) != e.Content {
		t.Errorf("%q, %v", got, err)
	}
}

// TestEpoch: an epoch yields the key of a file to the library's private key, and to nobody and nothing else.
func TestEpoch(t *testing.T) {
	t.Parallel()
	library, other := newKey(t), newKey(t)
	id, salt, file := seal.NewEpochID(), someBytes(16), seal.BoundToMetadata("file", [32]byte{7})
	epoch, encapsulation, err := library.PublicKey().NewEpoch("library", id)
	if err != nil {
		t.Fatal(err)
	}
	sealed := must[[]byte](t)(must[seal.FileKey](t)(epoch.FileKey(file, salt)).SealContent(file, []byte("content")))
	open := func(
		private seal.PrivateKey, of string, id seal.EpochID, encapsulation, salt []byte, file seal.FileBinding,
	) error {
		epoch, err := private.OpenEpoch(of, id, encapsulation)
		if err != nil {
			return err
		}
		got, err := must[seal.FileKey](t)(epoch.FileKey(file, salt)).OpenContent(file, sealed)
		if err == nil && !bytes.Equal(got, []byte("content")) {
			err = errors.New("another content")
		}
		return err
	}
	if err := open(library, "library", id, encapsulation, salt, file); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"another's key":   open(other, "library", id, encapsulation, salt, file),
		"another library": open(library, "other", id, encapsulation, salt, file),
		"another epoch":   open(library, "library", seal.NewEpochID(), encapsulation, salt, file),
		"another salt":    open(library, "library", id, encapsulation, make([]byte, 16), file),
		"another file":    open(library, "library", id, encapsulation, salt, seal.BoundToMetadata("f", [32]byte{7})),
		"other metadata":  open(library, "library", id, encapsulation, salt, seal.BoundToMetadata("file", [32]byte{8})),
		"the file's id":   open(library, "library", id, encapsulation, salt, seal.BoundToID("file")),
	} {
		if !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s: %v", what, err)
		}
	}
	altered(encapsulation, func(what string, b []byte) {
		if err := open(library, "library", id, b, salt, file); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s: %v", what, err)
		}
	})
	if text := fmt.Sprintf("%v %+v %#v %s", epoch, epoch, epoch, epoch); strings.Count(text, "[secret]") != 4 {
		t.Errorf("prints %s", text)
	}
	epoch.Clear()
	cleared := must[seal.FileKey](t)(epoch.FileKey(file, salt))
	if _, err := cleared.OpenContent(file, sealed); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("a cleared epoch: %v", err)
	}
}
