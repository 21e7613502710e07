package server_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// refreshCounts counts the refreshes of an SDK client, and the calls of a user's hook.
type refreshCounts struct{ refreshes, hooks atomic.Int32 }

// options are those of a client on the world's clock whose refreshes are counted.
func (c *refreshCounts) options(s *carreltest.World) []digime.Option {
	return []digime.Option{
		digime.WithClock(s.Clock.Now),
		digime.WithObserver(func(_ context.Context, e digime.RequestEvent) {
			if e.Path == "oauth/token" {
				c.refreshes.Add(1)
			}
		}),
	}
}

func (c *refreshCounts) onTokenChange() digime.UserOption {
	return digime.OnTokenChange(func(context.Context, digime.UserAccessToken) error { c.hooks.Add(1); return nil })
}

// wantOne wants one refresh and one call of the hook.
func (c *refreshCounts) wantOne(t *testing.T) {
	t.Helper()
	if c.refreshes.Load() != 1 || c.hooks.Load() != 1 {
		t.Errorf("%d refreshes, %d calls of the hook", c.refreshes.Load(), c.hooks.Load())
	}
}

// TestServerPushRefreshes pushes with the SDK and an expired access token. The SDK refreshes the token once and sends
// the push again.
func TestServerPushRefreshes(t *testing.T) {
	t.Parallel()
	s := carreltest.Serve(t)
	person, app := s.Visitor(), s.Application()
	write, read := app.Contract(library.Write), app.Contract(library.Read)
	writer := person.Allows(write)
	reader := person.Allows(read, writer.Token())

	s.Clock.Moves(25 * time.Hour)
	var counts refreshCounts
	writer = write.SDK(counts.options(s)...).User(writer.Token(), counts.onTokenChange())
	push := digime.PushInput{Data: strings.NewReader("sent twice"), MIMEType: "text/plain", AccountID: "1"}
	if err := writer.Push(t.Context(), push); err != nil {
		t.Fatal(err)
	}
	counts.wantOne(t)

	session := carreltest.Must(read.SDK(digime.WithClock(s.Clock.Now)).User(reader.Token()).
		StartSession(t.Context(), digime.SessionOptions{}))(t)
	list := carreltest.Must(session.ListFiles(t.Context()))(t)
	if len(list.Files) != 1 {
		t.Fatalf("%d files", len(list.Files))
	}
	if text := readFile(t, session, list.Files[0].Name); string(text) != "sent twice" {
		t.Errorf("read %q", text)
	}
}

// TestServerReadsRefreshOnce reads thirty files at the same time with the SDK and an expired access token. The SDK
// refreshes the token once.
func TestServerReadsRefreshOnce(t *testing.T) {
	t.Parallel()
	s := carreltest.Serve(t)
	person, app := s.Visitor(), s.Application()
	write, read := app.Contract(library.Write), app.Contract(library.Read)
	writer := person.Allows(write)
	content := carreltest.Large("a page of a letter.")
	for range 30 {
		push := digime.PushInput{Data: bytes.NewReader(content), MIMEType: "text/plain", AccountID: "1"}
		if err := writer.Push(t.Context(), push); err != nil {
			t.Fatal(err)
		}
	}
	reader := person.Allows(read, writer.Token())

	s.Clock.Moves(25 * time.Hour)
	var counts refreshCounts
	started := carreltest.Must(read.SDK(digime.WithClock(s.Clock.Now)).User(reader.Token()).
		StartSession(t.Context(), digime.SessionOptions{}))(t)
	list := carreltest.Must(started.ListFiles(t.Context()))(t)
	if len(list.Files) != 30 {
		t.Fatalf("%d files", len(list.Files))
	}
	user := read.SDK(counts.options(s)...).User(reader.Token(), counts.onTokenChange())
	session := user.ResumeSession(started.Key())
	var wait sync.WaitGroup
	for _, f := range list.Files {
		wait.Go(func() {
			if text := readFile(t, session, f.Name); !bytes.Equal(text, content) {
				t.Errorf("file %s: %d bytes", f.Name, len(text))
			}
		})
	}
	wait.Wait()
	counts.wantOne(t)
}

// readFile reads a file of a session. On an error it fails the test, and goes on.
func readFile(t *testing.T, session *digime.Session, name digime.FileName) []byte {
	t.Helper()
	file, err := session.OpenFile(t.Context(), name)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Errorf("file %s: %v", name, err)
	}
	return text
}
