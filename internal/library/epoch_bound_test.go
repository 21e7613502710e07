package library

import (
	"fmt"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// TestEpochsAreBounded: a server remembers so many libraries at a time, and puts so many files into an epoch. Files of
// other libraries are sealed by themselves, until those into which nothing is pushed are forgotten. Secrets that are
// not needed any more are wiped.
func TestEpochsAreBounded(t *testing.T) {
	t.Parallel()
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_700_000_000_000)
	e := &epochs{now: func() time.Time { return now }}
	push := func(id ID) *Epoch {
		t.Helper()
		owner, file := Library{ID: id, PublicKey: key.PublicKey()}, File{ID: "f", CreatedAt: now}
		_, row, err := e.sealSmall(owner, file, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	push("first")
	full := push("first")
	if full == nil {
		t.Fatal("there is no epoch")
	}
	late := File{ID: "f", CreatedAt: now.Add(-time.Minute)} // whose content took long to arrive
	if _, row, err := e.sealSmall(Library{ID: "first", PublicKey: key.PublicKey()}, late, nil); err != nil ||
		row == nil || row.ID != full.ID {
		t.Errorf("a file that arrives late ends the epoch: %v, %v", row, err)
	}
	for range epochFiles - 2 {
		if push("first").ID != full.ID {
			t.Fatal("an epoch has ended before it is full")
		}
	}
	if push("first").ID == full.ID {
		t.Error("an epoch has too many files")
	}
	for i := range maxEpochs {
		if e.of(ID(fmt.Sprint(i))) != nil {
			t.Fatal("a library is known before its first file")
		}
	}
	if len(e.libraries) != maxEpochs {
		t.Errorf("%d libraries are remembered, want %d", len(e.libraries), maxEpochs)
	}
	push("another")
	if push("another") != nil {
		t.Error("a library too many has an epoch")
	}
	if push("first") == nil {
		t.Error("the epoch has ended for others")
	}
	secret := e.libraries["first"].secret
	now = now.Add(epochTime)
	push("another")
	if row := push("another"); row == nil || len(e.libraries) != 1 {
		t.Errorf("after a minute %d libraries are remembered", len(e.libraries))
	}
	cleared, _, err := key.PublicKey().NewEpoch("first", seal.NewEpochID())
	if err != nil {
		t.Fatal(err)
	}
	cleared.Clear()
	salt, binding := make([]byte, saltSize), FormatInlineEpoch.binding(File{ID: "f"})
	of := func(e seal.Epoch) string {
		k, err := e.FileKey(binding, salt)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := k.SealContent(binding, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		return string(sealed)
	}
	if of(secret) != of(cleared) {
		t.Error("its secret is not wiped")
	}
}
