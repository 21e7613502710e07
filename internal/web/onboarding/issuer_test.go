package onboarding_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// Each way back to the application says which server it comes from (RFC 9207), a refusal too.
func TestCallbackNamesIssuer(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b := w.NewBrowser()
	p := b.CreateLibrary(clinic.AuthorizeURL(webtest.WebCallback), webtest.Anna)
	for _, answer := range []string{"allow", "deny"} {
		callback := p.Click(answer).Callback()
		if got := callback.Query()["iss"]; len(got) != 1 || got[0] != w.URL {
			t.Errorf("%s: issuer %q, want %s", answer, got, w.URL)
		}
		p = b.Get(clinic.AuthorizeURL(webtest.WebCallback))
	}
}
