package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// withFiles is a visitor into whose library the clinic pushes.
func withFiles(t *testing.T, w *world, clinic library.Client) (v *visitor, token string) {
	t.Helper()
	v = w.visitor()
	return v, w.exchange(clinic, create(t, v, authorize(w.link(clinic, webCallback, ""))).click("allow").callback())
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v, token := withFiles(t, w, clinic)
	if got := v.get("/files").text("files"); !strings.Contains(got, "There is nothing here yet.") {
		t.Errorf("empty library: %q", got)
	}
	for range 21 {
		w.push(clinic, token, wire.Descriptor{MIMEType: "text/plain", Reference: []string{"note"}}, "note")
		w.pass(time.Second)
	}
	file := w.push(clinic, token, wire.Descriptor{MIMEType: "application/pdf", Reference: []string{"Uitslag <bloed>/../naïef \"x\""}, Tags: []string{"lab"}}, "%PDF the content")
	id := string(file.ID)

	p := v.get("/files")
	if !strings.Contains(textOf(p.root), "1 to 20 of 22") || p.find("previous") != nil {
		t.Errorf("first page: %s", textOf(p.root))
	}
	if got := p.text("file-" + id); got != "Uitslag <bloed>/../naïef \"x\"" {
		t.Errorf("name %q", got)
	}
	if p = p.click("next"); !strings.Contains(textOf(p.root), "21 to 22 of 22") || p.find("next") != nil {
		t.Errorf("second page: %s", textOf(p.root))
	}
	if p = p.click("previous"); p.find("next") == nil {
		t.Error("no way back to the first page")
	}
	if p = v.get("/files?q=BLOED&from=" + string(clinic.Application.ID)); p.find("file-"+id) == nil || p.find("next") != nil {
		t.Errorf("found: %s", textOf(p.root))
	}
	if got := v.get("/files?from=unknown").text("files"); got != "No file fits your search. Show all files" {
		t.Errorf("nothing found: %q", got)
	}
	for _, query := range []string{"page=-1", "page=x", "page=99999999999999999999", "q=%FF%00", "q=" + strings.Repeat("x", 5000)} {
		if p := v.get("/files?" + query); p.status != http.StatusOK {
			t.Errorf("%s: %d", query, p.status)
		}
	}

	p = v.get("/files?q=bloed").click("file-" + id)
	for _, want := range []string{"Kind PDF", "From Demo Clinic", "Added on 24 November 2026", "Size 16 bytes", "Labels lab"} {
		if !strings.Contains(textOf(p.root), want) {
			t.Errorf("file page lacks %q: %s", want, textOf(p.root))
		}
	}
	p = p.click("download-" + id)
	if p.body != "%PDF the content" {
		t.Errorf("content %q", p.body)
	}
	for name, want := range map[string]string{
		"Content-Type":            "application/pdf",
		"Content-Disposition":     `attachment; filename*=utf-8''Uitslag%20-bloed--..-na%C3%AFef%20-x-.pdf`,
		"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Cache-Control":           "no-store",
	} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestActiveContent gives no browser a chance to run what was added.
func TestActiveContent(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v, token := withFiles(t, w, clinic)
	for _, kind := range []string{"text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript; charset=utf-8", "nonsense", "text/xml\r\nx: y"} {
		file := w.push(clinic, token, wire.Descriptor{MIMEType: kind}, "<script>alert(1)</script>")
		p := v.get("/files/" + string(file.ID) + "/download")
		if got := p.header.Get("Content-Type"); got != "application/octet-stream" || !strings.HasPrefix(p.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %s, %s", kind, got, p.header.Get("Content-Disposition"))
		}
	}
}

// TestOthersFiles are not there.
func TestOthersFiles(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	_, token := withFiles(t, w, clinic)
	file := w.push(clinic, token, wire.Descriptor{MIMEType: "text/plain"}, "anna's")
	bob := w.visitor()
	bob.get("/create").click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")
	for _, path := range []string{"", "/download"} {
		if p := bob.get("/files/" + string(file.ID) + path); p.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, p.status)
		}
	}
}

func TestGrants(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v, token := withFiles(t, w, clinic)
	w.push(clinic, token, wire.Descriptor{MIMEType: "text/plain"}, "x")
	p := v.get("/grants")
	id := strings.TrimPrefix(p.first("grant-"), "grant-")
	for _, want := range []string{"Demo Clinic Active", "It may Add files to your library", "Allowed on 24 November 2026", "Until 23 May 2027", "Stop access of Demo Clinic"} {
		if !strings.Contains(p.text("grant-"+id), want) {
			t.Errorf("grant lacks %q: %s", want, p.text("grant-"+id))
		}
	}
	if p = p.click("revoke-" + id); p.title() != "Stop the access of Demo Clinic?" {
		t.Fatalf("page %q", p.title())
	}
	if p.click("cancel").title() != "Apps with access" {
		t.Error("no way back")
	}
	p = p.click("revoke-confirm")
	if got := p.text("notice"); got != "Demo Clinic can no longer use your library." {
		t.Errorf("notice %q", got)
	}
	if got := p.text("grant-" + id); !strings.Contains(got, "You stopped it") || !strings.Contains(got, "Ended on 24 November 2026") || p.find("revoke-"+id) != nil {
		t.Errorf("stopped grant: %s", got)
	}
	if p = v.get("/grants"); p.find("notice") != nil {
		t.Error("the notice is shown twice")
	}
	if p = v.get("/grants/" + id + "/stop"); p.status != http.StatusNotFound {
		t.Errorf("stopping again: %d", p.status)
	}
}

