package digime

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// fetchAhead is how many files are under way at once: the one that the caller
// reads and those after it.
const fetchAhead = 5

// goesStale is how long a file may wait for its turn with its transfer open. A
// server gives up on a reader that takes nothing for long.
var goesStale = 5 * time.Second

// Files reads everything that the session has, and what it still gets: it asks the
// server every three seconds until the session is complete, and yields a file
// again when it has changed. The next few files are fetched while one is read. A
// file is closed when the loop goes on.
//
// An error comes with a nil file. A [*FileError] is about one file, and the loop
// goes on with the others if the caller does; a [*PartialError] comes last, when
// all is read that could be, and some account could not; any other ends the loop.
// Without a limit in the session's options, only ctx bounds how long it takes.
func (s *Session) Files(ctx context.Context) iter.Seq2[*File, error] {
	return func(yield func(*File, error) bool) {
		seen := map[FileName]Millis{}
		for {
			list, err := s.FileList(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if list.Status.State != StatePending && !s.fetch(ctx, news(list.Files, seen), yield) {
				return
			}
			switch list.Status.State {
			case StateCompleted:
				return
			case StatePartial:
				yield(nil, partialError(list.Status))
				return
			}
			if err := s.user.client.sleep(ctx, s.user.client.poll); err != nil {
				yield(nil, fmt.Errorf("files: waiting for the session: %w", err))
				return
			}
		}
	}
}

// news are the names that were not seen before, or have changed since.
func news(files []FileEntry, seen map[FileName]Millis) []FileName {
	var names []FileName
	for _, f := range files {
		if last, ok := seen[f.Name]; !ok || f.UpdatedDate > last {
			seen[f.Name] = f.UpdatedDate
			names = append(names, f.Name)
		}
	}
	return names
}

// fetched is a file that was opened ahead of its turn, or why it was not.
type fetched struct {
	name   FileName
	file   *File
	err    error
	whole  bool // all of it is in the buffers
	opened time.Time
}

// fetch yields the files in order and opens some ahead. It returns false when the
// caller wants no more. Everything that it began has ended when it returns.
func (s *Session) fetch(ctx context.Context, names []FileName, yield func(*File, error) bool) bool {
	ctx, cancel := context.WithCancel(ctx)
	queue := make(chan chan fetched, fetchAhead-1)
	go func() {
		defer close(queue)
		for _, name := range names {
			next := make(chan fetched, 1)
			select {
			case queue <- next:
			case <-ctx.Done():
				return
			}
			go func() { next <- s.open(ctx, name) }()
		}
	}()
	defer func() {
		cancel()
		for next := range queue {
			if f := <-next; f.file != nil {
				_ = f.file.Close() // never read
			}
		}
	}()
	for next := range queue {
		f := s.fresh(ctx, <-next)
		if ctx.Err() != nil {
			if f.file != nil {
				_ = f.file.Close() // never read
			}
			break
		}
		if f.err != nil {
			if !yield(nil, &FileError{Name: f.name, Err: f.err}) {
				return false
			}
			continue
		}
		more := yield(f.file, nil)
		_ = f.file.Close() // its reader has seen every error
		if !more {
			return false
		}
	}
	if err := ctx.Err(); err != nil {
		yield(nil, fmt.Errorf("files: %w", err))
		return false
	}
	return true
}

func (s *Session) open(ctx context.Context, name FileName) fetched {
	file, err := s.ReadFile(ctx, name)
	if err != nil {
		return fetched{name: name, err: err}
	}
	f := fetched{name: name, file: file, whole: file.whole(), opened: time.Now()}
	if f.whole {
		_ = file.Close() // what is left to read is in the buffers
	}
	return f
}

// fresh opens a file again whose transfer has waited for too long. Nothing of it
// has been handed out yet.
func (s *Session) fresh(ctx context.Context, f fetched) fetched {
	if f.file == nil || f.whole || time.Since(f.opened) < goesStale {
		return f
	}
	_ = f.file.Close() // to be fetched anew
	return s.open(ctx, f.name)
}

// FileError is why one file of [Session.Files] could not be opened.
type FileError struct {
	Name FileName
	Err  error
}

func (e *FileError) Error() string { return e.Err.Error() }

// Unwrap is the error behind it.
func (e *FileError) Unwrap() error { return e.Err }

// PartialError says that a session is over and that some accounts could be read
// only in part, or not at all. errors.Is finds the accounts' codes in it:
// [ErrServiceAuthorization] says that the person has to give a source their
// permission again, with [User.ReauthorizeAccount].
type PartialError struct {
	// Accounts are those that are not complete, and why.
	Accounts map[AccountID]AccountError
}

func partialError(status FileListStatus) *PartialError {
	e := &PartialError{Accounts: map[AccountID]AccountError{}}
	for id, account := range status.Details {
		if account.Error != nil {
			e.Accounts[id] = *account.Error
		}
	}
	return e
}

func (e *PartialError) Error() string {
	var why []string
	for _, id := range slices.Sorted(maps.Keys(e.Accounts)) {
		why = append(why, fmt.Sprintf("account %s: %s (%s)", id, e.Accounts[id].Message, e.Accounts[id].Code))
	}
	if why == nil {
		return "the session could be read only in part"
	}
	return "the session could be read only in part: " + strings.Join(why, ", ")
}

// Is reports whether some account's error has the code of target.
func (e *PartialError) Is(target error) bool {
	for _, a := range e.Accounts {
		if errors.Is(&Error{Code: ErrorCode(a.Code)}, target) {
			return true
		}
	}
	return false
}
