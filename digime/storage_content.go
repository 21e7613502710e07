package digime

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Upload stores a file. It encrypts the data while it reads it, whatever its length, and does not close it. A file that
// has the path already is replaced when all has arrived, and stays as it is after an error. When Upload returns nil,
// the server has stored the file.
//
// Upload is not repeated after an error. To upload again, give a new reader, or one that was rewound.
func (s *Storage) Upload(ctx context.Context, path string, data io.Reader) error {
	cl, err := s.fileCall(http.MethodPost, path)
	switch {
	case err != nil:
		return fmt.Errorf("upload to storage: %w", err)
	case data == nil:
		return fmt.Errorf("upload to storage: %w", invalid("no data"))
	}
	cl.header = map[string]string{"Content-Type": "application/octet-stream"}
	cl.stream = newSealedBody(ctx, data, &s.contract.key.PublicKey)
	if err := s.contract.send(ctx, cl, readAcknowledgement); err != nil {
		return fmt.Errorf("upload to storage: %w", err)
	}
	return nil
}

// A StorageReader reads the content of a file in a storage. The content is decrypted while it is read. Read returns
// [io.EOF] only after the end has been verified. [ErrTruncated] and [ErrCorrupt] say that the bytes read so far are not
// the whole file, and [ErrWrongKey] that another contract has written it. The caller must close the StorageReader.
type StorageReader struct {
	// Path is the path that the file was opened with.
	Path string
	// UpdatedAt is when the file was uploaded; zero if the server does not say.
	UpdatedAt time.Time
	// ContentLength is the number of bytes that are transferred, encrypted, or -1 if the server does not say. The
	// content has 273 to 288 bytes less.
	ContentLength int64

	content *bufio.Reader
	body    io.Closer
}

// emptyStream is the size of what the public Node SDK uploads for an empty stream: a block of padding, without a key.
// It reads that as an empty file, so this package does too.
const emptyStream = 16

// OpenFile opens a file of the storage. [ErrNotFound] says that there is none.
func (s *Storage) OpenFile(ctx context.Context, path string) (*StorageReader, error) {
	var file *StorageReader
	cl, err := s.fileCall(http.MethodGet, path)
	if err == nil {
		cl.header = map[string]string{"Accept": "application/octet-stream"}
		err = s.contract.send(ctx, cl, func(resp *http.Response) (err error) {
			file, err = s.newReader(path, resp)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open file of storage: %w", err)
	}
	return file, nil
}

// newReader returns the reader of a response and takes over its body.
func (s *Storage) newReader(path string, resp *http.Response) (*StorageReader, error) {
	plain, size := wire.OpenEnvelope(s.contract.key, resp.Body), resp.ContentLength
	var err error
	switch kind := mediaType(resp.Header.Get("Content-Type")); {
	case resp.StatusCode != http.StatusOK:
		err = fmt.Errorf("%w: it has the status %d", ErrInvalidResponse, resp.StatusCode)
	case isPage(kind):
		err = fmt.Errorf("%w: it has the type %q; does a network answer in place of the server?",
			ErrInvalidResponse, kind)
	case size == emptyStream:
		plain = io.LimitReader(resp.Body, 0)
	case size >= 0 && !wire.ValidEnvelopeSize(size):
		err = fmt.Errorf("%w: %w: %d bytes cannot be an encrypted file", ErrInvalidResponse, ErrTruncated, size)
	}
	if err != nil {
		_ = resp.Body.Close() // nothing was read
		return nil, err
	}
	updated, _ := http.ParseTime(resp.Header.Get("Last-Modified")) // optional
	return &StorageReader{
		Path: path, UpdatedAt: updated, ContentLength: size,
		content: bufio.NewReaderSize(plain, readAhead), body: resp.Body,
	}, nil
}

// Read reads the content.
func (r *StorageReader) Read(p []byte) (int, error) {
	n, err := r.content.Read(p)
	return n, r.named(err)
}

// WriteTo writes the rest of the content to w, as [File.WriteTo] does. [io.Copy] uses it.
func (r *StorageReader) WriteTo(w io.Writer) (int64, error) {
	n, err := r.content.WriteTo(w)
	return n, r.named(err)
}

// Close ends the transfer. The content need not have been read.
func (r *StorageReader) Close() error { return r.body.Close() }

// named adds the path of the file to an error, and [ErrCorrupt] to the one that says so.
func (r *StorageReader) named(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.Is(err, wire.ErrEnvelopePadding):
		return fmt.Errorf("file %s of storage: %w: %w", r.Path, ErrCorrupt, err)
	}
	return fmt.Errorf("file %s of storage: %w", r.Path, err)
}
