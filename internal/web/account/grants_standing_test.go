package account_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// healthScope is a scope of one group of services, musicScope of another.
var (
	healthScope = library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{{ID: 2}}}
	musicScope  = library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{{ID: 5}}}
)

// allowsSample has a person with a new library allow a contract that reads from sources, with sample data.
func allowsSample(w *webtest.World, email string, app *webtest.App) (b *webtest.Browser, accessToken string) {
	w.T.Helper()
	b = w.NewBrowser()
	address := strings.Replace(app.AuthorizeURL(webtest.WebCallback), "sourceType=push", "sourceType=pull", 1)
	p := b.CreateLibrary(address+"&service=900101&sampleDataSet=test&lng=en", email)
	return b, app.Exchange(p.Click("allow").Callback())
}

// fetches makes the fetches that are due.
func fetches(w *webtest.World) {
	w.T.Helper()
	if err := w.Fetches.RunDue(w.T.Context()); err != nil {
		w.T.Fatal(err)
	}
}

// has reports the parts that a text does not have.
func has(t *testing.T, where, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q: %s", where, part, text)
		}
	}
}

// lacks reports the parts that a text has.
func lacks(t *testing.T, where, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("%s has %q: %s", where, part, text)
		}
	}
}

// TestGrantOfChangedContract: when the operator has changed what a contract allows, its grants do not count. The pages
// say so, and never that a person has allowed what they were not asked.
func TestGrantOfChangedContract(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic", webtest.Reads(healthScope))
	b, token := allowsSample(w, webtest.Anna, clinic)
	grant, account := clinic.GrantOf(token), string(clinic.ConnectionTo(token, 900101))
	stop := clinic.RevokeURL(webtest.WebCallback, token, clinic.UserAccount(token))
	fetches(w)
	collect := b.Get("/accounts")
	clinic.Edit(func(k *library.Contract) { k.Scope = musicScope })
	if clinic.Works(token) {
		t.Fatal("the token works")
	}

	card := "application-" + string(clinic.Application.ID)
	p := b.Get("/grants")
	if p.Title() != "Apps" {
		t.Errorf("title %q", p.Title())
	}
	has(t, "card", p.TextOf(card), "Demo Clinic Does not count any more", "You allowed Read files",
		"Demo Clinic asks for something else now, and gets nothing by this permission until you allow that.",
		"Collect data from Sample care provider", "Stop this permission")
	lacks(t, "card", p.TextOf(card), "Active", "music", "your health", "It may")
	lacks(t, "the list of apps with access", p.Text(), "These apps may use your library")
	has(t, "card in Dutch", b.Get("/grants?lng=nl").TextOf(card), "Telt niet meer",
		"Demo Clinic vraagt nu iets anders")
	p = b.Get("/grants?lng=en").Click("revoke-" + grant)
	has(t, "question", p.Text(), "Stop this permission of Demo Clinic?", "Read files, as you allowed it then")
	lacks(t, "question", p.Text(), "music", "From now on Demo Clinic cannot")

	p = b.Get(stop)
	has(t, "the application's question", p.Text(), "Read files, as you allowed it then")
	lacks(t, "the application's question", p.Text(), "music")

	p = b.Get("/accounts")
	has(t, "accounts", p.TextOf("account-"+account), "Not in use now", "Nothing is collected. "+
		"Demo Clinic asks for something else now, and you have not allowed that.", "Disconnect")
	lacks(t, "accounts", p.TextOf("account-"+account), "Connected", "Collect now")
	action, form := collect.Form("fetch-" + account) // of before
	if p = collect.Submit(action, form); p.TextOf("notice") !=
		"Nothing is collected from Sample care provider now. You can read here why." {
		t.Errorf("collected: %s", p.Text())
	}
	has(t, "accounts in Dutch", b.Get("/accounts?lng=nl").TextOf("account-"+account), "Nu niet in gebruik",
		"Demo Clinic vraagt nu iets anders, en dat heb je niet toegestaan.")

	// The permission comes back if the operator takes the change back, unless the person stops it.
	clinic.Edit(func(k *library.Contract) { k.Scope = healthScope })
	has(t, "card", b.Get("/grants?lng=en").TextOf(card), "Demo Clinic Active", "It may", "your health")
	p = b.Get("/accounts")
	if p = p.Click("fetch-" + account); p.TextOf("notice") != "Your library now collects from Sample care provider." {
		t.Errorf("collect: %s", p.Text())
	}
	clinic.Edit(func(k *library.Contract) { k.Scope = musicScope })
	p = b.Get("/grants").Click("revoke-" + grant).Click("revoke-confirm")
	if got := p.TextOf("notice"); got != "Demo Clinic can no longer use your library." {
		t.Errorf("notice %q", got)
	}
	if p = b.Get("/grants"); p.Has("revoke-"+grant) || !p.Has("grants-ended") {
		t.Errorf("stopped: %s", p.Text())
	}
	clinic.Edit(func(k *library.Contract) { k.Scope = healthScope })
	if clinic.Works(token) {
		t.Error("it came back")
	}
}

