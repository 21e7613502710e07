package seal_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/carrelhq/carrel/internal/seal"
)

// The sizes of a stream's packages: docs/file-format.md.
const (
	payload     = 64 << 10
	packageSize = 16 + payload + 16
)

// someBytes returns random content.
func someBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func sealStream(t testing.TB, key seal.FileKey, content []byte) []byte {
	t.Helper()
	r := must[io.Reader](t)(key.SealContentStream(bytes.NewReader(content)))
	return must[[]byte](t)(io.ReadAll(r))
}

func openStream(t testing.TB, key seal.FileKey, sealed io.Reader) ([]byte, error) {
	t.Helper()
	return io.ReadAll(must[io.Reader](t)(key.OpenContentStream(sealed)))
}

func TestStreamOfAnyLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 16, payload - 1, payload, payload + 1, 2*payload - 1, 2 * payload, 2*payload + 1,
		5*payload + 12345} {
		key, content := seal.NewFileKey(), someBytes(n)
		sealed := sealStream(t, key, content)
		packages := (n + payload - 1) / payload
		if want := n + 32*packages; len(sealed) != want {
			t.Errorf("%d bytes: sealed in %d, want %d", n, len(sealed), want)
		}
		if got, err := openStream(t, key, bytes.NewReader(sealed)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
	}
}

// TestStreamInPieces reads and writes in pieces of every size: the result does not
// depend on them.
func TestStreamInPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		content := someBytes(rapid.OneOf(rapid.IntRange(1, 1000), rapid.IntRange(payload-2, 2*payload+2)).Draw(r,
			"length"))
		source := rapid.SampledFrom([]func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.HalfReader, iotest.DataErrReader,
		})
		key := seal.NewFileKey()
		in := must[io.Reader](t)(key.SealContentStream(source.Draw(r, "source")(bytes.NewReader(content))))
		sealed := readIn(r, "sealing", in)
		out := must[io.Reader](t)(key.OpenContentStream(source.Draw(r, "blob")(bytes.NewReader(sealed))))
		if !bytes.Equal(readIn(r, "opening", out), content) {
			r.Fatal("other bytes came back")
		}
	})
}

// readIn reads all of r in pieces of a random size.
func readIn(t *rapid.T, label string, r io.Reader) []byte {
	size := rapid.OneOf(rapid.IntRange(7, 5000), rapid.IntRange(payload-1, packageSize+1),
		rapid.Just(3*packageSize)).Draw(t, label)
	var all []byte
	piece := make([]byte, size)
	for {
		n, err := r.Read(piece)
		all = append(all, piece[:n]...)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", label, err)
		}
	}
}

// TestCutStream cuts a stream at the border of every package, around it and in the
// middle: a missing end is always an error.
func TestCutStream(t *testing.T) {
	t.Parallel()
	key, content := seal.NewFileKey(), someBytes(3*payload+100)
	sealed := sealStream(t, key, content)
	cuts := []int{0, 1, 15, 16, 17, 31, 32, 33, len(sealed) - 132, len(sealed) - 100, len(sealed) - 17,
		len(sealed) - 16, len(sealed) - 1}
	for border := packageSize; border < len(sealed); border += packageSize {
		cuts = append(cuts, border-packageSize/2, border-17, border-16, border-1, border, border+1, border+16,
			border+32)
	}
	for _, cut := range cuts {
		for _, size := range []int{1000, payload, packageSize, 4 * packageSize} {
			r := must[io.Reader](t)(key.OpenContentStream(bytes.NewReader(sealed[:cut])))
			opened, err := readUntilEnd(r, size)
			if !errors.Is(err, seal.ErrCannotOpen) {
				t.Errorf("cut to %d of %d bytes, read by %d: %v, want ErrShut", cut, len(sealed), size, err)
			}
			if !bytes.HasPrefix(content, opened) {
				t.Errorf("cut to %d: other bytes came out", cut)
			}
			if n, err := r.Read(make([]byte, size)); n != 0 || !errors.Is(err, seal.ErrCannotOpen) {
				t.Errorf("cut to %d: reading on gives %d bytes, %v", cut, n, err)
			}
		}
	}
}

func readUntilEnd(r io.Reader, size int) (all []byte, err error) {
	piece := make([]byte, size)
	for {
		n, err := r.Read(piece)
		all = append(all, piece[:n]...)
		if err != nil {
			return all, err
		}
	}
}

