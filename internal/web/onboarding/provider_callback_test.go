package onboarding_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/web/onboarding"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// atCallback goes to the provider and confirms. It returns the address that the provider sends the browser to.
func atCallback(t *testing.T, w *webtest.World, p *webtest.Page) (address string) {
	t.Helper()
	p = p.Click(webtest.SourceID(webtest.Lucas)).Click("provider-go").Follow().Click("sim-approve")
	address = p.Header.Get("Location")
	if !strings.HasPrefix(address, w.URL+lucasReturnPath()) {
		t.Fatalf("the provider sends the browser to %s", address)
	}
	return address
}

func lucasReturnPath() string {
	return fmt.Sprintf("%s/%d?", onboarding.ProviderReturnPath, webtest.Lucas.ID)
}

// The callback is for the browser that has left, and no other learns about the request.
func TestCallbackIsForOneBrowser(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	code := p.URL.Query().Get("code")
	address := atCallback(t, w, p)

	t.Run("signed out", func(t *testing.T) {
		p := w.NewBrowser().Get(address)
		if p.Status != http.StatusNotFound || p.Title() != "This link does not work" ||
			strings.Contains(p.Body, code) || p.Header.Get("Location") != "" {
			t.Errorf("%d %s", p.Status, p.Text())
		}
	})
	t.Run("another person", func(t *testing.T) {
		p := w.NewPerson(webtest.Bob).Get(address)
		if p.Status != http.StatusForbidden || p.Title() != "This link belongs to another library" ||
			strings.Contains(p.Body, code) || strings.Contains(p.Body, webtest.Anna) {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		if p = p.Click("switch"); p.Title() != "Sign in to your library" {
			t.Errorf("Bob signs out: %q", p.Title())
		}
	})
	t.Run("another browser of the same person", func(t *testing.T) {
		other := w.NewBrowser()
		other.SignIn("/sign-in", webtest.Anna)
		if p := other.Get(address); p.Status != http.StatusForbidden {
			t.Errorf("%d", p.Status)
		}
	})
	t.Run("the browser that left", func(t *testing.T) {
		if p := b.Get(address); !p.Has("allow") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		if p := b.Get(address); !p.Has("allow") {
			t.Errorf("again: %d %q", p.Status, p.Title())
		}
	})
	t.Run("unknown state", func(t *testing.T) {
		if p := b.Get(lucasReturnPath() + "state=unknown&code=providers-code-1"); p.Status != http.StatusNotFound {
			t.Errorf("%d", p.Status)
		}
	})
}

// A person whose login has expired meanwhile signs in and starts at the provider again.
func TestCallbackAfterLoginExpired(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	address := atCallback(t, w, p)
	b.ExpireLogin()
	p = b.Get(address)
	if p.Title() != "Sign in to your library" || !strings.Contains(p.Text(), "You were away for a while") {
		t.Fatalf("expired: %s", p.Text())
	}
	p = p.Click("sign-in", "email", webtest.Anna, "password", webtest.Password)
	if p.Attr("provider-result", "data-state") != "pending" {
		t.Fatalf("signed in again: %s", p.Text())
	}
	// The callback is for the login before.
	if old := b.Get(address); old.Attr("provider-result", "data-state") != "pending" {
		t.Errorf("the old callback: %d %s", old.Status, old.Text())
	}
	if p = p.Click("provider-again").Follow().Click("sim-approve").Follow(); !p.Has("allow") {
		t.Errorf("once more: %s", p.Text())
	}
}

// The callback goes on with the stored request, whatever its address says.
func TestCallbackRedirectsToTheRequest(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	address, err := url.Parse(atCallback(t, w, p))
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	for _, name := range []string{"return", "Return", "to", "returnTo", "redirect_uri", "next"} {
		query.Set(name, "https://evil.example/")
	}
	address.RawQuery = query.Encode()
	p = b.Request(http.MethodGet, address.String(), nil, nil)
	to := p.Header.Get("Location")
	if p.Status != http.StatusSeeOther || !strings.HasPrefix(to, "/apps/saas/authorize?") {
		t.Errorf("%d to %s", p.Status, to)
	}
	webtest.CheckHeaders(t, p)
	if p := b.Post(lucasReturnPath()+query.Encode(), url.Values{}); p.Status < 400 {
		t.Errorf("post: %d", p.Status)
	}
}

func TestMalformedCallback(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, _ := atChoice(w, clinic)
	for _, query := range []string{
		"", "state=", "state=a&state=b", "code=x", "state=a&code=b&code=c", "state=a&error=x&error=y",
		"state=%FF%00&code=%FF",
	} {
		p := b.Get(lucasReturnPath() + query)
		if p.Status != http.StatusNotFound || !p.Has("error-reference") {
			t.Errorf("%q: %d", query, p.Status)
		}
		webtest.CheckHeaders(t, p)
	}
}

// What travels with the browser stands neither in the log nor in what the browser tells the provider.
func TestCallbackIsNotLogged(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	code := p.URL.Query().Get("code")
	address := atCallback(t, w, p)
	w.NewBrowser().Get(address)
	b.Get(address)
	b.Get(address)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{code, u.Query().Get("state"), u.Query().Get("code")} {
		if len(secret) < 10 || strings.Contains(w.Log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, w.Log)
		}
	}
	for _, r := range w.Provider.Requests() {
		if strings.Contains(r.URL.String()+r.Referer(), code) {
			t.Errorf("the provider learns of the request: %s, from %q", r.URL, r.Referer())
		}
	}
}

// While the person is at the provider, their library may begin to wait for its deletion.
func TestCallbackOfPendingDeletion(t *testing.T) {
	t.Parallel()
	w, clinic := newProviders(t)
	b, p := atChoice(w, clinic)
	address := atCallback(t, w, p)
	b.Get("/delete").Click("delete-confirm", "password", webtest.Password, "delete-understood", "yes")
	if p = b.Get(address); p.Status >= http.StatusInternalServerError {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	w.Clock.Moves(time.Second)
	b.Get("/shut").Click("delete-undo")
	if p = b.Get("/accounts"); !strings.Contains(p.TextOf("accounts"), "Nothing is connected yet.") {
		t.Errorf("after undoing it: %s", p.Text())
	}
}
