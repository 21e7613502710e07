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

// openBuffer is the size of the buffer of a reader.
const openBuffer = 64 << 10

// OpenEnvelope returns a reader of the content of the envelope that it reads from r. Its Read returns [io.EOF] only
// after the end has been checked. Its other errors are [ErrEnvelopeKey], [ErrEnvelopeCut], [ErrEnvelopePadding] and
// those of r; what was read before the error is returned first, except for the last 16 bytes or less. It has a buffer
// of 64 KiB and does not close r.
//
// The reader is an [io.WriterTo], which [io.Copy] uses. WriteTo reads what is longer than 256 KiB on a goroutine of its
// own, in three buffers of 256 KiB, unless it does so for four contents already, and decrypts several buffers at once
// if they have to wait. When it returns, nothing reads from r any more: after an error of w it waits for the Read of r
// that is under way. Nothing can be read after such an error.
func OpenEnvelope(key *rsa.PrivateKey, r io.Reader) io.Reader {
	return &envelopeReader{key: key, src: r}
}

// OpenContent returns a reader of a content that was encrypted as that of an envelope is, with a key and an IV that
// came in another way: as clients of earlier generations push. It works as that of [OpenEnvelope], without
// [ErrEnvelopeKey]. The key is one that [UnwrapContentKey] returns, and the IV has 16 bytes.
func OpenContent(key, iv []byte, r io.Reader) (io.Reader, error) {
	if len(key) != fileKeySize || len(iv) != aes.BlockSize {
		return nil, fmt.Errorf("open content: key of %d bytes and IV of %d bytes", len(key), len(iv))
	}
	e := &envelopeReader{src: r}
	if err := e.start(key, iv); err != nil {
		return nil, fmt.Errorf("open content: %w", err)
	}
	return e, nil
}

// UnwrapContentKey decrypts the key of a content, which was encrypted as that of an envelope is. It returns
// [ErrEnvelopeKey] if it was encrypted for another key, or is no key of a content.
func UnwrapContentKey(private *rsa.PrivateKey, wrapped []byte) ([]byte, error) {
	key, err := rsa.DecryptOAEP(oaepHash(), nil, private, wrapped, nil)
	if err != nil || len(key) != fileKeySize {
		return nil, ErrEnvelopeKey
	}
	return key, nil
}

// An envelopeReader decrypts an envelope segment by segment.
type envelopeReader struct {
	key   *rsa.PrivateKey
	src   io.Reader
	block cipher.Block // nil until the header has been read

	// What the next segment begins with. Only whoever reads from src uses these.
	iv      [aes.BlockSize]byte // the encrypted block before it
	rest    [aes.BlockSize]byte // what was read and is not yet in a segment: at least the last byte
	restLen int

	buf   []byte
	plain []byte // decrypted and not yet returned; a part of buf
	total int64  // the length of all segments that were decrypted in buf
	err   error  // to return after plain
}

func (e *envelopeReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(e.plain) == 0 && e.err == nil {
		e.fill()
	}
	if len(e.plain) == 0 {
		return 0, e.err
	}
	n := copy(p, e.plain)
	e.plain = e.plain[n:]
	return n, nil
}

// WriteTo writes the rest of the content to w.
func (e *envelopeReader) WriteTo(w io.Writer) (written int64, err error) {
	for {
		n, err := writePlain(w, e.plain)
		written += int64(n)
		e.plain = e.plain[n:]
		switch {
		case err != nil:
			return written, err
		case errors.Is(e.err, io.EOF):
			return written, nil
		case e.err != nil:
			return written, e.err
		}
		if e.total >= longContent {
			if n, ok, err := e.writeAhead(w); ok {
				return written + n, err
			}
		}
		e.fill()
	}
}

// writePlain writes a part of the content, unless it is empty.
func writePlain(w io.Writer, plain []byte) (int, error) {
	if len(plain) == 0 {
		return 0, nil
	}
	n, err := w.Write(plain)
	if err == nil && n < len(plain) {
		err = io.ErrShortWrite
	}
	return n, err
}

// fill makes the next segment the plain bytes.
func (e *envelopeReader) fill() {
	if e.block == nil {
		if e.err = e.open(); e.err != nil {
			return
		}
	}
	if e.buf == nil {
		e.buf = make([]byte, openBuffer)
	}
	s := e.next(e.buf)
	s.decrypt(e.block)
	e.plain, e.err = s.data, s.err
	e.total += int64(len(s.data))
}

// open reads the header and unwraps the file key.
func (e *envelopeReader) open() error {
	var header [envelopeHeader]byte
	if _, err := io.ReadFull(e.src, header[:]); err != nil {
		return cutOr(err)
	}
	fileKey, err := UnwrapContentKey(e.key, header[:wrappedKeySize])
	if err == nil {
		err = e.start(fileKey, header[wrappedKeySize:])
	}
	return err
}

func (e *envelopeReader) start(fileKey, iv []byte) (err error) {
	copy(e.iv[:], iv)
	if e.block, err = aes.NewCipher(fileKey); err != nil {
		return fmt.Errorf("open envelope: %w", err)
	}
	return nil
}

// A segment is a part of the content. The segments before it are not needed to decrypt it, so several can be decrypted
// at once.
type segment struct {
	iv   [aes.BlockSize]byte
	data []byte // encrypted, and plain once decrypt has been called
	last bool   // data ends with the last block
	err  error  // comes after data

	once   sync.Once
	buffer *[]byte // of writeAhead
}

// next reads once from the source into a buffer. It returns the blocks that can be decrypted: all but the last one,
// which waits until the end is known.
func (e *envelopeReader) next(buf []byte) *segment {
	have := copy(buf, e.rest[:e.restLen])
	n, err := e.src.Read(buf[have:])
	have += n
	whole := (have - 1) / aes.BlockSize * aes.BlockSize // 0 when there is nothing
	s := &segment{iv: e.iv, data: buf[:whole]}
	if whole > 0 {
		copy(e.iv[:], buf[whole-aes.BlockSize:])
	}
	e.restLen = copy(e.rest[:], buf[whole:have])
	switch {
	case err == nil:
	case err != io.EOF:
		s.err = cutOr(err)
	case e.restLen != aes.BlockSize:
		s.err = ErrEnvelopeCut
	default:
		s.data, s.last = buf[:have], true
	}
	return s
}

// decrypt decrypts the segment, if nobody has done so, and checks the padding of the last one.
func (s *segment) decrypt(block cipher.Block) {
	s.once.Do(func() {
		if len(s.data) > 0 {
			cipher.NewCBCDecrypter(block, s.iv[:]).CryptBlocks(s.data, s.data)
		}
		if !s.last {
			return
		}
		n, ok := unpad(s.data)
		s.err = io.EOF
		if !ok {
			n, s.err = len(s.data)-aes.BlockSize, ErrEnvelopePadding
		}
		s.data = s.data[:n]
	})
}

// cutOr returns [ErrEnvelopeCut] for an early end, and wraps other errors.
func cutOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrEnvelopeCut
	}
	return fmt.Errorf("read encrypted file: %w", err)
}
