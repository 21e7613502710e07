package carreltest

import (
	"maps"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestSnapshot checks that a snapshot shows a change, and that it stays the same without one and after a nonce is used.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	w := New(t)
	writer := w.Person().Allows(w.Application().Contract(library.Write))
	empty := w.snapshot()
	if again := w.snapshot(); !maps.Equal(again, empty) {
		t.Errorf("without a change: %v, before %v", again, empty)
	}
	nonce := library.Nonce{Client: writer.Contract.ID(), Value: wire.NewNonce(), At: w.Clock.Now()}
	if err := w.Store.UseNonce(t.Context(), nonce); err != nil {
		t.Fatal(err)
	}
	if again := w.snapshot(); !maps.Equal(again, empty) {
		t.Errorf("after a nonce: %v, before %v", again, empty)
	}
	Must(writer.Pushes("letter", []byte("hello")))(t)
	one := w.snapshot()
	if one["contents"] == empty["contents"] || one["blobs"] != empty["blobs"] {
		t.Errorf("after a small file: %v, before %v", one, empty)
	}
	Must(writer.Pushes("scan", Large("scan")))(t)
	if two := w.snapshot(); two["files"] == one["files"] || two["blobs"] == one["blobs"] {
		t.Errorf("after a large file: %v, before %v", two, one)
	}
}
