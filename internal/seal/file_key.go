package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
)

// FileKey encrypts the content of one file, once. It prints masked.
type FileKey struct{ key masked[[]byte] }

// NewFileKey returns a random key.
func NewFileKey() FileKey {
	key := randomKey()
	return FileKey{maskedOf(key[:])}
}

// Format prints the mask for every fmt verb.
func (k FileKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(maskText)) }

// LogValue returns the mask.
func (k FileKey) LogValue() slog.Value { return slog.StringValue(maskText) }

// FileBinding is what a file's key and its content are bound to: they open only
// together with the same binding. Files that are written today are bound to their
// metadata, older ones to their id alone.
type FileBinding struct {
	purpose string
	data    []byte // the additional data of a small content
}

// BoundToID is the binding of the content formats 1 and 2.
func BoundToID(file string) FileBinding {
	return FileBinding{"carrel file key " + file, []byte(file)}
}

// BoundToMetadata is the binding of the content formats 3 and 4, to the hash of all that
// is stored in the clear about the file. No file id, however long, makes the purpose of
// one binding that of the other.
func BoundToMetadata(file string, metadata [sha256.Size]byte) FileBinding {
	return FileBinding{"carrel bound file key " + file + " " + hex.EncodeToString(metadata[:]), metadata[:]}
}

// SealTo seals the key to a library. The binding is the purpose, so that the sealed
// keys of two files cannot be swapped.
func (k FileKey) SealTo(library PublicKey, file FileBinding) (Sealed, error) {
	return library.Seal(file.purpose, k.key.value())
}

// OpenFileKey opens a file's key. It returns [ErrCannotOpen] if it is not that file's.
func (p PrivateKey) OpenFileKey(file FileBinding, s Sealed) (FileKey, error) {
	b, err := p.Open(file.purpose, s)
	if err != nil {
		return FileKey{}, err
	}
	if len(b) != 32 {
		return FileKey{}, ErrCannotOpen
	}
	return FileKey{maskedOf(b)}, nil
}

// SealContent encrypts a whole content as one AES-256-GCM message, with the binding as
// additional data. The nonce is zero, since the key encrypts only this message.
func (k FileKey) SealContent(file FileBinding, content []byte) ([]byte, error) {
	gcm, err := k.gcm()
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, 0, len(content)+gcm.Overhead())
	return gcm.Seal(sealed, make([]byte, gcm.NonceSize()), content, file.data), nil
}

// OpenContent decrypts the result of SealContent. It returns [ErrCannotOpen] for altered
// bytes.
func (k FileKey) OpenContent(file FileBinding, sealed []byte) ([]byte, error) {
	gcm, err := k.gcm()
	if err != nil {
		return nil, err
	}
	content, err := gcm.Open(nil, make([]byte, gcm.NonceSize()), sealed, file.data)
	if err != nil {
		return nil, ErrCannotOpen
	}
	return content, nil
}

func (k FileKey) gcm() (cipher.AEAD, error) { return newGCM(k.key.value()) }

// newGCM returns AES-256-GCM with a key of 32 bytes.
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return gcm, nil
}

// MessageSize returns the length of the message of a content of n bytes.
func MessageSize(n int64) int64 {
	const tag = 16
	return n + tag
}
