package web_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestKeyboard creates a library, connects a provider and consents by the keyboard alone, with the script and without.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run("script "+strconv.FormatBool(script), func(t *testing.T) {
			t.Parallel()
			tr := newTour(t, "en")
			tr.w.Provider.Lists(webtest.ManySources(250)...)
			tr.DisableScripts(!script)
			tr.open(tr.register("Demo Clinic").AuthorizeURL(tr.callback))
			tr.TabTo("email")
			tr.Press(webtest.Anna)
			tr.TabTo("password")
			tr.Submit(webtest.Password + "\r")
			tr.TabTo("recovery-saved")
			tr.Submit("\r")
			tr.TabTo("service-search")
			if script {
				tr.searchWhileTyping()
			} else {
				tr.Submit("linde\r")
			}
			for _, id := range []string{webtest.SourceID(webtest.Linde), "provider-go", "sim-approve", "allow"} {
				tr.TabTo(id)
				tr.Submit("\r")
			}
			if q := tr.atCallback().Query(); q.Get("success") != "true" || q.Get("accountReference") == "" {
				t.Errorf("callback %v", q)
			}
			for _, r := range tr.w.Provider.Requests() {
				if r.Referer() != "" && !strings.HasPrefix(r.Referer(), tr.w.Provider.URL) {
					t.Errorf("the provider learns where the person was: %s", r.Referer())
				}
			}
		})
	}
}

// searchWhileTyping types into the search, whose results come without another page.
func (tr *tour) searchWhileTyping() {
	tr.t.Helper()
	tr.Press("linde")
	tr.WaitFor(`document.querySelector("[data-testid=service-count]").textContent`, "1 found for “linde”")
	focus := tr.Eval(`document.activeElement.dataset.testid + " " + document.activeElement.value`)
	if focus != "service-search linde" {
		tr.t.Errorf("focus is on %s", focus)
	}
}
