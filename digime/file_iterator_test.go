package digime_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// addFiles adds files to the library, as pairs of a name and a content.
func addFiles(l testLibrary, files ...string) {
	for i := 0; i < len(files); i += 2 {
		l.AddFile(digimetest.File{Name: digime.FileName(files[i]), Content: []byte(files[i+1])})
	}
}

// entry is a file of a list that was updated at a time in milliseconds.
func entry(name digime.FileName, updated int64) digime.FileEntry {
	return digime.FileEntry{Name: name, UpdatedAt: time.UnixMilli(updated)}
}

// Files asks until the session is complete, ignores the list of a pending one, and returns changed files again.
func TestFilesPolls(t *testing.T) {
	l := start(t)
	addFiles(l, "a", "text of a", "b", "text of b")
	l.SetFileLists(
		digime.FileList{State: digime.SessionPending, Files: []digime.FileEntry{entry("not-yet", 1)}},
		digime.FileList{State: digime.SessionRunning, Files: []digime.FileEntry{entry("a", 1)}},
		digime.FileList{State: digime.SessionRunning, Files: []digime.FileEntry{entry("a", 1)}},
		digime.FileList{State: digime.SessionCompleted, Files: []digime.FileEntry{entry("a", 2), entry("b", 1)}},
	)
	var pauses []time.Duration
	contract := l.contract(t, l.ReadContract, digime.WithPauses(func(d time.Duration) { pauses = append(pauses, d) }))
	session, err := contract.User(l.Token(l.ReadContract)).StartSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for file, err := range session.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(file.Name)+": "+string(text))
	}
	if want := []string{"a: text of a", "a: text of a", "b: text of b"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	if want := []time.Duration{3 * time.Second, 3 * time.Second, 3 * time.Second}; !slices.Equal(pauses, want) {
		t.Errorf("pauses %v, want %v", pauses, want)
	}
}

// Files arrive in the list's order, several of them under way at once but not all.
func TestFilesFetchesAhead(t *testing.T) {
	l := start(t)
	for i := range 40 {
		addFiles(l, fmt.Sprintf("file%02d", i), strings.Repeat("x", i*4000))
	}
	i := 0
	for file, err := range startSession(t, l).Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, file)
		if err != nil || n != int64(i*4000) || string(file.Name) != fmt.Sprintf("file%02d", i) {
			t.Errorf("file %d is %s with %d bytes, error %v", i, file.Name, n, err)
		}
		if i == 0 {
			for range 100 { // until the others have come
				if l.count("")-2 >= 5 {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond) // as far as they go
			if n := l.count("") - 2; n != 5 {
				t.Errorf("%d files were asked for while the first was read, want 5", n)
			}
		}
		i++
	}
	if i != 40 {
		t.Errorf("%d files", i)
	}
}

// One file's error does not end the others.
func TestFilesErrors(t *testing.T) {
	l := start(t)
	addFiles(l, "a", "a", "c", "c")
	l.SetFileLists(digime.FileList{
		State: digime.SessionPartial,
		Accounts: map[digime.AccountID]digime.AccountStatus{
			"1_a": {State: digime.SessionCompleted},
			"2_b": {State: digime.SessionPartial, Error: &digime.AccountError{
				Code: digime.CodeServiceAuthorization, Status: 511, Message: "Service authorization required",
				Reauthorize: true,
			}},
		},
		Files: []digime.FileEntry{entry("a", 1), entry("b", 1), entry("c", 1)},
	})
	var names []string
	var errs []error
	for file, err := range startSession(t, l).Files(t.Context()) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		names = append(names, string(file.Name))
	}
	if !slices.Equal(names, []string{"a", "c"}) || len(errs) != 2 {
		t.Fatalf("files %v, errors %v", names, errs)
	}
	var one *digime.FileError
	if !errors.As(errs[0], &one) || one.Name != "b" || !errors.Is(errs[0], digime.ErrNotFound) {
		t.Errorf("error %v, want one about b", errs[0])
	}
	var partial *digime.PartialError
	if !errors.As(errs[1], &partial) || !errors.Is(errs[1], digime.ErrServiceAuthorization) ||
		errors.Is(errs[1], digime.ErrNotFound) || len(partial.Accounts) != 1 ||
		!partial.Accounts["2_b"].Reauthorize || !strings.Contains(errs[1].Error(), "2_b") {
		t.Errorf("error %v, want the account's", errs[1])
	}
}

func TestFilesListFails(t *testing.T) {
	l := start(t)
	session := l.reader(t).ResumeSession(digime.SessionKey{Key: digime.NewSecret("key")})
	l.FailNext(digimetest.EndpointFiles, digimetest.Refuse(digime.Error{Code: digime.CodeNotFound, Status: 404}))
	n := 0
	for _, err := range session.Files(t.Context()) {
		n++
		if !errors.Is(err, digime.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
	}
	if n != 1 {
		t.Errorf("%d rounds", n)
	}
}

// Leaving the loop, or the context's end, leaves nothing behind.
func TestFilesStops(t *testing.T) {
	l := start(t)
	for i := range 20 {
		addFiles(l, fmt.Sprintf("file%02d", i), strings.Repeat("x", 300_000))
	}
	session := startSession(t, l)
	for _, err := range session.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	settle := func() int { time.Sleep(100 * time.Millisecond); return runtime.NumGoroutine() }
	before := settle()
	for range 3 {
		for _, err := range session.Files(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if after := settle(); after > before+3 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	rounds := 0
	for _, err := range session.Files(ctx) {
		rounds++
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) || rounds > 3 {
		t.Errorf("error %v after %d rounds, want the cancellation", last, rounds)
	}
}

// A transfer that has waited for its turn too long is begun anew.
func TestFilesGoesStale(t *testing.T) {
	defer digime.SetStaleAfter(0)()
	l := start(t)
	big := strings.Repeat("x", 1<<20)
	addFiles(l, "a", "small", "b", big, "c", big)
	var read atomic.Int64
	for file, err := range startSession(t, l).Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, file)
		if err != nil {
			t.Error(err)
		}
		read.Add(n)
	}
	if read.Load() != 5+2<<20 {
		t.Errorf("%d bytes", read.Load())
	}
	if a, b := requestsFor(l, "a"), requestsFor(l, "b"); a != 1 || b != 2 {
		t.Errorf("a was fetched %d times and b %d, want 1 and 2", a, b)
	}
}

// requestsFor returns the number of requests for a file.
func requestsFor(l testLibrary, name string) int {
	n := 0
	for _, r := range l.Requests(digimetest.EndpointFile) {
		if strings.HasSuffix(r.Path, "/"+name) {
			n++
		}
	}
	return n
}

// A caller who gives up while a call waits to be repeated learns what the server has answered.
func TestFilesEndsWithServerError(t *testing.T) {
	l := start(t)
	addFiles(l, "a", "text of a")
	l.FailNext(digimetest.EndpointFile, digimetest.Status(500))
	ctx, cancel := context.WithCancel(t.Context())
	contract := l.contract(t, l.ReadContract, digime.WithPauses(func(time.Duration) { cancel() }))
	session, err := contract.User(l.Token(l.ReadContract)).StartSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range session.Files(ctx) {
		var answer *digime.Error
		if !errors.Is(err, context.Canceled) || !errors.As(err, &answer) || answer.Status != 500 ||
			!strings.Contains(err.Error(), answer.Error()) || !strings.Contains(err.Error(), "file a") {
			t.Errorf("the error is %v", err)
		}
	}
}
