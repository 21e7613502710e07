package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Sealing is bound by AES-CBC, which is serial by nature. For a long file the
// source, the encryption and the socket therefore work at the same time, each on
// a buffer of its own; a short file is encrypted and written in one piece. When
// more long files than maxPipelines are sealed at once, the processors are busy
// anyway: the further ones go piece by piece through their one small buffer, and
// memory stays flat.
const (
	sealSmall    = 64 << 10
	sealBlock    = 256 << 10
	sealBuffers  = 6
	maxPipelines = 2
)

// pipelines holds a place for each long file that is sealed in stages.
var pipelines = make(chan struct{}, maxPipelines)

// Buffers are kept between files. Their capacity leaves room for the header and
// for the padding, so that neither costs an allocation.
var (
	smallBuffers = sync.Pool{New: func() any { b := make([]byte, envelopeHeader+sealSmall+aes.BlockSize); return &b }}
	blockBuffers = sync.Pool{New: func() any { b := make([]byte, sealBlock+aes.BlockSize); return &b }}
)

// SealEnvelope reads content to its end and writes its envelope for key to w. It
// returns the number of bytes written, which for n bytes of content is
// [EnvelopeSize](n).
//
// A file of at most 64 KiB is written in one call. For a longer one, unless two
// are under way already, content is read and w is written on goroutines of their
// own, both ended before SealEnvelope returns; that holds six buffers of 256 KiB.
// When reading
// fails, the envelope is left without its end, which its reader notices: an HTTP
// handler must then break the connection and not end the answer as if it were
// whole.
func SealEnvelope(w io.Writer, key *rsa.PublicKey, content io.Reader) (int64, error) {
	header, mode, err := newEnvelope(key)
	if err != nil {
		return 0, err
	}
	small := smallBuffers.Get().(*[]byte)
	defer smallBuffers.Put(small)
	first := *small
	copy(first, header)
	n, err := io.ReadFull(content, first[envelopeHeader:envelopeHeader+sealSmall])
	plain := first[envelopeHeader : envelopeHeader+n]
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		plain = pad(plain)
		mode.CryptBlocks(plain, plain)
		return writeAll(w, first[:envelopeHeader+len(plain)])
	case err != nil:
		return 0, fmt.Errorf("seal envelope: read content: %w", err)
	}
	mode.CryptBlocks(plain, plain)
	written, err := writeAll(w, first[:envelopeHeader+sealSmall])
	if err != nil {
		return written, err
	}
	var more int64
	select {
	case pipelines <- struct{}{}:
		defer func() { <-pipelines }()
		more, err = sealLong(w, mode, content)
	default:
		more, err = sealPieces(w, mode, content, first[:sealSmall+aes.BlockSize])
	}
	return written + more, err
}

// sealPieces reads, encrypts and writes in turn, in one buffer that has room for a
// block of padding at its end.
func sealPieces(w io.Writer, mode cipher.BlockMode, content io.Reader, buffer []byte) (written int64, err error) {
	for last := false; !last; {
		n, err := io.ReadFull(content, buffer[:sealSmall])
		last = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return written, fmt.Errorf("seal envelope: read content: %w", err)
		}
		piece := buffer[:n]
		if last {
			piece = pad(piece)
		}
		mode.CryptBlocks(piece, piece)
		m, err := writeAll(w, piece)
		written += m
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// sealed is a buffer on its way through the stages; last marks the end.
type sealed struct {
	buf  *[]byte
	data []byte
	last bool
}

// sealLong runs the three stages. Buffers move from free to read to done and
// back; whoever meets an error closes stop, which ends the others.
func sealLong(w io.Writer, mode cipher.BlockMode, content io.Reader) (written int64, err error) {
	var (
		free = make(chan *[]byte, sealBuffers)
		read = make(chan sealed, sealBuffers)
		done = make(chan sealed, sealBuffers)
		stop = make(chan struct{})
		once sync.Once
		wait sync.WaitGroup
	)
	fail := func(e error) {
		once.Do(func() { err = e; close(stop) })
	}
	for range sealBuffers {
		free <- blockBuffers.Get().(*[]byte)
	}
	wait.Add(2)
	go func() {
		defer wait.Done()
		defer close(read)
		for {
			var buf *[]byte
			select {
			case buf = <-free:
			case <-stop:
				return
			}
			n, err := io.ReadFull(content, (*buf)[:sealBlock])
			last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			if err != nil && !last {
				fail(fmt.Errorf("seal envelope: read content: %w", err))
				return
			}
			read <- sealed{buf, (*buf)[:n], last} // never blocks: there are as many places as buffers
			if last {
				return
			}
		}
	}()
	go func() {
		defer wait.Done()
		for s := range done {
			n, err := writeAll(w, s.data)
			written += n
			free <- s.buf
			if err != nil {
				fail(err)
				return
			}
		}
	}()
	for s := range read {
		if s.last {
			s.data = pad(s.data)
		}
		mode.CryptBlocks(s.data, s.data)
		done <- s
	}
	close(done)
	wait.Wait()
	if err == nil {
		// Buffers of a failed run are left to the collector.
		for range sealBuffers {
			blockBuffers.Put(<-free)
		}
	}
	return written, err
}

func writeAll(w io.Writer, b []byte) (int64, error) {
	n, err := w.Write(b)
	if err != nil {
		err = fmt.Errorf("seal envelope: write: %w", err)
	}
	return int64(n), err
}
