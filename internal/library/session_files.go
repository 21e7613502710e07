package library

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// listPage is how many files are read from the store at a time.
const listPage = 1000

// SessionStatus returns the state of a session as a whole and of the accounts that stand for the person. Each state is
// completed, because nothing is fetched for them; package fetch adds the accounts that are fetched from.
func (f *Files) SessionStatus(ctx context.Context, r *ReadSession) (wire.FileListStatus, error) {
	accounts, err := f.accounts.ListAccounts(ctx, r.Bearer.Library.ID, r.Bearer.Client.Application.ID)
	if err != nil {
		return wire.FileListStatus{}, fmt.Errorf("list accounts: %w", err)
	}
	status := wire.FileListStatus{
		State:   wire.StateCompleted,
		Details: make(map[wire.AccountID]wire.AccountStatus, len(accounts)),
	}
	for _, a := range accounts {
		status.Details[a.ID] = wire.AccountStatus{State: wire.StateCompleted}
	}
	return status, nil
}

// List calls yield with each file that the session may read, oldest first, until yield returns
// an error.
func (f *Files) List(ctx context.Context, r *ReadSession, yield func(wire.FileEntry) error) error {
	scope := r.scope(f.now())
	if err := f.listCollected(ctx, r.Bearer.Library.ID, scope, yield); err != nil || !scope.contract.Raw {
		return err
	}
	needsMetadata := scope.needsMetadata()
	return f.walk(ctx, r.Bearer.Library.ID, scope.list(), func(file File) error {
		if file.IsCollected() {
			return nil // they are in the other list
		}
		if needsMetadata {
			var err error
			if file, err = f.describe(ctx, r, file.Decoded()); err != nil {
				return err
			}
		}
		if !scope.includes(file) {
			return nil
		}
		return yield(wire.FileEntry{Name: file.ID, UpdatedDate: wire.MillisOf(file.CreatedAt)})
	})
}

// Find finds a file that the session may read. It refuses any other with RefusedUnknown.
func (f *Files) Find(ctx context.Context, r *ReadSession, name wire.FileName) (File, error) {
	file, err := f.store.GetFile(ctx, r.Bearer.Library.ID, name)
	if err == nil {
		file, err = f.describe(ctx, r, file)
	}
	if errors.Is(err, ErrNotFound) || err == nil && !r.scope(f.now()).includes(file) {
		return File{}, Unknown("File").Because(err)
	}
	if err != nil {
		return File{}, fmt.Errorf("get file: %w", err)
	}
	return file, nil
}

// Open opens a file that the session may read. Before the first byte it records the read in the
// person's activity and, in the same transaction, uses the request's nonce up.
func (f *Files) Open(ctx context.Context, r *ReadSession, name wire.FileName) (File, io.ReadCloser, error) {
	file, err := f.Find(ctx, r, name)
	if err != nil {
		return File{}, nil, err
	}
	key, err := r.libraryKey(ctx)
	if err != nil {
		return File{}, nil, err
	}
	content, err := f.open(ctx, r.Bearer.integrity, key, file)
	if err != nil {
		return File{}, nil, err
	}
	bearer := r.Bearer
	details := bearer.Client.EventDetails()
	details.Grant, details.File, details.FileName = bearer.Grant.ID, file.ID, file.Name()
	err = f.store.AddRead(
		ctx,
		bearer.request.unusedNonce(),
		bearer.Grant.ID,
		Event{Library: file.Library, At: f.now(), Kind: EventFileRead, Details: details},
	)
	if err == nil {
		bearer.request.spent()
		return file, content, nil
	}
	_ = content.Close()
	switch {
	case errors.Is(err, ErrReplayed):
		return File{}, nil, bearer.request.replayed(err)
	case errors.Is(err, ErrNotFound): // revoked a moment ago
		return File{}, nil, InvalidToken(wire.KindAccessToken).Because(err)
	}
	return File{}, nil, fmt.Errorf("record the read: %w", err)
}

// OpenHashed is Open for clients of before v1.7 of the protocol: the SHA-512 of the content comes before it. The
// content is read twice, since the hash comes first.
func (f *Files) OpenHashed(ctx context.Context, r *ReadSession, name wire.FileName) (File, io.ReadCloser, error) {
	file, err := f.Find(ctx, r, name)
	if err != nil {
		return File{}, nil, err
	}
	key, err := r.libraryKey(ctx)
	if err != nil {
		return File{}, nil, err
	}
	first, err := f.open(ctx, r.Bearer.integrity, key, file)
	if err != nil {
		return File{}, nil, err
	}
	hash := sha512.New()
	if _, err := io.Copy(hash, contextReader{ctx, first}); err != nil {
		return File{}, nil, errors.Join(fmt.Errorf("hash content of file %s: %w", file.ID, err), first.Close())
	}
	if err := first.Close(); err != nil {
		return File{}, nil, fmt.Errorf("hash content of file %s: %w", file.ID, err)
	}
	file, content, err := f.Open(ctx, r, name)
	if err != nil {
		return File{}, nil, err
	}
	return file, struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(hash.Sum(nil)), content), content}, nil
}

// contextReader is a reader that fails once its context has ended.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// open opens a file's content, which is decrypted as it is read. It returns a [*TamperedError] if
// the key or a small content is not of this file with this metadata.
func (f *Files) open(
	ctx context.Context,
	integrity *Integrity,
	private seal.PrivateKey,
	file File,
) (io.ReadCloser, error) {
	content, err := f.store.GetContent(ctx, file.Library, file.ID)
	if err != nil {
		return nil, fmt.Errorf("get content of file %s: %w", file.ID, err)
	}
	if file.IsCollected() {
		stored, err := f.store.GetCollected(ctx, file.Library, file.ID)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("get binding of file %s: %w", file.ID, err)
		}
		if err != nil || !integrity.isCollectedBound(file, content.Inline, stored.Binding) {
			return nil, integrity.tamperedFile(ctx, file, "it is not what was fetched from its source")
		}
	}
	binding := content.Format.binding(file)
	var key seal.FileKey
	if content.Format == FormatInlineEpoch {
		key, err = f.openEpoch(ctx, private, file, content)
	} else {
		key, err = private.OpenFileKey(binding, content.Key)
	}
	if errors.Is(err, seal.ErrCannotOpen) {
		return nil, integrity.tamperedFile(ctx, file, "its key does not open with what is stored about it")
	}
	if err != nil {
		return nil, fmt.Errorf("open key of file %s: %w", file.ID, err)
	}
	switch content.Format {
	case FormatInline, FormatInlineByID, FormatInlineEpoch:
		plain, err := key.OpenContent(binding, content.Inline)
		if err != nil {
			return nil, integrity.tamperedFile(ctx, file, "its content does not open")
		}
		return io.NopCloser(bytes.NewReader(plain)), nil
	case FormatStream, FormatStreamByID:
		blob, err := f.blobs.Open(ctx, blobKey(file.Library, file.ID))
		if err != nil {
			return nil, fmt.Errorf("open content of file %s: %w", file.ID, err)
		}
		plain, err := key.OpenContentStream(blob)
		if err != nil {
			return nil, errors.Join(err, blob.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{plain, blob}, nil
	}
	return nil, fmt.Errorf("file %s has unknown content format %d", file.ID, content.Format)
}
