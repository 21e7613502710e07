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

// AES-CBC is serial and limits the speed of sealing. For a long file the source, the encryption and the socket
// therefore work at the same time, each on its own buffer. A short file is encrypted and written in one piece. When
// more than maxPipelines long files are sealed at once, the processors are busy anyway: the others are sealed piece by
// piece in one small buffer each, so that the memory does not grow.
//
// A stage wakes the next one with each buffer, on another processor as a rule. For small buffers that costs more than
// it costs that large ones leave the cache of the processor: with 256 KiB a transfer takes about a tenth longer.
const (
	sealSmall    = 64 << 10
	sealBlock    = 768 << 10
	sealBuffers  = 3
	maxPipelines = 2
)

// pipelines has a place for each long file that is sealed in stages.
var pipelines = make(chan struct{}, maxPipelines)

// Buffers are reused. They have room for the header and the padding, so that neither needs an allocation.
var (
	smallBuffers = sync.Pool{New: func() any { b := make([]byte, envelopeHeader+sealSmall+aes.BlockSize); return &b }}
	blockBuffers = sync.Pool{New: func() any { b := make([]byte, sealBlock+aes.BlockSize); return &b }}
)

// SealEnvelope reads content to its end and writes its envelope for key to w. It returns the number of bytes that were
// written, which for n bytes of content is [EnvelopeSize](n).
//
// A file of at most 64 KiB is written in one call. For a longer file, unless two are sealed already, content is read
// and w is written on goroutines of their own, with three buffers of 768 KiB. They have ended when SealEnvelope
// returns. If reading fails, the envelope remains without its end, so that its reader detects the error. An HTTP
// handler must then close the connection and not end the response as if it were complete.
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

// sealPieces reads, encrypts and writes in turn, in one buffer that has room for a block of padding at its end.
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

// A sealed is a buffer that passes through the stages. last marks the end.
type sealed struct {
	buf  *[]byte
	data []byte
	last bool
}

// sealLong runs the three stages. Buffers move from free to read to done and back to free. A stage that meets an error
// closes stop, which ends the others.
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
			read <- sealed{buf, (*buf)[:n], last} // does not block: there are as many places as buffers
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
		// After an error the buffers are left to the garbage collector.
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
