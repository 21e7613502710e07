package seal

import (
	"crypto/aes"
	"crypto/cipher"
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

// SealTo seals the key to a library. The file's id is the purpose, so that the sealed
// keys of two files cannot be swapped.
func (k FileKey) SealTo(library PublicKey, file string) (Sealed, error) {
	return library.Seal("carrel file key "+file, k.key.value())
}

// OpenFileKey opens a file's key. It returns [ErrCannotOpen] if it is not that file's.
func (p PrivateKey) OpenFileKey(file string, s Sealed) (FileKey, error) {
	b, err := p.Open("carrel file key "+file, s)
	if err != nil {
		return FileKey{}, err
	}
	if len(b) != 32 {
		return FileKey{}, ErrCannotOpen
	}
	return FileKey{maskedOf(b)}, nil
}

// SealContent encrypts a whole content as one AES-256-GCM message, with the file's id as
// additional data. The nonce is zero, since the key encrypts only this message.
func (k FileKey) SealContent(file string, content []byte) ([]byte, error) {
	gcm, err := k.gcm()
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, 0, len(content)+gcm.Overhead())
	return gcm.Seal(sealed, make([]byte, gcm.NonceSize()), content, []byte(file)), nil
}

// OpenContent decrypts the result of SealContent. It returns [ErrCannotOpen] for altered
// bytes.
func (k FileKey) OpenContent(file string, sealed []byte) ([]byte, error) {
	gcm, err := k.gcm()
	if err != nil {
		return nil, err
	}
	content, err := gcm.Open(nil, make([]byte, gcm.NonceSize()), sealed, []byte(file))
	if err != nil {
		return nil, ErrCannotOpen
	}
	return content, nil
}

func (k FileKey) gcm() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.key.value())
	if err != nil {
		return nil, fmt.Errorf("file cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("file cipher: %w", err)
	}
	return gcm, nil
}
