package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// FileFilter selects files for a person's own list.
type FileFilter struct {
	// Text is searched for in types, references and tags, in any case. Empty text finds all.
	Text string
	// Application is the one that pushed the files; empty for all.
	Application wire.ApplicationID
	// From is where the page begins.
	From FilePosition
}

// FilePosition is where a page of a person's own list begins: beside a file, which is not on the page. The zero
// position is the beginning of the list, with the newest files.
type FilePosition struct {
	CreatedAt time.Time
	ID        wire.FileName
	// Newer says that the page has the files that are newer than that file; otherwise it has the older ones.
	Newer bool
	// Number is the file's number in the list, counted from the oldest; 0 if it is not known. Files are only added at
	// the other end, so that the number stays.
	Number int
}

// FilePage is one page of a person's own list, newest first.
type FilePage struct {
	Files []File
	// Total is how many files fit the filter, and From and To are the positions of the page's first and last file among
	// them, counted from 1. They are zero if that is not known, as in a search for a text.
	Total, From, To int
	// Applications are all that have pushed files to the library.
	Applications []Application
	// Newer and Older are where the pages beside this one begin; nil if there are none.
	Newer, Older *FilePosition
	// Searched is the part of the list that was searched for a text, if more files may fit in the direction in which
	// the search went; nil if it went on to the end of the list or of the page.
	Searched *SearchedPart
}

// SearchedPart is the part of a list that was searched. The search goes on at the Newer or the Older page.
type SearchedPart struct {
	// Newer says that the search went towards newer files.
	Newer bool
	// Since and Until are when the oldest and the newest file of the part were added.
	Since, Until time.Time
}

// PageSize is how many files a page of a person's own list has.
const PageSize = 20

// ListForPerson lists a page of a person's own files. The time that it takes does not grow with the library.
func (f *Files) ListForPerson(ctx context.Context, s *SignedIn, q FileFilter) (FilePage, error) {
	l := personList{store: f.store, library: s.Library.ID, application: q.Application, search: newFileSearch(q.Text),
		bounds: f.searchBounds}
	page, err := l.page(ctx, q.From)
	if err != nil {
		return FilePage{}, err
	}
	if page.Applications, err = f.store.ListPushers(ctx, s.Library.ID); err != nil {
		return FilePage{}, fmt.Errorf("list the applications that have pushed: %w", err)
	}
	if l.search == nil {
		total, err := f.count(ctx, s.Library.ID, q.Application)
		if err != nil {
			return FilePage{}, err
		}
		page.count(q.From, total)
	}
	return page, nil
}

// count returns how many files an application has pushed to a library, or all of them, from the usage.
func (f *Files) count(ctx context.Context, id ID, application wire.ApplicationID) (total int, err error) {
	usage, err := f.store.ListUsage(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("list usage: %w", err)
	}
	for _, u := range usage {
		if application == "" || application == u.Application {
			total += int(u.Files)
		}
	}
	return total, nil
}

// personList is the list that a page is a part of.
type personList struct {
	store       FileStore
	library     ID
	application wire.ApplicationID
	search      *fileSearch  // nil for all
	bounds      searchBounds // of the search for one page
}

// page returns the page that begins at a position.
func (l *personList) page(ctx context.Context, from FilePosition) (FilePage, error) {
	part, err := l.part(ctx, from)
	if err != nil {
		return FilePage{}, err
	}
	if !from.isStart() && !part.more && (part.last == nil || from.Newer && len(part.files) < PageSize) {
		// There is nothing from there on, or no full page of newer files: show the beginning of the list.
		from = FilePosition{}
		if part, err = l.part(ctx, from); err != nil {
			return FilePage{}, err
		}
	}
	page := FilePage{Files: part.files}
	if part.last == nil { // nothing is there
		return page, nil
	}
	ahead, behind := &FilePosition{}, &FilePosition{Newer: true}
	if from.Newer {
		ahead, behind = behind, ahead
		slices.Reverse(page.Files)
	}
	ahead.CreatedAt, ahead.ID = part.last.CreatedAt, part.last.ID
	behind.CreatedAt, behind.ID = part.first.CreatedAt, part.first.ID
	if !part.more {
		ahead = nil
	}
	if hasMore, err := l.has(ctx, from, *behind); err != nil || !hasMore {
		if behind = nil; err != nil {
			return FilePage{}, err
		}
	}
	page.Older, page.Newer = ahead, behind
	since, until := part.last.CreatedAt, part.first.CreatedAt
	if from.Newer {
		page.Older, page.Newer = behind, ahead
		since, until = until, since
	}
	if part.unfinished {
		page.Searched = &SearchedPart{Newer: from.Newer, Since: since, Until: until}
	}
	return page, nil
}

