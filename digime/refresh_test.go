package digime_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// However many calls find the token expired, there is one refresh, and the hook
// has kept the new token before any of them goes on.
func TestParallelReadsRefreshOnce(t *testing.T) {
	l := start(t)
	addFiles(l, "file", "content")
	var kept atomic.Value
	var hooks atomic.Int32
	user := l.reader(t, digime.OnTokenChange(func(_ context.Context, token digime.UserAccessToken) error {
		hooks.Add(1)
		kept.Store(token.AccessToken.Value.Reveal())
		return nil
	}))
	session, err := user.StartSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.ExpireAccessTokens()

	var wait sync.WaitGroup
	for range 30 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			file, err := session.OpenFile(t.Context(), "file")
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
	if n := l.count(digimetest.EndpointToken); n != 1 || hooks.Load() != 1 {
		t.Errorf("%d refreshes and %d calls of the hook, want 1 of each", n, hooks.Load())
	}
	if kept.Load() != user.Token().AccessToken.Value.Reveal() {
		t.Error("the hook has kept another token than the one in use")
	}
	for _, r := range l.Requests(digimetest.EndpointFile) {
		if r.Claims.AccessToken != kept.Load() && r.Claims.AccessToken == "" {
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
	user := l.reader(t, digime.OnTokenChange(func(_ context.Context, token digime.UserAccessToken) error {
		seen = append(seen, token.AccessToken.Value.Reveal())
		if len(seen) == 1 {
			return full
		}
		return nil
	}))
	old := user.Token()
	l.ExpireAccessTokens()
	if _, err := user.ListAccounts(t.Context()); !errors.Is(err, full) {
		t.Errorf("error %v, want the hook's", err)
	}
	if !user.Token().AccessToken.Value.Equal(old.AccessToken.Value) {
		t.Error("a token is in use that was not kept")
	}
	if _, err := user.ListAccounts(t.Context()); err != nil {
		t.Error(err)
	}
	if n := l.count(digimetest.EndpointToken); n != 1 || len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("%d refreshes, and the hook saw %d tokens", n, len(seen))
	}
}

// A refresh token that no longer works is tried once.
func TestRefreshRefused(t *testing.T) {
	l := start(t)
	user := l.reader(t)
	l.ExpireAccessTokens()
	l.Revoke()
	var wait sync.WaitGroup
	for range 10 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			_, err := user.ListAccounts(t.Context())
			if !errors.Is(err, digime.ErrRevoked) || !errors.Is(err, digime.ErrInvalidToken) {
				t.Errorf("error %v, want ErrRevoked", err)
			}
		}()
	}
	wait.Wait()
	if n := l.count(digimetest.EndpointToken); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

// A refresh that fails for another reason is tried again by the next call.
func TestRefreshFailsOnce(t *testing.T) {
	l := start(t)
	user := l.reader(t)
	l.ExpireAccessTokens()
	l.FailNext(digimetest.EndpointToken, digimetest.Status(503))
	var e *digime.Error
	_, err := user.ListAccounts(t.Context())
	if !errors.As(err, &e) || e.Status != 503 || errors.Is(err, digime.ErrReauthorize) {
		t.Errorf("error %v, want the 503", err)
	}
	if n := l.count(digimetest.EndpointToken); n != 1 {
		t.Errorf("%d refreshes: it was tried again by itself", n)
	}
	if _, err := user.ListAccounts(t.Context()); err != nil {
		t.Error(err)
	}
}

// The call that began a refresh may give up; those that wait for it go on.
func TestRefreshOutlivesItsCall(t *testing.T) {
	l := start(t)
	entered, release := make(chan struct{}), make(chan struct{})
	user := l.reader(t, digime.OnTokenChange(func(ctx context.Context, _ digime.UserAccessToken) error {
		close(entered)
		<-release
		return ctx.Err()
	}))
	l.ExpireAccessTokens()
	first, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { _, err := user.ListAccounts(first); errs <- err }()
	<-entered
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("the first call: error %v", err)
	}
	go func() { _, err := user.ListAccounts(t.Context()); errs <- err }()
	close(release)
	if err := <-errs; err != nil {
		t.Errorf("the second call: error %v", err)
	}
	if n := l.count(digimetest.EndpointToken); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

