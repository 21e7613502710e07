package wire

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

var errBroken = errors.New("connection reset")

// A stream is an encrypted content as it arrives: some bytes, and how they end.
type stream struct {
	key, iv []byte
	bytes   []byte
	err     error // io.EOF at the end
}

// newStream encrypts a content that is random, and never looks like padding by chance.
func newStream(rng *rand.Rand, size int) (s stream, content []byte) {
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(0x20 + rng.IntN(0xE0))
		}
		return b
	}
	s, content = stream{key: random(fileKeySize), iv: random(aes.BlockSize), err: io.EOF}, random(size)
	block, err := aes.NewCipher(s.key)
	if err != nil {
		panic(err)
	}
	s.bytes = pad(bytes.Clone(content))
	cipher.NewCBCEncrypter(block, s.iv).CryptBlocks(s.bytes, s.bytes)
	return s, content
}

// want decrypts the stream in one piece. It is the specification of the reader.
func (s stream) want(t *testing.T) ([]byte, error) {
	t.Helper()
	block, err := aes.NewCipher(s.key)
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Clone(s.bytes[:len(s.bytes)/aes.BlockSize*aes.BlockSize])
	cipher.NewCBCDecrypter(block, s.iv).CryptBlocks(plain, plain)
	unchecked := max(len(s.bytes)-1, 0) / aes.BlockSize * aes.BlockSize
	switch {
	case !errors.Is(s.err, io.EOF):
		return plain[:unchecked], cutOr(s.err)
	case len(s.bytes)-unchecked != aes.BlockSize:
		return plain[:unchecked], ErrEnvelopeCut
	}
	n, ok := unpad(plain)
	if !ok {
		return plain[:unchecked], ErrEnvelopePadding
	}
	return plain[:n], nil
}

// arrive returns a source that gives the stream in pieces of at most the given size, which may vary. If together is
// true, its last bytes come with the error.
func (s stream) arrive(piece func() int, together bool) io.Reader {
	return &arriving{stream: s, piece: piece, together: together}
}

type arriving struct {
	stream
	piece    func() int
	together bool
}

func (a *arriving) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), max(a.piece(), 0))], a.bytes)
	a.bytes = a.bytes[n:]
	if len(a.bytes) == 0 && (n == 0 || a.together) {
		return n, a.err
	}
	return n, nil
}

// check reads the stream in each way, and compares what comes out of it with want.
func (s stream) check(t *testing.T, what string, piece func() int) {
	t.Helper()
	want, wantErr := s.want(t)
	for _, together := range []bool{false, true} {
		for name, read := range map[string]func(io.Reader) ([]byte, error){
			"Read": func(r io.Reader) ([]byte, error) { return io.ReadAll(struct{ io.Reader }{r}) },
			"WriteTo": func(r io.Reader) ([]byte, error) {
				var out bytes.Buffer
				n, err := r.(io.WriterTo).WriteTo(struct{ io.Writer }{&out})
				if n != int64(out.Len()) {
					t.Errorf("%s: WriteTo returned %d after writing %d bytes", what, n, out.Len())
				}
				return out.Bytes(), err
			},
			"Read and WriteTo": func(r io.Reader) ([]byte, error) {
				out := bytes.NewBuffer(make([]byte, 0, len(s.bytes)))
				if _, err := io.CopyN(out, struct{ io.Reader }{r}, int64(len(want)/3)); err != nil {
					return out.Bytes(), err
				}
				_, err := r.(io.WriterTo).WriteTo(out)
				return out.Bytes(), err
			},
		} {
			r, err := OpenContent(s.key, s.iv, s.arrive(piece, together))
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(r)
			if !bytes.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) || !errors.Is(err, wantErr) &&
				!errors.Is(err, errBroken) {
				t.Errorf("%s, %s, error with data %v: %d bytes and error %v, want %d and %v",
					what, name, together, len(got), err, len(want), wantErr)
			}
			if n, again := r.Read(make([]byte, 1)); n != 0 ||
				fmt.Sprint(again) != fmt.Sprint(wantErr) && (wantErr != nil || again != io.EOF) {
				t.Errorf("%s, %s: afterwards %d bytes and error %v", what, name, n, again)
			}
		}
	}
}

