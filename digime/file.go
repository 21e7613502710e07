package digime

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/carrelhq/carrel/digime/wire"
)

// A File is the content of one file, as it arrives, with what is known of it.
// Content is decrypted and decompressed while it is read. Read returns io.EOF only
// once the end has been checked; [ErrCut] or [ErrCorrupt] before that says that
// what was read is not the whole file, and [ErrWrongKey] that it is another
// contract's. Close it.
type File struct {
	// Name is the file's name in its session; the pusher's own names are in
	// Metadata.Raw.Reference.
	Name FileName
	// Metadata says what the file is: Raw for one that was pushed, Mapped for one
	// that came from a source.
	Metadata FileMetadata
	// LastModified is when the file changed last; zero when the server does not say.
	LastModified time.Time
	// Transfer is how many bytes travel, encrypted and perhaps compressed, for a
	// progress bar's total; -1 when the server does not say.
	Transfer int64

	content *bufio.Reader
	body    io.Closer
}

// readAhead is what a file buffers beside the decryption's own 64 KiB.
const readAhead = 64 << 10

// openFile makes a File of an answer, whose body it takes over.
func openFile(name FileName, resp *http.Response, contract *Contract) (*File, error) {
	metadata, modified, err := fileHeaders(resp)
	if err == nil && resp.ContentLength >= 0 && !wire.ValidEnvelopeSize(resp.ContentLength) {
		err = fmt.Errorf("%w: %d bytes are no encrypted file", ErrCut, resp.ContentLength)
	}
	if err != nil {
		_ = resp.Body.Close() // nothing was read
		return nil, err
	}
	plain := wire.OpenEnvelope(contract.key, resp.Body)
	return &File{
		Name: name, Metadata: metadata, LastModified: modified, Transfer: resp.ContentLength,
		content: bufio.NewReaderSize(decompress(plain, metadata.Compression), readAhead),
		body:    resp.Body,
	}, nil
}

// Read reads the content.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.content.Read(p)
	return n, f.named(err)
}

// WriteTo writes what is left of the content to w; io.Copy uses it.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	n, err := f.content.WriteTo(w)
	return n, f.named(err)
}

// Close ends the transfer, whether or not all was read.
func (f *File) Close() error { return f.body.Close() }

// named says in an error which file it is about, and calls damage by its name.
func (f *File) named(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.Is(err, wire.ErrEnvelopePadding), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("file %s: %w: %w", f.Name, ErrCorrupt, err)
	}
	return fmt.Errorf("file %s: %w", f.Name, err)
}

// whole fetches ahead what fits into the buffers, and reports whether that was
// all, so that the connection is free for another file.
func (f *File) whole() bool {
	_, err := f.content.Peek(readAhead)
	return err == io.EOF
}

// decompress undoes what was done to the content before it was encrypted. It
// starts when it is first read, since the content has not arrived yet. Any other
// compression than these two means none.
func decompress(plain io.Reader, compression string) io.Reader {
	switch compression {
	case "gzip":
		return &decompressor{plain: plain, open: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }}
	case "brotli":
		return &decompressor{plain: plain, open: func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }}
	}
	return plain
}

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

// explain looks behind a decompressor's error: what it calls its end may not be
// the file's, and what it calls damage may be the stream's.
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