// Only a refused token is refreshed: a 401 of another kind is not.
func TestOtherRefusals(t *testing.T) {
	l := start(t)
	user := l.reader(t)
	l.FailNext(digimetest.EndpointAccounts, digimetest.Refuse(digime.Error{
		Code: digime.CodeInvalidClient, Status: 401,
	}))
	if _, err := user.ListAccounts(t.Context()); !errors.Is(err, digime.ErrInvalidClient) {
		t.Errorf("error %v, want ErrInvalidClient", err)
	}
	// A HEAD has no body to say why, and some proxies take the headers away.
	l.FailNext(digimetest.EndpointFile, digimetest.Status(http.StatusUnauthorized))
	session := user.ResumeSession(digime.SessionKey{Key: digime.NewSecret("key")})
	if _, err := session.GetFileMetadata(t.Context(), "file"); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound of the second try", err)
	}
	if n := l.count(digimetest.EndpointToken); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

// authorizeAgain has the person consent once more to the read contract.
func (l testLibrary) authorizeAgain(t *testing.T) {
	t.Helper()
	auth, err := l.read(t).Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: l.RedirectURL})
	if err != nil {
		t.Fatal(err)
	}
	back, err := l.Allow(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	callback, err := auth.ParseCallback(back.Query())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.read(t).Exchange(t.Context(), callback); err != nil {
		t.Errorf("a new consent: %v", err)
	}
}

// Each error of a refresh names a step, and the step works.
func TestRefreshErrorsLeadOn(t *testing.T) {
	expiresIn := func(d time.Duration) func(*digime.Token) {
		return func(refresh *digime.Token) { refresh.Expiry = time.Now().Add(d) }
	}
	for name, test := range map[string]struct {
		happens func(testLibrary)
		known   func(refresh *digime.Token) // changes what the application knows of the token
		want    error                       // of the call
		renew   error                       // of Reauthorize
	}{
		"expired": {testLibrary.ExpireRefreshTokens, nil, digime.ErrReauthorize, nil},
		"revoked": {testLibrary.Revoke, nil, digime.ErrRevoked, digime.ErrRevoked},
		"revoked, and past its expiry": {testLibrary.Revoke, expiresIn(-time.Hour), digime.ErrReauthorize,
			digime.ErrRevoked},
		"revoked, about to expire": {testLibrary.Revoke, expiresIn(time.Minute), digime.ErrReauthorize,
			digime.ErrRevoked},
		"revoked, expiry not known": {testLibrary.Revoke, func(refresh *digime.Token) { refresh.Expiry = time.Time{} },
			digime.ErrReauthorize, digime.ErrRevoked},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t)
			token := l.Token(l.ReadContract)
			if test.known != nil {
				test.known(&token.RefreshToken)
			}
			test.happens(l)
			user := l.read(t).User(token)
			_, err := user.ListAccounts(t.Context())
			other := digime.ErrRevoked
			if errors.Is(test.want, digime.ErrRevoked) {
				other = digime.ErrReauthorize
			}
			if !errors.Is(err, test.want) || errors.Is(err, other) || !errors.Is(err, digime.ErrInvalidToken) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			_, err = user.Reauthorize(t.Context(), digime.ReauthorizeOptions{RedirectURL: l.RedirectURL})
			if !errors.Is(err, test.renew) {
				t.Errorf("reauthorize: error %v, want %v", err, test.renew)
			}
			l.authorizeAgain(t)
		})
	}
}

func TestRefreshAfterDeletion(t *testing.T) {
	l := start(t)
	user := l.reader(t)
	if err := user.DeleteUser(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := user.ListAccounts(t.Context()); !errors.Is(err, digime.ErrRevoked) {
		t.Errorf("after the library was deleted: error %v", err)
	}
}

func TestRefreshWithoutRefreshToken(t *testing.T) {
	l := start(t)
	token := l.Token(l.ReadContract)
	token.RefreshToken = digime.Token{}
	if _, err := l.read(t).Refresh(t.Context(), token); !errors.Is(err, digime.ErrValidation) {
		t.Errorf("error %v, want ErrValidation", err)
	}
	l.ExpireAccessTokens()
	_, err := l.read(t).User(token).ListAccounts(t.Context())
	if !errors.Is(err, digime.ErrInvalidToken) || errors.Is(err, digime.ErrValidation) {
		t.Errorf("error %v, want ErrInvalidToken", err)
	}
}
