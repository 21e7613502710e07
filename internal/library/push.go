package library

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// BodyError says that the content could not be read to its end: the sender broke it off, or was
// too slow. Nothing has been stored.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return "read content: " + e.Err.Error() }

// Unwrap returns the error of the read.
func (e *BodyError) Unwrap() error { return e.Err }

// Push adds a file to the bearer's library. Once it has returned nil, metadata and content
// survive a crash of the machine. The content is encrypted as it is read, with a fresh key that
// is sealed to the library: a write grant can never read it back. It returns a [*Refusal], a
// [*BodyError] if the content broke off, a [*QuotaError] if there is no room for the file, or an error that matches
// [ErrStorageFull] if a disk is full.
func (f *Files) Push(ctx context.Context, b *Bearer, d *wire.Descriptor, content io.Reader) (File, error) {
	return f.PushSized(ctx, b, d, content, -1)
}

// PushSized is Push for content of which the sender has announced the size; -1 if it is unknown. Content that is
// announced to be too large is refused before it is read.
func (f *Files) PushSized(
	ctx context.Context, b *Bearer, d *wire.Descriptor, content io.Reader, size int64,
) (File, error) {
	if err := b.Require(Write); err != nil {
		return File{}, err
	}
	if f.config.MaxSize > 0 && size > f.config.MaxSize {
		return File{}, TooLarge(f.config.MaxSize)
	}
	if err := f.checkSpace(); err != nil {
		return File{}, err
	}
	file, err := f.push(ctx, b, d, content, max(size, 0))
	var full *QuotaError
	if errors.As(err, &full) {
		f.quotas.refused(ctx, b, full)
	}
	return file, err
}

// checkSpace returns an error that matches [ErrStorageFull] if a disk is nearly full.
func (f *Files) checkSpace() error {
	if f.config.Space == nil {
		return nil
	}
	return f.config.Space.Check()
}

func (f *Files) push(
	ctx context.Context, b *Bearer, d *wire.Descriptor, content io.Reader, announced int64,
) (File, error) {
	now := f.now()
	file := File{ID: wire.FileName(NewOrderedID(now)), Library: b.Library.ID, Application: b.Client.Application.ID,
		Contract: b.Client.Contract.ID, Metadata: d.ReadBack(), CreatedAt: now}
	file.Metadata.ApplicationID, file.Metadata.ContractID = file.Application, file.Contract
	file.Metadata.PartnerID, file.Metadata.Created = b.Client.Application.PartnerID, wire.MillisOf(now)
	var err error
	if file.MetadataJSON, err = EncodeMetadata(file.Metadata); err != nil {
		return File{}, err
	}
	buffer := f.buffers.Get().(*[InlineLimit + 1]byte)
	defer f.buffers.Put(buffer)
	n, err := FillBuffer(content, buffer[:])
	switch {
	case err == nil:
		return f.pushLarge(ctx, b, file, io.MultiReader(bytes.NewReader(buffer[:n]), content), announced)
	case errors.Is(err, io.EOF):
		return f.pushSmall(ctx, b, file, buffer[:n])
	default:
		return File{}, &BodyError{err}
	}
}

// FillBuffer reads until the buffer is full (nil) or the content ends (io.EOF). Unlike io.ReadFull it
// tells the end of the content from a broken connection.
func FillBuffer(r io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var m int
		m, err = r.Read(buffer[n:])
		n += m
	}
	return n, err
}

// pushSmall stores the file and uses the nonce up in one transaction.
func (f *Files) pushSmall(ctx context.Context, b *Bearer, file File, content []byte) (_ File, err error) {
	file.Size = int64(len(content))
	if f.config.MaxSize > 0 && file.Size > f.config.MaxSize {
		return File{}, TooLarge(f.config.MaxSize)
	}
	room, err := f.quotas.begin(ctx, b, file.Size, file.Size)
	if err != nil {
		return File{}, err
	}
	defer func() { room.end(err == nil, file.Size) }()
	key := seal.NewFileKey()
	sealed, err := key.SealContent(FormatInline.binding(file), content)
	if err != nil {
		return File{}, err
	}
	ciphertext := sha256.Sum256(sealed)
	return f.add(ctx, b, file, key, Content{Format: FormatInline, Inline: sealed}, ciphertext[:])
}

