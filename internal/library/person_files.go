package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
)

// FileFilter selects files for a person's own list.
type FileFilter struct {
	// Text is searched for in types, references and tags, in any case. Empty text finds all.
	Text string
	// Application is the one that pushed the files; empty for all.
	Application wire.ApplicationID
	// Page counts from 1.
	Page int
}

// FilePage is one page of a person's own list, newest first.
type FilePage struct {
	Files []File
	// Total is how many files fit the filter. From and To are the positions of the page's first
	// and last file among them, counted from 1.
	Total, From, To int
	// Applications are all that have pushed files to the library.
	Applications []Application
}

// PageSize is how many files a page of a person's own list has.
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
	return contains(f.Metadata.MIMEType) || slices.ContainsFunc(f.Metadata.Reference, contains) ||
		slices.ContainsFunc(f.Metadata.Tags, contains)
}

// GetForPerson finds one of a person's own files. It returns ErrNotFound for any other.
func (f *Files) GetForPerson(ctx context.Context, s *SignedIn, id wire.FileName) (File, error) {
	return f.store.GetFile(ctx, s.Library.ID, id)
}

// OpenForPerson opens one of a person's own files and records the download.
func (f *Files) OpenForPerson(ctx context.Context, s *SignedIn, id wire.FileName) (File, io.ReadCloser, error) {
	file, err := f.GetForPerson(ctx, s, id)
	if err != nil {
		return File{}, nil, err
	}
	key, err := s.key(ctx)
	if err != nil {
		return File{}, nil, err
	}
	content, err := f.open(ctx, s.integrity, key, file)
	if err != nil {
		return File{}, nil, err
	}
	event := Event{
		Library: s.Library.ID,
		At:      f.now(),
		Kind:    EventFileDownloaded,
		Details: EventDetails{File: id, FileName: file.Name()},
	}
	if err := f.events.AddEvent(ctx, event); err != nil {
		return File{}, nil, errors.Join(fmt.Errorf("record the download: %w", err), content.Close())
	}
	return file, content, nil
}

// Count returns how many files a person has.
func (f *Files) Count(ctx context.Context, s *SignedIn) (int, error) {
	return f.store.CountFiles(ctx, s.Library.ID)
}
