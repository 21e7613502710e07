package demo_test

import (
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/testenv"
)

var shots = flag.String("shots", "", "folder for pictures of the clinic")

func TestMain(m *testing.M) { testenv.Main(m) }

// A person at the clinic, in a real browser: they push a letter into a new library,
// let the clinic read it, send a measurement to their GP, and are told so.
func TestClinic(t *testing.T) {
	t.Parallel()
	s := carreltest.ServeWithSimulator(t)
	c := clinicAt(t, s)
	b := open(t)
	b.do(chromedp.Navigate(c.home))
	b.picture("start")
	b.click("clinic-push")
	b.do(chromedp.SendKeys(testID("email"), "anna@example.org"), chromedp.SendKeys(testID("password"), "four random words make it"))
	b.click("create-library")
	b.click("recovery-saved")
	b.click("allow")
	b.sees("clinic-notice", "The letter is in your library.")
	b.click("clinic-read")
	b.click("allow") // the browser is signed in, and is asked all the same
	b.sees("clinic-notice", "You let us read 1 of your files.")
	b.sees("clinic-files", demo.LetterName)
	b.picture("read")

	b.do(chromedp.SetValue(testID("clinic-systolic"), "131"), chromedp.SetValue(testID("clinic-diastolic"), "84"))
	b.click("clinic-send")
	b.press("[data-testid=services] button")
	b.click("provider-go")
	b.do(chromedp.SendKeys(testID("sim-user"), "Anna"))
	b.click("sim-approve")
	b.click("allow")
	b.sees("clinic-state", "It has arrived.")
	if r := s.Simulator.Received(); len(r) != 1 || !strings.Contains(r[0].Summary, "131/84") || r[0].Patient != "Anna" {
		t.Errorf("%d arrived", len(r))
	}
	b.press("details summary")
	b.picture("sent")

	// The permission at the GP ends, and is given anew on the way of the next one.
	for _, p := range s.Simulator.Providers() {
		s.Simulator.Revoke(p.Name)
	}
	b.click("clinic-send")
	b.click("provider-go")
	b.click("sim-approve")
	b.do(chromedp.WaitVisible(testID("clinic-state"))) // the library's page moves on by itself
	b.sees("clinic-state", "It has arrived.")
	if n := len(s.Simulator.Received()); n != 2 {
		t.Errorf("%d arrived", n)
	}

	b.do(chromedp.Evaluate[chromedp.Void](testenv.Axe(t)))
	broken, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" ")))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range broken {
		t.Errorf("accessibility: %s", rule)
	}
}

// A callback that nobody asked for is refused: anyone could sign a visitor in to a
// library of theirs.
func TestClinicRefusesForeignCallback(t *testing.T) {
	t.Parallel()
	s := carreltest.Serve(t)
	c := clinicAt(t, s)
	answer, err := http.Get(c.home + demo.CallbackPath + "?success=true&code=stolen&state=")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.Request.URL.Path != "/" || answer.StatusCode != http.StatusOK {
		t.Errorf("ended at %s with %d", answer.Request.URL, answer.StatusCode)
	}
}

// tab is a browser's tab.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func open(t *testing.T) *tab {
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
	timed, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return &tab{t, timed}
}

func testID(id string) chromedp.CSS { return chromedp.CSS("[data-testid='" + id + "']") }

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// click presses a control and waits for the next page.
func (b *tab) click(id string) {
	b.t.Helper()
	b.press(string(testID(id)))
}

// press does that for a control by its selector; one that leads to no page is only
// pressed.
func (b *tab) press(selector string) {
	b.t.Helper()
	press := chromedp.Click(chromedp.CSS(selector))
	if strings.HasSuffix(selector, "summary") {
		b.do(press)
		return
	}
	if _, err := chromedp.Run(b.ctx, chromedp.WaitEvent(cdp.LoadEventFired, nil, press)); err != nil {
		b.t.Fatalf("press %s: %v", selector, err)
	}
}

// sees wants a text on the page.
func (b *tab) sees(id, text string) {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector("[data-testid='`+id+`']")?.innerText ?? document.body.innerText`))
	if err != nil {
		b.t.Fatal(err)
	}
	if !strings.Contains(got, text) {
		b.t.Fatalf("%s shows %q, want %q", id, got, text)
	}
}

// picture keeps what is shown, if pictures are asked for.
func (b *tab) picture(name string) {
	b.t.Helper()
	if *shots == "" {
		return
	}
	for _, width := range []int64{360, 1280} {
		b.do(chromedp.EmulateViewport(width, 800))
		png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*shots, "clinic-"+name+"-"+map[int64]string{360: "360", 1280: "1280"}[width]+".png"), png, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}
