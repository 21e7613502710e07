package seal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/carrelhq/carrel/internal/seal"
)

// cheap is the cost in tests that are not about it.
var cheap = seal.PasswordCost{Passes: 1, Memory: 64}

func TestPasswordOpensItsBox(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	key := newKey(t)
	for _, password := range []string{"", "correct horse battery staple", "wachtwoord, пароль🔑 \x00"} {
		box := must[seal.PasswordBox](t)(key.SealWithPassword(ctx, password, cheap))
		back, err := box.Open(ctx, password)
		if err != nil || !back.PublicKey().Equal(key.PublicKey()) {
			t.Fatalf("password %q: %v", password, err)
		}
		for _, wrong := range []string{password + "\x00", "x" + password} {
			if _, err := box.Open(ctx, wrong); !errors.Is(err, seal.ErrCannotOpen) {
				t.Errorf("password %q opens the box of %q: %v", wrong, password, err)
			}
		}
	}
}

func TestBoxesOfTheSameDiffer(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	a := must[seal.PasswordBox](t)(key.SealWithPassword(context.Background(), "password", cheap))
	b := must[seal.PasswordBox](t)(key.SealWithPassword(context.Background(), "password", cheap))
	if bytes.Equal(a[13:29], b[13:29]) || bytes.Equal(a[29:41], b[29:41]) || bytes.Equal(a[41:], b[41:]) {
		t.Error("two boxes share a salt, a nonce or a ciphertext")
	}
}

// TestBoxCosts pins the cost of a guess at a stolen box.
func TestBoxCosts(t *testing.T) {
	t.Parallel()
	box := must[seal.PasswordBox](t)(newKey(t).SealWithPassword(context.Background(), "password", seal.PasswordCost{}))
	if time, memory := binary.BigEndian.Uint32(box[1:]), binary.BigEndian.Uint32(box[5:]); time < 3 || memory < 12<<10 {
		t.Errorf("argon2id with %d passes over %d KiB: OWASP asks for 3 over 12 MiB at least", time, memory)
	}
	if len(box) != 41+32+16 {
		t.Errorf("%d bytes", len(box))
	}
}

// TestAlteredBox flips a bit in each part of a box, and cuts it.
func TestAlteredBox(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	box := must[seal.PasswordBox](t)(newKey(t).SealWithPassword(ctx, "password", cheap))
	for name, at := range map[string]int{
		"passes": 4, "memory": 8, "lanes": 12, "salt": 28, "nonce": 29, "ciphertext": 41, "tag": 88,
	} {
		altered := slices.Clone(box)
		altered[at] ^= 4
		if _, err := altered.Open(ctx, "password"); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s altered: %v, want ErrShut", name, err)
		}
	}
	for _, n := range []int{41, len(box) - 1} {
		if _, err := box[:n].Open(ctx, "password"); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("cut to %d bytes: %v, want ErrShut", n, err)
		}
	}
	if _, err := append(slices.Clone(box), 0).Open(ctx, "password"); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("a byte appended: %v, want ErrShut", err)
	}
}

// TestForgedBox: a box with invalid costs is refused before it costs anything, with an
// error that differs from that for a wrong password.
func TestForgedBox(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	box := must[seal.PasswordBox](t)(newKey(t).SealWithPassword(ctx, "password", cheap))
	with := func(at int, value uint32) seal.PasswordBox {
		b := bytes.Clone(box)
		binary.BigEndian.PutUint32(b[at:], value)
		return b
	}
	version := bytes.Clone(box)
	version[0] = 2
	for name, forged := range map[string]seal.PasswordBox{
		"nothing": nil, "empty": {}, "one byte": {1}, "a header but for a byte": box[:40], "another version": version,
		"no passes": with(1, 0), "a million passes": with(1, 1_000_000), "all passes": with(1, 1<<32-1),
		"no memory": with(5, 0), "a gibibyte": with(5, 1<<20), "all memory": with(5, 1<<32-1),
		"no lanes": with(9, 0), "256 lanes": with(9, 256), "all lanes": with(9, 1<<32-1),
	} {
		_, err := forged.Open(ctx, "password")
		if err == nil || errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBoxIsNoSeal: only a password opens a box, no other kind of secret does.
func TestBoxIsNoSeal(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	box := must[seal.PasswordBox](t)(key.SealWithPassword(context.Background(), "password", cheap))
	if _, err := seal.SecretOf("password").OpenKey(seal.Sealed(box)); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("as a secret: %v, want ErrShut", err)
	}
	sealedKey := must[seal.Sealed](t)(key.SealToSecret(seal.SecretOf("password")))
	if _, err := seal.PasswordBox(sealedKey).Open(context.Background(), "password"); err == nil {
		t.Error("a sealed key opens as a box")
	}
}

func TestWaitingForAPasswordCanBeGivenUp(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	box := must[seal.PasswordBox](t)(key.SealWithPassword(context.Background(), "password", cheap))
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := box.Open(gone, "password"); !errors.Is(err, context.Canceled) {
		t.Errorf("opening: %v", err)
	}
	if _, err := key.SealWithPassword(gone, "password", cheap); !errors.Is(err, context.Canceled) {
		t.Errorf("shutting: %v", err)
	}
	if err := seal.SpendPasswordTime(gone, "password", cheap); !errors.Is(err, context.Canceled) {
		t.Errorf("spending: %v", err)
	}
}

func TestManyPasswordsAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	key := newKey(t)
	box := must[seal.PasswordBox](t)(key.SealWithPassword(ctx, "password", cheap))
	done := make(chan error)
	const many = 4
	for i := range many {
		go func() {
			password := "password"
			if i%2 == 1 {
				password = "wrong"
			}
			back, err := box.Open(ctx, password)
			switch {
			case i%2 == 1 && !errors.Is(err, seal.ErrCannotOpen):
				err = fmt.Errorf("wrong password: %w", err)
			case i%2 == 0 && err == nil && !back.PublicKey().Equal(key.PublicKey()):
				err = errors.New("another key came out")
			case i%2 == 1:
				err = nil
			}
			done <- err
		}()
	}
	for range many {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
