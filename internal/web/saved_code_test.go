package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// newCode makes a recovery code on the page of the settings and returns the page that shows it.
func newCode(b *webtest.Browser) *webtest.Page {
	b.T.Helper()
	return b.Get("/settings/recovery-code").Click("new-code", "password", webtest.Password)
}

// newCodeInSecondTab does what a form does that was sent before the browser had a pending code, and is served after.
func newCodeInSecondTab(w *webtest.World, b *webtest.Browser) *webtest.Page {
	w.T.Helper()
	for _, c := range b.Cookies() {
		if c.Name != "carrel_login" {
			continue
		}
		in, err := w.People.Login(w.T.Context(), seal.SecretOf(c.Value))
		if err == nil {
			err = w.People.NewCode(w.T.Context(), in, webtest.Password)
		}
		if err != nil {
			w.T.Fatal(err)
		}
		return b.Get("/recovery-code")
	}
	w.T.Fatal("the browser is not signed in")
	return nil
}

// codesAtOnce are the ways to two pages with codes of which only the second works. No time passes in between.
var codesAtOnce = map[string]func(w *webtest.World) (void, works *webtest.Page){
	"two tabs make a code": func(w *webtest.World) (void, works *webtest.Page) {
		b := w.NewPerson(webtest.Anna)
		return newCode(b), newCodeInSecondTab(w, b)
	},
	"two devices make a code": func(w *webtest.World) (void, works *webtest.Page) {
		b, other := w.NewPerson(webtest.Anna), w.NewBrowser()
		other.SignIn("/sign-in", webtest.Anna)
		void = newCode(b)
		return void, newCodeInSecondTab(w, other)
	},
	"another device signs in": func(w *webtest.World) (void, works *webtest.Page) {
		b := w.NewBrowser()
		void = b.Get("/create").Click("create-library", "email", webtest.Anna, "password", webtest.Password)
		return void, w.NewBrowser().SignIn("/sign-in", webtest.Anna)
	},
	"another device signs in and saves its code": func(w *webtest.World) (void, works *webtest.Page) {
		b := w.NewBrowser()
		void = b.Get("/create").Click("create-library", "email", webtest.Anna, "password", webtest.Password)
		works = w.NewBrowser().SignIn("/sign-in", webtest.Anna)
		works.Click("recovery-saved")
		return void, works
	},
}

// TestSavedCodeIsTheOneShown: a person who says that they have saved a code is not believed if another code has
// replaced it. They are told so, and the page leads to a code that works.
func TestSavedCodeIsTheOneShown(t *testing.T) {
	t.Parallel()
	for name, codes := range codesAtOnce {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := webtest.New(t)
			void, works := codes(w)
			if void.TextOf("recovery-code") == works.TextOf("recovery-code") {
				t.Fatal("one code only")
			}
			p := void.Click("recovery-saved")
			if p.Status != http.StatusConflict || !p.Has("code-replaced") {
				t.Fatalf("the void code is taken for saved: %d %s", p.Status, p.Text())
			}
			if library, err := w.Store.FindLibrary(t.Context(), webtest.Anna); err != nil ||
				library.CodeSaved != (name == "another device signs in and saves its code") {
				t.Errorf("saved: %t, %v", library.CodeSaved, err)
			}
			if p.Has("code-show") {
				p = p.Click("code-show")
			} else {
				p = p.Click("code-new").Click("new-code", "password", webtest.Password)
			}
			code := p.TextOf("recovery-code")
			if p = p.Click("recovery-saved"); p.Status != http.StatusOK {
				t.Errorf("the code that works: %d %s", p.Status, p.Text())
			}
			if p = p.Browser.Get("/files"); p.Title() != "Your files" {
				t.Errorf("after saving: %s", p.Text())
			}
			recovered := w.NewBrowser().Get("/recover").Click("recover",
				"email", webtest.Anna, "recovery-input", code, "password", "five other plain words here")
			if !recovered.Has("recovery-code") {
				t.Errorf("the saved code opens nothing: %s", recovered.Text())
			}
		})
	}
}

// TestRecoverInTwoTabs: of two tabs that recover a library at once none leaves the person without a code, whichever
// login the browser keeps.
func TestRecoverInTwoTabs(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	p := w.NewBrowser().Get("/create").Click("create-library", "email", webtest.Anna, "password", webtest.Password)
	code := p.TextOf("recovery-code")
	p.Click("recovery-saved")
	w.Clock.Moves(time.Hour)
	const password = "five other plain words here"
	answers := pressTwice(t, w, w.NewBrowser().Get("/recover"), "recover",
		"email", webtest.Anna, "recovery-input", code, "password", password)
	for i, a := range answers {
		p := a.Browser.Get("/files")
		if !p.Has("recovery-code") && !p.Has("code-new") && p.Title() != "Sign in to your library" {
			t.Errorf("tab %d has no code: %s", i+1, p.Text())
		}
	}
}

// TestLargeCheckpoint: a file that is too large for one that was saved here is refused as such.
func TestLargeCheckpoint(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewPerson(webtest.Anna)
	action, fields := b.Get("/activity/check").Form("check-checkpoint")
	p := b.PostFile(action, fields, "file", strings.Repeat("x", 70<<10))
	if p.Status != http.StatusRequestEntityTooLarge || p.Title() != "We do not recognise this file" {
		t.Errorf("a large file: %d %s", p.Status, p.Text())
	}
}

// TestNoCodeSavedYet: while no code is saved, no other page comes before one that leads to a code that works.
func TestNoCodeSavedYet(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	request := clinic.AuthorizeURL(webtest.WebCallback)
	b := w.NewBrowser()
	b.Get("/create").Click("create-library", "email", webtest.Anna, "password", webtest.Password)
	other := w.NewBrowser().SignIn("/sign-in", webtest.Anna) // this browser has the code that works
	for _, address := range []string{"/files", "/settings", "/recovery-code", request} {
		if p := b.Get(address); !p.Has("code-new") {
			t.Errorf("%s: %s", address, p.Text())
		}
	}
	p := b.Get(request).Click("code-new").Click("new-code", "password", webtest.Password)
	if p = p.Click("recovery-saved"); !p.Has("allow") {
		t.Errorf("after the new code: %s", p.Text())
	}
	if p := other.Click("recovery-saved"); !p.Has("code-replaced") {
		t.Errorf("the code before: %s", p.Text())
	}
}
