package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestAttackEpochs: the keeper changes, moves, swaps or removes what the keys of files derive from. Nothing opens that
// is not what was pushed, nothing opens for another library, and the check names what is gone.
func TestAttackEpochs(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		app := k.Application()
		read := app.Contract(library.Read)
		anna, bram := k.Visitor(), k.Visitor()
		writer := anna.Allows(app.Contract(library.Write))
		reader := once(read, anna.Allows(read, writer.Token()))
		if err := pushes(t, bram.Allows(app.Contract(library.Write)), "first.txt", "of Bram"); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			if err := pushes(t, writer, fmt.Sprintf("%d.txt", i), strings.Repeat(fmt.Sprint(i), 100)); err != nil {
				t.Fatal(err)
			}
		}
		var epoch, encapsulation []byte
		var annas, brams string
		k.reads(&annas, `SELECT library_id FROM epochs`)
		k.reads(&brams, `SELECT id FROM libraries WHERE id <> $1`, annas)
		k.reads(&epoch, `SELECT id FROM epochs`) // the first file is sealed by itself
		k.reads(&encapsulation, `SELECT encapsulation FROM epochs`)
		mine := carreltest.Must(seal.GenerateKey())(t)
		_, forged, err := mine.PublicKey().NewEpoch(annas, seal.EpochID(epoch))
		if err != nil {
			t.Fatal(err)
		}
		altered := append([]byte{encapsulation[0] ^ 1}, encapsulation[1:]...)
		sealedTo := func(encapsulation []byte) func() {
			return func() { k.changes(`UPDATE epochs SET encapsulation = $1`, encapsulation) }
		}
		move := func(to string) func() {
			return func() { k.changes(`UPDATE epochs SET library_id = $1`, to) }
		}
		rename := func(id []byte) func() { return func() { k.changes(`UPDATE epochs SET id = $1`, id) } }
		for name, attack := range map[string]struct {
			do, undo func()
			gone     bool
		}{
			"altered":             {sealedTo(altered), sealedTo(encapsulation), false},
			"cut":                 {sealedTo(encapsulation[:100]), sealedTo(encapsulation), false},
			"empty":               {sealedTo([]byte{}), sealedTo(encapsulation), false},
			"made for the keeper": {sealedTo(forged), sealedTo(encapsulation), false},
			"moved to another":    {move(brams), move(annas), true},
			"of another id":       {rename(make([]byte, 16)), rename(epoch), true},
		} {
			attack.do()
			all, err := readsAll(t, reader)
			if err == nil || len(all) != 1 || all["0.txt"] == "" {
				t.Errorf("%s: %d files open, %v", name, len(all), err)
			}
			_, lines := k.checks(true)
			found := strings.Contains(strings.Join(lines, "\n"), "what its key derives from is gone")
			if found != attack.gone {
				t.Errorf("%s: the check finds %q", name, lines)
			}
			attack.undo()
		}
		if all, err := readsAll(t, reader); err != nil || len(all) != 4 {
			t.Errorf("untouched: %d files open, %v", len(all), err)
		}
		k.changes(`UPDATE contents SET sealed_key = SUBSTR(sealed_key, 1, 16) WHERE format = 5`)
		if all, err := readsAll(t, reader); err == nil || len(all) != 1 {
			t.Errorf("keys that are cut: %d files open, %v", len(all), err)
		}
	})
}
