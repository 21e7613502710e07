package server_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/testenv"
)

// TestReadiness: /readyz says in a word each what cannot be used, and /healthz only that the process lives.
func TestReadiness(t *testing.T) {
	t.Parallel()
	w := carreltest.Serve(t)
	contract := w.Application().Contract(library.Write)
	wantReady(t, w, nil)
	blobs := filepath.Join(w.Folder, "blobs")
	grant := w.Person().Allows(contract)
	for what, replace := range map[string]func() error{
		"an empty folder": func() error { return os.Mkdir(blobs, 0o700) },
		"a copy":          func() error { return os.CopyFS(blobs, os.DirFS(blobs+".away")) },
	} {
		if err := errors.Join(os.Rename(blobs, blobs+".away"), replace()); err != nil {
			t.Fatal(err)
		}
		wantReady(t, w, map[string]string{"contents": "other"})
		if _, err := grant.Pushes("large", make([]byte, 1<<20)); !errors.Is(err, library.ErrUnavailable) {
			t.Errorf("%s in the place of the contents, and a push: %v", what, err)
		}
		if err := errors.Join(os.RemoveAll(blobs), os.Rename(blobs+".away", blobs)); err != nil {
			t.Fatal(err)
		}
	}
	carreltest.Must(grant.Pushes("large", make([]byte, 1<<20)))(t)
	database := filepath.Join(w.Folder, "carrel.db")
	if err := os.Rename(database, database+".away"); err != nil {
		t.Fatal(err)
	}
	wantReady(t, w, map[string]string{"database": "unreachable"})
	refusesFor(t, contract, http.StatusServiceUnavailable)
	if err := os.Rename(database+".away", database); err != nil {
		t.Fatal(err)
	}
	wantReady(t, w, nil)
}

// TestDatabaseAway: while PostgreSQL cannot be reached, calls and pages answer 503, and go on when it is back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	address := carreltest.Must(url.Parse(testenv.Postgres(t)))(t)
	front := newRelay(t, address)
	w := carreltest.Serve(t, func(c *server.Config) { c.Database = front.url })
	contract := w.Application().Contract(library.Write)
	wantReady(t, w, nil)
	front.cut()
	wantReady(t, w, map[string]string{"database": "unreachable", "contents": "unknown"})
	refusesFor(t, contract, http.StatusServiceUnavailable)
	refusesPage(t, w.URL+"/files", http.StatusServiceUnavailable)
	refusesPage(t, w.URL+"/apps/saas/authorize?sourceType=push&code="+strings.Repeat("A", 43),
		http.StatusServiceUnavailable)
	front.restore()
	carreltest.Eventually(t, "it is ready again", func() bool {
		return getFrom(t, w.URL+"/readyz", "").StatusCode == http.StatusOK
	})
}

// wantReady asks a server whether it is ready, and whether it lives.
func wantReady(t *testing.T, w *carreltest.World, faults map[string]string) {
	t.Helper()
	want := map[string]string{"database": "ok", "contents": "ok", "space": "ok", "keyring": "ok"}
	maps.Copy(want, faults)
	status := http.StatusOK
	if len(faults) > 0 {
		status = http.StatusServiceUnavailable
	}
	r := carreltest.Must(http.Get(w.URL + "/readyz"))(t)
	defer r.Body.Close()
	text := carreltest.Must(io.ReadAll(r.Body))(t)
	var got map[string]string
	if err := json.Unmarshal(text, &got); err != nil || !maps.Equal(got, want) || r.StatusCode != status ||
		(r.Header.Get("Retry-After") != "") != (len(faults) > 0) {
		t.Errorf("%s %v %s, want %v", r.Status, r.Header, text, want)
	}
	alive := carreltest.Must(http.Get(w.URL + "/healthz"))(t)
	if err := alive.Body.Close(); err != nil || alive.StatusCode != http.StatusNoContent {
		t.Errorf("alive: %s, %v", alive.Status, err)
	}
}

// refusesFor makes a call that writes: it is to be refused with a status and Retry-After.
func refusesFor(t *testing.T, c *carreltest.Contract, status int) {
	t.Helper()
	_, err := c.SDK().Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: carreltest.Callback})
	var refused *digime.Error
	if !errors.As(err, &refused) || refused.Status != status || refused.RetryAfter == 0 ||
		!errors.Is(err, digime.ErrUnavailable) {
		t.Errorf("a call: %v, want %d", err, status)
	}
}