// first is the first data-testid with a prefix.
func (p *page) first(prefix string) string {
	p.visitor.t.Helper()
	n := find(p.root, func(n *html.Node) bool { return strings.HasPrefix(attr(n, "data-testid"), prefix) })
	if n == nil {
		p.visitor.t.Fatalf("%s has no %s…: %s", p.url.Path, prefix, textOf(p.root))
	}
	return attr(n, "data-testid")
}

func TestActivity(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo <Clinic>", write)
	v := w.visitor()
	v.header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile")
	to := create(t, v, authorize(w.link(clinic, webCallback, ""))).click("allow").callback()
	file := w.push(clinic, w.exchange(clinic, to), wire.Descriptor{MIMEType: "text/plain", Reference: []string{"Blood"}}, "x")
	v.get("/files/" + string(file.ID) + "/download")
	w.pass(24 * time.Hour)
	v.get("/sign-in").click("sign-in", "email", email, "password", "a wrong password").click("sign-in", "email", email, "password", password)

	got := v.get("/activity").text("activity")
	want := []string{
		"Today, 25 November", "10:42 You signed in (phone).", "Someone tried to sign in with a wrong password. It did not work.",
		"Yesterday, 24 November", "You downloaded Blood .", "Demo <Clinic> added the file Blood .", "You allowed Demo <Clinic> : add files to your library.",
		"You created your library.",
	}
	for _, sentence := range want {
		i := strings.Index(got, sentence)
		if i < 0 {
			t.Fatalf("no %q, or out of order, in: %s", sentence, got)
		}
		got = got[i:]
	}
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	v := signedIn(t, w)
	other := w.visitor()
	other.get("/sign-in").click("sign-in", "email", email, "password", password)

	p := v.get("/settings").click("settings-password")
	for _, tt := range []struct{ current, next, want string }{
		{"a wrong password", "another plain set of words", "This is not your password now"},
		{password, password, "Choose a password that is not the old one"},
		{password, "short", "Choose a longer password"},
		{password, "password1234", "Many people use this password."},
		{password, email, "Your password may not be your email address"},
	} {
		p = p.click("change-password", "current-password", tt.current, "new-password", tt.next)
		if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.text("error"), tt.want) {
			t.Errorf("%q, %q: %d %s", tt.current, tt.next, p.status, textOf(p.root))
		}
	}
	p = p.click("change-password", "current-password", password, "new-password", "another plain set of words")
	if got := p.text("notice"); got != "Your password is changed. Other devices are signed out." {
		t.Errorf("notice %q", got)
	}
	if p := other.get("/files"); p.title() != "Sign in to your library" {
		t.Errorf("the other browser sees %q", p.title())
	}

	p = v.get("/settings").click("settings-recovery").click("new-code", "password", "another plain set of words")
	if len(p.text("recovery-code")) != 29 {
		t.Errorf("new code: %s", textOf(p.root))
	}
	if p = p.click("recovery-saved"); p.title() != "Settings" || !strings.Contains(textOf(p.root), "Made on 24 November 2026 .") {
		t.Errorf("after saving: %s", textOf(p.root))
	}

	path, fields := p.form(find(p.root, isElement("fieldset")))
	fields.Set("language", "nl")
	if p = v.post(path, fields).followed(); p.text("notice") != "Vanaf nu praten we Nederlands." {
		t.Errorf("notice %q", p.text("notice"))
	}
}

func TestDelete(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v, token := withFiles(t, w, clinic)
	w.push(clinic, token, wire.Descriptor{MIMEType: "text/plain"}, "x")
	p := v.get("/settings").click("delete-library")
	for _, want := range []string{"1 file will be gone for good.", "1 app loses its access.", "You have until 1 December 2026"} {
		if !strings.Contains(textOf(p.root), want) {
			t.Errorf("no %q: %s", want, textOf(p.root))
		}
	}
	p = p.click("delete-confirm", "password", password)
	if !strings.Contains(p.text("error"), "Tick the box") {
		t.Errorf("without the box: %s", textOf(p.root))
	}
	p = p.click("delete-confirm", "password", "a wrong password", "delete-understood", "yes")
	if !strings.Contains(p.text("error"), "This is not your password") {
		t.Errorf("wrong password: %s", textOf(p.root))
	}
	p = p.click("delete-confirm", "password", password, "delete-understood", "yes")
	if p.title() != "Your library is shut" || !strings.Contains(textOf(p.root), "deleted on 1 December 2026 .") {
		t.Fatalf("after: %s", textOf(p.root))
	}
	for _, path := range []string{"/files", "/grants", "/settings", "/"} {
		if p := v.get(path); p.title() != "Your library is shut" {
			t.Errorf("%s shows %q", path, p.title())
		}
	}
	if p := v.get(authorize(w.link(clinic, webCallback, ""))); p.find("delete-undo") == nil || p.find("allow") != nil {
		t.Errorf("a link shows %q", p.title())
	}
	p = v.get("/shut").click("delete-undo")
	if p.text("notice") != "Your library is back. Apps must ask you again." || p.title() != "Your files" {
		t.Errorf("undone: %s", textOf(p.root))
	}
}

func TestDeleteAtOnce(t *testing.T) {
	w := newWorldWith(t, library.PeopleConfig{})
	v := signedIn(t, w)
	p := v.get("/delete")
	if strings.Contains(textOf(p.root), "change your mind") {
		t.Error("a promise of time that there is not")
	}
	if p = p.click("delete-confirm", "password", password, "delete-understood", "yes"); p.title() != "Your library is deleted" {
		t.Errorf("after: %s", textOf(p.root))
	}
	if p = v.get("/files"); p.title() != "Sign in to your library" {
		t.Errorf("then: %q", p.title())
	}
}
