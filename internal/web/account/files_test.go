package account_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestNoFiles(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b, _ := w.Allows(webtest.Anna, w.Register("Demo Clinic"))
	if got := b.Get("/files").TextOf("files"); !strings.Contains(got, "There is nothing here yet.") {
		t.Errorf("empty library: %q", got)
	}
}

// fileName is the name of the file of newFiles, with characters that mean something to HTML, to a path or to a header.
const fileName = `Uitslag <bloed>/../naïef "x"`

// newFiles returns the browser of a person with a file of that name and 21 older ones, all added by an application.
func newFiles(t *testing.T) (b *webtest.Browser, clinic *webtest.App, id string) {
	t.Helper()
	w := webtest.New(t)
	clinic = w.Register("Demo Clinic")
	b, token := w.Allows(webtest.Anna, clinic)
	for range 21 {
		clinic.Push(token, wire.Descriptor{MIMEType: "text/plain", Reference: []string{"note"}}, "note")
		w.Clock.Moves(time.Second)
	}
	file := clinic.Push(token, wire.Descriptor{
		MIMEType: "application/pdf", Reference: []string{fileName}, Tags: []string{"lab"},
	}, "%PDF the content")
	return b, clinic, string(file.ID)
}

// TestFiles visits the list of files.
func TestFiles(t *testing.T) {
	t.Parallel()
	b, clinic, id := newFiles(t)
	t.Run("pages", func(t *testing.T) {
		p := b.Get("/files")
		if !strings.Contains(p.Text(), "1 to 20 of 22") || p.Has("previous") {
			t.Errorf("first page: %s", p.Text())
		}
		if got := p.TextOf("file-" + id); got != fileName {
			t.Errorf("name %q", got)
		}
		if p = p.Click("next"); !strings.Contains(p.Text(), "21 to 22 of 22") || p.Has("next") {
			t.Errorf("second page: %s", p.Text())
		}
		if p = p.Click("previous"); !p.Has("next") {
			t.Error("no link back to the first page")
		}
	})
	t.Run("search", func(t *testing.T) {
		p := b.Get("/files?q=BLOED&from=" + string(clinic.Application.ID))
		if !p.Has("file-"+id) || p.Has("next") {
			t.Errorf("found: %s", p.Text())
		}
		if got := b.Get("/files?from=unknown").TextOf("files"); got != "No file fits your search. Show all files" {
			t.Errorf("nothing found: %q", got)
		}
	})
	t.Run("addresses of before", func(t *testing.T) {
		for _, query := range []string{"page=1", "page=2", "page=99", "q=&from=&page=2"} {
			if p := b.Get("/files?" + query); !strings.Contains(p.Text(), "1 to 20 of 22") || !p.Has("file-"+id) {
				t.Errorf("%s: %s", query, p.Text())
			}
		}
	})
	t.Run("malformed addresses", func(t *testing.T) {
		for _, query := range malformedQueries {
			if p := b.Get("/files?" + query); p.Status != http.StatusOK {
				t.Errorf("%s: %d", query, p.Status)
			}
		}
	})
}

// malformedQueries are queries of the list that no page has linked to.
var malformedQueries = []string{
	"page=-1", "page=x", "page=99999999999999999999", "q=%FF%00", "q=" + strings.Repeat("x", 5000),
	"q=" + strings.Repeat("%C3%A9", 300), "from=%00", "from=%FF", "from=" + strings.Repeat("x", 5000),
	"before=", "before=-", "before=1", "before=x-y", "before=-1-a", "before=0-a", "before=9223372036854775807-a",
	"before=253402300799999-a", "before=1-%00", "before=1-%FF", "before=1-%27", "before=1-..", "after=0-a",
	"after=253402300799999-zz", "after=1-" + strings.Repeat("a", 129), "before=1-a&after=1-a",
	"after=0-a&number=-1", "after=0-a&number=99999999999999999999", "after=0-a&number=2147483647",
	"before=253402300799999-a&number=1&from=%00&q=%00", "before=1&before=2&q=a;b=c&%ZZ",
}

// newPush returns the browser of a person with so many files, called "note", of an application.
func newPush(t testing.TB, files int) (w *webtest.World, b *webtest.Browser, clinic *webtest.App, token string) {
	t.Helper()
	w = webtest.New(t)
	clinic = w.Register("Demo Clinic")
	b, token = w.Allows(webtest.Anna, clinic)
	clinic.AddFiles(token, files, time.Second, wire.RawMetadata{MIMEType: "text/plain", Reference: []string{"note"}})
	return w, b, clinic, token
}