// refusesPage opens a page with a login: it is to be refused with a status and Retry-After.
func refusesPage(t *testing.T, address string, status int) {
	t.Helper()
	q := carreltest.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))(t)
	q.Header.Set("Cookie", "carrel_login=A"+strings.Repeat("A", 43))
	r := carreltest.Must(http.DefaultClient.Do(q))(t)
	if err := r.Body.Close(); err != nil || r.StatusCode != status || r.Header.Get("Retry-After") == "" {
		t.Errorf("%s: %s %v", address, r.Status, r.Header)
	}
}

// relay passes connections on to PostgreSQL until it is cut.
type relay struct {
	url    string
	listen net.Listener

	mu    sync.Mutex
	isCut bool
	conns []net.Conn
	cutAt *cutCommit // nil for none
}

func newRelay(t *testing.T, database *url.URL) *relay {
	t.Helper()
	network, target := "tcp", database.Host
	if socket := database.Query().Get("host"); socket != "" {
		port := database.Query().Get("port")
		if port == "" {
			port = "5432"
		}
		network, target = "unix", filepath.Join(socket, ".s.PGSQL."+port)
	}
	l := carreltest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = l.Close() })
	front := *database
	front.Host = l.Addr().String()
	query := front.Query()
	query.Del("host")
	query.Del("port")
	query.Set("sslmode", "disable")
	front.RawQuery = query.Encode()
	r := &relay{url: front.String(), listen: l}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			r.pass(in, network, target)
		}
	}()
	return r
}

func (r *relay) pass(in net.Conn, network, target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isCut {
		_ = in.Close()
		return
	}
	out, err := net.Dial(network, target)
	if err != nil {
		_ = in.Close()
		return
	}
	r.conns = append(r.conns, in, out)
	passed := &passedConn{relay: r, in: in, out: out}
	go func() { _, _ = io.Copy(passed, in); _ = out.Close() }()
	go func() { _, _ = io.Copy(writerFunc(passed.answer), out); _ = in.Close() }()
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isCut = true
	for _, c := range r.conns {
		_ = c.Close()
	}
}

func (r *relay) restore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isCut = false
}

// TestSecurityHeaders: what must not be guessed, framed or downgraded is so on every answer.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		w := carreltest.Serve(
			t,
			func(c *server.Config) { c.PublicURL = strings.Replace(c.PublicURL, "http", scheme, 1) },
		)
		base := strings.Replace(w.URL, "https", "http", 1)
		for _, path := range []string{
			"/", "/sign-in", "/nowhere", "/v1.7/jwks/oauth", "/v1.7/none", "/healthz", "/readyz",
		} {
			r := getFrom(t, base+path, "")
			if r.Header.Get("X-Content-Type-Options") != "nosniff" ||
				r.Header.Get("Cross-Origin-Opener-Policy") != "same-origin" ||
				(r.Header.Get("Strict-Transport-Security") != "") != (scheme == "https") {
				t.Errorf("%s %s: %v", scheme, path, r.Header)
			}
		}
	}
}

// TestRequestLog: each request, be it a call or a page, has one line that says what came of it, and for whom.
func TestRequestLog(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct {
		what, pattern string
		status        float64
	}{
		"/v1.7/jwks/oauth":       {"call", "GET /v1.7/jwks/oauth", 200},
		"/v1.7/oauth/none":       {"call refused", "/", 404},
		"/sign-in?secret=hidden": {"page", "GET /sign-in", 200},
		"/files":                 {"page", "GET /files", 303},
		"/hidden/nowhere":        {"page refused", "/", 404},
	} {
		w := carreltest.Serve(t)
		client := http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		r := carreltest.Must(client.Get(w.URL + path))(t)
		body := carreltest.Must(io.ReadAll(r.Body))(t)
		_ = r.Body.Close()
		carreltest.Eventually(t, "the line of "+path+" is written", func() bool { return w.Log.Contains(`"client"`) })
		lines := w.Log.Lines(`"client"`)
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[0]), &line); err != nil || len(lines) != 1 {
			t.Fatalf("%s: %q, %v", path, lines, err)
		}
		took, _ := line["took"].(float64)
		reference, _ := line["reference"].(string)
		if line["msg"] != want.what || line["pattern"] != want.pattern || line["status"] != want.status ||
			line["client"] != "127.0.0.1" || line["bytes"] != float64(len(body)) || took <= 0 || len(reference) != 32 ||
			strings.Contains(lines[0], "hidden") {
			t.Errorf("%s: %s", path, lines[0])
		}
	}
}