// What comes out of a stream depends on its bytes and its end alone, and not on how it arrives, or whether it is read
// ahead and decrypted in parts.
func TestOpenContentInAnyWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pieces := map[string]func() int{
		"at once":         func() int { return 1 << 30 },
		"records of TLS":  func() int { return 16 << 10 },
		"odd pieces":      func() int { return 9973 },
		"changing pieces": func() int { return 1 + rng.IntN(1<<(11+rng.IntN(8))) },
	}
	sizes := []int{0, 1, 15, 16, 17, openBuffer - 1, openBuffer, openBuffer + 1, longContent - 16, longContent - 1,
		longContent, longContent + 1, longContent + openBuffer, longContent + openBuffer + aheadBuffer - 15,
		longContent + openBuffer + aheadBuffer, 2<<20 + 5}
	for range 4 {
		sizes = append(sizes, rng.IntN(1<<20))
	}
	checks := 0
	for _, size := range sizes {
		whole, content := newStream(rng, size)
		if got, err := whole.want(t); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("size %d: the specification is wrong: %d bytes and error %v", size, len(got), err)
		}
		cut := func(n int, err error) stream {
			s := whole
			s.bytes, s.err = s.bytes[:n], err
			return s
		}
		length := len(whole.bytes)
		block := rng.IntN(length/aes.BlockSize) * aes.BlockSize
		changed := whole
		changed.bytes = bytes.Clone(whole.bytes)
		changed.bytes[max(length-1-aes.BlockSize, 0)] ^= 0xFF
		for name, s := range map[string]stream{
			"whole": whole, "cut between blocks": cut(block, io.EOF), "cut in a block": cut(block+7, io.EOF),
			"a wrong end": changed, "broken between blocks": cut(block, errBroken),
			"broken in a block": cut(block+7, errBroken), "broken at the end": cut(length, errBroken),
			"cut by the transport": cut(block+7, io.ErrUnexpectedEOF), "nothing": cut(0, io.EOF),
		} {
			for how, piece := range pieces {
				if checks++; size > openBuffer && checks%2 == 0 { // half of them, by chance
					continue
				}
				s.check(t, fmt.Sprintf("size %d, %s, %s", size, name, how), piece)
			}
		}
		if size <= 17 {
			whole.check(t, fmt.Sprintf("size %d, byte by byte", size), func() int { return 1 })
		}
	}
}

func FuzzOpenContentInAnyWay(f *testing.F) {
	f.Add(uint64(1), uint32(1<<20), uint32(0), uint16(16<<10), false)
	f.Add(uint64(2), uint32(600_000), uint32(17), uint16(0), true)
	f.Add(uint64(3), uint32(16), uint32(16), uint16(1), false)
	f.Fuzz(func(t *testing.T, seed uint64, size, missing uint32, piece uint16, broken bool) {
		rng := rand.New(rand.NewPCG(seed, 3))
		s, _ := newStream(rng, int(size%(2<<20)))
		s.bytes = s.bytes[:len(s.bytes)-int(missing)%(len(s.bytes)+1)]
		if broken {
			s.err = errBroken
		}
		s.check(t, "stream", func() int {
			if piece < 512 {
				return rng.IntN(256 << 10)
			}
			return int(piece)
		})
	})
}

