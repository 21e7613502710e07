package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// pressTwice sends a form as a browser does whose button is pressed twice on a slow network: twice at once, with the
// same cookies, and then once more. It returns the three answers, of which none may be an error.
func pressTwice(
	t *testing.T, w *webtest.World, p *webtest.Page, testID string, fill ...string,
) (answers []*webtest.Page) {
	t.Helper()
	action, fields := p.Form(testID)
	for i := 0; i+1 < len(fill); i += 2 {
		fields.Set(fill[i], fill[i+1])
	}
	// Each press has the cookies of when the page was shown.
	copies := []*webtest.Browser{w.Copy(p.Browser), w.Copy(p.Browser), w.Copy(p.Browser)}
	answers = make([]*webtest.Page, 2)
	var wait sync.WaitGroup
	for i := range answers {
		wait.Go(func() { answers[i] = copies[i].Post(action, fields) })
	}
	wait.Wait()
	answers = append(answers, copies[2].Post(action, fields))
	for i, a := range answers {
		if a.Status >= http.StatusBadRequest {
			t.Errorf("%s, press %d: %d %s", testID, i+1, a.Status, a.Text())
		}
	}
	return answers
}

// same checks that all answers lead to the same place, and returns it.
func same(t *testing.T, answers []*webtest.Page) string {
	t.Helper()
	first := answers[0].Header.Get("Location")
	for i, a := range answers {
		if to := a.Header.Get("Location"); to != first || to == "" {
			t.Errorf("press %d leads to %q, the first to %q", i+1, to, first)
		}
	}
	return first
}

// TestAttackAllowTwice: who presses "Allow" twice is sent to the application with one code, which works. Going back, or
// answering otherwise, tells what was answered, and tells the application nothing else.
func TestAttackAllowTwice(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b := w.NewBrowser()
	request := clinic.AuthorizeURL(webtest.WebCallback)
	p := b.CreateLibrary(request, webtest.Anna)
	to := same(t, pressTwice(t, w, p, "allow"))
	callback, err := url.Parse(to)
	if err != nil || callback.Query().Get("success") != "true" || callback.Query().Get("accountReference") == "" {
		t.Fatalf("callback %s", to)
	}
	denied := p.Click("deny")
	if denied.Status != http.StatusOK || denied.Title() != "Done: Demo Clinic is allowed" ||
		denied.Attr("return", "href") != to {
		t.Errorf("no after yes: %d %s, %q", denied.Status, denied.Text(), denied.Attr("return", "href"))
	}
	if reloaded := b.Get(request); reloaded.Status != http.StatusOK || reloaded.Attr("return", "href") != to {
		t.Errorf("reloaded: %d %s", reloaded.Status, reloaded.Text())
	}
	// Another browser is told nothing that the application would take for a no, and gets no code.
	other := w.NewBrowser().Get(request)
	if other.Status != http.StatusGone || other.Has("return") ||
		strings.Contains(other.Body, callback.Query().Get("code")) {
		t.Errorf("another browser: %d %s", other.Status, other.Text())
	}
	token := clinic.Exchange(callback)
	if !clinic.Works(token) {
		t.Error("the code does not work")
	}
	if got := b.Get("/activity").TextOf("activity"); strings.Count(got, "You allowed Demo Clinic") != 1 {
		t.Errorf("activity: %s", got)
	}
	// The application has the code. A person who goes back is not sent there once more.
	if again := p.Click("allow"); again.Status != http.StatusOK || again.Attr("return", "href") != to {
		t.Errorf("after the exchange: %d %s", again.Status, again.Text())
	}
	// When the consent has ended, the application is not told that it has it.
	b.Get("/grants").Click("revoke-" + clinic.GrantOf(token)).Click("revoke-confirm")
	if again := p.Click("allow"); !strings.Contains(again.Attr("return", "href"), "success=false") {
		t.Errorf("after the stop: %d %s %q", again.Status, again.Text(), again.Attr("return", "href"))
	}
}

