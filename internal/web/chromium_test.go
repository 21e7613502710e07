package web_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/carrelhq/carrel/internal/testenv"
)

var shots = flag.String("shots", "", "folder for pictures of every page")

// openChromium starts a browser; each of its tabs is somebody else's.
func openChromium(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(testenv.Chromium(t)), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // without a deadline: that would end the browser
		t.Fatal(err)
	}
	return ctx
}

// tab is a person at a browser.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string
}

// open opens a tab that prefers a language, with cookies of its own.
func (w *world) open(t *testing.T, browser context.Context, language string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &tab{t, ctx, w.url}
	b.must(chromedp.Do(ctx))
	timed, cancel := context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(cancel)
	b.ctx = timed
	_, err := chromedp.Call(b.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
		Headers: network.Headers{"Accept-Language": language}})
	b.must(err)
	b.width(360)
	return b
}

func (b *tab) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) width(pixels int64) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.EmulateViewport(pixels, 800)))
}

func (b *tab) scheme(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	b.must(err)
}

func (b *tab) withoutScript() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.must(err)
}

func (b *tab) visit(path string) {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.base + path
	}
	b.must(chromedp.Do(b.ctx, chromedp.Navigate(path)))
}

func testID(id string) chromedp.CSS { return chromedp.CSS("[data-testid='" + id + "']") }

// click presses what has the data-testid and waits for the next page.
func (b *tab) click(id string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.WaitEvent(cdp.LoadEventFired, nil, chromedp.Click(testID(id))))
	if err != nil {
		b.t.Fatalf("click %s at %q: %v", id, b.title(), err)
	}
}

func (b *tab) fill(id, text string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.SendKeys(testID(id), text)))
}

func (b *tab) title() string {
	b.t.Helper()
	title, err := chromedp.Run(b.ctx, chromedp.Title())
	b.must(err)
	return title
}

func (b *tab) at() string {
	b.t.Helper()
	at, err := chromedp.Run(b.ctx, chromedp.Location())
	b.must(err)
	return at
}

// axeRules are the rules that a page is judged by in each colour scheme, as axe takes
// them: all, and then again those that look at colours. The others see the same page.
var axeRules = map[string]string{
	"light": `{resultTypes: ["violations"]}`,
	"dark":  `{resultTypes: ["violations"], runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}}`,
}

// look judges the page that is shown: no rule of accessibility broken in either
// colour scheme, and nothing that sticks out of a narrow screen.
func (b *tab) look(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		b.checkAxe(name+" "+scheme, axeRules[scheme])
		b.picture(name, scheme)
	}
	for _, width := range []int64{320, 360} {
		b.width(width)
		over, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
		b.must(err)
		if over > 0 {
			b.t.Errorf("%s: %d pixels too wide at %d", name, over, width)
		}
	}
}

func (b *tab) checkAxe(name, rules string) {
	b.t.Helper()
	const judged = `.then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; "))))`
	if b.eval("typeof axe") == "undefined" {
		b.must(chromedp.Do(b.ctx, chromedp.Evaluate[chromedp.Void](testenv.Axe(b.t)+";0")))
	}
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("axe.run("+rules+")"+judged, chromedp.EvalAwaitPromise))
	b.must(err)
	var violations []string
	b.must(json.Unmarshal([]byte(text), &violations))
	for _, v := range violations {
		b.t.Errorf("%s: %s", name, v)
	}
}

func (b *tab) picture(name, scheme string) {
	b.t.Helper()
	if *shots == "" {
		return
	}
	for _, width := range []int64{1280, 360} {
		b.width(width)
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		b.must(err)
		file := filepath.Join(*shots, fmt.Sprintf("%s-%s-%d.png", strings.ReplaceAll(name, " ", "-"), scheme, width))
		b.must(os.WriteFile(file, picture, 0o600))
	}
}

// application is a page of the application's, to come back to.
func application(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "<!doctype html><title>Back at the application</title>")
	}))
	t.Cleanup(server.Close)
	return server.URL + "/callback"
}

// tick ticks a box.
func (b *tab) tick(id string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.Click(testID(id))))
}

// first is the data-testid of the first element that fits.
func (b *tab) first(selector string) string {
	b.t.Helper()
	id, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).dataset.testid", selector)))
	b.must(err)
	return id
}
