package seal

import (
	"errors"
	"fmt"
	"io"

	"github.com/minio/sio"
)

// streamConfig fixes version and cipher, which sio would otherwise choose by the CPU.
// Servers of one installation may differ.
func (k FileKey) streamConfig() sio.Config {
	return sio.Config{
		MinVersion:   sio.Version20,
		MaxVersion:   sio.Version20,
		CipherSuites: []byte{sio.AES_256_GCM},
		Key:          k.key.value(),
	}
}

// ErrEmptyContent is returned for an empty content. Its stream would be empty too, and
// could not be told from a stream that was lost.
var ErrEmptyContent = errors.New("an empty content cannot be sealed as a stream")

// SealContentStream encrypts a content while it is read, in authenticated packages of 64 KiB
// (DARE 2.0). A read returns [ErrEmptyContent] if the content is empty, and the
// content's own error if it fails.
func (k FileKey) SealContentStream(content io.Reader) (io.Reader, error) {
	r, err := sio.EncryptReader(sourceReader{content}, k.streamConfig())
	if err != nil {
		return nil, fmt.Errorf("seal content: %w", err)
	}
	return &streamReader{r: r, emptyErr: ErrEmptyContent}, nil
}

// OpenContentStream decrypts the result of SealContentStream while it is read. A read returns
// [ErrCannotOpen] if bytes were altered or the stream was cut.
func (k FileKey) OpenContentStream(sealed io.Reader) (io.Reader, error) {
	r, err := sio.DecryptReader(sourceReader{sealed}, k.streamConfig())
	if err != nil {
		return nil, fmt.Errorf("open content: %w", err)
	}
	return &streamReader{r: r, emptyErr: ErrCannotOpen}, nil
}

// sourceReader wraps the errors of the source. Package sio takes a bare
// io.ErrUnexpectedEOF, with which a broken connection ends, for a normal end.
type sourceReader struct{ r io.Reader }

func (s sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a wrapped io.EOF is no good end
		err = fmt.Errorf("read content: %w", err)
	}
	return n, err
}

// streamReader wraps a reader of package sio. Its first error is final, since reading
// on after an error can seem to end normally. An end before the first byte is the error
// emptyErr. Altered bytes are [ErrCannotOpen].
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

// StreamSize returns the length of the stream of a content of n bytes.
func StreamSize(n int64) int64 {
	const content, overhead = 64 << 10, 32
	return n + (n+content-1)/content*overhead
}
