package server_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/testenv"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// A cutCommit ends the connection of the transaction that has the text in it when the transaction is committed: before
// the commit reaches the database, or after, without its answer.
type cutCommit struct {
	text    string
	reaches bool
	done    atomic.Bool
}

// passedConn is a connection that a relay passes on.
type passedConn struct {
	relay   *relay
	in, out net.Conn

	concerned bool        // it has sent the text
	mute      atomic.Bool // its next answer is lost
}

// boundCommit is in the message with which pgx runs the commit of a batch, which is a prepared statement: its name, and
// that it has no parameters.
var boundCommit = func() []byte {
	digest := sha256.Sum256([]byte("COMMIT"))
	return fmt.Appendf(nil, "stmtcache_%x\x00\x00\x00", digest[:24])
}()

// Write passes what the server sends on to the database.
func (c *passedConn) Write(p []byte) (int, error) {
	c.relay.mu.Lock()
	cut := c.relay.cutAt
	c.relay.mu.Unlock()
	if cut != nil && !cut.done.Load() {
		c.concerned = c.concerned || bytes.Contains(p, []byte(cut.text))
		if c.concerned && (bytes.Contains(p, []byte("commit\x00")) || bytes.Contains(p, boundCommit)) {
			cut.done.Store(true)
			if !cut.reaches {
				_ = c.in.Close()
				return 0, net.ErrClosed
			}
			c.mute.Store(true)
		}
	}
	return c.out.Write(p)
}

func (c *passedConn) answer(p []byte) (int, error) {
	if c.mute.Load() {
		return 0, net.ErrClosed
	}
	return c.in.Write(p)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestUnknownCommit loses the connection to PostgreSQL in the commit of a push. The push is answered with 503. The same
// request, sent again, stores the file if the commit has not, and is refused if it has. The content of a file whose
// row may be there is not removed.
func TestUnknownCommit(t *testing.T) {
	t.Parallel()
	front := newRelay(t, carreltest.Must(url.Parse(testenv.Postgres(t)))(t))
	w := carreltest.Serve(t, func(c *server.Config) { c.Database = front.url })
	anna, app := w.Person(), w.Application()
	writer, reader := anna.Allows(app.Contract(library.Write)), anna.Allows(app.Contract(library.Read))
	want := map[string]string{}
	for _, tt := range []struct {
		name    string
		size    int
		reaches bool
		again   int
	}{
		{"small and committed", 1000, true, http.StatusNotAcceptable},
		{"small and not committed", 1000, false, http.StatusOK},
		{"large and committed", 100_000, true, http.StatusNotAcceptable},
		{"large and not committed", 100_000, false, http.StatusNotAcceptable}, // the nonce was used up before
	} {
		push, content := newPush(t, w, writer, tt.name, tt.size)
		cut := &cutCommit{text: tt.name, reaches: tt.reaches}
		front.mu.Lock()
		front.cutAt = cut
		front.mu.Unlock()
		first := push.send(t)
		if !cut.done.Load() {
			t.Fatalf("%s: no commit was cut off", tt.name)
		}
		if first.status != http.StatusServiceUnavailable || first.retryAfter == "" {
			t.Errorf("%s: %+v", tt.name, first)
		}
		if again := push.send(t); again.status != tt.again {
			t.Errorf("%s, again: %+v", tt.name, again)
		}
		if tt.reaches || tt.again == http.StatusOK {
			want[tt.name] = content
		}
	}
	// A file is called after its reference.
	if files := carreltest.Must(reader.Reads())(t); !maps.Equal(files, want) {
		t.Errorf("there are %d files, want %d", len(files), len(want))
	}
	if n := anna.FileCount(); n != len(want) {
		t.Errorf("%d files are stored, want %d", n, len(want))
	}
}

// signedPush is a push that can be sent more than once, each time as the same request.
type signedPush struct {
	url     string
	header  http.Header
	content string
}

// newPush returns a push of a file with the name as its reference, and its content.
func newPush(t testing.TB, w *carreltest.World, g *carreltest.Grant, name string, size int) (*signedPush, string) {
	t.Helper()
	content := strings.Repeat(name+" ", size/(len(name)+1)+1)
	descriptor := carreltest.Must(wire.Sign(g.Key, wire.Header{}, map[string]any{"metadata": map[string]any{
		"mimeType": "text/plain", "accounts": []map[string]string{{"accountId": "patient 1"}},
		"reference": []string{name},
	}}))(t)
	return &signedPush{url: w.URL + "/v1.7/permission-access/import", content: content, header: http.Header{
		"Authorization":  {"Bearer " + g.Signs(carreltest.WithToken(g.Token()))},
		"Filedescriptor": {descriptor},
	}}, content
}

// answered is what came of a request.
type answered struct {
	what           string
	began, ended   time.Time
	status         int
	retryAfter, as string
}

// send sends the push.
func (p *signedPush) send(t testing.TB) answered {
	t.Helper()
	q := carreltest.Must(http.NewRequestWithContext(t.Context(), http.MethodPost, p.url,
		io.MultiReader(strings.NewReader(p.content))))(t)
	q.Header = p.header.Clone()
	return sends(t, "push", q)
}

func sends(t testing.TB, what string, q *http.Request) answered {
	t.Helper()
	a := answered{what: what, began: time.Now()}
	r, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return a
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	a.ended, a.status, a.retryAfter, a.as = time.Now(), r.StatusCode, r.Header.Get("Retry-After"), string(text)
	return a
}

// TestPostgresRestart restarts PostgreSQL under load, as an upgrade does and as a crash does. Meanwhile requests are
// answered with 503 and Retry-After at worst, and after that none fails. A push that is refused is sent again as the
// same request: each is stored once.
func TestPostgresRestart(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]testenv.Shutdown{
		"fast": testenv.ShutdownFast, "immediate": testenv.ShutdownImmediate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			postgres := testenv.NewRestartablePostgres(t)
			w := carreltest.Serve(t, func(c *server.Config) { c.Database = postgres.URL })
			l := newRestartLoad(t, w)
			for range 3 {
				l.awaits(t, 40)
				stopped := time.Now()
				postgres.Stop(t, how)
				postgres.Start(t)
				l.restarts = append(l.restarts, period{stopped, time.Now()})
			}
			l.awaits(t, 40)
			l.end(t)
		})
	}
}