// pushLarge stores the content first, and then the row that makes it visible. It uses the nonce
// up at once, because the content may take hours to arrive. The key is sealed last, because it is
// bound to the size.
func (f *Files) pushLarge(
	ctx context.Context, b *Bearer, file File, content io.Reader, announced int64,
) (_ File, err error) {
	room, err := f.quotas.begin(ctx, b, max(announced, InlineLimit+1), 0)
	if err != nil {
		return File{}, err
	}
	defer func() { room.end(err == nil, file.Size) }()
	if err := room.beginLarge(ctx, max(announced, InlineLimit+1)); err != nil {
		return File{}, err
	}
	if err := f.clients.UseNonce(ctx, b.request); err != nil {
		return File{}, err
	}
	key := seal.NewFileKey()
	counted := &countedBody{body: content, limit: f.config.MaxSize, reserve: func(n int64) error {
		if err := f.checkSpace(); err != nil {
			return err
		}
		return room.grow(n)
	}}
	sealed, err := key.SealContentStream(counted)
	if err != nil {
		return File{}, err
	}
	ciphertext := sha256.New()
	stored := io.TeeReader(sealed, ciphertext)
	if _, err := f.blobs.Put(ctx, blobKey(file.Library, file.ID), stored); err != nil {
		switch {
		case counted.exceeded:
			return File{}, TooLarge(f.config.MaxSize)
		case counted.refused != nil:
			return File{}, counted.refused
		case counted.err != nil:
			return File{}, &BodyError{counted.err}
		}
		return File{}, fmt.Errorf("store content: %w", err)
	}
	file.Size = counted.size
	added, err := f.add(ctx, b, file, key, Content{Format: FormatStream}, ciphertext.Sum(nil))
	if err != nil && !errors.Is(err, ErrOutcomeUnknown) { // then the row may be there
		// If this fails, Sweeping.SweepBlobs deletes the content later.
		_ = f.blobs.Delete(context.WithoutCancel(ctx), blobKey(file.Library, file.ID))
	}
	return added, err
}

// add seals the file's key to the library and adds the file. The argument ciphertext is the
// SHA-256 of the sealed content.
func (f *Files) add(
	ctx context.Context,
	b *Bearer,
	file File,
	key seal.FileKey,
	content Content,
	ciphertext []byte,
) (File, error) {
	hash := file.metadataHash()
	var err error
	if content.Key, err = key.SealTo(b.Library.PublicKey, content.Format.binding(file)); err != nil {
		return File{}, fmt.Errorf("seal key of file: %w", err)
	}
	details := b.Client.EventDetails()
	details.Ciphertext, details.Metadata = hex.EncodeToString(ciphertext), hex.EncodeToString(hash[:])
	details.Grant, details.File, details.FileName = b.Grant.ID, file.ID, file.Name()
	err = f.store.AddFile(ctx, NewFile{File: file, Content: content, Grant: b.Grant.ID, Token: b.token.Hash,
		Nonce: b.request.unusedNonce(), Quota: f.config.Quotas.Library,
		Event: Event{Library: file.Library, At: file.CreatedAt, Kind: EventFileAdded, Details: details}})
	switch {
	case errors.Is(err, ErrReplayed):
		return File{}, b.request.replayed(err)
	case errors.Is(err, ErrNotFound): // revoked while the content arrived
		return File{}, InvalidToken(wire.KindAccessToken).Because(err)
	case err != nil:
		return File{}, fmt.Errorf("add file: %w", err)
	}
	b.request.spent()
	return file, nil
}

// countedBody counts content as it is read and fails beyond a limit, or if there is no room. It remembers the error of
// the read, which a blob store may hide.
type countedBody struct {
	body     io.Reader
	limit    int64
	reserve  func(n int64) error // reserves the room of n more bytes
	size     int64               // of what has been read
	reserved int64
	exceeded bool
	refused  error // by reserve
	err      error
}

// reserveStep is how much room is reserved at a time, if there is so much.
const reserveStep = 1 << 20

var errTooLarge = errors.New("content is larger than allowed")

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	c.size += int64(n)
	if c.limit > 0 && c.size > c.limit {
		c.exceeded = true
		return 0, errTooLarge
	}
	if need := c.size - c.reserved; need > 0 {
		step := max(need, reserveStep)
		if c.refused = c.reserve(step); c.refused != nil && step > need {
			step = need
			c.refused = c.reserve(step)
		}
		if c.refused != nil {
			return 0, c.refused
		}
		c.reserved += step
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}
