package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// checkFile compares a file with the line of its arrival.
func (l *libraryCheck) checkFile(ctx context.Context, arrival EventDetails) error {
	file, err := l.Store.GetStoredFile(ctx, l.id, arrival.File)
	if errors.Is(err, ErrNotFound) {
		l.add("file %s: it arrived, and its row is gone", arrival.File)
		return nil
	}
	if err != nil {
		l.add("file %s: its row does not parse: %v", arrival.File, err)
		l.arrivals++
		return nil
	}
	l.arrivals++
	bound := file.Format.isBound()
	hash := file.metadataHash()
	switch {
	case arrival.Ciphertext == "" && bound:
		l.add("file %s: the line of its arrival has no hash", file.ID)
	case arrival.Ciphertext == "":
		l.summary.Older++
	case file.Format == FormatInlineByID || file.Format == FormatStreamByID:
		l.add("file %s: its content is said to be of an older format than it arrived in", file.ID)
	case arrival.Metadata != hex.EncodeToString(hash[:]):
		l.add("file %s: what is stored about it is not what was stored when it arrived", file.ID)
	}
	switch file.Format {
	case 0:
		l.add("file %s: its content is gone", file.ID)
	case FormatInline, FormatInlineByID:
		l.checkInline(file, arrival)
	case FormatInlineEpoch:
		l.checkInline(file, arrival)
		return l.checkEpoch(ctx, file)
	case FormatStream, FormatStreamByID:
		return l.checkBlob(ctx, file, arrival)
	default:
		l.add("file %s: unknown content format %d", file.ID, file.Format)
	}
	return nil
}

// checkEpoch checks that the epoch of a file is there.
func (l *libraryCheck) checkEpoch(ctx context.Context, file StoredFile) error {
	id, _, ok := epochKeyOf(Content{Key: file.Key})
	if ok {
		encapsulation, err := l.Store.GetEncapsulation(ctx, l.id, id)
		if err == nil && len(encapsulation) != seal.EncapsulationSize {
			l.add("file %s: what its key derives from has %d bytes", file.ID, len(encapsulation))
		}
		if ok = !errors.Is(err, ErrNotFound); ok {
			return err
		}
	}
	l.add("file %s: what its key derives from is gone", file.ID)
	return nil
}

func (l *libraryCheck) checkInline(file StoredFile, arrival EventDetails) {
	hash := sha256.Sum256(file.Inline)
	switch {
	case arrival.Ciphertext != "" && arrival.Ciphertext != hex.EncodeToString(hash[:]):
		l.add("file %s: its content is not the one that arrived", file.ID)
	case int64(len(file.Inline)) != seal.MessageSize(file.Size):
		l.add("file %s: its content has %d bytes, not those of %d", file.ID, len(file.Inline), file.Size)
	}
}

// checkBlob compares the length of a large content, and its hash if all contents are read.
func (l *libraryCheck) checkBlob(ctx context.Context, file StoredFile, arrival EventDetails) (err error) {
	blob, err := l.Blobs.Open(ctx, blobKey(file.Library, file.ID))
	if errors.Is(err, ErrNotFound) {
		l.add("file %s: its content is gone", file.ID)
		return nil
	}
	if err != nil {
		l.add("file %s: its content does not open: %v", file.ID, err)
		return nil
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	hash := sha256.New()
	size := int64(0)
	seeker, ok := blob.(io.Seeker)
	whole := l.AllContents || !ok
	if whole {
		size, err = io.Copy(hash, blob)
	} else {
		size, err = seeker.Seek(0, io.SeekEnd)
	}
	if err != nil {
		l.add("file %s: its content does not read: %v", file.ID, err)
		return nil
	}
	switch want := seal.StreamSize(file.Size); {
	case size != want:
		l.add("file %s: its content has %d bytes, not %d", file.ID, size, want)
	case whole && arrival.Ciphertext != "" && arrival.Ciphertext != hex.EncodeToString(hash.Sum(nil)):
		l.add("file %s: its content is not the one that arrived", file.ID)
	}
	return nil
}

// checkCollected checks a file without a line of its arrival: it must have been fetched from a source.
func (l *libraryCheck) checkCollected(ctx context.Context, id wire.FileName) error {
	file, err := l.Store.GetStoredFile(ctx, l.id, id)
	if errors.Is(err, ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	stored, err := l.Store.GetCollected(ctx, l.id, id)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	case err != nil || !file.IsCollected():
		l.add("file %s: the activity has no line of its arrival", id)
	case l.adopted && !l.integrity.isCollectedBound(file.File, file.Inline, stored.Binding):
		l.add("file %s: it is not what was fetched from its source", id)
	default:
		l.summary.Files++
	}
	return nil
}

// findStrangers finds the files without a line of their arrival. It runs only if there are some.
func (l *libraryCheck) findStrangers(ctx context.Context) error {
	arrived := map[wire.FileName]bool{}
	for after := int64(0); ; {
		events, err := l.Store.ListEventsAfter(ctx, l.id, after, chainPage)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			if e.Kind.isArrival() {
				arrived[e.Details.File] = true
			}
		}
		after = events[len(events)-1].Seq
	}
	list := func(ctx context.Context, after wire.FileName, limit int) ([]wire.FileName, error) {
		return l.Store.ListFileIDs(ctx, l.id, after, limit)
	}
	return EachID(ctx, list, func(id wire.FileName) error {
		if arrived[id] {
			return nil
		}
		return l.checkCollected(ctx, id)
	})
}