type period struct{ from, to time.Time }

// restartLoad is people and applications who use a server.
type restartLoad struct {
	w        *carreltest.World
	anna     *carreltest.Person
	writer   *carreltest.Grant
	reader   *carreltest.Grant
	restarts []period

	stop chan struct{}
	wait sync.WaitGroup

	mu      sync.Mutex
	answers []answered
	pushes  map[string]lastPush
}

// lastPush is the size of a push, and its last status.
type lastPush struct{ size, status int }

func newRestartLoad(t *testing.T, w *carreltest.World) *restartLoad {
	t.Helper()
	anna, app := w.Person(), w.Application()
	l := &restartLoad{w: w, anna: anna, writer: anna.Allows(app.Contract(library.Write)),
		reader: anna.Allows(app.Contract(library.Read)), stop: make(chan struct{}), pushes: map[string]lastPush{}}
	get := func(what, path, header, value string) func() answered {
		return func() answered {
			q := carreltest.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+path, nil))(t)
			q.Header.Set(header, value)
			return sends(t, what, q)
		}
	}
	cookie := "carrel_login=" + anna.Cookie.Reveal()
	calls := []func() answered{
		get("files", "/files", "Cookie", cookie),
		get("grants", "/grants", "Cookie", cookie),
		func() answered {
			return get("accounts", "/v1.7/permission-access/accounts", "Authorization",
				"Bearer "+l.reader.Signs(carreltest.WithToken(l.reader.Token())))()
		},
	}
	for _, call := range calls {
		l.repeat(func(int) { l.add(call()) })
	}
	for i := range 6 {
		l.repeat(func(n int) {
			size := 200
			if n%10 == 0 {
				size = 100_000
			}
			l.push(t, fmt.Sprintf("file %d %d", i, n), size)
		})
	}
	return l
}

// repeat runs f again and again, with short pauses, until the load ends.
func (l *restartLoad) repeat(f func(n int)) {
	l.wait.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-l.stop:
				return
			case <-time.After(rand.N(10 * time.Millisecond)):
			}
			f(n)
		}
	})
}

func (l *restartLoad) add(a answered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, a)
}

// push sends a push until it is not refused with 503.
func (l *restartLoad) push(t *testing.T, name string, size int) {
	p, _ := newPush(t, l.w, l.writer, name, size)
	for {
		a := p.send(t)
		l.add(a)
		if a.status == http.StatusServiceUnavailable {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		l.mu.Lock()
		l.pushes[name] = lastPush{size, a.status}
		l.mu.Unlock()
		return
	}
}

// awaits waits for some answers more.
func (l *restartLoad) awaits(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.answers)
	}
	until := count() + more
	carreltest.Eventually(t, "requests are answered", func() bool { return count() >= until })
}

