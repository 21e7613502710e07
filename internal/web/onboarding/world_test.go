package onboarding_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// newProviders returns a site with some providers, and an application that sends to them.
func newProviders(t *testing.T) (*webtest.World, *webtest.App) {
	t.Helper()
	w := webtest.New(t)
	w.Provider.Lists(webtest.Lucas, webtest.Linde, webtest.Oosterwal)
	return w, w.Register("Demo Clinic")
}

// atChoice returns the browser of a person with a new library who has to choose a provider.
func atChoice(w *webtest.World, app *webtest.App) (*webtest.Browser, *webtest.Page) {
	w.T.Helper()
	b := w.NewBrowser()
	return b, b.CreateLibrary(app.AuthorizeURL(webtest.WebCallback), webtest.Anna)
}
