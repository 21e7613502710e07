package seal_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/carrelhq/carrel/internal/seal"
)

func BenchmarkSealFileKey(b *testing.B) {
	to, key := newKey(b).PublicKey(), seal.NewFileKey()
	for b.Loop() {
		if _, err := key.SealTo(to, seal.BoundToID("01k2v9m3qdh7w8r2ncy6ft4gxe")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenFileKey(b *testing.B) {
	library := newKey(b)
	sealed := must[seal.Sealed](b)(seal.NewFileKey().SealTo(library.PublicKey(), seal.BoundToID("file")))
	for b.Loop() {
		if _, err := library.OpenFileKey(seal.BoundToID("file"), sealed); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenKey derives a secret's key pair and opens with it, as each read does.
func BenchmarkOpenKey(b *testing.B) {
	secret := seal.NewSecret()
	sealedKey := must[seal.Sealed](b)(newKey(b).SealToSecret(secret))
	for b.Loop() {
		if _, err := secret.OpenKey(sealedKey); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSealToSecret derives a secret's key pair and seals to it, as for each token.
func BenchmarkSealToSecret(b *testing.B) {
	library, secret := newKey(b), seal.NewSecret()
	for b.Loop() {
		if _, err := library.SealToSecret(secret); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePublicKey(b *testing.B) {
	text := newKey(b).PublicKey().Bytes()
	for b.Loop() {
		if _, err := seal.ParsePublicKey(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealContent4KiB(b *testing.B) {
	content := someBytes(4 << 10)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		if _, err := seal.NewFileKey().SealContent(seal.BoundToID("file"), content); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenContent4KiB(b *testing.B) {
	key := seal.NewFileKey()
	sealed := must[[]byte](b)(key.SealContent(seal.BoundToID("file"), someBytes(4<<10)))
	b.SetBytes(4 << 10)
	for b.Loop() {
		if _, err := key.OpenContent(seal.BoundToID("file"), sealed); err != nil {
			b.Fatal(err)
		}
	}
}

const streamed = 16 << 20

func BenchmarkSealContentStream(b *testing.B) {
	key, content := seal.NewFileKey(), someBytes(streamed)
	b.SetBytes(streamed)
	for b.Loop() {
		r, err := key.SealContentStream(bytes.NewReader(content))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{r}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenContentStream(b *testing.B) {
	key := seal.NewFileKey()
	sealed := sealStream(b, key, someBytes(streamed))
	b.SetBytes(streamed)
	for b.Loop() {
		r, err := key.OpenContentStream(bytes.NewReader(sealed))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{r}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPasswordBox measures the cost of one guess.
func BenchmarkPasswordBox(b *testing.B) {
	box := must[seal.PasswordBox](b)(newKey(b).SealWithPassword(context.Background(), "password", seal.PasswordCost{}))
	for b.Loop() {
		if _, err := box.Open(context.Background(), "password"); err != nil {
			b.Fatal(err)
		}
	}
}