// end ends the load and checks all answers and files.
func (l *restartLoad) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.wait.Wait()
	counts := map[string]int{}
	for _, a := range l.answers {
		restarting := false
		for _, p := range l.restarts {
			restarting = restarting || a.began.Before(p.to) && a.ended.After(p.from)
		}
		counts[fmt.Sprint(a.what, " ", a.status, " ", restarting)]++
		good := a.status == http.StatusOK ||
			a.what == "push" && a.status == http.StatusNotAcceptable // it was stored, or its nonce was used, before
		if !good && !(restarting && a.status == http.StatusServiceUnavailable && a.retryAfter != "") {
			t.Errorf("%s: %d, Retry-After %q, while PostgreSQL is restarted: %v: %s", a.what, a.status, a.retryAfter,
				restarting, a.as)
		}
	}
	t.Log(counts)
	stored, err := l.reader.Reads()
	if err != nil {
		t.Error(errors.Join(errors.New("a file is not whole"), err))
	}
	if n := l.anna.FileCount(); n != len(stored) { // each has a name of its own
		t.Errorf("%d files have %d names", n, len(stored))
	}
	for name, p := range l.pushes {
		// A small push uses its nonce up in the transaction that stores it.
		if _, ok := stored[name]; !ok && (p.status == http.StatusOK || p.size <= library.InlineLimit) {
			t.Errorf("%s was answered with %d and is not stored", name, p.status)
		}
	}
}

// TestUnknownConsent loses the connection to PostgreSQL in the commit of a consent. The page says that the person can
// try again soon. When they do, they are asked again if nothing was stored, and otherwise told that they have allowed.
func TestUnknownConsent(t *testing.T) {
	t.Parallel()
	front := newRelay(t, carreltest.Must(url.Parse(testenv.Postgres(t)))(t))
	w := carreltest.Serve(t, func(c *server.Config) { c.Database = front.url })
	person, app := w.Visitor(), w.Application()
	person.Allows(app.Contract(library.Write))
	for _, reaches := range []bool{false, true} {
		contract := app.Contract(library.Write)
		sdk := contract.SDK()
		options := digime.AuthorizeOptions{RedirectURL: carreltest.Callback}
		auth := carreltest.Must(sdk.Authorize(t.Context(), options))(t)
		cut := &cutCommit{text: string(contract.Contract.ID), reaches: reaches}
		front.mu.Lock()
		front.cutAt = cut
		front.mu.Unlock()
		if at, err := person.FollowPages(t.Context(), auth.URL, carreltest.Callback); err == nil ||
			!strings.Contains(err.Error(), "(503)") || !cut.done.Load() {
			t.Errorf("committed: %v: came to %q, %v", reaches, at, err)
		}
		if !reaches {
			carreltest.Must(sdk.Exchange(t.Context(), person.Visits(auth)))(t)
			continue
		}
		if at, err := person.FollowPages(t.Context(), auth.URL, carreltest.Callback); err == nil ||
			!strings.Contains(err.Error(), "Done: An application is allowed") {
			t.Errorf("committed: came to %q, %v", at, err)
		}
	}
}

// TestUnknownStop loses the connection to PostgreSQL in the commit of a revocation. The page does not say that the
// application still has access, because nobody knows.
func TestUnknownStop(t *testing.T) {
	t.Parallel()
	front := newRelay(t, carreltest.Must(url.Parse(testenv.Postgres(t)))(t))
	w := carreltest.Serve(t, func(c *server.Config) { c.Database = front.url })
	anna := w.Person()
	grant := anna.Allows(w.Application().Contract(library.Write))
	browser := browserOf(t, w, anna)
	page := browser.Get("/grants/" + string(grant.ID()) + "/stop")
	front.mu.Lock()
	front.cutAt = &cutCommit{text: string(grant.ID()), reaches: true}
	front.mu.Unlock()
	stopped := page.Click("revoke-confirm")
	if stopped.Status != http.StatusServiceUnavailable || stopped.Header.Get("Retry-After") == "" ||
		!front.cutAt.done.Load() || strings.Contains(stopped.Text(), "still has access") {
		t.Errorf("%d %v: %s", stopped.Status, stopped.Header, stopped.Text())
	}
	if _, err := grant.Bearer(); err == nil {
		t.Error("the grant has not ended")
	}
}

// browserOf returns a browser that is signed in as a person.
func browserOf(t *testing.T, w *carreltest.World, person *carreltest.Person) *webtest.Browser {
	t.Helper()
	browser := (&webtest.World{World: w, T: t}).NewBrowser()
	browser.SetCookies(&http.Cookie{Name: "carrel_login", Value: person.Cookie.Reveal(), Path: "/"})
	return browser
}
