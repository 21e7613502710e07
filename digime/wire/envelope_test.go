package wire

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"testing"
	"testing/iotest"
)

func TestEnvelopeRoundTrip(t *testing.T) {
	key := testKey(t)
	sizes := []int{0, 1, 15, 16, 17, 4096, sealSmall - 1, sealSmall, sealSmall + 1, sealSmall + sealBlock - 1,
		sealSmall + sealBlock, sealSmall + sealBlock + 1, 3 << 20}
	for range 20 {
		sizes = append(sizes, mathrand.IntN(2<<20))
	}
	for _, size := range sizes {
		content := make([]byte, size)
		_, _ = rand.Read(content)
		var sealed bytes.Buffer
		n, err := SealEnvelope(&sealed, &key.PublicKey, bytes.NewReader(content))
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if want := EnvelopeSize(int64(size)); n != want || int64(sealed.Len()) != want {
			t.Errorf("size %d: wrote %d and said %d, want %d", size, sealed.Len(), n, want)
		}
		if !ValidEnvelopeSize(n) {
			t.Errorf("size %d: ValidEnvelopeSize(%d) = false", size, n)
		}
		for name, source := range map[string]io.Reader{
			"at once":       bytes.NewReader(sealed.Bytes()),
			"halves":        iotest.HalfReader(bytes.NewReader(sealed.Bytes())),
			"EOF with data": iotest.DataErrReader(bytes.NewReader(sealed.Bytes())),
		} {
			got, err := io.ReadAll(OpenEnvelope(key, source))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("size %d, read %s: %d bytes and error %v", size, name, len(got), err)
			}
		}
	}
}

func TestOpenEnvelopeByteByByte(t *testing.T) {
	key := testKey(t)
	content := []byte("a text that is longer than one block of the cipher")
	envelope := iotest.OneByteReader(bytes.NewReader(seal(t, &key.PublicKey, content)))
	got, err := io.ReadAll(iotest.OneByteReader(OpenEnvelope(key, envelope)))
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %q, error %v", got, err)
	}
}

// Every cut is noticed. One between two blocks leaves the end of the content to
// look like padding, which random content does once in 256 times; this content
// never does.
func TestOpenEnvelopeCut(t *testing.T) {
	key := testKey(t)
	content := bytes.Repeat([]byte{0xEE}, 100)
	whole := seal(t, &key.PublicKey, content)
	for n := range len(whole) {
		got, err := io.ReadAll(OpenEnvelope(key, bytes.NewReader(whole[:n])))
		want := ErrEnvelopeCut
		if n > envelopeHeader && n%aes.BlockSize == 0 {
			want = ErrEnvelopePadding
		}
		if !errors.Is(err, want) {
			t.Errorf("first %d of %d bytes: error %v, want %v", n, len(whole), err, want)
		}
		if len(got) > len(content) {
			t.Errorf("first %d of %d bytes: %d bytes of content handed out", n, len(whole), len(got))
		}
	}
}

// The last block is never handed out unchecked, however the stream arrives.
func TestOpenEnvelopeHoldsLastBlock(t *testing.T) {
	key := testKey(t)
	for _, size := range []int{0, 16, 48, 64 << 10} {
		content := bytes.Repeat([]byte{0xEE}, size)
		whole := seal(t, &key.PublicKey, content)
		changed := bytes.Clone(whole)
		changed[len(changed)-1-aes.BlockSize] ^= 0xFF // which inverts the last byte of the padding
		got, err := io.ReadAll(OpenEnvelope(key, iotest.HalfReader(bytes.NewReader(changed))))
		if !errors.Is(err, ErrEnvelopePadding) {
			t.Errorf("size %d: error %v, want %v", size, err, ErrEnvelopePadding)
		}
		if len(got) > size {
			t.Errorf("size %d: %d bytes handed out", size, len(got))
		}
	}
}

