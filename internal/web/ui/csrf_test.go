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
	otherScheme := strings.Replace(w.URL, "http", "https", 1)
	for name, tt := range map[string]struct {
		origin, site string
		change       func(url.Values)
		want         int
	}{
		"origin of the site":         {origin: w.URL, want: http.StatusSeeOther},
		"same-origin":                {site: "same-origin", want: http.StatusSeeOther},
		"origin and same-origin":     {origin: w.URL, site: "same-origin", want: http.StatusSeeOther},
		"neither header":             {want: http.StatusForbidden},
		"foreign origin":             {origin: "https://evil.example", want: http.StatusForbidden},
		"foreign origin same-origin": {origin: "https://evil.example", site: "same-origin", want: http.StatusForbidden},
		"null origin":                {origin: "null", want: http.StatusForbidden},
		"null origin same-origin":    {origin: "null", site: "same-origin", want: http.StatusForbidden},
		"other port":                 {origin: "http://127.0.0.1:1", want: http.StatusForbidden},
		"other scheme":               {origin: otherScheme, want: http.StatusForbidden},
		"cross-site":                 {origin: w.URL, site: "cross-site", want: http.StatusForbidden},
		"same-site":                  {site: "same-site", want: http.StatusForbidden},
		"none":                       {site: "none", want: http.StatusForbidden},
		"no token":                   {origin: w.URL, change: func(f url.Values) { f.Del("token") }, want: http.StatusForbidden},
		"wrong token":                {origin: w.URL, change: func(f url.Values) { f.Set("token", "x") }, want: http.StatusForbidden},
		"field twice":                {origin: w.URL, change: func(f url.Values) { f.Add("email", "b@example.org") }, want: http.StatusBadRequest},
		"not UTF-8":                  {origin: w.URL, change: func(f url.Values) { f.Set("email", "\xff") }, want: http.StatusBadRequest},
		"too large":                  {origin: w.URL, change: func(f url.Values) { f.Set("x", strings.Repeat("x", 70_000)) }, want: http.StatusRequestEntityTooLarge},
		"unknown field":              {origin: w.URL, change: func(f url.Values) { f.Set("x", "y") }, want: http.StatusSeeOther},
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
			for name, value := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site} {
				if value != "" {
					header.Set(name, value)
				}
			}
			p := b.Request(http.MethodPost, action, fields, header)
			if p.Status != tt.want {
				t.Fatalf("status %d, want %d: %s", p.Status, tt.want, p.Text())
			}
			if tt.want == http.StatusSeeOther {
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
	if p := b.Post(action, fields); p.Status != http.StatusForbidden {
		t.Errorf("status %d", p.Status)
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