// TestFilePages goes through the pages of a library in which files arrive, both ways.
func TestFilePages(t *testing.T) {
	t.Parallel()
	w, b, clinic, token := newPush(t, 45)
	p := b.Get("/files")
	for _, step := range []struct {
		click, want string
		arrive      int
	}{
		{"", "1 to 20 of 45", 0},
		{"next", "21 to 40 of 45", 3},
		{"next", "44 to 48 of 48", 2},
		{"previous", "26 to 45 of 50", 0},
		{"previous", "6 to 25 of 50", 0},
		{"previous", "1 to 20 of 50", 0}, // a whole page, though there are only five newer files
		{"next", "21 to 40 of 50", 0},
	} {
		if step.click != "" {
			p = p.Click(step.click)
		}
		if !strings.Contains(p.Text(), step.want) {
			t.Fatalf("after %s: want %s: %s", step.click, step.want, p.Text())
		}
		for range step.arrive {
			clinic.Push(token, wire.Descriptor{MIMEType: "text/plain", Reference: []string{"new"}}, "new")
			w.Clock.Moves(time.Second)
		}
	}
	if p.Has("searched") {
		t.Error("a list that was not searched says that it was")
	}
}

// TestFilesOfApplication lists the files of one application of two, page by page.
func TestFilesOfApplication(t *testing.T) {
	t.Parallel()
	w, b, _, _ := newPush(t, 30)
	monitor := w.Register("Home Monitor")
	token := monitor.Exchange(b.Get(monitor.AuthorizeURL(webtest.WebCallback)).Click("allow").Callback())
	monitor.AddFiles(token, 23, time.Second, wire.RawMetadata{MIMEType: "text/plain", Reference: []string{"measured"}})
	p := b.Get("/files")
	if !strings.Contains(p.Text(), "1 to 20 of 53") {
		t.Errorf("all: %s", p.Text())
	}
	action, fields := p.Form("file-search-go")
	fields.Set("from", string(monitor.Application.ID))
	p = b.Get(action + "?" + fields.Encode())
	if !strings.Contains(p.Text(), "1 to 20 of 23") {
		t.Errorf("first page: %s", p.Text())
	}
	p = p.Click("next")
	if text := p.TextOf("files"); !strings.Contains(p.Text(), "21 to 23 of 23") || strings.Contains(text, "note") {
		t.Errorf("second page: %s", p.Text())
	}
	file := p.Click(strings.Replace(p.FirstTestID("download-"), "download-", "file-", 1))
	if !strings.Contains(file.Text(), "From Home Monitor") {
		t.Errorf("file: %s", file.Text())
	}
}

// TestOwnFile: what a person has added is shown as theirs, in the list, on its page, in the activity and in the
// settings.
func TestOwnFile(t *testing.T) {
	t.Parallel()
	w, b, _, _ := newPush(t, 1)
	cookie := carreltest.Must(w.People.SignIn(t.Context(), webtest.Anna, webtest.Password, library.Device{}))(t)
	in := carreltest.Must(w.People.Login(t.Context(), cookie))(t)
	own := carreltest.Must(w.Files.Import(t.Context(), in, library.ImportedFile{Name: "holiday.png"},
		strings.NewReader("a picture")))(t)
	for _, test := range []struct{ path, want string }{
		{"/files", "From you"}, {"/files/" + string(own.ID), "From you"}, {"/settings", "You: 9 bytes"},
		{"/activity", "You added the file holiday.png"},
	} {
		if text := b.Get(test.path).Text(); !strings.Contains(text, test.want) {
			t.Errorf("%s: no %q in %s", test.path, test.want, text)
		}
	}
}

// TestSearchManyFiles searches more files than one page looks at.
func TestSearchManyFiles(t *testing.T) {
	t.Parallel()
	_, b, clinic, token := newPush(t, 1)
	clinic.AddFiles(token, 4500, time.Hour, wire.RawMetadata{MIMEType: "image/png"})
	b.SignIn("/sign-in", webtest.Anna) // half a year later
	p := b.Get("/files?q=note")
	if p.TextOf("files") != "Nothing found yet." || p.Has("previous") ||
		!strings.HasPrefix(p.TextOf("searched"), "We have searched your files from ") {
		t.Errorf("first part: %s", p.Text())
	}
	if got := p.TextOf("next"); got != "Search older files" {
		t.Errorf("link %q", got)
	}
	p = p.Click("next").Click("next")
	if !strings.Contains(p.TextOf("files"), "note") || p.Has("next") || p.Has("searched") {
		t.Errorf("last part: %s", p.Text())
	}
	p = p.Click("previous")
	if p.TextOf("files") != "Nothing found yet." || p.TextOf("previous") != "Search newer files" {
		t.Errorf("back: %s", p.Text())
	}
}