func TestOpenEnvelopePadding(t *testing.T) {
	key := testKey(t)
	for _, test := range []struct {
		name  string
		block []byte
		want  error
	}{
		{"full block", bytes.Repeat([]byte{16}, 16), nil},
		{"one byte", append(make([]byte, 15), 1), nil},
		{"zero", make([]byte, 16), ErrEnvelopePadding},
		{"beyond a block", bytes.Repeat([]byte{17}, 16), ErrEnvelopePadding},
		{"not all alike", append(bytes.Repeat([]byte{9}, 14), 3, 3), ErrEnvelopePadding},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := io.ReadAll(OpenEnvelope(key, bytes.NewReader(rawEnvelope(t, &key.PublicKey, test.block))))
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestOpenEnvelopeErrors(t *testing.T) {
	key := testKey(t)
	whole := seal(t, &key.PublicKey, []byte("content"))
	other, err := rsa.GenerateKey(rand.Reader, KeyBits)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(OpenEnvelope(other, bytes.NewReader(whole))); !errors.Is(err, ErrEnvelopeKey) {
		t.Errorf("another key: error %v, want %v", err, ErrEnvelopeKey)
	}
	short, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &key.PublicKey, make([]byte, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(OpenEnvelope(key, bytes.NewReader(append(short, make([]byte, 32)...))))
	if !errors.Is(err, ErrEnvelopeKey) {
		t.Errorf("a file key of 16 bytes: error %v, want %v", err, ErrEnvelopeKey)
	}
	broken := errors.New("broken pipe")
	for _, n := range []int{10, envelopeHeader, envelopeHeader + 8} {
		source := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken))
		if _, err := io.ReadAll(OpenEnvelope(key, source)); !errors.Is(err, broken) {
			t.Errorf("source fails after %d bytes: error %v, want %v", n, err, broken)
		}
	}
	source := io.MultiReader(bytes.NewReader(whole), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := io.ReadAll(OpenEnvelope(key, source)); !errors.Is(err, ErrEnvelopeCut) {
		t.Errorf("transport says cut: error %v, want %v", err, ErrEnvelopeCut)
	}
}

func TestSealEnvelopeErrors(t *testing.T) {
	key := testKey(t)
	broken := errors.New("disk on fire")
	for _, size := range []int{0, 100, sealSmall, sealSmall + 5*sealBlock + 7} {
		source := io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(broken))
		var out bytes.Buffer
		n, err := SealEnvelope(&out, &key.PublicKey, source)
		if !errors.Is(err, broken) {
			t.Errorf("source fails after %d bytes: error %v, want %v", size, err, broken)
		}
		if n != int64(out.Len()) || n >= EnvelopeSize(int64(size)) {
			t.Errorf("source fails after %d bytes: %d written, %d said", size, out.Len(), n)
		}
	}
	for _, limit := range []int64{0, sealSmall, 2 << 20} {
		w := &failingWriter{left: limit, err: broken}
		if _, err := SealEnvelope(w, &key.PublicKey, io.LimitReader(zeros{}, 16<<20)); !errors.Is(err, broken) {
			t.Errorf("writer fails after %d bytes: error %v, want %v", limit, err, broken)
		}
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SealEnvelope(io.Discard, &small.PublicKey, zeros{}); err == nil {
		t.Error("a key of 1024 bits was accepted")
	}
}

func TestSealEnvelopeFresh(t *testing.T) {
	key := testKey(t)
	a, b := seal(t, &key.PublicKey, []byte("same")), seal(t, &key.PublicKey, []byte("same"))
	if bytes.Equal(a[:wrappedKeySize], b[:wrappedKeySize]) ||
		bytes.Equal(a[wrappedKeySize:envelopeHeader], b[wrappedKeySize:envelopeHeader]) {
		t.Error("two envelopes share a key or an IV")
	}
}

// The vector was made with OpenSSL: pkeyutl (rsa_padding_mode:oaep, SHA-1) and
// enc -aes-256-cbc.
func TestEnvelopeVector(t *testing.T) {
	envelope, err := os.ReadFile("testdata/envelope.bin")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/envelope.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(OpenEnvelope(testKey(t), bytes.NewReader(envelope)))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, error %v, want %q", got, err, want)
	}
}

func FuzzOpenEnvelope(f *testing.F) {
	key := testKey(f)
	f.Add(seal(f, &key.PublicKey, nil), 7)
	f.Add(seal(f, &key.PublicKey, []byte("some content that is longer than a block")), 300)
	f.Add(rawEnvelope(f, &key.PublicKey, bytes.Repeat([]byte{17}, 32)), 272)
	f.Add([]byte("not an envelope"), 1)
	f.Fuzz(func(t *testing.T, data []byte, split int) {
		whole, err := io.ReadAll(OpenEnvelope(key, bytes.NewReader(data)))
		if err == nil {
			if !ValidEnvelopeSize(int64(len(data))) || EnvelopeSize(int64(len(whole))) != int64(len(data)) {
				t.Fatalf("an envelope of %d bytes gave %d", len(data), len(whole))
			}
		}
		// How the bytes arrive makes no difference to what comes out.
		if split < 0 || split > len(data) {
			split = len(data) / 2
		}
		parts := io.MultiReader(bytes.NewReader(data[:split]), iotest.OneByteReader(bytes.NewReader(data[split:])))
		again, err2 := io.ReadAll(OpenEnvelope(key, parts))
		if (err == nil) != (err2 == nil) || err == nil && !bytes.Equal(whole, again) {
			t.Fatalf("read in parts: error %v, at once: %v", err2, err)
		}
	})
}

func BenchmarkSealEnvelope(b *testing.B) {
	key := testKey(b)
	for _, size := range []int64{4 << 10, 1 << 20, 64 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := SealEnvelope(io.Discard, &key.PublicKey, io.LimitReader(zeros{}, size)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenEnvelope(b *testing.B) {
	key := testKey(b)
	for _, size := range []int{4 << 10, 16 << 20} {
		envelope := seal(b, &key.PublicKey, make([]byte, size))
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := io.Copy(io.Discard, OpenEnvelope(key, bytes.NewReader(envelope))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func seal(t testing.TB, key *rsa.PublicKey, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := SealEnvelope(&out, key, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// rawEnvelope encrypts blocks as they are, without padding them.
func rawEnvelope(t testing.TB, key *rsa.PublicKey, blocks []byte) []byte {
	t.Helper()
	header, mode, err := newEnvelope(key)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(blocks))
	mode.CryptBlocks(out, blocks)
	return append(header, out...)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failingWriter struct {
	left int64
	err  error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		n := w.left
		w.left = 0
		return int(n), w.err
	}
	w.left -= int64(len(p))
	return len(p), nil
}
