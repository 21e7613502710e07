package library

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// InlineLimit is the size up to which content is kept with its metadata, in the
// same transaction; larger content goes to the blobs.
const InlineLimit = 64 << 10

// FileConfig bounds files.
type FileConfig struct {
	// MaxSize is the largest file that may be pushed, in bytes; 0 means no limit.
	MaxSize int64
}

// Files looks after what is in libraries.
type Files struct {
	store   FileStore
	blobs   Blobs
	clients *Clients
	consent ConsentStore
	events  EventStore
	now     func() time.Time
	config  FileConfig
	buffers sync.Pool
}

// NewFiles returns the files kept in store and blobs.
func NewFiles(store FileStore, blobs Blobs, clients *Clients, consent ConsentStore, events EventStore, now func() time.Time, config FileConfig) *Files {
	return &Files{store: store, blobs: blobs, clients: clients, consent: consent, events: events, now: now, config: config,
		buffers: sync.Pool{New: func() any { return new([InlineLimit + 1]byte) }}}
}

// BodyError says that the content could not be read to its end: the sender cut it
// off, or was too slow. Nothing has been stored.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return "read content: " + e.Err.Error() }

// Unwrap is what reading met.
func (e *BodyError) Unwrap() error { return e.Err }

// Push adds a file to the bearer's library. When it returns nil, metadata and
// content will survive a crash of the machine. The content is encrypted as it is
// read, with a fresh key that is sealed to the library: a write grant can never read
// it back. Refusals are [*wire.Error]s; a [*BodyError] says that the content broke off.
func (f *Files) Push(ctx context.Context, b *Bearer, d *wire.Descriptor, content io.Reader) (File, error) {
	if err := b.Require(Write); err != nil {
		return File{}, err
	}
	now := f.now()
	file := File{ID: wire.FileName(NewOrderedID(now)), Library: b.Library.ID, Application: b.Client.Application.ID,
		Contract: b.Client.Contract.ID, Metadata: d.ReadBack(), CreatedAt: now}
	file.Metadata.ApplicationID, file.Metadata.ContractID = file.Application, file.Contract
	file.Metadata.PartnerID, file.Metadata.Created = b.Client.Application.PartnerID, wire.MillisOf(now)
	buffer := f.buffers.Get().(*[InlineLimit + 1]byte)
	defer f.buffers.Put(buffer)
	n, err := fill(content, buffer[:])
	switch {
	case err == nil:
		return f.pushLarge(ctx, b, file, io.MultiReader(bytes.NewReader(buffer[:n]), content))
	case errors.Is(err, io.EOF):
		return f.pushSmall(ctx, b, file, buffer[:n])
	default:
		return File{}, &BodyError{err}
	}
}

// fill reads until the buffer is full (nil) or the content has ended (io.EOF). Unlike
// io.ReadFull it keeps the end of the content apart from a connection that broke.
func fill(r io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var m int
		m, err = r.Read(buffer[n:])
		n += m
	}
	return n, err
}

// pushSmall does everything in one transaction: the nonce, too.
func (f *Files) pushSmall(ctx context.Context, b *Bearer, file File, content []byte) (File, error) {
	file.Size = int64(len(content))
	if f.config.MaxSize > 0 && file.Size > f.config.MaxSize {
		return File{}, f.tooLarge()
	}
	key, sealedKey, err := newFileKey(b.Library, file.ID)
	if err != nil {
		return File{}, err
	}
	sealed, err := key.SealSmall(string(file.ID), content)
	if err != nil {
		return File{}, err
	}
	return f.add(ctx, b, file, Content{Format: FormatInline, Key: sealedKey, Inline: sealed})
}