// TestAlteredStream flips, moves, repeats and adds bytes: what is read before the error
// is a prefix of the content.
func TestAlteredStream(t *testing.T) {
	t.Parallel()
	key, content := seal.NewFileKey(), someBytes(3*payload+100)
	sealed := sealStream(t, key, content)
	other := sealStream(t, key, someBytes(3*payload+100)) // with the same key, which never happens
	pack := func(stream []byte, i int) []byte {
		return stream[i*packageSize : min((i+1)*packageSize, len(stream))]
	}
	type alteration struct {
		what  string
		bytes []byte
	}
	alterations := []alteration{
		{"two packages swapped", slices.Concat(pack(sealed, 1), pack(sealed, 0), pack(sealed, 2), pack(sealed, 3))},
		{"the middle ones swapped", slices.Concat(pack(sealed, 0), pack(sealed, 2), pack(sealed, 1), pack(sealed, 3))},
		{"a package left out", slices.Concat(pack(sealed, 0), pack(sealed, 2), pack(sealed, 3))},
		{"the first left out", sealed[packageSize:]},
		{"the last alone", pack(sealed, 3)},
		{"a package repeated",
			slices.Concat(pack(sealed, 0), pack(sealed, 0), pack(sealed, 1), pack(sealed, 2), pack(sealed, 3))},
		{"the last repeated", slices.Concat(sealed, pack(sealed, 3))},
		{"a package of another stream",
			slices.Concat(pack(sealed, 0), pack(other, 1), pack(sealed, 2), pack(sealed, 3))},
		{"the end of another stream", slices.Concat(sealed[:3*packageSize], pack(other, 3))},
		{"another stream appended", slices.Concat(sealed, other)},
		{"a byte appended", append(bytes.Clone(sealed), 0)},
		{"a whole package of zeros appended", append(bytes.Clone(sealed), make([]byte, packageSize)...)},
		{"a byte put before", append([]byte{0x20}, sealed...)},
	}
	for _, i := range []int{0, 1, 2, 3} {
		start := i * packageSize
		end := min(start+packageSize, len(sealed))
		for _, at := range []int{start, start + 1, start + 2, start + 3, start + 4, start + 8, start + 15, start + 16,
			(start + end) / 2, end - 17, end - 16, end - 1} {
			for _, bit := range []byte{0x01, 0x80} {
				b := bytes.Clone(sealed)
				b[at] ^= bit
				alterations = append(alterations,
					alteration{fmt.Sprintf("package %d: bit %#x of byte %d flipped", i, bit, at-start), b})
			}
		}
	}
	for _, a := range alterations {
		opened, err := openStream(t, key, bytes.NewReader(a.bytes))
		if !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s: %v, want ErrShut", a.what, err)
		}
		if !bytes.HasPrefix(content, opened) {
			t.Errorf("%s: other bytes came out", a.what)
		}
	}
}

func TestStreamIsForOneKey(t *testing.T) {
	t.Parallel()
	sealed := sealStream(t, seal.NewFileKey(), []byte("content"))
	if got, err := openStream(t, seal.NewFileKey(), bytes.NewReader(sealed)); !errors.Is(err, seal.ErrCannotOpen) ||
		len(got) > 0 {
		t.Errorf("another key: %q, %v", got, err)
	}
}

// TestNoEmptyStream: an empty content has no packages and so no stream.
func TestNoEmptyStream(t *testing.T) {
	t.Parallel()
	key := seal.NewFileKey()
	in := must[io.Reader](t)(key.SealContentStream(bytes.NewReader(nil)))
	if b, err := io.ReadAll(in); !errors.Is(err, seal.ErrEmptyContent) || len(b) > 0 {
		t.Errorf("sealing nothing: %d bytes, %v", len(b), err)
	}
	if _, err := openStream(t, key, bytes.NewReader(nil)); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("opening nothing: %v, want ErrShut", err)
	}
}

// TestContentBreaksOff: the error with which the content ends is returned as it is, and
// what was sealed before does not open as a whole content.
func TestContentBreaksOff(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset")
	for _, cause := range []error{io.ErrUnexpectedEOF, reset, fmt.Errorf("wrapped: %w", io.EOF)} {
		for _, n := range []int{0, 1, 1000, payload - 1, payload, payload + 1, 2 * payload, 2*payload + 7} {
			key, content := seal.NewFileKey(), someBytes(n)
			broken := io.MultiReader(bytes.NewReader(content), iotest.ErrReader(cause))
			in := must[io.Reader](t)(key.SealContentStream(broken))
			sealed, err := io.ReadAll(in)
			if !errors.Is(err, cause) || errors.Is(err, seal.ErrCannotOpen) {
				t.Errorf("sealing %d bytes, then %v: error %v", n, cause, err)
			}
			if opened, err := openStream(t, key, bytes.NewReader(sealed)); !errors.Is(err, seal.ErrCannotOpen) {
				t.Errorf("what was sealed of %d bytes, then %v, opens: %d bytes, %v", n, cause, len(opened), err)
			}
		}
		key := seal.NewFileKey()
		sealed := sealStream(t, key, someBytes(payload+7))
		for _, n := range []int{0, 1, packageSize, packageSize + 3} {
			_, err := openStream(t, key, io.MultiReader(bytes.NewReader(sealed[:n]), iotest.ErrReader(cause)))
			if !errors.Is(err, cause) || errors.Is(err, seal.ErrCannotOpen) {
				t.Errorf("opening %d bytes, then %v: error %v", n, cause, err)
			}
		}
	}
}
