package library

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/carrelhq/carrel/internal/seal"
)

// A sender adds a file to a library: an application by a push, or the person.
type sender interface {
	owner() Library
	// reserve reserves the place of the file and some bytes of it; see quotaKeeper.begin.
	reserve(ctx context.Context, size, reserve int64) (*roomReservation, error)
	// begin is called before a large content is read.
	begin(ctx context.Context) error
	// event returns the event of a file that is added, without the file.
	event() Event
	// add adds the file.
	add(ctx context.Context, a NewFile) error
}

// receive reads the content of a file, encrypts it and adds the file. The argument announced is the size that the
// sender has announced, or zero.
func (f *Files) receive(
	ctx context.Context, from sender, file File, content io.Reader, announced int64,
) (File, error) {
	buffer := f.buffers.Get().(*[InlineLimit + 1]byte)
	defer f.buffers.Put(buffer)
	n, err := FillBuffer(content, buffer[:])
	switch {
	case err == nil:
		return f.receiveLarge(ctx, from, file, io.MultiReader(bytes.NewReader(buffer[:n]), content), announced)
	case errors.Is(err, io.EOF):
		return f.receiveSmall(ctx, from, file, buffer[:n])
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

// receiveSmall stores the file and uses the nonce of a push up in one transaction.
func (f *Files) receiveSmall(ctx context.Context, from sender, file File, content []byte) (_ File, err error) {
	file.Size = int64(len(content))
	if f.config.MaxSize > 0 && file.Size > f.config.MaxSize {
		return File{}, TooLarge(f.config.MaxSize)
	}
	room, err := from.reserve(ctx, file.Size, file.Size)
	if err != nil {
		return File{}, err
	}
	defer func() { room.end(err == nil, file.Size) }()
	sealed, epoch, err := f.epochs.sealSmall(from.owner(), file, content)
	if err != nil {
		return File{}, fmt.Errorf("seal file: %w", err)
	}
	ciphertext := sha256.Sum256(sealed.Inline)
	return f.add(ctx, from, NewFile{File: file, Content: sealed, Epoch: epoch}, ciphertext[:])
}

// receiveLarge stores the content first, and then the row that makes it visible. It uses the nonce of a push
// up at once, because the content may take hours to arrive. The key is sealed last, because it is
// bound to the size.
func (f *Files) receiveLarge(
	ctx context.Context, from sender, file File, content io.Reader, announced int64,
) (_ File, err error) {
	room, err := from.reserve(ctx, max(announced, InlineLimit+1), 0)
	if err != nil {
		return File{}, err
	}
	defer func() { room.end(err == nil, file.Size) }()
	if err := room.beginLarge(ctx, max(announced, InlineLimit+1)); err != nil {
		return File{}, err
	}
	if err := from.begin(ctx); err != nil {
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
	stream := Content{Format: FormatStream}
	var added File
	if stream.Key, err = key.SealTo(from.owner().PublicKey, stream.Format.binding(file)); err == nil {
		added, err = f.add(ctx, from, NewFile{File: file, Content: stream}, ciphertext.Sum(nil))
	}
	if err != nil && !errors.Is(err, ErrOutcomeUnknown) { // then the row may be there
		// If this fails, Sweeping.SweepBlobs deletes the content later.
		_ = f.blobs.Delete(context.WithoutCancel(ctx), blobKey(file.Library, file.ID))
	}
	return added, err
}

// add adds a file that is sealed. The argument ciphertext is the SHA-256 of the sealed content.
func (f *Files) add(ctx context.Context, from sender, added NewFile, ciphertext []byte) (File, error) {
	file := added.File
	hash := file.metadataHash()
	event := from.event()
	event.Library, event.At = file.Library, file.CreatedAt
	event.Details.File, event.Details.FileName = file.ID, file.Name()
	event.Details.Ciphertext, event.Details.Metadata = hex.EncodeToString(ciphertext), hex.EncodeToString(hash[:])
	added.Quota, added.Event = f.config.Quotas.Library, event
	if err := from.add(ctx, added); err != nil {
		return File{}, err
	}
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