// pushLarge stores the content first and the row that makes it visible last. The
// nonce is used up at once: the content may take hours to arrive.
func (f *Files) pushLarge(ctx context.Context, b *Bearer, file File, content io.Reader) (File, error) {
	if err := f.clients.UseNonce(ctx, b.call); err != nil {
		return File{}, err
	}
	key, sealedKey, err := newFileKey(b.Library, file.ID)
	if err != nil {
		return File{}, err
	}
	counted := &countedBody{r: content, max: f.config.MaxSize}
	sealed, err := key.SealStream(counted)
	if err != nil {
		return File{}, err
	}
	if _, err := f.blobs.Put(ctx, blobKey(file.Library, file.ID), sealed); err != nil {
		switch {
		case counted.beyond:
			return File{}, f.tooLarge()
		case counted.err != nil:
			return File{}, &BodyError{counted.err}
		}
		return File{}, fmt.Errorf("store content: %w", err)
	}
	file.Size = counted.n
	added, err := f.add(ctx, b, file, Content{Format: FormatStream, Key: sealedKey})
	if err != nil {
		// Best effort: what stays is noise, and the sweeping finds it.
		_ = f.blobs.Delete(context.WithoutCancel(ctx), blobKey(file.Library, file.ID))
	}
	return added, err
}

func (f *Files) add(ctx context.Context, b *Bearer, file File, content Content) (File, error) {
	details := b.Client.EventDetails()
	details.Grant, details.File, details.FileName = b.Grant.ID, file.ID, file.Name()
	err := f.store.AddFile(ctx, NewFile{File: file, Content: content, Grant: b.Grant.ID, Nonce: b.call.unusedNonce(),
		Event: Event{Library: file.Library, At: file.CreatedAt, Kind: EventFileAdded, Details: details}})
	switch {
	case errors.Is(err, ErrReplayed):
		return File{}, b.call.replayed(err)
	case errors.Is(err, ErrNotFound): // revoked while the content was on its way
		return File{}, wire.InvalidToken(wire.KindAccessToken).Because(err)
	case err != nil:
		return File{}, fmt.Errorf("add file: %w", err)
	}
	b.call.nonceUsed = true
	return file, nil
}

func (f *Files) tooLarge() error {
	return wire.TooLarge(fmt.Sprintf("The file is larger than the %d bytes that are allowed here", f.config.MaxSize))
}

// newFileKey makes a file's key and seals it to the library.
func newFileKey(library Library, id wire.FileName) (seal.FileKey, seal.Sealed, error) {
	key := seal.NewFileKey()
	sealed, err := key.SealTo(library.PublicKey, string(id))
	if err != nil {
		return seal.FileKey{}, nil, fmt.Errorf("seal key of file: %w", err)
	}
	return key, sealed, nil
}

func blobKey(library ID, file wire.FileName) string { return string(library) + "/" + string(file) }

// NewOrderedID returns 10 characters of time and 16 of randomness (80 bits), so that ids
// sort by when they were made and inserts stay at one end of an index.
func NewOrderedID(now time.Time) string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	var id [26]byte
	ms := uint64(now.UnixMilli())
	for i := 9; i >= 0; i-- {
		id[i] = digits[ms%32]
		ms /= 32
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails, by its documentation
	for i, b := range random {
		id[10+i] = digits[b%32]
	}
	return string(id[:])
}

// Name is what a person knows the file by: the pusher's first reference, without
// what would change the look of a page; empty if there is none.
func (f File) Name() string {
	if len(f.Metadata.Reference) == 0 {
		return ""
	}
	name := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, f.Metadata.Reference[0])
	if runes := []rune(name); len(runes) > 200 {
		name = string(runes[:200]) + "…"
	}
	return name
}

// countedBody counts content as it is read, refuses too much of it, and remembers
// its own error: a store of blobs may wrap or hide it.
type countedBody struct {
	r      io.Reader
	max    int64
	n      int64
	beyond bool
	err    error
}

var errBeyond = errors.New("content is larger than allowed")

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.max > 0 && c.n > c.max {
		c.beyond = true
		return 0, errBeyond
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}