// A content that is not long is read without a goroutine.
func TestWriteToShort(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for size, ahead := range map[int]bool{longContent - 1: false, longContent + 2*openBuffer: true} {
		s, _ := newStream(rng, size)
		r, err := OpenContent(s.key, s.iv, bytes.NewReader(s.bytes))
		if err != nil {
			t.Fatal(err)
		}
		var was bool
		_, err = io.Copy(writerFunc(func(p []byte) (int, error) {
			was = was || len(writesAhead) > 0
			return len(p), nil
		}), r)
		if err != nil || was != ahead || len(writesAhead) != 0 {
			t.Errorf("size %d: read ahead %v, want %v; %d places are taken afterwards, error %v",
				size, was, ahead, len(writesAhead), err)
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// However a copy ends, its goroutines have ended with it, and its place and its buffers are free.
func TestWriteToEnds(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	s, content := newStream(rng, 4<<20)
	before := runtime.NumGoroutine()
	full := errors.New("disk is full")
	for name, test := range map[string]struct {
		write func(n int, p []byte) (int, error)
		want  error
	}{
		"an error":      {func(_ int, p []byte) (int, error) { return len(p) / 2, full }, full},
		"a short write": {func(_ int, p []byte) (int, error) { return len(p) - 1, nil }, io.ErrShortWrite},
	} {
		for _, after := range []int{0, longContent / 2, longContent + openBuffer + 1, 2 << 20} {
			r, err := OpenContent(s.key, s.iv, bytes.NewReader(s.bytes))
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			n, err := io.Copy(writerFunc(func(p []byte) (int, error) {
				if got.Len() < after {
					return got.Write(p)
				}
				n, err := test.write(got.Len(), p)
				got.Write(p[:n])
				return n, err
			}), r)
			if !errors.Is(err, test.want) || n != int64(got.Len()) || !bytes.HasPrefix(content, got.Bytes()) {
				t.Errorf("%s after %d bytes: wrote %d, returned %d and error %v", name, after, got.Len(), n, err)
			}
			rest, err := io.ReadAll(struct{ io.Reader }{r})
			if after < longContent {
				if err != nil || !bytes.Equal(append(got.Bytes(), rest...), content) {
					t.Errorf("%s after %d bytes: then %d bytes and error %v", name, after, len(rest), err)
				}
			} else if !errors.Is(err, test.want) || len(rest) != 0 {
				t.Errorf("%s after %d bytes: then %d bytes and error %v, want no more", name, after, len(rest), err)
			}
		}
	}
	func() {
		defer func() { _ = recover() }()
		r, err := OpenContent(s.key, s.iv, bytes.NewReader(s.bytes))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(writerFunc(func(p []byte) (int, error) {
			if len(writesAhead) > 0 {
				panic("the writer panics")
			}
			return len(p), nil
		}), r)
	}()
	if len(writesAhead) != 0 {
		t.Errorf("%d places are taken", len(writesAhead))
	}
	ended(t, before)
}

// ended waits until there are no more goroutines than before.
func ended(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, before %d", runtime.NumGoroutine(), before)
}

// After an error of the writer nothing more is read than what is under way.
func TestWriteToStopsReading(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	s, _ := newStream(rng, 4<<20)
	for range 20 {
		var failed atomic.Bool
		var reads atomic.Int32
		source := bytes.NewReader(s.bytes)
		r, err := OpenContent(s.key, s.iv, readerFunc(func(p []byte) (int, error) {
			if failed.Load() {
				reads.Add(1)
			}
			return source.Read(p[:min(len(p), 5000)])
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(writerFunc(func(p []byte) (int, error) {
			if len(writesAhead) > 0 {
				failed.Store(true)
				return 0, errBroken
			}
			return len(p), nil
		}), r)
		// Until WriteTo learns of the error, the other buffers may be read into.
		if n := reads.Load(); !errors.Is(err, errBroken) || n > aheadBuffers {
			t.Fatalf("%d reads after the error %v", n, err)
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// What has arrived is written, also if the source then pauses.
func TestWriteToPassesOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	s, content := newStream(rng, 1<<20)
	source, feed := io.Pipe()
	r, err := OpenContent(s.key, s.iv, source)
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan int, len(s.bytes))
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(writerFunc(func(p []byte) (int, error) { written <- len(p); return len(p), nil }), r)
		done <- err
	}()
	total := 0
	for sent := 0; sent < len(s.bytes); {
		n, err := feed.Write(s.bytes[sent:min(sent+1000, len(s.bytes))])
		if err != nil {
			t.Fatal(err)
		}
		for sent += n; total < (sent-1)/aes.BlockSize*aes.BlockSize; {
			select {
			case n := <-written:
				total += n
			case <-time.After(10 * time.Second):
				t.Fatalf("of %d bytes that have arrived, %d were written", sent, total)
			}
		}
	}
	if err := errors.Join(feed.Close(), <-done); err != nil || total > len(content) {
		t.Errorf("%d bytes, error %v", total, err)
	}
}

// More contents at once than there are places: some are read ahead, and all arrive.
func TestWriteToManyAtOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	var wait sync.WaitGroup
	for i := range 4 * maxWritesAhead {
		s, content := newStream(rng, longContent+i*100_000)
		wait.Add(1)
		go func() {
			defer wait.Done()
			r, err := OpenContent(s.key, s.iv, iotest.HalfReader(bytes.NewReader(s.bytes)))
			if err != nil {
				t.Error(err)
				return
			}
			var got bytes.Buffer
			if _, err := io.Copy(&got, r); err != nil || !bytes.Equal(got.Bytes(), content) {
				t.Errorf("content %d: %d bytes and error %v", i, got.Len(), err)
			}
		}()
	}
	wait.Wait()
	if len(writesAhead) != 0 {
		t.Errorf("%d places are taken", len(writesAhead))
	}
}
