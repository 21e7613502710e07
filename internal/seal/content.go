package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"github.com/minio/sio"
)

// FileKey encrypts one file's content, once. It prints masked, being an array of
// no methods that print.
type FileKey struct{ key [32]byte }

// NewFileKey returns a fresh key.
func NewFileKey() FileKey { return FileKey{randomKey()} }

// Format keeps every fmt verb from printing the key.
func (k FileKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mask)) }

// SealTo shuts the key for a library. The file's id is bound to it, so that the
// seals of two files cannot be swapped.
func (k FileKey) SealTo(library PublicKey, file string) (Sealed, error) {
	return library.Seal("carrel file key "+file, k.key[:])
}

// OpenFileKey opens a file's key. It returns [ErrShut] if it is not that file's.
func (p PrivateKey) OpenFileKey(file string, s Sealed) (FileKey, error) {
	b, err := p.Open("carrel file key "+file, s)
	if err != nil {
		return FileKey{}, err
	}
	if len(b) != 32 {
		return FileKey{}, ErrShut
	}
	return FileKey{[32]byte(b)}, nil
}

// SealSmall encrypts a whole small content as one AES-256-GCM message. The nonce
// is zero: the key is used for this one message and never again. The file's id is
// authenticated with it.
func (k FileKey) SealSmall(file string, content []byte) ([]byte, error) {
	gcm, err := k.gcm()
	if err != nil {
		return nil, err
	}
	return gcm.Seal(make([]byte, 0, len(content)+gcm.Overhead()), make([]byte, gcm.NonceSize()), content, []byte(file)), nil
}

// OpenSmall decrypts what SealSmall made. It returns [ErrShut] for altered bytes.
func (k FileKey) OpenSmall(file string, sealed []byte) ([]byte, error) {
	gcm, err := k.gcm()
	if err != nil {
		return nil, err
	}
	content, err := gcm.Open(nil, make([]byte, gcm.NonceSize()), sealed, []byte(file))
	if err != nil {
		return nil, ErrShut
	}
	return content, nil
}

func (k FileKey) gcm() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.key[:])
	if err != nil {
		return nil, fmt.Errorf("file cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("file cipher: %w", err)
	}
	return gcm, nil
}

// stream fixes version and cipher: sio would otherwise choose by the CPU, and
// nodes may differ.
func (k FileKey) stream() sio.Config {
	return sio.Config{MinVersion: sio.Version20, MaxVersion: sio.Version20,
		CipherSuites: []byte{sio.AES_256_GCM}, Key: k.key[:]}
}

// SealStream encrypts a content of any length as it is read, in authenticated
// packages of 64 KiB (DARE 2.0).
func (k FileKey) SealStream(content io.Reader) (io.Reader, error) {
	r, err := sio.EncryptReader(content, k.stream())
	if err != nil {
		return nil, fmt.Errorf("seal content: %w", err)
	}
	return r, nil
}

// OpenStream decrypts what SealStream made, as it is read. A read returns
// [ErrShut] where bytes were altered or the stream was cut.
func (k FileKey) OpenStream(sealed io.Reader) (io.Reader, error) {
	r, err := sio.DecryptReader(sealed, k.stream())
	if err != nil {
		return nil, fmt.Errorf("open content: %w", err)
	}
	return openReader{r}, nil
}

type openReader struct{ r io.Reader }

func (o openReader) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	var altered sio.Error
	if errors.As(err, &altered) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("content: %w", ErrShut)
	}
	return n, err
}
