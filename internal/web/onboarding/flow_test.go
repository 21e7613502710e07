package onboarding_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// A person can cancel on each page of a request, before and after signing in.
func TestCancel(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	for name, open := range map[string]func(*webtest.Browser, string) *webtest.Page{
		"create":  func(b *webtest.Browser, request string) *webtest.Page { return b.Get(request) },
		"sign in": func(b *webtest.Browser, request string) *webtest.Page { return b.Get(request).Click("sign-in") },
		"recover": func(b *webtest.Browser, request string) *webtest.Page {
			return b.Get(request).Click("sign-in").Click("use-recovery")
		},
		"recovery code": func(b *webtest.Browser, request string) *webtest.Page {
			return b.Get(request).Click("create-library", "email", "cancel@example.org", "password", webtest.Password)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(w.NewBrowser(), clinic.AuthorizeURL(webtest.WebCallback))
			if got, want := p.TextOf("cancel"), "Stop and go back to Demo Clinic"; got != want {
				t.Errorf("button %q, want %q", got, want)
			}
			if q := p.Click("cancel").Callback().Query(); q.Get("errorCode") != "USER_CANCEL" {
				t.Errorf("callback %v", q)
			}
		})
	}
}

// Where somebody has signed in before, a request shows the page for signing in, in the language of its address.
func TestKnownBrowserSignsIn(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b := w.NewBrowser()
	b.CreateLibrary(clinic.AuthorizeURL(webtest.WebCallback), webtest.Anna).Click("sign-out")

	p := b.Get(clinic.AuthorizeURL(webtest.WebCallback) + "&lng=nl")
	if got, want := p.Title(), "Log in bij je bibliotheek"; got != want {
		t.Fatalf("title %q, want %q", got, want)
	}
	p = p.Click("sign-in", "email", " Anna@Example.org ", "password", webtest.Password)
	if got, want := p.Title(), "Mag Demo Clinic bestanden in je bibliotheek zetten?"; got != want {
		t.Fatalf("title %q, want %q", got, want)
	}
	if !p.Has("language-en") || p.Has("language-nl") {
		t.Error("want a link to English only")
	}
	if got := p.Click("language-en").Title(); got != "May Demo Clinic add files to your library?" {
		t.Errorf("in English: %q", got)
	}
}

func TestNotMe(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b := w.NewBrowser()
	p := b.CreateLibrary(clinic.AuthorizeURL(webtest.WebCallback), webtest.Anna).Click("not-me")
	if p.Title() != "Sign in to your library" || !strings.Contains(p.Text(), "You have signed out.") {
		t.Fatalf("after not-me: %q", p.Title())
	}
	p = p.Click("create-library").
		Click("create-library", "email", webtest.Bob, "password", webtest.Password).Click("recovery-saved")
	if !strings.Contains(p.Text(), webtest.Bob) {
		t.Errorf("consent does not name the library: %s", p.Text())
	}
}

// A request for the library of one person is for nobody else.
func TestWrongPerson(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	_, token := w.Allows(webtest.Anna, clinic)
	bob := w.NewPerson(webtest.Bob)

	p := bob.Get(webtest.AuthorizeURL(clinic.AuthorizeLinked(webtest.WebCallback, token)))
	if p.Status != http.StatusForbidden || !strings.Contains(p.TextOf("error"), webtest.Bob) ||
		strings.Contains(p.Body, webtest.Anna) {
		t.Fatalf("wrong person: %d %s", p.Status, p.Text())
	}
	if back := p.Attr("return", "href"); !strings.Contains(back, "errorCode=INVALID_CODE") {
		t.Errorf("link back %s", back)
	}
	p = p.Click("switch")
	if p.Has("create-library") {
		t.Error("a request for one library offers to create another")
	}
	p = p.Click("sign-in", "email", webtest.Anna, "password", webtest.Password)
	if p.Click("allow").Callback().Query().Get("success") != "true" {
		t.Error("the right person could not allow")
	}
}

