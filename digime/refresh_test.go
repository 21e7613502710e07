package digime_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// However many calls find the token expired, there is one refresh, and the hook
// has kept the new token before any of them goes on.
func TestParallelReadsRefreshOnce(t *testing.T) {
	l := start(t)
	l.files = []fakeFile{{name: "file", metadata: wire.RawMetadata{MIMEType: "text/plain", Accounts: []wire.DescriptorAccount{{AccountID: "1"}}}, content: []byte("content")}}
	var kept atomic.Value
	var hooks atomic.Int32
	user := l.user(t, l.Read, digime.OnTokenChange(func(_ context.Context, token digime.UserAccessToken) error {
		hooks.Add(1)
		kept.Store(token.AccessToken.Value.Reveal())
		return nil
	}))
	session, err := user.ReadSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.expire(user.Token())

	var wait sync.WaitGroup
	for range 30 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			file, err := session.ReadFile(t.Context(), "file")
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			if text, err := io.ReadAll(file); err != nil || string(text) != "content" {
				t.Errorf("%q, error %v", text, err)
			}
		}()
	}
	wait.Wait()
	if n := len(l.seen("oauth/token")); n != 1 || hooks.Load() != 1 {
		t.Errorf("%d refreshes and %d calls of the hook, want 1 of each", n, hooks.Load())
	}
	if kept.Load() != user.Token().AccessToken.Value.Reveal() {
		t.Error("the hook has kept another token than the one in use")
	}
	for _, r := range l.seen("/file") {
		if r.claims.AccessToken != kept.Load() && r.claims.AccessToken == "" {
			t.Error("a read without a token")
		}
	}
}

// A token that could not be kept is not used, and is handed to the hook again
// instead of asking for another.
func TestHookFails(t *testing.T) {
	l := start(t)
	full := errors.New("disk full")
	var seen []string
	user := l.user(t, l.Read, digime.OnTokenChange(func(_ context.Context, token digime.UserAccessToken) error {
		seen = append(seen, token.AccessToken.Value.Reveal())
		if len(seen) == 1 {
			return full
		}
		return nil
	}))
	old := user.Token()
	l.expire(old)
	if _, err := user.ReadAccounts(t.Context()); !errors.Is(err, full) {
		t.Errorf("error %v, want the hook's", err)
	}
	if !user.Token().AccessToken.Value.Equal(old.AccessToken.Value) {
		t.Error("a token is in use that was not kept")
	}
	if _, err := user.ReadAccounts(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(l.seen("oauth/token")); n != 1 || len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("%d refreshes, and the hook saw %d tokens", n, len(seen))
	}
}

// A refresh token that is good no longer is tried once.
func TestRefreshRefused(t *testing.T) {
	l := start(t)
	user := l.user(t, l.Read)
	l.expire(user.Token())
	l.refresh = nil
	var wait sync.WaitGroup
	for range 10 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			_, err := user.ReadAccounts(t.Context())
			if !errors.Is(err, digime.ErrReauthorize) || !errors.Is(err, digime.ErrInvalidToken) {
				t.Errorf("error %v, want ErrReauthorize", err)
			}
		}()
	}
	wait.Wait()
	if n := len(l.seen("oauth/token")); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

// A refresh that fails for another reason is tried again by the next call.
func TestRefreshFailsOnce(t *testing.T) {
	l := start(t)
	user := l.user(t, l.Read)
	l.expire(user.Token())
	l.answerOnce("oauth/token", status(503))
	var e *digime.Error
	if _, err := user.ReadAccounts(t.Context()); !errors.As(err, &e) || e.Status != 503 || errors.Is(err, digime.ErrReauthorize) {
		t.Errorf("error %v, want the 503", err)
	}
	if n := len(l.seen("oauth/token")); n != 1 {
		t.Errorf("%d refreshes: it was tried again by itself", n)
	}
	if _, err := user.ReadAccounts(t.Context()); err != nil {
		t.Error(err)
	}
}

// The call that began a refresh may give up; those that wait for it go on.
func TestRefreshOutlivesItsCall(t *testing.T) {
	l := start(t)
	entered, release := make(chan struct{}), make(chan struct{})
	user := l.user(t, l.Read, digime.OnTokenChange(func(ctx context.Context, _ digime.UserAccessToken) error {
		close(entered)
		<-release
		return ctx.Err()
	}))
	l.expire(user.Token())
	first, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { _, err := user.ReadAccounts(first); errs <- err }()
	<-entered
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("the first call: error %v", err)
	}
	go func() { _, err := user.ReadAccounts(t.Context()); errs <- err }()
	close(release)
	if err := <-errs; err != nil {
		t.Errorf("the second call: error %v", err)
	}
	if n := len(l.seen("oauth/token")); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

// Only a refused token is refreshed: a 401 of another kind is not.
func TestOtherRefusals(t *testing.T) {
	l := start(t)
	user := l.user(t, l.Read)
	l.answerOnce("accounts", func(w http.ResponseWriter) { writeError(w, wire.InvalidClient("x")) })
	if _, err := user.ReadAccounts(t.Context()); !errors.Is(err, digime.ErrInvalidClient) {
		t.Errorf("error %v, want ErrInvalidClient", err)
	}
	// A HEAD has no body to say why, and some proxies take the headers away.
	l.answerOnce("/file", status(http.StatusUnauthorized))
	session := user.OpenSession(digime.SessionKey{Key: digime.NewSecret("key")})
	if _, _, err := session.ReadFileMetadata(t.Context(), "file"); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound of the second try", err)
	}
	if n := len(l.seen("oauth/token")); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}
