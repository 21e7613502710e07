package pages_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// TestProviderTour walks through every page of connecting a provider and sending to it,
// in both languages, and judges each.
func TestProviderTour(t *testing.T) {
	browser := openChromium(t)
	for _, language := range []string{"en", "nl"} {
		t.Run(language, func(t *testing.T) {
			w := newWorld(t)
			w.listing.set(nil, many(40)...)
			tr := &tour{t, w, w.open(t, browser, language), language, application(t)}
			clinic := tr.register("Demo Clinic", write)
			token := tr.connects(clinic)
			tr.failsToConnect(clinic)
			tr.onboards(clinic, token)
			tr.sends(clinic, token)
		})
	}
}

var measurements = "&sourcesScope=" + url.QueryEscape(url.QueryEscape(`{"dataType":["measurements-vital-signs"]}`))

func (tr *tour) connects(clinic library.Client) (token string) {
	b, w := tr.b, tr.w
	b.visit(authorize(w.link(clinic, tr.callback, "")) + measurements)
	b.fill("email", email)
	b.fill("password", password)
	b.click("create-library")
	b.click("recovery-saved")
	tr.look("choose")
	b.fill("service-search", "nieuwegein")
	b.click("service-search-go")
	tr.look("choose found")
	b.visit(strings.Replace(b.at(), "nieuwegein", "nobody", 1))
	tr.look("choose none")
	b.visit(strings.Replace(b.at(), "nobody", "", 1))
	b.click("next")
	b.click("previous")
	b.click(testIDOf(linde))
	tr.look("provider go")
	b.click("provider-go")
	if !strings.HasPrefix(b.at(), w.provider.url) {
		tr.t.Fatalf("at %s, want the provider", b.at())
	}
	b.click("sim-approve")
	tr.look("consent push")
	b.click("allow")
	return w.exchange(clinic, tr.back())
}

func (tr *tour) failsToConnect(clinic library.Client) {
	b, w := tr.b, tr.w
	link := authorize(w.link(clinic, tr.callback, ""))
	b.visit(link)
	tr.look("choose before")
	b.visit(link + "&q=lucas")
	b.click(testIDOf(lucas))
	b.click("provider-go")
	b.visit(link + "&service=" + strconv.Itoa(lucas.ID))
	tr.look("provider pending")
	b.click("provider-again")
	b.click("sim-deny")
	tr.look("provider refused")
	w.provider.change(func() {
		w.provider.access = func() (delivery.ProviderTokens, error) { return delivery.ProviderTokens{}, http.ErrHandlerTimeout }
	})
	b.click("provider-again")
	b.click("sim-approve")
	tr.look("provider failed")
	b.click("provider-other")
	b.visit(link + "&service=12")
	tr.look("choose gone")
	tr.w.listing.set(nil, many(250)...)
	b.visit(link + "&q=x")
	tr.look("choose short")
	tr.w.listing.set(http.ErrServerClosed)
	b.visit(link)
	tr.look("choose no list")
	tr.w.listing.set(nil, many(40)...)
	b.click("cancel")
	if q := tr.back().Query(); q.Get("errorCode") != "USER_CANCEL" {
		tr.t.Errorf("stopped: %v", q)
	}
	b.visit("/providers/return/1?state=unknown&code=x")
	tr.look("error return")
}

func (tr *tour) onboards(clinic library.Client, token string) {
	b, w := tr.b, tr.w
	w.provider.change(func() {
		w.provider.access = func() (delivery.ProviderTokens, error) {
			return delivery.ProviderTokens{ExpiresAt: w.clock().Add(time.Hour)}, nil
		}
	})
	b.visit("/apps/saas/onboard?sourceType=push&service=" + strconv.Itoa(lucas.ID) + "&code=" + w.refer(clinic, tr.callback, token, false))
	b.click("provider-go")
	b.click("sim-approve")
	b.until(`document.title`, "Back at the application")
	if q := tr.back().Query(); q.Get("success") != "true" {
		tr.t.Errorf("onboarded: %v", q)
	}
	for _, a := range w.connected(clinic, token) {
		if a.SourceID == linde.ID {
			b.visit("/apps/saas/reauthorize?accountRef=" + w.reference(clinic, token, a.ID) + "&code=" + w.refer(clinic, tr.callback, token, false))
		}
	}
	tr.look("provider again")
	b.click("cancel")
}