// The other answers to requests, pressed twice.
func TestAnswerTwice(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	w.Provider.Lists(webtest.Lucas)
	clinic := w.Register("Demo Clinic")
	b := w.NewBrowser()

	p := b.CreateLibrary(clinic.AuthorizeURL(webtest.WebCallback), webtest.Anna)
	if to := same(t, pressTwice(t, w, p, "cancel")); !strings.Contains(to, "errorCode=USER_CANCEL") {
		t.Errorf("stop: %s", to)
	}
	p = b.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback))
	if to := same(t, pressTwice(t, w, p, "deny")); !strings.Contains(to, "errorCode=USER_CANCEL") {
		t.Errorf("no: %s", to)
	}
	if yes := p.Click("allow"); yes.Title() != "Done: Demo Clinic got no new permission" ||
		!strings.Contains(yes.Attr("return", "href"), "errorCode=USER_CANCEL") {
		t.Errorf("yes after no: %s", yes.Text())
	}

	// With an account at a provider, and a press at the provider that comes back twice.
	p = b.Get(clinic.AuthorizeURL(webtest.WebCallback)).Click(webtest.SourceID(webtest.Lucas))
	atProvider := p.Click("provider-go").Follow()
	back := atProvider.Click("sim-approve").Header.Get("Location")
	pages, wait := make([]*webtest.Page, 2), sync.WaitGroup{}
	for i := range pages {
		wait.Go(func() { pages[i] = b.Get(back) })
	}
	wait.Wait()
	for _, page := range append(pages, b.Get(back)) {
		if !page.Has("allow") {
			t.Fatalf("back from the provider: %d %s", page.Status, page.Text())
		}
	}
	to := same(t, pressTwice(t, w, b.Get(back), "allow"))
	callback, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	token := clinic.Exchange(callback)
	connected := clinic.Connections(token)
	if len(connected) != 1 || connected[0].Reference != callback.Query().Get("accountReference") {
		t.Errorf("connected %+v, callback %s", connected, to)
	}

	// To connect an account again, and to take it from the application.
	onboard := clinic.OnboardURL("/apps/saas/onboard?sourceType=push&service="+fmt.Sprint(webtest.Lucas.ID), token)
	first := b.Get(onboard).Click("provider-go").Follow().Click("sim-approve").Follow()
	if again := b.Get(onboard); first.Header.Get("Location") == "" ||
		again.Header.Get("Location") != first.Header.Get("Location") {
		t.Errorf("connected %q, loaded again %q", first.Header.Get("Location"), again.Header.Get("Location"))
	}
	p = b.Get(clinic.RevokeURL(webtest.WebCallback, token, connected[0].ID))
	if to := same(t, pressTwice(t, w, p, "disconnect-confirm")); !strings.Contains(to, "result=success") {
		t.Errorf("disconnect: %s", to)
	}
	p = b.Get(clinic.RevokeURL(webtest.WebCallback, token, clinic.UserAccount(token)))
	if to := same(t, pressTwice(t, w, p, "revoke-confirm")); !strings.Contains(to, "result=success") {
		t.Errorf("revoke: %s", to)
	}
}