// has reports whether the list has a file at the position behind a page, which began at from.
func (l *personList) has(ctx context.Context, from, behind FilePosition) (bool, error) {
	if from.isStart() {
		return false, nil
	}
	files, err := l.store.ListFiles(ctx, l.library, l.cursor(behind), 1)
	if err != nil {
		return false, fmt.Errorf("list files: %w", err)
	}
	return len(files) > 0, nil
}

func (p FilePosition) isStart() bool { return p.ID == "" }

// cursor returns the store's cursor at a position.
func (l *personList) cursor(p FilePosition) FileCursor {
	c := FileCursor{NewestFirst: !p.Newer, Application: l.application}
	if !p.isStart() {
		c.CreatedAt, c.ID = p.CreatedAt, p.ID
	}
	return c
}

// listPart is a part of a list, in the order in which it was looked at.
type listPart struct {
	// files are those that fit.
	files []File
	// first and last are the ends of the part, whether they fit or not; nil if there is nothing.
	first, last *File
	// more says that another file follows. It fits, unless the part is unfinished.
	more bool
	// unfinished says that the search has stopped before the next file.
	unfinished bool
}

// part looks at the files from a position on, until it has a page.
func (l *personList) part(ctx context.Context, from FilePosition) (p listPart, err error) {
	batch, left := PageSize+1, l.bounds
	if l.search != nil {
		batch = left.batch
	}
	for at := l.cursor(from); ; {
		files, err := l.store.ListFiles(ctx, l.library, at, batch)
		if err != nil {
			return listPart{}, fmt.Errorf("list files: %w", err)
		}
		for i, file := range files {
			fits := true
			switch {
			case l.search == nil && len(p.files) < PageSize:
				file = file.Decoded()
			case l.search != nil:
				if left.spent() {
					p.more, p.unfinished = true, true
					return p, nil
				}
				file, fits = l.search.examine(file, &left)
			}
			if fits && len(p.files) == PageSize {
				p.more = true
				return p, nil
			}
			if fits {
				p.files = append(p.files, file)
			}
			if p.last = &files[i]; p.first == nil {
				p.first = p.last
			}
		}
		if len(files) < batch {
			return p, nil
		}
		at = at.at(files[len(files)-1])
	}
}

// count sets the positions of the page, which begins at from, among all files of its list, and those of its
// neighbours. It sets none if they contradict one another: the address may say anything.
func (p *FilePage) count(from FilePosition, total int) {
	shown := len(p.Files)
	first := 0 // the position of the page's first file
	switch {
	case shown == 0:
		return
	case p.Newer == nil:
		first = 1
	case p.Older == nil:
		first = total - shown + 1
	case from.Number == 0:
		return
	case from.Newer:
		first = total - from.Number - shown + 1
	default:
		first = total - from.Number + 2
	}
	last := first + shown - 1
	if first < 1 || last > total || p.Newer != nil && first == 1 || p.Older != nil && last == total {
		return
	}
	p.Total, p.From, p.To = total, first, last
	if p.Newer != nil {
		p.Newer.Number = total - first + 1
	}
	if p.Older != nil {
		p.Older.Number = total - last + 1
	}
}

// GetForPerson finds one of a person's own files, and the application that pushed it, which is zero if it is not known.
// It returns ErrNotFound for any other file.
func (f *Files) GetForPerson(ctx context.Context, s *SignedIn, id wire.FileName) (File, Application, error) {
	file, err := f.store.GetFile(ctx, s.Library.ID, id)
	if err != nil {
		return File{}, Application{}, err
	}
	application, err := f.clients.GetApplication(ctx, file.Application)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return File{}, Application{}, fmt.Errorf("get the application of file %s: %w", id, err)
	}
	return file, application, nil
}

// OpenForPerson opens one of a person's own files and records the download.
func (f *Files) OpenForPerson(ctx context.Context, s *SignedIn, id wire.FileName) (File, io.ReadCloser, error) {
	file, err := f.store.GetFile(ctx, s.Library.ID, id)
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
	return f.count(ctx, s.Library.ID, "")
}
