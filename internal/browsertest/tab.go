package browsertest

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// loadTimeout bounds how long a page may take to load.
const loadTimeout = time.Minute

// SetWidth sets the width of the window.
func (b *Tab) SetWidth(pixels int64) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.EmulateViewport(pixels, 800)))
}

// SetLanguage sets the language that the browser asks for.
func (b *Tab) SetLanguage(language string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
		Headers: network.Headers{"Accept-Language": language}})
	b.must(err)
}

// SetColorScheme sets the colour scheme that the person prefers: "light" or "dark".
func (b *Tab) SetColorScheme(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	b.must(err)
}

// DisableScripts disables JavaScript, or enables it again.
func (b *Tab) DisableScripts(disabled bool) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: disabled})
	b.must(err)
}

// Visit opens an address.
func (b *Tab) Visit(address string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.Navigate(address)))
}

// ByTestID returns the CSS selector of the elements with a data-testid.
func ByTestID(id string) string { return "[data-testid='" + id + "']" }

// Click clicks the element with the data-testid and waits for the next page.
func (b *Tab) Click(id string) {
	b.t.Helper()
	b.ClickSelector(ByTestID(id))
}

// ClickToOpen clicks the element with the data-testid and returns the tab that this opens.
func (b *Tab) ClickToOpen(id string) *Tab {
	b.t.Helper()
	opened := chromedp.WaitNewTarget(b.ctx, func(info *target.Info) bool { return info.OpenerID != "" })
	b.must(chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(ByTestID(id)))))
	select {
	case found, ok := <-opened:
		if !ok {
			b.t.Fatalf("click %s: the browser has ended", id)
		}
		ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithTargetID(found))
		b.t.Cleanup(closeTab)
		return &Tab{b.t, ctx}
	case <-time.After(loadTimeout):
		b.t.Fatalf("click %s: no tab is opened", id)
		return nil
	}
}

// ClickSelector clicks the first element that matches a selector and waits for the next page.
func (b *Tab) ClickSelector(selector string) {
	b.t.Helper()
	b.load("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// load runs an action and waits for the page that it leads to.
func (b *Tab) load(what string, action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, loadTimeout)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, action)); err != nil {
		b.t.Fatalf("%s at %q: %v", what, b.Title(), err)
	}
}

// Toggle clicks an element with the data-testid that opens no page, such as a checkbox.
func (b *Tab) Toggle(id string) {
	b.t.Helper()
	b.ToggleSelector(ByTestID(id))
}

// ToggleSelector clicks the first element that matches a selector and opens no page.
func (b *Tab) ToggleSelector(selector string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(selector))))
}

// Type types into the field with the data-testid.
func (b *Tab) Type(id, text string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.SendKeys(chromedp.CSS(ByTestID(id)), text)))
}

// SetValue replaces the value of the field with the data-testid.
func (b *Tab) SetValue(id, value string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.SetValue(chromedp.CSS(ByTestID(id)), value)))
}

// Press presses keys.
func (b *Tab) Press(keys string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.KeyEvent(keys)))
}

// Submit presses keys, of which the last submits a form, and waits for the next page.
func (b *Tab) Submit(keys string) {
	b.t.Helper()
	b.load("press keys", chromedp.KeyEvent(keys))
}

// TabTo presses the tab key until the element with the data-testid has the focus.
func (b *Tab) TabTo(id string) {
	b.t.Helper()
	for range 80 {
		b.Press("\t")
		if b.Eval(`document.activeElement?.dataset.testid ?? ""`) == id {
			return
		}
	}
	b.t.Fatalf("the tab key does not reach %s at %q", id, b.Title())
}

// Title returns the title of the page.
func (b *Tab) Title() string {
	b.t.Helper()
	title, err := chromedp.Run(b.ctx, chromedp.Title())
	b.must(err)
	return title
}

// Location returns the address of the page.
func (b *Tab) Location() string {
	b.t.Helper()
	location, err := chromedp.Run(b.ctx, chromedp.Location())
	b.must(err)
	return location
}

// Eval returns the value of a JavaScript expression, which must be a string or a promise of one.
func (b *Tab) Eval(expression string) string {
	b.t.Helper()
	value, err := b.eval(expression)
	b.must(err)
	return value
}

func (b *Tab) eval(expression string) (string, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
}

// Text returns the visible text of the element with the data-testid.
func (b *Tab) Text(id string) string {
	b.t.Helper()
	const expression = `document.querySelector(%q)?.innerText ?? "not there: " + document.body.innerText`
	return b.Eval(fmt.Sprintf(expression, ByTestID(id)))
}

// FirstTestID returns the data-testid of the first element that matches a selector.
func (b *Tab) FirstTestID(selector string) string {
	b.t.Helper()
	return b.Eval(fmt.Sprintf("document.querySelector(%q).dataset.testid", selector))
}

// IsVisible reports whether the element with the data-testid is visible.
func (b *Tab) IsVisible(id string) bool {
	b.t.Helper()
	return b.Eval(fmt.Sprintf("String(document.querySelector(%q).checkVisibility())", ByTestID(id))) == "true"
}

// WaitVisible waits until the element with the data-testid is visible.
func (b *Tab) WaitVisible(id string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.WaitVisible(chromedp.CSS(ByTestID(id)))))
}

// WaitFor waits until a JavaScript expression has the value want.
func (b *Tab) WaitFor(expression, want string) {
	b.t.Helper()
	var got string
	var err error
	for range 200 {
		// An error may be that the page has just been replaced by one of another origin.
		if got, err = b.eval(expression); err == nil && got == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("%s is %q, not %q (%v)", expression, got, want, err)
}