// The forms of a person who comes by themselves, pressed twice.
func TestPressTwice(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	w.Provider.Lists(webtest.Lucas)
	clinic := w.Register("Demo Clinic")

	// A browser gets the answer to its last press. Its page is that of the first, wherever the answers come from.
	b := w.NewBrowser()
	answers := pressTwice(t, w, b.Get("/create"), "create-library", "email", webtest.Anna, "password", webtest.Password)
	p := answers[2].Browser.Get(same(t, answers))
	if code := p.TextOf("recovery-code"); len(code) != 29 {
		t.Fatalf("created twice: %s", p.Text())
	}
	if w.Rows("libraries") != 1 || w.Rows("logins") != 1 {
		t.Errorf("%d libraries, %d logins", w.Rows("libraries"), w.Rows("logins"))
	}
	same(t, pressTwice(t, w, p, "recovery-saved"))
	b = w.NewBrowser()
	same(t, pressTwice(t, w, b.Get("/sign-in"), "sign-in", "email", webtest.Anna, "password", webtest.Password))
	b = w.NewBrowser()
	b.SignIn("/sign-in", webtest.Anna)

	// What an application may do.
	p = b.Get(clinic.AuthorizeURL(webtest.WebCallback)).Connect(webtest.Lucas)
	token := clinic.Exchange(p.Click("allow").Callback())
	account := clinic.ConnectionTo(token, webtest.Lucas.ID)
	p = b.Get("/accounts").Click("disconnect-" + string(account))
	same(t, pressTwice(t, w, p, "disconnect-confirm"))
	p = b.Get("/grants").Click("revoke-" + clinic.GrantOf(token))
	if to := same(t, pressTwice(t, w, p, "revoke-confirm")); to != "/grants" {
		t.Errorf("revoked: %s", to)
	}
	token = clinic.Exchange(b.Get("/apps/saas/authorize?code=" + clinic.Authorize(webtest.WebCallback)).
		Click("allow").Callback())
	p = b.Get("/grants").Click("stop-all-" + string(clinic.Application.ID))
	if to := same(t, pressTwice(t, w, p, "stop-all-confirm")); to != "/grants" || clinic.Works(token) {
		t.Errorf("stopped: %s", to)
	}
	activity := b.Get("/activity").TextOf("activity")
	for sentence, times := range map[string]int{
		"You created your library": 1, "You signed in": 2, "You made a new recovery code": 0,
		"You stopped everything of Demo Clinic": 1, "You stopped Demo Clinic": 1,
	} {
		if got := strings.Count(activity, sentence); got != times {
			t.Errorf("%q %d times, want %d: %s", sentence, got, times, activity)
		}
	}

	// Settings.
	const password = "five other plain words here"
	same(t, pressTwice(t, w, b.Get("/settings"), "settings-language", "language", "en"))
	w.Clock.Moves(time.Minute)
	for _, p := range pressTwice(t, w, b.Get("/settings/recovery-code"), "new-code", "password", webtest.Password) {
		if to := p.Header.Get("Location"); !strings.HasPrefix(to, "/recovery-code?") {
			t.Errorf("a new code: %s", to)
		}
	}
	b.Get("/recovery-code").Click("recovery-saved")
	same(t, pressTwice(t, w, b.Get("/settings/password"), "change-password",
		"current-password", webtest.Password, "new-password", password))
	activity = b.Get("/activity").TextOf("activity")
	if strings.Count(activity, "You changed your password") != 1 ||
		strings.Count(activity, "You made a new recovery code") != 1 || strings.Contains(activity, "wrong password") {
		t.Errorf("settings in the activity: %s", activity)
	}
	if p := b.Get("/settings/password").Click("change-password",
		"current-password", password, "new-password", password); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("the same password: %d", p.Status)
	}

	// Delete, and bring back.
	same(t, pressTwice(t, w, b.Get("/delete"), "delete-confirm", "password", password, "delete-understood", "on"))
	same(t, pressTwice(t, w, b.Get("/shut"), "delete-undo"))
	got := b.Get("/activity").TextOf("activity")
	if strings.Count(got, "You asked us to delete your library") != 1 ||
		strings.Count(got, "You brought your library back") != 1 {
		t.Errorf("activity: %s", got)
	}

	p = b.Get("/files")
	if to := same(t, pressTwice(t, w, p, "sign-out")); to != "/sign-in" {
		t.Errorf("signed out: %s", to)
	}
}

// A page that the browser goes back to has a form of before: it was shown to nobody, or to who has signed out since.
func TestGoBack(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewBrowser()
	create := b.Get("/create")
	create.Click("create-library", "email", webtest.Anna, "password", webtest.Password).Click("recovery-saved")
	p := create.Click("create-library", "email", webtest.Anna, "password", webtest.Password)
	if p.Status != http.StatusOK || p.Title() != "Your files" {
		t.Errorf("created again: %d %s", p.Status, p.Text())
	}
	files := b.Get("/files")
	files.Click("sign-out")
	if p := files.Click("sign-out"); p.Status != http.StatusOK || p.Title() != "Sign in to your library" {
		t.Errorf("signed out again: %d %s", p.Status, p.Text())
	}
	signIn := b.Get("/sign-in")
	signIn.Click("sign-in", "email", webtest.Anna, "password", webtest.Password)
	p = signIn.Click("sign-in", "email", webtest.Anna, "password", webtest.Password)
	if p.Status != http.StatusOK || p.Title() != "Your files" {
		t.Errorf("signed in again: %d %s", p.Status, p.Text())
	}
}

