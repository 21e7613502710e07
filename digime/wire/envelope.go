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
