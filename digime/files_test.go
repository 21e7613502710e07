package digime_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

func fileNamed(name wire.FileName, content string) fakeFile {
	return fakeFile{name: name, metadata: plainMetadata, content: []byte(content)}
}

func listOf(state string, files ...wire.FileEntry) wire.FileList {
	return wire.FileList{Status: wire.FileListStatus{State: state}, Files: files}
}

// Files asks until the session is complete, ignores what it says while pending,
// and fetches again what has changed.
func TestFilesPolls(t *testing.T) {
	l := start(t)
	l.files = []fakeFile{fileNamed("a", "text of a"), fileNamed("b", "text of b")}
	l.lists = []wire.FileList{
		listOf("pending", wire.FileEntry{Name: "not-yet", UpdatedDate: 1}),
		listOf("running", wire.FileEntry{Name: "a", UpdatedDate: 1}),
		listOf("running", wire.FileEntry{Name: "a", UpdatedDate: 1}),
		listOf("completed", wire.FileEntry{Name: "a", UpdatedDate: 2}, wire.FileEntry{Name: "b", UpdatedDate: 1}),
	}
	var pauses []time.Duration
	client := l.client(t, digime.Paused(func(d time.Duration) { pauses = append(pauses, d) }))
	session, err := client.User(l.Read.parse(t), l.token(l.Read)).ReadSession(t.Context(), digime.SessionOptions{})
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
		l.files = append(l.files, fileNamed(wire.FileName(fmt.Sprintf("file%02d", i)), strings.Repeat("x", i*4000)))
	}
	i := 0
	for file, err := range readSession(t, l).Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, file); err != nil || n != int64(i*4000) || string(file.Name) != fmt.Sprintf("file%02d", i) {
			t.Errorf("file %d is %s with %d bytes, error %v", i, file.Name, n, err)
		}
		if i == 0 {
			time.Sleep(50 * time.Millisecond) // let the others come as far as they go
			if n := len(l.seen("")) - 2; n != 5 {
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
	l.files = []fakeFile{fileNamed("a", "a"), fileNamed("c", "c")}
	l.lists = []wire.FileList{{
		Status: wire.FileListStatus{State: "partial", Details: map[wire.AccountID]wire.AccountStatus{
			"1_a": {State: "completed"},
			"2_b": {State: "partial", Error: &wire.AccountError{Code: "ServiceAuthorizationError", StatusCode: 511, Message: "Service authorization required", Reauthorize: true}},
		}},
		Files: []wire.FileEntry{{Name: "a", UpdatedDate: 1}, {Name: "b", UpdatedDate: 1}, {Name: "c", UpdatedDate: 1}},
	}}
	var names []string
	var errs []error
	for file, err := range readSession(t, l).Files(t.Context()) {
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
	if !errors.As(errs[1], &partial) || !errors.Is(errs[1], digime.ErrServiceAuthorization) || errors.Is(errs[1], digime.ErrNotFound) ||
		len(partial.Accounts) != 1 || !partial.Accounts["2_b"].Reauthorize || !strings.Contains(errs[1].Error(), "2_b") {
		t.Errorf("error %v, want the account's", errs[1])
	}
}

func TestFilesListFails(t *testing.T) {
	l := start(t)
	session := l.user(t, l.Read).OpenSession(digime.SessionKey{Key: digime.NewSecret("key")})
	l.answerOnce("/key", func(w http.ResponseWriter) { writeError(w, wire.NotFound("session")) })
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
		l.files = append(l.files, fileNamed(wire.FileName(fmt.Sprintf("file%02d", i)), strings.Repeat("x", 300_000)))
	}
	session := readSession(t, l)
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
	defer digime.GoesStaleAfter(0)()
	l := start(t)
	big := strings.Repeat("x", 1<<20)
	l.files = []fakeFile{fileNamed("a", "small"), fileNamed("b", big), fileNamed("c", big)}
	var read atomic.Int64
	for file, err := range readSession(t, l).Files(t.Context()) {
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
	if a, b := len(l.seen("/a")), len(l.seen("/b")); a != 1 || b != 2 {
		t.Errorf("a was fetched %d times and b %d, want 1 and 2", a, b)
	}
}
