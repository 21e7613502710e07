package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // see oaepHash
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// A file is transferred as an envelope:
//
//	RSA-OAEP(SHA-1, MGF1-SHA-1, contract's public key, file key)   256 bytes
//	IV                                                              16 bytes
//	AES-256-CBC(file key, IV, content with PKCS#7 padding)          16 × n bytes
//
// It has no authentication code: a reader detects a cut and a wrong key by the padding and the length, and does not
// detect a changed content. TLS and the checksum of the compression, if there is one, protect the content.
const (
	wrappedKeySize = KeyBits / 8
	fileKeySize    = 32
	envelopeHeader = wrappedKeySize + aes.BlockSize

	// MinEnvelope is the size in bytes of the smallest envelope, that of an empty file.
	MinEnvelope = envelopeHeader + aes.BlockSize
)

// The errors of an envelope. A reader returns nothing of the last block before it has checked the padding and the
// length.
var (
	// ErrEnvelopeCut: the stream ended too early, within the header or a block, or as the transport reports.
	ErrEnvelopeCut = errors.New("encrypted file is cut short")
	// ErrEnvelopePadding: the content does not end in PKCS#7 padding. It was cut between blocks, or changed.
	ErrEnvelopePadding = errors.New("encrypted file has a wrong end")
	// ErrEnvelopeKey: the file was encrypted for another key.
	ErrEnvelopeKey = errors.New("encrypted file is not for this private key")
)

// EnvelopeSize returns the size in bytes of the envelope of a content of the given size.
func EnvelopeSize(plain int64) int64 {
	return envelopeHeader + (plain/aes.BlockSize+1)*aes.BlockSize
}

// ValidEnvelopeSize reports whether an envelope can have size bytes.
func ValidEnvelopeSize(size int64) bool {
	return size >= MinEnvelope && size%aes.BlockSize == 0
}

// newEnvelope generates a file key and an IV and returns the header that contains them, and the encryption.
func newEnvelope(key *rsa.PublicKey) (header []byte, mode cipher.BlockMode, err error) {
	if key.Size() != wrappedKeySize {
		return nil, nil, fmt.Errorf("seal envelope: key has %d bits, want %d", key.N.BitLen(), KeyBits)
	}
	var secret [fileKeySize + aes.BlockSize]byte
	_, _ = rand.Read(secret[:]) // never fails, by its documentation
	fileKey, iv := secret[:fileKeySize], secret[fileKeySize:]
	wrapped, err := rsa.EncryptOAEP(oaepHash(), rand.Reader, key, fileKey, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("seal envelope: wrap key: %w", err)
	}
	block, err := aes.NewCipher(fileKey)
	if err != nil {
		return nil, nil, fmt.Errorf("seal envelope: %w", err)
	}
	return append(wrapped, iv...), cipher.NewCBCEncrypter(block, iv), nil
}

// oaepHash returns the hash that the protocol uses. OAEP does not depend on its resistance to collisions.
func oaepHash() hash.Hash { return sha1.New() } //nolint:gosec // see above

// pad appends PKCS#7 padding: 1 to 16 bytes, each with the number of them as its value.
func pad(b []byte) []byte {
	n := aes.BlockSize - len(b)%aes.BlockSize
	for range n {
		b = append(b, byte(n))
	}
	return b
}

// unpad returns the length of b without its padding, or false if it has none.
func unpad(b []byte) (int, bool) {
	if len(b) == 0 {
		return 0, false
	}
	n := int(b[len(b)-1])
	if n < 1 || n > aes.BlockSize || n > len(b) {
		return 0, false
	}
	tail := b[len(b)-n:]
	wrong := slices.ContainsFunc(tail, func(c byte) bool { return int(c) != n })
	return len(b) - n, !wrong
}

// OpenEnvelope returns a reader of the content of the envelope that it reads from r. Its Read returns [io.EOF] only
// after the end has been checked. Its other errors are [ErrEnvelopeKey], [ErrEnvelopeCut], [ErrEnvelopePadding] and
// those of r. It has a buffer of 64 KiB and does not close r.
func OpenEnvelope(key *rsa.PrivateKey, r io.Reader) io.Reader {
	return &envelopeReader{key: key, src: r}
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

// OpenContent returns a reader of a content that was encrypted as that of an envelope is, with a key and an IV that
// came in another way: as clients of earlier generations push. Its errors are those of [OpenEnvelope], without
// [ErrEnvelopeKey]. The key is one that [UnwrapContentKey] returns, and the IV has 16 bytes.
func OpenContent(key, iv []byte, r io.Reader) (io.Reader, error) {
	if len(key) != fileKeySize || len(iv) != aes.BlockSize {
		return nil, fmt.Errorf("open content: key of %d bytes and IV of %d bytes", len(key), len(iv))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("open content: %w", err)
	}
	return &envelopeReader{src: r, mode: cipher.NewCBCDecrypter(block, iv), buf: make([]byte, openBuffer)}, nil
}

const openBuffer = 64 << 10

type envelopeReader struct {
	key  *rsa.PrivateKey
	src  io.Reader
	mode cipher.BlockMode // nil until the header has been read

	buf   []byte
	plain []byte // decrypted and not yet returned; a part of buf
	rest  []byte // encrypted and not yet decrypted, at least the last byte read; a part of buf
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

// fill reads once from the source and decrypts all but the last block, which waits until the end is known.
func (e *envelopeReader) fill() {
	if e.mode == nil {
		if e.err = e.open(); e.err != nil {
			return
		}
	}
	have := copy(e.buf, e.rest)
	n, err := e.src.Read(e.buf[have:])
	have += n
	switch {
	case err == nil:
		whole := (have - 1) / aes.BlockSize * aes.BlockSize // 0 when there is nothing
		e.mode.CryptBlocks(e.buf[:whole], e.buf[:whole])
		e.plain, e.rest = e.buf[:whole], e.buf[whole:have]
	case err != io.EOF:
		e.err = cutOr(err)
	case have == 0 || have%aes.BlockSize != 0:
		e.err = ErrEnvelopeCut
	default:
		last := e.buf[:have]
		e.mode.CryptBlocks(last, last)
		n, ok := unpad(last)
		if !ok {
			// What was read together with a wrong end is not returned either.
			e.err = ErrEnvelopePadding
			return
		}
		e.plain, e.rest, e.err = last[:n], nil, io.EOF
	}
}

// open reads the header and unwraps the file key.
func (e *envelopeReader) open() error {
	var header [envelopeHeader]byte
	if _, err := io.ReadFull(e.src, header[:]); err != nil {
		return cutOr(err)
	}
	fileKey, err := UnwrapContentKey(e.key, header[:wrappedKeySize])
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(fileKey)
	if err != nil {
		return fmt.Errorf("open envelope: %w", err)
	}
	e.mode = cipher.NewCBCDecrypter(block, header[wrappedKeySize:])
	e.buf = make([]byte, openBuffer)
	return nil
}

// cutOr returns [ErrEnvelopeCut] for an early end, and wraps other errors.
func cutOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrEnvelopeCut
	}
	return fmt.Errorf("read encrypted file: %w", err)
}
