package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestCheckCSRF sends one form in all the ways that a page of the site does not.
func TestCheckCSRF(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	const (
		ok        = http.StatusSeeOther
		forbidden = http.StatusForbidden
		foreign   = "https://evil.example"
	)
	set := func(name, value string) func(url.Values) { return func(f url.Values) { f.Set(name, value) } }
	for name, tt := range map[string]struct {
		origin, site string
		change       func(url.Values)
		want         int
	}{
		"origin of the site":         {origin: w.URL, want: ok},
		"same-origin":                {site: "same-origin", want: ok},
		"origin and same-origin":     {origin: w.URL, site: "same-origin", want: ok},
		"neither header":             {want: forbidden},
		"foreign origin":             {origin: foreign, want: forbidden},
		"foreign origin same-origin": {origin: foreign, site: "same-origin", want: forbidden},
		"null origin":                {origin: "null", want: forbidden},
		"null origin same-origin":    {origin: "null", site: "same-origin", want: forbidden},
		"other port":                 {origin: "http://127.0.0.1:1", want: forbidden},
		"other scheme":               {origin: strings.Replace(w.URL, "http", "https", 1), want: forbidden},
		"cross-site":                 {origin: w.URL, site: "cross-site", want: forbidden},
		"same-site":                  {site: "same-site", want: forbidden},
		"none":                       {site: "none", want: forbidden},
		"no token":                   {origin: w.URL, change: func(f url.Values) { f.Del("token") }, want: forbidden},
		"wrong token":                {origin: w.URL, change: set("token", "x"), want: forbidden},
		"field twice": {
			origin: w.URL, change: func(f url.Values) { f.Add("email", "b@example.org") }, want: http.StatusBadRequest,
		},
		"not UTF-8": {origin: w.URL, change: set("email", "\xff"), want: http.StatusBadRequest},
		"too large": {
			origin: w.URL, change: set("x", strings.Repeat("x", 70_000)), want: http.StatusRequestEntityTooLarge,
		},
		"unknown field": {origin: w.URL, change: set("x", "y"), want: ok},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.NewBrowser()
			action, fields := b.Get("/create").Form("create-library")
			fields.Set("email", strings.ReplaceAll(name, " ", "")+"@example.org")
			fields.Set("password", webtest.Password)
			if tt.change != nil {
				tt.change(fields)
			}
			header := http.Header{}
			for key, value := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site} {
				if value != "" {
					header.Set(key, value)
				}
			}
			p := b.Request(http.MethodPost, action, fields, header)
			if p.Status != tt.want {
				t.Fatalf("status %d, want %d: %s", p.Status, tt.want, p.Text())
			}
			if tt.want == ok {
				return
			}
			if p.Title() != "We could not check this page" {
				t.Errorf("page %q", p.Title())
			}
			webtest.CheckHeaders(t, p)
			if p := b.Get("/files"); p.Title() != "Sign in to your library" {
				t.Error("a library was created")
			}
		})
	}
}

// A page that was shown to one person cannot be sent by another who uses the same browser.
func TestFormOfAnotherLogin(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewPerson(webtest.Anna)
	action, fields := b.Get("/settings").Form("sign-out")
	b.Get("/files").Click("sign-out")
	b.CreateLibrary("/create", webtest.Bob)
	if p := b.Post(action, fields); p.Status != http.StatusConflict || p.Title() != "Someone has signed in since" {
		t.Errorf("status %d: %s", p.Status, p.Text())
	}
	if p := b.Get("/files"); p.Title() != "Your files" {
		t.Errorf("Bob is no longer signed in: %q", p.Title())
	}
}

func TestCookiesBlocked(t *testing.T) {
	t.Parallel()
	b := webtest.New(t).NewBrowser()
	action, fields := b.Get("/create").Form("create-library")
	fields.Set("email", webtest.Anna)
	fields.Set("password", webtest.Password)
	b.BlockCookies()
	p := b.Post(action, fields)
	if p.Status != http.StatusBadRequest || p.Title() != "Your browser blocks cookies" {
		t.Errorf("%d %q", p.Status, p.Title())
	}
}
