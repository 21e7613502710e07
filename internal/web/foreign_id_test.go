package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// idInPattern is the name of an id in a pattern.
var idInPattern = regexp.MustCompile(`\{(\w+)\}`)

// helpCode is the reference of an error.
var helpCode = regexp.MustCompile(`\b[A-Za-z0-9]{32}\b`)

// publicIDs are the same for everybody.
var publicIDs = map[string]bool{"source": true, "language": true, "asset": true}

// TestForeignIDsOfPages requests every page with every id in its address, once those of another person, and once
// unknown ones. Both are not found, the page is the same, and nothing is changed. The pages are those that are
// registered, so that a new one whose ids are not here fails. In the end the person whose they are gets each page.
func TestForeignIDsOfPages(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic, reader := w.Register("Demo Clinic"), w.Register("Reader", webtest.Reads(library.Scope{Mapped: true}))
	anna, token := w.Allows(webtest.Anna, clinic)
	file := clinic.Push(token, wire.Descriptor{MIMEType: "text/plain"}, "Anna's")
	id := clinic.CreatesStorage()
	anna.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback) + "&storageRef=" +
		clinic.StorageHandle(id)).Click("allow")
	clinic.Uploads(id, carreltest.PathOf("a"), "content")
	address := strings.Replace(reader.AuthorizeURL(webtest.WebCallback), "sourceType=push", "sourceType=pull", 1)
	anna.Get(address + "&service=900101&sampleDataSet=test").Click("allow")
	if err := w.Fetches.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	account := strings.TrimPrefix(anna.Get("/accounts").FirstTestID("disconnect-"), "disconnect-")
	own := map[string]string{"file": string(file.ID), "grant": clinic.GrantOf(token),
		"application": string(clinic.Application.ID), "account": account}

	bob, _ := w.Allows(webtest.Bob, w.Register("Another App"))
	request := func(b *webtest.Browser, method, pattern string, ids func(name string) string) *webtest.Page {
		t.Helper()
		path := idInPattern.ReplaceAllStringFunc(pattern, func(s string) string { return ids(s[1 : len(s)-1]) })
		if method == http.MethodGet {
			return b.Get(path)
		}
		page := b.Get("/settings")
		return page.Submit(path, url.Values{"token": {page.CSRFToken()}})
	}
	tried := 0
	for _, pattern := range web.Patterns(w.Config) {
		method, path, _ := strings.Cut(pattern, " ")
		for _, name := range idInPattern.FindAllStringSubmatch(path, -1) {
			if publicIDs[name[1]] {
				continue
			}
			if own[name[1]] == "" {
				t.Errorf("%s has the id %s: say in this file whose it is", pattern, name[1])
				continue
			}
			tried++
			seen := map[string]string{}
			for whose, id := range map[string]string{"another person's": own[name[1]], "unknown": "nosuch1234567890"} {
				w.Unchanged(pattern+", "+whose, func() {
					p := request(bob, method, path, func(other string) string {
						if other == name[1] {
							return id
						}
						return own[other]
					})
					// The page of accounts is shown instead of one that asks about an account.
					if p.Status != http.StatusNotFound &&
						!strings.Contains(p.Text(), "That account is not connected.") {
						t.Errorf("%s, %s: %d %s", pattern, whose, p.Status, p.Text())
					}
					seen[whose] = helpCode.ReplaceAllString(strings.ReplaceAll(p.Text(), id, "ID"), "CODE")
				})
			}
			if seen["unknown"] != seen["another person's"] {
				t.Errorf("%s: %q, unknown %q", pattern, seen["another person's"], seen["unknown"])
			}
		}
	}
	if tried < 10 {
		t.Errorf("tried %d ids", tried)
	}
	for _, pattern := range web.Patterns(w.Config) {
		method, path, _ := strings.Cut(pattern, " ")
		names := idInPattern.FindStringSubmatch(path)
		if method != http.MethodGet || names == nil || publicIDs[names[1]] {
			continue
		}
		if p := request(anna, method, path, func(name string) string { return own[name] }); p.Status != http.StatusOK {
			t.Errorf("%s with her own: %d %s", pattern, p.Status, p.Text())
		}
	}
}