func (tr *tour) sends(clinic library.Client, token string) {
	b, w := tr.b, tr.w
	b.visit("/grants")
	tr.look("grants push")
	for i, o := range []delivery.Outcome{
		{Kind: delivery.OutcomeDelivered, Status: 201},
		{Kind: delivery.OutcomeRefused, Status: 422},
		{Kind: delivery.OutcomeUnknown},
		{Kind: delivery.OutcomeNotFiled, Status: 503},
	} {
		w.provider.change(func() { w.provider.outcome = o })
		for _, a := range w.connected(clinic, token) {
			w.send(clinic, token, a.ID, [][]string{{"Observation"}, {"Observation", "Observation"}, {"DocumentReference", "Binary"}, {"QuestionnaireResponse"}}[i]...)
		}
		w.pass(2 * time.Minute)
	}
	w.pass(8 * time.Minute)
	b.visit("/accounts")
	tr.look("accounts")
	bySource := map[int]wire.AccountID{}
	for _, a := range w.connected(clinic, token) {
		bySource[a.SourceID] = a.ID
	}
	b.click("disconnect-" + string(bySource[linde.ID]))
	tr.look("disconnect")
	b.click("disconnect-confirm")
	for range 20 {
		w.send(clinic, token, bySource[lucas.ID], "Observation")
		w.pass(time.Second)
	}
	b.visit("/accounts")
	b.click("next")
	tr.look("accounts older")
	b.click("nav-activity")
	tr.look("activity sent")
	b.visit("/delete")
	tr.look("delete sending")
}

// TestProviderByKeyboard goes the whole way with the keyboard alone, first with the
// script and then without.
func TestProviderByKeyboard(t *testing.T) {
	browser := openChromium(t)
	for _, script := range []bool{true, false} {
		t.Run("script "+strconv.FormatBool(script), func(t *testing.T) {
			w := newWorld(t)
			w.listing.set(nil, many(250)...)
			tr := &tour{t, w, w.open(t, browser, "en"), "en", application(t)}
			b, clinic := tr.b, tr.register("Demo Clinic", write)
			if !script {
				b.withoutScript()
			}
			b.visit(authorize(w.link(clinic, tr.callback, "")))
			b.tabTo("email")
			b.keys(email)
			b.tabTo("password")
			b.press(password + "\r")
			b.tabTo("recovery-saved")
			b.press("\r")
			b.tabTo("service-search")
			if script {
				b.keys("linde")
				b.until(`document.querySelector("[data-testid=service-count]").textContent`, "1 found for “linde”")
				if got := b.eval(`document.activeElement.dataset.testid + " " + document.activeElement.value`); got != "service-search linde" {
					t.Errorf("focus is on %s", got)
				}
			} else {
				b.press("linde\r")
			}
			b.tabTo(testIDOf(linde))
			b.press("\r")
			b.tabTo("provider-go")
			b.press("\r")
			b.tabTo("sim-approve")
			b.press("\r")
			b.tabTo("allow")
			b.press("\r")
			if q := tr.back().Query(); q.Get("success") != "true" || q.Get("accountReference") == "" {
				t.Errorf("callback %v", q)
			}
			for _, r := range w.provider.seen() {
				if r.Referer() != "" && !strings.HasPrefix(r.Referer(), w.provider.url) {
					t.Errorf("the provider learns where the person was: %s", r.Referer())
				}
			}
		})
	}
}

// tabTo goes with the tab key to what has the data-testid.
func (b *tab) tabTo(id string) {
	b.t.Helper()
	for range 80 {
		b.keys("\t")
		if b.eval(`document.activeElement?.dataset.testid ?? ""`) == id {
			return
		}
	}
	b.t.Fatalf("the tab key never comes to %s at %q", id, b.title())
}

// keys types, press types and waits for the next page.
func (b *tab) keys(keys string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.KeyEvent(keys)))
}

func (b *tab) press(keys string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(cdp.LoadEventFired, nil, chromedp.KeyEvent(keys))); err != nil {
		b.t.Fatalf("press at %q: %v", b.title(), err)
	}
}

// until waits for an expression to come to a text.
func (b *tab) until(expression, want string) {
	b.t.Helper()
	var got string
	for range 200 {
		if got = b.eval(expression); got == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("%s is %q, not %q", expression, got, want)
}

// reference is the handle by which the client names an account in a link.
func (w *world) reference(c library.Client, accessToken string, account wire.AccountID) string {
	w.t.Helper()
	call := &library.SignedRequest{Client: c, Claims: wire.RequestClaims{AccessToken: accessToken}}
	ref, err := w.consents.AddReference(w.t.Context(), call, wire.ReferenceRequest{Type: "accountId", Value: string(account)})
	if err != nil {
		w.t.Fatal(err)
	}
	return ref
}
