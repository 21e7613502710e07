package digime_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

func push(data io.Reader) digime.PushInput {
	return digime.PushInput{Data: data, MIMEType: "text/plain", AccountID: "1"}
}

// A reader of unknown length goes out in chunks, an empty one too.
func TestPushStreams(t *testing.T) {
	l := start(t)
	user := l.writer(t)
	for _, content := range []string{"", "short", strings.Repeat("long", 1<<20)} {
		if err := user.Push(t.Context(), push(iotest.HalfReader(strings.NewReader(content)))); err != nil {
			t.Fatal(err)
		}
		if files := l.Files(); string(files[len(files)-1].Content) != content {
			got := files[len(files)-1].Content
			t.Errorf("%d bytes arrived of %d", len(got), len(content))
		}
	}
	for _, r := range l.Requests(digimetest.EndpointPush) {
		if r.Header.Get("Transfer-Encoding") != "chunked" || r.Header.Get("Content-Length") != "" ||
			r.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("headers %v", r.Header)
		}
	}
}

// A file is sent from where it stands, again from there, and stays open.
func TestPushAgainFromFile(t *testing.T) {
	l := start(t)
	user := l.writer(t)
	l.ExpireAccessTokens()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("skipped, sent"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(9, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := user.Push(t.Context(), push(file)); err != nil {
		t.Fatal(err)
	}
	if got := string(l.Files()[0].Content); got != "sent" {
		t.Errorf("%q arrived", got)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Errorf("the file was closed: %v", err)
	}
	if n, r := l.count(digimetest.EndpointPush), l.count(digimetest.EndpointToken); n != 2 || r != 1 {
		t.Errorf("%d pushes and %d refreshes, want 2 and 1", n, r)
	}
}

// What has been read and cannot be sent again is an error that says so; the token
// is fresh for the next try.
func TestPushCannotResend(t *testing.T) {
	l := start(t)
	user := l.writer(t)
	l.ExpireAccessTokens()
	err := user.Push(t.Context(), push(onlyReader{strings.NewReader("text")}))
	if !errors.Is(err, digime.ErrCannotResend) || !errors.Is(err, digime.ErrInvalidToken) {
		t.Fatalf("error %v, want ErrCannotResend", err)
	}
	if len(l.Files()) != 0 {
		t.Error("something arrived")
	}
	if err := user.Push(t.Context(), push(onlyReader{strings.NewReader("text")})); err != nil {
		t.Error(err)
	}
}

// A pipe is an io.Seeker by its type, and cannot seek.
func TestPushFromPipe(t *testing.T) {
	l := start(t)
	user := l.writer(t)
	l.ExpireAccessTokens()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		_, _ = w.WriteString("text")
		_ = w.Close()
	}()
	if err := user.Push(t.Context(), push(r)); !errors.Is(err, digime.ErrCannotResend) {
		t.Errorf("error %v, want ErrCannotResend", err)
	}
}

// A token that is about to expire is refreshed before data that can be read only
// once is sent, and not before other data.
func TestPushRefreshesBefore(t *testing.T) {
	l := start(t)
	token := l.Token(l.WriteContract)
	token.AccessToken.Expiry = time.Now().Add(30 * time.Second)
	for name, test := range map[string]struct {
		data io.Reader
		want int
	}{
		"once":  {onlyReader{strings.NewReader("text")}, 1},
		"often": {strings.NewReader("text"), 0},
	} {
		before := l.count(digimetest.EndpointToken)
		user := l.write(t).User(token)
		if err := user.Push(t.Context(), push(test.data)); err != nil {
			t.Fatal(err)
		}
		if n := l.count(digimetest.EndpointToken) - before; n != test.want {
			t.Errorf("data that can be read %s: %d refreshes, want %d", name, n, test.want)
		}
	}
}

// A push is never tried again by itself: the server may have taken it.
func TestPushNotRetried(t *testing.T) {
	l := start(t)
	user := l.writer(t)
	for _, failure := range []digimetest.Failure{
		digimetest.Status(503, "Retry-After", "7"), digimetest.CloseConnection(), digimetest.CutBody(),
	} {
		l.FailNext(digimetest.EndpointPush, failure)
		before := l.count(digimetest.EndpointPush)
		err := user.Push(t.Context(), push(strings.NewReader("text")))
		if err == nil {
			t.Error("no error")
		}
		if n := l.count(digimetest.EndpointPush) - before; n != 1 {
			t.Errorf("%d pushes, want 1", n)
		}
		var e *digime.Error
		if errors.As(err, &e) && e.RetryAfter != 7*time.Second {
			t.Errorf("RetryAfter %v", e.RetryAfter)
		}
	}
}

func TestPushRefuses(t *testing.T) {
	l := start(t)
	user := l.writer(t)
	for want, p := range map[string]digime.PushInput{
		"no Data":      {MIMEType: "text/plain", AccountID: "1"},
		"no MIMEType":  {Data: strings.NewReader(""), AccountID: "1"},
		"no AccountID": {Data: strings.NewReader(""), MIMEType: "text/plain"},
		`metadata "x"`: {
			Data: strings.NewReader(""), MIMEType: "text/plain", AccountID: "1", Extra: map[string]any{"x": func() {}},
		},
	} {
		err := user.Push(t.Context(), p)
		if !errors.Is(err, digime.ErrValidation) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := l.reader(t).Push(t.Context(), push(strings.NewReader(""))); !errors.Is(err, digime.ErrInsufficientScope) {
		t.Errorf("with a read contract: error %v", err)
	}
	failed := errors.New("disk failed")
	data := io.MultiReader(strings.NewReader("text"), iotest.ErrReader(failed))
	if err := user.Push(t.Context(), push(data)); !errors.Is(err, failed) {
		t.Errorf("the data fails: error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	go func() { _, _ = w.Write([]byte("text")); cancel() }()
	if err := user.Push(ctx, push(r)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
	if len(l.Files()) != 0 {
		t.Error("something arrived")
	}
}

// onlyReader is data that can be read once.
type onlyReader struct{ r io.Reader }

func (o onlyReader) Read(p []byte) (int, error) { return o.r.Read(p) }
