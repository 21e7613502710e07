package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// listPage is how many files are fetched from the store at a time.
const listPage = 1000

// Status says how far a session's reading is, in all and by account. What is in the
// library already is completed at the first question.
func (f *Files) SessionStatus(ctx context.Context, r *ReadSession) (wire.FileListStatus, error) {
	accounts, err := f.consent.ListAccounts(ctx, r.Bearer.Library.ID, r.Bearer.Client.Application.ID)
	if err != nil {
		return wire.FileListStatus{}, fmt.Errorf("list accounts: %w", err)
	}
	status := wire.FileListStatus{State: wire.StateCompleted, Details: make(map[wire.AccountID]wire.AccountStatus, len(accounts))}
	for _, a := range accounts {
		status.Details[a.ID] = wire.AccountStatus{State: wire.StateCompleted}
	}
	return status, nil
}

// List gives the files that the session sees to yield, oldest first, until yield
// returns an error.
func (f *Files) List(ctx context.Context, r *ReadSession, yield func(wire.FileEntry) error) error {
	v := r.view(f.now())
	return f.walk(ctx, r.Bearer.Library.ID, FileCursor{}, func(file File) error {
		if !v.sees(file) {
			return nil
		}
		return yield(wire.FileEntry{Name: file.ID, UpdatedDate: wire.MillisOf(file.CreatedAt)})
	})
}

// Find finds a file that the session sees; otherwise NotFound.
func (f *Files) Find(ctx context.Context, r *ReadSession, name wire.FileName) (File, error) {
	file, err := f.store.GetFile(ctx, r.Bearer.Library.ID, name)
	if errors.Is(err, ErrNotFound) || err == nil && !r.view(f.now()).sees(file) {
		return File{}, wire.NotFound("File").Because(err)
	}
	if err != nil {
		return File{}, fmt.Errorf("get file: %w", err)
	}
	return file, nil
}

// Open opens a file that the session sees, and notes the read in the person's
// activity before a byte of it is given. The call's nonce is used up with that.
func (f *Files) Open(ctx context.Context, r *ReadSession, name wire.FileName) (File, io.ReadCloser, error) {
	file, err := f.Find(ctx, r, name)
	if err != nil {
		return File{}, nil, err
	}
	key, err := r.libraryKey()
	if err != nil {
		return File{}, nil, err
	}
	content, err := f.open(ctx, key, file)
	if err != nil {
		return File{}, nil, err
	}
	b := r.Bearer
	details := b.Client.EventDetails()
	details.Grant, details.File, details.FileName = b.Grant.ID, file.ID, file.Name()
	err = f.store.AddRead(ctx, b.call.unusedNonce(), b.Grant.ID, Event{Library: file.Library, At: f.now(), Kind: EventFileRead, Details: details})
	if err == nil {
		b.call.nonceUsed = true
		return file, content, nil
	}
	_ = content.Close()
	switch {
	case errors.Is(err, ErrReplayed):
		return File{}, nil, b.call.replayed(err)
	case errors.Is(err, ErrNotFound): // revoked a moment ago
		return File{}, nil, wire.InvalidToken(wire.KindAccessToken).Because(err)
	}
	return File{}, nil, fmt.Errorf("note the read: %w", err)
}

