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

// fetchAhead is the number of files that are transferred at once: the one that the caller reads and the next ones.
const fetchAhead = 5

// staleAfter is how long a file may wait for its turn while its transfer is open. Servers close the connection of a
// client that does not read for long.
var staleAfter = 5 * time.Second

// Files returns all files of the session, and waits for those that the server still fetches: it asks the server every
// three seconds until the session is complete. A file that has changed is returned again. The next few files are
// fetched while one is read. A file is closed when the loop continues.
//
// An error comes with a nil file. A [*FileError] belongs to one file, and the loop may continue with the others. A
// [*PartialError] comes last, if some accounts could not be read. Every other error ends the loop. Without a
// FetchTimeout in the session's options, only the context bounds the time that the loop takes.
func (s *Session) Files(ctx context.Context) iter.Seq2[*File, error] {
	return func(yield func(*File, error) bool) {
		seen := map[FileName]time.Time{}
		for {
			list, err := s.ListFiles(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if list.State != SessionPending && !s.fetch(ctx, changed(list.Files, seen), yield) {
				return
			}
			switch list.State {
			case SessionCompleted:
				return
			case SessionPartial:
				yield(nil, partialError(list.Accounts))
				return
			}
			client := s.user.contract.client
			if err := client.sleep(ctx, client.poll); err != nil {
				yield(nil, fmt.Errorf("files: wait for the session: %w", err))
				return
			}
		}
	}
}

// changed returns the names of the files that are new, or have changed since they were seen.
func changed(files []FileEntry, seen map[FileName]time.Time) []FileName {
	var names []FileName
	for _, f := range files {
		if last, ok := seen[f.Name]; !ok || f.UpdatedAt.After(last) {
			seen[f.Name] = f.UpdatedAt
			names = append(names, f.Name)
		}
	}
	return names
}

// A fetched is a file that was opened before its turn, or the error of opening it.
type fetched struct {
	name   FileName
	file   *File
	err    error
	whole  bool // the buffers hold all of it
	opened time.Time
}

// fetch yields the files in order and opens the next ones in advance. It returns false if the caller has left the loop.
// All its goroutines have ended when it returns.
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
		if err := ctx.Err(); err != nil {
			if f.file != nil {
				_ = f.file.Close() // never read
			}
			var failed *Error // which the server answered before the call was to be repeated
			if errors.As(f.err, &failed) {
				err = fmt.Errorf("%w, after file %s: %w", err, f.name, failed)
			}
			yield(nil, fmt.Errorf("files: %w", err))
			return false
		}
		if f.err != nil {
			if !yield(nil, &FileError{Name: f.name, Err: f.err}) {
				return false
			}
			continue
		}
		more := yield(f.file, nil)
		_ = f.file.Close() // the reader has seen every error
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
	file, err := s.OpenFile(ctx, name)
	if err != nil {
		return fetched{name: name, err: err}
	}
	f := fetched{name: name, file: file, whole: file.whole(), opened: time.Now()}
	if f.whole {
		_ = file.Close() // the buffers hold the rest
	}
	return f
}

// fresh opens a file again if its transfer has waited for too long. The caller has read nothing of it yet.
func (s *Session) fresh(ctx context.Context, f fetched) fetched {
	if f.file == nil || f.whole || time.Since(f.opened) < staleAfter {
		return f
	}
	_ = f.file.Close() // it is opened again
	return s.open(ctx, f.name)
}

// FileError is the error of one file of [Session.Files] that could not be opened.
type FileError struct {
	// Name identifies the file.
	Name FileName
	// Err is the error.
	Err error
}

// Error returns the text of Err.
func (e *FileError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *FileError) Unwrap() error { return e.Err }

// PartialError says that a session has ended and that some accounts could not be read, or not completely. With
// [errors.Is] it matches the codes of the accounts' errors. If it matches [ErrServiceAuthorization], the person has to
// renew the permission at a source: see [User.ReauthorizeAccount].
type PartialError struct {
	// Accounts are the accounts that are not complete, and their errors.
	Accounts map[AccountID]AccountError
}

func partialError(accounts map[AccountID]AccountStatus) *PartialError {
	e := &PartialError{Accounts: map[AccountID]AccountError{}}
	for id, account := range accounts {
		if account.Error != nil {
			e.Accounts[id] = *account.Error
		}
	}
	return e
}

// Error lists the accounts and their errors.
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

// Is reports whether the error of an account has the code of the target.
func (e *PartialError) Is(target error) bool {
	code, ok := codeOf(target)
	for _, a := range e.Accounts {
		if ok && a.Code == code {
			return true
		}
	}
	return false
}
