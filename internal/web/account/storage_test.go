package account_test

import (
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

// TestStorage: a person sees what an application keeps in its storage, before and after they stop the application, and
// deletes it.
func TestStorage(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b, _ := w.Allows(webtest.Anna, clinic)
	application := string(clinic.Application.ID)
	if p := b.Get("/grants"); p.Has("storage-" + application) {
		t.Errorf("a storage that is not there: %s", p.Text())
	}
	id := clinic.CreatesStorage()
	p := b.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback) + "&storageRef=" +
		clinic.StorageHandle(id))
	if want := "Demo Clinic also gets a storage of its own in your library."; !strings.Contains(p.Text(), want) {
		t.Errorf("the consent lacks %q: %s", want, p.Text())
	}
	p.Click("allow")
	for path, content := range map[string]string{"a": "content", "b": strings.Repeat("x", 100_000)} {
		clinic.Uploads(id, carreltest.PathOf(path), content)
	}
	w.Clock.Moves(time.Minute)

	p = b.Get("/grants")
	want := "Storage of this app 2 files, 100 KB. The app has encrypted this. We cannot open it. " +
		"Last change Today, 10:42"
	if got := p.TextOf("storage-" + application); got != want {
		t.Errorf("storage %q, want %q", got, want)
	}
	if got := p.Text(); !strings.Contains(got, "Last used Today, 10:42") || strings.Contains(got, "Not yet") {
		t.Errorf("the storage was not used: %s", got)
	}
	if p := b.Get("/grants?lng=nl"); !strings.Contains(p.TextOf("storage-"+application),
		"Opslag van deze app 2 bestanden, 100 KB. De app heeft dit versleuteld. Wij kunnen het niet openen.") {
		t.Errorf("in Dutch: %s", p.TextOf("storage-"+application))
	}
	p = b.Get("/grants?lng=en").Click("stop-all-" + application)
	if got, want := p.TextOf("revoke-note"), "The storage of Demo Clinic stays until you delete it. "+
		"Demo Clinic cannot use it any more."; got != want {
		t.Errorf("note %q, want %q", got, want)
	}
	p = p.Click("stop-all-confirm")
	if !p.Has("storage-" + application) {
		t.Fatalf("the storage of an application that was stopped is not shown: %s", p.Text())
	}
	p = p.Click("delete-storage-" + application)
	if p.Title() != "Delete the storage of Demo Clinic?" || !strings.Contains(p.Text(), "2 files, 100 KB.") {
		t.Errorf("question: %s", p.Text())
	}
	if p.Click("cancel").Title() != "Apps" {
		t.Error("no link back")
	}
	question := p
	for range 2 { // the button is pressed twice
		p = question.Click("delete-storage-confirm")
		if got := p.TextOf("notice"); got != "The storage of Demo Clinic is deleted." || p.Has("storage-"+application) {
			t.Errorf("notice %q: %s", got, p.Text())
		}
	}
	for _, want := range []string{
		"Demo Clinic got a storage of its own in your library.", "You deleted the storage of Demo Clinic .",
	} {
		if got := b.Get("/activity").Text(); !strings.Contains(got, want) {
			t.Errorf("the activity lacks %q: %s", want, got)
		}
	}
	path := "/grants/app/" + application + "/storage"
	if p := b.Get(path); p.TextOf("notice") != "This app has no storage here." {
		t.Errorf("once more: %d %s", p.Status, p.Text())
	}
	if p := b.Get("/grants/app/none/storage"); p.Status != http.StatusNotFound {
		t.Errorf("an unknown application: %d", p.Status)
	}
}

// TestStorageOfAnotherPerson: nobody sees or deletes the storage of somebody else at the same application.
func TestStorageOfAnotherPerson(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	id := clinic.CreatesStorage()
	anna, _ := w.Allows(webtest.Anna, clinic)
	anna.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback) + "&storageRef=" +
		clinic.StorageHandle(id)).Click("allow")
	bert, token := w.Allows("bert@example.org", clinic)
	application := string(clinic.Application.ID)
	clinic.Push(token, wire.Descriptor{MIMEType: "text/plain"}, "x")
	if p := bert.Get("/grants"); p.Has("storage-" + application) {
		t.Errorf("another person's storage: %s", p.Text())
	}
	page := bert.Get("/grants/app/" + application + "/stop") // for its token
	page.Submit("/grants/app/"+application+"/storage", url.Values{"token": {page.CSRFToken()}})
	if owner, err := w.OpensStore().GetStorageOwner(t.Context(), id); err != nil || owner.Library == "" {
		t.Errorf("another person has deleted the storage: %v", err)
	}
	// Nor does the application get it into another library.
	p := bert.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback) + "&storageRef=" +
		clinic.StorageHandle(id))
	if p.Status != http.StatusForbidden || p.Title() != "The storage that Demo Clinic asked for is not here" {
		t.Errorf("%d %s", p.Status, p.Title())
	}
	if to := p.Attr("return", "href"); !strings.Contains(to, string(library.CallbackInitializeCheckFail)) {
		t.Errorf("back to %s", to)
	}
}