// open decrypts a file's content as it is read.
func (f *Files) open(ctx context.Context, library seal.PrivateKey, file File) (io.ReadCloser, error) {
	content, err := f.store.GetContent(ctx, file.Library, file.ID)
	if err != nil {
		return nil, fmt.Errorf("get content of file %s: %w", file.ID, err)
	}
	key, err := library.OpenFileKey(string(file.ID), content.Key)
	if err != nil {
		return nil, fmt.Errorf("open key of file %s: %w", file.ID, err)
	}
	switch content.Format {
	case FormatInline:
		plain, err := key.OpenSmall(string(file.ID), content.Inline)
		if err != nil {
			return nil, fmt.Errorf("open content of file %s: %w", file.ID, err)
		}
		return io.NopCloser(bytes.NewReader(plain)), nil
	case FormatStream:
		blob, err := f.blobs.Open(ctx, blobKey(file.Library, file.ID))
		if err != nil {
			return nil, fmt.Errorf("open content of file %s: %w", file.ID, err)
		}
		plain, err := key.OpenStream(blob)
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

// FileFilter selects files for a person's own list.
type FileFilter struct {
	// Text is looked for in names, references, tags and types, in any case.
	Text string
	// Application is whose files to show; empty for all.
	Application wire.ApplicationID
	// Page counts from 1.
	Page int
}

// FilePage is one page of a person's own list, newest first.
type FilePage struct {
	Files []File
	// Total counts the files that fit the filter; From and To are the page's place
	// among them, from 1.
	Total, From, To int
	// Applications are all that have put files into the library.
	Applications []Application
}

// PageSize is how many files are on a page of a person's own list.
const PageSize = 20

// ListForPerson lists a person's own files.
func (f *Files) ListForPerson(ctx context.Context, s *SignedIn, q FileFilter) (FilePage, error) {
	var page FilePage
	first := (max(q.Page, 1) - 1) * PageSize
	text := strings.ToLower(strings.TrimSpace(q.Text))
	pushers := map[wire.ApplicationID]bool{}
	err := f.walk(ctx, s.Library.ID, FileCursor{NewestFirst: true}, func(file File) error {
		pushers[file.Application] = true
		if q.Application != "" && file.Application != q.Application || !file.mentions(text) {
			return nil
		}
		if page.Total >= first && len(page.Files) < PageSize {
			page.Files = append(page.Files, file)
		}
		page.Total++
		return nil
	})
	if err != nil {
		return FilePage{}, err
	}
	if len(page.Files) > 0 {
		page.From, page.To = first+1, first+len(page.Files)
	}
	applications, err := f.clients.ListApplications(ctx)
	if err != nil {
		return FilePage{}, fmt.Errorf("list applications: %w", err)
	}
	page.Applications = slices.DeleteFunc(applications, func(a Application) bool { return !pushers[a.ID] })
	return page, nil
}

func (f File) mentions(text string) bool {
	if text == "" {
		return true
	}
	contains := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return contains(f.Metadata.MIMEType) || slices.ContainsFunc(f.Metadata.Reference, contains) || slices.ContainsFunc(f.Metadata.Tags, contains)
}

// GetForPerson finds one of a person's own files. It returns ErrNotFound for any other.
func (f *Files) GetForPerson(ctx context.Context, s *SignedIn, id wire.FileName) (File, error) {
	return f.store.GetFile(ctx, s.Library.ID, id)
}

// OpenForPerson opens one of a person's own files and notes the download.
func (f *Files) OpenForPerson(ctx context.Context, s *SignedIn, id wire.FileName) (File, io.ReadCloser, error) {
	file, err := f.GetForPerson(ctx, s, id)
	if err != nil {
		return File{}, nil, err
	}
	key, err := s.key()
	if err != nil {
		return File{}, nil, err
	}
	content, err := f.open(ctx, key, file)
	if err != nil {
		return File{}, nil, err
	}
	event := Event{Library: s.Library.ID, At: f.now(), Kind: EventFileDownloaded, Details: EventDetails{File: id, FileName: file.Name()}}
	if err := f.events.AddEvent(ctx, event); err != nil {
		return File{}, nil, errors.Join(fmt.Errorf("note the download: %w", err), content.Close())
	}
	return file, content, nil
}

// Count is how many files a person has.
func (f *Files) Count(ctx context.Context, s *SignedIn) (int, error) {
	return f.store.CountFiles(ctx, s.Library.ID)
}

// walk gives every file of a library to visit, a page at a time.
func (f *Files) walk(ctx context.Context, library ID, at FileCursor, visit func(File) error) error {
	for {
		files, err := f.store.ListFiles(ctx, library, at, listPage)
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		for _, file := range files {
			if err := visit(file); err != nil {
				return err
			}
		}
		if len(files) < listPage {
			return nil
		}
		last := files[len(files)-1]
		at.CreatedAt, at.ID = last.CreatedAt, last.ID
	}
}
