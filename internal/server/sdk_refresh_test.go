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

// TestServerRefresh uses an expired access token with the SDK. The SDK refreshes the token once, for a push, which it
// sends again, and for 31 files that are read at the same time.
func TestServerRefresh(t *testing.T) {
	t.Parallel()
	s := carreltest.Serve(t)
	person, app, ctx := s.Visitor(), s.Application(), t.Context()
	write, read := app.Contract(library.Write), app.Contract(library.Read)
	writer := person.Allows(write)
	content := bytes.Repeat([]byte("a page of a letter. "), 10_000)
	for range 30 {
		push := digime.PushInput{Data: bytes.NewReader(content), MIMEType: "text/plain", AccountID: "1"}
		if err := writer.Push(ctx, push); err != nil {
			t.Fatal(err)
		}
	}
	reader := person.Allows(read, writer.Token())

	s.Clock.Moves(25 * time.Hour)
	var refreshes, hooks atomic.Int32
	options := []digime.Option{
		digime.WithClock(s.Clock.Now),
		digime.WithObserver(func(_ context.Context, e digime.RequestEvent) {
			if e.Path == "oauth/token" {
				refreshes.Add(1)
			}
		}),
	}
	kept := digime.OnTokenChange(func(context.Context, digime.UserAccessToken) error { hooks.Add(1); return nil })

	writer = write.SDK(options...).User(writer.Token(), kept)
	push := digime.PushInput{Data: strings.NewReader("sent twice"), MIMEType: "text/plain", AccountID: "1"}
	if err := writer.Push(ctx, push); err != nil {
		t.Fatal(err)
	}
	if refreshes.Load() != 1 || hooks.Load() != 1 {
		t.Errorf("a push with an expired token: %d refreshes, %d calls of the hook", refreshes.Load(), hooks.Load())
	}

	sdk := read.SDK(options...)
	session, err := sdk.User(reader.Token()).StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := session.ListFiles(ctx)
	if err != nil || len(list.Files) != 31 {
		t.Fatalf("%d files, error %v", len(list.Files), err)
	}
	refreshes.Store(0)
	hooks.Store(0)
	session = sdk.User(reader.Token(), kept).ResumeSession(session.Key())
	var wait sync.WaitGroup
	for _, f := range list.Files {
		wait.Go(func() {
			file, err := session.OpenFile(ctx, f.Name)
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			if text, err := io.ReadAll(file); err != nil ||
				!bytes.Equal(text, content) && string(text) != "sent twice" {
				t.Errorf("file %s: %d bytes, error %v", f.Name, len(text), err)
			}
		})
	}
	wait.Wait()
	if refreshes.Load() != 1 || hooks.Load() != 1 {
		t.Errorf("31 reads with an expired token: %d refreshes, %d calls of the hook", refreshes.Load(), hooks.Load())
	}
}
