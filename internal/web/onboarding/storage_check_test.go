package onboarding_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestStorageRefused: a storage that cannot be given is refused on the first page, before a person has created a
// library or signed in, and whatever else the request asks for.
func TestStorageRefused(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	w.Provider.Lists(webtest.Lucas)
	clinic, other := w.Register("Demo Clinic"), w.Register("Home Monitor")
	address := func(handle string) string {
		return clinic.AuthorizeURL(webtest.WebCallback) + "&lng=en&storageRef=" + handle
	}
	refused := func(what string, p *webtest.Page) {
		t.Helper()
		if p.Status != http.StatusForbidden || p.Title() != "The storage that Demo Clinic asked for is not here" ||
			!strings.Contains(p.Attr("return", "href"), string(library.CallbackInitializeCheckFail)) {
			t.Errorf("%s: %d %s", what, p.Status, p.Text())
		}
	}
	refused("unknown", w.NewBrowser().Get(address("none")))
	refused("another application's", w.NewBrowser().Get(address(other.StorageHandle(other.CreatesStorage()))))
	handle := clinic.StorageHandle(clinic.CreatesStorage())
	w.Clock.Moves(2 * time.Hour)
	refused("a handle that has expired", w.NewBrowser().Get(address(handle)))

	// One that a person has: they can sign in, and nobody else can do anything.
	id := clinic.CreatesStorage()
	anna := w.NewBrowser()
	p := anna.CreateLibrary("/apps/saas/authorize?lng=en&code="+clinic.Authorize(webtest.WebCallback)+
		"&storageRef="+clinic.StorageHandle(id), webtest.Anna)
	p.Click("allow")
	request := address(clinic.StorageHandle(id))
	fresh := w.NewBrowser()
	if p := fresh.Get(request); !p.Has("sign-in") || p.Has("create-library") ||
		strings.Contains(p.Text(), "Create your library") {
		t.Errorf("the first page: %s", p.Text())
	}
	refused("to create a library for it", fresh.Get(request+"&step=create"))
	form := fresh.Get("/create")
	action, fields := fresh.Get(request).Form("sign-in")
	fields.Set("step", "create")
	fields.Set("token", form.CSRFToken())
	fields.Set("email", webtest.Bob)
	fields.Set("password", webtest.Password)
	refused("the form that creates one", form.Submit(action, fields))
	if n := w.Rows("libraries"); n != 1 {
		t.Errorf("%d libraries", n)
	}
	refused("another person", w.NewPerson(webtest.Bob).Get(request))
	if p := w.NewBrowser().SignIn(request, webtest.Anna); !p.Has(webtest.SourceID(webtest.Lucas)) {
		t.Errorf("its person: %d %s", p.Status, p.Text())
	}
}
