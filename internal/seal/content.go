package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/minio/sio"
)

// FileKey encrypts one file's content, once. It prints masked.
type FileKey struct{ key masked[[]byte] }

// NewFileKey returns a fresh key.
func NewFileKey() FileKey {
	key := randomKey()
	return FileKey{maskedOf(key[:])}
}

// Format keeps every fmt verb from printing the key.
func (k FileKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(maskText)) }

// LogValue keeps slog from printing the key.
func (k FileKey) LogValue() slog.Value { return slog.StringValue(maskText) }

// SealTo shuts the key for a library. The file's id is bound to it, so that the
// seals of two files cannot be swapped.
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

// SealSmall encrypts a whole small content as one AES-256-GCM message. The nonce
// is zero: the key is used for this one message and never again. The file's id is
// authenticated with it.
func (k FileKey) SealSmall(file string, content []byte) ([]byte, error) {
	gcm, err := k.gcm()
	if err != nil {
		return nil, err
	}
	return gcm.Seal(make([]byte, 0, len(content)+gcm.Overhead()), make([]byte, gcm.NonceSize()), content, []byte(file)),
		nil
}

// OpenSmall decrypts what SealSmall made. It returns [ErrCannotOpen] for altered bytes.
func (k FileKey) OpenSmall(file string, sealed []byte) ([]byte, error) {
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

// stream fixes version and cipher: sio would otherwise choose by the CPU, and
// nodes may differ.
func (k FileKey) streamConfig() sio.Config {
	return sio.Config{MinVersion: sio.Version20, MaxVersion: sio.Version20,
		CipherSuites: []byte{sio.AES_256_GCM}, Key: k.key.value()}
}

// ErrEmptyContent says that a content that was to become a stream is empty. An empty
// stream has no bytes either, and no key could tell it from a lost one.
var ErrEmptyContent = errors.New("an empty content cannot be sealed as a stream")

// SealStream encrypts a content of any length but none, as it is read, in
// authenticated packages of 64 KiB (DARE 2.0). A read returns [ErrEmptyContent] if
// there was nothing, and the content's own error if it broke off.
func (k FileKey) SealStream(content io.Reader) (io.Reader, error) {
	r, err := sio.EncryptReader(sourceReader{content}, k.streamConfig())
	if err != nil {
		return nil, fmt.Errorf("seal content: %w", err)
	}
	return &streamReader{r: r, emptyErr: ErrEmptyContent}, nil
}

// OpenStream decrypts what SealStream made, as it is read. A read returns
// [ErrCannotOpen] where bytes were altered or the stream was cut.
func (k FileKey) OpenStream(sealed io.Reader) (io.Reader, error) {
	r, err := sio.DecryptReader(sourceReader{sealed}, k.streamConfig())
	if err != nil {
		return nil, fmt.Errorf("open content: %w", err)
	}
	return &streamReader{r: r, emptyErr: ErrCannotOpen}, nil
}

// source marks the errors of what is read. Package sio takes a bare
// io.ErrUnexpectedEOF, with which a broken connection ends, for a good end.
type sourceReader struct{ r io.Reader }

func (s sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a wrapped io.EOF is no good end
		err = fmt.Errorf("read content: %w", err)
	}
	return n, err
}

// streamReader adds to a reader of package sio that its first error stays, since
// reading on after one can seem to end well; that an end before any byte is the
// error none; and that bytes which are not as they were written are [ErrCannotOpen].
type streamReader struct {
	r        io.Reader
	emptyErr error
	started  bool
	err      error
}

func (s *streamReader) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.started = s.started || n > 0
	var altered sio.Error
	switch {
	case err == io.EOF && !s.started: //nolint:errorlint // sio gives io.EOF itself at a good end
		err = fmt.Errorf("content: %w", s.emptyErr)
	case errors.As(err, &altered):
		err = fmt.Errorf("content: %w", ErrCannotOpen)
	}
	s.err = err
	return n, err
}
