package web_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestWithoutScript goes the whole way with JavaScript off.
func TestWithoutScript(t *testing.T) {
	w := newWorld(t)
	callback := application(t)
	tr := &tour{t: t, w: w, callback: callback}
	b := w.open(t, openChromium(t), "en")
	tr.b = b
	b.withoutScript()
	b.visit(authorize(w.link(tr.register("Demo Clinic", write), callback, "")))
	if b.shown("show-password") {
		t.Error("a button that does nothing")
	}
	b.fill("email", email)
	b.fill("password", password)
	b.click("create-library")
	b.click("recovery-saved")
	b.click("allow")
	if q := tr.back().Query(); q.Get("success") != "true" || q.Get("code") == "" {
		t.Errorf("callback %v", q)
	}
}

// TestComforts tries what the script adds.
func TestComforts(t *testing.T) {
	w := newWorld(t)
	b := w.open(t, openChromium(t), "en")
	b.visit("/create")
	b.fill("password", "short")
	b.tick("show-password")
	if got := b.eval(`document.getElementById("password").type`); got != "text" {
		t.Errorf("shown password has type %s", got)
	}
	b.click("create-library")
	if got := b.eval(`document.activeElement.className`); got != "errors" {
		t.Errorf("focus is on %q, not on the errors", got)
	}
	b.fill("email", email)
	b.click("sign-in")
	if got := b.eval(`document.getElementById("email").value + location.hash`); got != email {
		t.Errorf("address carried along: %q", got)
	}
	b.click("create-library")
	b.fill("password", password)
	b.click("create-library")
	if !b.shown("recovery-print") {
		t.Error("no button to print")
	}
	if got := b.eval(`document.activeElement.tagName`); got != "BODY" {
		t.Errorf("focus is on %s", got)
	}
}

// eval is what an expression comes to, as text.
func (b *tab) eval(expression string) string {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	b.must(err)
	return value
}

// shown reports whether what has the data-testid can be seen.
func (b *tab) shown(id string) bool {
	b.t.Helper()
	return b.eval(`String(document.querySelector("[data-testid='`+id+`']").checkVisibility())`) == "true"
}
