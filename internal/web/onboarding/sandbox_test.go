package onboarding_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// sandboxQuery asks to skip the pages, with a source that has sample data only.
const sandboxQuery = "&sourceType=pull&service=900101&sampleDataAutoOnboard=true"

// skipURL is the address of a request that asks to skip the pages.
func skipURL(app *webtest.App) string {
	return "/apps/saas/authorize?code=" + app.Authorize(webtest.WebCallback) + sandboxQuery
}

// newSandbox registers an application that reads from services under a sandbox contract.
func newSandbox(w *webtest.World) *webtest.App {
	return w.Register("Music Trial", webtest.Reads(library.Scope{Raw: true, Mapped: true}), webtest.Sandbox)
}

// A request under a sandbox contract is answered without a page, in the name of a library that only the tokens open.
func TestSandboxSkipsThePages(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := newSandbox(w)
	for _, tt := range []struct {
		query string
		set   string // that is loaded
	}{{"", "default"}, {"&sampleDataSet=test", "test"}, {"&sampleDataSet=partial", "partial"}} {
		b := w.NewBrowser()
		p := b.Get(skipURL(app) + tt.query)
		q := p.Callback().Query()
		if q.Get("success") != "true" || q.Get("state") != "the state" || q.Get("accountReference") == "" {
			t.Fatalf("%s: callback %v", tt.query, q)
		}
		for _, c := range b.Cookies() {
			if strings.Contains(c.Name, "login") {
				t.Errorf("the browser is signed in: %s", c.Name)
			}
		}
		token := app.Exchange(p.Callback())
		if err := w.Fetches.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		owner := app.LibraryOf(token)
		account := app.ConnectionTo(token, 900101)
		one := carreltest.Must(w.Store.GetFetch(t.Context(), owner.ID, account))(t)
		if one.Files == 0 || (one.Problem != nil) != (tt.set == "partial") {
			t.Errorf("%s: fetch %+v", tt.query, one)
		}
		connection := carreltest.Must(w.Store.GetConnection(t.Context(), owner.ID, account, true))(t)
		if connection.Source.SampleSet != tt.set {
			t.Errorf("%s: set %q, want %q", tt.query, connection.Source.SampleSet, tt.set)
		}
		checkNobodySignsIn(t, w, owner)
	}
}

// checkNobodySignsIn checks that a library has no lock and no login, and no address that a page takes.
func checkNobodySignsIn(t *testing.T, w *webtest.World, l library.Library) {
	t.Helper()
	if !l.Sandbox {
		t.Error("the library is not a sandbox")
	}
	for _, kind := range []library.LockKind{library.LockPassword, library.LockRecovery} {
		if _, err := w.Store.GetLock(t.Context(), l.ID, kind); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("lock %s: %v", kind, err)
		}
	}
	p := w.NewBrowser().Get("/sign-in").Click("sign-in", "email", l.Email, "password", webtest.Password)
	if p.Status != http.StatusUnprocessableEntity {
		t.Errorf("signing in: %d %s", p.Status, p.Text())
	}
	if rows := w.Mentions(l.Email); len(rows) != 1 {
		t.Errorf("the library is mentioned in %v", rows)
	}
}