// The form for recovering a library, pressed twice: the first press has used the code up.
func TestRecoverTwice(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewBrowser()
	p := b.Get("/create").Click("create-library", "email", webtest.Anna, "password", webtest.Password)
	code := p.TextOf("recovery-code")
	p.Click("recovery-saved")
	w.Clock.Moves(time.Hour)
	const password = "five other plain words here"
	answers := pressTwice(t, w, w.NewBrowser().Get("/recover"), "recover",
		"email", webtest.Anna, "recovery-input", code, "password", password)
	p = answers[2].Browser.Get(same(t, answers))
	if got := p.TextOf("recovery-code"); len(got) != 29 || got == code {
		t.Errorf("recovered twice: %s", p.Text())
	}
	p.Click("recovery-saved")
	activity := p.Browser.Get("/activity").TextOf("activity")
	if strings.Count(activity, "You opened your library with your recovery code") != 1 ||
		strings.Count(activity, "You signed in") != 1 {
		t.Errorf("activity: %s", activity)
	}
}

// A library that is deleted at once is deleted once, and each press says so.
func TestDeleteTwice(t *testing.T) {
	t.Parallel()
	w := webtest.New(t, func(c *server.Config) { c.DeleteWait = 0 })
	b := w.NewPerson(webtest.Anna)
	for i, p := range pressTwice(t, w, b.Get("/delete"), "delete-confirm",
		"password", webtest.Password, "delete-understood", "on") {
		if p.Title() != "Your library is deleted" {
			t.Errorf("press %d: %d %s", i+1, p.Status, p.Text())
		}
	}
}

// TestSampleTwice: who presses "Allow" or "Connect" several times for a source with sample data connects one account,
// each answer leads to the same place, and the activity has one line.
func TestSampleTwice(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic", webtest.Reads(library.Scope{Mapped: true}))
	b := w.NewPerson(webtest.Anna)
	const sample = "&sourceType=pull&sampleDataSet=test&service="
	lines := func(name string, connected int) {
		t.Helper()
		activity := b.Get("/activity").TextOf("activity")
		for sentence, times := range map[string]int{
			"You connected " + name: connected, "was removed": 0, "You allowed Demo Clinic": 1,
		} {
			if got := strings.Count(activity, sentence); got != times {
				t.Errorf("%q %d times, want %d: %s", sentence, got, times, activity)
			}
		}
	}

	p := b.Get("/apps/saas/authorize?lng=en&code=" + clinic.Authorize(webtest.WebCallback) + sample + "900101")
	callback, err := url.Parse(same(t, pressTwice(t, w, p, "allow")))
	if err != nil || callback.Query().Get("success") != "true" {
		t.Fatalf("callback %s, %v", callback, err)
	}
	token := clinic.Exchange(callback)
	connected := clinic.Connections(token)
	if len(connected) != 1 || connected[0].Reference != callback.Query().Get("accountReference") {
		t.Errorf("connected %+v, callback %s", connected, callback)
	}
	lines("Sample care provider", 1)

	for range 2 { // the second time the account is connected again
		onboard := clinic.OnboardURL("/apps/saas/onboard?lng=en"+sample+"900102", token)
		p = b.Get(onboard)
		if !p.Has("provider-go") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		for _, answer := range pressTwice(t, w, p, "provider-go") {
			if to := answer.Header.Get("Location"); !strings.HasPrefix(to, "/apps/saas/onboard?") &&
				!strings.HasPrefix(to, "https://clinic.example/") {
				t.Errorf("connect leads to %q", to)
			}
		}
		if to := b.Get(onboard).Header.Get("Location"); !strings.Contains(to, "success=true") {
			t.Errorf("afterwards to %q", to)
		}
		// A press after the request has been answered.
		action, fields := p.Form("provider-go")
		if late := p.Submit(action, fields); late.Status >= http.StatusBadRequest {
			t.Errorf("late: %d %s", late.Status, late.Text())
		}
	}
	if n := len(clinic.Connections(token)); n != 2 {
		t.Errorf("%d accounts", n)
	}
	lines("Sample social network", 2)
}
