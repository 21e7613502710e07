package browsertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/carrelhq/carrel/internal/testenv"
)

// tabTimeout bounds how long one tab is used.
const tabTimeout = 10 * time.Minute

var (
	browserOnce sync.Once
	browser     context.Context
	errBrowser  = errors.New("it was not started")
)

// open returns the browser that the tests of the process share. The first call starts it.
func open(t testing.TB) context.Context {
	t.Helper()
	path := testenv.Chromium(t)
	browserOnce.Do(func() {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
		allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, cancel := chromedp.NewContext(allocator)
		testenv.AtExit(t, func() {
			cancel()
			stop()
		})
		browser, errBrowser = ctx, chromedp.Do(ctx) // without a deadline, which would end the browser
	})
	if errBrowser != nil {
		t.Fatalf("start Chromium: %v", errBrowser)
	}
	return browser
}

// Tab is a tab of the browser.
type Tab struct {
	t   testing.TB
	ctx context.Context
}

// Open opens a tab with cookies of its own, as wide as a phone. It is closed when the test ends.
func Open(t testing.TB) *Tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(open(t), chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	b := &Tab{t, ctx}
	b.must(chromedp.Do(ctx))
	limited, cancel := context.WithTimeout(ctx, tabTimeout)
	t.Cleanup(cancel)
	b.ctx = limited
	b.SetWidth(360)
	return b
}

func (b *Tab) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}