// FuzzFilesQuery checks that a page answers whatever stands in the query of the list.
func FuzzFilesQuery(f *testing.F) {
	for _, query := range malformedQueries {
		f.Add(query)
	}
	_, b, _, _ := newPush(f, 25)
	next, err := url.Parse(b.Get("/files").Attr("next", "href"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(next.RawQuery)
	f.Fuzz(func(t *testing.T, query string) {
		address := (&url.URL{Path: "/files", RawQuery: query}).String()
		if _, err := url.Parse(address); err != nil {
			t.Skip("no browser sends this")
		}
		browser := *b
		browser.T = t
		if p := browser.Get(address); p.Status >= http.StatusInternalServerError {
			t.Errorf("%q: %d", query, p.Status)
		}
	})
}

// TestFile visits the page of a file, and downloads it.
func TestFile(t *testing.T) {
	t.Parallel()
	b, _, id := newFiles(t)
	page := b.Get("/files?q=bloed").Click("file-" + id)
	for _, want := range []string{
		"Kind PDF", "From Demo Clinic", "Added on 24 November 2026", "Size 16 bytes", "Labels lab",
	} {
		if !strings.Contains(page.Text(), want) {
			t.Errorf("page lacks %q: %s", want, page.Text())
		}
	}
	p := page.Click("download-" + id)
	if p.Body != "%PDF the content" {
		t.Errorf("content %q", p.Body)
	}
	for name, want := range map[string]string{
		"Content-Type":            "application/pdf",
		"Content-Disposition":     `attachment; filename*=utf-8''Uitslag%20-bloed--..-na%C3%AFef%20-x-.pdf`,
		"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Cache-Control":           "no-store",
	} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// A browser runs nothing of what an application has added.
func TestDownloadActiveContent(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b, token := w.Allows(webtest.Anna, clinic)
	for _, mimeType := range []string{
		"text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript; charset=utf-8", "nonsense",
		"text/xml\r\nx: y",
	} {
		file := clinic.Push(token, wire.Descriptor{MIMEType: mimeType}, "<script>alert(1)</script>")
		header := b.Get("/files/" + string(file.ID) + "/download").Header
		if got := header.Get("Content-Type"); got != "application/octet-stream" ||
			!strings.HasPrefix(header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %s, %s", mimeType, got, header.Get("Content-Disposition"))
		}
	}
}

func TestFileOfAnotherPerson(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	_, token := w.Allows(webtest.Anna, clinic)
	file := clinic.Push(token, wire.Descriptor{MIMEType: "text/plain"}, "Anna's")
	bob := w.NewPerson(webtest.Bob)
	for _, path := range []string{"", "/download"} {
		if p := bob.Get("/files/" + string(file.ID) + path); p.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, p.Status)
		}
	}
}

// A download that is under way when its login ends breaks off, and the browser sees that it is incomplete.
func TestAttackDownloadAfterSignOut(t *testing.T) {
	t.Parallel()
	const size = 40 << 20 // more than the network holds of what nobody reads
	const newPassword = "five other plain words here"
	for name, end := range map[string]func(t *testing.T, w *webtest.World, here, there *webtest.Browser){
		"signed out": func(_ *testing.T, _ *webtest.World, here, _ *webtest.Browser) {
			here.Get("/settings").Click("sign-out")
		},
		"password changed elsewhere": func(t *testing.T, _ *webtest.World, _, there *webtest.Browser) {
			p := there.Get("/settings/password").Click("change-password",
				"current-password", webtest.Password, "new-password", newPassword)
			if p.TextOf("notice") != "Your password is changed. Other devices are signed out." {
				t.Fatalf("%s", p.Text())
			}
		},
		"library shut in the same browser": func(_ *testing.T, _ *webtest.World, here, _ *webtest.Browser) {
			here.Get("/delete").Click("delete-confirm", "password", webtest.Password, "delete-understood", "on")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := webtest.New(t)
			clinic := w.Register("Demo Clinic")
			here, token := w.Allows(webtest.Anna, clinic)
			file := clinic.Push(token, wire.Descriptor{MIMEType: "text/plain"}, strings.Repeat("x", size))
			there := w.NewBrowser()
			there.SignIn("/sign-in", webtest.Anna)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
				w.URL+"/files/"+string(file.ID)+"/download", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range here.Cookies() {
				request.AddCookie(c)
			}
			answer, err := http.DefaultTransport.RoundTrip(request)
			if err != nil || answer.StatusCode != http.StatusOK || answer.ContentLength != size {
				t.Fatalf("%+v, %v", answer, err)
			}
			defer answer.Body.Close()
			if _, err := io.CopyN(io.Discard, answer.Body, 1<<20); err != nil {
				t.Fatal(err)
			}
			end(t, w, here, there)
			carreltest.Eventually(t, "the download has broken off", func() bool {
				return len(w.Log.Lines("download broke off")) > 0
			})
			if n, err := io.Copy(io.Discard, answer.Body); err == nil || n > size/2 {
				t.Errorf("%d bytes arrived afterwards, and then %v", n, err)
			}
		})
	}
}

// A search finds a file by the name that the page shows, which leaves out what cannot be seen of the stored one.
func TestSearchShownName(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	app := w.Register("Demo Clinic")
	b, token := w.Allows(webtest.Anna, app)
	app.Push(token, wire.Descriptor{MIMEType: "text/plain", Reference: []string{"Huis\u202earts\u200b."},
		Tags: []string{"la\u00adb"}}, "text")
	for search, found := range map[string]bool{"huisarts.": true, "Huisarts": true, "lab": true, "artshuis": false} {
		p := b.Get("/files?lng=en&q=" + url.QueryEscape(search))
		if strings.Contains(p.TextOf("files"), "Huisarts.") != found {
			t.Errorf("%s: %s", search, p.TextOf("files"))
		}
	}
}