// A person whose login has expired comes back to the same page of the request.
func TestLoginExpiresInFlow(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b := w.NewPerson(webtest.Anna)
	w.Clock.Moves(25 * time.Minute)
	action, fields := b.Get(clinic.AuthorizeURL(webtest.WebCallback)).Form("allow")
	b.ExpireLogin()
	if p := b.Post(action, fields); p.Status != http.StatusConflict {
		t.Errorf("a form of the login before: %d", p.Status)
	}
	p := b.Get(action)
	if !strings.Contains(p.Text(), "You were away for a while") {
		t.Fatalf("expired: %s", p.Text())
	}
	p = p.Click("sign-in", "email", webtest.Anna, "password", webtest.Password)
	if !p.Has("allow") {
		t.Errorf("after signing in again: %q", p.Title())
	}
}

// A request whose address is malformed leads back to the application.
func TestMalformedAddress(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	address := "/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback)
	for _, query := range []string{
		"sourceType=sideways", "service=twelve", "service=-1", "service=1&service=2", "sampleDataAutoOnboard=yes",
		"triggerQuery=", "sampleDataSet=", "includeSampleDataOnlySources=1", "storageRef=../x", "accountRef=a%20b",
		"sourcesScope=nonsense", "sourcesScope=%5B%5D", "sourcesScope=%7B%22dataType%22%3A1%7D", "sourcesScope=null",
	} {
		p := w.NewBrowser().Get(address + "&" + query)
		if p.Status != http.StatusBadRequest || p.Title() != "Demo Clinic asked for something that we do not know" {
			t.Errorf("%s: %d %q", query, p.Status, p.Title())
			continue
		}
		if back := p.Attr("return", "href"); !strings.Contains(back, "errorCode=INITIALIZE_CHECK_FAIL") {
			t.Errorf("%s: link back %q", query, back)
		}
	}
	scope := url.QueryEscape(url.QueryEscape(`{"dataType":["documents"],"organizationType":"hospital"}`))
	good := address + "&sourceType=pull&service=900101&sampleDataSet=default&sampleDataAutoOnboard=false" +
		"&includeSampleDataOnlySources=true&triggerQuery=false&lng=xx&sourcesScope=" + scope +
		"&storageRef=" + clinic.StorageHandle(clinic.CreatesStorage())
	if p := w.NewBrowser().Get(good); p.Status != http.StatusOK {
		t.Errorf("well-formed address: %d %s", p.Status, p.Text())
	}
}

func TestUnknownRequest(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b := w.NewBrowser()
	for _, path := range []string{
		"/apps/saas/authorize", "/apps/saas/authorize?code=unknown",
		"/apps/saas/user-reauth?code=" + clinic.Authorize(webtest.WebCallback),
	} {
		p := b.Get(path)
		if p.Status != http.StatusNotFound || p.Title() != "This link does not work" || p.Has("return") {
			t.Errorf("%s: %d %q", path, p.Status, p.Title())
		}
	}
}

func TestExpiredRequest(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	request := w.Register("Demo Clinic").AuthorizeURL(webtest.WebCallback)
	w.Clock.Moves(31 * time.Minute)
	p := w.NewBrowser().Get(request)
	if p.Status != http.StatusGone || p.Title() != "This link is too old" {
		t.Errorf("%d %q", p.Status, p.Title())
	}
	back := p.Attr("return", "href")
	if !strings.Contains(back, "errorCode=INVALID_CODE") || !strings.Contains(back, "success=false") {
		t.Errorf("link back %q", back)
	}
}

func TestDisabledContract(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	request := clinic.AuthorizeURL(webtest.WebCallback)
	clinic.Disable()
	p := w.NewBrowser().Get(request)
	if p.Status != http.StatusGone || p.Title() != "Demo Clinic may not ask this any more" {
		t.Errorf("%d %q", p.Status, p.Title())
	}
}
