package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/carrelhq/carrel/internal/browsertest"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestConsentInPopup: an application opens its request in a window of its own. Its page sees that window until its
// callback there has told it the result. The page of a library that it opens is parted from it.
func TestConsentInPopup(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	application := httptest.NewServer(mux)
	t.Cleanup(application.Close)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `<!doctype html><title>The application</title>
			<button data-testid="open" onclick='opened = window.open(%q)'>Open</button>
			<script>
				addEventListener("message", e => { document.title = e.data; opened.close() })
			</script>`, r.FormValue("url"))
	})
	mux.HandleFunc("/callback", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `<!doctype html><title>The callback</title>
			<script>opener.postMessage(location.search, location.origin)</script>`)
	})
	w := webtest.New(t)
	tab := browsertest.Open(t)
	tab.SetLanguage("en")
	opens := func(address string) *browsertest.Tab {
		t.Helper()
		tab.Visit(application.URL + "/?url=" + url.QueryEscape(w.URL+address))
		opened := tab.ClickToOpen("open")
		opened.WaitFor("document.readyState", "complete")
		return opened
	}

	request := w.Register("Demo Clinic", webtest.CallsBack(application.URL+"/callback"))
	popup := opens(request.AuthorizeURL(application.URL + "/callback"))
	popup.WaitVisible("create-library")
	tab.WaitFor("String(opened.closed)", "false")
	popup.Click("language-nl")
	popup.Type("email", webtest.Anna)
	popup.Type("password", webtest.Password)
	popup.Click("create-library")
	popup.Click("recovery-saved")
	tab.WaitFor("String(opened.closed)", "false")
	popup.Toggle("allow") // the window is closed before anything could be seen in it
	tab.WaitFor(`String(document.title.includes("success=true"))`, "true")
	tab.WaitFor("String(opened.closed)", "true")

	opens("/files").WaitFor("location.pathname", "/files")
	tab.WaitFor("String(opened.closed)", "true") // as it looks to the application
}
