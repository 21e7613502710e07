package digime

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/andybalholm/brotli"

	"github.com/carrelhq/carrel/digime/wire"
)

// A File is the content of one file and its metadata. The content is decrypted and decompressed while it is read. Read
// returns [io.EOF] only after the end has been verified. [ErrTruncated] and [ErrCorrupt] say that the bytes read so far
// are not the whole file, and [ErrWrongKey] that the file belongs to another contract. The caller must close the File.
type File struct {
	// Name identifies the file in its session. The names that the application gave to a pushed file are in
	// Metadata.Raw.Reference.
	Name FileName
	// Metadata describes the file.
	Metadata FileMetadata
	// ContentLength is the number of bytes that are transferred, encrypted and possibly compressed, or -1 if the
	// server does not say. It is the total for a progress bar.
	ContentLength int64

	content *bufio.Reader
	body    io.Closer
}

// readAhead is the size of a file's buffer, in addition to the 64 KiB of the decryption.
const readAhead = 64 << 10

// newFile returns the file of a response and takes over its body.
func newFile(name FileName, resp *http.Response, contract *Contract) (*File, error) {
	metadata, err := metadataOf(resp)
	if err == nil && resp.ContentLength >= 0 && !wire.ValidEnvelopeSize(resp.ContentLength) {
		err = fmt.Errorf("%w: %d bytes cannot be an encrypted file", ErrTruncated, resp.ContentLength)
	}
	if err != nil {
		_ = resp.Body.Close() // nothing was read
		return nil, err
	}
	plain := wire.OpenEnvelope(contract.key, resp.Body)
	return &File{
		Name: name, Metadata: metadata, ContentLength: resp.ContentLength,
		content: bufio.NewReaderSize(decompress(plain, metadata.Compression), readAhead),
		body:    resp.Body,
	}, nil
}

// Read reads the content.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.content.Read(p)
	return n, f.named(err)
}

// WriteTo writes the rest of the content to w. [io.Copy] uses it. A long content that is not compressed is read and
// decrypted ahead while w is written, with less than 1 MiB of memory; of four files at once, and of others as by Read.
// After an error of w the rest of the content is lost.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	n, err := f.content.WriteTo(w)
	return n, f.named(err)
}

// Close ends the transfer. The content need not have been read.
func (f *File) Close() error { return f.body.Close() }

// named adds the name of the file to an error, and [ErrCorrupt] to the errors that say so.
func (f *File) named(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.Is(err, wire.ErrEnvelopePadding), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("file %s: %w: %w", f.Name, ErrCorrupt, err)
	}
	return fmt.Errorf("file %s: %w", f.Name, err)
}

// whole fills the buffers and reports whether they hold the whole rest, so that the connection is free for another
// file.
func (f *File) whole() bool {
	_, err := f.content.Peek(readAhead)
	return err == io.EOF
}

// decompress returns the decompressed content. It starts with the first Read, because the content has not arrived yet.
// Any other compression than these two means none.
func decompress(plain io.Reader, compression string) io.Reader {
	switch compression {
	case "gzip":
		return &decompressor{plain: plain, open: openGzip}
	case "brotli":
		return &decompressor{plain: plain, open: openBrotli}
	}
	return plain
}

func openGzip(r io.Reader) (io.Reader, error)   { return gzip.NewReader(r) }
func openBrotli(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }

type decompressor struct {
	plain io.Reader
	open  func(io.Reader) (io.Reader, error)
	out   io.Reader // nil until the first Read
	err   error
}

func (d *decompressor) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.out == nil {
		if d.out, d.err = d.open(d.plain); d.err != nil {
			d.err = d.explain(d.err)
			return 0, d.err
		}
	}
	n, err := d.out.Read(p)
	if err != nil {
		d.err = d.explain(err)
	}
	return n, d.err
}

// explain returns the cause of a decompressor's error. Its end may not be the end of the file, and the damage that it
// reports may be an error of the stream below it.
func (d *decompressor) explain(err error) error {
	left, under := io.Copy(io.Discard, d.plain)
	switch {
	case under != nil:
		return under
	case errors.Is(err, io.EOF) && left == 0:
		return io.EOF
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %d bytes after the end of the compressed content", ErrCorrupt, left)
	}
	return fmt.Errorf("%w: decompress: %w", ErrCorrupt, err)
}
