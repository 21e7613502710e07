package web_test

import "testing"

// TestWithoutScript creates a library and consents with JavaScript off.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	tr := newTour(t, "en")
	tr.DisableScripts(true)
	tr.open(tr.register("Demo Clinic").AuthorizeURL(tr.callback))
	if tr.IsVisible("show-password") {
		t.Error("a button that does nothing is visible")
	}
	tr.createLibrary()
	tr.Click("recovery-saved")
	tr.Click("allow")
	if q := tr.atCallback().Query(); q.Get("success") != "true" || q.Get("code") == "" {
		t.Errorf("callback %v", q)
	}
}

// TestScript tries what the script adds.
func TestScript(t *testing.T) {
	t.Parallel()
	tr := newTour(t, "en")
	tr.open("/create")
	tr.Type("password", "short")
	tr.Toggle("show-password")
	if got := tr.Eval(`document.getElementById("password").type`); got != "text" {
		t.Errorf("the shown password has type %s", got)
	}
	tr.Click("create-library")
	if got := tr.Eval(`document.activeElement.className`); got != "errors" {
		t.Errorf("focus is on %q, not on the errors", got)
	}
	const anna = "anna@example.org"
	tr.Type("email", anna)
	tr.Click("sign-in")
	if got := tr.Eval(`document.getElementById("email").value + location.hash`); got != anna {
		t.Errorf("the address on the next page is %q", got)
	}
	tr.Click("create-library")
	tr.Type("password", "four plain words here")
	tr.Click("create-library")
	if !tr.IsVisible("recovery-print") {
		t.Error("no button to print")
	}
	if got := tr.Eval(`document.activeElement.tagName`); got != "BODY" {
		t.Errorf("focus is on %s", got)
	}
}