// TestGrantOfChangedAccess: the words are those of what was allowed, also when a contract writes that has read, and for
// another contract of the same application.
func TestGrantOfChangedAccess(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic", webtest.Reads(library.Scope{Raw: true}))
	b, token := w.Allows(webtest.Anna, clinic)
	grant := clinic.GrantOf(token)
	clinic.Edit(func(k *library.Contract) { k.Access, k.Scope = library.Write, library.Scope{} })
	row := b.Get("/grants").TextOf("grant-" + grant)
	has(t, "row", row, "You allowed Read files: all of them")
	lacks(t, "row", row, "Add files")

	other := clinic.Another()
	p := b.Get("/apps/saas/authorize?code=" + other.Authorize(webtest.WebCallback))
	lacks(t, "consent", p.Text(), "You already allow")
	otherGrant := other.GrantOf(other.Exchange(p.Click("allow").Callback()))
	card := "application-" + string(clinic.Application.ID)
	if p = b.Get("/grants"); p.Title() != "Apps with access" {
		t.Errorf("title %q", p.Title())
	}
	has(t, "card", p.TextOf(card), "Demo Clinic Active It may Add files to your library")
	p = p.Click("revoke-" + grant)
	if p.TextOf("revoke-ends") != "Read files: all of them" || p.TextOf("revoke-left") != "Add files to your library" {
		t.Errorf("question: %s", p.Text())
	}
	p = b.Get("/grants").Click("stop-all-" + string(clinic.Application.ID))
	if got := p.TextOf("revoke-ends"); got != "Add files to your library Read files: all of them" {
		t.Errorf("ends %q", got)
	}
	p = b.Get("/delete")
	has(t, "delete", p.Text(), "1 app loses its access.")
	other.Edit(func(k *library.Contract) { k.DeletesLibrary = true })
	lacks(t, "delete", b.Get("/delete").Text(), "its access")
	if p = b.Get("/grants"); p.Title() != "Apps" {
		t.Errorf("title %q", p.Title())
	}
	row = p.TextOf("grant-" + otherGrant)
	has(t, "row", row, "You allowed Add files to your library")
	lacks(t, "row", row, "Delete your whole library")
}

// TestGrantOfDisabled: the pages say that the operator has switched an application or a contract off, and nothing is
// collected for it until the operator enables it.
func TestGrantOfDisabled(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic", webtest.Reads(healthScope))
	b, token := allowsSample(w, webtest.Anna, clinic)
	grant, account := clinic.GrantOf(token), string(clinic.ConnectionTo(token, 900101))
	stale := b.Get("/grants")
	card := "application-" + string(clinic.Application.ID)
	ctx := t.Context()
	for name, change := range map[string]struct{ off, on func() error }{
		"contract": {
			func() error { return w.Clients.DisableContract(ctx, clinic.Contract.ID) },
			func() error { return w.Clients.EnableContract(ctx, clinic.Contract.ID) },
		},
		"application": {
			func() error { return w.Clients.DisableApplication(ctx, clinic.Application.ID) },
			func() error { return w.Clients.EnableApplication(ctx, clinic.Application.ID) },
		},
	} {
		do := func(change func() error) {
			t.Helper()
			if err := change(); err != nil {
				t.Fatal(err)
			}
			w.Clock.Moves(2 * time.Second) // a client is cached for a second
		}
		do(change.off)
		fetches(w) // what the consent has begun, the first time
		p := b.Get("/grants?lng=en")
		has(t, name, p.TextOf(card), "Demo Clinic Switched off", "You allowed", "everything about your health",
			"Example Hosting has switched this off. Demo Clinic gets nothing by this permission until Example Hosting "+
				"switches it on again.", "Stop this permission", "Stop everything")
		lacks(t, name, p.TextOf(card), "Active", "It may")
		has(t, name+" in Dutch", b.Get("/grants?lng=nl").TextOf(card), "Demo Clinic Uitgezet",
			"Example Hosting heeft dit uitgezet.")
		if p := b.Get("/grants/" + grant + "/stop?lng=en"); p.TextOf("revoke-ends") == "" || p.Title() !=
			"Stop this permission of Demo Clinic?" {
			t.Errorf("%s, question: %s", name, p.Text())
		}
		row := b.Get("/accounts").TextOf("account-" + account)
		has(t, name, row, "Not in use now", "Nothing is collected. Example Hosting has switched Demo Clinic off.")
		lacks(t, name, row, "Connected", "Collect")
		p = stale.Submit("/accounts/"+account+"/fetch", url.Values{"token": {stale.CSRFToken()}})
		has(t, name, p.Text(), "Nothing is collected from Sample care provider now.")
		fetches(w)
		lacks(t, name, b.Get("/activity").Text(), "collected")
		do(change.on)
		has(t, name, b.Get("/grants").TextOf(card), "Demo Clinic Active")
	}
	b.Get("/accounts").Click("fetch-" + account)
	fetches(w)
	has(t, "activity", b.Get("/activity").Text(), "were collected from Sample care provider")

	clinic.Edit(func(k *library.Contract) { k.ExpiresAt = w.Clock.Now() })
	has(t, "a contract that has expired", b.Get("/grants").TextOf(card), "Does not count any more",
		"The registration of Demo Clinic here has ended. It gets nothing by this permission.")
	has(t, "a contract that has expired", b.Get("/accounts").TextOf("account-"+account),
		"Nothing is collected. The registration of Demo Clinic here has ended.")
}
