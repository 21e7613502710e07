package library

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/carrelhq/carrel/digime/wire"
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
	return f.receive(ctx, applicationSender{f, b}, file, content, announced)
}

// applicationSender is an application that pushes a file.
type applicationSender struct {
	files *Files
	*Bearer
}

func (a applicationSender) owner() Library { return a.Library }

func (a applicationSender) reserve(ctx context.Context, size, reserve int64) (*roomReservation, error) {
	return a.files.quotas.begin(ctx, a.files.quotas.ofApplication(a.Bearer), size, reserve)
}

func (a applicationSender) begin(ctx context.Context) error {
	return a.files.clients.UseNonce(ctx, a.request)
}

func (a applicationSender) event() Event {
	e := Event{Kind: EventFileAdded, Details: a.Client.EventDetails()}
	e.Details.Grant = a.Grant.ID
	return e
}

func (a applicationSender) add(ctx context.Context, n NewFile) error {
	n.Grant, n.Token, n.Nonce = a.Grant.ID, a.token.Hash, a.request.unusedNonce()
	err := a.files.store.AddFile(ctx, n)
	switch {
	case errors.Is(err, ErrReplayed):
		return a.request.replayed(err)
	case errors.Is(err, ErrNotFound): // revoked while the content arrived
		return InvalidToken(wire.KindAccessToken).Because(err)
	case err != nil:
		return fmt.Errorf("add file: %w", err)
	}
	a.request.spent()
	return nil
}
