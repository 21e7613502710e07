package webtest

import (
	"net/http"
	"testing"
)

// CheckForgedForms checks that the site refuses the form of a page without its token, and from another site.
func CheckForgedForms(t *testing.T, p *Page, button, otherSite string) {
	t.Helper()
	action, fields := p.Form(button)
	got := p.Browser.Request(http.MethodPost, action, fields, http.Header{"Origin": {otherSite}})
	if got.Status != http.StatusForbidden {
		t.Errorf("%s from another site: %d", button, got.Status)
	}
	fields.Del("token")
	if got := p.Browser.Post(action, fields); got.Status != http.StatusForbidden {
		t.Errorf("%s without a token: %d", button, got.Status)
	}
}