// Everywhere else the pages ask, and nothing is made before somebody answers.
func TestAttackSandboxElsewhere(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	sandbox := newSandbox(w)
	plain := w.Register("Music", webtest.Reads(library.Scope{Raw: true, Mapped: true}))
	off := newSandbox(w)
	offURL := skipURL(off)
	off.Edit(func(c *library.Contract) { c.Sandbox = false }) // between the link and the page
	signedIn := w.NewPerson(webtest.Anna)
	writer := sandbox.Another(webtest.Sandbox)
	token := sandbox.Exchange(w.NewPerson(webtest.Bob).Get(skipURL(sandbox)).Click("allow").Callback())
	linked := "/apps/saas/authorize?code=" + sandbox.AuthorizeLinked(webtest.WebCallback, token)

	get := func(b *webtest.Browser, address string, headers ...string) *webtest.Page {
		h := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return b.Request(http.MethodGet, address, nil, h)
	}
	for name, tt := range map[string]struct {
		open   func() *webtest.Page
		status int
		shows  string
	}{
		"a contract that is no sandbox": {
			func() *webtest.Page { return get(w.NewBrowser(), skipURL(plain)) }, http.StatusOK, "create-library",
		},
		"a sandbox that was switched off": {
			func() *webtest.Page { return get(w.NewBrowser(), offURL) }, http.StatusOK, "create-library",
		},
		"a browser that is signed in": {
			func() *webtest.Page { return get(signedIn, skipURL(sandbox)) }, http.StatusOK, "allow",
		},
		"not asked for": {
			func() *webtest.Page {
				return get(w.NewBrowser(), strings.Replace(skipURL(sandbox), "sampleDataAutoOnboard=true",
					"sampleDataAutoOnboard=false", 1))
			}, http.StatusOK, "create-library",
		},
		"a source that is not there": {
			func() *webtest.Page {
				return get(w.NewBrowser(), strings.Replace(skipURL(sandbox), "900101", "12", 1))
			}, http.StatusNotFound, "error",
		},
		"no source": {
			func() *webtest.Page {
				return get(w.NewBrowser(), strings.Replace(skipURL(sandbox), "&service=900101", "", 1))
			}, http.StatusOK, "create-library",
		},
		"to send": {
			func() *webtest.Page {
				return get(w.NewBrowser(), "/apps/saas/authorize?sampleDataAutoOnboard=true&sourceType=push&code="+
					writer.Authorize(webtest.WebCallback))
			}, http.StatusOK, "create-library",
		},
		"a library that is there": {
			func() *webtest.Page { return get(w.NewBrowser(), linked+sandboxQuery) }, http.StatusOK, "sign-in",
		},
		"who wants to sign in": {
			func() *webtest.Page { return get(w.NewBrowser(), skipURL(sandbox)+"&step=sign-in") }, http.StatusOK,
			"sign-in",
		},
		"only the headers": {
			func() *webtest.Page {
				return w.NewBrowser().Request(http.MethodHead, skipURL(sandbox), nil, nil)
			}, http.StatusOK, "",
		},
		"a prefetch": {
			func() *webtest.Page {
				return get(w.NewBrowser(), skipURL(sandbox), "Sec-Purpose", "prefetch;prerender")
			},
			http.StatusServiceUnavailable, "error",
		},
		"an older prefetch": {
			func() *webtest.Page { return get(w.NewBrowser(), skipURL(sandbox), "Purpose", "prefetch") },
			http.StatusServiceUnavailable, "error",
		},
		"a preview": {
			func() *webtest.Page { return get(w.NewBrowser(), skipURL(sandbox), "X-Purpose", "preview") },
			http.StatusServiceUnavailable, "error",
		},
		"an image of another site": {
			func() *webtest.Page {
				return get(w.NewBrowser(), skipURL(sandbox), "Sec-Fetch-Dest", "image", "Sec-Fetch-Site", "cross-site")
			}, http.StatusOK, "create-library",
		},
		"a frame of another site": {
			func() *webtest.Page {
				return get(w.NewBrowser(), skipURL(sandbox), "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "cross-site")
			}, http.StatusOK, "create-library",
		},
	} {
		t.Run(name, func(t *testing.T) {
			// The request of the application, and what a browser remembers, are stored in any case.
			before := made(w)
			p := tt.open()
			if p.Status != tt.status || tt.shows != "" && !p.Has(tt.shows) || p.Status/100 == 3 {
				t.Errorf("%d %s, to %q", p.Status, p.Text(), p.Header.Get("Location"))
			}
			if after := made(w); after != before {
				t.Errorf("something was made: %s, before %s", after, before)
			}
		})
	}
}

// A browser that opens a link before the person does is refused, which is no error that an operator looks into.
func TestSandboxPrefetchIsNoError(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	p := w.NewBrowser().Request(http.MethodGet, skipURL(newSandbox(w)), nil,
		http.Header{"Sec-Purpose": {"prefetch"}})
	lines := w.Log.Lines("before the person does")
	if p.Status != http.StatusServiceUnavailable || len(lines) != 1 || !strings.Contains(lines[0], "level=INFO") {
		t.Errorf("%d, logged %q", p.Status, lines)
	}
}

// made says how much there is of what a sandbox is made of.
func made(w *webtest.World) (all string) {
	for _, table := range []string{"libraries", "grants", "codes", "provider_accounts", "fetches", "events"} {
		all += fmt.Sprintf("%s %d ", table, w.Rows(table))
	}
	return all
}

// A contract that writes, or reads what was pushed, needs no source: its library is empty.
func TestSandboxWithoutSource(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	for _, app := range []*webtest.App{
		w.Register("Writer", webtest.Sandbox),
		w.Register("Reader", webtest.Reads(library.Scope{Raw: true}), webtest.Sandbox),
	} {
		address := "/apps/saas/authorize?sampleDataAutoOnboard=true&code=" + app.Authorize(webtest.WebCallback)
		token := app.Exchange(w.NewBrowser().Get(address).Callback())
		if !app.Works(token) || !app.LibraryOf(token).Sandbox {
			t.Errorf("%s: the token does not work", app.Application.Name)
		}
	}
}

// The link works once, also if it is opened twice at the same time.
func TestAttackSandboxLinkTwice(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := newSandbox(w)
	address := skipURL(app)
	var mu sync.Mutex
	var back []string
	var wait sync.WaitGroup
	for range 4 {
		b := w.NewBrowser()
		wait.Go(func() {
			p := b.Request(http.MethodGet, address, nil, nil)
			mu.Lock()
			defer mu.Unlock()
			if p.Status == http.StatusSeeOther {
				back = append(back, p.Header.Get("Location"))
			} else if p.Status != http.StatusGone || !strings.Contains(p.Text(), "It works once") {
				t.Errorf("status %d: %s", p.Status, p.Text())
			}
		})
	}
	wait.Wait()
	if len(back) != 1 {
		t.Fatalf("%d of 4 lead back: %v", len(back), back)
	}
	if n := w.Rows("libraries"); n != 1 {
		t.Errorf("%d libraries", n)
	}
	w.Unchanged("opening it again", func() {
		p := w.NewBrowser().Get(address)
		// Nobody has answered, so the page does not say so.
		if p.Status != http.StatusGone || p.Has("return") || !strings.Contains(p.Text(), "It works once") ||
			strings.Contains(p.Text(), "answered") {
			t.Errorf("again: %d %s", p.Status, p.Text())
		}
	})
	if u := carreltest.Must(url.Parse(back[0]))(t); !app.Works(app.Exchange(u)) {
		t.Error("the code does not work")
	}
}

// A network address makes as many sandboxes as libraries a day. Neither uses up the other.
func TestAttackSandboxesWithoutEnd(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Writer", webtest.Sandbox)
	open := func() *webtest.Page {
		return w.NewBrowser().Get("/apps/saas/authorize?sampleDataAutoOnboard=true&code=" +
			app.Authorize(webtest.WebCallback))
	}
	made := 0
	p := open()
	for ; p.Status == http.StatusSeeOther && made <= 100; p = open() {
		made++
	}
	if made != 100 || p.Status != http.StatusTooManyRequests || !strings.Contains(p.Text(), "Too many libraries") {
		t.Fatalf("%d sandboxes, then %d %s", made, p.Status, p.Text())
	}
	after, err := strconv.Atoi(p.Header.Get("Retry-After"))
	if err != nil || after < 60 || after > 24*3600/100 {
		t.Errorf("Retry-After %q", p.Header.Get("Retry-After"))
	}
	if back := p.Attr("return", "href"); !strings.Contains(back, "errorCode=SERVER_ERROR") {
		t.Errorf("link back %q", back)
	}
	w.NewPerson(webtest.Anna) // a person still creates a library
	w.Clock.Moves(time.Duration(after) * time.Second)
	if p := open(); p.Status != http.StatusSeeOther {
		t.Errorf("later: %d", p.Status)
	}
}

// A server that makes no new libraries makes no sandboxes.
func TestSandboxOnClosedServer(t *testing.T) {
	t.Parallel()
	w := webtest.New(t, func(c *server.Config) { c.NoNewLibraries = true })
	if p := w.NewBrowser().Get(skipURL(newSandbox(w))); !p.Has("closed") || !p.Has("sign-in") {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	if n := w.Rows("libraries"); n != 0 {
		t.Errorf("%d libraries", n)
	}
}

// A request that cannot be answered leaves no library behind.
func TestSandboxFails(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := newSandbox(w)
	p := w.NewBrowser().Get(skipURL(app) + "&storageRef=unknown")
	if p.Status != http.StatusForbidden || !strings.Contains(p.Attr("return", "href"), "INITIALIZE_CHECK_FAIL") {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	if n := w.Rows("libraries"); n != 0 {
		t.Errorf("%d libraries", n)
	}
}

// A sandbox goes with the call "delete user", and when nothing opens it any more.
func TestSandboxEnds(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := newSandbox(w)
	start := func() string { return app.Exchange(w.NewBrowser().Get(skipURL(app)).Callback()) }
	sweep := func() {
		t.Helper()
		if err := w.People.DeleteSandboxes(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	left := func(what string, want int) {
		t.Helper()
		if n := w.Rows("libraries"); n != want {
			t.Errorf("%s: %d libraries, want %d", what, n, want)
		}
	}
	anna := w.NewPerson(webtest.Anna) // whose library stays
	app.DeletesUser(start())
	left("after the call", 1)

	token := start()
	_ = w.NewBrowser().Get(skipURL(app)) // whose code nobody exchanges
	left("at the beginning", 3)
	sweep()
	left("while the code is valid", 3)
	w.Clock.Moves(2 * time.Hour)
	sweep()
	left("after the code", 2)
	app.Disconnect(token, app.ConnectionTo(token, 900101)) // the call "delete account" ends an account, no library
	sweep()
	left("without an account", 2)
	w.Clock.Moves(181 * 24 * time.Hour)
	sweep()
	left("after the tokens", 1)
	if p := anna.SignIn("/sign-in", webtest.Anna); !strings.HasPrefix(p.URL.Path, "/") || p.Has("error") {
		t.Errorf("Anna: %s", p.Text())
	}
}

// An application that the operator has given the right to delete libraries deletes a sandbox at once, too.
func TestSandboxIsDeletedAtOnce(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Trial", webtest.Reads(library.Scope{Mapped: true}), webtest.Sandbox, webtest.DeletesLibrary)
	app.DeletesUser(app.Exchange(w.NewBrowser().Get(skipURL(app)).Callback()))
	for _, table := range []string{"libraries", "grants", "provider_accounts", "fetches", "events", "tokens"} {
		if n := w.Rows(table); n != 0 {
			t.Errorf("%d rows of %s", n, table)
		}
	}
}
